//! Whether a consultation, as the server tells it, waits for this person.
//!
//! Promises: what a colleague has seen, taken, or been handed waits for nobody else; what comes back, or goes a step on,
//! waits anew; what waits because of this person's own doing does not wait for them until somebody else asks again.

use chatehr_contract::{
    AlertNotice, Consultation, ConsultationStatus, Escalation, EscalationState, HistoryEntry, Person,
    PersonId,
};

use super::Claim;

/// Whether a consultation waits for an answer that this person could give.
pub(crate) fn wants_answer_from(consultation: &Consultation, person: &Person) -> bool {
    consultation.status == ConsultationStatus::Pending
        && consultation.physician_id.as_ref().is_none_or(|physician| *physician == person.id)
        && person.specialties.contains(&consultation.specialty)
        && !consultation.was_declined_by(&person.id)
}

/// What it asks of this person, if anything.
pub(crate) fn claim(consultation: &Consultation, person: &Person) -> Option<Claim> {
    let escalation = consultation.escalation();
    let waits = wants_answer_from(consultation, person)
        && escalation.as_ref().is_none_or(|escalation| escalation.state != EscalationState::Acknowledged)
        && !waits_by_own_doing(consultation, &person.id);
    if !waits && !consultation.was_handed_to(&person.id) {
        return None;
    }
    let is_target = |escalation: &Escalation| escalation.target_id.as_ref() == Some(&person.id);
    let own =
        consultation.physician_id.as_ref() == Some(&person.id) || escalation.as_ref().is_some_and(is_target);
    let since = consultation.history.iter().rfind(|entry| asks(entry)).map(|entry| entry.at);
    Some(Claim {
        own,
        asked_at: since.unwrap_or(consultation.created_at),
        initials: None,
        notice: AlertNotice {
            consultation_id: consultation.id.clone(),
            urgency: consultation.urgency.clone(),
            specialty: consultation.specialty.clone(),
            may_acknowledge: may_acknowledge(consultation, person),
            answer_due: escalation.map(|escalation| escalation.ack_due_at),
            told: 0,
        },
    })
}

/// Whether this person can say that they have seen it: somebody waits for the answer, and they have not said so.
pub(crate) fn may_acknowledge(consultation: &Consultation, person: &Person) -> bool {
    wants_answer_from(consultation, person)
        && consultation.escalation().is_some_and(|escalation| {
            escalation.state != EscalationState::Acknowledged
                || escalation.acknowledged_by.as_ref() != Some(&person.id)
        })
}

/// Whether having been read by this person, wherever, is the answer: they are in charge already.
pub(crate) fn has_been_answered_by_reading(consultation: &Consultation, person: &Person) -> bool {
    consultation.physician_id.as_ref() == Some(&person.id)
        && consultation.status != ConsultationStatus::Pending
}

/// Whether an entry asks somebody for an answer, instead of giving one.
fn asks(entry: &HistoryEntry) -> bool {
    matches!(entry.action.as_str(), "created" | "handed_off" | "escalated")
        || entry.to == Some(ConsultationStatus::Pending)
}

fn waits_by_own_doing(consultation: &Consultation, me: &PersonId) -> bool {
    match consultation.history.iter().rfind(|entry| asks(entry)) {
        Some(last) => last.actor_id.as_ref() == Some(me),
        None => consultation.metadata.get("createdBy").and_then(|by| by.as_str()) == Some(me.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{ConsultationId, PersonName, Role, SpecialtyCode, Timestamp, Urgency};
    use serde_json::{Map, json};

    use super::*;

    fn person() -> Person {
        Person {
            id: PersonId::new("physician-1"),
            name: PersonName { family: "Okafor".into(), given: vec!["Amara".into()] },
            role: Role::Physician,
            delegates_for: None,
            specialties: vec![SpecialtyCode::Cardiology],
        }
    }

    fn request(status: ConsultationStatus, history: &[(&str, &str)]) -> Consultation {
        let history = history.iter().zip(1..).map(|((actor, action), at)| HistoryEntry {
            at: Timestamp::from_millis(at),
            actor_id: (!actor.is_empty()).then(|| PersonId::new(*actor)),
            action: (*action).to_owned(),
            from: None,
            to: None,
            note: None,
        });
        Consultation {
            id: ConsultationId::new("c-1"),
            patient_id: PersonId::new("patient-2041"),
            physician_id: None,
            specialty: SpecialtyCode::Cardiology,
            urgency: Urgency::Urgent,
            description: "Chest pressure, canary".into(),
            status,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
            version: 1,
            history: history.collect(),
            metadata: Map::new(),
        }
    }

    fn escalating(state: &str, target: Option<&str>) -> Consultation {
        let mut consultation = request(ConsultationStatus::Pending, &[("patient-2041", "created")]);
        let mut escalation = json!({ "level": 1, "ackDueAt": "2026-11-23T09:42:00Z", "state": state });
        if let Some(target) = target {
            escalation["targetId"] = json!(target);
            escalation["acknowledgedBy"] = json!(target);
        }
        consultation.metadata.insert("escalation".into(), escalation);
        consultation
    }

    #[test]
    fn what_waits_in_my_pool_is_the_pools_and_what_is_asked_of_me_is_mine() {
        let own = |consultation: &Consultation| claim(consultation, &person()).map(|claim| claim.own);
        assert_eq!(own(&request(ConsultationStatus::Pending, &[])), Some(false));
        assert_eq!(own(&escalating("waiting", Some("physician-2"))), Some(false));
        assert_eq!(own(&escalating("waiting", Some("physician-1"))), Some(true));
        assert_eq!(own(&escalating("no_recipients", None)), Some(false));
    }

    #[test]
    fn what_somebody_has_seen_or_taken_asks_nobody() {
        for by in ["physician-1", "physician-2"] {
            assert!(claim(&escalating("acknowledged", Some(by)), &person()).is_none());
        }
        assert!(claim(&request(ConsultationStatus::Assigned, &[]), &person()).is_none());
        let mut declined = request(ConsultationStatus::Pending, &[]);
        declined.metadata.insert("declinedBy".into(), json!(["physician-1"]));
        assert!(claim(&declined, &person()).is_none());
    }

    #[test]
    fn my_own_doing_does_not_ask_me_until_somebody_else_does() {
        let pending =
            |history: &[(&str, &str)]| claim(&request(ConsultationStatus::Pending, history), &person());
        assert!(pending(&[("physician-1", "created")]).is_none());
        assert!(pending(&[("patient", "created"), ("physician-1", "handed_off")]).is_none());
        assert!(pending(&[("physician-1", "created"), ("", "escalated")]).is_some());
        let mut without_history = request(ConsultationStatus::Pending, &[]);
        without_history.metadata.insert("createdBy".into(), json!("physician-1"));
        assert!(claim(&without_history, &person()).is_none());
    }

    #[test]
    fn what_a_colleague_hands_to_me_asks_me_until_i_do_something() {
        let handed = |history: &[(&str, &str)]| {
            let mut consultation = request(ConsultationStatus::Assigned, history);
            consultation.physician_id = Some(PersonId::new("physician-1"));
            claim(&consultation, &person()).map(|claim| claim.own)
        };
        assert_eq!(handed(&[("p", "created"), ("physician-2", "handed_off")]), Some(true));
        assert_eq!(handed(&[("physician-2", "handed_off"), ("physician-1", "status")]), None);
        assert_eq!(handed(&[("physician-2", "handed_off"), ("physician-1", "acknowledged")]), None);
        assert_eq!(handed(&[("p", "created"), ("physician-1", "status")]), None);
    }
}
