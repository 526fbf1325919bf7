//! Messages that the server has not confirmed: one queue for each consultation, first in, first out.
//!
//! A row is on the disk before anything shows it, an attempt is counted before it is made, and the sealed bytes are
//! kept with it, so that a repeat sends the same under the same name. A row leaves only when the server has the
//! message or the person gives it up. One that is stuck holds back its own conversation, and no other.

use std::{fmt, slice};

use chatehr_audit::{NewEntry, append};
use chatehr_contract::{ConsultationId, EnvelopeId, ErrorCode, PersonId, Timestamp};
use rusqlite::{Connection, Params, Row, params};

use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// What a person wants to send.
#[derive(Clone, PartialEq, Eq)]
pub struct NewOutboxRow {
    /// Our name for it, new and unique.
    pub envelope_id: EnvelopeId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// To whom.
    pub to_id: PersonId,
    /// The words.
    pub text: String,
    /// When they were written.
    pub queued_at: Timestamp,
}

impl fmt::Debug for NewOutboxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewOutboxRow").field("envelope_id", &self.envelope_id).finish_non_exhaustive()
    }
}

/// A message that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place: smaller goes first.
    pub seq: i64,
    /// Our name for it, and the idempotency key.
    pub envelope_id: EnvelopeId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// To whom.
    pub to_id: PersonId,
    /// The words.
    pub text: String,
    /// What the first attempt sent, and every other must send.
    pub sealed: Option<String>,
    /// When it was written.
    pub queued_at: Timestamp,
    /// Attempts begun.
    pub attempts: u32,
    /// Not before this.
    pub next_attempt_at: Option<Timestamp>,
    /// How it stands.
    pub state: OutboxState,
}

impl fmt::Debug for OutboxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxRow")
            .field("seq", &self.seq)
            .field("envelope_id", &self.envelope_id)
            .field("attempts", &self.attempts)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// How a waiting message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// Waits for its turn.
    Queued,
    /// An attempt is under way.
    Sending,
    /// Refused for good: a person decides.
    Stuck {
        /// Why.
        code: ErrorCode,
    },
}

const ROW: &str = "SELECT seq, envelope_id, consultation_id, to_id, text, sealed, queued_at, attempts,
    next_attempt_at, state, code FROM outbox";

