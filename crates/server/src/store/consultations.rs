//! Consultations in the store.

use chatehr_contract::{Consultation, ConsultationId, ConsultationStatus, EventKind, SpecialtyCode, Urgency};
use rusqlite::named_params;

use super::{StoreError, Tx};
use crate::visibility::{Audience, Condition};

/// What a list asks for, within what its reader sees.
#[derive(Debug, Default)]
pub(crate) struct ConsultationFilter {
    pub(crate) patient: Option<String>,
    pub(crate) physician: Option<String>,
    pub(crate) status: Option<ConsultationStatus>,
    pub(crate) specialty: Option<SpecialtyCode>,
    pub(crate) urgency: Option<Urgency>,
    pub(crate) triage: bool,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

impl Tx<'_> {
    pub(crate) fn consultation(&self, id: &ConsultationId) -> Result<Option<Consultation>, StoreError> {
        self.record("SELECT record FROM consultations WHERE id = ?1", [id.as_str()])
    }

    /// A page and the number of all that match.
    pub(crate) fn consultations(
        &self,
        seen: &Condition,
        filter: &ConsultationFilter,
    ) -> Result<(Vec<Consultation>, i64), StoreError> {
        let condition = format!(
            "FROM consultations WHERE ({}) AND (:pools IS NOT NULL AND :me IS NOT NULL) \
             AND (:patient IS NULL OR patient_id = :patient) \
             AND (:physician IS NULL OR physician_id = :physician) \
             AND (:status IS NULL OR status = :status) \
             AND (:specialty IS NULL OR specialty = :specialty) \
             AND (:urgency IS NULL OR urgency = :urgency)",
            seen.sql
        );
        let order = if filter.triage {
            "CASE urgency WHEN 'emergency' THEN 0 WHEN 'routine' THEN 2 ELSE 1 END, created_at, id"
        } else {
            "created_at DESC, id DESC"
        };
        let parameters = named_params! {
            ":me": seen.me,
            ":pools": seen.pools,
            ":patient": filter.patient,
            ":physician": filter.physician,
            ":status": filter.status.as_ref().map(ConsultationStatus::as_str),
            ":specialty": filter.specialty.as_ref().map(SpecialtyCode::as_str),
            ":urgency": filter.urgency.as_ref().map(Urgency::as_str),
        };
        let total = self
            .sql
            .prepare_cached(&format!("SELECT count(*) {condition}"))?
            .query_row(parameters, |row| row.get(0))?;
        let page = format!(
            "SELECT record {condition} ORDER BY {order} LIMIT {} OFFSET {}",
            filter.limit, filter.offset
        );
        Ok((self.records(&page, parameters)?, total))
    }

    /// Stores it as it is now and tells those who see it, and those who saw it `before`.
    pub(crate) fn put_consultation(
        &self,
        before: Option<&Consultation>,
        after: &Consultation,
    ) -> Result<(), StoreError> {
        self.seed_consultation(after)?;
        let kind = EventKind::ConsultationChanged {
            consultation_id: after.id.clone(),
            version: after.version,
            urgency: after.urgency.clone(),
        };
        self.tell(kind, Audience::of_change(before, after))
    }

    /// Stores it and tells nobody.
    pub(crate) fn seed_consultation(&self, consultation: &Consultation) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO consultations (id, record) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            consultation.id.as_str(),
            consultation,
        )
    }
}
