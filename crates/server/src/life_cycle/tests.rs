//! The life cycle against a simple model, on a clock of its own.

use chatehr_contract::{ConsultationStatus as Status, Role, SpecialtyCode, Urgency};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Map;

use super::*;
use crate::escalation::EscalationPolicy;

fn person(id: &str, role: Role) -> Actor {
    let specialties = if role == Role::Physician { vec![SpecialtyCode::Cardiology] } else { Vec::new() };
    Actor::Person(Person {
        id: PersonId::new(id),
        role,
        specialties,
        delegates_for: None,
        session: None,
        via: None,
    })
}

/// `d-1` to `d-4` are cardiologists, `n-1` is a neurologist.
fn everybody() -> Vec<Actor> {
    let mut stranger = person("n-1", Role::Physician);
    if let Actor::Person(person) = &mut stranger {
        person.specialties = vec![SpecialtyCode::Neurology];
    }
    vec![
        Actor::Machine("gateway".to_owned()),
        person("a-1", Role::Admin),
        person("d-1", Role::Physician),
        person("d-2", Role::Physician),
        person("d-3", Role::Physician),
        person("d-4", Role::Physician),
        stranger,
        person("p-1", Role::Patient),
        person("x-1", Role::from("auditor")),
    ]
}

fn asked(urgency: Urgency, callable: Callable<'_>) -> Consultation {
    let request = NewConsultation {
        patient_id: PersonId::new("p-1"),
        specialty: SpecialtyCode::Cardiology,
        urgency,
        description: "It hurts".to_owned(),
        physician_id: None,
        metadata: Map::new(),
    };
    let at = Timestamp::from_millis(0);
    create(request, &person("p-1", Role::Patient), ConsultationId::new("c-1"), callable, at)
}

