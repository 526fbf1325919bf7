use std::collections::BTreeSet;

use chatehr_contract::{AlertPolicy, SpecialtyCode};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn at(millis: i64) -> Moment {
    Moment { at: Timestamp::from_millis(millis), ahead_of_utc: 0 }
}

fn id(text: &str) -> ConsultationId {
    ConsultationId::new(text)
}

fn claim(text: &str, urgency: Urgency, own: bool, asked_at: i64) -> Claim {
    Claim {
        own,
        asked_at: Timestamp::from_millis(asked_at),
        initials: None,
        notice: AlertNotice {
            consultation_id: id(text),
            urgency,
            specialty: SpecialtyCode::Cardiology,
            answer_due: Some(Timestamp::from_millis(600_000)),
            told: 0,
            may_acknowledge: true,
        },
    }
}

fn ask(watch: &mut Watch, text: &str, urgency: Urgency, now: i64) -> Vec<Effect> {
    watch.tell([(id(text), Some(claim(text, urgency, false, 0)))], at(now))
}

/// Number, occasion, title and body of each notification.
fn shown(effects: &[Effect]) -> Vec<(u64, Occasion, &str, &str)> {
    let shown = effects.iter().filter_map(|effect| match effect {
        Effect::Show(Notification { alert, occasion, .. }) => {
            Some((alert.number, *occasion, alert.title.as_str(), alert.body.as_str()))
        }
        _ => None,
    });
    shown.collect()
}

#[test]
fn an_unanswered_request_repeats_in_the_same_notification_and_tells_the_time_left() {
    let mut watch = Watch::default();
    let first = ask(&mut watch, "a", Urgency::Emergency, 0);
    assert_eq!(shown(&first), [(1, Occasion::New, "Emergency cardiology consultation", "10 min to answer")]);
    assert_eq!(watch.wake(), Some(Timestamp::from_millis(30_000)));
    assert_eq!(shown(&watch.tick(at(29_999))), []);
    let again = watch.tick(at(30_000));
    assert_eq!(
        shown(&again),
        [(1, Occasion::Again, "Emergency cardiology consultation", "Not answered yet. 9 min to answer")]
    );
    assert!(again.iter().any(|effect| matches!(effect, Effect::Banner(notice) if notice.told == 2)));
    assert_eq!(
        shown(&ask(&mut watch, "a", Urgency::Emergency, 31_000)),
        [],
        "told again, it is the same one"
    );
}

#[test]
fn behind_a_locked_screen_it_goes_on_and_says_how_urgent_it_is_and_no_more() {
    let mut watch = Watch::default();
    let asked = Claim { initials: Some("M. S.".to_owned()), ..claim("a", Urgency::Emergency, false, 0) };
    let initials = AlertPolicy { privacy: Some(AlertPrivacy::Initials), ..AlertPolicy::default() };
    watch.set_alerting(Alerting { clinic: initials, ..Alerting::default() }, at(0));
    let open = watch.tell([(id("a"), Some(asked))], at(0));
    assert_eq!(shown(&open)[0].2, "Emergency cardiology consultation, M. S.");
    let veiled = watch.veil(at(1000));
    assert_eq!(shown(&veiled), [(1, Occasion::Corrected, "Emergency consultation", "")]);
    let offers = |effects: &[Effect]| {
        let mut shown = effects.iter().filter_map(|effect| match effect {
            Effect::Show(notification) => Some(notification.alert.may_acknowledge),
            _ => None,
        });
        shown.next()
    };
    assert_eq!((offers(&open), offers(&veiled)), (Some(true), Some(false)));
    let again = watch.tick(at(30_000));
    assert_eq!(shown(&again), [(1, Occasion::Again, "Emergency consultation", "Not answered yet")]);
    assert_eq!(watch.waiting(), 1);
    let back = watch.unveil();
    assert!(matches!(back.as_slice(), [Effect::Banner(notice)] if notice.told == 2), "{back:?}");
    assert_eq!(shown(&watch.tick(at(60_000)))[0].2, "Emergency cardiology consultation, M. S.");
}

