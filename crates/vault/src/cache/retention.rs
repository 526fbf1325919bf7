//! Lets go of what has been closed for longer than the clinic wants it on a workstation. The server has it.
//!
//! Promises: what this person has not read, and what they have not finished writing to, stays, however old (a reason or
//! closing note that was typed and not used is as old as anything else); what goes is overwritten, in the file, in its log and in the search index. Refuses: anything that is open.

use std::collections::HashSet;

use chatehr_contract::{ConsultationId, PersonId, Timestamp};
use rusqlite::{Connection, params};

use super::{counts::count_unread, search, write::remove_consultation};
use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// Consultations looked at in one transaction, so that nobody waits long for the file.
const AT_ONCE: i64 = 200;

/// How much went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Consultations that were closed.
    pub consultations: u32,
    /// Their messages.
    pub messages: u32,
    /// Appointments that are over.
    pub appointments: u32,
    /// Patients of whom nothing else is left.
    pub patients: u32,
}

impl Forgotten {
    /// Whether it was nothing at all.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Vault {
    /// Lets go of what was closed or over before `before`, seen as this person.
    ///
    /// # Errors
    /// [`VaultError`]; what went until then is gone, and the rest goes next time.
    pub fn forget_closed(&self, before: Timestamp, person: &PersonId) -> Result<Forgotten, VaultError> {
        self.forget_dialog_words(before)?;
        let marks = self.read_marks()?;
        let unfinished = self.unfinished()?;
        let mut gone = Forgotten::default();
        let mut after = String::new();
        loop {
            let batch = self.cache()?.write(|cache| {
                let ids = closed(cache, before, &after)?;
                let (mut consultations, mut messages) = (0, 0);
                for id in &ids {
                    let id = ConsultationId::new(id.clone());
                    if unfinished.contains(&id)
                        || count_unread(cache, &id, person, marks.get(&id).copied())? > 0
                    {
                        continue;
                    }
                    consultations += 1;
                    messages += cache
                        .prepare_cached("SELECT count(*) FROM message WHERE consultation_id = ?1")?
                        .query_row([id.as_str()], |row| row.get::<_, u32>(0))?;
                    remove_consultation(cache, &id)?;
                }
                Ok((ids.last().cloned(), consultations, messages))
            });
            let (last, consultations, messages) = batch?;
            gone.consultations += consultations;
            gone.messages += messages;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        let (appointments, patients) = self.cache()?.write(|cache| {
            let appointments =
                cache.prepare_cached("DELETE FROM appointment WHERE at < ?1")?.execute([before.millis()])?;
            Ok((appointments, forget_patients(cache)?))
        })?;
        gone.appointments = u32::try_from(appointments).unwrap_or(u32::MAX);
        gone.patients = patients;
        if !gone.is_nothing() {
            // A deleted text stays in the index's segments until they are written anew, and in the file's log until
            // that begins anew.
            self.cache()?.write(|cache| {
                cache.execute("INSERT INTO search_index (search_index) VALUES ('optimize')", [])?;
                Ok(())
            })?;
            self.cache()?.fold_log();
        }
        Ok(gone)
    }

    /// Which of these consultations are held.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn held(&self, ids: &[ConsultationId]) -> Result<HashSet<ConsultationId>, VaultError> {
        self.cache()?.read(|cache| {
            let mut find = cache.prepare_cached("SELECT 1 FROM consultation WHERE id = ?1")?;
            let mut held = HashSet::new();
            for id in ids {
                if find.exists([id.as_str()])? {
                    held.insert(id.clone());
                }
            }
            Ok(held)
        })
    }

    /// Consultations to which something waits to be sent, or is being written.
    fn unfinished(&self) -> Result<HashSet<ConsultationId>, VaultError> {
        self.ledger().read(|ledger| {
            let mut statement = ledger.prepare_cached(
                "SELECT consultation_id FROM outbox UNION SELECT consultation_id FROM draft",
            )?;
            let ids = statement.query_map([], |row| Ok(ConsultationId::new(row.get::<_, String>(0)?)))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }
}

fn closed(cache: &Connection, before: Timestamp, after: &str) -> Result<Vec<String>, Fault> {
    let mut statement = cache.prepare_cached(
        "SELECT id FROM consultation
         WHERE status IN ('completed', 'cancelled') AND updated_at < ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let ids = statement.query_map(params![before.millis(), after, AT_ONCE], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn forget_patients(cache: &Connection) -> Result<u32, Fault> {
    let mut statement = cache.prepare_cached(
        "SELECT id FROM patient
         WHERE id NOT IN (SELECT patient_id FROM consultation) AND id NOT IN (SELECT patient_id FROM appointment)",
    )?;
    let ids: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut gone = 0;
    for id in ids {
        search::forget_patient(cache, &PersonId::new(id.clone()))?;
        cache.prepare_cached("DELETE FROM patient WHERE id = ?1")?.execute([id])?;
        gone += 1;
    }
    Ok(gone)
}
