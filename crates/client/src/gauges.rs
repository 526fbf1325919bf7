//! What the clients of a workstation measure together: how far the clocks are apart, how long answers take, how much
//! has gone over the wire, what the server still allows, and whether it does again after it did not.
//!
//! Why together: a workstation uses one client after the other, and a person asks how the connection has been, not how
//! one of them was. Figures alone are kept, never an address or a word of what went over it. Refuses to know a wall
//! clock, but for the one that it is given.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{
    Request,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use tokio::{sync::watch, time::Instant};

use crate::{
    allowance::{Allowance, Held},
    breaker::Errand,
    skew::{Clock, Skew, Skews},
};

/// Answers whose time is remembered.
const REMEMBERED: usize = 100;
/// What stands in every request's head beside its own lines: the version, the line's ends, `Host` and `User-Agent`.
const AROUND_REQUEST: usize = 73;
/// The same of an answer's head: `HTTP/1.1 200 OK`, the line's ends.
const AROUND_ANSWER: usize = 19;

/// The figures. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Gauges(Arc<Inner>);

#[derive(Default)]
struct Inner {
    skews: Skews,
    round_trips: Mutex<VecDeque<Duration>>,
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    allowance: Mutex<Allowance>,
    /// The last request came to nothing.
    troubled: AtomicBool,
    /// How often the server has done again after it did not.
    recoveries: watch::Sender<u64>,
}

/// How long the server takes to begin its answer, the way there and back included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half of the answers were faster.
    pub median: Duration,
    /// The slowest.
    pub worst: Duration,
    /// Of so many answers: the last hundred at most.
    pub of: usize,
}

/// What has gone over the wire since the figures were made: heads and bodies, without what TLS and TCP add to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were sent, answered or not.
    pub requests: u64,
    /// Bytes.
    pub sent: u64,
    /// Bytes.
    pub received: u64,
}

impl Gauges {
    /// None measured yet. By the clock the server's is measured; without one it is not.
    pub fn new(clock: Option<Clock>) -> Self {
        Self(Arc::new(Inner { skews: Skews::new(clock), ..Inner::default() }))
    }

    /// How far the server's clock is ahead of this workstation's, by the last few answers. None before the first, and
    /// without a clock.
    pub fn skew(&self) -> Option<Skew> {
        self.0.skews.median()
    }

    /// This workstation's clock was set: what was measured by it says nothing any more.
    pub fn clock_was_set(&self) {
        self.0.skews.forget();
        self.allowance().forget();
    }

    /// By the last hundred answers; none before the first.
    pub fn latency(&self) -> Option<Latency> {
        let mut all: Vec<Duration> = self.round_trips().iter().copied().collect();
        all.sort_unstable();
        let (median, worst) = (*all.get(all.len() / 2)?, *all.last()?);
        Some(Latency { median, worst, of: all.len() })
    }

    /// So far.
    pub fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: read(&self.0.requests),
            sent: read(&self.0.sent),
            received: read(&self.0.received),
        }
    }

    /// How often a request has had a good answer after others had none: whoever waits for a server that fails need not any
    /// more.
    pub fn recoveries(&self) -> watch::Receiver<u64> {
        self.0.recoveries.subscribe()
    }

    /// Whether the last request came to nothing.
    pub fn is_troubled(&self) -> bool {
        self.0.troubled.load(Ordering::Relaxed)
    }

    /// Until the server wants to be left alone, from now. None where it does not, or a person has just asked.
    pub fn held(&self) -> Option<Duration> {
        self.allowance().held(Instant::now())
    }

    /// How long it is until something may be asked in the background that leaves so many of a hundred requests to the
    /// person; what is left is spread over its time unless this is `at_once`.
    pub fn next(&self, left_of_100: u32, at_once: bool) -> Duration {
        self.allowance().next(Instant::now(), left_of_100, at_once)
    }

    /// A person asks: the next request goes out whatever the server has asked for.
    pub(crate) fn pardon(&self) {
        self.allowance().pardon();
    }

    pub(crate) fn admit(&self, errand: Errand) -> Result<(), Held> {
        self.allowance().admit(Instant::now(), errand)
    }

    /// A request of then has had an answer.
    pub(crate) fn served(&self, sent: Instant) {
        self.allowance().served(sent);
        if self.0.troubled.swap(false, Ordering::Relaxed) {
            self.0.recoveries.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// A request came to nothing; the server may have asked for time.
    pub(crate) fn failed(&self, asked: Option<Duration>, too_many: bool) {
        self.0.troubled.store(true, Ordering::Relaxed);
        if too_many || asked.is_some() {
            self.allowance().asked_for(Instant::now(), asked, too_many);
        }
    }

    fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.0.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has gone out.
    pub(crate) fn sent(&self, request: &Request) {
        let line = request.method().as_str().len() + request.url().path().len();
        let query = request.url().query().map_or(0, |query| query.len() + 1);
        let body = request.body().and_then(|body| body.as_bytes()).map_or(0, <[u8]>::len);
        let bytes = AROUND_REQUEST + line + query + in_headers(request.headers()) + body;
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        add(&self.0.sent, bytes);
        self.allowance().sent(Instant::now());
    }

    /// An answer has begun, so long after it was asked for.
    pub(crate) fn answered(&self, headers: &HeaderMap, round_trip: Duration) {
        self.0.skews.heard(headers, round_trip);
        self.allowance().heard(Instant::now(), headers);
        {
            let mut all = self.round_trips();
            all.truncate(REMEMBERED - 1);
            all.push_front(round_trip);
        }
        add(&self.0.received, AROUND_ANSWER + in_headers(headers));
    }

    /// More of an answer's body has come.
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.0.received, bytes);
    }

    fn round_trips(&self) -> MutexGuard<'_, VecDeque<Duration>> {
        self.0.round_trips.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Name, colon, space, value, line's end.
fn in_headers(headers: &HeaderMap) -> usize {
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    headers.iter().map(line).sum()
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hundred_answers_make_the_latency_and_no_older_one() {
        let gauges = Gauges::default();
        assert_eq!(gauges.latency(), None);
        gauges.answered(&HeaderMap::new(), Duration::from_secs(9));
        for millis in 1..=100 {
            gauges.answered(&HeaderMap::new(), Duration::from_millis(millis));
        }
        let latency = gauges.latency().unwrap();
        assert_eq!((latency.worst, latency.of), (Duration::from_millis(100), 100));
        assert_eq!(latency.median, Duration::from_millis(51));
    }

    #[test]
    fn all_clones_count_together() {
        let gauges = Gauges::default();
        let other = gauges.clone();
        other.received(700);
        gauges.received(300);
        assert_eq!(other.traffic(), Traffic { requests: 0, sent: 0, received: 1000 });
    }
}