#[test]
fn what_comes_within_a_second_is_one_notification_and_what_comes_later_is_another() {
    let mut watch = Watch::default();
    assert_eq!(shown(&ask(&mut watch, "a", Urgency::Urgent, 0)).len(), 1);
    assert_eq!(shown(&ask(&mut watch, "b", Urgency::Urgent, 300)), []);
    assert_eq!(shown(&ask(&mut watch, "c", Urgency::Urgent, 900)), []);
    assert_eq!(watch.wake(), Some(Timestamp::from_millis(1000)));
    let together = watch.tick(at(1000));
    assert_eq!(
        shown(&together),
        [(1, Occasion::New, "Urgent cardiology consultation and 2 more", "9 min to answer")]
    );
    assert_eq!(shown(&ask(&mut watch, "d", Urgency::Urgent, 1500))[0].0, 2);
}

#[test]
fn an_emergency_does_not_wait_for_the_second_to_pass() {
    let mut watch = Watch::default();
    ask(&mut watch, "a", Urgency::Urgent, 0);
    let effects = ask(&mut watch, "b", Urgency::Emergency, 100);
    assert_eq!(shown(&effects)[0].2, "Emergency cardiology consultation and 1 more");
}

#[test]
fn when_it_repeats_all_that_waits_is_in_one_notification() {
    let mut watch = Watch::default();
    ask(&mut watch, "a", Urgency::Urgent, 0);
    ask(&mut watch, "b", Urgency::Emergency, 5000);
    let effects = watch.tick(at(35_000));
    assert_eq!(shown(&effects).len(), 1);
    assert_eq!(shown(&effects)[0].2, "Emergency cardiology consultation and 1 more");
    assert!(effects.contains(&Effect::Close(1)));
}

#[test]
fn an_urgent_one_repeats_five_times_and_an_emergency_without_end() {
    let repeats = |urgency: Urgency| {
        let mut watch = Watch::default();
        ask(&mut watch, "a", urgency, 0);
        let mut count = 0;
        while let Some(wake) = watch.wake().filter(|_| count < 1000) {
            let effects = watch.tick(Moment { at: wake, ahead_of_utc: 0 });
            count += shown(&effects).len();
        }
        count
    };
    assert_eq!(repeats(Urgency::Urgent), 5);
    assert_eq!(repeats(Urgency::Emergency), 1000);
}

#[test]
fn one_that_was_answered_leaves_its_notification_to_the_others_and_the_last_closes_it() {
    let mut watch = Watch::default();
    let both = ["a", "b"].map(|text| (id(text), Some(claim(text, Urgency::Urgent, false, 0))));
    watch.tell(both, at(0));
    let effects = watch.gone(&id("a"), at(10));
    assert!(effects.contains(&Effect::Answered(id("a"))));
    assert_eq!(
        shown(&effects),
        [(1, Occasion::Corrected, "Urgent cardiology consultation", "9 min to answer")]
    );
    let Some(Effect::Show(showing)) = effects.last() else { panic!("{effects:?}") };
    assert!(!showing.alert.sound, "less waits: no reason for a sound");
    assert_eq!(watch.gone(&id("b"), at(20)), [Effect::Answered(id("b")), Effect::Close(1)]);
    assert_eq!(watch.wake(), None);
}

#[test]
fn a_routine_request_of_ones_own_waits_for_the_morning_and_an_emergency_does_not() {
    let hour = 3_600_000;
    let clinic = AlertPolicy::read(&json!({ "quietHours": { "from": "22:00", "to": "07:00" } }));
    let mut watch = Watch::default();
    // Three in the morning there, one by UTC.
    let there = |millis: i64| Moment { at: Timestamp::from_millis(millis), ahead_of_utc: 7200 };
    watch.set_alerting(Alerting { clinic, ..Alerting::default() }, there(hour));
    let effects = watch.tell([(id("a"), Some(claim("a", Urgency::Routine, true, 0)))], there(hour));
    assert_eq!(effects, []);
    let effects = watch.tell([(id("b"), Some(claim("b", Urgency::Emergency, true, 0)))], there(hour));
    assert_eq!(shown(&effects).len(), 1);
    watch.gone(&id("b"), there(hour + 1));
    assert_eq!(watch.wake(), Some(Timestamp::from_millis(5 * hour)));
    let effects = watch.tick(there(5 * hour));
    assert_eq!(shown(&effects)[0].2, "Routine cardiology consultation");
    let Some(Effect::Show(showing)) = effects.last() else { panic!("{effects:?}") };
    assert!(!showing.alert.critical && !showing.alert.sound);
}

