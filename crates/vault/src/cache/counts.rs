//! The figures beside the rail's entries: what the server said, against what this person has read.
//!
//! The marks are read from the ledger first and the messages from the cache after, each in its own transaction: a
//! message that arrives in between counts as unread, never the other way round.

use std::collections::HashMap;

use chatehr_contract::{ConsultationId, Counts, PersonId, SpecialtyCode, Timestamp};
use rusqlite::{Connection, params};

use super::read::{MINE, QUEUE, pools};
use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

impl Vault {
    /// The figures for this person, who takes from these pools. Unread counts what others wrote in this person's
    /// open consultations since this person last read there, or wrote where nothing was read here yet.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn counts(&self, person: &PersonId, specialties: &[SpecialtyCode]) -> Result<Counts, VaultError> {
        let marks: HashMap<ConsultationId, Timestamp> = self.read_marks()?;
        let pools = pools(specialties)?;
        self.cache()?.read(|cache| {
            let (queue, queue_urgent) = cache
                .prepare_cached(&format!(
                    "SELECT count(*), count(*) FILTER (WHERE triage < 2) FROM consultation WHERE {QUEUE}"
                ))?
                .query_row(params![person.as_str(), pools], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mine = cache
                .prepare_cached(&format!("SELECT count(*) FROM consultation WHERE {MINE}"))?
                .query_row(params![person.as_str(), pools], |row| row.get(0))?;
            let mut unread = 0;
            let mut own = cache.prepare_cached(&format!("SELECT id FROM consultation WHERE {MINE}"))?;
            let mut rows = own.query(params![person.as_str(), pools])?;
            while let Some(row) = rows.next()? {
                let id = ConsultationId::new(row.get::<_, String>(0)?);
                unread += count_unread(cache, &id, person, marks.get(&id).copied())?;
            }
            Ok(Counts { queue, queue_urgent, mine, unread })
        })
    }

    /// How many messages of others in this consultation are newer than what this person has read here; where nothing was,
    /// than what this person has written.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn unread(&self, consultation: &ConsultationId, person: &PersonId) -> Result<u32, VaultError> {
        let mark = self.read_mark(consultation)?;
        self.cache()?.read(|cache| count_unread(cache, consultation, person, mark))
    }
}

/// Who has answered has read what stood before: a new workstation, which has no marks yet, shows what is new. Where there
/// is one, it alone counts: words that waited in the outbox answer nothing that came meanwhile.
pub(super) const UNREAD: &str = "SELECT count(*) FROM message
     WHERE consultation_id = ?1 AND from_id <> ?3 AND kind <> 'system' AND at > coalesce(?2,
         (SELECT max(at) FROM message WHERE consultation_id = ?1 AND from_id = ?3), -9223372036854775808)";

/// A message of the server itself has no author to answer, so it is not counted.
pub(super) fn count_unread(
    cache: &Connection,
    consultation: &ConsultationId,
    person: &PersonId,
    mark: Option<Timestamp>,
) -> Result<u32, Fault> {
    Ok(cache
        .prepare_cached(UNREAD)?
        .query_row(params![consultation.as_str(), mark.map(Timestamp::millis), person.as_str()], |row| {
            row.get(0)
        })?)
}
