//! The three records of the wire contract, section 1, with what we add to them.
//!
//! Added fields are optional, so a record of the original reads as well. `Debug` shows ids and codes, never text.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    AppointmentId, AppointmentStatus, ConsultationId, ConsultationStatus, EnvelopeId, MessageId, MessageKind,
    PersonId, SpecialtyCode, Timestamp, Urgency,
};

/// A request for a physician's attention, and its life.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Consultation {
    /// Opaque id, the server's.
    pub id: ConsultationId,
    /// Who asks.
    pub patient_id: PersonId,
    /// Who has taken it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub physician_id: Option<PersonId>,
    /// Which pool it belongs to.
    pub specialty: SpecialtyCode,
    /// How soon.
    pub urgency: Urgency,
    /// The patient's words, 1 to 5,000 characters.
    pub description: String,
    /// Where it stands.
    pub status: ConsultationStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes (feature `etag`); 0 on a server without.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub version: u64,
    /// What happened, oldest first; empty on a server without.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub history: Vec<HistoryEntry>,
    /// Everything else. Keys of ours: `escalation`, `declinedBy`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true, schema_with = described::consultation_metadata))]
    pub metadata: Map<String, Value>,
}

impl Consultation {
    /// When an answer is due, where the server says so.
    pub fn escalation(&self) -> Option<Escalation> {
        serde_json::from_value(self.metadata.get("escalation")?.clone()).ok()
    }

    /// What was said of it in words, oldest first: notes, and reasons for a decline or a hand-off.
    pub fn notes(&self) -> impl Iterator<Item = (&HistoryEntry, &str)> {
        self.history.iter().filter_map(|entry| Some((entry, entry.note.as_deref()?)))
    }

    /// Whether this person has declined it.
    pub fn was_declined_by(&self, person: &PersonId) -> bool {
        self.metadata
            .get("declinedBy")
            .and_then(Value::as_array)
            .is_some_and(|ids| ids.iter().any(|id| id.as_str() == Some(person.as_str())))
    }

    /// Whether somebody else has put this person in charge, and they have done nothing with it yet, nor said that they
    /// have seen it.
    pub fn was_handed_to(&self, person: &PersonId) -> bool {
        let by_them = |entry: &HistoryEntry| entry.actor_id.as_ref() == Some(person);
        let last = self
            .history
            .iter()
            .rfind(|entry| entry.action == "handed_off" || (by_them(entry) && entry.action != "note"));
        self.physician_id.as_ref() == Some(person)
            && matches!(self.status, ConsultationStatus::Assigned | ConsultationStatus::InProgress)
            && last.is_some_and(|last| last.action == "handed_off" && !by_them(last))
    }
}

impl fmt::Debug for Consultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consultation")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("urgency", &self.urgency)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// `metadata.escalation`: how long there is to answer, and who is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Escalation {
    /// How many steps it has gone: each time that nobody answered, or that who was asked declined.
    pub level: u32,
    /// Until when somebody should have answered. Past, and no longer moving, with [`EscalationState::NoRecipients`].
    pub ack_due_at: Timestamp,
    /// What is being waited for.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub state: EscalationState,
    /// Who is asked now; nobody in particular while the whole pool is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<PersonId>,
    /// How many steps are left after this one.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub targets_left: u32,
    /// Who has been asked, in order: nobody is asked twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<PersonId>,
    /// Who has said that they have seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<PersonId>,
    /// When they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Whether having been seen has already given more time. It does so once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extended: bool,
}

/// Where a request that waits stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EscalationState {
    /// Somebody is asked and has not answered.
    #[default]
    Waiting,
    /// Somebody has seen it and has not accepted it yet.
    Acknowledged,
    /// Nobody is left to ask. The requester and the administrators are told.
    NoRecipients,
}

/// One step in a consultation's life.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Who; the server itself has none.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub actor_id: Option<PersonId>,
    /// What: `created`, `status`, `acknowledged`, `declined`, `handed_off`, `escalated`, `note`.
    pub action: String,
    /// The status before, where it changed.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub from: Option<ConsultationStatus>,
    /// The status after, where it changed.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub to: Option<ConsultationStatus>,
    /// A note or reason in words.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub note: Option<String>,
}

impl fmt::Debug for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryEntry")
            .field("at", &self.at)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// A time that a patient and a physician have agreed on.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Appointment {
    /// Opaque id.
    pub id: AppointmentId,
    /// Who comes.
    pub patient_id: PersonId,
    /// Who sees them.
    pub physician_id: PersonId,
    /// What it follows from.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub consultation_id: Option<ConsultationId>,
    /// When it begins.
    pub date_time: Timestamp,
    /// Minutes.
    #[serde(default = "half_an_hour")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub duration: u32,
    /// What kind, in words: `consultation`, `follow-up`.
    #[serde(rename = "type", default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub kind: String,
    /// Where it stands.
    pub status: AppointmentStatus,
    /// In words.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub notes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The original's default duration, in minutes.
