//! Records that look like a clinic's, the same every time.
//!
//! Words are as unevenly common as those of a language (Zipf); a consultation in ten has a conversation, of 200
//! messages; one in twenty waits in the queue.

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, EnvelopeId, Message, MessageId, MessageKind, PersonId,
    Role, SpecialtyCode, Timestamp, Urgency,
};
use chatehr_vault::{NewOutboxRow, OutboxKind};
use serde_json::json;

/// Messages of a conversation.
pub(crate) const CONVERSATION: u64 = 200;
/// Messages for each consultation, with those that have none.
const MESSAGES_A_CONSULTATION: u64 = 20;
const WORDS: u64 = 20_000;
const START: i64 = 1_764_086_400_000;

/// SplitMix64: the same every time.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A word; the one of rank r comes up in proportion to 1/r.
    fn word(&mut self) -> String {
        word(((self.part() * ((WORDS + 1) as f64).ln()).exp()) as u64 - 1)
    }
}

/// The word of a rank, 0 the most common: three syllables, no two ranks alike.
pub(crate) fn word(rank: u64) -> String {
    const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
    const VOWELS: &[u8; 5] = b"aeiou";
    let mut place = (rank * 7919 + 104_729) % 1_000_000;
    let mut word = String::with_capacity(6);
    for _ in 0..3 {
        let syllable = place % 100;
        place /= 100;
        for letters in [CONSONANTS.get((syllable / 5) as usize), VOWELS.get((syllable % 5) as usize)] {
            word.push(char::from(letters.copied().unwrap_or(b'a')));
        }
    }
    word
}

fn text(chance: &mut Chance, least: u64, most: u64) -> String {
    let count = least + chance.below(most - least);
    let words: Vec<String> = (0..count).map(|_| chance.word()).collect();
    words.join(" ")
}

/// Like a UUID of version 7: the time, then chance.
fn id(at: i64, chance: &mut Chance) -> String {
    let (time, rest) = (at.cast_unsigned(), chance.next());
    format!(
        "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
        time >> 16,
        time & 0xFFFF,
        rest & 0xFFF,
        (rest >> 12) & 0xFFF,
        rest >> 16
    )
}

fn person(kind: &str, n: u64) -> PersonId {
    PersonId::new(format!("{kind}-{n:06}"))
}

/// This workstation's.
pub(crate) fn me() -> PersonId {
    person("physician", 0)
}

/// How many consultations go with so many messages.
pub(crate) const fn consultations(messages: u64) -> u64 {
    messages / MESSAGES_A_CONSULTATION
}

pub(crate) fn consultation_id(n: u64) -> ConsultationId {
    ConsultationId::new(id(START + i64::try_from(n).unwrap_or(0) * 1000, &mut Chance::new(n)))
}

/// Which consultation the conversation belongs to.
pub(crate) fn conversation(n: u64) -> ConsultationId {
    consultation_id(n * (CONVERSATION / MESSAGES_A_CONSULTATION))
}

pub(crate) fn consultation(n: u64) -> Consultation {
    let mut chance = Chance::new(n ^ 0xC0);
    let created = Timestamp::from_millis(START + i64::try_from(n).unwrap_or(0) * 1000);
    let waits = n % 20 == 7;
    Consultation {
        id: consultation_id(n),
        patient_id: person("patient", n % 50_000),
        physician_id: (!waits).then(|| person("physician", n % 50)),
        specialty: SpecialtyCode::Cardiology,
        urgency: match n % 60 {
            7 => Urgency::Emergency,
            27 => Urgency::Urgent,
            _ => Urgency::Routine,
        },
        description: text(&mut chance, 8, 40),
        status: if waits { ConsultationStatus::Pending } else { ConsultationStatus::Completed },
        created_at: created,
        updated_at: created,
        version: 1,
        history: Vec::new(),
        metadata: serde_json::Map::new(),
    }
}

/// A message and its words.
pub(crate) fn message(n: u64) -> (Message, String) {
    let mut chance = Chance::new(n ^ 0x3E55);
    let place = n % CONVERSATION;
    let begun = START + i64::try_from(n / CONVERSATION).unwrap_or(0) * 10_000;
    let at = begun + i64::try_from(place).unwrap_or(0) * 90_000 + (chance.below(60_000)).cast_signed();
    let words = text(&mut chance, 5, 40);
    // As long as the sealed words are, in base64.
    let content: String = (0..(words.len() + 28) * 4 / 3)
        .map(|_| char::from(b'A' + u8::try_from(chance.below(26)).unwrap_or(0)))
        .collect();
    let patient = person("patient", n / CONVERSATION % 50_000);
    let (from_id, to_id) = if place.is_multiple_of(2) { (patient, me()) } else { (me(), patient) };
    let message = Message {
        id: MessageId::new(id(at, &mut chance)),
        from_id,
        to_id,
        consultation_id: conversation(n / CONVERSATION),
        content: format!("chatehr.3.k1.{content}"),
        kind: MessageKind::Text,
        timestamp: Timestamp::from_millis(at),
        metadata: json!({ "envelopeId": id(at, &mut chance) }).as_object().cloned().unwrap_or_default(),
    };
    (message, words)
}

/// A message to be sent.
pub(crate) fn outgoing(n: u64) -> NewOutboxRow {
    let mut chance = Chance::new(n ^ 0x0B0C);
    let at = START + i64::try_from(n).unwrap_or(0) * 500;
    NewOutboxRow {
        envelope_id: EnvelopeId::new(id(at, &mut chance)),
        consultation_id: conversation(n % 50),
        kind: OutboxKind::Message,
        to_id: person("patient", n % 50),
        text: text(&mut chance, 5, 40),
        queued_at: Timestamp::from_millis(at),
        seen: None,
    }
}

/// Like those of a clinic: 400 people at work, 50,000 patients, a few words, ids as they are generated.
pub(crate) fn entry(n: u64) -> NewEntry {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let id = |kind: u64, n: u64| format!("0199b6c0-{kind:04x}-7cc3-9d5e-{n:012x}");
    NewEntry {
        at: Timestamp::from_millis(START + i64::try_from(n).unwrap_or(0) * 137),
        actor: Some(id(1, mixed % 400)),
        role: Role::Physician,
        session: format!("s-{:06x}", mixed % 90_000),
        workstation: format!("desk-{}", mixed % 120),
        action: match (mixed >> 9) % 5 {
            0 | 1 => "consultation.read",
            2 => "message.send",
            3 => "consultation.list",
            _ => "consultation.accept",
        }
        .to_owned(),
        objects: vec![id(2, mixed % 200_000)],
        patient: Some(PersonId::new(id(3, mixed % 50_000))),
        outcome: if mixed.is_multiple_of(50) { Outcome::Refused } else { Outcome::Success },
        reason: mixed.is_multiple_of(50).then(|| "not their patient".to_owned()),
    }
}
