//! Sessions in the store: the hash of a token, never the token.

use chatehr_contract::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{StoreError, Tx};
use crate::identity::Person;

impl Tx<'_> {
    pub(crate) fn add_session(
        &self,
        token_hash: &[u8; 32],
        person: &Person,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.sql.execute(
            "INSERT INTO sessions VALUES (?1, ?2, ?3)",
            params![token_hash, serde_json::to_string(person)?, expires_at.millis()],
        )?;
        Ok(())
    }

    /// Forgets those that have ended.
    pub(crate) fn forget_ended_sessions(&self, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.sql.prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")?.execute([now.millis()])?)
    }

    /// Ends a session; whether there was one.
    pub(crate) fn end_session(&self, token_hash: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(self.sql.prepare_cached("DELETE FROM sessions WHERE token_hash = ?1")?.execute([token_hash])? == 1)
    }

    /// Whose the token is and until when, unless it has ended.
    pub(crate) fn session(
        &self,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(Person, Timestamp)>, StoreError> {
        let row: Option<(String, i64)> = self
            .sql
            .prepare_cached(
                "SELECT person, expires_at FROM sessions WHERE token_hash = ?1 AND expires_at > ?2",
            )?
            .query_row(params![token_hash, now.millis()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        row.map(|(person, ends)| Ok((serde_json::from_str(&person)?, Timestamp::from_millis(ends))))
            .transpose()
    }
}
