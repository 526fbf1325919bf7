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

#[cfg(test)]
mod tests {
    use chatehr_contract::{ConsultationStatus as Status, Role, SpecialtyCode, Urgency};
    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::Map;

    use super::*;

    fn person(id: &str, role: Role) -> Actor {
        let specialties = if role == Role::Physician { vec![SpecialtyCode::Cardiology] } else { Vec::new() };
        Actor::Person(Person { id: PersonId::new(id), role, specialties })
    }

    fn everybody() -> Vec<Actor> {
        let mut stranger = person("d-3", Role::Physician);
        if let Actor::Person(person) = &mut stranger {
            person.specialties = vec![SpecialtyCode::Neurology];
        }
        vec![
            Actor::Machine,
            person("a-1", Role::Admin),
            person("d-1", Role::Physician),
            person("d-2", Role::Physician),
            stranger,
            person("p-1", Role::Patient),
            person("x-1", Role::from("auditor")),
        ]
    }

    fn asked() -> Consultation {
        let request = NewConsultation {
            patient_id: PersonId::new("p-1"),
            specialty: SpecialtyCode::Cardiology,
            urgency: Urgency::Urgent,
            description: "It hurts".to_owned(),
            physician_id: None,
            metadata: Map::new(),
        };
        create(request, &person("p-1", Role::Patient), ConsultationId::new("c-1"), Timestamp::from_millis(0))
    }

    #[derive(Clone, Debug)]
    enum Step {
        Update(Status, Option<&'static str>),
        Decline,
    }

    fn step() -> impl Strategy<Value = Step> {
        let named = select(vec![None, Some("d-1"), Some("d-2")]);
        prop_oneof![
            4 => (select(Status::ALL), named).prop_map(|(status, named)| Step::Update(status, named)),
            1 => Just(Step::Decline),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_tried_in_whatever_order_a_consultation_stays_sound(
            steps in vec((0..7_usize, step()), 1..40),
        ) {
            let everybody = everybody();
            let mut now = Timestamp::from_millis(0);
            let mut record = asked();
            for (who, step) in steps {
                let actor = &everybody[who];
                now = now.plus_seconds(1);
                let after = match step {
                    Step::Update(status, named) => {
                        let wish = ConsultationUpdate { status, physician_id: named.map(PersonId::new), notes: None };
                        update(&record, &wish, actor, now).ok()
                    }
                    Step::Decline => actor.physician().and_then(|me| decline(&record, "No", me, now).ok().flatten()),
                };
                let Some(after) = after else { continue };
                prop_assert!(
                    record.status.may_become(&after.status) || record.status == Status::Pending && after.status == Status::Pending
                );
                prop_assert!(actor.patient().is_none() && who != 6, "only staff change a consultation");
                prop_assert!(who != 4 || after.status == Status::Pending, "another specialty never takes it");
                if let (Some(me), Some(owner)) = (actor.physician(), &record.physician_id) {
                    prop_assert!(me.id == *owner, "nobody touches a colleague's");
                }
                match after.status {
                    Status::Pending => prop_assert!(after.physician_id.is_none()),
                    Status::Cancelled => {}
                    _ => prop_assert!(after.physician_id.is_some(), "never without somebody in charge"),
                }
                prop_assert_eq!(after.escalation().is_some(), after.status == Status::Pending);
                prop_assert_eq!(after.version, record.version + 1);
                prop_assert_eq!((&after.id, &after.patient_id), (&record.id, &record.patient_id));
                prop_assert_eq!((after.created_at, &after.metadata["createdBy"]), (record.created_at, &record.metadata["createdBy"]));
                prop_assert!(after.history.starts_with(&record.history), "history is added to, never rewritten");
                prop_assert_eq!(after.history.len(), record.history.len() + 1);
                record = after;
            }
        }
    }

    #[test]
    fn a_wish_for_a_physician_does_not_take_the_request_out_of_the_pool() {
        let mut request = asked();
        request.metadata.clear();
        let wish = NewConsultation {
            patient_id: request.patient_id,
            specialty: request.specialty,
            urgency: request.urgency,
            description: request.description,
            physician_id: Some(PersonId::new("d-2")),
            metadata: request.metadata,
        };
        let made = create(wish, &Actor::Machine, request.id, Timestamp::from_millis(0));
        assert_eq!((made.physician_id, made.status), (None, Status::Pending));
        assert_eq!(made.metadata["preferredPhysicianId"], "d-2");
        assert_eq!(made.metadata.get("createdBy"), None);
    }
}