#[test]
fn without_a_desktop_the_window_sounds_and_what_waits_is_shown_when_the_desktop_is_back() {
    let mut watch = Watch::default();
    ask(&mut watch, "a", Urgency::Emergency, 0);
    assert_eq!(watch.failed(1, true, at(10)), [Effect::Sound(vec![id("a")])]);
    assert_eq!(watch.wake(), Some(Timestamp::from_millis(20_010)));
    assert_eq!(watch.tick(at(20_010)), [Effect::Probe]);
    assert_eq!(watch.wake(), Some(Timestamp::from_millis(30_000)), "the repeat comes before the next probe");
    let back = watch.returned(at(21_000));
    assert_eq!(shown(&back).len(), 1);
    assert_eq!(watch.returned(at(22_000)), [], "it was back already");
}

#[test]
fn what_stood_on_a_desktop_that_is_lost_is_said_by_the_window_and_shown_when_there_is_one_again() {
    let mut watch = Watch::default();
    let mut clinic = AlertPolicy::default();
    clinic.rules.urgent.at_most = Some(0);
    watch.set_alerting(Alerting { clinic, ..Alerting::default() }, at(0));
    ask(&mut watch, "a", Urgency::Urgent, 0);
    ask(&mut watch, "b", Urgency::Urgent, 5000);
    watch.closed(2);
    let lost = watch.lost(at(10_000));
    let [Effect::Banner(notice), Effect::Sound(loud), Effect::Probe] = &lost[..] else {
        panic!("{lost:?}");
    };
    assert_eq!((&notice.consultation_id, loud), (&id("a"), &vec![id("a")]), "the other had been closed");
    assert_eq!(watch.lost(at(11_000)), [Effect::Probe], "once is enough");
    assert_eq!(watch.wake(), Some(Timestamp::from_millis(30_000)), "no repeat is left, but it looks again");
    let back: Vec<_> = shown(&watch.returned(at(12_000))).iter().map(|shown| shown.0).collect();
    assert_eq!(back, [1, 2]);
}

#[test]
fn unanswered_for_too_long_it_brings_the_window_to_the_front_once() {
    let mut watch = Watch::default();
    ask(&mut watch, "a", Urgency::Emergency, 0);
    watch.tick(at(30_000));
    assert!(watch.tick(at(60_000)).contains(&Effect::Front));
    assert!(!watch.tick(at(90_000)).contains(&Effect::Front));
}

#[test]
fn what_is_now_asked_of_me_in_particular_alerts_anew() {
    let mut watch = Watch::default();
    watch.tell([(id("a"), Some(claim("a", Urgency::Urgent, false, 0)))], at(0));
    let effects = watch.tell([(id("a"), Some(claim("a", Urgency::Urgent, true, 5000)))], at(5000));
    let now = shown(&effects);
    assert_eq!((now.len(), now[0].1), (1, Occasion::New));
}

#[test]
fn what_was_handed_to_me_and_read_on_another_workstation_is_answered() {
    let mut watch = Watch::default();
    let handed = || [(id("a"), Some(claim("a", Urgency::Urgent, true, 5)))];
    watch.tell(handed(), at(10));
    assert_eq!(watch.seen(&id("a"), true, at(20)), [Effect::Answered(id("a")), Effect::Close(1)]);
    assert_eq!(watch.tell(handed(), at(30)), [], "the record has not changed");
    let anew = watch.tell([(id("a"), Some(claim("a", Urgency::Urgent, true, 40)))], at(50));
    assert_eq!(shown(&anew).len(), 1);
}

#[test]
fn what_waits_in_a_pool_and_was_only_looked_at_repeats_all_the_same() {
    let mut watch = Watch::default();
    ask(&mut watch, "a", Urgency::Emergency, 0);
    assert_eq!(watch.seen(&id("a"), false, at(20)), [Effect::Close(1)]);
    assert_eq!(shown(&watch.tick(at(30_000)))[0].1, Occasion::Again);
}

