//! An upstream of our kind: it knows for whom we ask, decides, and keeps the record.
//!
//! Every call becomes one request of its `/v1`, spelled here once, and its answer is passed on as it came: lists are
//! split into rows and not read. Refusals are passed on in its words, faults in ours.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{InvalidField, PersonId, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::exchange::{Answer, Credential, Fault, MAX_FILE, MAX_JSON, Payload, Question, Way, bearer, page};
use crate::{
    authenticate::ON_BEHALF_OF,
    identity::{Actor, Person},
    op::{Body, ConsultationFilter, Listing, MessageFilter, Op, Outcome},
    problem::{Problem, Relayed},
    provider::{Call, Versions},
};

/// What a gateway can carry of what its upstream has; not `on-behalf-of`, which is between the two of them.
const CARRIED: &[&str] = &[
    "events",
    "changes",
    "idempotency",
    "etag",
    "acknowledge",
    "decline",
    "handoff",
    "escalation",
    "receipts",
    "directory",
    "kiosk",
    "policy",
    "appointment-response",
    "attachments",
    "keys",
    "anchors",
    "break-glass",
    "delegates",
    "notes",
    "test-sign-in",
];
/// Rows that are made room for in a list that has no pages.
const UNPAGED: u32 = 100;
/// Longest sentence of a refusal that is passed on, in characters.
const MAX_SENTENCE: usize = 300;
/// Most fields of a refusal that are passed on.
const MAX_FIELDS: usize = 32;

/// The features of a gateway in front of an upstream that has these.
pub(super) fn features(known: &super::identify::Known) -> Vec<&'static str> {
    CARRIED.iter().copied().filter(|feature| known.has(feature)).collect()
}

/// Asks what the call asks, for whom it asks.
pub(super) async fn perform(way: &Way, call: &Call) -> Result<Outcome, Problem> {
    let answer = way.ask(&question(call)?).await?;
    outcome(call, answer)
}

/// Whose session this is, by the token's own word to who gave it.
pub(super) async fn session(way: &Way, token: &str) -> Result<Option<(Person, Timestamp)>, Problem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Told {
        #[serde(flatten)]
        person: Person,
        expires_at: Timestamp,
    }
    let Some(token) = bearer(token) else { return Ok(None) };
    let question =
        Question { credential: Credential::Session(token), ..Question::get("session.read", vec!["session"]) };
    let answer = way.ask(&question).await?;
    match answer.status {
        // A machine's key has no end, and lets nobody in here: a gateway knows its own machines.
        StatusCode::OK => Ok(answer
            .json::<Told>()
            .ok()
            .map(|told| (told.person, told.expires_at))
            .filter(|(person, _)| !person.id.as_str().trim().is_empty() && person.role.is_known())),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
        StatusCode::TOO_MANY_REQUESTS => Err(answer.too_many()),
        _ => Err(Fault::Nonsense("it does not say whose session that is").into()),
    }
}

fn question(call: &Call) -> Result<Question<'_>, Problem> {
    let Spelled { method, path, query, payload } = spelled(&call.op)?;
    let mut credential = Credential::Ours;
    if let (Op::EndSession, Some(token)) = (&call.op, &call.trace.token) {
        credential = bearer(&token.0).map_or(Credential::Ours, Credential::Session);
    }
    let most = match &call.op {
        Op::ReadAttachment(_) => MAX_FILE,
        Op::ListConsultations(ConsultationFilter { limit, .. })
        | Op::ListMessages(MessageFilter { limit, .. })
        | Op::ListChanges { limit, .. } => page(*limit),
        Op::ListAppointments(_) => page(UNPAGED),
        _ => MAX_JSON,
    };
    let headers = headers(call, matches!(credential, Credential::Session(_)))?;
    Ok(Question {
        operation: call.op.action().as_str(),
        method,
        path,
        query,
        headers,
        payload,
        credential,
        most,
    })
}

