//! When a person must be told at once, and in which words.
//!
//! Promises: each pending urgent or emergency request that this person could take alerts exactly once; one that
//! went away and came back alerts again; a person's own doing never does. The words carry no patient's data.

use std::collections::BTreeSet;

use chatehr_contract::{
    AlertNotice, Consultation, ConsultationId, ConsultationStatus, Person, SPECIALTIES, SpecialtyCode,
    Timestamp, Urgency,
};

/// Something to tell a person at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Which consultation; none for a test.
    pub consultation: Option<ConsultationId>,
    /// Whether every second counts.
    pub emergency: bool,
    /// "Urgent cardiology consultation".
    pub title: String,
    /// "8 min to answer".
    pub body: String,
}

impl Alert {
    /// One alert for all of these, as of `now`: in words for the most pressing, the others counted.
    pub fn for_all(notices: &[AlertNotice], now: Timestamp) -> Option<Self> {
        let pressing = notices.iter().min_by_key(|notice| {
            let due = notice.answer_due.map_or(i64::MAX, Timestamp::millis);
            (notice.urgency.triage_rank(), due)
        })?;
        let alert = Self::for_consultation(pressing, now);
        Some(match notices.len() {
            1 => alert,
            several => {
                Self { title: format!("{} and {} more", alert.title, several.saturating_sub(1)), ..alert }
            }
        })
    }

    /// The alert for a consultation, as of `now`.
    pub fn for_consultation(notice: &AlertNotice, now: Timestamp) -> Self {
        let urgency = match notice.urgency {
            Urgency::Emergency => "Emergency",
            _ => "Urgent",
        };
        let body = match notice.answer_due.map(|due| due.seconds_since(now)) {
            Some(left) if left >= 60 => format!("{} min to answer", left / 60),
            Some(left) if left > 0 => format!("{left} s to answer"),
            Some(_) => "The time to answer has passed".to_owned(),
            None => "Waiting for an answer".to_owned(),
        };
        Self {
            consultation: Some(notice.consultation_id.clone()),
            emergency: notice.urgency == Urgency::Emergency,
            title: format!("{urgency} {} consultation", specialty_name(&notice.specialty)),
            body,
        }
    }

    /// The alert by which a person tries out whether the desktop shows any.
    pub fn test() -> Self {
        Self {
            consultation: None,
            emergency: false,
            title: "Test alert".to_owned(),
            body: "Urgent requests will appear like this.".to_owned(),
        }
    }
}

/// The specialty in the middle of a sentence.
fn specialty_name(code: &SpecialtyCode) -> String {
    SPECIALTIES
        .iter()
        .find(|(known, ..)| known == code)
        .map_or_else(|| code.as_str().replace('_', " "), |(_, name, _)| name.to_lowercase())
}

/// Which consultations have alerted.
#[derive(Debug, Default)]
pub struct Alerts {
    told: BTreeSet<ConsultationId>,
}

impl Alerts {
    /// Looks at a consultation as it stands now: an alert if this person must be told and has not been.
    pub fn consider(&mut self, consultation: &Consultation, person: &Person) -> Option<AlertNotice> {
        if !wants_answer_from(consultation, person) {
            self.told.remove(&consultation.id);
            return None;
        }
        if !consultation.urgency.alerts() || !self.told.insert(consultation.id.clone()) {
            return None;
        }
        Some(AlertNotice {
            consultation_id: consultation.id.clone(),
            urgency: consultation.urgency.clone(),
            specialty: consultation.specialty.clone(),
            answer_due: consultation.escalation().map(|escalation| escalation.ack_due_at),
        })
    }

    /// It left this person's view: should it come back, it alerts again. Says whether it had alerted.
    pub fn forget(&mut self, consultation: &ConsultationId) -> bool {
        self.told.remove(consultation)
    }

    /// Forgets all that are not among these, and says which had alerted.
    pub fn forget_all_but<'a>(
        &mut self,
        known: impl Iterator<Item = &'a ConsultationId>,
    ) -> Vec<ConsultationId> {
        let known: BTreeSet<_> = known.collect();
        self.told.extract_if(.., |id| !known.contains(id)).collect()
    }

    /// Whether it has alerted and still wants an answer.
    pub fn is_told(&self, consultation: &ConsultationId) -> bool {
        self.told.contains(consultation)
    }
}

