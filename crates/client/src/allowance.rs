//! How much a server lets be asked, and from when on: one for all clients of a workstation, because it is one server.
//!
//! Promises: until the time that the server has asked for nothing goes to it unasked, whatever wanted to; a person who
//! asks is let through. What is asked in the background is spread over what the server says is left
//! (`RateLimit-Limit`, `-Remaining`, `-Reset`) and leaves some of it to the person; where it says nothing, what the
//! original allows is gone by: 100 requests in 15 minutes. An answer to what was let through ends the wait.
//! Why one: the original counts by address and over all routes, so a message that fails and a list that is looked at draw
//! on the same.
//!
//! The state is pure: the caller says what time it is.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::breaker::Errand;

/// The longest that a server may ask for: the original's whole window. What is urgent must not wait on a mistyped number.
pub const LONGEST_ASKED: Duration = Duration::from_secs(900);
/// What the original allows, and in what time.
const ASSUMED: (u32, Duration) = (100, Duration::from_secs(900));

/// For how long one is left alone that has had enough and says nothing else.
const UNSAID: Duration = Duration::from_secs(10);

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What a server has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// It has been asked too much.
    TooMany(Duration),
    /// It cannot just now.
    Unable(Duration),
}

impl Held {
    const fn time(self) -> Duration {
        match self {
            Self::TooMany(time) | Self::Unable(time) => time,
        }
    }
}

/// What is left until when.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u32,
    left: u32,
    ends: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    since: Instant,
    until: Instant,
    too_many: bool,
}

/// Counts what goes to one server.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    window: Option<Window>,
    last: Option<Instant>,
    hold: Option<Hold>,
    /// A person has asked: one request goes through.
    pardoned: bool,
}

impl Allowance {
    /// Whether it may go out now; if not, for how long the server is still to be left alone.
    pub(crate) fn admit(&mut self, now: Instant, errand: Errand) -> Result<(), Held> {
        match self.hold(now) {
            Some(_) if errand == Errand::Person || std::mem::take(&mut self.pardoned) => Ok(()),
            Some(held) => Err(held),
            None => {
                self.pardoned = false;
                Ok(())
            }
        }
    }

    /// What the server has asked for and is not over yet.
    fn hold(&self, now: Instant) -> Option<Held> {
        let Hold { until, too_many, .. } = self.hold.filter(|hold| hold.until > now)?;
        let left = until.duration_since(now);
        Some(if too_many { Held::TooMany(left) } else { Held::Unable(left) })
    }

    /// How long nothing may go out unasked; nothing where a person has just asked.
    pub(crate) fn held(&self, now: Instant) -> Option<Duration> {
        self.hold(now).filter(|_| !self.pardoned).map(Held::time)
    }

    /// The server asks for time. One that has been asked too much and does not say for how long means its window.
    pub(crate) fn asked_for(&mut self, now: Instant, asked: Option<Duration>, too_many: bool) {
        let window = self.window.filter(|window| too_many && window.left == 0);
        let told = window.map(|window| window.ends.saturating_duration_since(now));
        // One that has had enough and may be asked again at once would be, without end.
        let asked = asked.filter(|asked| !(too_many && asked.is_zero()));
        let Some(asked) = asked.or(told).or(too_many.then_some(UNSAID)) else { return };
        let until = later(now, asked.min(LONGEST_ASKED));
        let until = self.hold.map_or(until, |hold| hold.until.max(until));
        self.hold = Some(Hold { since: now, until, too_many });
    }

    /// A request that went out then has had a good answer: the server does again.
    pub(crate) fn served(&mut self, sent: Instant) {
        self.hold = self.hold.filter(|hold| hold.since > sent);
    }

    /// A person asks: the next request goes out.
    pub(crate) const fn pardon(&mut self) {
        self.pardoned = true;
    }

    /// A request has gone out.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.last = Some(now);
        let window = match self.window {
            Some(window) if window.ends > now => window,
            // Whoever has said what the limit is has it full again.
            before => {
                let limit = before.map_or(ASSUMED.0, |before| before.limit);
                Window { limit, left: limit, ends: later(now, ASSUMED.1) }
            }
        };
        self.window = Some(Window { left: window.left.saturating_sub(1), ..window });
    }

    /// What an answer says of it.
    pub(crate) fn heard(&mut self, now: Instant, headers: &HeaderMap) {
        let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
        if let (Some(limit), Some(left), Some(reset)) = (number(LIMIT), number(REMAINING), number(RESET)) {
            let reset = Duration::from_secs(reset.into()).min(LONGEST_ASKED);
            self.window = Some(Window { limit, left: left.min(limit), ends: later(now, reset) });
        }
    }

    /// How long it is until something may be asked in the background that leaves so many of a hundred to the person. What
    /// is left is spread evenly over its time, so that it lasts, unless this is `at_once`.
    pub(crate) fn next(&self, now: Instant, left_of_100: u32, at_once: bool) -> Duration {
        if let Some(held) = self.held(now) {
            return held;
        }
        let Some(window) = self.window.filter(|window| window.ends > now) else { return Duration::ZERO };
        let time = window.ends.duration_since(now);
        let kept = u64::from(window.limit) * u64::from(left_of_100) / 100;
        let usable = window.left.saturating_sub(u32::try_from(kept).unwrap_or(u32::MAX));
        match (time.checked_div(usable), self.last) {
            (None, _) => time,
            (Some(_), _) if at_once => Duration::ZERO,
            (Some(apart), Some(last)) => later(last, apart).saturating_duration_since(now),
            (Some(_), None) => Duration::ZERO,
        }
    }

    /// This workstation's clock was set or it has slept: how much time has passed, nobody knows.
    pub(crate) const fn forget(&mut self) {
        self.window = None;
        self.hold = None;
    }
}

