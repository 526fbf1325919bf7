//! Who sees what (wire contract, section 2, "Visible"), for one record and as a condition for lists.
//!
//! Both forms say the same; a test holds them to it. A role that has no rule sees nothing.

use chatehr_contract::{Consultation, ConsultationStatus, PersonId, Role, SpecialtyCode};
use serde::{Deserialize, Serialize};

use crate::{
    identity::{Actor, Person},
    store::StoredAppointment,
};

/// A condition for the `WHERE` of a list and the two parameters it names.
pub(crate) struct Condition {
    pub(crate) sql: &'static str,
    /// `:me`
    pub(crate) me: String,
    /// `:pools`, a JSON array of specialties.
    pub(crate) pools: String,
}

/// Whether the record may be seen.
pub(crate) fn sees(actor: &Actor, consultation: &Consultation) -> bool {
    let Actor::Person(person) = actor else { return true };
    match person.role {
        Role::Admin => true,
        Role::Patient => consultation.patient_id == person.id,
        Role::Physician => {
            consultation.physician_id.as_ref() == Some(&person.id)
                || pool(consultation).is_some_and(|pool| person.specialties.contains(pool))
        }
        Role::Other(_) => false,
    }
}

/// The same as a condition over the table of consultations.
pub(crate) fn consultations_seen_by(actor: &Actor) -> Condition {
    condition(
        actor,
        "patient_id = :me",
        "(physician_id = :me OR (status = 'pending' AND physician_id IS NULL \
          AND specialty IN (SELECT value FROM json_each(:pools))))",
    )
}

/// Whether the appointment may be seen: by those two, and by who oversees.
pub(crate) fn sees_appointment(actor: &Actor, appointment: &StoredAppointment) -> bool {
    let record = &appointment.record;
    actor.oversees()
        || actor.patient().is_some_and(|person| person.id == record.patient_id)
        || actor.physician().is_some_and(|person| person.id == record.physician_id)
}

/// The same as a condition over the table of appointments.
pub(crate) fn appointments_seen_by(actor: &Actor) -> Condition {
    condition(actor, "patient_id = :me", "physician_id = :me")
}

/// A condition over the table of patients: themselves; those whom a physician treats or might; all.
pub(crate) fn patients_seen_by(actor: &Actor) -> Condition {
    condition(
        actor,
        "id = :me",
        "(id IN (SELECT patient_id FROM consultations WHERE physician_id = :me \
                 OR (status = 'pending' AND physician_id IS NULL \
                     AND specialty IN (SELECT value FROM json_each(:pools)))) \
          OR id IN (SELECT patient_id FROM appointments WHERE physician_id = :me))",
    )
}

/// Every condition names both parameters, so that they can always be bound.
fn condition(actor: &Actor, patient: &'static str, physician: &'static str) -> Condition {
    let Actor::Person(Person { id, role, specialties }) = actor else {
        return Condition { sql: "1", me: String::new(), pools: "[]".to_owned() };
    };
    let sql = match role {
        Role::Admin => "1",
        Role::Patient => patient,
        Role::Physician => physician,
        Role::Other(_) => "0",
    };
    let pools = serde_json::to_string(specialties).unwrap_or_else(|_| "[]".to_owned());
    Condition { sql, me: id.as_str().to_owned(), pools }
}

/// Whether the person takes part in the conversation: the patient and the physician in charge.
pub(crate) fn takes_part(actor: &Actor, consultation: &Consultation) -> bool {
    actor.patient().is_some_and(|person| person.id == consultation.patient_id)
        || actor.physician().is_some_and(|person| consultation.physician_id.as_ref() == Some(&person.id))
}

/// Whether a physician who does not see the record (any more) may be told that it was taken: only one who could
/// have taken it.
pub(crate) fn could_have_taken(actor: &Actor, consultation: &Consultation) -> bool {
    actor.physician().is_some_and(|person| person.specialties.contains(&consultation.specialty))
        && consultation.status != ConsultationStatus::Pending
}

/// The pool in which an unassigned request waits.
pub(crate) fn pool(consultation: &Consultation) -> Option<&SpecialtyCode> {
    (consultation.status == ConsultationStatus::Pending && consultation.physician_id.is_none())
        .then_some(&consultation.specialty)
}

/// Who hears of an event. Fixed when it happens, so that a replay tells each the same as the live stream did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audience {
    pub(crate) people: Vec<PersonId>,
    pub(crate) pools: Vec<SpecialtyCode>,
    /// Whether administrators hear of it: of records, not of messages.
    pub(crate) admins: bool,
}

impl Audience {
    /// Those who see the consultation, and those who saw it before this change: their last word of it.
    pub(crate) fn of_change(before: Option<&Consultation>, after: &Consultation) -> Self {
        let mut audience = Self { admins: true, ..Self::default() };
        for record in before.into_iter().chain([after]) {
            audience.people.push(record.patient_id.clone());
            audience.people.extend(record.physician_id.clone());
            audience.pools.extend(pool(record).cloned());
        }
        audience.people.sort();
        audience.people.dedup();
        audience.pools.dedup();
        audience
    }

    pub(crate) fn includes(&self, actor: &Actor) -> bool {
        let Actor::Person(person) = actor else { return true };
        match person.role {
            Role::Admin => self.admins,
            Role::Patient => self.people.contains(&person.id),
            Role::Physician => {
                self.people.contains(&person.id)
                    || self.pools.iter().any(|pool| person.specialties.contains(pool))
            }
            Role::Other(_) => false,
        }
    }
}