/// A call as HTTP, but for its headers.
#[derive(Debug, PartialEq, Eq)]
struct Spelled<'a> {
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'static str, String)>,
    payload: Payload,
}

impl<'a> Spelled<'a> {
    const fn new(method: Method, path: Vec<&'a str>) -> Self {
        Self { method, path, query: Vec::new(), payload: Payload::Nothing }
    }

    const fn get(path: Vec<&'a str>) -> Self {
        Self::new(Method::GET, path)
    }

    const fn post(path: Vec<&'a str>) -> Self {
        Self::new(Method::POST, path)
    }

    const fn put(path: Vec<&'a str>) -> Self {
        Self::new(Method::PUT, path)
    }

    fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    fn saying(self, body: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { payload: Payload::Json(serde_json::to_string(body)?), ..self })
    }
}

fn spelled(op: &Op) -> Result<Spelled<'_>, Problem> {
    const CONSULTATIONS: &str = "consultations";
    Ok(match op {
        Op::ListConsultations(filter) => Spelled::get(vec![CONSULTATIONS])
            .with("patientId", filter.patient.as_ref())
            .with("physicianId", filter.physician.as_ref())
            .with("status", filter.status.as_ref())
            .with("specialty", filter.specialty.as_ref())
            .with("urgency", filter.urgency.as_ref())
            .with("sort", filter.triage.then_some("triage"))
            .with("limit", Some(filter.limit))
            .with("offset", Some(filter.offset)),
        Op::ReadConsultation(id) => Spelled::get(vec![CONSULTATIONS, id.as_str()]),
        Op::CreateConsultation(new) => Spelled::post(vec![CONSULTATIONS]).saying(new)?,
        Op::UpdateConsultation(id, update) => {
            Spelled::put(vec![CONSULTATIONS, id.as_str()]).saying(update)?
        }
        Op::Acknowledge(id) => Spelled::post(vec![CONSULTATIONS, id.as_str(), "acknowledge"]),
        Op::Decline(id, decline) => {
            Spelled::post(vec![CONSULTATIONS, id.as_str(), "decline"]).saying(decline)?
        }
        Op::HandOff(id, handoff) => {
            Spelled::post(vec![CONSULTATIONS, id.as_str(), "handoff"]).saying(handoff)?
        }
        Op::AddNote(id, note) => Spelled::post(vec![CONSULTATIONS, id.as_str(), "notes"]).saying(note)?,
        Op::BreakGlass(id, new) => {
            Spelled::post(vec![CONSULTATIONS, id.as_str(), "break-glass"]).saying(new)?
        }
        Op::CloseGlass(id) => Spelled::new(Method::DELETE, vec![CONSULTATIONS, id.as_str(), "break-glass"]),
        Op::ListGlass => Spelled::get(vec!["break-glass"]),
        Op::ListAppointments(filter) => Spelled::get(vec!["appointments"])
            .with("patientId", filter.patient.as_ref())
            .with("physicianId", filter.physician.as_ref())
            .with("startDate", filter.from)
            .with("endDate", filter.to),
        Op::CreateAppointment(new) => Spelled::post(vec!["appointments"]).saying(new)?,
        Op::UpdateAppointment(id, update) => {
            Spelled::put(vec!["appointments", id.as_str()]).saying(update)?
        }
        Op::Respond(id, response) => {
            Spelled::post(vec!["appointments", id.as_str(), "response"]).saying(response)?
        }
        Op::ListMessages(filter) => Spelled::get(vec!["messages"])
            .with("consultationId", Some(&filter.consultation))
            .with("userId", filter.person.as_ref())
            .with("before", filter.before.as_ref())
            .with("limit", Some(filter.limit))
            .with("offset", Some(filter.offset)),
        Op::CreateMessage(new) => Spelled::post(vec!["messages"]).saying(new)?,
        Op::MarkRead(id, read) => Spelled::post(vec!["messages", id.as_str(), "read"]).saying(read)?,
        Op::ReadKey(id) => Spelled::get(vec!["keys", id.as_str()]),
        Op::CreateAttachment(id, bytes) => Spelled {
            payload: Payload::Bytes(bytes.clone()),
            ..Spelled::post(vec!["attachments"]).with("consultationId", Some(id))
        },
        Op::ReadAttachment(id) => Spelled::get(vec!["attachments", id]),
        Op::SearchPatients { words, limit } => {
            Spelled::get(vec!["patients"]).with("query", words.as_ref()).with("limit", Some(limit))
        }
        Op::ReadPatient(id) => Spelled::get(vec!["patients", id]),
        Op::ListPhysicians(specialty) => {
            Spelled::get(vec!["physicians"]).with("specialty", specialty.as_ref())
        }
        Op::ReadPhysician(id) => Spelled::get(vec!["physicians", id]),
        Op::UpdateAvailability(update) => {
            Spelled::put(vec!["physicians", "me", "availability"]).saying(update)?
        }
        Op::ListSpecialties => Spelled::get(vec!["specialties"]),
        Op::CreateKioskCode(new) => Spelled::post(vec!["kiosk-codes"]).saying(new)?,
        Op::CreateKioskSession(new) => Spelled::post(vec!["kiosk-sessions"]).saying(new)?,
        Op::ReadSession => Spelled::get(vec!["session"]),
        Op::EndSession => Spelled::new(Method::DELETE, vec!["session"]),
        Op::ReadPolicy => Spelled::get(vec!["policy"]),
        Op::KeepAnchor(anchor) => Spelled::post(vec!["audit", "anchors"]).saying(anchor)?,
        Op::ListChanges { since, limit } => {
            Spelled::get(vec!["changes"]).with("since", since.as_ref()).with("limit", Some(limit))
        }
        Op::ListAccounts => Spelled::get(vec!["test", "accounts"]),
        Op::TestSignIn { code } => Spelled::post(vec!["test", "sign-in"]).saying(&json!({ "code": code }))?,
    })
}

