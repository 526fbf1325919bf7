//! Takes times of two sides in turn.
//!
//! What waits for no disk is measured in time that the processor gave to this thread: on a machine with other work, the
//! clock on the wall would say when the others were done. What waits for the disk is measured by that clock.

use std::time::{Duration, Instant};

use crate::Failure;

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Clock {
    Wall,
    Processor,
}

/// How long something took by the clock on the wall.
pub(crate) fn time<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, Duration), Failure> {
    let began = Instant::now();
    let done = work()?;
    Ok((done, began.elapsed()))
}

/// The times of both sides for each of `steps`, one beginning with the one side, the next with the other.
pub(crate) fn in_turn<S>(
    steps: impl IntoIterator<Item = S>,
    clock: Clock,
    mut ours: impl FnMut(&S) -> Result<(), Failure>,
    mut peer: impl FnMut(&S) -> Result<(), Failure>,
) -> Result<(Times, Times), Failure> {
    let (mut our_times, mut peer_times) = (Times::default(), Times::default());
    for (turn, step) in steps.into_iter().enumerate() {
        if turn % 2 == 0 {
            our_times.0.push(clock.time(|| ours(&step))?.1);
            peer_times.0.push(clock.time(|| peer(&step))?.1);
        } else {
            peer_times.0.push(clock.time(|| peer(&step))?.1);
            our_times.0.push(clock.time(|| ours(&step))?.1);
        }
    }
    Ok((our_times, peer_times))
}

impl Clock {
    pub(crate) fn time<T>(self, work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, Duration), Failure> {
        if matches!(self, Self::Wall) {
            return time(work);
        }
        let began = worked();
        let done = work()?;
        Ok((done, worked().saturating_sub(began)))
    }
}

#[cfg(unix)]
fn worked() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(not(unix))]
fn worked() -> Duration {
    use std::sync::LazyLock;
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

/// Times of one side.
#[derive(Default)]
pub(crate) struct Times(pub(crate) Vec<Duration>);

impl Times {
    /// The time, in milliseconds, by which this part of them was done.
    pub(crate) fn by(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let place = (part * sorted.len() as f64) as usize;
        sorted.get(place.min(last)).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.iter().sum::<Duration>().as_secs_f64()
    }
}
