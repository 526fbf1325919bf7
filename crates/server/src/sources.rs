//! Where time and randomness come from. Passed in, so that a test decides both.

use std::{fmt, sync::Arc};

use chatehr_contract::Timestamp;

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness(#[source] getrandom::Error);

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
type Random = Arc<dyn Fn(&mut [u8]) -> Result<(), NoRandomness> + Send + Sync>;

/// A clock and a source of random bytes.
#[derive(Clone)]
pub struct Sources {
    clock: Clock,
    random: Random,
}

impl Sources {
    /// The system's own.
    #[allow(clippy::disallowed_methods, reason = "this is where the time comes from")]
    #[allow(clippy::disallowed_methods, reason = "the one place where the time comes from")]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(|| Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())),
            random: Arc::new(|bytes| getrandom::fill(bytes).map_err(NoRandomness)),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn bytes<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        (self.random)(&mut bytes)?;
        Ok(bytes)
    }

    /// A new UUIDv7.
    pub(crate) fn id(&self) -> Result<String, NoRandomness> {
        let millis = u64::try_from(self.now().millis()).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()?).into_uuid().to_string())
    }

    /// A number from `low` up to and including `high`.
    pub(crate) fn between(&self, low: u32, high: u32) -> Result<u32, NoRandomness> {
        let span = u64::from(high.saturating_sub(low)).saturating_add(1);
        let drawn = u64::from(u32::from_le_bytes(self.bytes()?)) % span;
        Ok(low.saturating_add(u32::try_from(drawn).unwrap_or(0)))
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(…)")
    }
}
