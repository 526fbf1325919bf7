//! Every route, declared once: where it is on each surface, how it is read, and what is said of it.
//!
//! The routers, the OpenAPI descriptions, the limits and the tests of access all come from this one table.

use chatehr_contract::{
    Account, AppointmentResponse, AvailabilityUpdate, BrokenGlass, Consultation, ConsultationUpdate, Decline,
    Handoff, KioskCode, Message, NewAnchor, NewBreakGlass, NewConsultation, NewKioskCode, NewKioskSession,
    NewMessage, NewNote, Patient, Physician, ReadUpTo, Receipt, Session, Specialty, access::Action,
};

use super::{
    asked::Asked,
    read,
    schema::{Model, bytes, change_page, message_key, model, rows, signed_anchor, signed_policy, who},
};
use crate::{
    appointment::{AppointmentUpdate, NewAppointment},
    op::Op,
    problem::Problem,
    rate::Class,
    store::StoredAppointment,
};

/// Bytes that a request's body may have: a message's 10,000 characters, each escaped as two halves (`\ud83e\udec0`).
pub(crate) const MAX_BODY_BYTES: usize = 128 * 1024;
/// Bytes that an attachment may have.
pub(crate) const MAX_ATTACHMENT_BYTES: usize = 10 * 1024 * 1024;

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// What a route takes as its body.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    Nothing,
    Json(Model),
    Bytes,
}

/// A parameter of the query.
#[derive(Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
    pub(crate) needed: bool,
}

/// What values a parameter has.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Words(fn() -> Vec<String>),
    Number { least: u32, most: u32, otherwise: u32 },
    Moment,
}

/// A route on one surface or both.
pub(crate) struct Route {
    pub(crate) action: Action,
    pub(crate) method: Verb,
    /// Below `/v1`.
    pub(crate) bare: Option<&'static str>,
    /// Below `/api/chatehr`.
    pub(crate) envelope: Option<&'static str>,
    pub(crate) class: Class,
    pub(crate) takes: Takes,
    pub(crate) read: fn(&mut Asked) -> Result<Op, Problem>,
    pub(crate) about: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) status: u16,
    pub(crate) gives: Model,
    pub(crate) example: Option<&'static str>,
}

impl Route {
    const fn get(action: Action, read: fn(&mut Asked) -> Result<Op, Problem>, gives: Model) -> Self {
        Self {
            action,
            method: Verb::Get,
            bare: None,
            envelope: None,
            class: Class::Read,
            takes: Takes::Nothing,
            read,
            about: "",
            params: &[],
            status: 200,
            gives,
            example: None,
        }
    }

    const fn post(action: Action, read: fn(&mut Asked) -> Result<Op, Problem>, gives: Model) -> Self {
        let get = Self::get(action, read, gives);
        Self { method: Verb::Post, class: Class::Write, ..get }
    }

    const fn put(action: Action, read: fn(&mut Asked) -> Result<Op, Problem>, gives: Model) -> Self {
        let get = Self::get(action, read, gives);
        Self { method: Verb::Put, class: Class::Write, ..get }
    }

    const fn on(self, path: &'static str) -> Self {
        Self { bare: Some(path), envelope: Some(path), ..self }
    }

    const fn on_each(self, bare: Option<&'static str>, envelope: Option<&'static str>) -> Self {
        Self { bare, envelope, ..self }
    }

    const fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    const fn creates(self) -> Self {
        Self { status: 201, ..self }
    }

    const fn with(self, params: &'static [Param]) -> Self {
        Self { params, ..self }
    }

    const fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    const fn like(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Its path on a surface.
    pub(crate) const fn path(&self, face: super::face::Face) -> Option<&'static str> {
        match face {
            super::face::Face::Bare => self.bare,
            super::face::Face::Envelope => self.envelope,
        }
    }

    /// Bytes that its body may have.
    pub(crate) const fn max_body(&self) -> usize {
        match self.takes {
            Takes::Bytes => MAX_ATTACHMENT_BYTES,
            _ => MAX_BODY_BYTES,
        }
    }
}

const fn param(name: &'static str, kind: Kind, about: &'static str) -> Param {
    Param { name, kind, about, needed: false }
}