/// Whether a consultation waits for an answer that this person could give.
pub(crate) fn wants_answer_from(consultation: &Consultation, person: &Person) -> bool {
    consultation.status == ConsultationStatus::Pending
        && consultation.physician_id.as_ref().is_none_or(|physician| *physician == person.id)
        && person.specialties.contains(&consultation.specialty)
        && !consultation.was_declined_by(&person.id)
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{PersonId, PersonName, Role};
    use proptest::prelude::*;
    use serde_json::Map;

    use super::*;

    fn person() -> Person {
        Person {
            id: PersonId::new("physician-1"),
            name: PersonName { family: "Okafor".into(), given: vec!["Amara".into()] },
            role: Role::Physician,
            specialties: vec![SpecialtyCode::Cardiology],
        }
    }

    fn request(urgency: Urgency, status: ConsultationStatus) -> Consultation {
        Consultation {
            id: ConsultationId::new("c-1"),
            patient_id: PersonId::new("patient-2041"),
            physician_id: None,
            specialty: SpecialtyCode::Cardiology,
            urgency,
            description: "Chest pressure, canary".into(),
            status,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
            version: 1,
            history: vec![],
            metadata: Map::new(),
        }
    }

    #[test]
    fn an_urgent_request_alerts_once() {
        let mut alerts = Alerts::default();
        let consultation = request(Urgency::Urgent, ConsultationStatus::Pending);
        assert!(alerts.consider(&consultation, &person()).is_some());
        assert!(alerts.consider(&consultation, &person()).is_none());
    }

    #[test]
    fn one_that_was_taken_and_handed_back_alerts_again() {
        let mut alerts = Alerts::default();
        assert!(
            alerts.consider(&request(Urgency::Emergency, ConsultationStatus::Pending), &person()).is_some()
        );
        assert!(
            alerts.consider(&request(Urgency::Emergency, ConsultationStatus::Assigned), &person()).is_none()
        );
        assert!(
            alerts.consider(&request(Urgency::Emergency, ConsultationStatus::Pending), &person()).is_some()
        );
    }

    #[test]
    fn what_i_declined_leaves_me_in_peace() {
        let mut consultation = request(Urgency::Urgent, ConsultationStatus::Pending);
        consultation.metadata.insert("declinedBy".into(), serde_json::json!(["physician-1"]));
        assert!(Alerts::default().consider(&consultation, &person()).is_none());
    }

    #[test]
    fn the_words_name_no_patient() {
        let notice = Alerts::default()
            .consider(&request(Urgency::Urgent, ConsultationStatus::Pending), &person())
            .unwrap();
        let alert = Alert::for_consultation(&notice, Timestamp::from_millis(0));
        let shown = format!("{} {}", alert.title, alert.body);
        assert_eq!(shown, "Urgent cardiology consultation Waiting for an answer");
    }

    #[test]
    fn the_words_tell_the_time_left() {
        let notice = AlertNotice {
            consultation_id: ConsultationId::new("c-1"),
            urgency: Urgency::Emergency,
            specialty: SpecialtyCode::PrimaryCare,
            answer_due: Some(Timestamp::from_millis(120_000)),
        };
        let at = |seconds: i64| Alert::for_consultation(&notice, Timestamp::from_millis(seconds * 1000)).body;
        assert_eq!(at(0), "2 min to answer");
        assert_eq!(at(90), "30 s to answer");
        assert_eq!(at(121), "The time to answer has passed");
    }

    #[test]
    fn several_at_once_are_one_alert_for_the_most_pressing() {
        let notice = |id: &str, urgency: Urgency, due: i64| AlertNotice {
            consultation_id: ConsultationId::new(id),
            urgency,
            specialty: SpecialtyCode::Cardiology,
            answer_due: Some(Timestamp::from_millis(due)),
        };
        let notices = [
            notice("late", Urgency::Urgent, 60_000),
            notice("later", Urgency::Emergency, 120_000),
            notice("first", Urgency::Emergency, 90_000),
        ];
        let alert = Alert::for_all(&notices, Timestamp::from_millis(0)).unwrap();
        assert_eq!(alert.consultation, Some(ConsultationId::new("first")));
        assert_eq!(
            (alert.title.as_str(), alert.body.as_str()),
            ("Emergency cardiology consultation and 2 more", "1 min to answer")
        );
        assert_eq!(Alert::for_all(&[], Timestamp::from_millis(0)), None);
    }

    proptest! {
        #[test]
        fn nothing_alerts_twice_without_having_gone_away(
            steps in proptest::collection::vec((0..Urgency::ALL.len(), 0..ConsultationStatus::ALL.len()), 1..40)
        ) {
            let mut alerts = Alerts::default();
            let mut open_alert = false;
            for (urgency, status) in steps {
                let consultation =
                    request(Urgency::ALL[urgency].clone(), ConsultationStatus::ALL[status].clone());
                let alerted = alerts.consider(&consultation, &person()).is_some();
                prop_assert!(!(alerted && open_alert));
                let pending = consultation.status == ConsultationStatus::Pending;
                open_alert = pending && (open_alert || alerted);
                prop_assert_eq!(alerts.is_told(&consultation.id), open_alert);
            }
        }
    }
}
