//! When, how loudly and in how many words a workstation alerts: the form of [`Policy::alerts`](crate::Policy::alerts).
//!
//! Promises: whatever is written, an emergency alerts, sounds and repeats without end; a workstation's own wishes make it
//! louder or its words fewer, never the reverse; a figure out of bounds is read as the nearest that is within them. A reader
//! passes over fields that it does not know, and falls back to the defaults where it cannot read at all: a rule that is
//! misspelled must not silence anything. An administrator who writes one is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{SpecialtyCode, Urgency};

/// Seconds between two repeats: least and most.
const REPEAT: (u32, u32) = (10, 3600);
/// The longest that an emergency may be silent while nobody answers, in seconds.
const EMERGENCY_REPEAT: u32 = 120;
/// Most repeats of what is no emergency.
const MOST_REPEATS: u32 = 100;
/// The longest until an unanswered alert brings the window to the front, in seconds.
const LONGEST_FRONT: u32 = 3600;
/// The same for an emergency.
const EMERGENCY_FRONT: u32 = 300;
const MINUTES_OF_DAY: u32 = 24 * 60;

/// The rules as written; what is absent is as by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AlertPolicy {
    /// What a notification outside the window may say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy: Option<AlertPrivacy>,
    /// When routine requests are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// By urgency.
    #[serde(flatten)]
    pub rules: AlertRules,
    /// What is otherwise in a specialty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub specialties: BTreeMap<SpecialtyCode, AlertRules>,
}

/// Rules by urgency. A word we do not know goes by `urgent`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertRules {
    /// Every second counts.
    pub emergency: WrittenAlertRule,
    /// Within minutes.
    pub urgent: WrittenAlertRule,
    /// Everything else.
    pub routine: WrittenAlertRule,
}

/// What is written of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WrittenAlertRule {
    /// Whether what is this person's own alerts: handed to them, or they are the one who is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    /// Whether what waits for anybody of the specialty does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<bool>,
    /// Whether it makes a sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<bool>,
    /// Seconds until it alerts again while nobody has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_seconds: Option<u32>,
    /// How often it repeats. An emergency repeats without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    /// Seconds without an answer until the window itself comes to the front.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front_after_seconds: Option<u32>,
}

/// What a notification outside the window may say, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AlertPrivacy {
    /// "ChatEHR needs you".
    Nothing,
    /// How urgent.
    Urgency,
    /// How urgent, which specialty, how long there is to answer.
    #[default]
    Specialty,
    /// The same, and the patient's initials.
    Initials,
}

/// A part of each day in the workstation's own time, past midnight where it ends before it begins. The same twice is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenHours", into = "WrittenHours")]
pub struct QuietHours {
    from: u32,
    to: u32,
}

#[derive(Serialize, Deserialize)]
struct WrittenHours {
    from: String,
    to: String,
}

impl QuietHours {
    /// From and to, in minutes after midnight.
    pub const fn new(from: u32, to: u32) -> Option<Self> {
        if from < MINUTES_OF_DAY && to < MINUTES_OF_DAY { Some(Self { from, to }) } else { None }
    }

    /// Minutes until they end, at this minute of the day; none outside of them.
    pub const fn left_at(self, minute: u32) -> Option<u32> {
        let since = (minute + MINUTES_OF_DAY - self.from) % MINUTES_OF_DAY;
        let length = (self.to + MINUTES_OF_DAY - self.from) % MINUTES_OF_DAY;
        if since < length { Some(length - since) } else { None }
    }
}

impl TryFrom<WrittenHours> for QuietHours {
    type Error = &'static str;

    fn try_from(written: WrittenHours) -> Result<Self, Self::Error> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let hours = minute(&written.from).zip(minute(&written.to));
        hours.and_then(|(from, to)| Self::new(from, to)).ok_or("quiet hours are written as 22:00")
    }
}

impl From<QuietHours> for WrittenHours {
    fn from(hours: QuietHours) -> Self {
        let text = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        Self { from: text(hours.from), to: text(hours.to) }
    }
}

/// How one request alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// Whether this person's own does.
    pub own: bool,
    /// Whether the pool's does.
    pub pool: bool,
    /// Whether it makes a sound.
    pub sound: bool,
    /// Seconds between repeats.
    pub repeat_seconds: u32,
    /// How often it repeats; none is without end.
    pub at_most: Option<u32>,
    /// Seconds without an answer until the window comes to the front; none is never.
    pub front_after_seconds: Option<u32>,
}

