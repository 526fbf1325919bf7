//! Reads what the server has said, in the order in which it is shown.

use chatehr_contract::{
    Appointment, Consultation, ConsultationId, EnvelopeId, ListScope, Message, Patient, PersonId, Physician,
    SpecialtyCode, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{ListQuery, StoredKey, StoredMessage};
use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// Pending; nobody's or this person's own; in their pools; not declined by them. Parameters: person, pools.
pub(super) const QUEUE: &str = "status = 'pending' AND coalesce(physician_id, ?1) = ?1
     AND specialty IN (SELECT value FROM json_each(?2))
     AND NOT EXISTS (SELECT 1 FROM json_each(declined_by) WHERE value = ?1)";
/// This person's, with something left to do. Parameters: person, pools (unused).
pub(super) const MINE: &str =
    "status NOT IN ('completed', 'cancelled') AND physician_id = ?1 AND ?2 IS NOT NULL";
const CLOSED: &str = "status IN ('completed', 'cancelled') AND physician_id = ?1 AND ?2 IS NOT NULL";

const BY_PATIENT: &str =
    "SELECT record FROM consultation WHERE patient_id = ?1 ORDER BY created_at DESC, id LIMIT ?2";
const LATEST_MESSAGES: &str = "SELECT record, text, unreadable FROM message
     WHERE consultation_id = ?1 ORDER BY at DESC, id DESC LIMIT ?2";
const BY_ENVELOPE: &str = "SELECT record, text, unreadable FROM message WHERE envelope_id = ?1 LIMIT 1";
const WITHOUT_TEXT: &str = "SELECT record FROM message
     WHERE consultation_id = ?1 AND text IS NULL AND unreadable = 0 ORDER BY at, id";
const APPOINTMENTS: &str = "SELECT record FROM appointment WHERE at >= ?1 AND at < ?2 ORDER BY at, id";
const APPOINTMENTS_BY_PATIENT: &str = "SELECT record FROM appointment WHERE patient_id = ?1 ORDER BY at, id";

impl Vault {
    /// How many messages of a conversation are held.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn message_count(&self, consultation: &ConsultationId) -> Result<u32, VaultError> {
        self.cache()?.read(|cache| {
            let count = "SELECT count(*) FROM message WHERE consultation_id = ?1";
            Ok(cache.prepare_cached(count)?.query_row([consultation.as_str()], |row| row.get(0))?)
        })
    }

    /// When the latest change of any consultation that is held was made, and how many are held.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn latest_change(&self) -> Result<(Option<Timestamp>, u32), VaultError> {
        self.cache()?.read(|cache| {
            let query = "SELECT max(updated_at), count(*) FROM consultation";
            let (at, count): (Option<i64>, u32) =
                cache.prepare_cached(query)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((at.map(Timestamp::from_millis), count))
        })
    }

    /// A page of consultations and how many there are in all.
    ///
    /// Queue and Mine come emergency first, then urgent (and any word we do not know), then routine, within each the
    /// oldest first; Closed comes latest change first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn consultations(&self, query: &ListQuery<'_>) -> Result<(Vec<Consultation>, u32), VaultError> {
        let (page, total) = list(query.scope);
        let pools = pools(query.specialties)?;
        let one = query.specialty.map(SpecialtyCode::as_str);
        self.cache()?.read(|cache| {
            let rows =
                records(cache, &page, params![query.person.as_str(), pools, one, query.limit, query.offset])?;
            let total = cache
                .prepare_cached(&total)?
                .query_row(params![query.person.as_str(), pools, one], |row| row.get(0))?;
            Ok((rows, total))
        })
    }

    /// One consultation.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn consultation(&self, id: &ConsultationId) -> Result<Option<Consultation>, VaultError> {
        self.cache()?.read(|cache| one(cache, "SELECT record FROM consultation WHERE id = ?1", [id.as_str()]))
    }

    /// A patient's consultations, latest first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn consultations_of_patient(
        &self,
        patient: &PersonId,
        limit: u32,
    ) -> Result<Vec<Consultation>, VaultError> {
        self.cache()?.read(|cache| records(cache, BY_PATIENT, params![patient.as_str(), limit]))
    }

    /// The latest messages of a consultation, oldest first, and whether there are older ones.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn messages(
        &self,
        consultation: &ConsultationId,
        limit: u32,
    ) -> Result<(Vec<StoredMessage>, bool), VaultError> {
        self.cache()?.read(|cache| {
            let mut found =
                messages(cache, LATEST_MESSAGES, params![consultation.as_str(), i64::from(limit) + 1])?;
            let has_older = found.len() > limit as usize;
            found.truncate(limit as usize);
            found.reverse();
            Ok((found, has_older))
        })
    }

    /// Messages that nobody has tried to open yet, oldest first: for when their key arrives.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn messages_without_text(&self, consultation: &ConsultationId) -> Result<Vec<Message>, VaultError> {
        self.cache()?.read(|cache| records(cache, WITHOUT_TEXT, [consultation.as_str()]))
    }

    /// The message that the server made of an envelope of ours, so that a row which was sent just before a crash is
    /// settled and not shown twice.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn message_of_envelope(&self, envelope: &EnvelopeId) -> Result<Option<StoredMessage>, VaultError> {
        self.cache()?.read(|cache| {
            let found = messages(cache, BY_ENVELOPE, [envelope.as_str()])?;
            Ok(found.into_iter().next())
        })
    }

    /// Appointments of a half-open range of time, soonest first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn appointments(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Appointment>, VaultError> {
        self.cache()?.read(|cache| records(cache, APPOINTMENTS, params![from.millis(), to.millis()]))
    }

    /// A patient's appointments, soonest first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn appointments_of_patient(&self, patient: &PersonId) -> Result<Vec<Appointment>, VaultError> {
        self.cache()?.read(|cache| records(cache, APPOINTMENTS_BY_PATIENT, [patient.as_str()]))
    }

    /// One patient.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn patient(&self, id: &PersonId) -> Result<Option<Patient>, VaultError> {
        self.cache()?.read(|cache| one(cache, "SELECT record FROM patient WHERE id = ?1", [id.as_str()]))
    }

    /// Those of the patients that are known, in no particular order.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn patients(&self, ids: &[PersonId]) -> Result<Vec<Patient>, VaultError> {
        let ids = json(ids)?;
        self.cache()?.read(|cache| {
            records(cache, "SELECT record FROM patient WHERE id IN (SELECT value FROM json_each(?1))", [ids])
        })
    }

    /// One physician.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn physician(&self, id: &PersonId) -> Result<Option<Physician>, VaultError> {
        self.cache()?.read(|cache| one(cache, "SELECT record FROM physician WHERE id = ?1", [id.as_str()]))
    }

    /// Every physician that the server's directory has told.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn physicians(&self) -> Result<Vec<Physician>, VaultError> {
        self.cache()?.read(|cache| records(cache, "SELECT record FROM physician ORDER BY id", []))
    }

    /// A conversation's key.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn message_key(&self, consultation: &ConsultationId) -> Result<Option<StoredKey>, VaultError> {
        self.cache()?.read(|cache| {
            Ok(cache
                .prepare_cached("SELECT kid, key FROM message_key WHERE consultation_id = ?1")?
                .query_row([consultation.as_str()], |row| {
                    Ok(StoredKey { kid: row.get(0)?, key: Zeroizing::new(row.get(1)?) })
                })
                .optional()?)
        })
    }

    /// The place in the event stream up to which everything is here.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn last_event(&self) -> Result<Option<String>, VaultError> {
        self.cache()?
            .read(|cache| Ok(cache.query_row("SELECT last_event FROM sync_state", [], |row| row.get(0))?))
    }

    /// When everything was last in step with the server.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn synced_at(&self) -> Result<Option<Timestamp>, VaultError> {
        let millis: Option<i64> = self
            .cache()?
            .read(|cache| Ok(cache.query_row("SELECT synced_at FROM sync_state", [], |row| row.get(0))?))?;
        Ok(millis.map(Timestamp::from_millis))
    }
}