#[derive(Clone, Debug)]
enum Step {
    Ask {
        who: usize,
        urgency: usize,
        own: bool,
    },
    /// Accepted, declined, acknowledged, handed on, closed: by anybody, this person included.
    Answered(usize),
    Read {
        who: usize,
        in_charge: bool,
    },
    Wait(i64),
    Set(i64),
    CloseAll,
    Desktop(bool),
    /// The service that shows notifications dies.
    Lost,
    Rules(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..5, 0_usize..3, any::<bool>()).prop_map(|(who, urgency, own)| Step::Ask { who, urgency, own }),
        2 => (0_usize..5).prop_map(Step::Answered),
        1 => (0_usize..5, any::<bool>()).prop_map(|(who, in_charge)| Step::Read { who, in_charge }),
        4 => prop_oneof![0_i64..1500, 0_i64..200_000].prop_map(Step::Wait),
        1 => (-100_000_i64..0).prop_map(Step::Set),
        1 => Just(Step::CloseAll),
        2 => any::<bool>().prop_map(Step::Desktop),
        1 => Just(Step::Lost),
        1 => (0_u32..400).prop_map(Step::Rules),
    ]
}

/// What anybody could say of it with pencil and paper: who waits, and when they were last heard.
#[derive(Default)]
struct World {
    watch: Watch,
    clock: i64,
    /// Time that has passed, whatever the clock says.
    passed: i64,
    works: bool,
    asked: i64,
    waiting: BTreeMap<ConsultationId, Waiting>,
    on_screen: BTreeSet<u64>,
}

struct Waiting {
    emergency: bool,
    since: i64,
    heard: Option<i64>,
}

impl World {
    fn now(&self) -> Moment {
        at(self.clock)
    }

    fn pass(&mut self, millis: i64) {
        self.clock += millis;
        self.passed += millis;
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), TestCaseError> {
        let mut effects = std::collections::VecDeque::from(effects);
        let mut unheard: Vec<ConsultationId> = Vec::new();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Show(Notification { alert, consultations, occasion }) => {
                    for id in &consultations {
                        prop_assert!(self.waiting.contains_key(id), "{id} was answered and alerts");
                    }
                    if self.works {
                        self.watch.shown();
                        self.on_screen.insert(alert.number);
                        if alert.sound {
                            self.heard(&consultations);
                        }
                    } else {
                        self.on_screen.remove(&alert.number);
                        effects.extend(self.watch.failed(alert.number, alert.sound, self.now()));
                        unheard.extend(consultations);
                    }
                    prop_assert!(occasion != Occasion::Corrected || !alert.sound);
                }
                Effect::Close(number) => drop(self.on_screen.remove(&number)),
                Effect::Banner(notice) => {
                    prop_assert!(self.waiting.contains_key(&notice.consultation_id));
                }
                Effect::Answered(id) => prop_assert!(!self.waiting.contains_key(&id)),
                Effect::Sound(_) => self.heard(&std::mem::take(&mut unheard)),
                Effect::Front => prop_assert!(!self.waiting.is_empty()),
                Effect::Probe if self.works => {
                    let back = self.watch.returned(self.now());
                    effects.extend(back);
                }
                Effect::Probe => {}
            }
        }
        Ok(())
    }

    fn heard(&mut self, ids: &[ConsultationId]) {
        let passed = self.passed;
        for id in ids {
            if let Some(waiting) = self.waiting.get_mut(id) {
                waiting.heard = Some(passed);
            }
        }
    }

    fn tick(&mut self) -> Result<(), TestCaseError> {
        let now = self.now();
        let effects = self.watch.tick(now);
        self.perform(effects)?;
        prop_assert!(self.watch.wake().is_none_or(|wake| wake > self.now().at), "it would never sleep");
        self.check()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let rule = self.watch.alerting().rule(&Urgency::Emergency, &SpecialtyCode::Cardiology);
        for (id, waiting) in self.waiting.iter().filter(|(_, waiting)| waiting.emergency) {
            let silent = self.passed - waiting.heard.unwrap_or(waiting.since);
            let longest = waiting.heard.map_or(TOGETHER, |_| i64::from(rule.repeat_seconds) * 1000);
            prop_assert!(silent <= longest, "{id} was silent for {silent} ms of {longest}");
        }
        Ok(())
    }

    fn wait(&mut self, millis: i64) -> Result<(), TestCaseError> {
        let until = self.passed + millis;
        loop {
            let left = until - self.passed;
            let sleep = self.watch.wake().map_or(left, |wake| wake.millis() - self.clock);
            self.pass(sleep.clamp(0, left));
            self.tick()?;
            if self.passed >= until {
                return Ok(());
            }
        }
    }
}