impl AlertRule {
    const fn by_default(urgency: &Urgency) -> Self {
        match urgency {
            Urgency::Emergency => Self {
                own: true,
                pool: true,
                sound: true,
                repeat_seconds: 30,
                at_most: None,
                front_after_seconds: Some(60),
            },
            Urgency::Urgent | Urgency::Other(_) => Self {
                own: true,
                pool: true,
                sound: true,
                repeat_seconds: 120,
                at_most: Some(5),
                front_after_seconds: Some(300),
            },
            Urgency::Routine => Self {
                own: true,
                pool: false,
                sound: false,
                repeat_seconds: 900,
                at_most: Some(0),
                front_after_seconds: None,
            },
        }
    }

    fn changed(self, by: &WrittenAlertRule) -> Self {
        Self {
            own: by.own.unwrap_or(self.own),
            pool: by.pool.unwrap_or(self.pool),
            sound: by.sound.unwrap_or(self.sound),
            repeat_seconds: by.repeat_seconds.unwrap_or(self.repeat_seconds),
            at_most: by.at_most.or(self.at_most),
            front_after_seconds: by.front_after_seconds.or(self.front_after_seconds),
        }
    }

    /// With what is written where that is louder.
    fn louder(self, by: &WrittenAlertRule) -> Self {
        let most = |own: Option<u32>| self.at_most.map(|clinic| own.map_or(clinic, |own| own.max(clinic)));
        let sooner = |own: Option<u32>| match (self.front_after_seconds, own) {
            (Some(clinic), Some(own)) => Some(clinic.min(own)),
            (clinic, own) => clinic.or(own),
        };
        Self {
            own: self.own || by.own == Some(true),
            pool: self.pool || by.pool == Some(true),
            sound: self.sound || by.sound == Some(true),
            repeat_seconds: by.repeat_seconds.map_or(self.repeat_seconds, |own| own.min(self.repeat_seconds)),
            at_most: most(by.at_most),
            front_after_seconds: sooner(by.front_after_seconds),
        }
    }

    fn within_bounds(self, urgency: &Urgency) -> Self {
        let rule = Self {
            repeat_seconds: self.repeat_seconds.clamp(REPEAT.0, REPEAT.1),
            at_most: self.at_most.map(|most| most.min(MOST_REPEATS)),
            front_after_seconds: self.front_after_seconds.map(|after| after.min(LONGEST_FRONT)),
            ..self
        };
        if *urgency != Urgency::Emergency {
            return rule;
        }
        Self {
            own: true,
            pool: true,
            sound: true,
            repeat_seconds: rule.repeat_seconds.min(EMERGENCY_REPEAT),
            at_most: None,
            front_after_seconds: Some(
                rule.front_after_seconds.map_or(EMERGENCY_FRONT, |after| after.min(EMERGENCY_FRONT)),
            ),
        }
    }
}

impl AlertRules {
    const fn of(&self, urgency: &Urgency) -> &WrittenAlertRule {
        match urgency {
            Urgency::Emergency => &self.emergency,
            Urgency::Urgent | Urgency::Other(_) => &self.urgent,
            Urgency::Routine => &self.routine,
        }
    }
}

/// The clinic's rules with a workstation's own wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerting {
    /// The clinic's: the least.
    pub clinic: AlertPolicy,
    /// The workstation's: louder, or in fewer words.
    pub workstation: AlertPolicy,
}

impl Alerting {
    /// How a request alerts.
    pub fn rule(&self, urgency: &Urgency, specialty: &SpecialtyCode) -> AlertRule {
        let mut rule = AlertRule::by_default(urgency).changed(self.clinic.rules.of(urgency));
        if let Some(own) = self.clinic.specialties.get(specialty) {
            rule = rule.changed(own.of(urgency));
        }
        rule = rule.louder(self.workstation.rules.of(urgency));
        if let Some(own) = self.workstation.specialties.get(specialty) {
            rule = rule.louder(own.of(urgency));
        }
        rule.within_bounds(urgency)
    }

    /// What a notification may say.
    pub fn privacy(&self) -> AlertPrivacy {
        let clinic = self.clinic.privacy.unwrap_or_default();
        self.workstation.privacy.map_or(clinic, |own| own.min(clinic))
    }

    /// Minutes for which routine requests are held back still, at this minute of the workstation's day. The clinic says
    /// when; a workstation can shorten it.
    pub fn quiet_left_at(&self, minute: u32) -> Option<u32> {
        let clinic = self.clinic.quiet_hours?.left_at(minute)?;
        match self.workstation.quiet_hours {
            Some(own) => Some(own.left_at(minute)?.min(clinic)),
            None => Some(clinic),
        }
    }
}

impl AlertPolicy {
    /// Reads rules as they were handed out: the defaults where they cannot be read.
    pub fn read(value: &Value) -> Self {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }

    /// What is wrong with what an administrator wrote, in words for them.
    ///
    /// # Errors
    /// The first thing that would not be kept as it is written.
    pub fn check(value: &Value) -> Result<(), String> {
        let policy: Self = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        let names = |value: &Value, known: &[&str]| match value.as_object() {
            Some(fields) => match fields.keys().find(|name| !known.contains(&name.as_str())) {
                Some(name) => Err(format!("unknown field `{name}`")),
                None => Ok(()),
            },
            None => Err("must be a JSON object".to_owned()),
        };
        let own = [&["privacy", "quietHours", "specialties"][..], &URGENCIES[..]].concat();
        names(value, &own)?;
        let specialties = value.get("specialties").and_then(Value::as_object);
        if let Some(code) = policy.specialties.keys().find(|code| !code.is_known()) {
            return Err(format!("names the specialty {code}, which is none of the twelve"));
        }
        for rules in specialties.into_iter().flat_map(|all| all.values()) {
            names(rules, &URGENCIES)?;
        }
        for rules in std::iter::once(value).chain(specialties.into_iter().flat_map(|all| all.values())) {
            for rule in URGENCIES.iter().filter_map(|urgency| rules.get(*urgency)) {
                names(rule, &RULE)?;
            }
        }
        for (urgency, written, kept) in policy.written() {
            if written.changes(kept) {
                return Err(format!("{urgency} alerts cannot be as quiet, or as frequent, as this says"));
            }
        }
        Ok(())
    }

    /// Each rule as written, beside what is kept of it.
    fn written(&self) -> Vec<(&'static str, &WrittenAlertRule, AlertRule)> {
        let urgencies = [Urgency::Emergency, Urgency::Urgent, Urgency::Routine];
        let all = std::iter::once(&self.rules).chain(self.specialties.values());
        all.flat_map(|rules| {
            urgencies.iter().zip(URGENCIES).map(|(urgency, name)| {
                let rule = rules.of(urgency);
                (name, rule, AlertRule::by_default(urgency).changed(rule).within_bounds(urgency))
            })
        })
        .collect()
    }
}

impl WrittenAlertRule {
    /// Whether what is kept is another than what is written.
    fn changes(&self, kept: AlertRule) -> bool {
        let flag = |written: Option<bool>, kept: bool| written.is_some_and(|written| written != kept);
        flag(self.own, kept.own)
            || flag(self.pool, kept.pool)
            || flag(self.sound, kept.sound)
            || self.repeat_seconds.is_some_and(|written| written != kept.repeat_seconds)
            || self.at_most.is_some_and(|written| kept.at_most != Some(written))
            || self.front_after_seconds.is_some_and(|written| kept.front_after_seconds != Some(written))
    }
}

