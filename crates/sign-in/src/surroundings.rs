//! What a sign-in is given from outside, so that a test decides all of it.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use chatehr_contract::Timestamp;

use crate::secret::RefreshToken;

/// Something that takes a while.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

type Fill = dyn Fn(&mut [u8]) -> Result<(), NoRandomness> + Send + Sync;

/// Time and randomness.
#[derive(Clone)]
pub struct Surroundings {
    /// The time now.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Ends when so much time has passed.
    pub sleep: Arc<dyn Fn(Duration) -> Waiting<'static, ()> + Send + Sync>,
    /// Fills the slice with unpredictable bytes.
    pub random: Arc<Fill>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings(…)")
    }
}

/// The system gave no randomness, in its own words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoRandomness(pub String);

/// The person's own browser.
pub trait Browser: Send + Sync {
    /// Opens the address and returns at once. It must not stand in a log: whoever reads it may disturb the sign-in.
    ///
    /// # Errors
    /// No browser could be started.
    fn open(&self, address: &str) -> Result<(), NoBrowser>;
}

/// No browser could be started, in the system's words without the address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no browser could be opened: {0}")]
pub struct NoBrowser(pub String);

/// Where a refresh token outlives the program: the system's keyring. What takes
/// longer than ten seconds, as a keyring that asks unseen does, counts as not done. Calls take effect in the order in
/// which they came, also those that were given up: a token must not come back after it was removed.
pub trait Keep: Send + Sync {
    /// Keeps the token in place of the one before.
    fn keep<'a>(&'a self, subject: &'a str, token: &'a RefreshToken) -> Waiting<'a, Result<(), NotKept>>;

    /// Removes it. One that is not there is as good as removed.
    fn forget<'a>(&'a self, subject: &'a str) -> Waiting<'a, Result<(), NotKept>>;
}

/// The keyring did not do it, in its own words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the sign-in could not be kept or removed: {0}")]
pub struct NotKept(pub String);
