//! When a screen locks and a session ends.
//!
//! Promises: without input the screen locks after the clinic's time, and not after more than 15 minutes whatever the
//! clinic says; a session ends after the clinic's hours, and not after more than 12; a warning comes 30 seconds before
//! either. A clock that is set back prolongs nothing: what counts is what has passed by the clock, or what the machine
//! has waited, whichever is more. One that is set on shortens, as a machine that slept does. Input that comes when it
//! is over changes nothing.
//!
//! No clock of its own: the time is passed in.

use std::time::Duration;

use chatehr_contract::{Policy, Timestamp};

/// Milliseconds before the end from which a person is warned.
const WARNING: i64 = 30_000;
/// Seconds: the shortest time to lock that leaves room for a warning, and the longest of any workstation.
const LOCK_SECONDS: (u32, u32) = (30, 15 * 60);
/// Hours of a session; the most is what NIST SP 800-63B has at AAL2 (section 4.2.3).
const SESSION_HOURS: (u32, u32) = (1, 12);

/// What the clinic and the workstation ask for, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) idle: i64,
    pub(crate) session: i64,
}

impl Limits {
    pub(crate) fn of(policy: &Policy, shared: bool) -> Self {
        let seconds = if shared { policy.shared_lock_after_seconds } else { policy.lock_after_seconds };
        let hours = policy.session_hours.clamp(SESSION_HOURS.0, SESSION_HOURS.1);
        Self {
            idle: i64::from(seconds.clamp(LOCK_SECONDS.0, LOCK_SECONDS.1)) * 1000,
            session: i64::from(hours) * 3_600_000,
        }
    }
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing is near.
    Quiet,
    /// The screen locks in so many milliseconds.
    LocksSoon(i64),
    /// The session ends in so many milliseconds.
    EndsSoon(i64),
    /// Lock now.
    Lock,
    /// End it now.
    End,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct SessionClock {
    /// Without input, in milliseconds.
    idle: i64,
    /// Since the sign-in, in milliseconds.
    spent: i64,
    /// Of the last tick, and what was counted since.
    at: Timestamp,
    counted: i64,
    over: bool,
}

impl SessionClock {
    /// Of somebody who has just shown who they are, in a session that has lasted so many milliseconds.
    pub(crate) fn new(now: Timestamp, spent: i64) -> Self {
        Self { idle: 0, spent, at: now, counted: 0, over: false }
    }

    /// Milliseconds since the sign-in, as of the last tick or input.
    pub(crate) const fn spent(&self) -> i64 {
        self.spent
    }

    /// The same, as of now.
    pub(crate) fn spent_by(&self, now: Timestamp) -> i64 {
        let mut counted = self.clone();
        counted.count(now, 0);
        counted.spent
    }

    /// The person has done something.
    pub(crate) fn input(&mut self, now: Timestamp, limits: Limits) {
        self.count(now, 0);
        if !matches!(self.standing(limits), Standing::Lock | Standing::End) {
            self.idle = 0;
        }
    }

    /// So much has been waited since the last tick.
    pub(crate) fn tick(&mut self, now: Timestamp, waited: Duration, limits: Limits) -> Standing {
        self.count(now, i64::try_from(waited.as_millis()).unwrap_or(i64::MAX));
        (self.at, self.counted) = (now, 0);
        self.standing(limits)
    }

    /// What is new of the time since the last tick.
    fn count(&mut self, now: Timestamp, waited: i64) {
        let passed = now.millis().saturating_sub(self.at.millis()).max(waited).max(self.counted);
        let new = passed.saturating_sub(self.counted);
        self.counted = passed;
        self.idle = self.idle.saturating_add(new);
        self.spent = self.spent.saturating_add(new);
    }

