//! Drafts, and how far each conversation was read.

use std::collections::HashMap;

use chatehr_contract::{ConsultationId, Timestamp};
use rusqlite::{OptionalExtension, params};

use crate::{error::VaultError, vault::Vault};

impl Vault {
    /// Keeps what is being typed; empty text forgets it.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn save_draft(
        &self,
        consultation: &ConsultationId,
        text: &str,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            if text.is_empty() {
                ledger
                    .prepare_cached("DELETE FROM draft WHERE consultation_id = ?1")?
                    .execute([consultation.as_str()])?;
            } else {
                ledger
                    .prepare_cached(
                        "INSERT OR REPLACE INTO draft (consultation_id, text, saved_at) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![consultation.as_str(), text, now.millis()])?;
            }
            Ok(())
        })
    }

    /// What was typed and not sent; empty where nothing was.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn draft(&self, consultation: &ConsultationId) -> Result<String, VaultError> {
        self.ledger().read(|ledger| {
            let text = ledger
                .prepare_cached("SELECT text FROM draft WHERE consultation_id = ?1")?
                .query_row([consultation.as_str()], |row| row.get(0))
                .optional()?;
            Ok(text.unwrap_or_default())
        })
    }

    /// Remembers that this person has read everything up to and including this instant. A mark never goes back.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn mark_read(&self, consultation: &ConsultationId, up_to: Timestamp) -> Result<(), VaultError> {
        if self.read_mark(consultation)?.is_some_and(|mark| mark >= up_to) {
            return Ok(());
        }
        self.ledger().write(|ledger| {
            ledger
                .prepare_cached(
                    "INSERT INTO read_mark (consultation_id, up_to) VALUES (?1, ?2)
                     ON CONFLICT (consultation_id) DO UPDATE SET up_to = max(up_to, excluded.up_to)",
                )?
                .execute(params![consultation.as_str(), up_to.millis()])?;
            Ok(())
        })
    }

    /// Up to when this person has read.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn read_mark(&self, consultation: &ConsultationId) -> Result<Option<Timestamp>, VaultError> {
        self.ledger().read(|ledger| {
            let mark = ledger
                .prepare_cached("SELECT up_to FROM read_mark WHERE consultation_id = ?1")?
                .query_row([consultation.as_str()], |row| row.get(0))
                .optional()?;
            Ok(mark.map(Timestamp::from_millis))
        })
    }

    /// All marks.
    pub(crate) fn read_marks(&self) -> Result<HashMap<ConsultationId, Timestamp>, VaultError> {
        self.ledger().read(|ledger| {
            let mut statement = ledger.prepare_cached("SELECT consultation_id, up_to FROM read_mark")?;
            let marks = statement.query_map([], |row| {
                Ok((ConsultationId::new(row.get::<_, String>(0)?), Timestamp::from_millis(row.get(1)?)))
            })?;
            Ok(marks.collect::<Result<_, _>>()?)
        })
    }
}
