//! What the server was asked, and nobody knows yet what became of it.
//!
//! A question is here from before it is asked: a program that ends at any moment after that has not forgotten that it may
//! have happened. It goes together with the entry of what became of it.

use std::{fmt, slice};

use chatehr_audit::{NewEntry, append};
use chatehr_contract::{ConsultationId, EnvelopeId};
use rusqlite::params;

use crate::{error::VaultError, vault::Vault};

/// A question without an answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Its idempotency key.
    pub key: EnvelopeId,
    /// About which consultation.
    pub consultation_id: ConsultationId,
    /// What was asked, in the words of who asked it.
    pub question: String,
    /// What is written down when it is known what became of it.
    pub entry: NewEntry,
}

impl fmt::Debug for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doubt").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Vault {
    /// Keeps a question that is about to be asked, and writes down that it is, in one transaction.
    ///
    /// # Errors
    /// [`VaultError`]; then it must not be asked.
    pub fn begin_asking(&self, doubt: &Doubt, asking: &NewEntry) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            let entry = serde_json::to_string(&doubt.entry)?;
            ledger
                .prepare_cached(
                    "INSERT INTO doubt (key, consultation_id, question, entry) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    doubt.key.as_str(),
                    doubt.consultation_id.as_str(),
                    doubt.question,
                    entry
                ])?;
            append(ledger, slice::from_ref(asking))?;
            Ok(())
        })
    }

    /// It is known what became of a question: it goes, and that is written down, in one transaction. What is not in doubt
    /// (any more) is not written down again.
    ///
    /// # Errors
    /// [`VaultError`]; then it stays in doubt.
    pub fn end_asking(&self, key: &EnvelopeId, became: &NewEntry) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            let gone = ledger.prepare_cached("DELETE FROM doubt WHERE key = ?1")?.execute([key.as_str()])?;
            if gone > 0 {
                append(ledger, slice::from_ref(became))?;
            }
            Ok(())
        })
    }

    /// All that is in doubt, in the order in which it was asked.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn doubts(&self) -> Result<Vec<Doubt>, VaultError> {
        self.ledger().read(|ledger| {
            let mut statement = ledger
                .prepare_cached("SELECT key, consultation_id, question, entry FROM doubt ORDER BY rowid")?;
            let mut rows = statement.query([])?;
            let mut doubts = Vec::new();
            while let Some(row) = rows.next()? {
                // One of another version is that one's to read, and no reason to keep the files closed.
                let Ok(entry) = serde_json::from_str(&row.get::<_, String>(3)?) else { continue };
                doubts.push(Doubt {
                    key: EnvelopeId::new(row.get::<_, String>(0)?),
                    consultation_id: ConsultationId::new(row.get::<_, String>(1)?),
                    question: row.get(2)?,
                    entry,
                });
            }
            Ok(doubts)
        })
    }
}
