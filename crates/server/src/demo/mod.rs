//! Riverside Clinic: the people, requests, conversations and calendar that demonstrations and tests run on.
//!
//! Promises: the same `now` gives the same clinic to the byte, laid out around that instant, so that countdowns
//! run and the day has appointments behind it and ahead. Every record passes the contract's own validation and
//! life cycle. Refuses: clocks, randomness and real people; all of it is invented.

mod arrivals;
mod brief;
mod calendar;
mod consultations;
pub(crate) mod large;
mod people;
#[cfg(test)]
mod tests;
mod threads;

use chatehr_contract::{
    Account, Appointment, Consultation, ConsultationId, MessageId, Patient, PersonId, Physician, Timestamp,
};

pub(crate) use arrivals::arrival;

/// All that a demonstration server starts with.
pub(crate) struct Clinic {
    /// Sixty, from six months to 96 years.
    pub(crate) patients: Vec<Patient>,
    /// Fourteen over the twelve specialties.
    pub(crate) physicians: Vec<Physician>,
    /// Those who can sign in, with their codes.
    pub(crate) accounts: Vec<Account>,
    /// Eighty in every status, oldest first.
    pub(crate) consultations: Vec<Consultation>,
    /// A hundred and fifty, ascending.
    pub(crate) appointments: Vec<Appointment>,
    /// Four hundred, oldest first.
    pub(crate) messages: Vec<DemoMessage>,
}

/// A message in clear text; the server seals it before it stores it.
pub(crate) struct DemoMessage {
    /// `message-7001` and on.
    pub(crate) id: MessageId,
    /// In which consultation.
    pub(crate) consultation_id: ConsultationId,
    /// Who wrote it.
    pub(crate) from_id: PersonId,
    /// To whom.
    pub(crate) to_id: PersonId,
    /// The words.
    pub(crate) text: String,
    /// When the server took it.
    pub(crate) at: Timestamp,
}

/// The clinic as it stands at `now`.
pub(crate) fn clinic(now: Timestamp) -> Clinic {
    let patients = people::patients(now);
    let physicians = people::physicians();
    let accounts = people::accounts(&patients, &physicians);
    let (consultations, messages) = consultations::all(now);
    let appointments = calendar::all(now, &consultations);
    Clinic { patients, physicians, accounts, consultations, appointments, messages }
}

/// The beginning of now's day in UTC.
const fn midnight(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis() - now.millis().rem_euclid(86_400_000))
}