const URGENCIES: [&str; 3] = ["emergency", "urgent", "routine"];
const RULE: [&str; 6] = ["own", "pool", "sound", "repeatSeconds", "atMost", "frontAfterSeconds"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn clinic(value: &Value) -> Alerting {
        Alerting { clinic: AlertPolicy::read(value), ..Alerting::default() }
    }

    #[test]
    fn the_form_of_the_rules_is_a_promise() {
        let full = json!({
            "privacy": "initials",
            "quietHours": { "from": "22:00", "to": "06:30" },
            "emergency": { "repeatSeconds": 20, "frontAfterSeconds": 30 },
            "urgent": { "own": true, "pool": false, "sound": true, "repeatSeconds": 60, "atMost": 9 },
            "routine": { "pool": true },
            "specialties": { "cardiology": { "urgent": { "pool": true } } }
        });
        assert_eq!(AlertPolicy::check(&full), Ok(()));
        let read = AlertPolicy::read(&full);
        insta::assert_json_snapshot!(read);
        let own = clinic(&full);
        insta::assert_debug_snapshot!([
            own.rule(&Urgency::Emergency, &SpecialtyCode::Cardiology),
            own.rule(&Urgency::Urgent, &SpecialtyCode::Cardiology),
            own.rule(&Urgency::Urgent, &SpecialtyCode::Neurology),
            own.rule(&Urgency::Routine, &SpecialtyCode::Neurology),
        ]);
    }

    #[test]
    fn no_rule_silences_an_emergency() {
        let silent =
            json!({ "own": false, "pool": false, "sound": false, "repeatSeconds": 4000, "atMost": 0 });
        let rules =
            clinic(&json!({ "emergency": silent, "specialties": { "cardiology": { "emergency": silent } } }));
        let rule = rules.rule(&Urgency::Emergency, &SpecialtyCode::Cardiology);
        assert!(rule.own && rule.pool && rule.sound);
        assert_eq!((rule.repeat_seconds, rule.at_most), (EMERGENCY_REPEAT, None));
        assert!(rule.front_after_seconds.is_some());
    }

    #[test]
    fn an_administrator_is_told_of_what_would_not_be_kept() {
        for wrong in [
            json!([]),
            json!({ "moonlight": true }),
            json!({ "urgent": { "loudness": 3 } }),
            json!({ "specialties": { "cardiology": { "slow": {} } } }),
            json!({ "specialties": { "astrology": {} } }),
            json!({ "emergency": { "sound": false } }),
            json!({ "urgent": { "repeatSeconds": 1 } }),
            json!({ "quietHours": { "from": "25:00", "to": "06:00" } }),
        ] {
            assert!(AlertPolicy::check(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(AlertPolicy::check(&json!({})), Ok(()));
    }

    #[test]
    fn what_cannot_be_read_is_as_by_default_and_what_is_new_is_passed_over() {
        assert_eq!(AlertPolicy::read(&json!({ "urgent": "loud" })), AlertPolicy::default());
        let read = AlertPolicy::read(&json!({ "urgent": { "atMost": 2, "glow": true }, "moon": 1 }));
        assert_eq!(read.rules.urgent.at_most, Some(2));
    }

    #[test]
    fn quiet_hours_go_past_midnight_and_end() {
        let night = QuietHours::new(22 * 60, 7 * 60).unwrap();
        assert_eq!(night.left_at(22 * 60), Some(9 * 60));
        assert_eq!(night.left_at(0), Some(7 * 60));
        assert_eq!(night.left_at(7 * 60), None);
        assert_eq!(night.left_at(21 * 60 + 59), None);
        assert_eq!(QuietHours::new(60, 60).unwrap().left_at(60), None);
    }

    fn written() -> impl Strategy<Value = WrittenAlertRule> {
        let flag = proptest::option::of(any::<bool>());
        let figure = proptest::option::of(0_u32..5000);
        (flag.clone(), flag.clone(), flag, figure.clone(), figure.clone(), figure).prop_map(
            |(own, pool, sound, repeat_seconds, at_most, front_after_seconds)| WrittenAlertRule {
                own,
                pool,
                sound,
                repeat_seconds,
                at_most,
                front_after_seconds,
            },
        )
    }

    proptest! {
        #[test]
        fn a_workstation_is_never_quieter_than_the_clinic(
            clinic in written(), own in written(), of in 0..Urgency::ALL.len(), pools in any::<bool>(),
            (mine, theirs) in (0_u32..4, 0_u32..4), (from, to, minute) in (0_u32..1440, 0_u32..1440, 0_u32..1440)
        ) {
            let urgency = Urgency::ALL[of].clone();
            let rules = |rule: WrittenAlertRule| AlertRules { emergency: rule.clone(), urgent: rule.clone(), routine: rule };
            let levels = [AlertPrivacy::Nothing, AlertPrivacy::Urgency, AlertPrivacy::Specialty, AlertPrivacy::Initials];
            let mut workstation = AlertPolicy { privacy: Some(levels[mine as usize]), ..AlertPolicy::default() };
            workstation.quiet_hours = QuietHours::new(from, to);
            if pools {
                workstation.specialties.insert(SpecialtyCode::Cardiology, rules(own));
            } else {
                workstation.rules = rules(own);
            }
            let clinic = AlertPolicy {
                privacy: Some(levels[theirs as usize]),
                quiet_hours: QuietHours::new(to, from),
                rules: rules(clinic),
                ..AlertPolicy::default()
            };
            let alone = Alerting { clinic: clinic.clone(), ..Alerting::default() };
            let both = Alerting { clinic, workstation };
            let least = alone.rule(&urgency, &SpecialtyCode::Cardiology);
            let rule = both.rule(&urgency, &SpecialtyCode::Cardiology);
            prop_assert!(rule.own >= least.own && rule.pool >= least.pool && rule.sound >= least.sound);
            prop_assert!(rule.repeat_seconds <= least.repeat_seconds);
            prop_assert!(rule.at_most.unwrap_or(u32::MAX) >= least.at_most.unwrap_or(u32::MAX));
            let front = |rule: AlertRule| rule.front_after_seconds.unwrap_or(u32::MAX);
            prop_assert!(front(rule) <= front(least));
            prop_assert!(both.privacy() <= alone.privacy());
            prop_assert!(both.quiet_left_at(minute).unwrap_or(0) <= alone.quiet_left_at(minute).unwrap_or(0));
        }
    }
}
