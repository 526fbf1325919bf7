//! Turns what was told into records: a history that the life cycle allows, and the messages in their places.

use chatehr_contract::{
    Consultation, ConsultationId,
    ConsultationStatus::{self, Assigned, Cancelled, Completed, InProgress, Pending},
    Escalation, HistoryEntry, MessageId, PersonId, Timestamp, Urgency,
};
use serde_json::{Map, Value};

use super::{
    DemoMessage,
    brief::{self, Before, Brief},
    people::{admin_id, patient_id, physician_id},
    threads::{self, Thread},
};

/// A message whose consultation has no id yet.
struct Said {
    by_patient: bool,
    at: Timestamp,
    text: &'static str,
}

/// The consultations, oldest first, and what was written in them, oldest first.
pub(super) fn all(now: Timestamp) -> (Vec<Consultation>, Vec<DemoMessage>) {
    let mut told: Vec<(Consultation, Vec<Said>)> =
        brief::all().iter().map(|brief| (from_brief(brief, now), Vec::new())).collect();
    told.extend(threads::all().map(|thread| from_thread(thread, now)));
    told.sort_by(|(a, _), (b, _)| (a.created_at, &a.patient_id).cmp(&(b.created_at, &b.patient_id)));

    let mut consultations = Vec::new();
    let mut messages = Vec::new();
    for (number, (mut consultation, said)) in (3001..).zip(told) {
        consultation.id = ConsultationId::new(format!("consultation-{number}"));
        if let Some(physician) = &consultation.physician_id {
            messages.extend(said.into_iter().map(|said| message(said, &consultation, physician)));
        }
        consultations.push(consultation);
    }
    messages.sort_by_key(|message| message.at);
    for (number, message) in (7001..).zip(&mut messages) {
        message.id = MessageId::new(format!("message-{number}"));
    }
    (consultations, messages)
}

fn message(said: Said, consultation: &Consultation, physician: &PersonId) -> DemoMessage {
    let (from, to) = if said.by_patient {
        (&consultation.patient_id, physician)
    } else {
        (physician, &consultation.patient_id)
    };
    DemoMessage {
        id: MessageId::new(""), // numbered once all are in order
        consultation_id: consultation.id.clone(),
        from_id: from.clone(),
        to_id: to.clone(),
        text: said.text.to_owned(),
        at: said.at,
    }
}

/// Seconds until somebody took it: emergencies at once, routine ones between two surgeries.
fn taken_after(urgency: &Urgency, patient: u32) -> i64 {
    let spread = i64::from(patient % 7);
    match urgency {
        Urgency::Emergency => 50 + spread,
        Urgency::Routine => (70 + 9 * spread) * 60 + 3 * spread,
        Urgency::Urgent | Urgency::Other(_) => 150 + 41 * spread,
    }
}

fn from_thread(thread: &'static Thread, now: Timestamp) -> (Consultation, Vec<Said>) {
    let length: i64 = thread.lines.iter().map(|line| line.after).sum();
    let taken = now.plus_seconds(-60 * (thread.ended + length));
    let physician = physician_id(thread.physician);

    let mut at = taken;
    let mut said = Vec::new();
    for (seconds, line) in (7..).step_by(13).zip(thread.lines) {
        at = at.plus_seconds(60 * line.after);
        // Nobody presses Send on the full minute.
        said.push(Said {
            by_patient: line.by_patient,
            at: at.plus_seconds(-(seconds % 47)),
            text: line.text,
        });
    }

    let mut story = Story::begin(
        patient_id(thread.patient),
        taken.plus_seconds(-taken_after(&thread.urgency, thread.patient)),
    );
    story.step(taken, &physician, Assigned, "");
    let answers = || said.iter().filter(|said| !said.by_patient).map(|said| said.at);
    if let (InProgress | Completed, Some(first)) = (&thread.status, answers().next()) {
        story.step(first, &physician, InProgress, "");
    }
    if thread.status == Completed {
        story.step(at.plus_seconds(12 * 60), &physician, Completed, thread.note);
    } else if let (false, Some(last)) = (thread.note.is_empty(), answers().next_back()) {
        story.note(last.plus_seconds(40), &physician, thread.note);
    }
    let consultation = Consultation {
        physician_id: Some(physician),
        ..story.end(thread.specialty.clone(), thread.urgency.clone(), thread.description)
    };
    (consultation, said)
}

