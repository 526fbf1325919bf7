//! One question to the ChatEHR behind us, and its answer.
//!
//! Promises: an answer is bounded in time and size, is whole, and is no web page; whatever else comes is a fault in our
//! own words, and the next question begins with who is there. Refuses: following a redirect, which would carry our key
//! to somebody else's address, and showing a caller what the other side wrote or where it is.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{RequestBuilder, Response, Url, redirect};
use serde::de::DeserializeOwned;

use crate::{
    metrics::Metrics,
    problem::{Causes, Problem},
};

/// Bytes that a record may have.
pub(super) const MAX_JSON: usize = 2 * 1024 * 1024;
/// Bytes that a row of a page may add to that: the longest message, sealed, has 53 KiB.
const MAX_ROW: usize = 64 * 1024;
/// Bytes that a file may have: the largest attachment, and some.
pub(super) const MAX_FILE: usize = 11 * 1024 * 1024;
/// For reaching it at all.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait that a refusal may ask of a caller, in seconds: an urgent request must not wait on a mistyped number.
const MAX_RETRY_AFTER: u32 = 300;

/// Bytes that a page of so many rows may have.
pub(super) fn page(limit: u32) -> usize {
    MAX_JSON.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX).saturating_mul(MAX_ROW))
}

/// How the other side failed, or the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No connection, or one that broke.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// An answer that ChatEHR does not give.
    Nonsense(&'static str),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable => Self::Upstream { why: "it cannot be reached" },
            Fault::TimedOut => Self::UpstreamTimeout,
            Fault::Nonsense(why) => Self::Upstream { why },
        }
    }
}

/// With what a question proves who asks.
#[derive(Clone)]
pub(super) enum Credential {
    /// Nothing: the other side has yet to say who it is.
    None,
    /// Our own key.
    Ours,
    /// The token of a session that the other side gave.
    Session(HeaderValue),
}

/// What goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Nothing,
    Json(String),
    Bytes(Vec<u8>),
}

/// A question.
pub(super) struct Question<'a> {
    /// Its word in the metrics.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: HeaderMap,
    pub(super) payload: Payload,
    pub(super) credential: Credential,
    /// Bytes that the answer may have.
    pub(super) most: usize,
}

impl<'a> Question<'a> {
    pub(super) fn get(operation: &'static str, path: Vec<&'a str>) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            payload: Payload::Nothing,
            credential: Credential::Ours,
            most: MAX_JSON,
        }
    }
}

/// An answer: a success, or a refusal that names a mistake of the caller's (4xx).
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A record or another object; an array is none, although its places could be read as fields.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        Some(&self.body)
            .filter(|body| body.trim_ascii_start().first() == Some(&b'{'))
            .and_then(|body| serde_json::from_slice(body).ok())
            .ok_or(Fault::Nonsense("its answer is not what was asked for"))
    }

    /// `X-Total-Count`, which the original writes as a JSON string where it repeats it.
    pub(super) fn total(&self) -> Option<u64> {
        self.headers.get("x-total-count")?.to_str().ok()?.trim().trim_matches('"').parse().ok()
    }

    /// That there are too many requests, with how long to wait.
    pub(super) fn too_many(&self) -> Problem {
        let wait = self
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|seconds| seconds.to_str().ok()?.trim().parse::<u32>().ok())
            .map_or(1, |seconds| seconds.clamp(1, MAX_RETRY_AFTER));
        Problem::TooMany {
            headers: vec![(header::RETRY_AFTER, HeaderValue::from(wait))],
            message: "Too many requests; wait a little.",
        }
    }
}

/// The way to the ChatEHR behind us.
pub(super) struct Way {
    http: reqwest::Client,
    base: Url,
    key: HeaderValue,
    timeout: Duration,
    metrics: Metrics,
    faults: AtomicU64,
}

