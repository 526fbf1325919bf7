use std::collections::BTreeSet;

use chatehr_contract::{Consultation, ConsultationStatus, PersonId, SpecialtyCode, Urgency};

use super::{each, okafor};
use crate::demo::arrivals::ARRIVALS;

/// Replays a history: where it ends, and who owns it then.
fn replay(consultation: &Consultation) -> (ConsultationStatus, Option<PersonId>) {
    let mut status = None;
    let mut owner = None;
    for entry in &consultation.history {
        match (entry.action.as_str(), &status) {
            ("created", None) => {
                assert_eq!((&entry.from, &entry.at), (&None, &consultation.created_at));
                assert_eq!(entry.actor_id.as_ref(), Some(&consultation.patient_id));
                status = entry.to.clone();
            }
            ("status", Some(from)) => {
                let to = entry.to.clone().unwrap();
                assert_eq!(entry.from.as_ref(), Some(from));
                assert!(from.may_become(&to), "{}: {from} to {to}", consultation.id);
                match to {
                    ConsultationStatus::Assigned => owner = entry.actor_id.clone(),
                    ConsultationStatus::Pending => owner = None,
                    _ => {}
                }
                status = Some(to);
            }
            ("declined" | "note", Some(_)) => {
                assert!(entry.from.is_none() && entry.to.is_none() && entry.note.is_some());
            }
            other => panic!("{}: {other:?}", consultation.id),
        }
    }
    (status.unwrap(), owner)
}

#[test]
fn a_history_leads_legally_and_in_order_to_where_the_consultation_stands() {
    each(|now, clinic| {
        for consultation in &clinic.consultations {
            assert_eq!(
                replay(consultation),
                (consultation.status.clone(), consultation.physician_id.clone())
            );
            assert!(consultation.history.is_sorted_by(|a, b| a.at < b.at), "{}", consultation.id);
            assert_eq!(consultation.history.last().unwrap().at, consultation.updated_at);
            assert_eq!(consultation.history.len(), usize::try_from(consultation.version).unwrap());
            assert!(consultation.updated_at <= now, "{}", consultation.id);
        }
        let actions: BTreeSet<_> = clinic
            .consultations
            .iter()
            .flat_map(|one| &one.history)
            .map(|entry| entry.action.as_str())
            .collect();
        assert_eq!(actions, BTreeSet::from(["created", "declined", "note", "status"]));
    });
}

#[test]
fn what_waits_urgently_is_fresh_and_counts_down() {
    each(|now, clinic| {
        let pending = || clinic.consultations.iter().filter(|one| one.status == ConsultationStatus::Pending);
        let mut overdue = 0;
        for consultation in pending() {
            let age = now.seconds_since(consultation.created_at);
            let due = consultation.escalation().map(|escalation| {
                assert_eq!(escalation.level, 0);
                overdue += usize::from(escalation.ack_due_at <= now);
                escalation.ack_due_at.seconds_since(consultation.created_at)
            });
            assert_eq!(due, consultation.urgency.answer_within());
            match consultation.urgency {
                Urgency::Emergency => assert_eq!(age, 40),
                Urgency::Urgent => assert!((120..=720).contains(&age)),
                _ => assert!(age > 2 * 3600),
            }
        }
        assert_eq!(overdue, 1);
        assert_eq!(pending().filter(|one| one.urgency == Urgency::Emergency).count(), 1);
        assert!(
            clinic
                .consultations
                .iter()
                .all(|one| one.escalation().is_none() || one.status == ConsultationStatus::Pending)
        );
    });
}

#[test]
fn dr_okafor_has_a_queue_and_open_work() {
    each(|_, clinic| {
        let cardiology = clinic.consultations.iter().filter(|one| {
            one.status == ConsultationStatus::Pending
                && one.specialty == SpecialtyCode::Cardiology
                && !one.was_declined_by(&okafor())
        });
        assert!(cardiology.count() >= 7);
        let mine = || {
            clinic
                .consultations
                .iter()
                .filter(|one| one.physician_id == Some(okafor()) && one.status.is_open())
        };
        assert!(mine().count() >= 6);
        let waiting_for_her = mine().filter(|one| {
            clinic
                .messages
                .iter()
                .rfind(|message| message.consultation_id == one.id)
                .is_some_and(|last| last.from_id == one.patient_id)
        });
        assert!(waiting_for_her.count() >= 4);
        let hers =
            clinic.messages.iter().filter(|message| message.from_id == okafor() || message.to_id == okafor());
        assert!(hers.count() >= 100);
    });
}

#[test]
fn messages_pass_only_between_patient_and_physician_while_it_is_open() {
    each(|now, clinic| {
        for consultation in &clinic.consultations {
            let thread: Vec<_> =
                clinic.messages.iter().filter(|message| message.consultation_id == consultation.id).collect();
            if thread.is_empty() {
                continue;
            }
            assert!((8..=14).contains(&thread.len()), "{}: {}", consultation.patient_id, thread.len());
            let physician = consultation.physician_id.as_ref().unwrap();
            let taken = consultation
                .history
                .iter()
                .rfind(|entry| entry.to == Some(ConsultationStatus::Assigned))
                .unwrap()
                .at;
            let closed = if consultation.status.is_open() { now } else { consultation.updated_at };
            assert!(thread.is_sorted_by(|a, b| a.at < b.at));
            let mut sides = BTreeSet::new();
            for message in thread {
                assert!(message.at > taken && message.at < closed, "{}", message.id);
                let pair = (&message.from_id, &message.to_id);
                assert!(
                    pair == (&consultation.patient_id, physician)
                        || pair == (physician, &consultation.patient_id)
                );
                sides.insert(&message.from_id);
            }
            assert_eq!(sides.len(), 2);
        }
        assert!(clinic.messages.is_sorted_by(|a, b| a.at <= b.at));
    });
}

#[test]
fn no_two_messages_and_no_two_requests_say_the_same() {
    each(|_, clinic| {
        assert_eq!(clinic.messages.iter().map(|message| &message.text).collect::<BTreeSet<_>>().len(), 400);
        let asked: BTreeSet<_> = clinic.consultations.iter().map(|one| one.description.clone()).collect();
        let coming: BTreeSet<_> = ARRIVALS.iter().map(|row| row.3.to_owned()).collect();
        assert_eq!(asked.union(&coming).count(), 80 + ARRIVALS.len());
    });
}
