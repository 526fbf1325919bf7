//! What may be asked about appointments, with its validation.

use chatehr_contract::{
    Appointment, AppointmentStatus, ConsultationId, InvalidField, MAX_DESCRIPTION_CHARS, PersonId, Timestamp,
    check_id,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest appointment: a day, in minutes.
const MAX_MINUTES: u32 = 24 * 60;
/// Longest word for the kind of an appointment.
const MAX_KIND_CHARS: usize = 100;

/// POST /appointments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewAppointment {
    /// Who comes.
    pub(crate) patient_id: PersonId,
    /// Who sees them.
    pub(crate) physician_id: PersonId,
    /// What it follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) consultation_id: Option<ConsultationId>,
    /// When it begins.
    pub(crate) date_time: Timestamp,
    /// Minutes; half an hour when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub(crate) duration: Option<u32>,
    /// What kind, in words.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) kind: Option<String>,
    /// Booked when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<AppointmentStatus>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5000)]
    pub(crate) notes: Option<String>,
}

/// PUT /appointments/:id. Whose it is does not change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppointmentUpdate {
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date_time: Option<Timestamp>,
    /// Minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub(crate) duration: Option<u32>,
    /// What kind, in words.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) kind: Option<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<AppointmentStatus>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5000)]
    pub(crate) notes: Option<String>,
}

impl NewAppointment {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub(crate) fn problems(&self) -> Vec<InvalidField> {
        let mut problems =
            problems(self.duration, self.kind.as_ref(), self.status.as_ref(), self.notes.as_ref());
        check_id(&mut problems, "patientId", self.patient_id.as_str());
        check_id(&mut problems, "physicianId", self.physician_id.as_str());
        if let Some(id) = &self.consultation_id {
            check_id(&mut problems, "consultationId", id.as_str());
        }
        problems
    }
}

impl AppointmentUpdate {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub(crate) fn problems(&self) -> Vec<InvalidField> {
        problems(self.duration, self.kind.as_ref(), self.status.as_ref(), self.notes.as_ref())
    }

    /// Changes what it names.
    pub(crate) fn apply(&self, to: &mut Appointment) {
        if let Some(date_time) = self.date_time {
            to.date_time = date_time;
        }
        if let Some(duration) = self.duration {
            to.duration = duration;
        }
        if let Some(kind) = &self.kind {
            to.kind.clone_from(kind);
        }
        if let Some(status) = &self.status {
            to.status = status.clone();
        }
        if let Some(notes) = &self.notes {
            to.notes.clone_from(notes);
        }
    }
}

fn problems(
    duration: Option<u32>,
    kind: Option<&String>,
    status: Option<&AppointmentStatus>,
    notes: Option<&String>,
) -> Vec<InvalidField> {
    let mut problems = Vec::new();
    if duration.is_some_and(|minutes| !(1..=MAX_MINUTES).contains(&minutes)) {
        problems.push(InvalidField::new("duration", "must be 1 to 1440 minutes"));
    }
    if kind.is_some_and(|kind| kind.is_empty() || kind.chars().count() > MAX_KIND_CHARS) {
        problems.push(InvalidField::new("type", "must be 1 to 100 characters"));
    }
    if status.is_some_and(|status| !status.is_known()) {
        problems.push(InvalidField::new("status", "is not a word of the contract"));
    }
    for (path, text) in [("type", kind), ("notes", notes)] {
        if text.is_some_and(|text| text.contains('\0')) {
            problems.push(InvalidField::new(path, "must not contain NUL"));
        }
    }
    if notes.is_some_and(|notes| notes.chars().count() > MAX_DESCRIPTION_CHARS) {
        problems.push(InvalidField::new("notes", "must be at most 5000 characters"));
    }
    problems
}
