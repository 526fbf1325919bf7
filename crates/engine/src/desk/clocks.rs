//! How the server's clock and this workstation's stand to each other, and the server's time by both.
//!
//! Promises: times that the server has set (until when an answer is due) are compared with the server's own time, whatever
//! this workstation's clock says; a clock that is off by what a person notices is said. Small differences, and the noise of
//! measuring, change nothing: what is counted down must not jump. When the screen locks goes by this workstation alone.

use std::sync::{Mutex, PoisonError};

use chatehr_contract::{ClockStanding, ErrorCode, ErrorReport, Timestamp};

use super::Inner;

/// Milliseconds beyond what a measurement may be off, from which on it counts.
const NOTICED: u64 = 2_000;
/// Seconds from which on a person is told: due times are wrong by what they notice, and sign-in allows for as much.
const TOLD: i64 = 60;

/// Milliseconds that the server's clock is ahead, as it is gone by.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<i64>);

impl Ahead {
    /// Goes by a new measurement where it says something else. Milliseconds.
    fn heed(&self, measured: i64, give_or_take: u64) -> i64 {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noise = give_or_take.saturating_add(NOTICED);
        if measured.unsigned_abs() <= noise {
            *held = 0;
        } else if measured.abs_diff(*held) > noise {
            *held = measured;
        }
        *held
    }

    fn held(&self) -> i64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Milliseconds that the server's clock is ahead of this workstation's, as far as it matters.
    pub(super) fn server_ahead(&self) -> i64 {
        let skew = self.workstation.as_ref().and_then(|workstation| workstation.gauges.skew());
        skew.map_or_else(
            || self.ahead.held(),
            |skew| {
                let give_or_take = u64::try_from(skew.give_or_take.as_millis()).unwrap_or(u64::MAX);
                self.ahead.heed(skew.ahead_millis, give_or_take)
            },
        )
    }

    /// The time by the server's clock, with which its times are to be compared.
    pub(super) fn server_now(&self) -> Timestamp {
        Timestamp::from_millis(self.now().millis().saturating_add(self.server_ahead()))
    }

    /// What the window is told of it.
    pub(super) fn clock_standing(&self) -> ClockStanding {
        let ahead_millis = self.server_ahead();
        let off = (ahead_millis.abs() / 1000 > TOLD)
            .then(|| ErrorReport::new(ErrorCode::ClockOff).with_detail(in_words(ahead_millis)));
        ClockStanding { server_ahead_millis: ahead_millis, off }
    }

    /// This workstation's clock was set.
    pub(super) fn clock_was_set(&self) {
        if let Some(workstation) = &self.workstation {
            workstation.gauges.clock_was_set();
        }
    }
}

/// "5 min slow", of this workstation.
fn in_words(server_ahead: i64) -> String {
    let seconds = server_ahead.unsigned_abs() / 1000;
    let span = match seconds {
        ..7_200 => format!("{} min", (seconds + 30) / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    format!("{span} {}", if server_ahead > 0 { "slow" } else { "fast" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_not_gone_by_and_a_wrong_clock_is() {
        let ahead = Ahead::default();
        assert_eq!(ahead.heed(1_900, 600), 0);
        assert_eq!(ahead.heed(300_000, 600), 300_000);
        assert_eq!(ahead.heed(301_100, 600), 300_000, "a countdown does not jump");
        assert_eq!(ahead.heed(310_000, 600), 310_000);
        assert_eq!(ahead.heed(-500, 600), 0, "it was set right");
    }

    #[test]
    fn it_says_which_way_the_workstations_clock_is_wrong() {
        let said = [61_000, -300_000, 7_200_000, -400 * 86_400_000].map(in_words);
        assert_eq!(said, ["1 min slow", "5 min fast", "2 h slow", "400 days fast"]);
    }
}