fn later(instant: Instant, by: Duration) -> Instant {
    instant.checked_add(by).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn told(limit: u32, left: u32, reset: u32) -> HeaderMap {
        [(LIMIT, limit), (REMAINING, left), (RESET, reset)]
            .map(|(name, value)| (name, HeaderValue::from(value)))
            .into_iter()
            .collect()
    }

    #[test]
    fn until_the_time_that_a_server_asks_for_nothing_goes_to_it_but_what_a_person_asks() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        allowance.asked_for(now, Some(15 * MINUTE), true);
        for errand in [Errand::Ordinary, Errand::Probe] {
            let late = now + 15 * MINUTE - Duration::from_millis(1);
            assert_eq!(allowance.admit(late, errand), Err(Held::TooMany(Duration::from_millis(1))));
            assert_eq!(allowance.admit(now, errand), Err(Held::TooMany(15 * MINUTE)));
        }
        assert_eq!(allowance.admit(now, Errand::Person), Ok(()));
        allowance.pardon();
        assert_eq!(allowance.held(now), None);
        assert_eq!(allowance.admit(now, Errand::Ordinary), Ok(()), "once");
        assert!(allowance.admit(now, Errand::Ordinary).is_err());
        assert_eq!(allowance.admit(now + 15 * MINUTE, Errand::Ordinary), Ok(()));
    }

    #[test]
    fn no_shorter_wish_and_no_answer_to_what_went_before_ends_a_longer_one() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        let before = now - Duration::from_millis(5);
        allowance.asked_for(now, Some(10 * MINUTE), true);
        allowance.asked_for(now, Some(MINUTE), false);
        allowance.served(before);
        assert_eq!(allowance.held(now), Some(10 * MINUTE));
        allowance.served(now + MINUTE);
        assert_eq!(allowance.held(now + MINUTE), None, "the server has done what was let through");
        allowance.asked_for(now, Some(Duration::MAX), true);
        assert_eq!(allowance.held(now), Some(LONGEST_ASKED));
    }

    #[test]
    fn one_who_has_asked_too_much_and_is_not_told_for_how_long_waits_for_the_window() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        allowance.asked_for(now, None, true);
        assert_eq!(allowance.held(now), Some(UNSAID));
        allowance.served(now);
        allowance.heard(now, &told(100, 0, 77));
        allowance.asked_for(now, None, true);
        assert_eq!(allowance.held(now), Some(Duration::from_secs(77)));
    }

    #[test]
    fn one_who_has_asked_too_much_and_may_again_at_once_leaves_it_alone_all_the_same() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        allowance.asked_for(now, Some(Duration::ZERO), true);
        assert_eq!(allowance.held(now), Some(UNSAID));
    }

    #[test]
    fn a_generous_server_is_asked_as_often_as_is_wished() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        allowance.sent(now);
        allowance.heard(now, &told(300, 299, 1));
        assert!(allowance.next(now, 20, false) < Duration::from_millis(10));
    }

    #[test]
    fn what_is_left_to_the_person_is_not_asked_for() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        allowance.heard(now, &told(100, 20, 300));
        assert_eq!(allowance.next(now, 20, true), 5 * MINUTE);
        assert_eq!(allowance.next(now, 10, true), Duration::ZERO);
    }

    proptest! {
        /// A window that the server counts as the original does: from the first request on.
        #[test]
        fn an_hour_of_asking_whenever_it_may_never_meets_the_originals_limit(
            burst in 0u32..60, persons in 0u32..20, says: bool, begins in 0u64..900
        ) {
            let begin = Instant::now();
            let mut allowance = Allowance::default();
            let (mut since, mut count) = (begin, 0u32);
            let (mut now, mut first) = (begin, burst);
            let mut worst = 0;
            let mut asked = 0u32;
            while now < begin + 60 * MINUTE {
                // A person asks in the second window.
                let mut due = u32::from(allowance.next(now, 20, false).is_zero());
                due += std::mem::take(&mut first);
                if now.duration_since(begin).as_secs() == 900 + begins {
                    due += persons;
                }
                for _ in 0..due {
                    allowance.sent(now);
                    if now.duration_since(since) >= ASSUMED.1 {
                        (since, count) = (now, 0);
                    }
                    count += 1;
                    asked += 1;
                    worst = worst.max(count);
                    if says {
                        let reset = ASSUMED.1 - now.duration_since(since);
                        let left = 100u32.saturating_sub(count);
                        allowance.heard(now, &told(100, left, u32::try_from(reset.as_secs()).unwrap()));
                    }
                }
                now += Duration::from_secs(1);
            }
            prop_assert!(worst <= 100, "{worst}");
            prop_assert!(asked >= 240, "what may be asked is: {asked}");
        }
    }
}
