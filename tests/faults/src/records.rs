//! What the files are filled with. Every name says which action it came from.

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, EnvelopeId, Message, MessageId, MessageKind, PersonId,
    Role, SpecialtyCode, Timestamp, Urgency,
};
use chatehr_vault::{CacheChange, NewOutboxRow, OutboxKind, OutboxRow, VaultKey};
use serde_json::json;

/// Messages of each consultation that the server tells of.
pub(crate) const MESSAGES: u64 = 3;
/// Consultations that the server tells of and that have not gone again.
pub(crate) const KEPT: u64 = 5;
/// A word in everything that comes from the server.
pub(crate) const TOLD: &str = "toldword";
/// A word in everything that was sent.
pub(crate) const SENT: &str = "sentword";

pub(crate) fn key() -> VaultKey {
    VaultKey::from_bytes(*b"key of the files that faults hit")
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus_seconds(i64::try_from(seconds).unwrap())
}

pub(crate) fn c(number: u64) -> ConsultationId {
    ConsultationId::new(format!("c-{number}"))
}

pub(crate) fn e(name: &str) -> EnvelopeId {
    EnvelopeId::new(name)
}

pub(crate) fn outgoing(name: &str, conversation: u64) -> NewOutboxRow {
    NewOutboxRow {
        envelope_id: e(name),
        consultation_id: c(conversation),
        kind: OutboxKind::Message,
        to_id: PersonId::new("patient-1"),
        text: format!("{SENT} of {name}"),
        seen: None,
        queued_at: at(0),
    }
}

/// The server's message made of a row of the outbox.
pub(crate) fn sent(row: &OutboxRow, sealed: &str) -> CacheChange {
    let message = Message {
        id: MessageId::new(format!("of-{}", row.envelope_id)),
        from_id: PersonId::new("physician-1"),
        to_id: row.to_id.clone(),
        consultation_id: row.consultation_id.clone(),
        content: sealed.to_owned(),
        kind: MessageKind::Text,
        timestamp: at(1),
        metadata: json!({"envelopeId": row.envelope_id.as_str()}).as_object().unwrap().clone(),
    };
    CacheChange::Message { message, text: Some(row.text.clone()), unreadable: false }
}

/// A word that only what came with this batch has in it.
pub(crate) fn word(batch: u64) -> String {
    format!("batch{batch}end")
}

pub(crate) fn told(batch: u64) -> ConsultationId {
    ConsultationId::new(format!("s-{batch}"))
}

pub(crate) fn batch(number: u64) -> Vec<CacheChange> {
    let consultation = Consultation {
        id: told(number),
        patient_id: PersonId::new("patient-1"),
        physician_id: Some(PersonId::new("physician-1")),
        specialty: SpecialtyCode::Cardiology,
        urgency: Urgency::Routine,
        description: format!("{TOLD} {}", word(number)),
        status: ConsultationStatus::Assigned,
        created_at: at(number),
        updated_at: at(number),
        version: number,
        history: Vec::new(),
        metadata: serde_json::Map::new(),
    };
    let mut changes = vec![CacheChange::Consultation(consultation)];
    for n in 0..MESSAGES {
        let message = Message {
            id: MessageId::new(format!("m-{number}-{n}")),
            from_id: PersonId::new("patient-1"),
            to_id: PersonId::new("physician-1"),
            consultation_id: told(number),
            content: format!("chatehr.3.k1.{number}.{n}"),
            kind: MessageKind::Text,
            timestamp: at(number),
            metadata: serde_json::Map::new(),
        };
        let text = format!("{TOLD} {} {}", word(number), "and a sentence of the usual length".repeat(4));
        changes.push(CacheChange::Message { message, text: Some(text), unreadable: false });
    }
    if number > KEPT {
        changes.push(CacheChange::ConsultationGone(told(number - KEPT)));
    }
    changes.push(CacheChange::LastEvent(Some(number.to_string())));
    changes
}

/// An entry that names what was done, so that each can be told from every other.
pub(crate) fn entry(action: &str, what: &str) -> NewEntry {
    NewEntry {
        at: at(0),
        actor: Some("physician-1".to_owned()),
        role: Role::Physician,
        session: "s-1".to_owned(),
        workstation: "desk-1".to_owned(),
        action: action.to_owned(),
        objects: vec![what.to_owned()],
        patient: Some(PersonId::new("patient-1")),
        outcome: Outcome::Success,
        reason: None,
    }
}
