//! What the server has not confirmed: one queue for each consultation, first in, first out.
//!
//! A row is on the disk before anything shows it, an attempt is counted before it is made, and the sealed bytes are
//! kept with it, so that a repeat sends the same under the same name. A row leaves only when the server has it or the
//! person gives it up. One that is stuck holds back its own conversation, and no other.
//!
//! A person may change or take back what waits as long as the server cannot have it: not while an attempt is under way,
//! and not after one whose answer was lost. Changed words get another name, so that no name ever stands for two texts, and
//! an attempt that was being prepared with the former words finds nothing to begin.

use std::{fmt, slice};

use chatehr_audit::{NewEntry, append};
use chatehr_contract::{ConsultationId, DraftOf, EnvelopeId, ErrorCode, PersonId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row, params, types::Type};

use super::notes;
use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// What a person wants to be done.
#[derive(Clone, PartialEq, Eq)]
pub struct NewOutboxRow {
    /// Our name for it, new and unique.
    pub envelope_id: EnvelopeId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// What it is.
    pub kind: OutboxKind,
    /// To whom, or about whom.
    pub to_id: PersonId,
    /// A message's words; what is noted of a step, or nothing.
    pub text: String,
    /// When it was decided.
    pub queued_at: Timestamp,
    /// Of a step: which version of the record the person saw, where it is to be done to that one.
    pub seen: Option<u64>,
}

impl fmt::Debug for NewOutboxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewOutboxRow").field("envelope_id", &self.envelope_id).finish_non_exhaustive()
    }
}

/// What waits.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place: smaller goes first.
    pub seq: i64,
    /// Our name for it, and the idempotency key.
    pub envelope_id: EnvelopeId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// What it is.
    pub kind: OutboxKind,
    /// To whom, or about whom.
    pub to_id: PersonId,
    /// A message's words; what is noted of a step, or nothing.
    pub text: String,
    /// What the first attempt sent, and every other must send.
    pub sealed: Option<String>,
    /// When it was decided.
    pub queued_at: Timestamp,
    /// Attempts begun.
    pub attempts: u32,
    /// Not before this.
    pub next_attempt_at: Option<Timestamp>,
    /// How it stands.
    pub state: OutboxState,
    /// Whether the server may have it: an attempt was begun, and nothing says that it was in vain.
    pub in_doubt: bool,
    /// The words as the person is changing them. While there are any it is not sent.
    pub edit: Option<String>,
    /// Of a step: which version of the record the person saw, where it is to be done to that one.
    pub seen: Option<u64>,
}

impl fmt::Debug for OutboxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxRow")
            .field("seq", &self.seq)
            .field("envelope_id", &self.envelope_id)
            .field("kind", &self.kind)
            .field("attempts", &self.attempts)
            .field("state", &self.state)
            .field("in_doubt", &self.in_doubt)
            .finish_non_exhaustive()
    }
}

impl OutboxRow {
    /// Whether the person may still change it or take it back. What is stuck may always be taken back: nobody sends it.
    pub fn may_be_changed(&self) -> bool {
        !self.in_doubt && self.state != OutboxState::Sending
    }
}

/// What kind of thing waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxKind {
    /// Words to the patient.
    Message,
    /// Work on the consultation begins.
    Start,
    /// It is finished.
    Complete,
}

impl OutboxKind {
    const ALL: [Self; 3] = [Self::Message, Self::Start, Self::Complete];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Start => "start",
            Self::Complete => "complete",
        }
    }
}

/// How what waits stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// Waits for its turn.
    Queued,
    /// An attempt is under way.
    Sending,
    /// Refused for good: a person decides.
    Stuck {
        /// Why.
        code: ErrorCode,
        /// Fills the code's sentence.
        detail: Option<String>,
    },
}

/// What became of a person's decision about something that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is as they decided.
    Done,
    /// It is being sent at this moment; nothing was changed.
    OnItsWay,
    /// The server may have it already; nothing was changed.
    MayHaveArrived,
    /// It does not wait any more.
    Gone,
}

const ROW: &str = "SELECT seq, envelope_id, consultation_id, to_id, text, sealed, queued_at, attempts,
    next_attempt_at, state, code, kind, in_doubt, detail, edit, seen FROM outbox";

