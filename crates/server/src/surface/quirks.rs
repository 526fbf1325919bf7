//! The mock of the original, with its habits, so that a client can be tested against both (wire contract, section 3).
//!
//! Promises: what that program does. It keeps no rule and no secret: nobody is refused, a PUT merges whatever it is
//! given, dates are compared as text, every failure of its own is a 500. Its two consultations, appointments and messages
//! are there at the start, and everything is forgotten at the end. Below `/api/chatehr` it stands as the original's
//! gateway before itself, in [`gateway`]. Refuses: being anything but a double for tests.

mod gateway;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use chatehr_contract::Timestamp;
use serde_json::{Map, Value, json};

use crate::sources::Sources;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
/// What it says that it is.
const SERVICE: &str = "Mock ChatEHR";
const VERSION: &str = "1.0.0";
/// What it offers to who asks for something else.
const ENDPOINTS: [&str; 10] = [
    "GET /v1/health",
    "POST /v1/consultations",
    "GET /v1/consultations",
    "GET /v1/consultations/:id",
    "PUT /v1/consultations/:id",
    "GET /v1/appointments",
    "POST /v1/appointments",
    "PUT /v1/appointments/:id",
    "POST /v1/messages",
    "GET /v1/messages",
];

type Asked = Query<HashMap<String, String>>;

/// What it keeps in memory.
#[derive(Clone)]
struct Mock {
    records: Arc<Mutex<Records>>,
    sources: Sources,
}

#[derive(Default)]
struct Records {
    consultations: Vec<Value>,
    appointments: Vec<Value>,
    messages: Vec<Value>,
    /// Requests of each address to the gateway, and since when they are counted.
    asked: HashMap<std::net::IpAddr, (Timestamp, u32)>,
}

/// Why it does not do it, with its status.
enum Failed {
    NotFound(&'static str),
    BadRequest(&'static str),
    /// An exception of its own, as far as it tells.
    Thrown(String),
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let (status, error, message) = match self {
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "Not Found", message.to_owned()),
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, "Bad Request", message.to_owned()),
            Self::Thrown(message) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", message),
        };
        answer(status, &json!({ "error": error, "message": message }))
    }
}

/// Both of its surfaces.
pub(crate) fn router(sources: &Sources) -> Router {
    let mock = Mock { records: Arc::default(), sources: sources.clone() };
    mock.seed();
    let upstream = Router::new()
        .route("/v1/health", get(health))
        .route("/v1/consultations", get(list_consultations).post(create_consultation))
        .route("/v1/consultations/{id}", get(read_consultation).put(update_consultation))
        .route("/v1/appointments", get(list_appointments).post(create_appointment))
        .route("/v1/appointments/{id}", put(update_appointment))
        .route("/v1/messages", get(list_messages).post(create_message))
        .fallback(nowhere)
        .method_not_allowed_fallback(nowhere)
        .with_state(mock.clone());
    upstream.merge(gateway::router(mock)).layer(map_response(|mut response: Response| async move {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }))
}

impl Mock {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seed(&self) {
        let now = self.sources.now();
        let ago = |hours: i64| now.plus_seconds(-hours * 3600);
        let mut records = self.records();
        records.consultations = vec![
            json!({
                "id": "consultation-1", "patientId": "patient-123", "physicianId": "physician-456",
                "specialty": "cardiology", "urgency": "routine", "description": "Follow-up on blood pressure",
                "status": "assigned", "createdAt": ago(24), "updatedAt": ago(24), "metadata": {},
            }),
            json!({
                "id": "consultation-2", "patientId": "patient-789", "physicianId": null,
                "specialty": "dermatology", "urgency": "urgent", "description": "Rash that spreads",
                "status": "pending", "createdAt": ago(2), "updatedAt": ago(2), "metadata": {},
            }),
        ];
        records.appointments = vec![
            json!({
                "id": "appointment-1", "patientId": "patient-123", "physicianId": "physician-456",
                "consultationId": "consultation-1", "dateTime": ago(-48), "duration": 30, "type": "consultation",
                "status": "scheduled", "notes": "", "createdAt": ago(24), "updatedAt": ago(24),
            }),
            json!({
                "id": "appointment-2", "patientId": "patient-789", "physicianId": "physician-789",
                "consultationId": "consultation-2", "dateTime": ago(-24), "duration": 45, "type": "consultation",
                "status": "scheduled", "notes": "", "createdAt": ago(2), "updatedAt": ago(2),
            }),
        ];
        let message = |id: &str, from: &str, to: &str, content: &str, hours| {
            json!({
                "id": id, "fromId": from, "toId": to, "consultationId": "consultation-1", "content": content,
                "type": "text", "timestamp": ago(hours), "metadata": {},
            })
        };
        records.messages = vec![
            message("message-1", "patient-123", "physician-456", "My readings were high this week.", 23),
            message("message-2", "physician-456", "patient-123", "Please bring them to the appointment.", 22),
        ];
    }

