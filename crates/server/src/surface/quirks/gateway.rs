//! The original's gateway before its own mock, with the answers that its clients had to live with.
//!
//! Where it differs from what it documents, this does as it does: a missing token is a FHIR OperationOutcome with 401, a
//! bad one the same with 403; whatever its upstream refuses is a 500 with a number as its code; a full allowance is a bare
//! object; a total is text; who starts or completes a consultation loses it. A token counts as good when its middle part
//! reads as `{"id", "role"}`: there is no secret here to check it with.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{ConsultationStatus, MessageKind, SPECIALTIES, Timestamp, Urgency};
use serde_json::{Map, Value, json};

use super::{Asked, Failed, Mock, SERVICE, VERSION, answer, object};

/// Requests of one address over all routes, and for how many seconds they count.
const ALLOWANCE: (u32, i64) = (100, 15 * 60);
/// Seconds in the default range of appointments.
const THIRTY_DAYS: i64 = 30 * 24 * 3600;

/// Who asks, as far as the token says.
#[derive(Clone)]
struct User {
    id: String,
    role: String,
}

/// Why it does not do it.
enum Refused {
    Invalid(Vec<Value>),
    Forbidden(&'static str),
    /// Whatever its upstream refuses.
    Upstream(u16, String),
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotFound(message) => Self::Upstream(404, message.to_owned()),
            Failed::BadRequest(message) => Self::Upstream(400, message.to_owned()),
            Failed::Thrown(message) => Self::Upstream(500, message),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Invalid(details) => (
                StatusCode::BAD_REQUEST,
                json!({ "code": "VALIDATION_ERROR", "message": "Invalid request parameters", "details": details }),
            ),
            Self::Forbidden(message) => {
                (StatusCode::FORBIDDEN, json!({ "code": "FORBIDDEN", "message": message }))
            }
            Self::Upstream(code, message) => {
                (StatusCode::INTERNAL_SERVER_ERROR, json!({ "code": code, "message": message }))
            }
        };
        answer(status, &json!({ "success": false, "error": error }))
    }
}

pub(super) fn router(mock: Mock) -> Router {
    Router::new()
        .route("/api/chatehr/consultations", get(list_consultations).post(create_consultation))
        .route("/api/chatehr/consultations/{id}", put(update_consultation))
        .route("/api/chatehr/appointments", get(list_appointments))
        .route("/api/chatehr/messages", post(create_message))
        .route("/api/chatehr/messages/{id}", get(list_messages))
        .route("/api/chatehr/health", get(health))
        .route("/api/chatehr/specialties", get(list_specialties))
        .route_layer(from_fn_with_state(mock.clone(), let_in))
        .with_state(mock)
}