fn from_brief(brief: &Brief, now: Timestamp) -> Consultation {
    let created = now.plus_seconds(-brief.asked);
    let mut taken = created.plus_seconds(taken_after(&brief.urgency, brief.patient));
    let physician = brief.physician.map(physician_id);

    let mut story = Story::begin(patient_id(brief.patient), created);
    match &brief.before {
        Before::Nothing => {}
        Before::Declined(who, why) => story.declined(taken, &physician_id(*who), why),
        Before::HandedBack(who, why) => {
            story.step(taken, &physician_id(*who), Assigned, "");
            story.step(taken.plus_seconds(47 * 60), &physician_id(*who), Pending, why);
            taken = taken.plus_seconds(68 * 60);
        }
    }
    if let Some(physician) = &physician {
        story.step(taken, physician, Assigned, "");
    }
    let later = taken.plus_seconds(34 * 60 + i64::from(brief.patient % 11) * 97);
    match (&brief.status, &physician) {
        (Completed, Some(physician)) => {
            story.step(later, physician, InProgress, "");
            story.step(later.plus_seconds(14 * 60), physician, Completed, brief.note);
        }
        (Cancelled, Some(physician)) => story.step(later, physician, Cancelled, brief.note),
        (Cancelled, None) => story.step(later, &admin_id(), Cancelled, brief.note),
        _ => {}
    }
    Consultation {
        physician_id: physician,
        ..story.end(brief.specialty.clone(), brief.urgency.clone(), brief.description)
    }
}

/// A consultation's life as it is told, each step after the one before.
struct Story {
    patient: PersonId,
    created: Timestamp,
    status: ConsultationStatus,
    history: Vec<HistoryEntry>,
    metadata: Map<String, Value>,
}

impl Story {
    fn begin(patient: PersonId, created: Timestamp) -> Self {
        let history = vec![HistoryEntry {
            at: created,
            actor_id: Some(patient.clone()),
            action: "created".to_owned(),
            from: None,
            to: Some(Pending),
            note: None,
        }];
        Self { patient, created, status: Pending, history, metadata: Map::new() }
    }

    fn step(&mut self, at: Timestamp, actor: &PersonId, to: ConsultationStatus, note: &str) {
        let from = std::mem::replace(&mut self.status, to.clone());
        self.push(at, actor, "status", Some((from, to)), note);
    }

    fn declined(&mut self, at: Timestamp, actor: &PersonId, why: &str) {
        self.push(at, actor, "declined", None, why);
        self.metadata.insert("declinedBy".to_owned(), vec![actor.as_str()].into());
    }

    fn note(&mut self, at: Timestamp, actor: &PersonId, note: &str) {
        self.push(at, actor, "note", None, note);
    }

    fn push(
        &mut self,
        at: Timestamp,
        actor: &PersonId,
        action: &str,
        change: Option<(ConsultationStatus, ConsultationStatus)>,
        note: &str,
    ) {
        let (from, to) = change.unzip();
        let note = (!note.is_empty()).then(|| note.to_owned());
        self.history.push(HistoryEntry {
            at,
            actor_id: Some(actor.clone()),
            action: action.to_owned(),
            from,
            to,
            note,
        });
    }

    /// The record as it stands, without an id and an owner.
    fn end(
        self,
        specialty: chatehr_contract::SpecialtyCode,
        urgency: Urgency,
        description: &str,
    ) -> Consultation {
        let Self { patient, created, status, history, mut metadata } = self;
        if let (Pending, Some(seconds)) = (&status, urgency.answer_within()) {
            let due = Escalation { ack_due_at: created.plus_seconds(seconds), ..Escalation::default() };
            metadata.insert("escalation".to_owned(), serde_json::to_value(due).unwrap_or_default());
        }
        Consultation {
            id: ConsultationId::new(""), // numbered once all are in order
            patient_id: patient,
            physician_id: None,
            specialty,
            urgency,
            description: description.to_owned(),
            status,
            created_at: created,
            updated_at: history.last().map_or(created, |entry| entry.at),
            version: u64::try_from(history.len()).unwrap_or(u64::MAX),
            history,
            metadata,
        }
    }
}