impl Vault {
    /// Puts something into its queue and writes down who did so, in one transaction; the draft that it was is forgotten with
    /// it. The same envelope again changes nothing.
    ///
    /// # Errors
    /// [`VaultError`]; then it is not in the outbox, and the draft is kept.
    pub fn enqueue(&self, row: &NewOutboxRow, entry: &NewEntry) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            let added = ledger
                .prepare_cached(
                    "INSERT INTO outbox (envelope_id, consultation_id, to_id, text, queued_at, kind, seen)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (envelope_id) DO NOTHING",
                )?
                .execute(params![
                    row.envelope_id.as_str(),
                    row.consultation_id.as_str(),
                    row.to_id.as_str(),
                    row.text,
                    row.queued_at.millis(),
                    row.kind.as_str(),
                    row.seen.and_then(|version| i64::try_from(version).ok()),
                ])?;
            if added > 0 {
                let draft = match row.kind {
                    OutboxKind::Message => Some(DraftOf::Message),
                    OutboxKind::Complete => Some(DraftOf::Complete),
                    OutboxKind::Start => None,
                };
                if let Some(of) = draft {
                    ledger
                        .prepare_cached("DELETE FROM draft WHERE consultation_id = ?1")?
                        .execute([notes::name(&row.consultation_id, of)])?;
                }
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

    /// What may be sent now: the first of each conversation, where it is queued, its time has come and nobody is changing
    /// it.
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
                       AND state = 'queued' AND edit IS NULL
                       AND (next_attempt_at IS NULL OR next_attempt_at <= ?1)
                     ORDER BY seq"
                ),
                [now.millis()],
            )
        })
    }

    /// Counts an attempt before it is made and keeps what it sends; from here on the server may have it. `false` when it
    /// is not queued any more, or being changed: then nothing may be sent. What an earlier attempt sealed stays; send
    /// [`OutboxRow::sealed`] where there is one. Nothing is sealed of what is no message.
    ///
    /// # Errors
    /// [`VaultError`]; then nothing may be sent.
    pub fn begin_attempt(
        &self,
        envelope: &EnvelopeId,
        sealed: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, VaultError> {
        self.change(
            "UPDATE outbox SET state = 'sending', attempts = attempts + 1, sealed = coalesce(sealed, ?2),
                 last_attempt_at = ?3, next_attempt_at = NULL, in_doubt = 1
             WHERE envelope_id = ?1 AND state = 'queued' AND edit IS NULL",
            params![envelope.as_str(), sealed, now.millis()],
        )
    }

    /// The attempt failed in a way that may pass: queued again, not before `until`. `in_doubt` says whether the server
    /// may have it all the same.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn postpone(
        &self,
        envelope: &EnvelopeId,
        until: Timestamp,
        in_doubt: bool,
    ) -> Result<(), VaultError> {
        self.change(
            "UPDATE outbox SET state = 'queued', next_attempt_at = ?2, in_doubt = ?3
             WHERE envelope_id = ?1 AND state <> 'stuck'",
            params![envelope.as_str(), until.millis(), in_doubt],
        )?;
        Ok(())
    }

    /// The attempt failed for good: a person decides. `in_doubt` says whether the server may have it all the same.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn stick(
        &self,
        envelope: &EnvelopeId,
        code: ErrorCode,
        detail: Option<&str>,
        in_doubt: bool,
    ) -> Result<(), VaultError> {
        self.change(
            "UPDATE outbox SET state = 'stuck', code = ?2, detail = ?3, in_doubt = ?4, next_attempt_at = NULL
             WHERE envelope_id = ?1",
            params![envelope.as_str(), code.as_str(), detail, in_doubt],
        )?;
        Ok(())
    }

    /// A person wants what is stuck sent again, or what waits at once; written down with it.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn requeue(&self, envelope: &EnvelopeId, entry: &NewEntry) -> Result<Decided, VaultError> {
        self.decide(
            envelope,
            entry,
            |row| row.state != OutboxState::Sending,
            |ledger| {
                ledger
                .prepare_cached(
                    "UPDATE outbox SET state = 'queued', code = NULL, detail = NULL, next_attempt_at = NULL
                     WHERE envelope_id = ?1",
                )?
                .execute([envelope.as_str()])
            },
        )
    }

    /// The person begins to change a message, goes on changing it, or leaves it as it was (`None`). While its words are
    /// being changed it is not sent.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn keep_edit(&self, envelope: &EnvelopeId, words: Option<&str>) -> Result<Decided, VaultError> {
        self.ledger().write(|ledger| {
            let decided = stands(ledger, envelope, |row| words.is_none() || row.may_be_changed())?;
            if decided == Decided::Done {
                ledger
                    .prepare_cached(
                        "UPDATE outbox SET edit = ?2 WHERE envelope_id = ?1 AND kind = 'message'",
                    )?
                    .execute(params![envelope.as_str(), words])?;
            }
            Ok(decided)
        })
    }

    /// Other words take the place of a message's, under another name and in the same place of the queue; written down
    /// with it.
    ///
    /// # Errors
    /// [`VaultError`]; then its words are as they were.
    pub fn edit(
        &self,
        envelope: &EnvelopeId,
        renamed: &EnvelopeId,
        words: &str,
        entry: &NewEntry,
    ) -> Result<Decided, VaultError> {
        self.decide(envelope, entry, OutboxRow::may_be_changed, |ledger| {
            ledger
                .prepare_cached(
                    "UPDATE outbox SET envelope_id = ?2, text = ?3, sealed = NULL, edit = NULL, attempts = 0,
                         last_attempt_at = NULL, next_attempt_at = NULL, state = 'queued', code = NULL, detail = NULL
                     WHERE envelope_id = ?1 AND kind = 'message'",
                )?
                .execute(params![envelope.as_str(), renamed.as_str(), words])
        })
    }

    /// The server has it, and what it said of it is in the cache: the row goes.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn settle(&self, envelope: &EnvelopeId) -> Result<(), VaultError> {
        self.change("DELETE FROM outbox WHERE envelope_id = ?1", [envelope.as_str()])?;
        Ok(())
    }

    /// The person takes it back; written down with it. What is stuck goes even where the server may have it: nobody
    /// sends it any more.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn discard(&self, envelope: &EnvelopeId, entry: &NewEntry) -> Result<Decided, VaultError> {
        let may = |row: &OutboxRow| row.may_be_changed() || matches!(row.state, OutboxState::Stuck { .. });
        self.decide(envelope, entry, may, |ledger| {
            ledger.prepare_cached("DELETE FROM outbox WHERE envelope_id = ?1")?.execute([envelope.as_str()])
        })
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
    fn decide(
        &self,
        envelope: &EnvelopeId,
        entry: &NewEntry,
        may: impl Fn(&OutboxRow) -> bool,
        change: impl FnOnce(&Connection) -> Result<usize, rusqlite::Error>,
    ) -> Result<Decided, VaultError> {
        self.ledger().write(|ledger| {
            let decided = stands(ledger, envelope, may)?;
            if decided == Decided::Done {
                change(ledger)?;
                append(ledger, slice::from_ref(entry))?;
            }
            Ok(decided)
        })
    }

    fn change(&self, sql: &str, parameters: impl Params) -> Result<bool, VaultError> {
        self.ledger().write(|ledger| Ok(ledger.prepare_cached(sql)?.execute(parameters)? > 0))
    }
}

