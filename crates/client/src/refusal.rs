//! What a refusal means: one function from status, headers and body to an error.
//!
//! The status decides; the body adds how the record stands and which fields are wrong. Bodies come in several
//! shapes (wire contract, section 2): `{success, error: {code, message, details}}` with a code of either type,
//! `{error, message}`, `{error, code}` and a FHIR OperationOutcome; none of them is required.

use std::time::Duration;

use chatehr_contract::{ConsultationStatus, InvalidField, PersonId};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::{
    error::{ClientError, ConflictState},
    exchange::Asking,
};

/// More wrong fields than this tell a person nothing.
const MAX_FIELDS: usize = 32;
/// Longest text that is kept from a refusal, in characters.
const MAX_TEXT: usize = 300;

/// Reads a refusal.
pub(crate) fn read(status: u16, headers: &HeaderMap, body: &[u8], asking: Asking) -> ClientError {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let status = relayed(status, &json);
    // What a proxy may say in ChatEHR's stead, as a web page or not.
    match status {
        408 => return ClientError::Timeout,
        413 => return ClientError::TooLarge,
        425 | 500..=599 => return ClientError::ServerFault { status, retry_after: retry_after(headers) },
        429 => return ClientError::RateLimited { retry_after: retry_after(headers) },
        300..=399 => return ClientError::NotChatEhr { reason: "it sends us to another address" },
        _ => {}
    }
    if is_web_page(headers, body) {
        return ClientError::NotChatEhr { reason: "it answers with a web page" };
    }
    if asking == Asking::Identity {
        return ClientError::NotChatEhr { reason: "it has no health report" };
    }
    let body = json;
    // The original answers a bad or expired token with 403, and only its token check speaks FHIR.
    let bad_token = status == 401 || (status == 403 && body.get("resourceType").is_some());
    match (status, asking) {
        (_, Asking::Session) if bad_token => ClientError::SignedOut,
        (_, _) if bad_token => ClientError::ApiKeyRefused,
        // Without test accounts there is no such address, and so no such code.
        (403 | 404, Asking::SignIn) => ClientError::SignInRefused,
        (403, _) => ClientError::Forbidden,
        (404 | 410, _) => ClientError::NotFound,
        (409, _) => ClientError::Conflict { current: current(&body), message: message(&body) },
        (412, _) => ClientError::PreconditionFailed { current: current(&body) },
        (400 | 422, _) => ClientError::Invalid { fields: fields(&body) },
        _ => ClientError::Refused { status },
    }
}

/// The original turns every upstream refusal into a 500 and keeps the true status as a number in `error.code`.
/// An upstream 401 or 403 is about the gateway's own key, so it stays the fault that it is.
fn relayed(status: u16, body: &Value) -> u16 {
    body.pointer("/error/code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| status == 500 && matches!(code, 400 | 404 | 409 | 412 | 413 | 422 | 429))
        .unwrap_or(status)
}

/// Whether this is HTML, which ChatEHR never speaks.
pub(crate) fn is_web_page(headers: &HeaderMap, body: &[u8]) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
        || body.trim_ascii_start().first() == Some(&b'<')
}

/// Seconds, or a date, which is measured against the server's own `Date` so that no clock of ours matters.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

/// The places where a shape may keep a member of this name.
fn members<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    ["", "/error", "/details", "/error/details"]
        .into_iter()
        .filter_map(move |place| body.pointer(place)?.get(name))
        .collect::<Vec<_>>()
        .into_iter()
}

fn current(body: &Value) -> Option<ConflictState> {
    let record =
        members(body, "current").find(|current| current.get("status").is_some_and(Value::is_string))?;
    Some(ConflictState {
        status: ConsultationStatus::from(record.get("status")?.as_str()?),
        physician_id: record.get("physicianId").and_then(Value::as_str).map(PersonId::new),
        version: record.get("version").and_then(Value::as_u64).unwrap_or_default(),
    })
}

fn message(body: &Value) -> String {
    let issue = body.pointer("/issue/0");
    members(body, "message")
        .chain(body.get("error"))
        .chain(issue.and_then(|issue| issue.pointer("/details/text").or_else(|| issue.get("diagnostics"))))
        .find_map(Value::as_str)
        .map(clip)
        .unwrap_or_default()
}

fn fields(body: &Value) -> Vec<InvalidField> {
    let text = |field: &Value, names: [&str; 3]| {
        names.iter().find_map(|name| field.get(name)?.as_str()).map(clip).unwrap_or_default()
    };
    members(body, "details")
        .chain(members(body, "fields"))
        .chain(members(body, "errors"))
        .find_map(Value::as_array)
        .into_iter()
        .flatten()
        .take(MAX_FIELDS)
        .filter(|field| field.is_object())
        .map(|field| {
            InvalidField::new(
                &text(field, ["path", "field", "param"]),
                text(field, ["msg", "message", "reason"]),
            )
        })
        .collect()
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
