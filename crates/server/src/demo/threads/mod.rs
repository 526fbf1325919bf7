//! What was written between patient and physician, each thread made for its one consultation.
//!
//! A thread is told backwards from its end: `ended` says how long ago the last message was, every line how long
//! after the line before it came. So no thread reaches into the future, whatever `now` is.

mod body;
mod cardiology;
mod children;
mod medicine;
mod mind;
mod okafor;
mod primary_care;

use chatehr_contract::{ConsultationStatus, SpecialtyCode, Urgency};

/// Minutes in an hour.
pub(super) const HOUR: i64 = 60;
/// Minutes in a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// A consultation that was talked about.
pub(super) struct Thread {
    /// The number in the patient's id.
    pub(super) patient: u32,
    /// The number in the physician's id.
    pub(super) physician: u32,
    pub(super) specialty: SpecialtyCode,
    pub(super) urgency: Urgency,
    pub(super) status: ConsultationStatus,
    /// Minutes between the last message and now.
    pub(super) ended: i64,
    pub(super) description: &'static str,
    /// The physician's note: closes a completed one, else made with their last message; empty where there is none.
    pub(super) note: &'static str,
    pub(super) lines: &'static [Line],
}

/// One message.
pub(super) struct Line {
    pub(super) by_patient: bool,
    /// Minutes after the line before; the first one's are after the physician took the consultation.
    pub(super) after: i64,
    pub(super) text: &'static str,
}

/// The patient writes.
const fn p(after: i64, text: &'static str) -> Line {
    Line { by_patient: true, after, text }
}

/// The physician writes.
const fn d(after: i64, text: &'static str) -> Line {
    Line { by_patient: false, after, text }
}

/// Every thread.
pub(super) fn all() -> impl Iterator<Item = &'static Thread> {
    [
        okafor::THREADS,
        cardiology::THREADS,
        primary_care::THREADS,
        medicine::THREADS,
        mind::THREADS,
        body::THREADS,
        children::THREADS,
    ]
    .into_iter()
    .flatten()
}