fn statuses() -> Vec<String> {
    chatehr_contract::ConsultationStatus::ALL.iter().map(ToString::to_string).collect()
}

fn specialties() -> Vec<String> {
    chatehr_contract::SpecialtyCode::ALL.iter().map(ToString::to_string).collect()
}

fn urgencies() -> Vec<String> {
    chatehr_contract::Urgency::ALL.iter().map(ToString::to_string).collect()
}

fn orders() -> Vec<String> {
    vec!["newest".to_owned(), "triage".to_owned()]
}

const LIMIT: Param = param("limit", Kind::Number { least: 1, most: 100, otherwise: 20 }, "Rows to return");
const LIMIT_50: Param = param("limit", Kind::Number { least: 1, most: 100, otherwise: 50 }, "Rows to return");
const OFFSET: Param =
    param("offset", Kind::Number { least: 0, most: u32::MAX, otherwise: 0 }, "Rows to pass over");
const PATIENT: Param = param("patientId", Kind::Text, "Of this patient alone");
const PHYSICIAN: Param = param("physicianId", Kind::Text, "Of this physician alone");

/// All of them, but for health, events and the descriptions of the surfaces themselves.
pub(crate) static ROUTES: &[Route] = &[
    Route::get(Action::ConsultationList, read::list_consultations, rows::<Consultation>)
        .on("/consultations")
        .with(&[
            PATIENT,
            PHYSICIAN,
            param("status", Kind::Words(statuses), "In this status alone"),
            param("specialty", Kind::Words(specialties), "Of this specialty alone"),
            param("urgency", Kind::Words(urgencies), "Of this urgency alone"),
            param("sort", Kind::Words(orders), "Newest first, or emergency, urgent, routine and then oldest first"),
            LIMIT,
            OFFSET,
        ])
        .about("Consultations that the caller may see"),
    Route::post(Action::ConsultationCreate, read::create_consultation, model::<Consultation>)
        .on("/consultations")
        .takes(Takes::Json(model::<NewConsultation>))
        .creates()
        .like(r#"{"patientId": "patient-2041", "specialty": "cardiology", "urgency": "urgent", "description": "Chest tightness since this morning"}"#)
        .about("Ask for a consultation"),
    Route::get(Action::ConsultationRead, read::read_consultation, model::<Consultation>)
        .on("/consultations/{id}")
        .about("One consultation"),
    Route::put(Action::ConsultationUpdate, read::update_consultation, model::<Consultation>)
        .on("/consultations/{id}")
        .takes(Takes::Json(model::<ConsultationUpdate>))
        .like(r#"{"status": "assigned", "notes": "I will look at it within the hour"}"#)
        .about("Move a consultation on: accept, release, start, complete, cancel"),
    Route::post(Action::ConsultationAcknowledge, read::acknowledge, model::<Consultation>)
        .on("/consultations/{id}/acknowledge")
        .about("Say that a request has been seen"),
    Route::post(Action::ConsultationDecline, read::decline, model::<Consultation>)
        .on("/consultations/{id}/decline")
        .takes(Takes::Json(model::<Decline>))
        .like(r#"{"reason": "In surgery until noon"}"#)
        .about("Say no to a request; if it was asked of the caller, the next is asked at once"),
    Route::post(Action::ConsultationHandoff, read::hand_off, model::<Consultation>)
        .on("/consultations/{id}/handoff")
        .takes(Takes::Json(model::<Handoff>))
        .like(r#"{"physicianId": "physician-13", "reason": "On leave from tomorrow"}"#)
        .about("Give a consultation to a colleague, or to a specialty's pool"),
    Route::post(Action::ConsultationNote, read::add_note, model::<Consultation>)
        .on("/consultations/{id}/notes")
        .takes(Takes::Json(model::<NewNote>))
        .like(r#"{"text": "Called back: the pain is gone, she waits for your answer"}"#)
        .about("Leave a note for colleagues in a consultation's history; the patient does not read it"),
    Route::post(Action::BreakGlass, read::break_glass, model::<BrokenGlass>)
        .on("/consultations/{id}/break-glass")
        .takes(Takes::Json(model::<NewBreakGlass>))
        .creates()
        .like(r#"{"reason": "Brought in unconscious, no relatives"}"#)
        .about("Open somebody else's record and conversation in an emergency, for a limited time"),
    Route {
        method: Verb::Delete,
        ..Route::post(Action::GlassClose, read::close_glass, bytes)
            .on("/consultations/{id}/break-glass")
            .about("Close what the caller has opened in an emergency")
    },
    Route::get(Action::GlassList, read::list_glass, rows::<BrokenGlass>)
        .on("/break-glass")
        .about("Who has opened what in an emergency, latest first"),
    Route::get(Action::AppointmentList, read::list_appointments, rows::<StoredAppointment>)
        .on_each(None, Some("/appointments"))
        .with(&[
            PATIENT,
            PHYSICIAN,
            param("startDate", Kind::Moment, "From this day or instant on; today when absent"),
            param("endDate", Kind::Moment, "To the end of this day, or to this instant; in 30 days when absent"),
        ])
        .about("Appointments that the caller may see, soonest first"),
    Route::get(Action::AppointmentList, read::list_all_appointments, rows::<StoredAppointment>)
        .on_each(Some("/appointments"), None)
        .with(&[
            PATIENT,
            PHYSICIAN,
            param("startDate", Kind::Moment, "From this day or instant on"),
            param("endDate", Kind::Moment, "To the end of this day, or to this instant"),
        ])
        .about("Appointments that the caller may see, soonest first"),
    Route::post(Action::AppointmentCreate, read::create_appointment, model::<StoredAppointment>)
        .on("/appointments")
        .takes(Takes::Json(model::<NewAppointment>))
        .creates()
        .like(r#"{"patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2026-11-24T09:30:00.000Z", "duration": 30}"#)
        .about("Make an appointment"),
    Route::put(Action::AppointmentUpdate, read::update_appointment, model::<StoredAppointment>)
        .on("/appointments/{id}")
        .takes(Takes::Json(model::<AppointmentUpdate>))
        .like(r#"{"status": "arrived"}"#)
        .about("Change an appointment; whose it is stays"),
    Route::post(Action::AppointmentRespond, read::respond, model::<StoredAppointment>)
        .on("/appointments/{id}/response")
        .takes(Takes::Json(model::<AppointmentResponse>))
        .like(r#"{"participantStatus": "declined", "comment": "I am away that week"}"#)
        .about("The patient's word on an appointment; a decline asks for a cancellation"),
    Route::get(Action::MessageList, read::list_messages, rows::<Message>)
        .on_each(Some("/messages"), Some("/messages/{consultationId}"))
        .with(&[
            param("userId", Kind::Text, "From or to this person alone"),
            param("before", Kind::Text, "The latest before this message, by its id"),
            LIMIT_50,
            OFFSET,
        ])
        .about("A conversation, oldest first. An administrator gives a reason in Break-Glass-Reason"),
    Route::post(Action::MessageCreate, read::create_message, model::<Message>)
        .on("/messages")
        .takes(Takes::Json(model::<NewMessage>))
        .creates()
        .like(r#"{"toId": "patient-2041", "consultationId": "consultation-3068", "content": "How long did it last?"}"#)
        .about("Write to the other participant. Clear text is sealed before it is stored"),
    Route::post(Action::MessageReceipt, read::mark_read, model::<Receipt>)
        .on("/messages/{consultationId}/read")
        .takes(Takes::Json(model::<ReadUpTo>))
        .like(r#"{"upTo": "message-7365"}"#)
        .about("Say how far the caller has read"),
    Route::get(Action::KeyRead, read::read_key, message_key)
        .on("/keys/{consultationId}")
        .about("The key that seals and opens a conversation's messages"),
    Route::post(Action::AttachmentCreate, read::create_attachment, model::<super::schema::Attachment>)
        .on("/attachments")
        .with(&[Param { needed: true, ..param("consultationId", Kind::Text, "Where it belongs") }])
        .takes(Takes::Bytes)
        .creates()
        .about("Add a sealed file of at most 10 MiB to a conversation"),
    Route::get(Action::AttachmentRead, read::read_attachment, bytes)
        .on("/attachments/{id}")
        .about("A sealed file, as it was added"),
    Route::get(Action::PatientSearch, read::search_patients, rows::<Patient>)
        .on("/patients")
        .with(&[param("query", Kind::Text, "Words of a name or id"), LIMIT])
        .about("Patients that the caller may see"),
    Route::get(Action::PatientRead, read::read_patient, model::<Patient>)
        .on("/patients/{id}")
        .about("One patient"),
    Route::get(Action::PhysicianRead, read::list_physicians, rows::<Physician>)
        .on("/physicians")
        .with(&[param("specialty", Kind::Words(specialties), "Of this specialty alone")])
        .about("Physicians"),
    Route::get(Action::PhysicianRead, read::read_physician, model::<Physician>)
        .on("/physicians/{id}")
        .about("One physician"),
    Route::put(Action::AvailabilityUpdate, read::update_availability, model::<Physician>)
        .on("/physicians/me/availability")
        .takes(Takes::Json(model::<AvailabilityUpdate>))
        .like(r#"{"onCall": true, "availability": "available"}"#)
        .about("Whether the caller is on call and can be reached"),
    Route::get(Action::SpecialtyList, read::list_specialties, rows::<Specialty>)
        .on("/specialties")
        .about("The twelve specialties"),
    Route::post(Action::KioskCodeCreate, read::create_kiosk_code, model::<KioskCode>)
        .on("/kiosk-codes")
        .takes(Takes::Json(model::<NewKioskCode>))
        .creates()
        .like(r#"{"patientId": "patient-2041"}"#)
        .about("A code by which a patient signs in at a kiosk, once, within 15 minutes"),
    Route::post(Action::KioskSessionCreate, read::create_kiosk_session, model::<Session>)
        .on("/kiosk-sessions")
        .takes(Takes::Json(model::<NewKioskSession>))
        .creates()
        .class(Class::SignIn)
        .like(r#"{"code": "402913", "birthDate": "1959-03-14"}"#)
        .about("Sign a patient in at a kiosk, for 15 minutes"),
    Route::get(Action::SessionRead, read::read_session, who)
        .on("/session")
        .about("Who the token stands for"),
    Route {
        method: Verb::Delete,
        ..Route::post(Action::SessionEnd, read::end_session, bytes)
            .on("/session")
            .about("End a session that this server gave")
    },
    Route::get(Action::PolicyRead, read::read_policy, signed_policy)
        .on("/policy")
        .about("The clinic's rules for workstations, signed"),
    Route::post(Action::AnchorCreate, read::keep_anchor, signed_anchor)
        .on("/audit/anchors")
        .takes(Takes::Json(model::<NewAnchor>))
        .creates()
        .like(r#"{"deviceId": "ward-3", "count": 1204, "head": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}"#)
        .about("Leave the head of a workstation's audit log, to be counter-signed"),
    Route::get(Action::ChangeList, read::list_changes, change_page)
        .on("/changes")
        .with(&[
            param("since", Kind::Text, "A cursor, or the id of an event; from nothing when absent"),
            param("limit", Kind::Number { least: 1, most: 500, otherwise: 100 }, "Changes to look at"),
        ])
        .about("What has changed since, of what the caller may see"),
    Route::get(Action::AccountList, read::list_accounts, rows::<Account>)
        .on_each(Some("/test/accounts"), None)
        .about("The test accounts of a demonstration"),
    Route::post(Action::TestSignIn, read::test_sign_in, model::<Session>)
        .on_each(Some("/test/sign-in"), None)
        .takes(Takes::Json(model::<super::schema::TestCode>))
        .class(Class::SignIn)
        .like(r#"{"code": "482913"}"#)
        .about("Sign in as a test account of a demonstration"),
];

/// A route as it is declared: what is asked, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The row of the access table.
    pub action: Action,
    /// HTTP's word.
    pub method: &'static str,
    /// Below `/v1`.
    pub bare: Option<&'static str>,
    /// Below `/api/chatehr`.
    pub envelope: Option<&'static str>,
}

/// Every place where something can be asked with a token, so that no test of access forgets one.
pub fn routes() -> impl Iterator<Item = Place> {
    let events = Place {
        action: Action::EventListen,
        method: Verb::Get.as_str(),
        bare: Some("/events"),
        envelope: Some("/events"),
    };
    ROUTES
        .iter()
        .map(|route| Place {
            action: route.action,
            method: route.method.as_str(),
            bare: route.bare,
            envelope: route.envelope,
        })
        .chain([events])
}
