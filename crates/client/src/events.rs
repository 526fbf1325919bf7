//! The stream of what happens, mended as often as it breaks.
//!
//! Promises: an event is given once it is whole and not again after a reconnection that the server can replay; an
//! unreadable event is passed over and said so; silence is noticed. All state lives in the stream and none in the
//! future of `next`, so dropping that future loses nothing.

use std::{collections::VecDeque, fmt, time::Duration};

use chatehr_contract::{EventKind, ServerEvent};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use reqwest::{
    Method,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    backoff::Backoff,
    error::{BadAnswer, ClientError, ConnectionFault},
    exchange,
    signed_in::SignedIn,
    sse::{Frame, Parser},
};

/// A connection that stood this long has lived: its end counts as a first failure.
const LIVED: Duration = Duration::from_secs(5);

/// An attempt that has had no answer for so long gets another beside it, made anew as often: the first may hang in a
/// connection that is dead, or the server may be slow, and nobody can tell which.
const SPARE: Duration = Duration::from_secs(4);

/// Server-sent events with reconnection.
pub struct EventStream {
    wire: Box<dyn Wire>,
    idle: Duration,
    backoff: Backoff,
    last_event_id: String,
    malformed: u64,
    ready: VecDeque<StreamItem>,
    state: State,
}

/// What the stream has to tell.
#[derive(Debug)]
pub enum StreamItem {
    /// A connection stands. What happened while there was none is replayed from here on, or a
    /// [`EventKind::Reset`] says that it cannot be.
    Connected,
    /// Something happened.
    Event(ServerEvent),
    /// An event that cannot be read and is passed over: something happened, and nobody knows what.
    Malformed,
    /// The connection is gone, or could not be made; the next attempt comes by itself. An error that is not
    /// transient needs a person, and is tried again seldom.
    Disconnected {
        /// Why.
        error: ClientError,
        /// When the next attempt is made, from now.
        retry_in: Duration,
    },
    /// The session is over. Nothing else ever comes.
    SignedOut,
}

type Attempt = BoxFuture<'static, Result<Bytes, ClientError>>;
type Bytes = BoxStream<'static, Result<Vec<u8>, ClientError>>;

/// Where the bytes come from.
trait Wire: Send + Sync {
    fn connect(&self, last_event_id: &str) -> Attempt;

    /// A connection that stood is gone: whoever answers next has to say again who it is.
    fn lost(&self) {}

    /// One that stood has fallen silent: what else hangs is as dead.
    fn fell_silent(&self) {}
}

enum State {
    Waiting { until: Instant },
    Connecting { attempt: Attempt, spare: Option<Attempt>, spare_at: Instant, until: Instant },
    Open { bytes: Bytes, parser: Parser, since: Instant, last_byte: Instant },
    Ended,
}

impl EventStream {
    pub(crate) fn new(session: SignedIn, last_event_id: Option<String>, idle: Duration, seed: u64) -> Self {
        Self::over(Box::new(session), last_event_id, idle, seed)
    }

    fn over(wire: Box<dyn Wire>, last_event_id: Option<String>, idle: Duration, seed: u64) -> Self {
        let last_event_id = last_event_id.unwrap_or_default();
        Self {
            state: State::Waiting { until: Instant::now() },
            wire,
            idle,
            backoff: Backoff::new(seed),
            last_event_id,
            malformed: 0,
            ready: VecDeque::new(),
        }
    }

    /// How many events could not be read since the stream was made.
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Ends the present wait, for instance because the network is back or a person asked. Does nothing to a
    /// connection that stands or is being made.
    pub fn retry_now(&mut self) {
        if matches!(self.state, State::Waiting { .. }) {
            self.state = State::Waiting { until: Instant::now() };
        }
    }