    /// A record of these fields and others, with an id of its own.
    fn made<const N: usize>(
        &self,
        mut fields: Map<String, Value>,
        more: [(&str, Value); N],
    ) -> Result<Value, Failed> {
        let id = self.sources.id().map_err(|error| Failed::Thrown(error.to_string()))?;
        fields.insert("id".to_owned(), id.into());
        fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
        Ok(fields.into())
    }

    fn consultations(&self, asked: &HashMap<String, String>) -> (Vec<Value>, usize) {
        let records = self.records();
        let names = ["patientId", "physicianId", "status", "specialty"];
        let mut found: Vec<Value> =
            records.consultations.iter().filter(|record| matches(record, asked, &names)).cloned().collect();
        found.sort_by_key(|record| std::cmp::Reverse(instant(record, "createdAt")));
        (page(&found, asked, 20), found.len())
    }

    fn create_consultation(&self, body: &Map<String, Value>) -> Result<Value, Failed> {
        let now = self.sources.now();
        let more = [
            ("physicianId", body.get("physicianId").cloned().unwrap_or_default()),
            ("urgency", otherwise(body, "urgency", "routine".into())),
            ("metadata", otherwise(body, "metadata", json!({}))),
            ("status", "pending".into()),
            ("createdAt", json!(now)),
            ("updatedAt", json!(now)),
        ];
        let record = self.made(kept(body, &["patientId", "specialty", "description"]), more)?;
        self.records().consultations.push(record.clone());
        Ok(record)
    }

    fn update_consultation(&self, id: &str, body: Map<String, Value>) -> Result<Value, Failed> {
        let now = self.sources.now();
        merge(&mut self.records().consultations, id, body, now)
            .ok_or(Failed::NotFound("Consultation not found"))
    }

    fn appointments(&self, asked: &HashMap<String, String>) -> Vec<Value> {
        let records = self.records();
        let within = |record: &Value| {
            let at = record["dateTime"].as_str().unwrap_or_default();
            asked.get("startDate").is_none_or(|from| at >= from.as_str())
                && asked.get("endDate").is_none_or(|to| at <= to.as_str())
        };
        let mut found: Vec<Value> = records
            .appointments
            .iter()
            .filter(|record| matches(record, asked, &["patientId", "physicianId"]) && within(record))
            .cloned()
            .collect();
        found.sort_by_key(|record| instant(record, "dateTime"));
        found
    }

    fn messages(&self, consultation: &str, asked: &HashMap<String, String>) -> (Vec<Value>, usize) {
        let records = self.records();
        let takes_part = |message: &Value| {
            asked
                .get("userId")
                .is_none_or(|id| message["fromId"] == id.as_str() || message["toId"] == id.as_str())
        };
        let mut found: Vec<Value> = records
            .messages
            .iter()
            .filter(|message| message["consultationId"] == consultation && takes_part(message))
            .cloned()
            .collect();
        found.sort_by_key(|message| instant(message, "timestamp"));
        (page(&found, asked, 50), found.len())
    }

    fn create_message(&self, body: &Map<String, Value>) -> Result<Value, Failed> {
        let more = [
            ("type", otherwise(body, "type", "text".into())),
            ("metadata", otherwise(body, "metadata", json!({}))),
            ("timestamp", json!(self.sources.now())),
        ];
        let record = self.made(kept(body, &["fromId", "toId", "consultationId", "content"]), more)?;
        self.records().messages.push(record.clone());
        Ok(record)
    }
}

async fn health(State(mock): State<Mock>) -> Response {
    let now = mock.sources.now();
    let body = json!({ "status": "healthy", "service": SERVICE, "version": VERSION, "timestamp": now });
    answer(StatusCode::OK, &body)
}

async fn list_consultations(State(mock): State<Mock>, Query(asked): Asked) -> Response {
    counted(mock.consultations(&asked))
}

async fn create_consultation(State(mock): State<Mock>, body: Bytes) -> Result<Response, Failed> {
    Ok(answer(StatusCode::CREATED, &mock.create_consultation(&object(&body)?)?))
}

async fn read_consultation(State(mock): State<Mock>, Path(id): Path<String>) -> Result<Response, Failed> {
    let found = mock.records().consultations.iter().find(|record| record["id"] == id.as_str()).cloned();
    Ok(answer(StatusCode::OK, &found.ok_or(Failed::NotFound("Consultation not found"))?))
}

