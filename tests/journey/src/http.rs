//! One question over plain HTTP, one JSON answer: all that a WebDriver and a local server need.
//!
//! Refuses: TLS, redirects, chunked bodies and any address that is not this machine's.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::{Failure, Outcome};

/// A status and a body; an empty body reads as null.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: Value,
}

impl Answer {
    /// The body of a success, or a failure that quotes the answer.
    pub(crate) fn success(self) -> Outcome<Value> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(Failure::new(format!("the answer was {} {}", self.status, self.body)))
        }
    }
}

/// Asks `127.0.0.1:port`. A new window can take a while to answer, so the limit is a minute.
pub(crate) fn ask(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Outcome<Answer> {
    let failed = |error: std::io::Error| Failure::new(format!("{method} {path} on port {port}: {error}"));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(failed)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request
        .push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    let mut piece = [0; 16 * 1024];
    while !is_whole(&answer) {
        match stream.read(&mut piece).map_err(failed)? {
            0 => break,
            length => answer.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
    }
    read(&answer).ok_or_else(|| Failure::new(format!("{method} {path} on port {port}: not an HTTP answer")))
}

/// Whether as many bytes have come as the head announces; not every server closes when asked to.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
        .is_some_and(|length| answer.len() >= end + 4 + length)
}

fn read(answer: &[u8]) -> Option<Answer> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.to_ascii_lowercase().contains("transfer-encoding") {
        return None;
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).ok()? };
    Some(Answer { status, body })
}

#[cfg(test)]
mod tests {
    use super::{is_whole, read};

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = read(b"HTTP/1.1 409 Conflict\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}").unwrap();
        assert_eq!((answer.status, answer.body["a"].as_str()), (409, Some("b")));
        assert!(read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().body.is_null());
    }

    #[test]
    fn reading_stops_at_the_announced_length() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull";
        assert!(is_whole(answer));
        assert!(!is_whole(&answer[..answer.len() - 1]));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello").is_none());
        assert!(read(b"garbage").is_none());
    }
}
