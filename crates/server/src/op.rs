//! Everything that can be asked of a ChatEHR, as one type: what a surface reads, a provider does, and the audit log
//! names. How it is spelled over HTTP is the surface's; what it needs is the access table's.

use chatehr_contract::{
    AppointmentId, AppointmentResponse, AvailabilityUpdate, ConsultationId, ConsultationStatus,
    ConsultationUpdate, Decline, Handoff, MessageId, NewAnchor, NewBreakGlass, NewConsultation, NewKioskCode,
    NewKioskSession, NewMessage, NewNote, PersonId, ReadUpTo, SpecialtyCode, Timestamp, Urgency,
    access::Action,
};
use serde::Serialize;

use crate::appointment::{AppointmentUpdate, NewAppointment};

/// Which consultations, within what is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConsultationFilter {
    pub(crate) patient: Option<String>,
    pub(crate) physician: Option<String>,
    pub(crate) status: Option<ConsultationStatus>,
    pub(crate) specialty: Option<SpecialtyCode>,
    pub(crate) urgency: Option<Urgency>,
    /// Emergency, urgent, routine, then oldest first; else newest first.
    pub(crate) triage: bool,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

/// Which appointments, within what is seen. Both ends belong to the range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AppointmentFilter {
    pub(crate) patient: Option<String>,
    pub(crate) physician: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// Which messages of a consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageFilter {
    pub(crate) consultation: ConsultationId,
    /// From or to this person.
    pub(crate) person: Option<String>,
    /// The latest before this one, instead of a place from the beginning.
    pub(crate) before: Option<MessageId>,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

/// One thing that is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    ListConsultations(ConsultationFilter),
    ReadConsultation(ConsultationId),
    CreateConsultation(NewConsultation),
    UpdateConsultation(ConsultationId, ConsultationUpdate),
    Acknowledge(ConsultationId),
    Decline(ConsultationId, Decline),
    HandOff(ConsultationId, Handoff),
    AddNote(ConsultationId, NewNote),
    BreakGlass(ConsultationId, NewBreakGlass),
    CloseGlass(ConsultationId),
    ListGlass,
    ListAppointments(AppointmentFilter),
    CreateAppointment(NewAppointment),
    UpdateAppointment(AppointmentId, AppointmentUpdate),
    Respond(AppointmentId, AppointmentResponse),
    ListMessages(MessageFilter),
    CreateMessage(NewMessage),
    MarkRead(ConsultationId, ReadUpTo),
    ReadKey(ConsultationId),
    CreateAttachment(ConsultationId, Vec<u8>),
    ReadAttachment(String),
    SearchPatients { words: Option<String>, limit: u32 },
    ReadPatient(String),
    ListPhysicians(Option<SpecialtyCode>),
    ReadPhysician(String),
    UpdateAvailability(AvailabilityUpdate),
    ListSpecialties,
    CreateKioskCode(NewKioskCode),
    CreateKioskSession(NewKioskSession),
    ReadSession,
    EndSession,
    ReadPolicy,
    KeepAnchor(NewAnchor),
    ListChanges { since: Option<String>, limit: u32 },
    ListAccounts,
    TestSignIn { code: String },
}

impl Op {
    /// The row of the access table, and the word in the audit log.
    pub(crate) const fn action(&self) -> Action {
        match self {
            Self::ListConsultations(_) => Action::ConsultationList,
            Self::ReadConsultation(_) => Action::ConsultationRead,
            Self::CreateConsultation(_) => Action::ConsultationCreate,
            Self::UpdateConsultation(..) => Action::ConsultationUpdate,
            Self::Acknowledge(_) => Action::ConsultationAcknowledge,
            Self::Decline(..) => Action::ConsultationDecline,
            Self::HandOff(..) => Action::ConsultationHandoff,
            Self::AddNote(..) => Action::ConsultationNote,
            Self::BreakGlass(..) => Action::BreakGlass,
            Self::CloseGlass(_) => Action::GlassClose,
            Self::ListGlass => Action::GlassList,
            Self::ListAppointments(_) => Action::AppointmentList,
            Self::CreateAppointment(_) => Action::AppointmentCreate,
            Self::UpdateAppointment(..) => Action::AppointmentUpdate,
            Self::Respond(..) => Action::AppointmentRespond,
            Self::ListMessages(_) => Action::MessageList,
            Self::CreateMessage(_) => Action::MessageCreate,
            Self::MarkRead(..) => Action::MessageReceipt,
            Self::ReadKey(_) => Action::KeyRead,
            Self::CreateAttachment(..) => Action::AttachmentCreate,
            Self::ReadAttachment(_) => Action::AttachmentRead,
            Self::SearchPatients { .. } => Action::PatientSearch,
            Self::ReadPatient(_) => Action::PatientRead,
            Self::ListPhysicians(_) | Self::ReadPhysician(_) => Action::PhysicianRead,
            Self::UpdateAvailability(_) => Action::AvailabilityUpdate,
            Self::ListSpecialties => Action::SpecialtyList,
            Self::CreateKioskCode(_) => Action::KioskCodeCreate,
            Self::CreateKioskSession(_) => Action::KioskSessionCreate,
            Self::ReadSession => Action::SessionRead,
            Self::EndSession => Action::SessionEnd,
            Self::ReadPolicy => Action::PolicyRead,
            Self::KeepAnchor(_) => Action::AnchorCreate,
            Self::ListChanges { .. } => Action::ChangeList,
            Self::ListAccounts => Action::AccountList,
            Self::TestSignIn { .. } => Action::TestSignIn,
        }
    }