proptest! {
    #[test]
    fn an_unanswered_emergency_is_never_silent_and_nothing_alerts_that_was_answered(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let mut world = World { works: true, clock: 1_000_000_000, ..World::default() };
        for step in steps {
            let now = world.now();
            match step {
                Step::Ask { who, urgency, own } => {
                    let name = format!("c-{who}");
                    let urgency = [Urgency::Emergency, Urgency::Urgent, Urgency::Routine][urgency].clone();
                    world.asked += 1;
                    let asked = claim(&name, urgency.clone(), own, world.asked);
                    let (passed, emergency) = (world.passed, urgency == Urgency::Emergency);
                    let waiting = world.waiting.entry(id(&name)).or_insert(Waiting { emergency, since: passed, heard: None });
                    if emergency && !waiting.emergency {
                        (waiting.since, waiting.heard) = (passed, None);
                    }
                    waiting.emergency = emergency;
                    if urgency == Urgency::Routine && !own {
                        // A pool's routine requests alert nobody.
                        world.waiting.remove(&id(&name));
                    }
                    let effects = world.watch.tell([(id(&name), Some(asked))], now);
                    world.perform(effects)?;
                }
                Step::Answered(who) => {
                    let who = id(&format!("c-{who}"));
                    world.waiting.remove(&who);
                    let effects = world.watch.gone(&who, now);
                    world.perform(effects)?;
                }
                Step::Read { who, in_charge } => {
                    let who = id(&format!("c-{who}"));
                    if in_charge {
                        world.waiting.remove(&who);
                    }
                    let effects = world.watch.seen(&who, in_charge, now);
                    world.perform(effects)?;
                }
                Step::Wait(millis) => world.wait(millis)?,
                Step::Set(millis) => {
                    world.clock += millis;
                    world.tick()?;
                }
                Step::CloseAll => {
                    for number in std::mem::take(&mut world.on_screen) {
                        world.watch.closed(number);
                    }
                }
                Step::Desktop(works) => world.works = works,
                Step::Lost => {
                    world.works = false;
                    world.on_screen.clear();
                    let effects = world.watch.lost(now);
                    world.perform(effects)?;
                }
                Step::Rules(repeat_seconds) => {
                    let mut clinic = AlertPolicy::default();
                    clinic.rules.emergency.repeat_seconds = Some(repeat_seconds);
                    clinic.rules.urgent.at_most = Some(repeat_seconds % 4);
                    // Rules that become slower hold from the next alert on.
                    let before = world.watch.alerting().rule(&Urgency::Emergency, &SpecialtyCode::Cardiology);
                    let after = Alerting { clinic, ..Alerting::default() };
                    let rule = after.rule(&Urgency::Emergency, &SpecialtyCode::Cardiology);
                    if rule.repeat_seconds <= before.repeat_seconds {
                        for waiting in world.waiting.values_mut() {
                            waiting.since = waiting.since.max(world.passed - i64::from(rule.repeat_seconds) * 1000);
                            waiting.heard = waiting.heard.map(|heard| heard.max(world.passed - i64::from(rule.repeat_seconds) * 1000));
                        }
                    }
                    world.watch.set_alerting(after, now);
                    world.tick()?;
                }
            }
            world.check()?;
        }
        // In the end everybody answers, and it is quiet.
        for who in 0..5 {
            let who = id(&format!("c-{who}"));
            world.waiting.remove(&who);
            let effects = world.watch.gone(&who, world.now());
            world.perform(effects)?;
        }
        prop_assert!(world.on_screen.is_empty(), "{:?} stays on the screen", world.on_screen);
        world.wait(400_000)?;
    }
}
