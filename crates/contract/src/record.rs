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
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consultation {
    /// Opaque id, the server's.
    pub id: ConsultationId,
    /// Who asks.
    pub patient_id: PersonId,
    /// Who has taken it.
    #[serde(default)]
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
    pub version: u64,
    /// What happened, oldest first; empty on a server without.
    #[serde(default)]
    pub history: Vec<HistoryEntry>,
    /// Everything else. Keys of ours: `escalation`, `declinedBy`.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

impl Consultation {
    /// When an answer is due, where the server says so.
    pub fn escalation(&self) -> Option<Escalation> {
        serde_json::from_value(self.metadata.get("escalation")?.clone()).ok()
    }

    /// Whether this person has declined it.
    pub fn was_declined_by(&self, person: &PersonId) -> bool {
        self.metadata
            .get("declinedBy")
            .and_then(Value::as_array)
            .is_some_and(|ids| ids.iter().any(|id| id.as_str() == Some(person.as_str())))
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

/// `metadata.escalation`: how long there is to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Escalation {
    /// How many people have let it pass.
    pub level: u32,
    /// Until when somebody should have answered.
    pub ack_due_at: Timestamp,
}

/// One step in a consultation's life.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Who; the server itself has none.
    #[serde(default)]
    pub actor_id: Option<PersonId>,
    /// What: `created`, `status`, `declined`, `note`.
    pub action: String,
    /// The status before, where it changed.
    #[serde(default)]
    pub from: Option<ConsultationStatus>,
    /// The status after, where it changed.
    #[serde(default)]
    pub to: Option<ConsultationStatus>,
    /// A note or reason in words.
    #[serde(default)]
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
    pub consultation_id: Option<ConsultationId>,
    /// When it begins.
    pub date_time: Timestamp,
    /// Minutes.
    #[serde(default = "half_an_hour")]
    pub duration: u32,
    /// What kind, in words: `consultation`, `follow-up`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Where it stands.
    pub status: AppointmentStatus,
    /// In words.
    #[serde(default)]
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
    pub metadata: Map<String, Value>,
}

impl Message {
    /// The sender's own name for it.
    pub fn envelope_id(&self) -> Option<EnvelopeId> {
        self.metadata.get("envelopeId").and_then(Value::as_str).map(EnvelopeId::new)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A specialty as GET /specialties tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Specialty {
    /// Its word on the wire.
    pub code: SpecialtyCode,
    /// Its English name.
    pub name: String,
    /// What it is for, in a patient's words.
    pub description: String,
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
