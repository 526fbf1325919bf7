//! First answers, kept for repeats (feature `idempotency`).
//!
//! Only what took effect is kept: a refusal changed nothing, and asking again may rightly find another answer. The
//! answer to a message is kept in its sealed form, and one with a token or a code in it is not kept at all.

use chatehr_contract::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Deserialize;

use super::{StoreError, Tx};
use crate::{
    op::{Body, Outcome},
    problem::Problem,
    provider::{Call, Once},
};

/// Seconds that an answer is kept: two days, so that a weekend night without network is covered.
const KEPT_SECONDS: i64 = 48 * 3600;

impl Tx<'_> {
    /// Does the work, or gives the answer that the same request had before.
    pub(crate) fn once(
        &self,
        call: &Call,
        work: impl FnOnce(&Self) -> Result<Outcome, Problem>,
    ) -> Result<Outcome, Problem> {
        let Some(once) = call.once.as_ref().filter(|_| !call.op.gives_a_secret()) else { return work(self) };
        let who = call.actor.key();
        if let Some((digest, outcome)) = self.answer(&who, once)? {
            return if digest == once.digest {
                Ok(outcome)
            } else {
                Err(Problem::Conflict {
                    message: "This Idempotency-Key was used for another request.",
                    current: None,
                })
            };
        }
        let outcome = work(self)?;
        let Body::Json(body) = &outcome.body else { return Ok(outcome) };
        self.sql
            .prepare_cached("INSERT INTO answers VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .and_then(|mut statement| {
                statement.execute(params![
                    who,
                    once.key,
                    once.digest,
                    outcome.status,
                    body,
                    call.now.millis()
                ])
            })
            .map_err(StoreError::from)?;
        Ok(outcome)
    }

    fn answer(&self, who: &str, once: &Once) -> Result<Option<([u8; 32], Outcome)>, StoreError> {
        let row: Option<([u8; 32], u16, String)> = self
            .sql
            .prepare_cached("SELECT digest, status, body FROM answers WHERE who = ?1 AND key = ?2")?
            .query_row(params![who, once.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((digest, status, body)) = row else { return Ok(None) };
        let version = serde_json::from_str::<Version>(&body)?.version;
        Ok(Some((digest, Outcome { version, ..Outcome::with(status, Body::Json(body)) })))
    }

    /// Forgets answers that are too old to be repeated.
    pub(crate) fn forget_old_answers(&self, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self
            .sql
            .prepare_cached("DELETE FROM answers WHERE at < ?1")?
            .execute([now.plus_seconds(-KEPT_SECONDS).millis()])?)
    }
}

/// A record's version, where it has one.
#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: Option<u64>,
}
