//! Drafts, and how far each conversation was read; with the latter, how far the list of records opened in an emergency was.
//!
//! What is typed into a dialog is a draft too. Its row is named by the consultation and the dialog, parted by a sign that
//! is in no id, so it neither keeps the consultation from being let go of nor is taken for the words to a patient.

use std::collections::HashMap;

use chatehr_contract::{ConsultationId, DialogWords, DraftOf, MessageId, Timestamp};
use rusqlite::{OptionalExtension, params};

use crate::{error::VaultError, vault::Vault};

/// Between a consultation's id and a dialog's name.
pub(crate) const PARTED: char = '\u{1f}';

/// The name of a draft's row.
pub(super) fn name(consultation: &ConsultationId, of: DraftOf) -> String {
    let dialog = match of {
        DraftOf::Message => return consultation.to_string(),
        DraftOf::Decline => "decline",
        DraftOf::HandOff => "hand-off",
        DraftOf::Complete => "complete",
    };
    format!("{consultation}{PARTED}{dialog}")
}
/// That list's marks, among those of conversations: no consultation has such a number.
const GLASS_TOLD: &str = "break-glass/told";
const GLASS_SEEN: &str = "break-glass/seen";

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
        self.save_draft_of(consultation, DraftOf::Message, text, now)
    }

    /// The same of what is being typed into a dialog.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn save_draft_of(
        &self,
        consultation: &ConsultationId,
        of: DraftOf,
        text: &str,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        let name = name(consultation, of);
        self.ledger().write(|ledger| {
            if text.is_empty() {
                ledger.prepare_cached("DELETE FROM draft WHERE consultation_id = ?1")?.execute([&name])?;
            } else {
                ledger
                    .prepare_cached(
                        "INSERT OR REPLACE INTO draft (consultation_id, text, saved_at) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![name, text, now.millis()])?;
            }
            Ok(())
        })
    }

    /// What was typed and not sent; empty where nothing was.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn draft(&self, consultation: &ConsultationId) -> Result<String, VaultError> {
        self.draft_of(consultation, DraftOf::Message)
    }

    /// What was typed into its dialogs and not done.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn dialog_words(&self, consultation: &ConsultationId) -> Result<DialogWords, VaultError> {
        Ok(DialogWords {
            decline: self.draft_of(consultation, DraftOf::Decline)?,
            hand_off: self.draft_of(consultation, DraftOf::HandOff)?,
            complete: self.draft_of(consultation, DraftOf::Complete)?,
        })
    }

    fn draft_of(&self, consultation: &ConsultationId, of: DraftOf) -> Result<String, VaultError> {
        self.ledger().read(|ledger| {
            let text = ledger
                .prepare_cached("SELECT text FROM draft WHERE consultation_id = ?1")?
                .query_row([name(consultation, of)], |row| row.get(0))
                .optional()?;
            Ok(text.unwrap_or_default())
        })
    }

    /// Forgets what was typed into dialogs before `before`: what has not been done by then is not done with these words.
    pub(crate) fn forget_dialog_words(&self, before: Timestamp) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            ledger
                .prepare_cached("DELETE FROM draft WHERE instr(consultation_id, ?1) > 0 AND saved_at < ?2")?
                .execute(params![PARTED.to_string(), before.millis()])?;
            Ok(())
        })
    }

    /// Remembers that this person has read everything up to and including this instant. A mark never goes back.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn mark_read(&self, consultation: &ConsultationId, up_to: Timestamp) -> Result<(), VaultError> {
        self.mark(consultation, up_to, None)
    }

    /// The same of what was read here: the server is to be told up to which message.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn mark_read_here(
        &self,
        consultation: &ConsultationId,
        up_to: Timestamp,
        message: &MessageId,
    ) -> Result<(), VaultError> {
        self.mark(consultation, up_to, Some(message))
    }

    fn mark(
        &self,
        consultation: &ConsultationId,
        up_to: Timestamp,
        owed: Option<&MessageId>,
    ) -> Result<(), VaultError> {
        if self.read_mark(consultation)?.is_some_and(|mark| mark >= up_to) {
            return Ok(());
        }
        self.ledger().write(|ledger| {
            ledger
                .prepare_cached(
                    "INSERT INTO read_mark (consultation_id, up_to, owed) VALUES (?1, ?2, ?3)
                     ON CONFLICT (consultation_id) DO UPDATE
                     SET up_to = max(up_to, excluded.up_to), owed = coalesce(excluded.owed, owed)",
                )?
                .execute(params![consultation.as_str(), up_to.millis(), owed.map(MessageId::as_str)])?;
            Ok(())
        })
    }

    /// Up to which message each conversation was read here, as far as the server has not confirmed that it was told.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn receipts_owed(&self) -> Result<Vec<(ConsultationId, MessageId)>, VaultError> {
        self.ledger().read(|ledger| {
            let mut statement = ledger.prepare_cached(
                "SELECT consultation_id, owed FROM read_mark WHERE owed IS NOT NULL ORDER BY consultation_id",
            )?;
            let owed = statement.query_map([], |row| {
                Ok((ConsultationId::new(row.get::<_, String>(0)?), MessageId::new(row.get::<_, String>(1)?)))
            })?;
            Ok(owed.collect::<Result<_, _>>()?)
        })
    }

    /// The server knows, unless more has been read meanwhile.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn settle_receipt(
        &self,
        consultation: &ConsultationId,
        message: &MessageId,
    ) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            ledger
                .prepare_cached("UPDATE read_mark SET owed = NULL WHERE consultation_id = ?1 AND owed = ?2")?
                .execute([consultation.as_str(), message.as_str()])?;
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

    /// There is an opening in an emergency of this instant, by the server's clock, of which an administrator is to know.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn tell_glass(&self, at: Timestamp) -> Result<(), VaultError> {
        self.mark_read(&ConsultationId::new(GLASS_TOLD), at)
    }

    /// The administrator has seen the list up to and including this instant.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn see_glass(&self, up_to: Timestamp) -> Result<(), VaultError> {
        self.mark_read(&ConsultationId::new(GLASS_SEEN), up_to)
    }

    /// Whether one was told and not seen.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn glass_is_news(&self) -> Result<bool, VaultError> {
        let told = self.read_mark(&ConsultationId::new(GLASS_TOLD))?;
        Ok(told > self.read_mark(&ConsultationId::new(GLASS_SEEN))?)
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