async fn update_consultation(
    State(mock): State<Mock>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failed> {
    Ok(answer(StatusCode::OK, &mock.update_consultation(&id, object(&body)?)?))
}

async fn list_appointments(State(mock): State<Mock>, Query(asked): Asked) -> Response {
    answer(StatusCode::OK, &Value::from(mock.appointments(&asked)))
}

async fn create_appointment(State(mock): State<Mock>, body: Bytes) -> Result<Response, Failed> {
    let body = object(&body)?;
    let now = mock.sources.now();
    let more = [
        ("duration", otherwise(&body, "duration", json!(30))),
        ("type", otherwise(&body, "type", json!("consultation"))),
        ("status", otherwise(&body, "status", json!("scheduled"))),
        ("notes", otherwise(&body, "notes", json!(""))),
        ("createdAt", json!(now)),
        ("updatedAt", json!(now)),
    ];
    let record = mock.made(kept(&body, &["patientId", "physicianId", "consultationId", "dateTime"]), more)?;
    mock.records().appointments.push(record.clone());
    Ok(answer(StatusCode::CREATED, &record))
}

async fn update_appointment(
    State(mock): State<Mock>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failed> {
    let body = object(&body)?;
    let now = mock.sources.now();
    let merged = merge(&mut mock.records().appointments, &id, body, now);
    Ok(answer(StatusCode::OK, &merged.ok_or(Failed::NotFound("Appointment not found"))?))
}

async fn list_messages(State(mock): State<Mock>, Query(asked): Asked) -> Result<Response, Failed> {
    let consultation = asked
        .get("consultationId")
        .filter(|id| !id.is_empty())
        .ok_or(Failed::BadRequest("consultationId is required"))?;
    Ok(counted(mock.messages(consultation, &asked)))
}

async fn create_message(State(mock): State<Mock>, body: Bytes) -> Result<Response, Failed> {
    Ok(answer(StatusCode::CREATED, &mock.create_message(&object(&body)?)?))
}

async fn nowhere(method: Method, uri: Uri) -> Response {
    let body = json!({
        "error": "Not Found",
        "message": format!("Endpoint {method} {} not found", uri.path()),
        "availableEndpoints": ENDPOINTS,
    });
    answer(StatusCode::NOT_FOUND, &body)
}

/// A body, which need not be one; what does not parse is an exception of its.
fn object(body: &[u8]) -> Result<Map<String, Value>, Failed> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Failed::Thrown(error.to_string())),
    }
}

/// Those fields that are there.
fn kept(body: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))).collect()
}

/// What is not there, or is nothing to JavaScript, is as by default.
fn otherwise(body: &Map<String, Value>, name: &str, default: Value) -> Value {
    let nothing = |value: &&Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    body.get(name).filter(|value| !nothing(value)).cloned().unwrap_or(default)
}

fn merge(records: &mut [Value], id: &str, body: Map<String, Value>, now: Timestamp) -> Option<Value> {
    let Value::Object(record) = records.iter_mut().find(|record| record["id"] == id)? else { return None };
    record.extend(body);
    record.insert("updatedAt".to_owned(), json!(now));
    Some(Value::Object(record.clone()))
}

fn matches(record: &Value, asked: &HashMap<String, String>, names: &[&str]) -> bool {
    names.iter().all(|name| {
        asked
            .get(*name)
            .filter(|wanted| !wanted.is_empty())
            .is_none_or(|wanted| record[*name] == wanted.as_str())
    })
}

/// When; what is no instant comes first.
fn instant(record: &Value, name: &str) -> i64 {
    record[name].as_str().and_then(|text| text.parse().ok()).map_or(i64::MIN, Timestamp::millis)
}

/// A slice as JavaScript takes it: of what is no number there is none.
fn page(found: &[Value], asked: &HashMap<String, String>, otherwise: usize) -> Vec<Value> {
    let number = |name: &str, default| match asked.get(name) {
        None => Some(default),
        Some(text) => text.parse::<usize>().ok(),
    };
    match (number("offset", 0), number("limit", otherwise)) {
        (Some(offset), Some(limit)) => found.iter().skip(offset).take(limit).cloned().collect(),
        _ => Vec::new(),
    }
}

fn counted((rows, total): (Vec<Value>, usize)) -> Response {
    let mut response = answer(StatusCode::OK, &Value::from(rows));
    response.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(total));
    response
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))];
    (status, HeaderMap::from_iter(kind), body.to_string()).into_response()
}
