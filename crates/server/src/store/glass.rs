//! What is open in an emergency, in the store: told to administrators in the transaction that opens it.

use chatehr_contract::{BrokenGlass, ConsultationId, EventKind, PersonId, Timestamp};
use rusqlite::{Row, params};

use super::{StoreError, Tx};
use crate::visibility::Audience;

/// Seconds that an opening is listed. The audit log has it for longer.
const LISTED: i64 = 365 * 24 * 60 * 60;

impl Tx<'_> {
    /// Opens it.
    pub(crate) fn break_glass(&self, glass: &BrokenGlass) -> Result<(), StoreError> {
        self.sql
            .prepare_cached("DELETE FROM broken_glass WHERE at < ?1")?
            .execute([glass.at.plus_seconds(-LISTED).millis()])?;
        self.sql.prepare_cached("INSERT INTO broken_glass VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(
            params![
                glass.person_id.as_str(),
                glass.consultation_id.as_str(),
                glass.patient_id.as_str(),
                glass.at.millis(),
                glass.until.millis(),
                glass.reason,
            ],
        )?;
        let kind = EventKind::GlassBroken {
            consultation_id: glass.consultation_id.clone(),
            person_id: glass.person_id.clone(),
        };
        self.tell(kind, Audience { admins: true, ..Audience::default() })
    }

    /// Whether this person has the consultation open.
    pub(crate) fn has_opened(
        &self,
        person: &PersonId,
        consultation: &ConsultationId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = self.count(
            "SELECT EXISTS (SELECT 1 FROM broken_glass WHERE person_id = ?1 AND consultation_id = ?2 AND until > ?3)",
            params![person.as_str(), consultation.as_str(), now.millis()],
        )?;
        Ok(found > 0)
    }

    /// Whether this person has a consultation of that patient open.
    pub(crate) fn has_opened_of(
        &self,
        person: &PersonId,
        patient: &PersonId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = self.count(
            "SELECT EXISTS (SELECT 1 FROM broken_glass WHERE person_id = ?1 AND patient_id = ?2 AND until > ?3)",
            params![person.as_str(), patient.as_str(), now.millis()],
        )?;
        Ok(found > 0)
    }

    /// Ends it now; whether it was open.
    pub(crate) fn close_glass(
        &self,
        person: &PersonId,
        consultation: &ConsultationId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let closed = self
            .sql
            .prepare_cached(
                "UPDATE broken_glass SET until = ?3 WHERE person_id = ?1 AND consultation_id = ?2 AND until > ?3",
            )?
            .execute(params![person.as_str(), consultation.as_str(), now.millis()])?;
        Ok(closed > 0)
    }

    /// Latest first.
    pub(crate) fn broken_glass(&self, limit: u32) -> Result<Vec<BrokenGlass>, StoreError> {
        let mut statement = self.sql.prepare_cached(
            "SELECT person_id, consultation_id, patient_id, at, until, reason FROM broken_glass
             ORDER BY at DESC, rowid DESC LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], glass)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn glass(row: &Row<'_>) -> rusqlite::Result<BrokenGlass> {
    let id = |place: usize| row.get::<_, String>(place);
    Ok(BrokenGlass {
        person_id: PersonId::new(id(0)?),
        consultation_id: ConsultationId::new(id(1)?),
        patient_id: PersonId::new(id(2)?),
        at: Timestamp::from_millis(row.get(3)?),
        until: Timestamp::from_millis(row.get(4)?),
        reason: row.get(5)?,
    })
}
