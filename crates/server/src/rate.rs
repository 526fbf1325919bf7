//! How much one caller may ask, so that nobody's loop or guess is everybody's outage.
//!
//! Promises: a person is counted as that person wherever they are, so a clinic behind one address is not one caller;
//! an address is counted only while nobody is known; the answer always says what is left and when to come back.
//! Refuses: more than a burst at once, refilled evenly (the generic cell rate algorithm). The defaults are such that a
//! busy person does not meet them: 20 requests a second, every second, is a program.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-06. What is counted is the bucket: its size is the
//! limit, and its window is the time an empty one takes to fill.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderName, HeaderValue, header};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What kind of request it is. Each kind is counted apart: who reads much can still write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Tries to become somebody.
    SignIn,
    /// Opens a stream of events.
    Stream,
}

impl Class {
    /// Its word in logs and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::SignIn => "sign_in",
            Self::Stream => "stream",
        }
    }
}

/// Who is counted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A person, by their id.
    Person(String),
    /// A machine, by its name.
    Machine(String),
    /// Nobody known: where it comes from. IPv6 is counted by /64, the smallest that one subscriber has (RFC 6177).
    Address(IpAddr),
}

/// Ids and addresses are not for logs.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person(_) => "Person(…)",
            Self::Machine(_) => "Machine(…)",
            Self::Address(_) => "Address(…)",
        })
    }
}

impl Key {
    fn grouped(&self) -> Cow<'_, Self> {
        match self {
            Self::Address(address) => Cow::Owned(Self::Address(match address.to_canonical() {
                IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
                v4 @ IpAddr::V4(_) => v4,
            })),
            Self::Person(_) | Self::Machine(_) => Cow::Borrowed(self),
        }
    }
}

/// A bucket of `burst` requests, refilled evenly at `per_minute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute in the long run.
    pub per_minute: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// Zeros count as one: a limit that lets nothing through is an outage.
    pub const fn new(per_minute: u32, burst: u32) -> Self {
        Self { per_minute: at_least_one(per_minute), burst: at_least_one(burst) }
    }

    const fn quota(self) -> Quota {
        Quota::per_minute(self.per_minute).allow_burst(self.burst)
    }
}

const fn at_least_one(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

/// The rates of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassRates {
    /// Of each person.
    pub person: Rate,
    /// Of each machine.
    pub machine: Rate,
    /// Of each address that nobody known asks from.
    pub address: Rate,
}

/// All rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// Of [`Class::Read`].
    pub read: ClassRates,
    /// Of [`Class::Write`].
    pub write: ClassRates,
    /// Of [`Class::SignIn`].
    pub sign_in: ClassRates,
    /// Of [`Class::Stream`]: opening, not what comes over it.
    pub stream: ClassRates,
}

impl Default for RateSettings {
    fn default() -> Self {
        let machine = Rate::new(60_000, 10_000);
        let address = Rate::new(300, 100);
        let sign_in = Rate::new(20, 10);
        Self {
            read: ClassRates { person: Rate::new(1_200, 300), machine, address },
            write: ClassRates { person: Rate::new(240, 60), machine, address },
            // A kiosk's codes are six digits: whoever holds a machine's key must not try them all.
            sign_in: ClassRates { person: sign_in, machine: Rate::new(120, 60), address: sign_in },
            // Each may replay what was missed, which is much work for one request.
            stream: ClassRates { person: Rate::new(30, 20), machine: Rate::new(600, 100), address: sign_in },
        }
    }
}

/// Whether a request may go on, and what to tell its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether it may.
    pub(crate) allowed: bool,
    /// Requests that a full bucket holds.
    pub(crate) limit: u32,
    /// Requests that are left in it.
    pub(crate) remaining: u32,
    /// Seconds until it is full again, if nothing more is asked.
    pub(crate) reset_seconds: u64,
    /// Seconds until one more request may go on, when this one may not.
    pub(crate) retry_after_seconds: Option<u64>,
    /// The limit and its window, such as `300;w=15`.
    pub(crate) policy: String,
}

type Buckets<C> = RateLimiter<Key, HashMapStateStore<Key>, C, StateInformationMiddleware>;

struct ClassBuckets<C: Clock> {
    person: Buckets<C>,
    machine: Buckets<C>,
    address: Buckets<C>,
}

