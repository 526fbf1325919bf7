//! One request and its answer: bounded in time and size, with every failure told in our own words.

use std::{error::Error as _, io};

use chatehr_contract::InvalidField;
use reqwest::{
    RequestBuilder, Response, Url,
    header::{CONTENT_LENGTH, HeaderMap, HeaderValue},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{
    error::{BadAnswer, ClientError, ConnectionFault},
    gauges::Gauges,
    refusal,
};

/// The longest answer that is read.
pub(crate) const MAX_BODY: usize = 16 * 1024 * 1024;
/// The longest refusal that is read: a record with its history, and some.
const MAX_REFUSAL: usize = 256 * 1024;

/// Who is asking, which decides what a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Nobody yet: is this ChatEHR?
    Identity,
    /// The workstation, with its key.
    Workstation,
    /// The workstation, with a person's code.
    SignIn,
    /// A person, with their session.
    Session,
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// `X-Total-Count`, which some servers write as a JSON string.
    pub(crate) fn total_count(&self) -> Option<u64> {
        self.headers.get("x-total-count")?.to_str().ok()?.trim().trim_matches('"').parse().ok()
    }
}

/// A refusal as it came, for the few who read more of it than every refusal has.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Refusal {
    /// What it means by the general rules.
    pub(crate) fn read(&self, asking: Asking) -> ClientError {
        refusal::read(self.status, &self.headers, &self.body, asking)
    }

    /// The record that stood in the way, where the refusal has one of this form.
    pub(crate) fn current<T: DeserializeOwned>(&self) -> Option<T> {
        refusal::current_as(&self.body)
    }
}

/// Why there is no answer to read.
pub(crate) enum Unanswered {
    /// The server did not say anything that can be used.
    Failed(ClientError),
    /// It said no.
    Refused(Box<Refusal>),
}

impl Unanswered {
    /// By the general rules.
    pub(crate) fn read(self, asking: Asking) -> ClientError {
        match self {
            Self::Failed(error) => error,
            Self::Refused(refusal) => refusal.read(asking),
        }
    }
}

impl From<ClientError> for Unanswered {
    fn from(error: ClientError) -> Self {
        Self::Failed(error)
    }
}

/// Sends, and reads the whole answer.
pub(crate) async fn exchange(request: RequestBuilder, gauges: &Gauges) -> Result<Answer, Unanswered> {
    let mut response = open(request, gauges).await?;
    let headers = response.headers().clone();
    let body = read_body(&mut response, MAX_BODY, gauges).await?;
    if refusal::is_web_page(&headers, &body) {
        return Err(ClientError::NotChatEhr { reason: "it answers with a web page" }.into());
    }
    Ok(Answer { headers, body })
}

/// Sends, and turns every status but success into a refusal. The body is yet to be read.
pub(crate) async fn open(request: RequestBuilder, gauges: &Gauges) -> Result<Response, Unanswered> {
    let sent = Instant::now();
    let (http, request) = request.build_split();
    let request = request.map_err(transport)?;
    gauges.sent(&request);
    let mut response = http.execute(request).await.map_err(transport)?;
    gauges.answered(response.headers(), sent.elapsed());
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    // Best effort: the status alone tells most of it.
    let body = read_body(&mut response, MAX_REFUSAL, gauges).await.unwrap_or_default();
    Err(Unanswered::Refused(Box::new(Refusal { status, headers, body })))
}

async fn read_body(response: &mut Response, most: usize, gauges: &Gauges) -> Result<Vec<u8>, ClientError> {
    let too_long = || ClientError::Malformed(BadAnswer::TooLong(most));
    let promised =
        response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if promised.is_some_and(|length: usize| length > most) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        gauges.received(chunk.len());
        if body.len().saturating_add(chunk.len()) > most {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The library's error without its address.
pub(crate) fn transport(error: reqwest::Error) -> ClientError {
    if error.is_connect() {
        let kind = io_kind(&error);
        // Rustls reports a refused certificate as invalid data.
        return ClientError::Unreachable(if kind == Some(io::ErrorKind::InvalidData) {
            ConnectionFault::NotSecure
        } else {
            ConnectionFault::NotMade(kind)
        });
    }
    if error.is_timeout() {
        return ClientError::Timeout;
    }
    ClientError::Unreachable(ConnectionFault::Broken(io_kind(&error)))
}

/// The innermost operating-system kind in the chain. What an I/O error holds is no link of the chain by itself: its source
/// is the source of that.
fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut kind = None;
    let mut next = error.source();
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        kind = io.map(io::Error::kind).or(kind);
        next = match io.and_then(io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    kind
}

/// Appends path segments, each encoded whole: an id may hold a slash, a question mark or anything else.
pub(crate) fn address(base: &Url, segments: &[&str]) -> Result<Url, ClientError> {
    // These cannot stand in a path in any spelling, so no record behind them can be asked for.
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(ClientError::NotFound);
    }
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| ClientError::NotFound)?.extend(segments);
    Ok(url)
}

/// The header of an idempotency key.
pub(crate) fn idempotency(key: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::from_str(key).map_err(|_| ClientError::Invalid {
        fields: vec![InvalidField::new("idempotencyKey", "holds a character that no header can carry")],
    })
}
