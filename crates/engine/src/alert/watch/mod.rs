//! Decides when a request alerts, again and again until somebody answers.
//!
//! Promises: a request that may alert does so at once, in the window and on the desktop; those of the same second share a
//! notification; while nobody answers it repeats in the same notification, with the time that is left, all that waits
//! in one; an emergency is never silent for longer than its interval, whatever the desktop, the clinic's rules or the
//! workstation's clock do; what was answered, here or elsewhere, goes at once and stays away. Refuses: a clock, a timer, a
//! desktop. The caller says what time it is, comes again at [`Watch::wake`], and does what comes out.

mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chatehr_contract::{AlertNotice, AlertPrivacy, AlertRule, Alerting, ConsultationId, Timestamp, Urgency};

use super::words::{Alert, words};
use state::{Group, Request};

/// Requests that come within so many milliseconds of the first share its notification.
const TOGETHER: i64 = 1000;
/// How often a desktop that shows nothing is asked whether it does again, in seconds.
const PROBE: i64 = 20;
const DAY: i64 = 24 * 60 * 60;

/// What time it is, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub at: Timestamp,
    /// How far the workstation's own time is ahead of UTC, in seconds.
    pub ahead_of_utc: i32,
}

impl Moment {
    /// The minute of the workstation's day.
    fn minute_of_day(self) -> u32 {
        let local = self.at.millis().div_euclid(1000).saturating_add(i64::from(self.ahead_of_utc));
        u32::try_from(local.rem_euclid(DAY) / 60).unwrap_or(0)
    }
}

/// What a consultation asks of this person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What the window is told of it.
    pub notice: AlertNotice,
    /// Whether this person in particular is asked, and not a whole pool.
    pub own: bool,
    /// When it was last asked: later is another time.
    pub asked_at: Timestamp,
    /// The patient's initials, where the rules let a notification say them.
    pub initials: Option<String>,
}

/// Why something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It is new, or asked anew.
    New,
    /// Nobody has answered.
    Again,
    /// Less waits than it says. No sound.
    Corrected,
}

/// A notification to be shown, in the place of the one with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// In words.
    pub alert: Alert,
    /// About which.
    pub consultations: Vec<ConsultationId>,
    /// Why.
    pub occasion: Occasion,
}

/// Something to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// On the desktop.
    Show(Notification),
    /// Take the notification with this number away.
    Close(u64),
    /// In the window.
    Banner(AlertNotice),
    /// In the window, not any more: it was answered.
    Answered(ConsultationId),
    /// The window makes the sound, for these: the desktop has not.
    Sound(Vec<ConsultationId>),
    /// The window comes to the front: nobody has answered for too long.
    Front,
    /// Ask the desktop whether it shows notifications again.
    Probe,
}

/// Everything that waits for this person, and how it has been told.
#[derive(Debug, Default)]
pub struct Watch {
    alerting: Alerting,
    requests: BTreeMap<ConsultationId, Request>,
    groups: BTreeMap<u64, Group>,
    /// What this person has read and is in charge of, with when it had been asked.
    seen: BTreeMap<ConsultationId, Timestamp>,
    /// The one before the first is the test's.
    last_number: u64,
    /// When routine requests that are held back may be told.
    quiet_until: Option<Timestamp>,
    /// When the desktop, which shows nothing, is asked again.
    probe_at: Option<Timestamp>,
    /// The time when it was last told.
    latest: Option<Timestamp>,
    /// Nobody is known to be before the screen.
    veiled: bool,
}

impl Watch {
    /// Goes by other rules from now on.
    pub fn set_alerting(&mut self, alerting: Alerting, now: Moment) {
        self.alerting = alerting;
        for request in self.requests.values_mut() {
            request.rule = self.alerting.rule(&request.notice.urgency, &request.notice.specialty);
        }
        self.keep_in_bounds(now);
    }

    /// The rules.
    pub fn alerting(&self) -> &Alerting {
        &self.alerting
    }

    /// Says no more than how urgent it is from now on, and offers nothing that only its reader may do: the screen is
    /// locked. What is on it is said anew.
    pub fn veil(&mut self, now: Moment) -> Vec<Effect> {
        self.veiled = true;
        let mut effects = Vec::new();
        let on: Vec<_> =
            self.groups.iter().filter(|(_, group)| group.on_screen).map(|(number, _)| *number).collect();
        for number in on {
            self.show(number, Occasion::Corrected, now, &mut effects);
        }
        effects
    }

    /// Its reader is back, before a window that knows of nothing yet.
    pub fn unveil(&mut self) -> Vec<Effect> {
        self.veiled = false;
        let told = self.requests.values().filter(|request| request.told > 0);
        told.map(|request| Effect::Banner(request.notice.clone())).collect()
    }

