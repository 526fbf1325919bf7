//! Server-sent events: ids and urgency, no free text (wire contract, section 2, `events`).

use serde::{Deserialize, Serialize};

use crate::{AppointmentId, ConsultationId, MessageId, PersonId, Urgency};

/// What happened. The record itself is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum EventKind {
    /// A consultation was made, changed, or left this person's view.
    #[serde(rename = "consultation.changed")]
    ConsultationChanged {
        /// Which.
        consultation_id: ConsultationId,
        /// Its version after the change.
        #[serde(default)]
        version: u64,
        /// So that an alert need not wait for the fetch.
        urgency: Urgency,
    },
    /// A message arrived.
    #[serde(rename = "message.created")]
    MessageCreated {
        /// In which consultation.
        consultation_id: ConsultationId,
        /// Which.
        message_id: MessageId,
    },
    /// Somebody has read a conversation up to here.
    #[serde(rename = "message.read")]
    MessageRead {
        /// In which consultation.
        consultation_id: ConsultationId,
        /// The latest that was read.
        message_id: MessageId,
        /// Who has read.
        person_id: PersonId,
    },
    /// A request that waits for an answer has gone a step on: acknowledged, passed to the next, or to nobody.
    #[serde(rename = "escalation.changed")]
    EscalationChanged {
        /// Which.
        consultation_id: ConsultationId,
        /// Its version after the change.
        #[serde(default)]
        version: u64,
        /// So that an alert need not wait for the fetch.
        urgency: Urgency,
    },
    /// An appointment was made or changed.
    #[serde(rename = "appointment.changed")]
    AppointmentChanged {
        /// Which.
        appointment_id: AppointmentId,
    },
    /// Somebody has opened a record that is not theirs, in an emergency. Told to administrators alone.
    #[serde(rename = "break_glass.opened")]
    GlassBroken {
        /// Which.
        consultation_id: ConsultationId,
        /// Who.
        person_id: PersonId,
    },
    /// The server cannot replay from where the listener was: start again from nothing.
    #[serde(rename = "reset")]
    Reset,
    /// A kind of a newer server.
    #[serde(other)]
    Unknown,
}

/// One event with its place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEvent {
    /// Opaque place in the stream, for `Last-Event-ID`.
    pub id: Option<String>,
    /// What happened.
    pub kind: EventKind,
}
