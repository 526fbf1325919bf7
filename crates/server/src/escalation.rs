//! Who is asked to answer a request, how long, and who next (wire contract, section 2, `escalation`).
//!
//! Promises: an urgent request is always being waited for by somebody named, by a whole pool, or visibly by nobody;
//! each step follows from the record alone, so a restart neither loses nor repeats one; nobody is asked twice.
//! Refuses: clocks and timers. When a step is due stands in the record; who comes to do it is the caller's.

use std::collections::BTreeMap;

use chatehr_contract::{
    Consultation, Escalation, EscalationState, HistoryEntry, PersonId, SpecialtyCode, Timestamp, Urgency,
};
use serde::{Deserialize, Serialize};

/// The longest that a policy may let somebody wait for an answer, in seconds: a day.
const LONGEST: u32 = 24 * 3600;

/// How long there is to answer, by urgency and specialty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationPolicy {
    #[serde(default = "two_minutes")]
    emergency: Option<u32>,
    #[serde(default = "ten_minutes")]
    urgent: Option<u32>,
    #[serde(default)]
    routine: Option<u32>,
    #[serde(default)]
    specialties: BTreeMap<SpecialtyCode, Overrides>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    emergency: Option<u32>,
    urgent: Option<u32>,
    routine: Option<u32>,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field that may be absent")]
const fn two_minutes() -> Option<u32> {
    Some(120)
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field that may be absent")]
const fn ten_minutes() -> Option<u32> {
    Some(600)
}

impl Default for EscalationPolicy {
    /// Emergency two minutes, urgent ten, routine none.
    fn default() -> Self {
        Self { emergency: two_minutes(), urgent: ten_minutes(), routine: None, specialties: BTreeMap::new() }
    }
}

impl EscalationPolicy {
    /// Reads `{"emergency": 120, "urgent": 600, "routine": null, "specialties": {"cardiology": {"emergency": 60}}}`;
    /// seconds, what is absent as by default.
    ///
    /// # Errors
    /// What is wrong with it, in words for an administrator.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("must be a JSON object".to_owned());
        }
        let policy: Self =
            serde_json::from_str(text).map_err(|error| format!("is not a policy of escalation: {error}"))?;
        if let Some(code) = policy.specialties.keys().find(|code| !code.is_known()) {
            return Err(format!("names the specialty {code}, which is none of the twelve"));
        }
        let Self { emergency, urgent, routine, .. } = &policy;
        let all = policy.specialties.values().flat_map(|own| [own.emergency, own.urgent, own.routine]);
        if all
            .chain([*emergency, *urgent, *routine])
            .flatten()
            .any(|seconds| !(10..=LONGEST).contains(&seconds))
        {
            return Err(format!("seconds to answer must be 10 to {LONGEST}"));
        }
        if emergency.is_none() || urgent.is_none() {
            return Err("emergency and urgent requests must have a time to answer".to_owned());
        }
        Ok(policy)
    }

    /// Seconds within which somebody should answer. An urgency we do not know is treated as urgent.
    pub(crate) fn seconds(&self, urgency: &Urgency, specialty: &SpecialtyCode) -> Option<i64> {
        let own = self.specialties.get(specialty);
        let of = |own: Option<Option<u32>>, clinic: Option<u32>| own.flatten().or(clinic).map(i64::from);
        match urgency {
            Urgency::Emergency => of(own.map(|own| own.emergency), self.emergency),
            Urgency::Urgent | Urgency::Other(_) => of(own.map(|own| own.urgent), self.urgent),
            Urgency::Routine => of(own.map(|own| own.routine), self.routine),
        }
    }
}

/// What the rules need to know of the clinic: how long, and who is on call for the record's specialty, in the order
/// in which they are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callable<'a> {
    pub(crate) policy: &'a EscalationPolicy,
    pub(crate) on_call: &'a [PersonId],
}

impl Callable<'_> {
    fn seconds(&self, record: &Consultation) -> Option<i64> {
        self.policy.seconds(&record.urgency, &record.specialty)
    }

    /// Those who have neither been asked nor said no.
    fn left<'a>(&'a self, record: &Consultation, asked: &[PersonId]) -> Vec<&'a PersonId> {
        self.on_call.iter().filter(|id| !asked.contains(id) && !record.was_declined_by(id)).collect()
    }
}

/// Begins to wait for an answer, where the policy wants one. Who has just given it back is not asked.
pub(crate) fn begin(
    record: &mut Consultation,
    given_back_by: Option<&PersonId>,
    callable: Callable<'_>,
    now: Timestamp,
) {
    record.metadata.remove("escalation");
    if callable.seconds(record).is_some() {
        let asked = given_back_by.cloned().into_iter().collect();
        let asked = Escalation { targets_left: 1, asked, ..Escalation::default() };
        ask_next(record, asked, callable, now);
    }
}

