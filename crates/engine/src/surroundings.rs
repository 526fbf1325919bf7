//! What the engine is given from outside: time, randomness, notifications and somebody to tell about changes.
//!
//! Passed in, so that a test decides what time it is, which ids come next and what the desktop did.

use std::{fmt, pin::Pin, sync::Arc};

use chatehr_contract::{ChangeNotice, EnvelopeId, Timestamp};
use chatehr_sign_in::Browser;

use crate::Alert;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// How far the workstation's own time is ahead of UTC at that moment, in seconds. One that knows no zone is in UTC.
    fn ahead_of_utc(&self, _at: Timestamp) -> i32 {
        0
    }
}

/// Unpredictable bytes, for nonces, keys and ids.
pub trait Random: Send + Sync {
    /// Fills the slice, or says that the system has no randomness to give; nothing is sealed then.
    ///
    /// # Errors
    /// The operating system's refusal, in words.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String>;
}

/// Shows an alert outside the window.
pub trait Notifier: Send + Sync {
    /// Shows it, in the place of the one with the same number, and tells what a person does with it. Fails when the
    /// desktop shows nothing: there is no notification service, or it refused.
    fn show(&self, alert: Alert, respond: OnResponse) -> Showing;

    /// Asks whether the desktop would show one, without showing any.
    fn ready(&self) -> Showing;

    /// Takes the one with this number away: it was handled.
    fn close(&self, number: u64);

    /// Tells from now on when the service that shows them goes, with all that it has shown, and when one comes. A desktop
    /// that does not say so never tells.
    fn follow(&self, _told: OnService) {}
}

/// Told whether there is a service now.
pub type OnService = Box<dyn Fn(bool) + Send + Sync>;

/// What a person does with a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Asks to see it.
    Opened,
    /// Says that they have seen it.
    Acknowledged,
    /// Puts it away; or the desktop did.
    Closed,
}

/// Called once, with what a person does; never for one whose place another has taken.
pub type OnResponse = Box<dyn FnOnce(Response) + Send>;

/// What the desktop did with a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whether it makes the sound that was asked for.
    pub sounds: bool,
}

/// A notification on its way to the desktop, whose answer may take long.
pub type Showing = Pin<Box<dyn Future<Output = Result<Shown, NotifyError>> + Send>>;

/// The desktop shows no notifications.
#[derive(Debug, thiserror::Error)]
#[error("the desktop shows no notifications: {0}")]
pub struct NotifyError(pub String);

/// Told what changed; must return at once.
pub type Listener = Arc<dyn Fn(ChangeNotice) + Send + Sync>;

/// All of it together.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The desktop's notifications.
    pub notifier: Arc<dyn Notifier>,
    /// The window.
    pub listener: Listener,
    /// The person's own browser.
    pub browser: Arc<dyn Browser>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

impl Surroundings {
    /// A new id that sorts by time (UUIDv7, RFC 9562 5.7).
    pub(crate) fn new_id(&self) -> Result<EnvelopeId, String> {
        let mut bytes = [0; 10];
        self.random.fill(&mut bytes)?;
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid();
        Ok(EnvelopeId::new(id.to_string()))
    }
}
