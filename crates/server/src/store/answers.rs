//! First answers, kept for repeats (feature `idempotency`).
//!
//! Only what took effect is kept: a refusal changed nothing, and asking again may rightly find another answer. The
//! answer to a message is kept in its sealed form.

use chatehr_contract::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::{StoreError, Tx};
use crate::problem::Problem;

/// Seconds that an answer is kept: two days, so that a weekend night without network is covered.
const KEPT_SECONDS: i64 = 48 * 3600;

/// A request that must take effect once.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    /// Whose key it is.
    pub(crate) who: String,
    /// As sent.
    pub(crate) key: String,
    /// Of method, path and body.
    pub(crate) digest: [u8; 32],
    pub(crate) now: Timestamp,
}

/// What took effect: the status and the record as stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Tx<'_> {
    /// Does the work, or gives the answer that the same request had before.
    pub(crate) fn once(
        &self,
        once: Option<&Once>,
        work: impl FnOnce(&Self) -> Result<Answer, Problem>,
    ) -> Result<Answer, Problem> {
        let Some(once) = once else { return work(self) };
        let oldest = once.now.plus_seconds(-KEPT_SECONDS).millis();
        self.sql.execute("DELETE FROM answers WHERE at < ?1", [oldest]).map_err(StoreError::from)?;
        if let Some((digest, answer)) = self.answer(once)? {
            return if digest == once.digest {
                Ok(answer)
            } else {
                Err(Problem::Conflict {
                    message: "This Idempotency-Key was used for another request.",
                    current: None,
                })
            };
        }
        let answer = work(self)?;
        self.sql
            .execute(
                "INSERT INTO answers VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    once.who,
                    once.key,
                    once.digest,
                    answer.status,
                    serde_json::to_string(&answer.body)?,
                    once.now.millis()
                ],
            )
            .map_err(StoreError::from)?;
        Ok(answer)
    }

    fn answer(&self, once: &Once) -> Result<Option<([u8; 32], Answer)>, StoreError> {
        let row: Option<([u8; 32], u16, String)> = self
            .sql
            .prepare_cached("SELECT digest, status, body FROM answers WHERE who = ?1 AND key = ?2")?
            .query_row(params![once.who, once.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        row.map(|(digest, status, body)| Ok((digest, Answer { status, body: serde_json::from_str(&body)? })))
            .transpose()
    }
}