impl<C: Clock + Clone> ClassBuckets<C> {
    fn new(rates: &ClassRates, clock: &C) -> Self {
        let buckets = |rate: Rate| Buckets::new(rate.quota(), HashMapStateStore::default(), clock.clone());
        Self {
            person: buckets(rates.person),
            machine: buckets(rates.machine),
            address: buckets(rates.address),
        }
    }

    const fn all(&self) -> [&Buckets<C>; 3] {
        [&self.person, &self.machine, &self.address]
    }
}

/// The buckets of everybody who asked lately.
pub(crate) struct Rates<C: Clock = DefaultClock> {
    clock: C,
    read: ClassBuckets<C>,
    write: ClassBuckets<C>,
    sign_in: ClassBuckets<C>,
    stream: ClassBuckets<C>,
}

impl Rates {
    /// With the system's monotonic clock.
    pub(crate) fn new(settings: &RateSettings) -> Self {
        Self::with_clock(settings, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    /// With another clock.
    pub(crate) fn with_clock(settings: &RateSettings, clock: C) -> Self {
        Self {
            read: ClassBuckets::new(&settings.read, &clock),
            write: ClassBuckets::new(&settings.write, &clock),
            sign_in: ClassBuckets::new(&settings.sign_in, &clock),
            stream: ClassBuckets::new(&settings.stream, &clock),
            clock,
        }
    }

    /// Takes one request out of `key`'s bucket, or says when there will be one.
    pub(crate) fn check(&self, class: Class, key: &Key) -> Verdict {
        let class = match class {
            Class::Read => &self.read,
            Class::Write => &self.write,
            Class::SignIn => &self.sign_in,
            Class::Stream => &self.stream,
        };
        let buckets = match key {
            Key::Person(_) => &class.person,
            Key::Machine(_) => &class.machine,
            Key::Address(_) => &class.address,
        };
        match buckets.check_key(&key.grouped()) {
            Ok(state) => {
                let quota = state.quota();
                let remaining = state.remaining_burst_capacity();
                let missing = quota.burst_size().get().saturating_sub(remaining);
                verdict(quota, remaining, quota.replenish_interval().saturating_mul(missing), None)
            }
            Err(refused) => {
                let quota = refused.quota();
                let wait = refused.wait_time_from(self.clock.now());
                let missing = quota.burst_size().get().saturating_sub(1);
                let full = wait.saturating_add(quota.replenish_interval().saturating_mul(missing));
                verdict(quota, 0, full, Some(wait))
            }
        }
    }

    /// Forgets who has a full bucket, which is what a newcomer has. To be called every minute or so: between two calls,
    /// memory grows with the number of requests at most.
    pub(crate) fn forget_idle(&self) {
        for buckets in
            [&self.read, &self.write, &self.sign_in, &self.stream].into_iter().flat_map(ClassBuckets::all)
        {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }

    /// How many buckets are kept.
    #[cfg(test)]
    fn len(&self) -> usize {
        [&self.read, &self.write, &self.sign_in, &self.stream]
            .into_iter()
            .flat_map(ClassBuckets::all)
            .map(Buckets::len)
            .sum()
    }
}

fn verdict(quota: Quota, remaining: u32, full: Duration, wait: Option<Duration>) -> Verdict {
    let limit = quota.burst_size().get();
    let window = quota.replenish_interval().saturating_mul(limit);
    Verdict {
        allowed: wait.is_none(),
        limit,
        remaining,
        reset_seconds: whole_seconds(full),
        // Who is refused waits at least a second, or "at once" would be obeyed.
        retry_after_seconds: wait.map(|wait| whole_seconds(wait).max(1)),
        policy: format!("{limit};w={}", whole_seconds(window).max(1)),
    }
}

/// Rounded up: whoever comes back then is not refused again.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// The verdict as its sender reads it.
pub(crate) fn headers(verdict: &Verdict) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    [
        Some((LIMIT, HeaderValue::from(verdict.limit))),
        Some((REMAINING, HeaderValue::from(verdict.remaining))),
        Some((RESET, HeaderValue::from(verdict.reset_seconds))),
        HeaderValue::from_str(&verdict.policy).ok().map(|policy| (POLICY, policy)),
        verdict.retry_after_seconds.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))),
    ]
    .into_iter()
    .flatten()
}

