//! The port that the browser comes back to (RFC 8252, section 7.3).
//!
//! Promises: exactly one request ends the wait, the first that bears this sign-in's state; the port is free as soon as
//! the wait ends or is dropped; no caller holds more than 16 KiB or five seconds. Everybody else, whatever they know of
//! the port, hears a short answer and changes nothing. Refuses requests that a page elsewhere got to this port under
//! another name (`Host`).

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use zeroize::Zeroizing;

use crate::{
    callback::Callback,
    page::{self, Page},
    secret::Secret,
};

/// The one path. A provider compares it, so it is part of the registration.
const PATH: &str = "/callback";
/// Most bytes of a request.
const MAX_REQUEST: usize = 16 * 1024;
/// Most headers of a request; browsers send some twenty.
const MAX_HEADERS: usize = 64;
/// How long a caller may take to say it, and to hear the answer.
const CALLER_TIME: Duration = Duration::from_secs(5);
/// Callers heard at once. More wait in the system's queue.
const CALLERS: usize = 32;

pub(crate) struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

/// The browser, which still waits for its page.
pub(crate) struct Browsing(TcpStream);

impl Loopback {
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Waits for the browser. May be dropped at any time.
    pub(crate) async fn wait(self, state: &Secret) -> (Callback, Browsing) {
        let host = self.address.to_string();
        let mut callers = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if callers.len() < CALLERS => match accepted {
                    Ok((stream, _)) => callers.push(hear(stream, &host, state)),
                    // Too many open files, mostly: the next moment may be better.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                },
                heard = callers.next(), if !callers.is_empty() => if let Some(Some(found)) = heard {
                    return found;
                },
            }
        }
    }
}

impl Browsing {
    /// Shows the last page. A browser that has gone misses it.
    pub(crate) async fn show(mut self, page: Page) {
        if timeout(CALLER_TIME, say(&mut self.0, &page.answer())).await.is_err() {
            tracing::debug!("the browser did not take its last page");
        }
    }
}

/// One caller, to the end; something only for the one that was waited for.
async fn hear(mut stream: TcpStream, host: &str, state: &Secret) -> Option<(Callback, Browsing)> {
    timeout(CALLER_TIME, async {
        let verdict = match read(&mut stream).await? {
            Some(head) => judge(&head, host, state),
            None => Err("431 Request Header Fields Too Large"),
        };
        match verdict {
            Ok(callback) => Some((callback, Browsing(stream))),
            Err(status) => {
                tracing::debug!(status, "somebody else called at the sign-in's port");
                say(&mut stream, &page::short(status)).await;
                None
            }
        }
    })
    .await
    .ok()?
}

/// The request's head; nothing in it when it is too long, and nothing at all when the caller hung up.
async fn read(stream: &mut TcpStream) -> Option<Option<Zeroizing<Vec<u8>>>> {
    let mut head = Zeroizing::new(Vec::with_capacity(MAX_REQUEST));
    let mut part = Zeroizing::new([0; 2048]);
    loop {
        let length = stream.read(&mut *part).await.ok().filter(|length| *length > 0)?;
        head.extend_from_slice(part.get(..length)?);
        // A head that is over is told from one that goes on by its empty line.
        let from = head.len().saturating_sub(length + 3);
        if head.get(from..)?.windows(4).any(|four| four == b"\r\n\r\n") {
            return Some(Some(head));
        }
        if head.len() + part.len() > MAX_REQUEST {
            return Some(None);
        }
    }
}

/// What a request asks for, or the status it is refused with.
fn judge(head: &[u8], host: &str, state: &Secret) -> Result<Callback, &'static str> {
    const BAD: &str = "400 Bad Request";
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if !request.parse(head).is_ok_and(|status| status.is_complete()) {
        return Err(BAD);
    }
    let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    if hosts.next().is_none_or(|header| header.value != host.as_bytes()) || hosts.next().is_some() {
        return Err(BAD);
    }
    let (path, query) = request.path.and_then(|target| target.split_once('?')).ok_or("404 Not Found")?;
    if path != PATH {
        return Err("404 Not Found");
    }
    if request.method != Some("GET") {
        return Err("405 Method Not Allowed");
    }
    Callback::read(query, state).ok_or(BAD)
}

async fn say(stream: &mut TcpStream, answer: &str) {
    // Whoever does not listen has nothing to lose.
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        stream.shutdown().await.ok();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &[u8] = b"GET /callback?code=c&state=the-state HTTP/1.1\r\nHost: 127.0.0.1:4\r\n\r\n";

    fn judged(head: &[u8]) -> Result<Callback, &'static str> {
        judge(head, "127.0.0.1:4", &"the-state".to_owned().into())
    }

    #[test]
    fn the_browsers_own_request_is_taken() {
        assert_eq!(judged(GOOD).unwrap().outcome.unwrap().expose(), "c");
    }

    proptest! {
        #[test]
        fn noise_is_refused_and_breaks_nothing(head in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(judged(&head).is_err());
        }

        #[test]
        fn a_request_with_a_byte_changed_is_refused_or_is_about_the_same_sign_in(
            at in 0..GOOD.len(), byte in any::<u8>()
        ) {
            let mut head = GOOD.to_vec();
            head[at] = byte;
            let state = GOOD.windows(9).position(|nine| nine == b"the-state").unwrap();
            let path = GOOD.windows(9).position(|nine| nine == b"/callback").unwrap();
            let decides = (path..path + 9).contains(&at) || (state..state + 9).contains(&at);
            prop_assert!(!decides || head == GOOD || judged(&head).is_err());
        }
    }
}
