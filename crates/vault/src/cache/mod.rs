//! `cache.db`: what the server has said.
//!
//! Each record is kept whole as JSON beside the columns that are searched and sorted by, so that a field which only
//! a later program understands is not lost meanwhile.

mod counts;
mod read;
mod retention;
mod search;
mod write;

use std::fmt;

use chatehr_contract::{
    Appointment, Consultation, ConsultationId, ListScope, Message, Patient, PersonId, Physician,
    SpecialtyCode, Timestamp,
};

pub use retention::Forgotten;
pub(crate) use search::INDEX_WORD;
pub use search::SearchHit;
use zeroize::Zeroizing;

/// One thing that the server has said.
#[derive(Clone)]
pub enum CacheChange {
    /// A consultation as it is now. One that is older than what is held changes nothing.
    Consultation(Consultation),
    /// It left this person's view: it goes, with its messages and its key.
    ConsultationGone(ConsultationId),
    /// Every consultation that this person may see, as the server has them now; any other goes as in
    /// [`ConsultationGone`](Self::ConsultationGone).
    AllConsultations(Vec<Consultation>),
    /// A message.
    Message {
        /// As it came.
        message: Message,
        /// Its words; `None` when it is still sealed or does not open. Words once held stay while the content does, with
        /// sender, receiver and consultation. What another message has said under the same envelope's name is not said
        /// again: this one counts as unreadable.
        text: Option<String>,
        /// Whether it was tried and does not open.
        unreadable: bool,
    },
    /// An appointment.
    Appointment(Appointment),
    /// Every appointment of a half-open range of time; any other in the range goes.
    AppointmentsIn {
        /// From, inclusive.
        from: Timestamp,
        /// To, exclusive.
        to: Timestamp,
        /// All of them.
        rows: Vec<Appointment>,
    },
    /// A patient.
    Patient(Patient),
    /// Every physician; any other goes.
    Physicians(Vec<Physician>),
    /// The key of a conversation.
    MessageKey {
        /// Whose.
        consultation: ConsultationId,
        /// The name of the root secret it comes from.
        kid: String,
        /// The key.
        key: Zeroizing<Vec<u8>>,
    },
    /// The place in the event stream up to which everything is here; `None` forgets it.
    LastEvent(Option<String>),
    /// When everything was last in step.
    SyncedAt(Timestamp),
}

impl fmt::Debug for CacheChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consultation(consultation) => {
                f.debug_tuple("Consultation").field(&consultation.id).finish()
            }
            Self::ConsultationGone(id) => f.debug_tuple("ConsultationGone").field(id).finish(),
            Self::AllConsultations(all) => f.debug_tuple("AllConsultations").field(&all.len()).finish(),
            Self::Message { message, .. } => f.debug_tuple("Message").field(&message.id).finish(),
            Self::Appointment(appointment) => f.debug_tuple("Appointment").field(&appointment.id).finish(),
            Self::AppointmentsIn { rows, .. } => f.debug_tuple("AppointmentsIn").field(&rows.len()).finish(),
            Self::Patient(patient) => f.debug_tuple("Patient").field(&patient.id).finish(),
            Self::Physicians(all) => f.debug_tuple("Physicians").field(&all.len()).finish(),
            Self::MessageKey { consultation, .. } => f.debug_tuple("MessageKey").field(consultation).finish(),
            Self::LastEvent(event) => f.debug_tuple("LastEvent").field(event).finish(),
            Self::SyncedAt(at) => f.debug_tuple("SyncedAt").field(at).finish(),
        }
    }
}

/// Asks for a page of consultations.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<'a> {
    /// Which list.
    pub scope: ListScope,
    /// For whom.
    pub person: &'a PersonId,
    /// The pools that this person takes from; the queue shows these alone.
    pub specialties: &'a [SpecialtyCode],
    /// One specialty only.
    pub specialty: Option<&'a SpecialtyCode>,
    /// Rows to pass over.
    pub offset: u32,
    /// Rows to return.
    pub limit: u32,
}

/// A message as it is held.
#[derive(Clone, PartialEq)]
pub struct StoredMessage {
    /// As it came.
    pub message: Message,
    /// Its words, once it was opened.
    pub text: Option<String>,
    /// Whether it was tried and does not open.
    pub unreadable: bool,
}

impl fmt::Debug for StoredMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMessage")
            .field("message", &self.message)
            .field("opened", &self.text.is_some())
            .field("unreadable", &self.unreadable)
            .finish_non_exhaustive()
    }
}

/// The key of a conversation as it is held.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The name of the root secret it comes from.
    pub kid: String,
    /// The key.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
