//! An entry as a FHIR R4 AuditEvent.
//!
//! One that tells of a read, query, create, update or delete that happened claims the IHE Basic Audit Log Patterns
//! profile of its kind (BALP 1.1.3, `IHE.BasicAudit.Read` and its kin, the `Patient` ones where there is a patient)
//! and has what that profile asks for. BALP's profiles are of what happened: a refusal or failure has the same parts
//! and claims none, nor does what BALP has no profile for, such as signing in.
//!
//! The kind follows from the last part of the action's word (`consultation.read`) and, for what is not about records,
//! from the first (`emergency.begin`). The text of a query is content and not in the log: where the profile wants it
//! stands the action's word. BALP has room for one object as data; more follow as entities of another type.

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_STANDARD};
use chatehr_contract::Role;
use serde_json::{Value, json};

use crate::entry::{Entry, LogId, Outcome};

const PROFILES: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
const PARTICIPANT: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Who kept the log, and where the records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorder<'a> {
    /// The name of the machine that kept the log.
    pub observer: &'a str,
    /// Whether that is a person's workstation and not the server.
    pub is_workstation: bool,
    /// The server's address, a URL.
    pub server: &'a str,
}

/// A code with its system and words.
type Code = (&'static str, &'static str, &'static str);

const REST: Code = (EVENT_TYPE, "rest", "RESTful Operation");
const SOURCE_ROLE: Code = (DICOM, "110153", "Source Role ID");
const DESTINATION_ROLE: Code = (DICOM, "110152", "Destination Role ID");
const APPLICATION: Code = (DICOM, "110150", "Application");
const RECIPIENT: Code = (PARTICIPATION, "IRCP", "information recipient");
const AUTHOR: Code = (PARTICIPATION, "AUT", "author (originator)");
const SYSTEM_OBJECT: Code = (ENTITY_TYPE, "2", "System Object");
const OTHER: Code = (ENTITY_TYPE, "4", "Other");
const DOMAIN_RESOURCE: Code = (OBJECT_ROLE, "4", "Domain Resource");
const CUSTODIAN: Code = (PARTICIPANT, "custodian", "Custodian");

/// What kind of event an action is.
struct Kind {
    /// The end of the BALP profile's name.
    profile: Option<&'static str>,
    event: Code,
    subtype: Option<Code>,
    /// R4's audit-event-action.
    action: &'static str,
    client: Code,
    server: Code,
    user: Option<Code>,
}

impl Kind {
    fn of(action: &str) -> Self {
        let area = action.split('.').next().unwrap_or(action);
        let verb = action.rsplit('.').next().unwrap_or(action);
        let dicom = |event, event_words, sub, sub_words, action| Self {
            event: (DICOM, event, event_words),
            subtype: Some((DICOM, sub, sub_words)),
            ..Self::other(action)
        };
        match (area, verb) {
            ("emergency", "begin" | "start") => {
                dicom("110113", "Security Alert", "110127", "Emergency Override Started", "E")
            }
            ("emergency", "end" | "stop") => {
                dicom("110113", "Security Alert", "110138", "Emergency Override Stopped", "E")
            }
            ("program" | "server", "start") => {
                dicom("110100", "Application Activity", "110120", "Application Start", "E")
            }
            ("program" | "server", "stop") => {
                dicom("110100", "Application Activity", "110121", "Application Stop", "E")
            }
            ("settings" | "configuration", _) => {
                dicom("110113", "Security Alert", "110131", "Software Configuration", "U")
            }
            ("audit", _) => {
                Self { event: (DICOM, "110101", "Audit Log Used"), subtype: None, ..Self::other("R") }
            }
            (_, "sign_in" | "sign-in" | "login") => {
                dicom("110114", "User Authentication", "110122", "Login", "E")
            }
            (_, "sign_out" | "sign-out" | "logout") => {
                dicom("110114", "User Authentication", "110123", "Logout", "E")
            }
            (_, "export" | "print") => {
                Self { event: (DICOM, "110106", "Export"), subtype: None, ..Self::other("R") }
            }
            (_, "read" | "view" | "open") => Self {
                client: DESTINATION_ROLE,
                server: SOURCE_ROLE,
                user: Some(RECIPIENT),
                ..Self::rest("Read", "read", "R")
            },
            (_, "list" | "search" | "query") => {
                Self { user: Some(RECIPIENT), ..Self::rest("Query", "search", "E") }
            }
            (_, "create" | "send" | "request" | "write" | "add") => Self::rest("Create", "create", "C"),
            (
                _,
                "update" | "assign" | "accept" | "decline" | "start" | "complete" | "cancel" | "release"
                | "transfer" | "confirm" | "arrive" | "escalate" | "mark",
            ) => Self::rest("Update", "update", "U"),
            (_, "delete" | "remove") => {
                Self { client: APPLICATION, server: CUSTODIAN, ..Self::rest("Delete", "delete", "D") }
            }
            _ => Self::other("E"),
        }
    }

    /// What goes to the server.
    const fn rest(profile: &'static str, interaction: &'static str, action: &'static str) -> Self {
        Self {
            profile: Some(profile),
            event: REST,
            subtype: Some((INTERACTION, interaction, interaction)),
            action,
            client: SOURCE_ROLE,
            server: DESTINATION_ROLE,
            user: Some(AUTHOR),
        }
    }

    const fn other(action: &'static str) -> Self {
        Self {
            profile: None,
            event: REST,
            subtype: Some((INTERACTION, "operation", "operation")),
            action,
            client: SOURCE_ROLE,
            server: DESTINATION_ROLE,
            user: None,
        }
    }
}

pub(super) fn audit_event(entry: &Entry, log_id: &LogId, recorder: &Recorder<'_>) -> Value {
    let said = &entry.said;
    let kind = Kind::of(&said.action);
    let workstation = string(&said.workstation);
    let outcome = match said.outcome {
        Outcome::Success => "0",
        Outcome::Refused => "4",
        Outcome::Failed => "8",
    };
    let profile = kind.profile.filter(|_| said.outcome == Outcome::Success && workstation.is_some());
    let patient = if said.patient.is_some() { "Patient" } else { "" };
    let recorded_by = match recorder.is_workstation {
        true => (SOURCE_TYPE, "1", "User Device"),
        false => (SOURCE_TYPE, "4", "Application Server"),
    };
    let is_emergency = said.action.starts_with("emergency.");
    without_nulls(json!({
        "resourceType": "AuditEvent",
        "id": format!("{log_id}-{}", entry.seq),
        "meta": profile.map(|profile| json!({ "profile": [format!("{PROFILES}{patient}{profile}")] })),
        "type": code(kind.event),
        "subtype": kind.subtype.map(|subtype| [code(subtype)]),
        "action": kind.action,
        "recorded": said.at,
        "outcome": outcome,
        "outcomeDesc": said.reason.as_deref().and_then(string),
        "purposeOfEvent": is_emergency.then(|| json!([concept((ACT_REASON, "BTG", "break the glass"))])),
        "agent": agents(entry, &kind, recorder),
        "source": { "observer": reference(Some("Device"), recorder.observer), "type": [code(recorded_by)] },
        "entity": entities(entry, kind.profile == Some("Query")),
    }))
}

/// The machine it was done at, the server it was done to, and the one who did it.
fn agents(entry: &Entry, kind: &Kind, recorder: &Recorder<'_>) -> Vec<Value> {
    let said = &entry.said;
    let user = said.actor.as_deref().and_then(string);
    let network = string(&said.workstation).map(|address| {
        let is_address = address.parse::<IpAddr>().is_ok();
        json!({ "address": address, "type": if is_address { "2" } else { "1" } })
    });
    let resource = match said.role {
        Role::Patient => Some("Patient"),
        // FHIR counts those who run a practice among its practitioners.
        Role::Physician | Role::Nurse | Role::Admin => Some("Practitioner"),
        Role::Other(_) => None,
    };
    let mut agents = vec![
        json!({
            "type": concept(kind.client),
            "who": reference(Some("Device"), &said.workstation),
            "requestor": user.is_none(),
            "network": network,
        }),
        json!({
            "type": concept(kind.server),
            "who": reference(Some("Device"), recorder.server),
            "requestor": false,
            "network": { "address": string(recorder.server), "type": "5" },
        }),
    ];
    agents.extend(user.map(|user| {
        json!({
            "type": kind.user.map(concept),
            "role": string(said.role.as_str()).map(|role| json!([{ "text": role }])),
            "who": reference(resource, &user),
            "requestor": true,
        })
    }));
    agents
}

/// What it was done to, whose that is, and where the log has it.
fn entities(entry: &Entry, is_query: bool) -> Vec<Value> {
    let said = &entry.said;
    let resource = match said.action.split('.').next() {
        Some("consultation") => Some("ServiceRequest"),
        Some("message") => Some("Communication"),
        Some("appointment") => Some("Appointment"),
        _ => None,
    };
    let entity = |what: Value, kind, role| json!({ "what": what, "type": code(kind), "role": code(role) });
    let mut objects = said.objects.iter().map(|object| reference(resource, object));
    let mut entities = Vec::new();
    if is_query {
        entities.push(json!({
            "type": code(SYSTEM_OBJECT),
            "role": code((OBJECT_ROLE, "24", "Query")),
            "query": BASE64_STANDARD.encode(&said.action),
        }));
    } else {
        let what = objects.next().unwrap_or_else(|| json!({ "display": said.action }));
        entities.push(entity(what, SYSTEM_OBJECT, DOMAIN_RESOURCE));
    }
    entities.extend(objects.map(|what| entity(what, OTHER, DOMAIN_RESOURCE)));
    entities.extend(said.patient.as_ref().map(|patient| {
        let what = reference(Some("Patient"), patient.as_str());
        entity(what, (ENTITY_TYPE, "1", "Person"), (OBJECT_ROLE, "1", "Patient"))
    }));
    let mut detail = vec![
        json!({ "type": "action", "valueString": said.action }),
        json!({ "type": "previousHash", "valueString": entry.previous_hash }),
        json!({ "type": "hash", "valueString": entry.hash }),
    ];
    detail.extend(string(&said.session).map(|session| json!({ "type": "session", "valueString": session })));
    entities.push(json!({ "type": code(OTHER), "name": "audit log entry", "detail": detail }));
    entities
}

/// FHIR leaves out what there is not.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.into_iter().filter(|(_, member)| !member.is_null());
            there.map(|(name, member)| (name, without_nulls(member))).collect()
        }
        Value::Array(members) => members.into_iter().map(without_nulls).collect(),
        plain => plain,
    }
}

fn concept(of: Code) -> Value {
    json!({ "coding": [code(of)] })
}

fn code((system, code, display): Code) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

/// By its id as FHIR writes one, where it is one, and always by our own identifier.
fn reference(resource: Option<&str>, id: &str) -> Value {
    let Some(identifier) = string(id) else { return json!({ "display": "unknown" }) };
    let is_id = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    let literal = resource.filter(|resource| is_id && *resource != "Device");
    json!({
        "reference": literal.map(|resource| format!("{resource}/{id}")),
        "type": resource,
        "identifier": { "value": identifier },
    })
}

/// FHIR's string: not empty, and of all white space only blanks, tabs and line ends (R4, section 2.24.0.1).
fn string(text: &str) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    (!text.trim().is_empty()).then_some(text)
}