    /// The ids that it names, for the audit log.
    pub(crate) fn objects(&self) -> Vec<String> {
        let one = |id: &str| vec![id.to_owned()];
        match self {
            Self::ReadConsultation(id)
            | Self::UpdateConsultation(id, _)
            | Self::Acknowledge(id)
            | Self::Decline(id, _)
            | Self::HandOff(id, _)
            | Self::AddNote(id, _)
            | Self::BreakGlass(id, _)
            | Self::CloseGlass(id)
            | Self::MarkRead(id, _)
            | Self::ReadKey(id)
            | Self::CreateAttachment(id, _) => one(id.as_str()),
            Self::ListMessages(filter) => one(filter.consultation.as_str()),
            Self::CreateMessage(new) => one(new.consultation_id.as_str()),
            Self::UpdateAppointment(id, _) | Self::Respond(id, _) => one(id.as_str()),
            Self::ReadAttachment(id) | Self::ReadPatient(id) | Self::ReadPhysician(id) => one(id),
            Self::KeepAnchor(anchor) => one(&anchor.device_id),
            _ => Vec::new(),
        }
    }

    /// The patient that it names by itself, for the audit log.
    pub(crate) fn patient(&self) -> Option<PersonId> {
        match self {
            Self::CreateConsultation(new) => Some(new.patient_id.clone()),
            Self::CreateAppointment(new) => Some(new.patient_id.clone()),
            Self::CreateKioskCode(new) => Some(new.patient_id.clone()),
            Self::ReadPatient(id) => Some(PersonId::new(id.as_str())),
            _ => None,
        }
    }

    /// Whether the answer holds what opens a door: it is told once and kept nowhere.
    pub(crate) const fn gives_a_secret(&self) -> bool {
        matches!(self, Self::CreateKioskCode(_) | Self::CreateKioskSession(_) | Self::TestSignIn { .. })
    }

    /// Whether it changes anything.
    pub(crate) const fn writes(&self) -> bool {
        !matches!(
            self,
            Self::ListConsultations(_)
                | Self::ReadConsultation(_)
                | Self::ListGlass
                | Self::ListAppointments(_)
                | Self::ListMessages(_)
                | Self::ReadKey(_)
                | Self::ReadAttachment(_)
                | Self::SearchPatients { .. }
                | Self::ReadPatient(_)
                | Self::ListPhysicians(_)
                | Self::ReadPhysician(_)
                | Self::ListSpecialties
                | Self::ReadSession
                | Self::ReadPolicy
                | Self::ListChanges { .. }
                | Self::ListAccounts
        )
    }
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// The record's version, where it has one.
    pub(crate) version: Option<u64>,
    /// With a list.
    pub(crate) listing: Option<Listing>,
    /// Whose record it was, for the audit log.
    pub(crate) patient: Option<PersonId>,
    /// The id of what was made, for the audit log.
    pub(crate) made: Option<String>,
}

/// JSON as it will be sent, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Json(String),
    Rows(Vec<String>),
    Bytes(Vec<u8>),
    Nothing,
}

/// What goes with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// How many there are in all, where that was counted.
    pub(crate) total: Option<u64>,
    /// Whether there is more than this page.
    pub(crate) more: bool,
}

impl Outcome {
    /// A record or another object.
    pub(crate) fn of(status: u16, record: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self::with(status, Body::Json(serde_json::to_string(record)?)))
    }

    /// A whole list.
    pub(crate) fn list<T: Serialize>(rows: &[T]) -> Result<Self, serde_json::Error> {
        let rows = rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let listing = Listing { total: u64::try_from(rows.len()).ok(), more: false };
        Ok(Self { listing: Some(listing), ..Self::with(200, Body::Rows(rows)) })
    }

    /// A page of a list.
    pub(crate) fn page(rows: Vec<String>, total: u64, offset: u32) -> Self {
        let shown = u64::from(offset).saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        let listing = Listing { total: Some(total), more: shown < total };
        Self { listing: Some(listing), ..Self::with(200, Body::Rows(rows)) }
    }

    /// Nothing but that it was done.
    pub(crate) const fn done() -> Self {
        Self::with(204, Body::Nothing)
    }

    pub(crate) const fn with(status: u16, body: Body) -> Self {
        Self { status, body, version: None, listing: None, patient: None, made: None }
    }

    pub(crate) fn version(self, version: u64) -> Self {
        Self { version: Some(version), ..self }
    }

    pub(crate) fn about(self, patient: &PersonId) -> Self {
        Self { patient: Some(patient.clone()), ..self }
    }

    pub(crate) fn making(self, id: &str) -> Self {
        Self { made: Some(id.to_owned()), ..self }
    }
}