    /// How many urgent requests have alerted and still want an answer.
    pub fn waiting(&self) -> usize {
        self.requests.values().filter(|request| request.told > 0 && request.notice.urgency.alerts()).count()
    }

    /// What the server has just told: what each asks of this person, if anything. Told together, they are one alert.
    pub fn tell(
        &mut self,
        told: impl IntoIterator<Item = (ConsultationId, Option<Claim>)>,
        now: Moment,
    ) -> Vec<Effect> {
        self.keep_in_bounds(now);
        let (mut effects, mut fresh) = (Vec::new(), Vec::new());
        for (id, claim) in told {
            let Some(claim) = claim else {
                self.seen.remove(&id);
                self.answered(&id, now, &mut effects);
                continue;
            };
            if self.seen.get(&id).is_some_and(|asked_at| *asked_at >= claim.asked_at) {
                continue;
            }
            self.seen.remove(&id);
            let rule = self.alerting.rule(&claim.notice.urgency, &claim.notice.specialty);
            if !(if claim.own { rule.own } else { rule.pool }) {
                self.answered(&id, now, &mut effects);
                continue;
            }
            match self.requests.get_mut(&id) {
                Some(known) if !known.is_anew(&claim) => known.update(claim, rule),
                Some(known) => {
                    known.ask_anew(claim, rule);
                    fresh.push(id);
                }
                None => {
                    self.requests.insert(id.clone(), Request::new(claim, rule));
                    fresh.push(id);
                }
            }
        }
        self.begin(fresh, now, &mut effects);
        effects
    }

    /// It left this person's view.
    pub fn gone(&mut self, id: &ConsultationId, now: Moment) -> Vec<Effect> {
        self.tell([(id.clone(), None)], now)
    }

