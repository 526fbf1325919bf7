//! What a refusal means: one function from status, headers and body to an error.
//!
//! The status decides; the body adds how the record stands and which fields are wrong. Bodies come in several
//! shapes (wire contract, section 2): `{success, error: {code, message, details}}` with a code of either type,
//! `{error, message}`, `{error, code}` and a FHIR OperationOutcome; none of them is required.

use std::time::Duration;

use chatehr_contract::{Consultation, ConsultationStatus, HistoryEntry, InvalidField, PersonId, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde::{Deserialize, de::DeserializeOwned};
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

fn current(body: &Value) -> Option<Box<ConflictState>> {
    let record =
        members(body, "current").find(|current| current.get("status").is_some_and(Value::is_string))?;
    Some(Box::new(ConflictState {
        status: ConsultationStatus::from(record.get("status")?.as_str()?),
        physician_id: record.get("physicianId").and_then(Value::as_str).map(PersonId::new),
        version: record.get("version").and_then(Value::as_u64).unwrap_or_default(),
        updated_at: record.get("updatedAt").and_then(|at| Timestamp::deserialize(at).ok()),
        last: record
            .get("history")
            .and_then(|history| history.as_array()?.last())
            .and_then(|last| HistoryEntry::deserialize(last).ok()),
        record: Consultation::deserialize(record).ok(),
    }))
}

/// The record that stood in the way, where it has this form.
pub(crate) fn current_as<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let body: Value = serde_json::from_slice(body).ok()?;
    members(&body, "current").find_map(|current| T::deserialize(current).ok())
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

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn told(status: u16, asking: Asking, body: &Value) -> ClientError {
        read(status, &HeaderMap::new(), body.to_string().as_bytes(), asking)
    }

    fn waits(headers: &[(reqwest::header::HeaderName, &'static str)]) -> Option<Duration> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        read(429, &headers, b"", Asking::Session).retry_after()
    }

    #[test]
    fn what_a_status_means_depends_on_who_asks() {
        use Asking::{Identity, Session, SignIn, Workstation};
        let no_health = ClientError::NotChatEhr { reason: "it has no health report" };
        let invalid = ClientError::Invalid { fields: Vec::new() };
        let away = ClientError::NotChatEhr { reason: "it sends us to another address" };
        let fault = |status| ClientError::ServerFault { status, retry_after: None };
        let table = [
            (401, Session, ClientError::SignedOut),
            (401, Workstation, ClientError::ApiKeyRefused),
            (401, SignIn, ClientError::ApiKeyRefused),
            (401, Identity, no_health.clone()),
            (403, Session, ClientError::Forbidden),
            (403, SignIn, ClientError::SignInRefused),
            (404, SignIn, ClientError::SignInRefused),
            (404, Session, ClientError::NotFound),
            (404, Identity, no_health),
            (410, Session, ClientError::NotFound),
            (409, Session, ClientError::Conflict { current: None, message: String::new() }),
            (412, Session, ClientError::PreconditionFailed { current: None }),
            (400, Session, invalid.clone()),
            (422, Session, invalid),
            (413, Session, ClientError::TooLarge),
            (408, Session, ClientError::Timeout),
            (408, Identity, ClientError::Timeout),
            (429, Session, ClientError::RateLimited { retry_after: None }),
            (425, Session, fault(425)),
            (500, Session, fault(500)),
            (502, Identity, fault(502)),
            (599, Session, fault(599)),
            (302, Session, away.clone()),
            (304, Session, away),
            (405, Session, ClientError::Refused { status: 405 }),
            (418, Session, ClientError::Refused { status: 418 }),
        ];
        for (status, asking, expected) in table {
            assert_eq!(told(status, asking, &json!({})), expected, "{status} {asking:?}");
        }
    }

    #[test]
    fn how_the_record_stands_is_read_from_every_shape() {
        let now = json!({"id": "c", "status": "assigned", "physicianId": "p-2", "version": 4, "description": "x",
                "updatedAt": "1970-01-01T00:00:01.000Z", "history": [{"at": "1970-01-01T00:00:00.500Z",
                "actorId": "p-2", "action": "status", "from": null, "to": "assigned", "note": null}]});
        let expected = ConflictState {
            status: ConsultationStatus::Assigned,
            physician_id: Some(PersonId::new("p-2")),
            version: 4,
            updated_at: Some(Timestamp::from_millis(1_000)),
            last: Some(HistoryEntry {
                at: Timestamp::from_millis(500),
                actor_id: Some(PersonId::new("p-2")),
                action: "status".to_owned(),
                from: None,
                to: Some(ConsultationStatus::Assigned),
                note: None,
            }),
            record: None,
        };
        for body in [
            json!({"error": "CONFLICT", "message": "m", "current": now}),
            json!({"success": false, "error": {"code": "CONFLICT", "message": "m", "current": now}}),
            json!({"success": false, "error": {"code": 409, "message": "m", "details": {"current": now}}}),
        ] {
            assert_eq!(
                told(409, Asking::Session, &body),
                ClientError::Conflict { current: Some(Box::new(expected.clone())), message: "m".to_owned() }
            );
        }
        let without = json!({"error": "CONFLICT", "current": {"status": "pending", "physicianId": null}});
        let ClientError::Conflict { current: Some(current), .. } = told(409, Asking::Session, &without)
        else {
            panic!("no record")
        };
        assert_eq!((current.physician_id, current.version), (None, 0));
    }

    #[test]
    fn a_whole_record_in_a_refusal_is_read_whole_and_a_part_of_one_is_none() {
        let whole = json!({"id": "c", "patientId": "patient-1", "physicianId": "p-2", "specialty": "cardiology",
                "urgency": "urgent", "description": "x", "status": "assigned", "version": 4, "metadata": {"a": 1},
                "createdAt": "1970-01-01T00:00:00.000Z", "updatedAt": "1970-01-01T00:00:01.000Z"});
        for status in [409, 412] {
            let error = told(status, Asking::Session, &json!({"error": "CONFLICT", "current": whole}));
            let record = error.record().unwrap();
            assert_eq!((record.id.as_str(), record.version, record.metadata.len()), ("c", 4, 1));
            for field in ["patientId", "urgency", "description"] {
                let mut part = whole.clone();
                part.as_object_mut().unwrap().remove(field);
                let error = told(status, Asking::Session, &json!({"error": "CONFLICT", "current": part}));
                assert_eq!((error.current().unwrap().version, error.record()), (4, None), "{field}");
            }
        }
    }

    #[test]
    fn the_wrong_fields_are_read_from_every_shape() {
        let expected = ClientError::Invalid { fields: vec![InvalidField::new("description", "too long")] };
        let ours = json!([{"path": "description", "msg": "too long"}]);
        let theirs =
            json!([{"type": "field", "param": "description", "message": "too long", "value": "SECRET"}]);
        for body in [
            json!({"error": "VALIDATION_ERROR", "message": "m", "details": ours}),
            json!({"success": false, "error": {"code": "VALIDATION_ERROR", "message": "m", "details": theirs}}),
            json!({"errors": theirs}),
        ] {
            assert_eq!(told(400, Asking::Session, &body), expected);
        }
    }

    #[test]
    fn a_flood_of_wrong_fields_is_cut() {
        let field = json!({"path": "x".repeat(9_999), "msg": "y"});
        let ClientError::Invalid { fields } =
            told(400, Asking::Session, &json!({"details": vec![field; 999]}))
        else {
            panic!("not invalid")
        };
        assert_eq!((fields.len(), fields[0].path.len()), (MAX_FIELDS, MAX_TEXT));
    }

    #[test]
    fn the_originals_token_check_ends_the_session_whichever_status_it_chooses() {
        let outcome =
            json!({"resourceType": "OperationOutcome", "issue": [{"code": "forbidden", "diagnostics": "d"}]});
        for status in [401, 403] {
            assert_eq!(told(status, Asking::Session, &outcome), ClientError::SignedOut);
            assert_eq!(told(status, Asking::Workstation, &outcome), ClientError::ApiKeyRefused);
        }
        let conflict = told(409, Asking::Session, &outcome);
        assert_eq!(conflict, ClientError::Conflict { current: None, message: "d".to_owned() });
    }

    #[test]
    fn a_status_hidden_in_the_originals_500_is_found() {
        let body = |code: Value| json!({"success": false, "error": {"code": code, "message": "m"}});
        assert_eq!(told(500, Asking::Session, &body(404.into())), ClientError::NotFound);
        for code in [json!(401), json!(403), json!(200), json!(99_999), json!("NETWORK_ERROR")] {
            assert_eq!(
                told(500, Asking::Session, &body(code)),
                ClientError::ServerFault { status: 500, retry_after: None }
            );
        }
        assert_eq!(told(403, Asking::Session, &body(404.into())), ClientError::Forbidden);
    }

    #[test]
    fn a_web_page_of_something_in_between_is_no_refusal_of_chatehrs() {
        let page = |status| read(status, &HeaderMap::new(), b"\r\n <!doctype html>", Asking::Session);
        for status in [400, 401, 403, 404, 409] {
            assert!(matches!(page(status), ClientError::NotChatEhr { .. }), "{status}");
        }
        for status in [408, 429, 502, 503] {
            assert!(page(status).is_transient(), "{status}");
        }
    }

    #[test]
    fn how_long_to_wait_comes_in_seconds_or_as_a_date_by_the_servers_own_clock() {
        assert_eq!(waits(&[(RETRY_AFTER, "120")]), Some(Duration::from_secs(120)));
        let now = (DATE, "Mon, 23 Nov 2026 09:00:00 GMT");
        let then = (RETRY_AFTER, "Mon, 23 Nov 2026 09:01:30 GMT");
        assert_eq!(waits(&[now.clone(), then.clone()]), Some(Duration::from_secs(90)));
        assert_eq!(waits(&[(RETRY_AFTER, "Mon, 23 Nov 2026 08:00:00 GMT"), now]), Some(Duration::ZERO));
        assert_eq!(waits(&[then]), None);
        assert_eq!(waits(&[(RETRY_AFTER, "-5")]), None);
        assert_eq!(waits(&[]), None);
    }
}