impl Vault {
    /// Puts a message into its queue, forgets the draft that it came from and writes down who did so, in one
    /// transaction. The same envelope again changes nothing.
    ///
    /// # Errors
    /// [`VaultError`]; then the message is not in the outbox, and the draft is kept.
    pub fn enqueue(&self, row: &NewOutboxRow, entry: &NewEntry) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            let added = ledger
                .prepare_cached(
                    "INSERT INTO outbox (envelope_id, consultation_id, to_id, text, queued_at)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (envelope_id) DO NOTHING",
                )?
                .execute(params![
                    row.envelope_id.as_str(),
                    row.consultation_id.as_str(),
                    row.to_id.as_str(),
                    row.text,
                    row.queued_at.millis(),
                ])?;
            if added > 0 {
                ledger
                    .prepare_cached("DELETE FROM draft WHERE consultation_id = ?1")?
                    .execute([row.consultation_id.as_str()])?;
                append(ledger, slice::from_ref(entry))?;
            }
            Ok(())
        })
    }

    /// What waits, in order; of one consultation or of all.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn outbox(&self, consultation: Option<&ConsultationId>) -> Result<Vec<OutboxRow>, VaultError> {
        self.ledger().read(|ledger| match consultation {
            Some(id) => {
                rows(ledger, &format!("{ROW} WHERE consultation_id = ?1 ORDER BY seq"), [id.as_str()])
            }
            None => rows(ledger, &format!("{ROW} ORDER BY seq"), []),
        })
    }

    /// What may be sent now: the first of each conversation, where it is queued and its time has come.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn due(&self, now: Timestamp) -> Result<Vec<OutboxRow>, VaultError> {
        self.ledger().read(|ledger| {
            rows(
                ledger,
                &format!(
                    "{ROW} AS this
                     WHERE seq = (SELECT min(seq) FROM outbox WHERE consultation_id = this.consultation_id)
                       AND state = 'queued' AND (next_attempt_at IS NULL OR next_attempt_at <= ?1)
                     ORDER BY seq"
                ),
                [now.millis()],
            )
        })
    }

    /// Counts an attempt before it is made and keeps what it sends. `false` when the message is not queued any more:
    /// then nothing may be sent. What an earlier attempt sealed stays; send [`OutboxRow::sealed`] where there is one.
    ///
    /// # Errors
    /// [`VaultError`]; then nothing may be sent.
    pub fn begin_attempt(
        &self,
        envelope: &EnvelopeId,
        sealed: &str,
        now: Timestamp,
    ) -> Result<bool, VaultError> {
        self.change(
            "UPDATE outbox SET state = 'sending', attempts = attempts + 1, sealed = coalesce(sealed, ?2),
                 last_attempt_at = ?3, next_attempt_at = NULL
             WHERE envelope_id = ?1 AND state = 'queued'",
            params![envelope.as_str(), sealed, now.millis()],
        )
    }

    /// The attempt failed in a way that may pass: queued again, not before `until`.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn postpone(&self, envelope: &EnvelopeId, until: Timestamp) -> Result<(), VaultError> {
        self.change(
            "UPDATE outbox SET state = 'queued', next_attempt_at = ?2
             WHERE envelope_id = ?1 AND state <> 'stuck'",
            params![envelope.as_str(), until.millis()],
        )?;
        Ok(())
    }

    /// The attempt failed for good: a person decides.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn stick(&self, envelope: &EnvelopeId, code: ErrorCode) -> Result<(), VaultError> {
        self.change(
            "UPDATE outbox SET state = 'stuck', code = ?2, next_attempt_at = NULL WHERE envelope_id = ?1",
            params![envelope.as_str(), code.as_str()],
        )?;
        Ok(())
    }

    /// A person wants a stuck message sent again, or a waiting one at once; written down with it. `false` when it is on
    /// its way or gone.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn requeue(&self, envelope: &EnvelopeId, entry: &NewEntry) -> Result<bool, VaultError> {
        self.decide(
            "UPDATE outbox SET state = 'queued', code = NULL, next_attempt_at = NULL
             WHERE envelope_id = ?1 AND state <> 'sending'",
            envelope,
            entry,
        )
    }

    /// The server has it, and its message is in the cache: the row goes.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn settle(&self, envelope: &EnvelopeId) -> Result<(), VaultError> {
        self.change("DELETE FROM outbox WHERE envelope_id = ?1", [envelope.as_str()])?;
        Ok(())
    }

    /// The person gives the message up; written down with it. `false` when it is on its way, or gone already: then it
    /// may have been sent.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn discard(&self, envelope: &EnvelopeId, entry: &NewEntry) -> Result<bool, VaultError> {
        self.decide("DELETE FROM outbox WHERE envelope_id = ?1 AND state <> 'sending'", envelope, entry)
    }

    /// Queues again what was being sent when the program ended; nobody knows whether it arrived, and its name makes
    /// a repeat harmless. [`Vault::open`] does this by itself.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn recover(&self) -> Result<(), VaultError> {
        self.change("UPDATE outbox SET state = 'queued' WHERE state = 'sending'", [])?;
        Ok(())
    }

    /// What a person decides about a row stands in the log if it happened, and only then.
    fn decide(&self, sql: &str, envelope: &EnvelopeId, entry: &NewEntry) -> Result<bool, VaultError> {
        self.ledger().write(|ledger| {
            let changed = ledger.prepare_cached(sql)?.execute([envelope.as_str()])? > 0;
            if changed {
                append(ledger, slice::from_ref(entry))?;
            }
            Ok(changed)
        })
    }

    fn change(&self, sql: &str, parameters: impl Params) -> Result<bool, VaultError> {
        self.ledger().write(|ledger| Ok(ledger.prepare_cached(sql)?.execute(parameters)? > 0))
    }
}

fn rows(ledger: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<OutboxRow>, Fault> {
    let mut statement = ledger.prepare_cached(sql)?;
    let found = statement.query_map(parameters, row)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn row(row: &Row<'_>) -> Result<OutboxRow, rusqlite::Error> {
    let state: String = row.get(9)?;
    let code: Option<String> = row.get(10)?;
    Ok(OutboxRow {
        seq: row.get(0)?,
        envelope_id: EnvelopeId::new(row.get::<_, String>(1)?),
        consultation_id: ConsultationId::new(row.get::<_, String>(2)?),
        to_id: PersonId::new(row.get::<_, String>(3)?),
        text: row.get(4)?,
        sealed: row.get(5)?,
        queued_at: Timestamp::from_millis(row.get(6)?),
        attempts: row.get(7)?,
        next_attempt_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_millis),
        state: match (state.as_str(), code) {
            ("sending", _) => OutboxState::Sending,
            ("stuck", code) => OutboxState::Stuck { code: code_of(code.as_deref()) },
            _ => OutboxState::Queued,
        },
    })
}

/// A code of an older program that is not known any more is still a reason to ask a person.
fn code_of(word: Option<&str>) -> ErrorCode {
    let known = ErrorCode::ALL.iter().copied().find(|code| Some(code.as_str()) == word);
    known.unwrap_or(ErrorCode::Internal)
}
