//! Reads requests: who asks, which record, which page, what body. Whatever is wrong is a [`Problem`] with the field's
//! name, never a parser's words about a value.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use chatehr_contract::InvalidField;
use futures_util::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{App, MAX_BODY_BYTES, TokenEnd};
use crate::{
    identity::{Actor, Person},
    problem::Problem,
    store::{Answer, Once},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const ACCEPT_ENVELOPE: HeaderName = HeaderName::from_static("accept-envelope");
/// Bytes of a body that is too large which are still read, so that its sender hears the answer and not a reset.
const MAX_DRAINED_BYTES: usize = 32 * 1024 * 1024;

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::Unauthorized)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenEnd {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or(Problem::Unauthorized)
    }
}

/// The id in a path. One that is no text names nothing.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::NotFound),
        }
    }
}

/// The query of a list. Names that we do not know are passed over, as the original did.
pub(super) struct Params {
    given: BTreeMap<String, String>,
    problems: Vec<InvalidField>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await else {
            return Err(Problem::field("query", "cannot be read"));
        };
        let mut problems = Vec::new();
        let mut given = BTreeMap::new();
        for (name, value) in pairs {
            if given.contains_key(&name) {
                // Two values for one filter would leave it to chance what is shown.
                problems.push(InvalidField::new(&name, "must be given once"));
            }
            given.insert(name, value);
        }
        Ok(Self { given, problems })
    }
}

impl Params {
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.given.remove(name).filter(|value| !value.is_empty())
    }

    /// A word of a closed list.
    pub(super) fn word<T: for<'a> From<&'a str>>(
        &mut self,
        name: &str,
        known: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let word = T::from(self.text(name)?.as_str());
        if known(&word) {
            return Some(word);
        }
        self.wrong(name, "is not a word of the contract");
        None
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, name: &str, otherwise: u32, least: u32, most: u32) -> u32 {
        let Some(text) = self.text(name) else { return otherwise };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.wrong(name, &format!("must be a whole number from {least} to {most}"));
                otherwise
            }
        }
    }

    pub(super) fn wrong(&mut self, name: &str, msg: &str) {
        self.problems.push(InvalidField::new(name, msg));
    }

    /// Everything that was wrong, at once.
    pub(super) fn check(self) -> Result<(), Problem> {
        Problem::unless_empty(self.problems)
    }
}

/// A JSON body, with what makes it unique for a repeat.
pub(super) struct Input<T> {
    pub(super) value: T,
    pub(super) once: Option<Once>,
}

impl<T: DeserializeOwned> FromRequest<App> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let actor = parts.extensions.get::<Actor>().ok_or(Problem::Unauthorized)?;
        let bytes = read(body).await?;
        let json: Value =
            serde_json::from_slice(&bytes).map_err(|_| Problem::field("body", "must be JSON in UTF-8"))?;
        let once = once(app, actor, &parts, &json)?;
        if !json.is_object() {
            return Err(Problem::field("body", "must be a JSON object"));
        }
        let value = serde_path_to_error::deserialize(json).map_err(|error| unreadable(&error))?;
        Ok(Self { value, once })
    }
}

/// Which field does not read, without the value.
fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let said = error.inner().to_string();
    let missing = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(field) => Problem::field(field, "is required"),
        None => Problem::field(&error.path().to_string(), "has the wrong type or form"),
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut read = Vec::new();
    let mut drained = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::field("body", "ended early"))?;
        drained = drained.saturating_add(chunk.len());
        if drained <= MAX_BODY_BYTES {
            read.extend_from_slice(&chunk);
        } else if drained > MAX_DRAINED_BYTES {
            break;
        }
    }
    if drained > MAX_BODY_BYTES { Err(Problem::TooLarge) } else { Ok(read.into()) }
}

fn once(app: &App, actor: &Actor, parts: &Parts, json: &Value) -> Result<Option<Once>, Problem> {
    let Some(key) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=255).contains(&key.len()))
        .ok_or_else(|| Problem::field("Idempotency-Key", "must be 1 to 255 ASCII characters"))?;
    // The parsed body, so that a repeat written with other spaces or order is still the same.
    let body = serde_json::to_vec(json)?;
    Ok(Some(Once {
        who: actor.id().map_or_else(|| "machine".to_owned(), |id| format!("person {id}")),
        key: key.to_owned(),
        digest: app.seals.fingerprint(&[
            parts.method.as_str().as_bytes(),
            parts.uri.path().as_bytes(),
            &body,
        ]),
        now: app.sources.now(),
    }))
}

/// Whether the client opens envelopes itself. A version that we do not speak is refused, so that nobody mistakes
/// clear text for sealed.
pub(super) fn opens_envelopes(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(ACCEPT_ENVELOPE).map(HeaderValue::as_bytes) {
        None => Ok(false),
        Some(b"3") => Ok(true),
        Some(_) => Err(Problem::field("Accept-Envelope", "must be 3")),
    }
}

/// The version as an entity tag.
fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Whether `If-Match`, where given, allows a change of this version.
pub(super) fn matches(headers: &HeaderMap, version: u64) -> bool {
    let mut given = headers.get_all(header::IF_MATCH).iter().peekable();
    given.peek().is_none()
        || given
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| tag.trim() == "*" || tag.trim() == etag(version))
}

/// One record, with its version where it has one.
pub(super) fn record(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let tag = answer.body.get("version").and_then(Value::as_u64).map(etag);
    let mut response = (status, Json(answer.body)).into_response();
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A page of a list and how many there are in all.
pub(super) fn page<T: Serialize>(records: Vec<T>, total: i64) -> Response {
    ([(TOTAL_COUNT, HeaderValue::from(total))], Json(records)).into_response()
}

/// The person who asks; a machine has none to act for.
pub(super) fn in_person(actor: &Actor) -> Result<&Person, Problem> {
    actor.person().ok_or(Problem::Forbidden("This is done by a person with a session of their own."))
}
