//! How long to wait before the next attempt: full jitter under a window that doubles, so that a hundred
//! workstations do not come back in the same moment, and the first attempt comes at once or nearly.

use std::time::Duration;

use crate::allowance::LONGEST_ASKED;

/// The window of the first attempt.
const BASE: Duration = Duration::from_millis(500);
/// The longest window.
const CAP: Duration = Duration::from_secs(30);
/// The longest window where nothing answers at all: such an attempt costs the server nothing, and what is urgent must not
/// wait when the network is back.
const NEAR: Duration = Duration::from_secs(4);

/// Counts failed attempts.
pub(crate) struct Backoff {
    attempt: u32,
    /// The stream's `retry:` field.
    floor: Duration,
    random: SplitMix,
}

impl Backoff {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { attempt: 0, floor: Duration::ZERO, random: SplitMix(seed) }
    }

    /// The server's wish for every reconnection of this stream.
    pub(crate) fn set_floor(&mut self, floor: Duration) {
        self.floor = floor.min(CAP);
    }

    /// A connection lived: the next failure is a first one.
    pub(crate) const fn reset(&mut self) {
        self.attempt = 0;
    }

    /// After a failure that time may heal.
    pub(crate) fn after_transient(&mut self, asked: Option<Duration>) -> Duration {
        self.drawn(CAP).max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }

    /// After a connection that was not made or broke.
    pub(crate) fn after_unreachable(&mut self) -> Duration {
        self.drawn(NEAR)
    }

    fn drawn(&mut self, longest: Duration) -> Duration {
        let window = BASE.saturating_mul(1u32.checked_shl(self.attempt).unwrap_or(u32::MAX)).min(longest);
        self.attempt = self.attempt.saturating_add(1).min(16);
        self.floor.saturating_add(self.random.up_to(window)).min(CAP)
    }

    /// After a failure that only a person heals: seldom enough to be no burden, often enough to notice.
    pub(crate) fn after_permanent(&mut self) -> Duration {
        CAP / 2 + self.random.up_to(CAP / 2)
    }
}

/// SplitMix64: not secret, small, and the same for the same seed.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(self.next() % (millis + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_wait_stays_under_its_doubling_window(seed: u64) {
            let mut backoff = Backoff::new(seed);
            for attempt in 0..40u32 {
                let window = Duration::from_millis(500 * 2u64.pow(attempt.min(6))).min(CAP);
                prop_assert!(backoff.after_transient(None) <= window);
            }
            backoff.reset();
            prop_assert!(backoff.after_transient(None) <= BASE);
        }

        #[test]
        fn where_nothing_answers_it_is_tried_again_within_seconds_for_good(seed: u64) {
            let mut backoff = Backoff::new(seed);
            for _ in 0..40 {
                prop_assert!(backoff.after_unreachable() <= NEAR);
            }
        }

        #[test]
        fn what_the_server_asks_for_is_waited_out(seed: u64, floor in 0u64..20_000, asked in 0u64..290_000) {
            let mut backoff = Backoff::new(seed);
            backoff.set_floor(Duration::from_millis(floor));
            prop_assert!(backoff.after_transient(None) >= Duration::from_millis(floor));
            prop_assert!(backoff.after_transient(Some(Duration::from_millis(asked))) >= Duration::from_millis(asked));
        }

        #[test]
        fn no_server_silences_the_stream_for_long(seed: u64) {
            let mut backoff = Backoff::new(seed);
            backoff.set_floor(Duration::MAX);
            prop_assert!(backoff.after_transient(None) <= CAP);
            prop_assert!(backoff.after_transient(Some(Duration::MAX)) <= LONGEST_ASKED);
            prop_assert!((CAP / 2..=CAP).contains(&backoff.after_permanent()));
        }
    }

    #[test]
    fn two_workstations_do_not_come_back_together() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..8).map(|_| backoff.after_transient(None)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