    fn standing(&mut self, limits: Limits) -> Standing {
        let left = (limits.idle.saturating_sub(self.idle), limits.session.saturating_sub(self.spent));
        if left.1 <= 0 {
            return Standing::End;
        }
        self.over |= left.0 <= 0;
        if self.over {
            return Standing::Lock;
        }
        match left {
            (lock, end) if end <= WARNING && end <= lock => Standing::EndsSoon(end),
            (lock, _) if lock <= WARNING => Standing::LocksSoon(lock),
            _ => Standing::Quiet,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chatehr_contract::{Policy, Timestamp};
    use proptest::prelude::*;

    use super::{Limits, SessionClock, Standing, WARNING};

    #[test]
    fn no_policy_is_weaker_than_the_workstations_own_maximum() {
        let lax = Policy {
            lock_after_seconds: 3600,
            shared_lock_after_seconds: u32::MAX,
            session_hours: 1000,
            ..Policy::default()
        };
        for shared in [false, true] {
            assert_eq!(Limits::of(&lax, shared), Limits { idle: 900_000, session: 43_200_000 });
        }
        let none = Policy { lock_after_seconds: 0, session_hours: 0, ..Policy::default() };
        assert_eq!(Limits::of(&none, false), Limits { idle: 30_000, session: 3_600_000 });
        assert_eq!(Limits::of(&Policy::default(), true).idle, 120_000);
    }

    #[test]
    fn input_after_a_sleep_that_was_too_long_does_not_keep_the_screen_open() {
        let limits = Limits::of(&Policy::default(), false);
        let at = |seconds| Timestamp::from_millis(0).plus_seconds(seconds);
        let mut clock = SessionClock::new(at(0), 0);
        clock.input(at(400), limits);
        assert_eq!(clock.tick(at(400), Duration::from_secs(1), limits), Standing::Lock);
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Milliseconds until the next tick.
        Wait(u32),
        /// The same with input in between.
        Use(u32, u32),
        /// Somebody sets the clock by so much.
        Set(i64),
    }

    fn steps(clock_is_set: bool) -> impl Strategy<Value = Vec<Step>> {
        let jump = if clock_is_set { -4_000_000i64..4_000_000 } else { 0..1 };
        let step = prop_oneof![
            3 => (1u32..200_000).prop_map(Step::Wait),
            3 => (0u32..100_000, 0u32..100_000).prop_map(|(before, after)| Step::Use(before, after)),
            1 => jump.prop_map(Step::Set),
        ];
        prop::collection::vec(step, 1..60)
    }

    /// What truly passed, and what the clock of the session makes of it, after each step.
    fn play(steps: &[Step], limits: Limits) -> Vec<(bool, i64, i64, Standing)> {
        let (mut shown, mut idle, mut spent, mut was_over) = (1_000_000_000i64, 0i64, 0i64, false);
        let mut clock = SessionClock::new(Timestamp::from_millis(shown), 0);
        let mut seen = Vec::new();
        for step in steps {
            let waited = match *step {
                Step::Set(by) => {
                    shown += by;
                    continue;
                }
                Step::Wait(wait) => {
                    shown += i64::from(wait);
                    idle += i64::from(wait);
                    wait
                }
                Step::Use(before, after) => {
                    shown += i64::from(before);
                    idle += i64::from(before);
                    was_over |= idle >= limits.idle;
                    clock.input(Timestamp::from_millis(shown), limits);
                    shown += i64::from(after);
                    idle = i64::from(after);
                    before + after
                }
            };
            was_over |= idle >= limits.idle;
            spent += i64::from(waited);
            let waited = Duration::from_millis(u64::from(waited));
            seen.push((was_over, idle, spent, clock.tick(Timestamp::from_millis(shown), waited, limits)));
        }
        seen
    }

    const LIMITS: Limits = Limits { idle: 300_000, session: 3_600_000 };

    proptest! {
        #[test]
        fn by_an_honest_clock_it_warns_locks_and_ends_when_it_should_and_no_sooner(steps in steps(false)) {
            for (was_over, idle, spent, standing) in play(&steps, LIMITS) {
                let (lock, end) = (LIMITS.idle - idle, LIMITS.session - spent);
                let expected = match lock.min(end) {
                    _ if end <= 0 => Standing::End,
                    _ if was_over => Standing::Lock,
                    left if left > WARNING => Standing::Quiet,
                    left if left == end => Standing::EndsSoon(left),
                    left => Standing::LocksSoon(left),
                };
                prop_assert_eq!(standing, expected);
            }
        }

        #[test]
        fn a_clock_set_back_or_forth_prolongs_nothing(steps in steps(true)) {
            // Between two ticks only the clock tells when the input was, so an idle time counts from the tick before.
            for (_, idle, spent, standing) in play(&steps, LIMITS) {
                if spent >= LIMITS.session {
                    prop_assert_eq!(standing, Standing::End);
                }
                if idle >= LIMITS.idle {
                    prop_assert!(matches!(standing, Standing::Lock | Standing::End), "{:?}", standing);
                }
            }
        }
    }
}
