//! Appointments in the store.

use chatehr_contract::{Appointment, EventKind, Timestamp};
use rusqlite::named_params;
use serde::{Deserialize, Serialize};

use super::{StoreError, Tx};
use crate::visibility::{Audience, Condition};

/// An appointment and how often it has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredAppointment {
    #[serde(flatten)]
    pub(crate) record: Appointment,
    pub(crate) version: u64,
}

/// What a list asks for, within what its reader sees. Both ends belong to it.
#[derive(Debug, Default)]
pub(crate) struct AppointmentFilter {
    pub(crate) patient: Option<String>,
    pub(crate) physician: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl Tx<'_> {
    pub(crate) fn appointment(&self, id: &str) -> Result<Option<StoredAppointment>, StoreError> {
        self.record("SELECT record FROM appointments WHERE id = ?1", [id])
    }

    /// All that match, soonest first.
    pub(crate) fn appointments(
        &self,
        seen: &Condition,
        filter: &AppointmentFilter,
    ) -> Result<Vec<StoredAppointment>, StoreError> {
        let query = format!(
            "SELECT record FROM appointments WHERE ({}) AND (:pools IS NOT NULL AND :me IS NOT NULL) \
             AND (:patient IS NULL OR patient_id = :patient) \
             AND (:physician IS NULL OR physician_id = :physician) \
             AND (:from IS NULL OR date_time >= :from) AND (:to IS NULL OR date_time <= :to) \
             ORDER BY date_time, id",
            seen.sql
        );
        self.records(
            &query,
            named_params! {
                ":me": seen.me,
                ":pools": seen.pools,
                ":patient": filter.patient,
                ":physician": filter.physician,
                ":from": filter.from.map(|at| at.to_string()),
                ":to": filter.to.map(|at| at.to_string()),
            },
        )
    }

    /// Stores it as it is now and tells the two whose it is.
    pub(crate) fn put_appointment(&self, after: &StoredAppointment) -> Result<(), StoreError> {
        self.seed_appointment(after)?;
        let kind = EventKind::AppointmentChanged { appointment_id: after.record.id.clone() };
        let audience = Audience {
            patients: vec![after.record.patient_id.clone()],
            physicians: vec![after.record.physician_id.clone()],
            pools: Vec::new(),
            admins: true,
        };
        self.tell(kind, audience)
    }

    /// Stores it and tells nobody.
    pub(crate) fn seed_appointment(&self, appointment: &StoredAppointment) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO appointments (id, record) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            appointment.record.id.as_str(),
            appointment,
        )
    }
}
