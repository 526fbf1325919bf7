//! As little of HTTP/1.1 as a load generator needs: a connection that is kept, requests written before the clock runs,
//! answers with a length or in chunks. The generator has one processor, and what it spends is not measured elsewhere.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::Failure;

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// `path` below `/api/chatehr`.
    pub(crate) fn new(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Self {
        let mut text = format!("{method} /api/chatehr{path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n");
        if let Some(token) = token {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(&body);
        Self(text.into_bytes())
    }
}

/// Status line and headers.
#[derive(Debug)]
pub(crate) struct Head {
    /// The status.
    pub(crate) status: u16,
    text: String,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let status = text
            .strip_prefix("http/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| Failure::new("the answer is not HTTP/1.1"))?;
        Ok(Self { status, text })
    }

    /// A header by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }
}

/// An answer, its body still where it was read.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// Status line and headers.
    pub(crate) head: Head,
    /// The body, chunks put together.
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or(Value::Null)
    }
}

/// A kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was read; an answer never begins before everything of the last one is gone.
    buffer: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // A closed connection leaves nothing behind: thousands of them would use up the ports.
        stream.set_zero_linger()?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024), body: Vec::new() })
    }

    /// Sends and waits for the whole answer.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Answer<'_>, Failure> {
        let (head, at) = self.begin(request).await?;
        let end = match head.header("content-length").map(str::parse::<usize>) {
            Some(Ok(length)) => at + length,
            Some(Err(_)) => return Err(Failure::new("the answer has no readable length")),
            None if head.header("transfer-encoding") == Some("chunked") => {
                self.body.clear();
                let mut at = at;
                loop {
                    let line = self.line(at).await?;
                    let size = chunk_size(self.buffer.get(at..line).unwrap_or_default())?;
                    let end = line + 2 + size + 2;
                    self.until(end).await?;
                    self.body.extend_from_slice(self.buffer.get(line + 2..end - 2).unwrap_or_default());
                    at = end;
                    if size == 0 {
                        return Ok(Answer { head, body: &self.body });
                    }
                }
            }
            None => at,
        };
        self.until(end).await?;
        if self.buffer.len() != end {
            return Err(Failure::new("more came than was asked for"));
        }
        Ok(Answer { head, body: self.buffer.get(at..end).unwrap_or_default() })
    }

    /// Sends and waits for the head alone; where the body begins.
    async fn begin(&mut self, request: &Request) -> Result<(Head, usize), Failure> {
        self.buffer.clear();
        self.stream.write_all(&request.0).await?;
        let mut looked = 0;
        let end = loop {
            if let Some(end) = find(self.buffer.get(looked..).unwrap_or_default(), b"\r\n\r\n") {
                break looked + end + 4;
            }
            looked = self.buffer.len().saturating_sub(3);
            self.more().await?;
        };
        let head = Head::parse(self.buffer.get(..end).unwrap_or_default())?;
        Ok((head, end))
    }

    /// Sends and becomes a stream, if the answer is a 200.
    pub(crate) async fn stream(mut self, request: &Request) -> Result<Stream, Failure> {
        let (head, at) = self.begin(request).await?;
        if head.status != 200 {
            return Err(Failure::new(format!("the stream of events was answered with {}", head.status)));
        }
        let first = self.buffer.split_off(at);
        Ok(Stream { stream: self.stream, text: first })
    }

    async fn line(&mut self, from: usize) -> Result<usize, Failure> {
        loop {
            if let Some(end) = find(self.buffer.get(from..).unwrap_or_default(), b"\r\n") {
                return Ok(from + end);
            }
            self.more().await?;
        }
    }

    async fn until(&mut self, length: usize) -> Result<(), Failure> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(Failure::new("the server closed the connection"));
        }
        Ok(())
    }
}

/// A body that goes on: its text with the framing of its chunks.
pub(crate) struct Stream {
    stream: TcpStream,
    text: Vec<u8>,
}

impl Stream {
    /// Waits for the whole of the event in which `mark` stands, and gives what came up to its end.
    pub(crate) async fn event(&mut self, mark: &[u8]) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(end) = event_end(&self.text, mark) {
                let rest = self.text.split_off(end);
                return Ok(std::mem::replace(&mut self.text, rest));
            }
            if self.stream.read_buf(&mut self.text).await? == 0 {
                return Err(Failure::new("the server closed a stream of events"));
            }
        }
    }
}

/// Where the event with `mark` ends: an empty line, which no framing of chunks cuts in two.
fn event_end(text: &[u8], mark: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\n\n";
    let from = find(text, mark)? + mark.len();
    Some(from + find(text.get(from..)?, END)? + END.len())
}

fn chunk_size(line: &[u8]) -> Result<usize, Failure> {
    std::str::from_utf8(line)
        .ok()
        .and_then(|line| usize::from_str_radix(line.split(';').next()?.trim(), 16).ok())
        .ok_or_else(|| Failure::new("a chunk of the answer has no size"))
}

/// Where `needle` begins in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::{Connection, Request, event_end};

    #[test]
    fn an_event_is_whole_with_its_empty_line() {
        let text = b"1a\r\n: heartbeat\n\n\r\n2f\r\nid: 7\nevent: a\ndata: {\"id\":1}\n\n\r\n";
        assert_eq!(event_end(text, b"event: a"), Some(text.len() - 2));
        assert_eq!(event_end(&text[..text.len() - 3], b"event: a"), None);
        assert_eq!(event_end(text, b"event: b"), None);
    }

    /// Answers each request on one connection with the next of `answers`, cut in two.
    pub(crate) async fn answering(answers: &'static [&'static str]) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            for answer in answers {
                assert!(stream.read(&mut asked).await.unwrap() > 0);
                let (first, rest) = answer.split_at(answer.len() / 2);
                stream.write_all(first.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
                stream.write_all(rest.as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn answers_with_a_length_and_in_chunks_are_read_whole() {
        let address = answering(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
            "HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":2}\r\n0\r\n\r\n",
        ])
        .await;
        let mut connection = Connection::open(address).await.unwrap();
        let request = Request::new("GET", "/health", None, None);
        let answer = connection.ask(&request).await.unwrap();
        assert_eq!((answer.head.status, answer.json()), (200, json!({ "a": 1 })));
        let answer = connection.ask(&request).await.unwrap();
        assert_eq!((answer.head.status, answer.json()), (400, json!({ "a": 2 })));
    }

    #[tokio::test]
    async fn an_answer_that_ends_early_is_a_failure() {
        let address = answering(&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]).await;
        let mut connection = Connection::open(address).await.unwrap();
        assert!(connection.ask(&Request::new("GET", "/health", None, None)).await.is_err());
    }
}