/// Goes a step on: nobody answered in time, or who was asked said no. `false` when there is nothing to go on with.
pub(crate) fn step(record: &mut Consultation, note: &str, callable: Callable<'_>, now: Timestamp) -> bool {
    let Some(mut escalation) = record.escalation() else { return false };
    if escalation.state == EscalationState::NoRecipients {
        return false;
    }
    escalation.level = escalation.level.saturating_add(1);
    ask_next(record, escalation, callable, now);
    let whom = match record.escalation() {
        Some(Escalation { state: EscalationState::NoRecipients, .. }) => "Nobody is left to ask.",
        Some(Escalation { target_id: Some(_), .. }) => "The next physician on call is asked.",
        _ => "Everybody of the specialty is asked.",
    };
    record.history.push(HistoryEntry {
        at: now,
        actor_id: None,
        action: "escalated".to_owned(),
        from: None,
        to: None,
        note: Some(format!("{note} {whom}")),
    });
    true
}

/// Somebody has seen it: the same time again, to accept it.
pub(crate) fn acknowledge(record: &mut Consultation, me: &PersonId, callable: Callable<'_>, now: Timestamp) {
    let Some(mut escalation) = record.escalation() else { return };
    if !escalation.asked.contains(me) {
        escalation.asked.push(me.clone());
    }
    escalation.state = EscalationState::Acknowledged;
    escalation.target_id = Some(me.clone());
    escalation.acknowledged_by = Some(me.clone());
    escalation.acknowledged_at = Some(now);
    // Once: two who only ever acknowledge must not hold a request back from everybody else.
    if !escalation.extended {
        escalation.extended = true;
        escalation.ack_due_at = now.plus_seconds(callable.seconds(record).unwrap_or(0));
    }
    keep(record, &escalation);
}

/// Whether a step is due.
pub(crate) fn is_due(record: &Consultation, now: Timestamp) -> bool {
    record.escalation().is_some_and(|escalation| {
        escalation.state != EscalationState::NoRecipients && escalation.ack_due_at <= now
    })
}

fn ask_next(record: &mut Consultation, mut escalation: Escalation, callable: Callable<'_>, now: Timestamp) {
    escalation.acknowledged_by = None;
    escalation.acknowledged_at = None;
    escalation.state = EscalationState::Waiting;
    let left = callable.left(record, &escalation.asked);
    match left.split_first() {
        Some((next, rest)) => {
            escalation.target_id = Some((*next).clone());
            escalation.asked.push((*next).clone());
            // And after them the whole pool.
            escalation.targets_left = u32::try_from(rest.len()).unwrap_or(u32::MAX).saturating_add(1);
        }
        None if escalation.targets_left > 0 => {
            escalation.target_id = None;
            escalation.targets_left = 0;
        }
        None => {
            escalation.target_id = None;
            escalation.state = EscalationState::NoRecipients;
            keep(record, &escalation);
            return;
        }
    }
    escalation.ack_due_at = now.plus_seconds(callable.seconds(record).unwrap_or(0));
    keep(record, &escalation);
}

fn keep(record: &mut Consultation, escalation: &Escalation) {
    if let Ok(escalation) = serde_json::to_value(escalation) {
        record.metadata.insert("escalation".to_owned(), escalation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_two_minutes_for_an_emergency_ten_for_urgent_and_none_for_routine() {
        let seconds = |urgency| EscalationPolicy::default().seconds(&urgency, &SpecialtyCode::Cardiology);
        assert_eq!(seconds(Urgency::Emergency), Some(120));
        assert_eq!(seconds(Urgency::Urgent), Some(600));
        assert_eq!(seconds(Urgency::from("stat")), Some(600));
        assert_eq!(seconds(Urgency::Routine), None);
        assert_eq!(EscalationPolicy::parse("{}").unwrap(), EscalationPolicy::default());
    }

    #[test]
    fn a_specialty_may_have_times_of_its_own() {
        let policy = EscalationPolicy::parse(
            r#"{"urgent": 300, "routine": 7200, "specialties": {"cardiology": {"emergency": 60}}}"#,
        )
        .unwrap();
        assert_eq!(policy.seconds(&Urgency::Emergency, &SpecialtyCode::Cardiology), Some(60));
        assert_eq!(policy.seconds(&Urgency::Urgent, &SpecialtyCode::Cardiology), Some(300));
        assert_eq!(policy.seconds(&Urgency::Emergency, &SpecialtyCode::Neurology), Some(120));
        assert_eq!(policy.seconds(&Urgency::Routine, &SpecialtyCode::Neurology), Some(7200));
    }

    #[test]
    fn a_policy_that_cannot_be_meant_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"emergency": 0}"#,
            r#"{"emergency": null}"#,
            r#"{"urgent": 100000}"#,
            r#"{"urgnt": 60}"#,
            r#"{"specialties": {"astrology": {}}}"#,
            r#"{"specialties": {"cardiology": {"stat": 5}}}"#,
        ] {
            assert!(EscalationPolicy::parse(text).is_err(), "{text}");
        }
    }
}