/// Whether a decision about this row may be carried out.
fn stands(
    ledger: &Connection,
    envelope: &EnvelopeId,
    may: impl Fn(&OutboxRow) -> bool,
) -> Result<Decided, Fault> {
    let found = ledger
        .prepare_cached(&format!("{ROW} WHERE envelope_id = ?1"))?
        .query_row([envelope.as_str()], row)
        .optional()?;
    Ok(match found {
        None => Decided::Gone,
        Some(row) if may(&row) => Decided::Done,
        Some(row) if row.state == OutboxState::Sending => Decided::OnItsWay,
        Some(_) => Decided::MayHaveArrived,
    })
}

fn rows(ledger: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<OutboxRow>, Fault> {
    let mut statement = ledger.prepare_cached(sql)?;
    let found = statement.query_map(parameters, row)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn row(row: &Row<'_>) -> Result<OutboxRow, rusqlite::Error> {
    let state: String = row.get(9)?;
    let code: Option<String> = row.get(10)?;
    let kind: String = row.get(11)?;
    Ok(OutboxRow {
        seq: row.get(0)?,
        envelope_id: EnvelopeId::new(row.get::<_, String>(1)?),
        consultation_id: ConsultationId::new(row.get::<_, String>(2)?),
        kind: OutboxKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or(rusqlite::Error::InvalidColumnType(11, kind, Type::Text))?,
        to_id: PersonId::new(row.get::<_, String>(3)?),
        text: row.get(4)?,
        sealed: row.get(5)?,
        queued_at: Timestamp::from_millis(row.get(6)?),
        attempts: row.get(7)?,
        next_attempt_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_millis),
        state: match (state.as_str(), code) {
            ("sending", _) => OutboxState::Sending,
            ("stuck", code) => OutboxState::Stuck { code: code_of(code.as_deref()), detail: row.get(13)? },
            _ => OutboxState::Queued,
        },
        in_doubt: row.get(12)?,
        edit: row.get(14)?,
        seen: row.get::<_, Option<i64>>(15)?.and_then(|version| u64::try_from(version).ok()),
    })
}

/// A code of an older program that is not known any more is still a reason to ask a person.
fn code_of(word: Option<&str>) -> ErrorCode {
    let known = ErrorCode::ALL.iter().copied().find(|code| Some(code.as_str()) == word);
    known.unwrap_or(ErrorCode::Internal)
}