/// How many event streams each caller has open.
#[derive(Clone)]
pub(crate) struct Streams {
    most: usize,
    open: Arc<Mutex<HashMap<Key, usize>>>,
}

impl Streams {
    /// At most `most` at a time for each.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// A place for one more, or nothing when there are enough.
    pub(crate) fn enter(&self, key: &Key) -> Option<Guard> {
        let key = key.grouped().into_owned();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(&key).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        open.insert(key.clone(), count + 1);
        Some(Guard { key, open: Arc::clone(&self.open) })
    }
}

/// One open stream. Dropping it gives the place back.
#[must_use]
pub(crate) struct Guard {
    key: Key,
    open: Arc<Mutex<HashMap<Key, usize>>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;

    fn rates() -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Rates::with_clock(&RateSettings::default(), clock.clone()), clock)
    }

    fn person(id: &str) -> Key {
        Key::Person(id.to_owned())
    }

    fn address(text: &str) -> Key {
        Key::Address(text.parse().unwrap())
    }

    fn allowed(rates: &Rates<FakeRelativeClock>, class: Class, key: &Key, times: usize) -> usize {
        (0..times).filter(|_| rates.check(class, key).allowed).count()
    }

    fn written(verdict: &Verdict) -> Vec<String> {
        headers(verdict).map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn the_answer_says_what_is_left_and_when_it_is_whole_again() {
        let (rates, clock) = rates();
        let verdict = rates.check(Class::Write, &person("p"));
        assert_eq!(
            written(&verdict),
            [
                "ratelimit-limit: 60",
                "ratelimit-remaining: 59",
                "ratelimit-reset: 1",
                "ratelimit-policy: 60;w=15"
            ]
        );
        assert_eq!(allowed(&rates, Class::Write, &person("p"), 100), 59);
        let refused = rates.check(Class::Write, &person("p"));
        assert!(!refused.allowed);
        assert_eq!(
            written(&refused),
            [
                "ratelimit-limit: 60",
                "ratelimit-remaining: 0",
                "ratelimit-reset: 15",
                "ratelimit-policy: 60;w=15",
                "retry-after: 1"
            ]
        );
        clock.advance(Duration::from_secs(15));
        assert_eq!(rates.check(Class::Write, &person("p")).remaining, 59);
    }

    #[test]
    fn whoever_comes_back_when_told_is_let_through() {
        let (rates, clock) = rates();
        let key = address("203.0.113.7");
        for _ in 0..50 {
            let verdict = rates.check(Class::SignIn, &key);
            if let Some(seconds) = verdict.retry_after_seconds {
                clock.advance(Duration::from_secs(seconds));
                assert!(rates.check(Class::SignIn, &key).allowed);
            }
        }
    }

    #[test]
    fn each_kind_of_caller_has_its_own_bucket_for_each_class() {
        let (rates, _) = rates();
        let caller = [person("x"), Key::Machine("x".to_owned()), address("203.0.113.7")];
        let bursts = [Class::Read, Class::Write, Class::SignIn]
            .map(|class| caller.each_ref().map(|key| allowed(&rates, class, key, 20_000)));
        assert_eq!(bursts, [[300, 10_000, 100], [60, 10_000, 100], [10, 60, 10]]);
    }

    #[test]
    fn one_person_s_flood_leaves_everybody_else_alone() {
        let (rates, _) = rates();
        assert_eq!(allowed(&rates, Class::Read, &person("loop"), 10_000), 300);
        assert_eq!(allowed(&rates, Class::Read, &person("calm"), 300), 300);
        assert!(rates.check(Class::Write, &person("loop")).allowed, "another class is another bucket");
        assert!(rates.check(Class::Read, &Key::Machine("loop".to_owned())).allowed);
    }

    #[test]
    fn a_busy_person_never_meets_the_limit() {
        let (rates, clock) = rates();
        for second in 0..600 {
            // A screen that opens asks for thirty things; then polling and typing.
            let reads = if second % 10 == 0 { 30 } else { 5 };
            assert_eq!(allowed(&rates, Class::Read, &person("p"), reads), reads);
            assert_eq!(allowed(&rates, Class::Write, &person("p"), 3), 3);
            clock.advance(Duration::from_secs(1));
        }
    }

    #[test]
    fn a_clinic_behind_one_address_is_many_callers_once_they_are_known() {
        let (rates, _) = rates();
        assert_eq!(allowed(&rates, Class::Read, &address("203.0.113.7"), 500), 100);
        for id in 0..200 {
            assert_eq!(allowed(&rates, Class::Read, &person(&format!("person-{id}")), 100), 100);
        }
    }

    #[test]
    fn addresses_of_one_subscriber_share_a_bucket() {
        let (rates, _) = rates();
        allowed(&rates, Class::Read, &address("2001:db8:0:1::1"), 100);
        assert!(!rates.check(Class::Read, &address("2001:db8:0:1:ffff::2")).allowed);
        assert!(rates.check(Class::Read, &address("2001:db8:0:2::1")).allowed);
        allowed(&rates, Class::Read, &address("203.0.113.7"), 100);
        assert!(!rates.check(Class::Read, &address("::ffff:203.0.113.7")).allowed);
        assert!(rates.check(Class::Read, &address("203.0.113.8")).allowed);
    }

    #[test]
    fn who_is_idle_is_forgotten_and_who_floods_is_not() {
        let (rates, clock) = rates();
        for n in 0..5_000_u32 {
            rates.check(Class::SignIn, &Key::Address(IpAddr::from(n.to_be_bytes())));
        }
        assert_eq!(rates.len(), 5_000);
        clock.advance(Duration::from_secs(60));
        allowed(&rates, Class::SignIn, &address("203.0.113.7"), 100);
        rates.forget_idle();
        assert_eq!(rates.len(), 1);
        assert!(!rates.check(Class::SignIn, &address("203.0.113.7")).allowed);
    }

    #[test]
    fn a_rate_of_zero_still_lets_one_through() {
        let one = Rate::new(0, 0);
        let class = ClassRates { person: one, machine: one, address: one };
        let settings = RateSettings { read: class, write: class, sign_in: class, stream: class };
        let rates = Rates::with_clock(&settings, FakeRelativeClock::default());
        assert!(rates.check(Class::Read, &person("p")).allowed);
        let refused = rates.check(Class::Read, &person("p"));
        assert_eq!((refused.retry_after_seconds, refused.policy.as_str()), (Some(60), "1;w=60"));
    }

    #[test]
    fn nobody_s_id_or_address_shows_in_a_log() {
        let keys = [person("patient-123"), Key::Machine("lab".to_owned()), address("203.0.113.7")];
        assert_eq!(format!("{keys:?}"), "[Person(…), Machine(…), Address(…)]");
    }

    #[test]
    fn a_person_has_so_many_streams_and_gets_a_place_back_when_one_ends() {
        let streams = Streams::new(2);
        let (first, second) = (streams.enter(&person("p")), streams.enter(&person("p")));
        assert!(first.is_some() && second.is_some());
        assert!(streams.enter(&person("p")).is_none());
        let other = streams.enter(&person("q"));
        assert!(other.is_some());
        drop(first);
        let third = streams.enter(&person("p"));
        assert!(third.is_some());
        assert!(streams.enter(&person("p")).is_none());
        drop((second, third, other));
        assert!(streams.open.lock().unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn no_one_ever_gets_more_than_a_burst_and_the_refill(
            rate in (1_u32..2_000, 1_u32..50), steps in proptest::collection::vec((0_u64..5_000, 0_usize..40), 1..40)
        ) {
            let clock = FakeRelativeClock::default();
            let one = Rate::new(rate.0, rate.1);
            let class = ClassRates { person: one, machine: one, address: one };
            let rates = Rates::with_clock(
                &RateSettings { read: class, write: class, sign_in: class, stream: class }, clock.clone());
            let (mut let_through, mut millis) = (0_usize, 0_u64);
            for (wait, asks) in steps {
                clock.advance(Duration::from_millis(wait));
                millis += wait;
                for _ in 0..asks {
                    let verdict = rates.check(Class::Read, &person("p"));
                    prop_assert!(verdict.remaining <= verdict.limit);
                    prop_assert_eq!(verdict.allowed, verdict.retry_after_seconds.is_none());
                    let_through += usize::from(verdict.allowed);
                }
            }
            // The interval between two refills is cut to whole nanoseconds.
            let interval = 60_000_000_000 / u64::from(rate.0);
            let refill = millis * 1_000_000 / interval;
            prop_assert!(let_through as u64 <= u64::from(rate.1) + refill);
        }
    }
}
