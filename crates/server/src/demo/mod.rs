//! Riverside Clinic: the people, requests, conversations and calendar that demonstrations and tests run on.
//!
//! Promises: the same `now` gives the same clinic to the byte, laid out around that instant, so that countdowns
//! run and the day has appointments behind it and ahead. Every record passes the contract's own validation and
//! life cycle. Refuses: clocks, randomness and real people; all of it is invented.

mod arrivals;
mod brief;
mod calendar;
mod consultations;
mod people;
#[cfg(test)]
mod tests;
mod threads;

use chatehr_contract::{
    Account, Appointment, Consultation, ConsultationId, MessageId, Patient, PersonId, Physician, Timestamp,
};

pub use arrivals::{Arrival, arrival};

/// All that a demonstration server starts with.
pub struct Clinic {
    /// Sixty, from six months to 96 years.
    pub patients: Vec<Patient>,
    /// Fourteen over the twelve specialties.
    pub physicians: Vec<Physician>,
    /// Those who can sign in, with their codes.
    pub accounts: Vec<Account>,
    /// Eighty in every status, oldest first.
    pub consultations: Vec<Consultation>,
    /// A hundred and fifty, ascending.
    pub appointments: Vec<Appointment>,
    /// Four hundred, oldest first.
    pub messages: Vec<DemoMessage>,
}

/// A message in clear text; the server seals it before it stores it.
pub struct DemoMessage {
    /// `message-7001` and on.
    pub id: MessageId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// Who wrote it.
    pub from_id: PersonId,
    /// To whom.
    pub to_id: PersonId,
    /// The words.
    pub text: String,
    /// When the server took it.
    pub at: Timestamp,
}

/// The clinic as it stands at `now`.
pub fn clinic(now: Timestamp) -> Clinic {
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
