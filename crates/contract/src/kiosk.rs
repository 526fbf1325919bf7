//! What the kiosk's window shows and asks: one patient, for minutes, in memory only.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AppointmentStatus, ConsultationId, ConsultationStatus, EnvelopeId, ErrorReport, MessageBody, PersonName,
    SpecialtyCode, Timestamp, Urgency,
};

/// Whether the kiosk can be used, and by whom it is being used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KioskState {
    /// Why nothing can be asked for now, told before the person types.
    pub problem: Option<ErrorReport>,
    /// Who is signed in.
    pub person: Option<KioskPerson>,
    /// Seconds without a touch until the warning.
    pub warn_after: u32,
    /// Seconds from the warning to the reset.
    pub reset_after: u32,
}

/// The patient at the kiosk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KioskPerson {
    /// Name in parts.
    pub name: PersonName,
}

impl fmt::Debug for KioskPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KioskPerson(…)")
    }
}

/// Sign in with the code from staff.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KioskSignIn {
    /// Six digits.
    pub code: String,
}

impl fmt::Debug for KioskSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KioskSignIn(…)")
    }
}

/// A request for a consultation, as reviewed and confirmed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KioskRequest {
    /// Made by the window once per review, so that pressing Send twice asks once.
    pub request_id: EnvelopeId,
    /// Asked again by the kiosk itself, and not by a person's press.
    #[serde(default)]
    pub by_itself: bool,
    /// One of the twelve.
    pub specialty: SpecialtyCode,
    /// In the patient's own judgement.
    pub urgency: Urgency,
    /// 1 to 5,000 characters.
    pub description: String,
}

impl fmt::Debug for KioskRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KioskRequest").field("urgency", &self.urgency).finish_non_exhaustive()
    }
}

/// The server's word that the request was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KioskReceipt {
    /// Which.
    pub id: ConsultationId,
    /// When.
    pub received_at: Timestamp,
    /// How soon, as recorded.
    pub urgency: Urgency,
    /// Which pool.
    pub specialty: SpecialtyCode,
}

/// One appointment of the patient.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KioskAppointment {
    /// When it begins.
    pub date_time: Timestamp,
    /// Minutes.
    pub duration: u32,
    /// Whom they will see.
    pub physician: Option<PersonName>,
    /// Where it stands.
    pub status: AppointmentStatus,
}

impl fmt::Debug for KioskAppointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KioskAppointment").field("status", &self.status).finish_non_exhaustive()
    }
}

/// One message of the patient's consultations.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KioskMessage {
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// Which pool it belongs to.
    pub specialty: SpecialtyCode,
    /// Where that stands.
    pub status: ConsultationStatus,
    /// Whether the patient wrote it.
    pub mine: bool,
    /// Who wrote it.
    pub from: Option<PersonName>,
    /// The words, or why they cannot be shown.
    pub body: MessageBody,
    /// When the server took it.
    pub at: Timestamp,
}

impl fmt::Debug for KioskMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KioskMessage").field("consultation_id", &self.consultation_id).finish_non_exhaustive()
    }
}
