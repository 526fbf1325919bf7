//! The rules of a consultation's life. Pure: the record before, who asks and when in; the record after or why not out.

use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Escalation, HistoryEntry,
    InvalidField, NewConsultation, PersonId, Timestamp,
};
use serde_json::Value;

use crate::identity::{Actor, Person};

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
    ask_for_an_answer(&mut consultation, now);
    consultation
}

/// A change of status, asked for by PUT.
pub(crate) fn update(
    before: &Consultation,
    update: &ConsultationUpdate,
    actor: &Actor,
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
        ask_for_an_answer(&mut after, now);
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

/// A physician says no, with a reason. `None` when they had said so before and nothing changes.
pub(crate) fn decline(
    before: &Consultation,
    reason: &str,
    me: &Person,
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
    let mut after = changed(before, now);
    after.status = Pending;
    after.physician_id = None;
    if mine {
        ask_for_an_answer(&mut after, now);
    }
    remember_decline(&mut after, &me.id);
    after.history.push(HistoryEntry {
        at: now,
        actor_id: Some(me.id.clone()),
        action: "declined".to_owned(),
        from: mine.then(|| before.status.clone()),
        to: mine.then_some(Pending),
        note: Some(reason.to_owned()),
    });
    Ok(Some(after))
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

fn changed(before: &Consultation, now: Timestamp) -> Consultation {
    let mut after = before.clone();
    after.version = before.version.saturating_add(1);
    after.updated_at = now;
    after
}

/// Says until when somebody should answer, if it is urgent.
fn ask_for_an_answer(consultation: &mut Consultation, now: Timestamp) {
    let Some(seconds) = consultation.urgency.answer_within() else { return };
    let escalation = Escalation { level: 0, ack_due_at: now.plus_seconds(seconds) };
    if let Ok(escalation) = serde_json::to_value(escalation) {
        consultation.metadata.insert("escalation".to_owned(), escalation);
    }
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
