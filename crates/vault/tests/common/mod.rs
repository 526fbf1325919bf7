//! Records to fill the files with.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    Appointment, AppointmentId, AppointmentStatus, Availability, Consultation, ConsultationId,
    ConsultationStatus, EnvelopeId, Message, MessageId, MessageKind, Patient, PersonId, PersonName,
    Physician, Role, Sex, SpecialtyCode, Timestamp, Urgency,
};
use chatehr_vault::{CacheChange, Doubt, NewOutboxRow, OutboxKind, Vault, VaultKey};
use serde_json::json;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus_seconds(seconds)
}

pub(crate) fn key() -> VaultKey {
    VaultKey::from_bytes(*b"golden key of the vault's tests!")
}

pub(crate) fn me() -> PersonId {
    PersonId::new("physician-1")
}

pub(crate) fn c(id: &str) -> ConsultationId {
    ConsultationId::new(id)
}

pub(crate) fn e(id: &str) -> EnvelopeId {
    EnvelopeId::new(id)
}

pub(crate) fn consultation(id: &str) -> Consultation {
    Consultation {
        id: c(id),
        patient_id: PersonId::new("patient-1"),
        physician_id: None,
        specialty: SpecialtyCode::Cardiology,
        urgency: Urgency::Routine,
        description: "Chest pain since the morning".to_owned(),
        status: ConsultationStatus::Pending,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
        history: Vec::new(),
        metadata: json!({"fromNewerServer": {"kept": true}}).as_object().unwrap().clone(),
    }
}

pub(crate) fn mine(id: &str, status: ConsultationStatus) -> Consultation {
    Consultation { physician_id: Some(me()), status, ..consultation(id) }
}

pub(crate) fn message(id: &str, consultation: &str, seconds: i64) -> Message {
    Message {
        id: MessageId::new(id),
        from_id: PersonId::new("patient-1"),
        to_id: me(),
        consultation_id: c(consultation),
        content: format!("chatehr.3.k1.{id}"),
        kind: MessageKind::Text,
        timestamp: at(seconds),
        metadata: json!({"envelopeId": format!("envelope-of-{id}")}).as_object().unwrap().clone(),
    }
}

pub(crate) fn opened(message: Message, text: &str) -> CacheChange {
    CacheChange::Message { message, text: Some(text.to_owned()), unreadable: false }
}

pub(crate) fn sealed(message: Message) -> CacheChange {
    CacheChange::Message { message, text: None, unreadable: false }
}

pub(crate) fn appointment(id: &str, seconds: i64) -> Appointment {
    Appointment {
        id: AppointmentId::new(id),
        patient_id: PersonId::new("patient-1"),
        physician_id: me(),
        consultation_id: None,
        date_time: at(seconds),
        duration: 30,
        kind: "consultation".to_owned(),
        status: AppointmentStatus::Booked,
        notes: "bring the letters".to_owned(),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn patient(id: &str, family: &str) -> Patient {
    Patient {
        id: PersonId::new(id),
        name: PersonName { family: family.to_owned(), given: vec!["Marta".to_owned()] },
        birth_date: "1971-03-04".to_owned(),
        sex: Sex::Female,
        language: None,
        allergies: vec!["penicillin".to_owned()],
    }
}

pub(crate) fn physician(id: &str) -> Physician {
    Physician {
        id: PersonId::new(id),
        name: PersonName { family: "Okafor".to_owned(), given: vec!["Ada".to_owned()] },
        specialties: vec![SpecialtyCode::Cardiology],
        on_call: true,
        availability: Availability::Available,
    }
}

pub(crate) fn outgoing(envelope: &str, consultation: &str) -> NewOutboxRow {
    NewOutboxRow {
        envelope_id: e(envelope),
        consultation_id: c(consultation),
        kind: OutboxKind::Message,
        to_id: PersonId::new("patient-1"),
        text: format!("words of {envelope}"),
        queued_at: at(0),
        seen: None,
    }
}

/// A question whose answer was lost.
pub(crate) fn doubt(key: &str, consultation: &str) -> Doubt {
    Doubt {
        key: e(key),
        consultation_id: c(consultation),
        question: r#"{"decline":{"reason":"away"}}"#.to_owned(),
        entry: entry("consultation.decline"),
    }
}

/// An action of this person's, as the log has it.
pub(crate) fn entry(action: &str) -> NewEntry {
    NewEntry {
        at: at(0),
        actor: Some(me().to_string()),
        role: Role::Physician,
        session: "s-1".to_owned(),
        workstation: "desk-1".to_owned(),
        action: action.to_owned(),
        objects: vec!["c-1".to_owned()],
        patient: Some(PersonId::new("patient-1")),
        outcome: Outcome::Success,
        reason: None,
    }
}

pub(crate) fn golden_file(version: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version).join(name)
}

/// A vault in a directory of its own.
pub(crate) fn vault() -> (tempfile::TempDir, Vault) {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::open(&dir.path().join("person"), &key()).unwrap();
    (dir, vault)
}

/// Every file of a directory, byte for byte, but the shared-memory index, which SQLite makes anew as it likes, and the
/// empty files that are only ever locked.
pub(crate) fn bytes_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .filter(|(name, bytes)| {
            !(name.ends_with("-shm") || name.ends_with(".lock") || name.ends_with("-wal") && bytes.is_empty())
        })
        .collect()
}

/// Spoils some bytes in the middle of a file.
pub(crate) fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 16] {
        *byte ^= 0x5A;
    }
    fs::write(path, bytes).unwrap();
}
