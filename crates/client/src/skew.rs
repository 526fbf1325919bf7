//! How far the server's clock and this workstation's are apart, from the `Date` of answers (RFC 9110, section 6.6.1).
//!
//! Why: an urgent request's time to answer is counted by the server's clock and shown by this one. One answer may have
//! waited anywhere on its way, so the median of the last few counts, and each is known no better than half its round
//! trip and the whole second that a `Date` is cut to. Without a clock of the caller's nothing is measured.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use chatehr_contract::Timestamp;
use reqwest::header::{DATE, HeaderMap};

/// Tells this workstation's time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Answers that are remembered.
const REMEMBERED: usize = 7;
/// An answer that took longer says nothing that anybody could use.
const SLOWEST: Duration = Duration::from_secs(5);
/// Half of the second that a `Date` is cut to.
const HALF_A_SECOND: i64 = 500;

/// The server's clock against this workstation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Milliseconds that the server's clock is ahead; negative where it is behind.
    pub ahead_millis: i64,
    /// How far that may be off either way.
    pub give_or_take: Duration,
}

/// The last few measurements.
#[derive(Default)]
pub(crate) struct Skews {
    clock: Option<Clock>,
    latest: Mutex<VecDeque<Skew>>,
}

impl Skews {
    pub(crate) fn new(clock: Option<Clock>) -> Self {
        Self { clock, latest: Mutex::default() }
    }

    /// An answer has come, so long after it was asked for.
    pub(crate) fn heard(&self, headers: &HeaderMap, round_trip: Duration) {
        let Some(clock) = &self.clock else { return };
        if let Some(skew) = measured(headers, clock(), round_trip) {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.truncate(REMEMBERED - 1);
            latest.push_front(skew);
        }
    }

    /// What was measured by another clock.
    pub(crate) fn forget(&self) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The median; none before the first answer.
    pub(crate) fn median(&self) -> Option<Skew> {
        let mut all: Vec<Skew> =
            self.latest.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        all.sort_by_key(|skew| skew.ahead_millis);
        all.get(all.len() / 2).copied()
    }
}

fn measured(headers: &HeaderMap, now: Timestamp, round_trip: Duration) -> Option<Skew> {
    if round_trip > SLOWEST {
        return None;
    }
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let date = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    let half = i64::try_from(round_trip.as_millis()).ok()? / 2;
    let theirs = date.saturating_add(HALF_A_SECOND);
    let ours = now.millis().saturating_sub(half);
    let give_or_take = Duration::from_millis(u64::try_from(half.saturating_add(HALF_A_SECOND)).ok()?);
    Some(Skew { ahead_millis: theirs.saturating_sub(ours), give_or_take })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    const NOW: i64 = 1_795_426_920_000;

    fn dated(millis: i64) -> HeaderMap {
        let date = UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap());
        [(DATE, HeaderValue::from_str(&httpdate::fmt_http_date(date)).unwrap())].into_iter().collect()
    }

    proptest! {
        #[test]
        fn the_truth_lies_within_what_is_said(ahead in -86_400_000i64..86_400_000, out in 0u64..2500, back in 0u64..2500) {
            // The answer is dated when it leaves the server, and read when it has come back.
            let stamped = NOW + ahead;
            let read = Timestamp::from_millis(NOW + i64::try_from(back).unwrap());
            let skew = measured(&dated(stamped), read, Duration::from_millis(out + back)).unwrap();
            let off = (skew.ahead_millis - ahead).unsigned_abs();
            prop_assert!(off <= skew.give_or_take.as_millis() as u64 + 1, "{off} {skew:?}");
        }
    }

    #[test]
    fn one_answer_that_lies_does_not_move_the_median() {
        let clock = Arc::new(AtomicI64::new(NOW));
        let shown = Arc::clone(&clock);
        let skews = Skews::new(Some(Arc::new(move || Timestamp::from_millis(shown.load(Ordering::SeqCst)))));
        assert_eq!(skews.median(), None);
        for ahead in [90_000, 91_000, -3_600_000, 92_000, 7_200_000] {
            skews.heard(&dated(NOW + ahead), Duration::from_millis(40));
        }
        let skew = skews.median().unwrap();
        assert_eq!((skew.ahead_millis, skew.give_or_take), (91_520, Duration::from_millis(520)));
        // The workstation's clock was set meanwhile: old answers are forgotten.
        clock.store(NOW + 90_000, Ordering::SeqCst);
        for _ in 0..REMEMBERED {
            skews.heard(&dated(NOW + 90_000), Duration::ZERO);
        }
        assert_eq!(skews.median().unwrap().ahead_millis, 500);
    }

    #[test]
    fn what_cannot_be_measured_is_not() {
        let skews = Skews::new(Some(Arc::new(|| Timestamp::from_millis(NOW))));
        skews.heard(&dated(NOW), SLOWEST + Duration::from_millis(1));
        skews.heard(&HeaderMap::new(), Duration::ZERO);
        skews.heard(&[(DATE, HeaderValue::from_static("today"))].into_iter().collect(), Duration::ZERO);
        assert_eq!(skews.median(), None);
        let blind = Skews::new(None);
        blind.heard(&dated(NOW), Duration::ZERO);
        assert_eq!(blind.median(), None);
    }
}