#[derive(Clone, Debug)]
enum Step {
    Update(Status, Option<&'static str>),
    Decline,
    Acknowledge,
    HandOff(Option<&'static str>, Option<SpecialtyCode>),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let named = select(vec![None, Some("d-1"), Some("d-2")]);
    let colleague = select(vec!["d-1", "d-2", "d-3"]);
    prop_oneof![
        6 => (select(Status::ALL), named).prop_map(|(status, named)| Step::Update(status, named)),
        2 => Just(Step::Decline),
        2 => Just(Step::Acknowledge),
        1 => colleague.prop_map(|id| Step::HandOff(Some(id), None)),
        1 => Just(Step::HandOff(None, Some(SpecialtyCode::Cardiology))),
        4 => (1_i64..400).prop_map(Step::Pass),
    ]
}

/// What a simple model knows: who has been asked since waiting began, and how often the whole pool was.
#[derive(Debug, Default)]
struct Asked {
    people: Vec<PersonId>,
    pool: u32,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_is_tried_in_whatever_order_a_consultation_stays_sound(
        urgency in select(Urgency::ALL),
        on_call in vec(select(vec!["d-1", "d-2", "d-3", "d-4"]), 0..4),
        steps in vec((0..9_usize, step()), 1..60),
    ) {
        let mut on_call: Vec<PersonId> = on_call.into_iter().map(PersonId::new).collect();
        on_call.sort();
        on_call.dedup();
        let policy = EscalationPolicy::default();
        let callable = Callable { policy: &policy, on_call: &on_call };
        let everybody = everybody();
        let mut now = Timestamp::from_millis(0);
        let mut record = asked(urgency.clone(), callable);
        let mut model = Asked::default();
        if let Some(first) = record.escalation() {
            model.pool = u32::from(first.target_id.is_none());
            model.people.extend(first.target_id);
        }
        for (who, step) in steps {
            let actor = &everybody[who];
            let mut automatic = false;
            let after = match step {
                Step::Update(status, named) => {
                    let wish = ConsultationUpdate { status, physician_id: named.map(PersonId::new), notes: None };
                    update(&record, &wish, actor, callable, now).ok()
                }
                Step::Decline => actor
                    .physician()
                    .filter(|me| me.specialties.contains(&record.specialty))
                    .and_then(|me| decline(&record, "No", me, callable, now).ok().flatten()),
                Step::Acknowledge => actor
                    .physician()
                    .filter(|me| me.specialties.contains(&record.specialty))
                    .and_then(|me| acknowledge(&record, me, callable, now).ok().flatten()),
                Step::HandOff(physician, specialty) => {
                    let mine = actor.physician().is_some_and(|me| record.physician_id.as_ref() == Some(&me.id));
                    let wish = Handoff { physician_id: physician.map(PersonId::new), specialty, reason: "Away".to_owned() };
                    if mine || actor.oversees() { hand_off(&record, &wish, actor, callable, now).ok() } else { None }
                }
                Step::Pass(seconds) => {
                    now = now.plus_seconds(seconds);
                    automatic = true;
                    let due = record.escalation().filter(|due| due.state != EscalationState::NoRecipients);
                    let after = escalate(&record, callable, now);
                    prop_assert_eq!(after.is_some(), due.is_some_and(|due| due.ack_due_at <= now));
                    after
                }
            };
            let Some(after) = after else { continue };

            prop_assert!(
                record.status == after.status || record.status.may_become(&after.status),
                "{} -> {}", record.status, after.status
            );
            prop_assert!(automatic || (actor.patient().is_none() && who != 8), "only staff change a consultation");
            prop_assert!(automatic || who != 6 || after.status == Status::Pending, "another specialty never takes it");
            if let (false, Some(me), Some(owner)) = (automatic, actor.physician(), &record.physician_id) {
                prop_assert!(me.id == *owner, "nobody touches a colleague's");
            }
            match after.status {
                Status::Pending => prop_assert!(after.physician_id.is_none()),
                Status::Cancelled => {}
                _ => prop_assert!(after.physician_id.is_some(), "never without somebody in charge"),
            }
            let waits = after.status == Status::Pending && urgency != Urgency::Routine;
            prop_assert_eq!(after.escalation().is_some(), waits, "an urgent request that waits is waited for");
            prop_assert_eq!(after.version, record.version + 1);
            prop_assert_eq!((&after.id, &after.patient_id), (&record.id, &record.patient_id));
            prop_assert_eq!((after.created_at, &after.metadata["createdBy"]), (record.created_at, &record.metadata["createdBy"]));
            prop_assert!(after.history.starts_with(&record.history), "history is added to, never rewritten");
            prop_assert!(after.history.len() > record.history.len());

            let handed_on = after.history.last().is_some_and(|entry| entry.action == "handed_off");
            let begun = after.status == Status::Pending && (record.status != after.status || handed_on);
            if begun || after.escalation().is_none() {
                model = Asked::default();
            }
            if let Some(escalation) = after.escalation() {
                let before = record.escalation().filter(|_| !begun);
                let moved = before.as_ref().is_none_or(|before| before.level != escalation.level);
                if moved && escalation.state == EscalationState::Waiting {
                    match &escalation.target_id {
                        Some(target) => {
                            prop_assert!(on_call.contains(target), "only who is on call is asked");
                            prop_assert!(!after.was_declined_by(target), "nobody is asked who said no");
                            prop_assert!(!model.people.contains(target), "nobody is asked twice");
                        }
                        None => model.pool += 1,
                    }
                    prop_assert!(escalation.ack_due_at > now, "each step has its time");
                }
                model.people.extend(escalation.target_id.clone().filter(|target| !model.people.contains(target)));
                if escalation.state == EscalationState::NoRecipients {
                    prop_assert!(model.pool > 0 || after.history.iter().any(|entry| entry.action == "acknowledged"),
                        "nobody is left only after everybody was asked");
                    let left = on_call.iter().any(|id| !escalation.asked.contains(id) && !after.was_declined_by(id));
                    prop_assert!(!left);
                }
                let read_again: Escalation = serde_json::from_value(after.metadata["escalation"].clone()).unwrap();
                prop_assert_eq!(read_again, escalation, "what is stored is all that there is");
            }
            record = after;
        }
    }
}

#[test]
fn an_emergency_goes_from_one_on_call_to_the_next_then_to_the_pool_then_visibly_to_nobody() {
    let on_call = [PersonId::new("d-1"), PersonId::new("d-2")];
    let policy = EscalationPolicy::default();
    let callable = Callable { policy: &policy, on_call: &on_call };
    let mut record = asked(Urgency::Emergency, callable);
    let mut seen = Vec::new();
    for seconds in [0, 119, 120, 240, 360, 480, 600] {
        let now = Timestamp::from_millis(0).plus_seconds(seconds);
        if let Some(after) = escalate(&record, callable, now) {
            record = after;
        }
        let escalation = record.escalation().unwrap();
        let target = escalation.target_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        seen.push(format!("{seconds}: {:?} {target} left {}", escalation.state, escalation.targets_left));
    }
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn who_is_asked_and_declines_passes_it_on_at_once() {
    let on_call = [PersonId::new("d-1"), PersonId::new("d-2")];
    let policy = EscalationPolicy::default();
    let callable = Callable { policy: &policy, on_call: &on_call };
    let record = asked(Urgency::Urgent, callable);
    let now = Timestamp::from_millis(5_000);
    let second = Person {
        id: PersonId::new("d-2"),
        role: Role::Physician,
        delegates_for: None,
        specialties: vec![SpecialtyCode::Cardiology],
        session: None,
        via: None,
    };
    let first = Person { id: PersonId::new("d-1"), ..second.clone() };
    let unasked = decline(&record, "No", &second, callable, now).unwrap().unwrap();
    assert_eq!(
        unasked.escalation().unwrap().target_id,
        Some(PersonId::new("d-1")),
        "who was not asked moves nothing"
    );
    let after = decline(&unasked, "No", &first, callable, now).unwrap().unwrap();
    let escalation = after.escalation().unwrap();
    assert_eq!(
        (escalation.target_id, escalation.targets_left),
        (None, 0),
        "the other one on call has declined too"
    );
    assert_eq!(escalation.ack_due_at, now.plus_seconds(600));
}

#[test]
fn what_was_acknowledged_and_not_accepted_goes_on() {
    let on_call = [PersonId::new("d-1"), PersonId::new("d-2")];
    let policy = EscalationPolicy::default();
    let callable = Callable { policy: &policy, on_call: &on_call };
    let record = asked(Urgency::Emergency, callable);
    let me = Person {
        id: PersonId::new("d-1"),
        role: Role::Physician,
        delegates_for: None,
        specialties: vec![SpecialtyCode::Cardiology],
        session: None,
        via: None,
    };
    let at = Timestamp::from_millis(60_000);
    let seen = acknowledge(&record, &me, callable, at).unwrap().unwrap();
    assert_eq!(seen.escalation().unwrap().state, EscalationState::Acknowledged);
    assert_eq!(acknowledge(&seen, &me, callable, at).unwrap(), None, "said once is enough");
    assert_eq!(escalate(&seen, callable, at.plus_seconds(119)), None);
    let next = escalate(&seen, callable, at.plus_seconds(120)).unwrap();
    assert_eq!(next.escalation().unwrap().target_id, Some(PersonId::new("d-2")));
}

#[test]
fn what_a_colleague_has_handed_over_is_acknowledged_once_and_what_one_has_taken_is_not() {
    let policy = EscalationPolicy::default();
    let callable = Callable { policy: &policy, on_call: &[] };
    let physician = |id: &str| Person {
        id: PersonId::new(id),
        role: Role::Physician,
        delegates_for: None,
        specialties: vec![SpecialtyCode::Cardiology],
        session: None,
        via: None,
    };
    let (giver, me) = (physician("d-1"), physician("d-2"));
    let accept = ConsultationUpdate { status: Status::Assigned, physician_id: None, notes: None };
    let now = Timestamp::from_millis(60_000);
    let record =
        update(&asked(Urgency::Urgent, callable), &accept, &Actor::Person(giver.clone()), callable, now)
            .unwrap();
    assert_eq!(acknowledge(&record, &giver, callable, now).unwrap(), None, "accepting has said so");
    let wish = Handoff { physician_id: Some(me.id.clone()), specialty: None, reason: "Off duty".to_owned() };
    let record = hand_off(&record, &wish, &Actor::Person(giver), callable, now).unwrap();
    assert!(record.was_handed_to(&me.id));
    let seen = acknowledge(&record, &me, callable, now).unwrap().unwrap();
    assert!(!seen.was_handed_to(&me.id));
    let last = seen.history.last().unwrap();
    assert_eq!((last.action.as_str(), last.actor_id.as_ref()), ("acknowledged", Some(&me.id)));
    assert_eq!((seen.version, &seen.status), (record.version + 1, &record.status));
    assert_eq!(acknowledge(&seen, &me, callable, now).unwrap(), None, "said once is enough");
}

#[test]
fn a_patient_reads_that_it_was_declined_and_not_what_colleagues_wrote() {
    let policy = EscalationPolicy::default();
    let callable = Callable { policy: &policy, on_call: &[] };
    let record = asked(Urgency::Urgent, callable);
    let me = Person {
        id: PersonId::new("d-1"),
        role: Role::Physician,
        delegates_for: None,
        specialties: vec![SpecialtyCode::Cardiology],
        session: None,
        via: None,
    };
    let declined = decline(&record, "Not again", &me, callable, Timestamp::from_millis(1)).unwrap().unwrap();
    let shown = serde_json::to_string(&for_the_patient(declined)).unwrap();
    assert!(shown.contains("\"declined\"") && !shown.contains("Not again") && !shown.contains("declinedBy"));
}

#[test]
fn a_wish_for_a_physician_does_not_take_the_request_out_of_the_pool() {
    let policy = EscalationPolicy::default();
    let callable = Callable { policy: &policy, on_call: &[] };
    let wish = NewConsultation {
        patient_id: PersonId::new("p-1"),
        specialty: SpecialtyCode::Cardiology,
        urgency: Urgency::Routine,
        description: "It hurts".to_owned(),
        physician_id: Some(PersonId::new("d-2")),
        metadata: Map::new(),
    };
    let machine = Actor::Machine("gateway".to_owned());
    let made = create(wish, &machine, ConsultationId::new("c-1"), callable, Timestamp::from_millis(0));
    assert_eq!((made.physician_id, made.status), (None, Status::Pending));
    assert_eq!(made.metadata["preferredPhysicianId"], "d-2");
    assert_eq!(made.metadata.get("createdBy"), None);
}