    /// Nothing but these is in this person's view any more.
    pub fn gone_all_but<'a>(
        &mut self,
        known: impl Iterator<Item = &'a ConsultationId>,
        now: Moment,
    ) -> Vec<Effect> {
        let known: std::collections::BTreeSet<_> = known.collect();
        let gone: Vec<_> = self.requests.keys().filter(|id| !known.contains(id)).cloned().collect();
        self.tell(gone.into_iter().map(|id| (id, None)), now)
    }

    /// Nobody is signed in any more. Returns the notifications that are to go; their numbers do not come again.
    pub fn forget(&mut self) -> Vec<u64> {
        self.requests.clear();
        self.seen.clear();
        self.veiled = false;
        std::mem::take(&mut self.groups).into_keys().collect()
    }

    /// This person has read it, here or on another workstation. `is_answer`: they are in charge of it, so nothing more is
    /// asked; otherwise its notification goes and it repeats in its time.
    pub fn seen(&mut self, id: &ConsultationId, is_answer: bool, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Some(request) = self.requests.get(id) else { return effects };
        if is_answer {
            self.seen.insert(id.clone(), request.asked_at);
            self.answered(id, now, &mut effects);
        } else if let Some((number, group)) =
            request.group.and_then(|number| self.groups.get_key_value(&number))
            && group.on_screen
            && self.members(*number).count() == 1
        {
            effects.push(Effect::Close(*number));
            self.closed(*number);
        }
        effects
    }

    /// Whether it wants an answer, told or held back until the morning.
    pub fn waits(&self, id: &ConsultationId) -> bool {
        self.requests.contains_key(id)
    }

    /// Whether it has alerted and still wants an answer.
    pub fn is_told(&self, id: &ConsultationId) -> bool {
        self.requests.get(id).is_some_and(|request| request.told > 0)
    }

    /// A notification is no longer on the screen: somebody closed or clicked it. What it said repeats in its time.
    pub fn closed(&mut self, number: u64) {
        if let Some(group) = self.groups.get_mut(&number) {
            group.on_screen = false;
        }
    }

    /// The desktop did not show a notification. `loud`: it should have made a sound.
    pub fn failed(&mut self, number: u64, loud: bool, now: Moment) -> Vec<Effect> {
        self.closed(number);
        self.probe_at.get_or_insert(now.at.plus_seconds(PROBE));
        if !loud {
            return Vec::new();
        }
        let silent = self.members(number).map(|request| request.notice.consultation_id.clone());
        vec![Effect::Sound(silent.collect())]
    }

    /// Whatever has shown the notifications is gone, and with it those on the screen: the window says what they said, until
    /// something else shows them.
    pub fn lost(&mut self, now: Moment) -> Vec<Effect> {
        let mut numbers = Vec::new();
        for (number, group) in &mut self.groups {
            if std::mem::take(&mut group.on_screen) {
                numbers.push(*number);
            }
        }
        self.probe_at.get_or_insert(now.at.plus_seconds(PROBE));
        let mut stood: Vec<_> = numbers.into_iter().flat_map(|number| self.members(number)).collect();
        stood.sort_by_key(|request| request.place());
        let mut effects: Vec<_> =
            stood.iter().map(|request| Effect::Banner(request.notice.clone())).collect();
        let loud = stood.iter().filter(|request| request.rule.sound);
        let loud: Vec<_> = loud.map(|request| request.notice.consultation_id.clone()).collect();
        if !loud.is_empty() {
            effects.push(Effect::Sound(loud));
        }
        effects.push(Effect::Probe);
        effects
    }

    /// The desktop shows notifications again: what waits and is not on the screen is shown.
    pub fn returned(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.probe_at.take().is_some() {
            let off: Vec<_> =
                self.groups.iter().filter(|(_, group)| !group.on_screen).map(|(number, _)| *number).collect();
            for number in off {
                self.show(number, Occasion::New, now, &mut effects);
            }
        }
        effects
    }

    /// The desktop took a notification: it shows them.
    pub fn shown(&mut self) {
        self.probe_at = None;
    }

    /// When something is to be done that nobody tells; none while nothing waits.
    pub fn wake(&self) -> Option<Timestamp> {
        let groups = self.groups.values().filter_map(|group| group.dirty.then_some(group.joins_until));
        let requests = self.requests.values().flat_map(|request| [request.next, request.front_at]).flatten();
        let held = self.requests.values().any(|request| request.held).then_some(self.quiet_until).flatten();
        groups.chain(requests).chain(held).chain(self.probe_at).min()
    }

    /// It is so late now.
    pub fn tick(&mut self, now: Moment) -> Vec<Effect> {
        self.keep_in_bounds(now);
        let mut effects = Vec::new();
        let held: Vec<_> =
            self.requests.iter().filter(|(_, request)| request.held).map(|(id, _)| id.clone()).collect();
        self.begin(held, now, &mut effects);

        let full: Vec<_> = self
            .groups
            .iter()
            .filter(|(_, group)| group.dirty && group.joins_until <= now.at)
            .map(|(number, _)| *number)
            .collect();
        for number in full {
            self.show(number, Occasion::New, now, &mut effects);
        }
        self.repeat(now, &mut effects);

        let mut front = false;
        for request in self.requests.values_mut() {
            if request.front_at.take_if(|at| *at <= now.at).is_some() {
                front = true;
            }
        }
        if front {
            effects.push(Effect::Front);
        }
        if let Some(at) = self.probe_at.filter(|at| *at <= now.at) {
            self.probe_at = Some(at.max(now.at).plus_seconds(PROBE));
            effects.push(Effect::Probe);
        }
        effects
    }

    /// Tells what is new, together. Routine requests wait for the end of the quiet hours.
    fn begin(&mut self, fresh: Vec<ConsultationId>, now: Moment, effects: &mut Vec<Effect>) {
        let quiet = self.alerting.quiet_left_at(now.minute_of_day());
        if let Some(minutes) = quiet {
            let into_minute = now.at.millis().rem_euclid(60_000);
            self.quiet_until =
                Some(Timestamp::from_millis(now.at.millis() + i64::from(minutes) * 60_000 - into_minute));
        }
        let mut most_pressing = u8::MAX;
        let mut loud = Vec::new();
        for id in fresh {
            let Some(request) = self.requests.get_mut(&id) else { continue };
            request.held = quiet.is_some() && request.notice.urgency == Urgency::Routine;
            if !request.held {
                most_pressing = most_pressing.min(rank(&request.notice.urgency));
                request.begin(now.at);
                effects.push(Effect::Banner(request.notice.clone()));
                loud.push(id);
            }
        }
        if loud.is_empty() {
            return;
        }
        let joins = self.groups.iter().find(|(_, group)| group.is_open_at(now.at)).map(|(number, _)| *number);
        let number = joins.unwrap_or_else(|| {
            self.last_number += 1;
            self.last_number
        });
        let pressing_so_far = self.members(number).map(|request| rank(&request.notice.urgency)).min();
        let mut anew = false;
        for id in loud {
            let Some(before) = self.requests.get_mut(&id).and_then(|one| one.group.replace(number)) else {
                continue;
            };
            // It has waited since it was last heard: not a second more.
            anew = true;
            if before != number {
                self.correct(before, now, effects);
            }
        }
        match self.groups.get_mut(&number) {
            // It is on the screen since less than a second, and as pressing: the others of that second come along.
            Some(group) if !anew && pressing_so_far.is_some_and(|rank| rank <= most_pressing) => {
                group.dirty = true;
            }
            Some(_) => self.show(number, Occasion::New, now, effects),
            None => {
                self.groups.insert(number, Group::new(now.at, TOGETHER));
                self.show(number, Occasion::New, now, effects);
            }
        }
    }

    /// Says again what nobody has answered: all of it in one notification.
    fn repeat(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let mut due = false;
        for request in self.requests.values_mut() {
            if request.next.is_some_and(|at| at <= now.at) {
                due = true;
                request.again(now.at);
                effects.push(Effect::Banner(request.notice.clone()));
            }
        }
        if !due {
            return;
        }
        let waiting = |request: &&Request| request.told > 0 && request.notice.urgency.alerts();
        let due_now = |request: &&Request| request.told_at == Some(now.at);
        let all: Vec<&Request> = self.requests.values().filter(waiting).collect();
        let is_due = all.iter().any(due_now);
        let first = all.iter().copied().min_by_key(|request| request.place());
        if let Some(number) = first.and_then(|request| request.group).filter(|_| is_due) {
            let others: Vec<u64> =
                all.iter().filter_map(|request| request.group).filter(|one| *one != number).collect();
            for request in self.requests.values_mut() {
                if waiting(&&*request) {
                    request.group = Some(number);
                }
            }
            for other in others {
                self.correct(other, now, effects);
            }
            self.show(number, Occasion::Again, now, effects);
        }
        // Routine ones that repeat keep their own.
        let routine: Vec<u64> = self
            .requests
            .values()
            .filter(|request| !request.notice.urgency.alerts() && due_now(request))
            .filter_map(|request| request.group)
            .collect();
        for number in routine {
            self.show(number, Occasion::Again, now, effects);
        }
    }

    /// Nothing is asked of it any more.
    fn answered(&mut self, id: &ConsultationId, now: Moment, effects: &mut Vec<Effect>) {
        let Some(request) = self.requests.remove(id) else { return };
        if request.told > 0 {
            effects.push(Effect::Answered(id.clone()));
        }
        if let Some(number) = request.group {
            self.correct(number, now, effects);
        }
    }

    /// Less waits in a notification than it says.
    fn correct(&mut self, number: u64, now: Moment, effects: &mut Vec<Effect>) {
        let Some(group) = self.groups.get(&number) else { return };
        let (on_screen, is_empty) = (group.on_screen, self.members(number).next().is_none());
        if is_empty {
            self.groups.remove(&number);
            // Also where nobody knows of it on the screen: what was just handed to the desktop may still appear.
            effects.push(Effect::Close(number));
        } else if on_screen {
            self.show(number, Occasion::Corrected, now, effects);
        }
    }

    fn members(&self, number: u64) -> impl Iterator<Item = &Request> {
        self.requests.values().filter(move |request| request.group == Some(number))
    }

    fn show(&mut self, number: u64, occasion: Occasion, now: Moment, effects: &mut Vec<Effect>) {
        let mut members: Vec<&Request> = self.members(number).collect();
        members.sort_by_key(|request| request.place());
        let Some(first) = members.first() else { return };
        let privacy = self.alerting.privacy();
        let privacy = if self.veiled { privacy.min(AlertPrivacy::Urgency) } else { privacy };
        let (title, body) = words(
            &first.notice,
            first.initials.as_deref(),
            members.len() - 1,
            first.told > 1,
            privacy,
            now.at,
        );
        let showing = Notification {
            alert: Alert {
                number,
                consultation: Some(first.notice.consultation_id.clone()),
                critical: first.notice.urgency.alerts(),
                emergency: first.notice.urgency == Urgency::Emergency,
                sound: occasion != Occasion::Corrected && members.iter().any(|request| request.rule.sound),
                may_acknowledge: members.len() == 1 && first.notice.may_acknowledge && !self.veiled,
                title,
                body,
            },
            consultations: members.iter().map(|request| request.notice.consultation_id.clone()).collect(),
            occasion,
        };
        if let Some(group) = self.groups.get_mut(&number) {
            group.on_screen = true;
            // A correction has said what has joined, but without a sound.
            group.dirty &= occasion == Occasion::Corrected;
        }
        effects.push(Effect::Show(showing));
    }

    /// A clock that was set back, and rules that became stricter, postpone nothing.
    fn keep_in_bounds(&mut self, now: Moment) {
        let back = self.latest.replace(now.at).map_or(0, |before| (before.millis() - now.at.millis()).max(0));
        let earlier = |at: &mut Timestamp| *at = Timestamp::from_millis(at.millis() - back);
        for request in self.requests.values_mut() {
            [&mut request.told_at, &mut request.next, &mut request.front_at]
                .into_iter()
                .flatten()
                .for_each(earlier);
            request.keep_in_bounds(now.at);
        }
        self.groups.values_mut().map(|group| &mut group.joins_until).for_each(earlier);
        [&mut self.quiet_until, &mut self.probe_at].into_iter().flatten().for_each(earlier);
    }
}

/// Emergency before urgent before routine.
fn rank(urgency: &Urgency) -> u8 {
    urgency.triage_rank()
}

/// The time after which a rule alerts again.
fn interval(rule: &AlertRule) -> i64 {
    i64::from(rule.repeat_seconds)
}
