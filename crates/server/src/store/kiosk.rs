//! Kiosk codes in the store.

use chatehr_contract::{PersonId, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{StoreError, Tx};

/// Wrong dates of birth that a code bears.
const TRIES: i64 = 3;

impl Tx<'_> {
    /// Keeps a code, unless another is in use that reads the same; forgets those that have run out, and the one that the
    /// patient had before.
    pub(crate) fn add_kiosk_code(
        &self,
        fingerprint: &[u8; 32],
        patient: &PersonId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.sql.prepare_cached("DELETE FROM kiosk_codes WHERE expires_at <= ?1")?.execute([now.millis()])?;
        self.sql
            .prepare_cached("DELETE FROM kiosk_codes WHERE patient_id = ?1")?
            .execute([patient.as_str()])?;
        let added = self
            .sql
            .prepare_cached("INSERT INTO kiosk_codes VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
            .execute(params![fingerprint, patient.as_str(), expires_at.millis(), TRIES])?;
        Ok(added == 1)
    }

    /// Whose code it is, while it can be used.
    pub(crate) fn kiosk_code(
        &self,
        fingerprint: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PersonId>, StoreError> {
        Ok(self
            .sql
            .prepare_cached(
                "SELECT patient_id FROM kiosk_codes WHERE fingerprint = ?1 AND expires_at > ?2 AND tries_left > 0",
            )?
            .query_row(params![fingerprint, now.millis()], |row| row.get::<_, String>(0))
            .optional()?
            .map(PersonId::new))
    }

    /// One wrong try more; after the last the code is worth nothing.
    pub(crate) fn miss_kiosk_code(&self, fingerprint: &[u8; 32]) -> Result<(), StoreError> {
        self.sql
            .prepare_cached("UPDATE kiosk_codes SET tries_left = tries_left - 1 WHERE fingerprint = ?1")?
            .execute([fingerprint])?;
        Ok(())
    }

    /// Used, it is gone.
    pub(crate) fn use_kiosk_code(&self, fingerprint: &[u8; 32]) -> Result<(), StoreError> {
        self.sql.prepare_cached("DELETE FROM kiosk_codes WHERE fingerprint = ?1")?.execute([fingerprint])?;
        Ok(())
    }
}
