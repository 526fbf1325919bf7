//! Sealed files in the store.

use chatehr_contract::{ConsultationId, PersonId, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{StoreError, Tx};

impl Tx<'_> {
    pub(crate) fn add_attachment(
        &self,
        id: &str,
        consultation: &ConsultationId,
        from: &PersonId,
        now: Timestamp,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.sql.prepare_cached("INSERT INTO attachments VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
            id,
            consultation.as_str(),
            from.as_str(),
            now.millis(),
            bytes
        ])?;
        Ok(())
    }

    /// Bytes of all files of a consultation.
    pub(crate) fn attached_bytes(&self, consultation: &ConsultationId) -> Result<u64, StoreError> {
        self.count(
            "SELECT coalesce(sum(length(bytes)), 0) FROM attachments WHERE consultation_id = ?1",
            [consultation.as_str()],
        )
    }

    /// The consultation it belongs to.
    pub(crate) fn attachment_place(&self, id: &str) -> Result<Option<ConsultationId>, StoreError> {
        Ok(self
            .sql
            .prepare_cached("SELECT consultation_id FROM attachments WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, String>(0))
            .optional()?
            .map(ConsultationId::new))
    }

    pub(crate) fn attachment(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .sql
            .prepare_cached("SELECT bytes FROM attachments WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?)
    }
}