/// Counts the address, then asks for the token.
async fn let_in(State(mock): State<Mock>, mut request: Request, next: Next) -> Response {
    let address = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(address)| address.ip());
    let now = mock.sources.now();
    let (most, seconds) = ALLOWANCE;
    let (count, reset) = {
        let mut records = mock.records();
        let (since, count) = records.asked.entry(address).or_insert((now, 0));
        if now.seconds_since(*since) >= seconds {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        (*count, seconds - now.seconds_since(*since))
    };
    let mut response = if count > most {
        let body =
            json!({ "error": "Too many requests, please try again later.", "code": "RATE_LIMIT_EXCEEDED" });
        let mut response = answer(StatusCode::TOO_MANY_REQUESTS, &body);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(reset));
        response
    } else {
        match user(request.headers()) {
            Ok(user) => {
                request.extensions_mut().insert(user);
                next.run(request).await
            }
            Err(refusal) => *refusal,
        }
    };
    let policy = HeaderValue::from_str(&format!("{most};w={seconds}"));
    for (name, value) in [
        ("ratelimit-limit", HeaderValue::from(most)),
        ("ratelimit-remaining", HeaderValue::from(most.saturating_sub(count))),
        ("ratelimit-reset", HeaderValue::from(reset)),
        ("ratelimit-policy", policy.unwrap_or(HeaderValue::from_static(""))),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

fn user(headers: &HeaderMap) -> Result<User, Box<Response>> {
    let outcome = |status, code: &str, diagnostics: &str| {
        let issue = json!({ "severity": "error", "code": code, "diagnostics": diagnostics });
        Box::new(answer(status, &json!({ "resourceType": "OperationOutcome", "issue": [issue] })))
    };
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or_else(|| outcome(StatusCode::UNAUTHORIZED, "login", "Access token required"))?;
    let claims: Option<Value> = token
        .split('.')
        .nth(1)
        .and_then(|middle| BASE64_URL_SAFE_NO_PAD.decode(middle).ok())
        .and_then(|json| serde_json::from_slice(&json).ok());
    let text = |name: &str| Some(claims.as_ref()?.get(name)?.as_str()?.to_owned());
    match (text("id"), text("role")) {
        (Some(id), Some(role)) => Ok(User { id, role }),
        _ => Err(outcome(StatusCode::FORBIDDEN, "forbidden", "Invalid or expired token")),
    }
}

type Caller = axum::Extension<User>;

async fn create_consultation(
    State(mock): State<Mock>,
    axum::Extension(user): Caller,
    body: Bytes,
) -> Result<Response, Refused> {
    let body = object(&body)?;
    let mut wrong = Vec::new();
    for (name, about) in [
        ("patientId", "Patient ID is required"),
        ("specialty", "Specialty is required"),
        ("description", "Description is required"),
    ] {
        check(&mut wrong, &body, name, about, is_something(body.get(name)));
    }
    let urgency =
        body.get("urgency").is_none_or(|word| known(word, Urgency::ALL.iter().map(Urgency::as_str)));
    check(&mut wrong, &body, "urgency", "Invalid urgency level", urgency);
    refuse(wrong)?;
    if !matches!(user.role.as_str(), "physician" | "admin") && body.get("patientId") != Some(&json!(user.id))
    {
        return Err(Refused::Forbidden("You can only create consultations for yourself"));
    }
    let mut sent = body.clone();
    let own = json!({ "source": "webqx", "createdBy": user.id, "createdByRole": user.role });
    sent.insert("metadata".to_owned(), spread(own, body.get("metadata")));
    let made = mock.create_consultation(&sent)?;
    let metadata = json!({ "requestId": request_id(&mock)?, "timestamp": mock.sources.now() });
    Ok(succeed(StatusCode::CREATED, &made, Some(metadata)))
}

async fn list_consultations(
    State(mock): State<Mock>,
    axum::Extension(user): Caller,
    Query(asked): Asked,
) -> Result<Response, Refused> {
    let mut wrong = Vec::new();
    let statuses = ConsultationStatus::ALL.iter().map(ConsultationStatus::as_str);
    check_query(&mut wrong, &asked, "status", "Invalid status", |text| {
        statuses.clone().any(|word| word == text)
    });
    paging(&mut wrong, &asked);
    refuse(wrong)?;
    let mut sent = asked;
    // Everybody else, an administrator too, is taken for a patient. The urgency is not passed on.
    let own = if user.role == "physician" { "physicianId" } else { "patientId" };
    sent.retain(|name, _| !matches!(name.as_str(), "patientId" | "physicianId"));
    sent.insert(own.to_owned(), user.id);
    let (rows, _) = mock.consultations(&sent);
    let metadata = json!({ "count": rows.len(), "timestamp": mock.sources.now() });
    Ok(succeed(StatusCode::OK, &Value::from(rows), Some(metadata)))
}

async fn update_consultation(
    State(mock): State<Mock>,
    axum::Extension(user): Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refused> {
    if !matches!(user.role.as_str(), "physician" | "admin") {
        return Err(Refused::Forbidden("Only physicians can update consultations"));
    }
    let body = object(&body)?;
    let mut wrong = Vec::new();
    check_id(&mut wrong, "id", &id, "params");
    let status = body
        .get("status")
        .is_some_and(|word| known(word, ConsultationStatus::ALL.iter().map(ConsultationStatus::as_str)));
    check(&mut wrong, &body, "status", "Invalid status", status);
    refuse(wrong)?;
    let now = mock.sources.now();
    let sent = json!({
        "status": body.get("status"),
        // Who does not say whose it is takes it from whose it was.
        "physicianId": body.get("physicianId"),
        "updatedAt": now,
        "metadata": {
            "updatedBy": user.id, "updatedByRole": user.role, "notes": body.get("notes"), "timestamp": now,
        },
    });
    let Value::Object(sent) = sent else { return Err(Refused::Upstream(500, String::new())) };
    Ok(succeed(StatusCode::OK, &mock.update_consultation(&id, sent)?, None))
}

async fn list_appointments(
    State(mock): State<Mock>,
    axum::Extension(user): Caller,
    Query(asked): Asked,
) -> Result<Response, Refused> {
    let mut wrong = Vec::new();
    for name in ["startDate", "endDate"] {
        check_query(&mut wrong, &asked, name, "Invalid date", |text| {
            text.starts_with(|c: char| c.is_ascii_digit())
        });
    }
    refuse(wrong)?;
    let now = mock.sources.now();
    let day = |at: Timestamp| at.to_string().split('T').next().unwrap_or_default().to_owned();
    let own = if user.role == "physician" { "physicianId" } else { "patientId" };
    let otherwise = |name: &str, default| asked.get(name).cloned().unwrap_or(default);
    let sent = HashMap::from([
        (own.to_owned(), user.id),
        ("startDate".to_owned(), otherwise("startDate", day(now))),
        ("endDate".to_owned(), otherwise("endDate", day(now.plus_seconds(THIRTY_DAYS)))),
    ]);
    let rows = mock.appointments(&sent);
    let metadata = json!({ "syncedAt": now, "count": rows.len() });
    Ok(succeed(StatusCode::OK, &Value::from(rows), Some(metadata)))
}

async fn create_message(
    State(mock): State<Mock>,
    axum::Extension(user): Caller,
    body: Bytes,
) -> Result<Response, Refused> {
    let body = object(&body)?;
    let mut wrong = Vec::new();
    for (name, about) in [("toId", "Recipient ID is required"), ("content", "Message content is required")] {
        check(&mut wrong, &body, name, about, is_something(body.get(name)));
    }
    let id = body.get("consultationId").and_then(Value::as_str).unwrap_or_default();
    check(&mut wrong, &body, "consultationId", "Valid consultation ID is required", is_uuid(id));
    let kind =
        body.get("type").is_none_or(|word| known(word, MessageKind::ALL.iter().map(MessageKind::as_str)));
    check(&mut wrong, &body, "type", "Invalid message type", kind);
    refuse(wrong)?;
    let mut sent = body.clone();
    sent.insert("fromId".to_owned(), user.id.into());
    // On a present Node its cipher is gone: it keeps clear text, and says that it was encrypted.
    let own = json!({ "source": "webqx", "encrypted": true, "senderRole": user.role });
    sent.insert("metadata".to_owned(), spread(own, body.get("metadata")));
    let made = mock.create_message(&sent)?;
    let metadata = json!({ "requestId": request_id(&mock)?, "timestamp": mock.sources.now() });
    Ok(succeed(StatusCode::CREATED, &made, Some(metadata)))
}

async fn list_messages(
    State(mock): State<Mock>,
    axum::Extension(user): Caller,
    Path(id): Path<String>,
    Query(asked): Asked,
) -> Result<Response, Refused> {
    let mut wrong = Vec::new();
    check_id(&mut wrong, "consultationId", &id, "params");
    paging(&mut wrong, &asked);
    refuse(wrong)?;
    let mut sent = asked.clone();
    sent.insert("userId".to_owned(), user.id);
    let (rows, total) = mock.messages(&id, &sent);
    let limit = asked.get("limit").and_then(|text| text.parse().ok()).unwrap_or(50);
    // A header's text, as it came; and a page that is full is taken for one of several.
    let metadata = json!({ "total": total.to_string(), "hasMore": rows.len() == limit });
    Ok(succeed(StatusCode::OK, &Value::from(rows), Some(metadata)))
}

/// Its document says that this is public.
async fn health(State(mock): State<Mock>) -> Response {
    let now = mock.sources.now();
    let report = json!({
        "success": true, "status": "healthy", "service": SERVICE, "version": VERSION, "timestamp": now,
    });
    answer(StatusCode::OK, &report)
}

async fn list_specialties(State(mock): State<Mock>) -> Response {
    let rows: Vec<Value> = SPECIALTIES
        .iter()
        .map(|(code, name, about)| json!({ "code": code, "name": name, "description": about }))
        .collect();
    let metadata = json!({ "count": rows.len(), "timestamp": mock.sources.now() });
    succeed(StatusCode::OK, &Value::from(rows), Some(metadata))
}

fn succeed(status: StatusCode, data: &Value, metadata: Option<Value>) -> Response {
    let body = match metadata {
        Some(metadata) => json!({ "success": true, "data": data, "metadata": metadata }),
        None => json!({ "success": true, "data": data }),
    };
    answer(status, &body)
}

fn request_id(mock: &Mock) -> Result<String, Failed> {
    mock.sources.id().map_err(|error| Failed::Thrown(error.to_string()))
}

/// Its own keys, under those of the caller.
fn spread(own: Value, callers: Option<&Value>) -> Value {
    let (Value::Object(mut fields), Some(Value::Object(callers))) = (own.clone(), callers) else {
        return own;
    };
    fields.extend(callers.clone());
    fields.into()
}

fn refuse(wrong: Vec<Value>) -> Result<(), Refused> {
    if wrong.is_empty() { Ok(()) } else { Err(Refused::Invalid(wrong)) }
}

fn check(wrong: &mut Vec<Value>, body: &Map<String, Value>, name: &str, about: &str, sound: bool) {
    if !sound {
        wrong.push(problem(name, about, "body", body.get(name).cloned()));
    }
}

fn check_query(
    wrong: &mut Vec<Value>,
    asked: &HashMap<String, String>,
    name: &str,
    about: &str,
    sound: impl Fn(&str) -> bool,
) {
    if let Some(text) = asked.get(name).filter(|text| !sound(text)) {
        wrong.push(problem(name, about, "query", Some(text.as_str().into())));
    }
}

fn check_id(wrong: &mut Vec<Value>, name: &str, id: &str, location: &str) {
    if !is_uuid(id) {
        wrong.push(problem(name, "Valid consultation ID is required", location, Some(id.into())));
    }
}

fn paging(wrong: &mut Vec<Value>, asked: &HashMap<String, String>) {
    let number = |text: &str| text.parse::<u32>().ok();
    check_query(wrong, asked, "limit", "Limit must be between 1 and 100", |text| {
        number(text).is_some_and(|limit| (1..=100).contains(&limit))
    });
    check_query(wrong, asked, "offset", "Offset must be a non-negative integer", |text| {
        number(text).is_some()
    });
}

/// As its validator puts it, with what was sent.
fn problem(path: &str, msg: &str, location: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => {
            json!({ "type": "field", "value": value, "msg": msg, "path": path, "location": location })
        }
        None => json!({ "type": "field", "msg": msg, "path": path, "location": location }),
    }
}

/// White space is something, and so is a number.
fn is_something(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null)) && value != Some(&json!(""))
}

fn known<'a>(word: &Value, mut words: impl Iterator<Item = &'a str>) -> bool {
    words.any(|known| word == known)
}

/// Any of any version, in either case.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
