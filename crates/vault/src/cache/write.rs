//! Writes what the server has said, and keeps the search index in step within the same transaction.

use std::collections::HashSet;

use chatehr_contract::{Appointment, Consultation, ConsultationId, Message, Patient, Physician};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    CacheChange,
    search::{self, Subject},
};
use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

impl Vault {
    /// Applies changes in their order, all of them or none.
    ///
    /// # Errors
    /// [`VaultError`]; nothing was changed.
    pub fn apply(&self, changes: &[CacheChange]) -> Result<(), VaultError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.cache()?.write(|cache| changes.iter().try_for_each(|change| apply(cache, change)))
    }
}

fn apply(cache: &Connection, change: &CacheChange) -> Result<(), Fault> {
    match change {
        CacheChange::Consultation(consultation) => put_consultation(cache, consultation, Newer::Wins),
        CacheChange::ConsultationGone(id) => remove_consultation(cache, id),
        CacheChange::AllConsultations(all) => replace_consultations(cache, all),
        CacheChange::Message { message, text, unreadable } => {
            put_message(cache, message, text.as_deref(), *unreadable)
        }
        CacheChange::Appointment(appointment) => put_appointment(cache, appointment),
        CacheChange::AppointmentsIn { from, to, rows } => {
            cache
                .prepare_cached("DELETE FROM appointment WHERE at >= ?1 AND at < ?2")?
                .execute(params![from.millis(), to.millis()])?;
            rows.iter().try_for_each(|row| put_appointment(cache, row))
        }
        CacheChange::Patient(patient) => put_patient(cache, patient),
        CacheChange::Physicians(all) => replace_physicians(cache, all),
        CacheChange::MessageKey { consultation, kid, key } => {
            cache
                .prepare_cached(
                    "INSERT OR REPLACE INTO message_key (consultation_id, kid, key) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![consultation.as_str(), kid, key.as_slice()])?;
            Ok(())
        }
        CacheChange::LastEvent(event) => {
            cache.prepare_cached("UPDATE sync_state SET last_event = ?1")?.execute([event])?;
            Ok(())
        }
        CacheChange::SyncedAt(at) => {
            cache.prepare_cached("UPDATE sync_state SET synced_at = ?1")?.execute([at.millis()])?;
            Ok(())
        }
    }
}

/// What happens when the same consultation is held already.
#[derive(Clone, Copy, PartialEq)]
enum Newer {
    /// Answers may overtake one another; an older one changes nothing.
    Wins,
    /// The server's whole truth counts even where it went back, as after a restore from a backup.
    DoesNotMatter,
}

fn put_consultation(cache: &Connection, consultation: &Consultation, newer: Newer) -> Result<(), Fault> {
    let declined_by = consultation
        .metadata
        .get("declinedBy")
        .filter(|ids| ids.is_array())
        .map_or_else(|| "[]".to_owned(), ToString::to_string);
    let written = cache
        .prepare_cached(
            "INSERT INTO consultation
                 (id, patient_id, physician_id, specialty, status, triage, created_at, updated_at, version,
                  declined_by, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET
                 patient_id = excluded.patient_id, physician_id = excluded.physician_id,
                 specialty = excluded.specialty, status = excluded.status, triage = excluded.triage,
                 created_at = excluded.created_at, updated_at = excluded.updated_at,
                 version = excluded.version, declined_by = excluded.declined_by, record = excluded.record
             WHERE ?12 OR (excluded.version, excluded.updated_at) >= (version, updated_at)",
        )?
        .execute(params![
            consultation.id.as_str(),
            consultation.patient_id.as_str(),
            consultation.physician_id.as_ref().map(|id| id.as_str()),
            consultation.specialty.as_str(),
            consultation.status.as_str(),
            consultation.urgency.triage_rank(),
            consultation.created_at.millis(),
            consultation.updated_at.millis(),
            i64::try_from(consultation.version).unwrap_or(i64::MAX),
            declined_by,
            serde_json::to_string(consultation)?,
            newer == Newer::DoesNotMatter,
        ])?;
    if written > 0 {
        search::index(cache, Subject::Consultation(&consultation.id), &consultation.description)?;
    }
    Ok(())
}

pub(super) fn remove_consultation(cache: &Connection, id: &ConsultationId) -> Result<(), Fault> {
    search::forget_consultation(cache, id)?;
    for statement in [
        "DELETE FROM message WHERE consultation_id = ?1",
        "DELETE FROM message_key WHERE consultation_id = ?1",
        "DELETE FROM consultation WHERE id = ?1",
    ] {
        cache.prepare_cached(statement)?.execute([id.as_str()])?;
    }
    Ok(())
}

fn replace_consultations(cache: &Connection, all: &[Consultation]) -> Result<(), Fault> {
    let kept: HashSet<&str> = all.iter().map(|consultation| consultation.id.as_str()).collect();
    let held: Vec<String> = cache
        .prepare_cached("SELECT id FROM consultation")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in held.into_iter().filter(|id| !kept.contains(id.as_str())) {
        remove_consultation(cache, &ConsultationId::new(id))?;
    }
    all.iter().try_for_each(|consultation| put_consultation(cache, consultation, Newer::DoesNotMatter))
}

fn put_message(
    cache: &Connection,
    message: &Message,
    text: Option<&str>,
    unreadable: bool,
) -> Result<(), Fault> {
    let envelope = message.envelope_id();
    let envelope = envelope.as_ref().map(|id| id.as_str());
    // What was said under this envelope's name is not said again under another message's.
    let repeats = cache
        .prepare_cached("SELECT 1 FROM message WHERE envelope_id = ?1 AND id <> ?2 AND text IS NOT NULL")?
        .exists(params![envelope, message.id.as_str()])?;
    let (text, unreadable) = if repeats { (None, true) } else { (text, unreadable) };
    // Asked beforehand: an upsert that returns what it wrote takes three times as long, and nearly all are new.
    let held: Option<Option<String>> = cache
        .prepare_cached(
            // Words stay while the content does, for the same place: from whom, to whom and in which consultation.
            "SELECT CASE WHEN record ->> 'content' IS ?2 AND (consultation_id, from_id) = (?3, ?4)
                 AND record ->> 'toId' IS ?5 AND envelope_id IS ?6 THEN text END
             FROM message WHERE id = ?1",
        )?
        .query_row(
            params![
                message.id.as_str(),
                message.content,
                message.consultation_id.as_str(),
                message.from_id.as_str(),
                message.to_id.as_str(),
                envelope,
            ],
            |row| row.get(0),
        )
        .optional()?;
    let kept = text.or_else(|| held.as_ref().and_then(|words| words.as_deref()));
    let statement = if held.is_some() {
        "UPDATE message SET consultation_id = ?2, from_id = ?3, kind = ?4, envelope_id = ?5, at = ?6, text = ?7,
             unreadable = ?8, record = ?9
         WHERE id = ?1"
    } else {
        "INSERT INTO message (id, consultation_id, from_id, kind, envelope_id, at, text, unreadable, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    };
    cache.prepare_cached(statement)?.execute(params![
        message.id.as_str(),
        message.consultation_id.as_str(),
        message.from_id.as_str(),
        message.kind.as_str(),
        envelope,
        message.timestamp.millis(),
        kept,
        unreadable && kept.is_none(),
        serde_json::to_string(message)?,
    ])?;
    let subject = Subject::Message { consultation: &message.consultation_id, message: &message.id };
    search::index(cache, subject, kept.unwrap_or_default())
}

fn put_appointment(cache: &Connection, appointment: &Appointment) -> Result<(), Fault> {
    cache
        .prepare_cached(
            "INSERT OR REPLACE INTO appointment (id, patient_id, at, record) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            appointment.id.as_str(),
            appointment.patient_id.as_str(),
            appointment.date_time.millis(),
            serde_json::to_string(appointment)?,
        ])?;
    Ok(())
}

fn put_patient(cache: &Connection, patient: &Patient) -> Result<(), Fault> {
    cache
        .prepare_cached("INSERT OR REPLACE INTO patient (id, record) VALUES (?1, ?2)")?
        .execute(params![patient.id.as_str(), serde_json::to_string(patient)?])?;
    search::index(cache, Subject::Patient(&patient.id), &patient.name.spoken())
}

fn replace_physicians(cache: &Connection, all: &[Physician]) -> Result<(), Fault> {
    cache.execute("DELETE FROM physician", [])?;
    for physician in all {
        cache
            .prepare_cached("INSERT OR REPLACE INTO physician (id, record) VALUES (?1, ?2)")?
            .execute(params![physician.id.as_str(), serde_json::to_string(physician)?])?;
    }
    Ok(())
}