/// The statements of a list: one page of it, and how many rows there are in all.
fn list(scope: ListScope) -> (String, String) {
    let (which, order) = match scope {
        ListScope::Queue => (QUEUE, "triage, created_at, id"),
        ListScope::Mine => (MINE, "triage, created_at, id"),
        ListScope::Closed => (CLOSED, "updated_at DESC, id"),
    };
    let from = format!("FROM consultation WHERE {which} AND (?3 IS NULL OR specialty = ?3)");
    (format!("SELECT record {from} ORDER BY {order} LIMIT ?4 OFFSET ?5"), format!("SELECT count(*) {from}"))
}

/// The pools as JSON, for `json_each`.
pub(super) fn pools(specialties: &[SpecialtyCode]) -> Result<String, VaultError> {
    json(specialties)
}

fn json<T: serde::Serialize>(values: &[T]) -> Result<String, VaultError> {
    serde_json::to_string(values).map_err(|error| VaultError::Other(Box::new(error)))
}

fn records<T: DeserializeOwned>(
    cache: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<T>, Fault> {
    let mut statement = cache.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

fn one<T: DeserializeOwned>(
    cache: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Option<T>, Fault> {
    Ok(records(cache, sql, parameters)?.into_iter().next())
}

fn messages(cache: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<StoredMessage>, Fault> {
    let mut statement = cache.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(StoredMessage { message: record(row)?, text: row.get(1)?, unreadable: row.get(2)? });
    }
    Ok(found)
}

/// The first column, read as the record it is.
fn record<T: DeserializeOwned>(row: &Row<'_>) -> Result<T, Fault> {
    let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(serde_json::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use chatehr_contract::ListScope;
    use rusqlite::Connection;
    use rusqlite_migration::Migrations;

    use super::*;
    use crate::{
        cache::{counts::UNREAD, search::SEARCH},
        schema::Kind,
    };

    /// SQLite's plan, one line a step.
    fn plan(file: &Connection, sql: &str) -> String {
        let mut statement = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let count = statement.parameter_count();
        let nothing = vec![rusqlite::types::Null; count];
        let steps =
            statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>(3)).unwrap();
        steps.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    }

    #[test]
    fn what_the_window_waits_for_is_read_through_an_index_and_never_sorted() {
        let mut file = Connection::open_in_memory().unwrap();
        Migrations::from_slice(&Kind::Cache.steps()).to_latest(&mut file).unwrap();
        let lists = [ListScope::Queue, ListScope::Mine, ListScope::Closed].map(list);
        let [(queue, queued), (mine, _), (closed, _)] = &lists;
        for (sql, index) in [
            (queue.as_str(), "consultation_queue"),
            (queued, "consultation_queue"),
            (mine, "consultation_mine"),
            (closed, "consultation_closed"),
            (BY_PATIENT, "consultation_patient"),
            (LATEST_MESSAGES, "message_conversation"),
            (BY_ENVELOPE, "message_envelope"),
            (WITHOUT_TEXT, "message_sealed"),
            (UNREAD, "message_conversation"),
            (APPOINTMENTS, "appointment_day"),
            (APPOINTMENTS_BY_PATIENT, "appointment_patient"),
        ] {
            let plan = plan(&file, sql);
            assert!(plan.contains(&format!("USING INDEX {index}")), "{sql}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        }
        let search = plan(&file, SEARCH);
        assert!(!search.contains("TEMP B-TREE"), "{search}");
        assert!(search.contains("SEARCH entry USING INTEGER PRIMARY KEY"), "{search}");
    }
}
