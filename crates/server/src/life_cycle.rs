//! The rules of a consultation's life. Pure: the record before, who asks and when in; the record after or why not out.

use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Escalation, EscalationState,
    Handoff, HistoryEntry, InvalidField, NewConsultation, PersonId, Timestamp,
};
use serde_json::Value;

use crate::{
    escalation::{self, Callable},
    identity::{Actor, Person},
};

/// Entries that a history takes before nothing but an end is added: more than any care needs, and a bound to what a
/// record can weigh in every list that it stands in.
pub(crate) const MAX_HISTORY: usize = 200;
/// Characters of all notes and reasons in a history.
const MAX_NOTES: usize = 100_000;

/// Why a change does not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not this person's to do.
    Forbidden(&'static str),
    /// Not from where the record stands.
    Conflict(&'static str),
    /// Something is missing or wrong in the request.
    Invalid(InvalidField),
}

/// A new request. A wish for a physician is kept as a wish: the request still waits in the pool, where somebody
/// sees it.
pub(crate) fn create(
    request: NewConsultation,
    actor: &Actor,
    id: ConsultationId,
    callable: Callable<'_>,
    now: Timestamp,
) -> Consultation {
    let mut metadata = request.metadata;
    if let Some(person) = actor.id() {
        metadata.insert("createdBy".to_owned(), person.as_str().into());
    }
    metadata.insert("createdByRole".to_owned(), actor.role_word().into());
    if let Some(wish) = request.physician_id {
        metadata.insert("preferredPhysicianId".to_owned(), wish.as_str().into());
    }
    let created = HistoryEntry {
        at: now,
        actor_id: actor.id().cloned(),
        action: "created".to_owned(),
        from: None,
        to: Some(ConsultationStatus::Pending),
        note: None,
    };
    let mut consultation = Consultation {
        id,
        patient_id: request.patient_id,
        physician_id: None,
        specialty: request.specialty,
        urgency: request.urgency,
        description: request.description,
        status: ConsultationStatus::Pending,
        created_at: now,
        updated_at: now,
        version: 1,
        history: vec![created],
        metadata,
    };
    escalation::begin(&mut consultation, None, callable, now);
    consultation
}

/// A change of status, asked for by PUT.
pub(crate) fn update(
    before: &Consultation,
    update: &ConsultationUpdate,
    actor: &Actor,
    callable: Callable<'_>,
    now: Timestamp,
) -> Result<Consultation, Refusal> {
    use ConsultationStatus::{Assigned, Pending};
    let next = &update.status;
    may_update(update.physician_id.as_ref(), actor)?;
    if !before.status.may_become(next) {
        return Err(Refusal::Conflict("The consultation does not go from where it stands to that status."));
    }
    let accepting = before.status == Pending && *next == Assigned;
    if let Some(me) = actor.physician() {
        let may = if accepting {
            me.specialties.contains(&before.specialty)
        } else {
            before.physician_id.as_ref() == Some(&me.id)
        };
        if !may {
            return Err(Refusal::Forbidden("Only the physician in charge may do this."));
        }
    }
    if next.is_open() {
        may_go_on(before)?;
    }
    may_add(before, update.notes.as_deref(), "notes")?;
    let owner = match next {
        Pending => None,
        Assigned => Some(
            update.physician_id.clone().or_else(|| actor.physician().map(|me| me.id.clone())).ok_or_else(
                || Refusal::Invalid(InvalidField::new("physicianId", "must name who takes it")),
            )?,
        ),
        _ => update.physician_id.clone().or_else(|| before.physician_id.clone()),
    };

    let mut after = changed(before, now);
    after.physician_id = owner;
    after.status = next.clone();
    if *next == Pending {
        escalation::begin(&mut after, before.physician_id.as_ref(), callable, now);
    } else {
        after.metadata.remove("escalation");
    }
    if accepting && let Some(owner) = after.physician_id.clone() {
        forget_decline(&mut after, &owner);
    }
    after.history.push(HistoryEntry {
        at: now,
        actor_id: actor.id().cloned(),
        action: "status".to_owned(),
        from: Some(before.status.clone()),
        to: Some(next.clone()),
        note: update.notes.clone(),
    });
    Ok(after)
}

/// A physician says no, with a reason. If it was them who was asked, the next one is asked at once. `None` when they
/// had said so before and nothing changes.
pub(crate) fn decline(
    before: &Consultation,
    reason: &str,
    me: &Person,
    callable: Callable<'_>,
    now: Timestamp,
) -> Result<Option<Consultation>, Refusal> {
    use ConsultationStatus::{Assigned, Pending};
    let mine = before.physician_id.as_ref() == Some(&me.id);
    if before.status == Pending && before.was_declined_by(&me.id) {
        return Ok(None);
    }
    if !(before.status == Pending || before.status == Assigned && mine) {
        return Err(Refusal::Conflict("The consultation can no longer be declined."));
    }
    may_go_on(before)?;
    may_add(before, Some(reason), "reason")?;
    let mut after = changed(before, now);
    after.status = Pending;
    after.physician_id = None;
    remember_decline(&mut after, &me.id);
    after.history.push(HistoryEntry {
        at: now,
        actor_id: Some(me.id.clone()),
        action: "declined".to_owned(),
        from: mine.then(|| before.status.clone()),
        to: mine.then_some(Pending),
        note: Some(reason.to_owned()),
    });
    if mine {
        escalation::begin(&mut after, before.physician_id.as_ref(), callable, now);
    } else if before.escalation().is_some_and(|escalation| escalation.target_id.as_ref() == Some(&me.id)) {
        escalation::step(&mut after, "Declined.", callable, now);
    }
    Ok(Some(after))
}

/// A physician, or a nurse who acts for one, has seen it and says so: a request that waits, or what a colleague has handed to
/// them. `None` when they had said so before and nothing changes.
pub(crate) fn acknowledge(
    before: &Consultation,
    me: &Person,
    callable: Callable<'_>,
    now: Timestamp,
) -> Result<Option<Consultation>, Refusal> {
    let mine = before.physician_id.is_some() && before.physician_id.as_ref() == me.stands_for();
    if mine && before.status.is_open() {
        return if before.was_handed_to(&me.id) { seen(before, me, now).map(Some) } else { Ok(None) };
    }
    if before.status != ConsultationStatus::Pending {
        return Err(Refusal::Conflict("The consultation no longer waits for an answer."));
    }
    let acknowledged = |record: &Consultation| {
        record.escalation().is_some_and(|escalation| {
            escalation.state == EscalationState::Acknowledged
                && escalation.acknowledged_by.as_ref() == Some(&me.id)
        }) || record
            .history
            .last()
            .is_some_and(|last| last.action == "acknowledged" && last.actor_id.as_ref() == Some(&me.id))
    };
    if acknowledged(before) {
        return Ok(None);
    }
    let mut after = seen(before, me, now)?;
    forget_decline(&mut after, &me.id);
    escalation::acknowledge(&mut after, &me.id, callable, now);
    Ok(Some(after))
}

/// With the entry that says so.
fn seen(before: &Consultation, me: &Person, now: Timestamp) -> Result<Consultation, Refusal> {
    may_go_on(before)?;
    let mut after = changed(before, now);
    after.history.push(HistoryEntry {
        at: now,
        actor_id: Some(me.id.clone()),
        action: "acknowledged".to_owned(),
        from: None,
        to: None,
        note: None,
    });
    Ok(after)
}

/// Words for colleagues, while somebody still has to do something.
pub(crate) fn note(
    before: &Consultation,
    text: &str,
    me: &Person,
    now: Timestamp,
) -> Result<Consultation, Refusal> {
    if !before.status.is_open() {
        return Err(Refusal::Conflict("The consultation is closed; its history takes no more notes."));
    }
    may_go_on(before)?;
    may_add(before, Some(text), "text")?;
    let mut after = changed(before, now);
    after.history.push(HistoryEntry {
        at: now,
        actor_id: Some(me.id.clone()),
        action: "note".to_owned(),
        from: None,
        to: None,
        note: Some(text.to_owned()),
    });
    Ok(after)
}

/// Whoever has it gives it to a colleague, who is then in charge, or back to a specialty's pool.
pub(crate) fn hand_off(
    before: &Consultation,
    handoff: &Handoff,
    actor: &Actor,
    callable: Callable<'_>,
    now: Timestamp,
) -> Result<Consultation, Refusal> {
    use ConsultationStatus::{Assigned, InProgress, Pending};
    let to_pool = handoff.specialty.is_some();
    let allowed = match before.status {
        Assigned => true,
        InProgress => !to_pool,
        Pending => actor.oversees(),
        _ => false,
    };
    if !allowed {
        return Err(Refusal::Conflict("The consultation cannot be handed off from where it stands."));
    }
    if handoff.physician_id.is_some() && handoff.physician_id == before.physician_id {
        return Err(Refusal::Invalid(InvalidField::new("physicianId", "has it already")));
    }
    may_go_on(before)?;
    may_add(before, Some(&handoff.reason), "reason")?;
    let mut after = changed(before, now);
    after.physician_id.clone_from(&handoff.physician_id);
    if let Some(specialty) = &handoff.specialty {
        after.specialty = specialty.clone();
        after.status = Pending;
        escalation::begin(&mut after, before.physician_id.as_ref(), callable, now);
    } else {
        if before.status == Pending {
            after.status = Assigned;
        }
        after.metadata.remove("escalation");
    }
    if let Some(owner) = after.physician_id.clone() {
        forget_decline(&mut after, &owner);
    }
    after.history.push(HistoryEntry {
        at: now,
        actor_id: actor.id().cloned(),
        action: "handed_off".to_owned(),
        from: Some(before.status.clone()),
        to: Some(after.status.clone()),
        note: Some(handoff.reason.trim().to_owned()),
    });
    Ok(after)
}

/// Nobody has answered in time: the next is asked. `None` when no step is due.
pub(crate) fn escalate(
    before: &Consultation,
    callable: Callable<'_>,
    now: Timestamp,
) -> Option<Consultation> {
    if before.status != ConsultationStatus::Pending || !escalation::is_due(before, now) {
        return None;
    }
    let mut after = changed(before, now);
    let acknowledged =
        before.escalation().is_some_and(|escalation| escalation.state == EscalationState::Acknowledged);
    let note = if acknowledged { "Seen, and not accepted in time." } else { "Not answered in time." };
    escalation::step(&mut after, note, callable, now).then_some(after)
}

/// The record as a patient may read it: that a physician declined or handed it off, and when; not what colleagues
/// wrote to each other about it, nor who of them was asked.
pub(crate) fn for_the_patient(mut record: Consultation) -> Consultation {
    record.metadata.remove("declinedBy");
    if let Some(escalation) = record.escalation() {
        let Escalation { level, ack_due_at, state, .. } = escalation;
        let shown = Escalation { level, ack_due_at, state, ..Escalation::default() };
        if let Ok(shown) = serde_json::to_value(shown) {
            record.metadata.insert("escalation".to_owned(), shown);
        }
    }
    for entry in &mut record.history {
        if matches!(entry.action.as_str(), "declined" | "handed_off" | "escalated" | "note") {
            entry.note = None;
        }
    }
    record
}

/// Whether this person may ask for a change at all, and in that name.
fn may_update(named: Option<&PersonId>, actor: &Actor) -> Result<(), Refusal> {
    if actor.oversees() {
        return Ok(());
    }
    let Some(me) = actor.physician() else {
        return Err(Refusal::Forbidden("Only a physician may change a consultation."));
    };
    match named {
        Some(named) if *named != me.id => {
            Err(Refusal::Forbidden("A physician may take a consultation for themselves alone."))
        }
        _ => Ok(()),
    }
}

/// Whether the history takes more that is not its end.
fn may_go_on(before: &Consultation) -> Result<(), Refusal> {
    if before.history.len() < MAX_HISTORY {
        return Ok(());
    }
    Err(Refusal::Conflict("The consultation has changed too often; it can be completed or cancelled."))
}

/// Whether the history takes more words.
fn may_add(before: &Consultation, words: Option<&str>, path: &str) -> Result<(), Refusal> {
    let Some(words) = words else { return Ok(()) };
    let there: usize =
        before.history.iter().filter_map(|entry| entry.note.as_ref()).map(|note| note.chars().count()).sum();
    if there.saturating_add(words.chars().count()) <= MAX_NOTES {
        return Ok(());
    }
    Err(Refusal::Invalid(InvalidField::new(path, "is more than this consultation's history takes")))
}

fn changed(before: &Consultation, now: Timestamp) -> Consultation {
    let mut after = before.clone();
    after.version = before.version.saturating_add(1);
    after.updated_at = now;
    after
}

fn remember_decline(consultation: &mut Consultation, person: &PersonId) {
    let declined = consultation.metadata.entry("declinedBy").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(people) = declined {
        people.push(person.as_str().into());
    }
}

fn forget_decline(consultation: &mut Consultation, person: &PersonId) {
    if let Some(Value::Array(people)) = consultation.metadata.get_mut("declinedBy") {
        people.retain(|id| id.as_str() != Some(person.as_str()));
        if people.is_empty() {
            consultation.metadata.remove("declinedBy");
        }
    }
}

#[cfg(test)]
mod tests;
