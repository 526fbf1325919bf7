//! What the engine is given from outside: time, randomness, notifications and somebody to tell about changes.
//!
//! Passed in, so that a test decides what time it is, which ids come next and what the desktop did.

use std::{fmt, pin::Pin, sync::Arc};

use chatehr_contract::{ChangeNotice, ConsultationId, EnvelopeId, Timestamp};

use crate::Alert;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
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
    /// Shows it, and calls `clicked` when the person asks to see it. Fails when the desktop shows nothing: there
    /// is no notification service, or it refused.
    fn show(&self, alert: Alert, clicked: Box<dyn FnOnce() + Send>) -> Showing;

    /// Asks whether the desktop would show one, without showing any.
    fn ready(&self) -> Showing;

    /// Takes it away again: it was handled.
    fn close(&self, consultation: &ConsultationId);
}

/// A notification on its way to the desktop, whose answer may take long.
pub type Showing = Pin<Box<dyn Future<Output = Result<(), NotifyError>> + Send>>;

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