    /// Waits for the next item. Cancel-safe. After [`StreamItem::SignedOut`] it returns that again.
    pub async fn next(&mut self) -> StreamItem {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return item;
            }
            match &mut self.state {
                State::Ended => return StreamItem::SignedOut,
                State::Waiting { until } => {
                    sleep_until(*until).await;
                    let now = Instant::now();
                    self.state = State::Connecting {
                        attempt: self.wire.connect(&self.last_event_id),
                        spare: None,
                        spare_at: later(now, SPARE),
                        until: later(now, self.idle),
                    };
                }
                State::Connecting { attempt, spare, spare_at, until } => {
                    let answer = tokio::select! {
                        biased;
                        answer = attempt => answer,
                        answer = of(spare) => answer,
                        () = sleep_until(*until) => Err(ClientError::Timeout),
                        () = sleep_until(*spare_at) => {
                            *spare = Some(self.wire.connect(&self.last_event_id));
                            *spare_at = later(*spare_at, SPARE);
                            continue;
                        }
                    };
                    match answer {
                        Ok(bytes) => self.begin(bytes),
                        Err(error) => self.end(error),
                    }
                }
                State::Open { bytes, last_byte, .. } => {
                    let deadline = later(*last_byte, self.idle);
                    match timeout_at(deadline, bytes.next()).await {
                        Ok(Some(Ok(chunk))) => self.take(&chunk),
                        Ok(Some(Err(error))) => self.end(error),
                        Ok(None) => self.end(ClientError::Unreachable(ConnectionFault::Closed)),
                        Err(_) => self.end(ClientError::Timeout),
                    }
                }
            }
        }
    }

    fn begin(&mut self, bytes: Bytes) {
        let now = Instant::now();
        self.state =
            State::Open { bytes, parser: Parser::after(&self.last_event_id), since: now, last_byte: now };
        self.ready.push_back(StreamItem::Connected);
    }

    fn take(&mut self, chunk: &[u8]) {
        let State::Open { parser, last_byte, .. } = &mut self.state else { return };
        *last_byte = Instant::now();
        let frames = parser.feed(chunk);
        parser.last_id().clone_into(&mut self.last_event_id);
        for frame in frames {
            let kind = match &frame {
                Frame::Retry(wait) => {
                    self.backoff.set_floor(*wait);
                    continue;
                }
                Frame::Event { name, data, .. } => read_kind(name, data),
                Frame::TooLong => None,
            };
            self.ready.push_back(match (kind, frame) {
                (Some(kind), Frame::Event { id, .. }) => StreamItem::Event(ServerEvent { id, kind }),
                _ => {
                    self.malformed = self.malformed.saturating_add(1);
                    tracing::warn!(count = self.malformed, "an event could not be read and is passed over");
                    StreamItem::Malformed
                }
            });
        }
    }

    fn end(&mut self, error: ClientError) {
        if error == ClientError::SignedOut {
            self.state = State::Ended;
            self.ready.push_back(StreamItem::SignedOut);
            return;
        }
        if matches!(self.state, State::Open { since, .. } if since.elapsed() >= LIVED) {
            self.backoff.reset();
        }
        let opened = matches!(self.state, State::Open { .. });
        if opened {
            self.wire.lost();
            if error == ClientError::Timeout {
                self.wire.fell_silent();
            }
        }
        let retry_in = match &error {
            // Something answers, and its certificate is not mended from one moment to the next.
            ClientError::Unreachable(ConnectionFault::NotSecure) => self.backoff.after_permanent(),
            // A server that accepts and hangs up is there, and has its reasons.
            ClientError::Unreachable(_) if !opened => self.backoff.after_unreachable(),
            error if error.is_transient() => self.backoff.after_transient(error.retry_after()),
            _ => self.backoff.after_permanent(),
        };
        self.state = State::Waiting { until: later(Instant::now(), retry_in) };
        self.ready.push_back(StreamItem::Disconnected { error, retry_in });
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("malformed", &self.malformed).finish_non_exhaustive()
    }
}

impl Wire for SignedIn {
    fn connect(&self, last_event_id: &str) -> Attempt {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(id) = HeaderValue::from_bytes(last_event_id.as_bytes()).ok().filter(|id| !id.is_empty()) {
            headers.insert(HeaderName::from_static("last-event-id"), id);
        }
        let session = self.clone();
        async move {
            let request = session.request(Method::GET, &["events"])?.headers(headers);
            let response = session.open(request).await?;
            let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
            if !kind.to_ascii_lowercase().starts_with(b"text/event-stream") {
                session.client().doubt_identity();
                return Err(if kind.to_ascii_lowercase().starts_with(b"text/html") {
                    ClientError::NotChatEhr { reason: "it answers with a web page" }
                } else {
                    ClientError::Malformed(BadAnswer::NotEvents)
                });
            }
            let (bytes, gauges) = (response.bytes_stream(), session.client().gauges().clone());
            let bytes =
                bytes.inspect(move |chunk| gauges.received(chunk.as_ref().map_or(0, |chunk| chunk.len())));
            Ok(bytes.map(|chunk| chunk.map(Vec::from).map_err(exchange::transport)).boxed())
        }
        .boxed()
    }

    fn lost(&self) {
        self.client().doubt_identity();
    }

    fn fell_silent(&self) {
        self.client().give_up_what_hangs();
    }
}

/// Never ends where there is none.
async fn of(spare: &mut Option<Attempt>) -> Result<Bytes, ClientError> {
    match spare {
        Some(spare) => spare.await,
        None => std::future::pending().await,
    }
}

/// The kind stands in the data; a server that writes it as the event's name alone is understood as well.
fn read_kind(name: &str, data: &str) -> Option<EventKind> {
    let mut value: Value = serde_json::from_str(data).ok()?;
    let fields = value.as_object_mut()?;
    if !fields.contains_key("kind") && !name.is_empty() {
        fields.insert("kind".to_owned(), name.into());
    }
    serde_json::from_value(value).ok()
}

/// An instant so far away that it cannot be told is a day away.
fn later(instant: Instant, by: Duration) -> Instant {
    instant.checked_add(by).unwrap_or_else(|| instant + Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests;