const fn half_an_hour() -> u32 {
    30
}

impl fmt::Debug for Appointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appointment")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// One message of a consultation.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Opaque id, the server's.
    pub id: MessageId,
    /// Who wrote it; the server decides, from the token.
    pub from_id: PersonId,
    /// To whom.
    pub to_id: PersonId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// An envelope (wire contract, section 4), or clear text from a server that knows none.
    pub content: String,
    /// What it carries.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// When the server took it.
    pub timestamp: Timestamp,
    /// Everything else. Key of ours: `envelopeId`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true, schema_with = described::message_metadata))]
    pub metadata: Map<String, Value>,
}

impl Message {
    /// The sender's own name for it.
    pub fn envelope_id(&self) -> Option<EnvelopeId> {
        self.metadata.get("envelopeId").and_then(Value::as_str).map(EnvelopeId::new)
    }

    /// When it was first handed to whom it is for (feature `receipts`).
    pub fn delivered_at(&self) -> Option<Timestamp> {
        self.time("deliveredAt")
    }

    /// When they said that they had read it (feature `receipts`).
    pub fn read_at(&self) -> Option<Timestamp> {
        self.time("readAt")
    }

    fn time(&self, key: &str) -> Option<Timestamp> {
        self.metadata.get(key)?.as_str()?.parse().ok()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A specialty as GET /specialties tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Specialty {
    /// Its word on the wire.
    pub code: SpecialtyCode,
    /// Its English name.
    pub name: String,
    /// What it is for, in a patient's words.
    pub description: String,
}

/// What the free part of a record has of ours, for the server's description of itself.
#[cfg(feature = "openapi")]
mod described {
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{ArrayBuilder, Object, ObjectBuilder, Ref, RefOr, Schema, schema::Type},
    };

    use crate::{Escalation, PersonId, Timestamp};

    fn object() -> ObjectBuilder {
        ObjectBuilder::new().additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::<
            Schema,
        >::FreeForm(true)))
    }

    pub(super) fn consultation_metadata() -> Object {
        let person = || Ref::from_schema_name(PersonId::name());
        object()
            .property("escalation", Ref::from_schema_name(Escalation::name()))
            .property("declinedBy", ArrayBuilder::new().items(person()))
            .property("createdBy", person())
            .property("createdByRole", ObjectBuilder::new().schema_type(Type::String))
            .property("preferredPhysicianId", person())
            .build()
    }

    pub(super) fn message_metadata() -> Object {
        let at = |about: &str| -> RefOr<Schema> {
            match Timestamp::schema() {
                RefOr::T(Schema::Object(mut object)) => {
                    object.description = Some(about.to_owned());
                    object.into()
                }
                other => other,
            }
        };
        object()
            .property("envelopeId", ObjectBuilder::new().schema_type(Type::String))
            .property("deliveredAt", at("When it was first handed to whom it is for"))
            .property("readAt", at("When they said that they had read it"))
            .build()
    }
}

/// The twelve: code, English name, and what it is for in a patient's words.
pub const SPECIALTIES: &[(SpecialtyCode, &str, &str)] = &[
    (SpecialtyCode::Cardiology, "Cardiology", "Heart and blood pressure"),
    (SpecialtyCode::Dermatology, "Dermatology", "Skin, hair and nails"),
    (SpecialtyCode::Endocrinology, "Endocrinology", "Diabetes, thyroid and hormones"),
    (SpecialtyCode::Gastroenterology, "Gastroenterology", "Stomach, bowel and liver"),
    (SpecialtyCode::Neurology, "Neurology", "Head, nerves and brain"),
    (SpecialtyCode::Oncology, "Oncology", "Cancer care"),
    (SpecialtyCode::Orthopedics, "Orthopedics", "Bones, joints and muscles"),
    (SpecialtyCode::Pediatrics, "Pediatrics", "Children and teenagers"),
    (SpecialtyCode::Psychiatry, "Psychiatry", "Mood, sleep and mental health"),
    (SpecialtyCode::Pulmonology, "Pulmonology", "Lungs and breathing"),
    (SpecialtyCode::Radiology, "Radiology", "X-ray and scans"),
    (SpecialtyCode::PrimaryCare, "Primary care", "Anything else, or not sure"),
];