fn headers(call: &Call, own_token: bool) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Problem::field(name, "holds a character that no header can carry"))?;
        headers.insert(HeaderName::from_static(name), value);
        Ok::<_, Problem>(())
    };
    if let (Actor::Person(person), false) = (&call.actor, own_token) {
        add(ON_BEHALF_OF, &BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(person)?))?;
    }
    if let Some(once) = &call.once {
        add("idempotency-key", &once.key)?;
    }
    match &call.if_match {
        None => {}
        Some(Versions::Any) => add("if-match", "*")?,
        Some(Versions::Of(versions)) => {
            let tags: Vec<String> = versions.iter().map(|version| format!("\"{version}\"")).collect();
            // A condition that no version meets stays one.
            let tags = if tags.is_empty() { "\"none\"".to_owned() } else { tags.join(", ") };
            add("if-match", &tags)?;
        }
    }
    if call.sealed {
        add("accept-envelope", "3")?;
    }
    if let Some(reason) = &call.reason {
        add("break-glass-reason", &utf8_percent_encode(reason, NON_ALPHANUMERIC).to_string())?;
    }
    add("x-request-id", &call.trace.request_id)?;
    // Believed only where the upstream counts this gateway among its own proxies.
    add("x-forwarded-for", &call.trace.address)?;
    Ok(headers)
}

fn outcome(call: &Call, answer: Answer) -> Result<Outcome, Problem> {
    if !answer.status.is_success() {
        return refused(call, &answer);
    }
    let outcome = match (&call.op, answer.status.as_u16()) {
        (_, 204) => Outcome::done(),
        (Op::ReadAttachment(_), 200) => Outcome::with(200, Body::Bytes(answer.body)),
        (op, 200) if is_list(op) => listed(op, &answer)?,
        (op, status @ (200 | 201)) if !is_list(op) && !matches!(op, Op::ReadAttachment(_)) => {
            record(status, answer)?
        }
        _ => return Err(Fault::Nonsense("its answer is not what was asked for").into()),
    };
    let patient = whose(call).or_else(|| outcome.patient.clone());
    Ok(Outcome { patient, ..outcome })
}