impl Way {
    pub(super) fn new(
        base: Url,
        key: &str,
        timeout: Duration,
        metrics: Metrics,
    ) -> Result<Self, super::NotUsable> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("chatehr-gateway/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT.min(timeout))
            .pool_idle_timeout(Duration::from_secs(30));
        if is_loopback(&base) {
            // A proxy from the environment would carry what was meant to stay on this machine, and so would a name
            // server that knows its own localhost.
            let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            http = http.no_proxy().resolve_to_addrs("localhost", &here.map(|ip| SocketAddr::from((ip, 0))));
        }
        if base.scheme() == "https" {
            http = http.https_only(true);
        }
        Ok(Self {
            http: http.build().map_err(|error| super::NotUsable::Tls(error.without_url()))?,
            base,
            key: bearer(key).ok_or(super::NotUsable::Key)?,
            timeout,
            metrics,
            faults: AtomicU64::new(0),
        })
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How often it has failed so far: a number that has moved means that somebody else may answer now.
    pub(super) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Acquire)
    }

    pub(super) fn doubt(&self) {
        self.faults.fetch_add(1, Ordering::AcqRel);
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, Problem> {
        let began = Instant::now();
        let result = self.exchange(question).await;
        let ended = match &result {
            Ok(answer) if answer.status.is_success() => "ok",
            Ok(_) => "refused",
            Err(Problem::UpstreamTimeout) => "timeout",
            Err(_) => "failed",
        };
        self.metrics.observe_upstream(question.operation, ended, began.elapsed().as_secs_f64());
        result
    }

    async fn exchange(&self, question: &Question<'_>) -> Result<Answer, Problem> {
        let mut response = self.send(question).await?;
        let status = response.status();
        let body = match read(&mut response, question.most).await {
            Ok(body) => body,
            Err(fault) => {
                self.doubt();
                return Err(fault.into());
            }
        };
        let headers = response.headers().clone();
        let fault = |why| {
            self.doubt();
            Err(Problem::from(Fault::Nonsense(why)))
        };
        match status.as_u16() {
            408 => return Err(Problem::UpstreamTimeout),
            401 if matches!(question.credential, Credential::Ours) => {
                tracing::error!(
                    "the ChatEHR behind this gateway does not accept its key: check CHATEHR_API_KEY"
                );
                return Err(Problem::Upstream { why: "it does not accept this gateway's key" });
            }
            300..=399 => return fault("it sends us to another address"),
            500..=599 => return Err(Problem::Upstream { why: "it reports a fault of its own" }),
            200..=299 | 400..=499 => {}
            _ => return fault("its status has no meaning here"),
        }
        if is_web_page(&headers, &body, question.most == MAX_FILE) {
            return fault("it answers with a web page");
        }
        Ok(Answer { status, headers, body })
    }

    /// Opens a stream of events, whose body has no end.
    pub(super) async fn open(&self, last: Option<&str>) -> Result<Response, Problem> {
        let mut question = Question::get("events", vec!["events"]);
        if let Some(last) = last.and_then(|last| HeaderValue::from_str(last).ok()) {
            question.headers.insert(HeaderName::from_static("last-event-id"), last);
        }
        let request = self.request(&question)?.header(header::ACCEPT, "text/event-stream");
        let response = tokio::time::timeout(self.timeout, request.send())
            .await
            .map_err(|_| Fault::TimedOut)?
            .map_err(|error| transport(&error))?;
        let is_stream = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if response.status() == StatusCode::OK && is_stream {
            Ok(response)
        } else {
            Err(Fault::Nonsense("it does not open its stream of events").into())
        }
    }

    async fn send(&self, question: &Question<'_>) -> Result<Response, Problem> {
        let attempt = || async { self.request(question).map(|request| request.timeout(self.timeout).send()) };
        let mut sent = attempt().await?.await;
        // A kept connection may break under a request at any time. What changes nothing is asked once more.
        if let Err(error) = &sent
            && question.method == Method::GET
            && !error.is_timeout()
            && !error.is_connect()
        {
            sent = attempt().await?.await;
        }
        sent.map_err(|error| {
            self.doubt();
            transport(&error).into()
        })
    }

    fn request(&self, question: &Question<'_>) -> Result<RequestBuilder, Problem> {
        let url = address(&self.base, &question.path, &question.query)?;
        let mut request = self.http.request(question.method.clone(), url).headers(question.headers.clone());
        request = match &question.credential {
            Credential::None => request,
            Credential::Ours => request.header(header::AUTHORIZATION, self.key.clone()),
            Credential::Session(token) => request.header(header::AUTHORIZATION, token.clone()),
        };
        Ok(match &question.payload {
            Payload::Nothing => request,
            Payload::Json(json) => {
                request.header(header::CONTENT_TYPE, "application/json").body(json.clone())
            }
            Payload::Bytes(bytes) => {
                request.header(header::CONTENT_TYPE, "application/octet-stream").body(bytes.clone())
            }
        })
    }
}

/// Appends the parts of a path, each encoded whole: an id may hold a slash, a question mark or anything else.
fn address(base: &Url, path: &[&str], query: &[(&'static str, String)]) -> Result<Url, Problem> {
    // These cannot stand in a path in any spelling, so there is no record behind them.
    if path.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(Problem::NotFound);
    }
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| Problem::NotFound)?.extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

async fn read(response: &mut Response, most: usize) -> Result<Vec<u8>, Fault> {
    let too_long = Fault::Nonsense("its answer is too long");
    if response
        .content_length()
        .is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > most))
    {
        return Err(too_long);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| match transport(&error) {
        Fault::TimedOut => Fault::TimedOut,
        _ => Fault::Nonsense("its answer ended early"),
    })? {
        if body.len().saturating_add(chunk.len()) > most {
            return Err(too_long);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn transport(error: &reqwest::Error) -> Fault {
    // Its innermost cause has no address in it, its outermost has.
    let cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    tracing::warn!(
        error = cause.map(|cause| Causes(cause).to_string()),
        "the ChatEHR behind this gateway fails"
    );
    if error.is_timeout() && !error.is_connect() { Fault::TimedOut } else { Fault::Unreachable }
}

/// Whether this is HTML, which ChatEHR never speaks. A sealed file may begin with any byte.
fn is_web_page(headers: &HeaderMap, body: &[u8], file: bool) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
        || !file && body.trim_ascii_start().first() == Some(&b'<')
}

/// `Bearer …`, which no log shows; none where it holds what a header cannot carry.
pub(super) fn bearer(secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> Url {
        Url::parse("http://127.0.0.1:4000/v1").unwrap()
    }

    #[test]
    fn no_id_leads_out_of_its_place() {
        for id in ["", ".", ".."] {
            assert!(
                matches!(address(&base(), &["consultations", id], &[]), Err(Problem::NotFound)),
                "{id:?}"
            );
        }
        let url = address(&base(), &["consultations", "../a?b#c%2F"], &[]).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:4000/v1/consultations/..%2Fa%3Fb%23c%252F");
    }

    proptest! {
        #[test]
        fn any_id_is_one_part_of_the_path(id in "\\PC{1,20}") {
            prop_assume!(id != "." && id != "..");
            let url = address(&base(), &["consultations", &id, "decline"], &[("q", id.clone())]).unwrap();
            let parts: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(parts.len(), 4);
            let decoded = percent_encoding::percent_decode_str(parts[2]).decode_utf8().unwrap();
            prop_assert_eq!(decoded.as_ref(), id.as_str());
            let (_, value) = url.query_pairs().next().unwrap();
            prop_assert_eq!(value.as_ref(), id.as_str());
        }
    }
}