const fn is_list(op: &Op) -> bool {
    matches!(
        op,
        Op::ListConsultations(_)
            | Op::ListAppointments(_)
            | Op::ListMessages(_)
            | Op::ListGlass
            | Op::SearchPatients { .. }
            | Op::ListPhysicians(_)
            | Op::ListSpecialties
            | Op::ListAccounts
    )
}

/// Rows as they came.
fn listed(op: &Op, answer: &Answer) -> Result<Outcome, Problem> {
    let rows: Vec<&RawValue> = serde_json::from_slice(&answer.body)
        .map_err(|_| Fault::Nonsense("its answer is not the list that was asked for"))?;
    let rows: Vec<String> = rows.into_iter().map(|row| row.get().to_owned()).collect();
    let (limit, offset) = match op {
        Op::ListConsultations(filter) => (filter.limit, filter.offset),
        Op::ListMessages(filter) => (filter.limit, filter.offset),
        _ => (u32::MAX, 0),
    };
    Ok(match answer.total() {
        Some(total) => Outcome::page(rows, total, offset),
        None => {
            let more = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= limit;
            Outcome { listing: Some(Listing { total: None, more }), ..Outcome::with(200, Body::Rows(rows)) }
        }
    })
}

/// A record as it came, read only for what the audit log names.
fn record(status: u16, answer: Answer) -> Result<Outcome, Problem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Glance {
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        patient_id: Option<PersonId>,
    }
    let glance: Glance = answer.json()?;
    let version =
        answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()?.trim_matches('"').parse().ok());
    let json = String::from_utf8(answer.body).map_err(|_| Fault::Nonsense("its answer is not UTF-8"))?;
    let made = glance.id.filter(|_| status == 201);
    Ok(Outcome { version, patient: glance.patient_id, made, ..Outcome::with(status, Body::Json(json)) })
}

/// Whose record it is, as far as the call itself tells.
fn whose(call: &Call) -> Option<PersonId> {
    if let Some(me) = call.actor.patient() {
        return Some(me.id.clone());
    }
    match &call.op {
        Op::CreateMessage(new) => Some(new.to_id.clone()),
        op => op.patient(),
    }
}

/// A refusal as the upstream put it.
fn refused(call: &Call, answer: &Answer) -> Result<Outcome, Problem> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Said {
        error: Value,
        message: Value,
        details: Vec<InvalidField>,
        current: Option<Value>,
    }
    let said: Said = answer.json().unwrap_or_default();
    let code = match answer.status.as_u16() {
        400 => "VALIDATION_ERROR",
        // A session that its giver does not know (any more) has ended.
        401 if matches!(call.op, Op::EndSession) => return Ok(Outcome::done()),
        403 if said.error == "SIGN_IN_REFUSED" => return Err(Problem::SignInRefused),
        403 => "FORBIDDEN",
        404 => return Err(Problem::NotFound),
        409 => "CONFLICT",
        410 => return Err(Problem::CursorExpired),
        412 => "PRECONDITION_FAILED",
        413 => "PAYLOAD_TOO_LARGE",
        429 => return Err(answer.too_many()),
        _ => return Err(Fault::Nonsense("its refusal has no meaning here").into()),
    };
    let sentence: String = said
        .message
        .as_str()
        .unwrap_or("ChatEHR does not accept this.")
        .chars()
        .filter(|sign| !sign.is_control())
        .take(MAX_SENTENCE)
        .collect();
    let mut details = said.details;
    details.truncate(MAX_FIELDS);
    Err(Problem::Relayed(Box::new(Relayed {
        status: answer.status,
        code,
        message: sentence,
        details,
        current: said.current.filter(Value::is_object),
    })))
}

#[cfg(test)]
mod tests;
