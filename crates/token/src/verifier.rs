//! The check itself, in order: the envelope, the key, the signature, what the token is for, when, and who.

use std::{fmt, sync::Arc};

use chatehr_contract::Timestamp;

use crate::{
    channel::Channel,
    claims::{self, Times},
    envelope::Envelope,
    error::CheckError,
    identity::Identity,
    keys::{Clock, Keys},
    remembered::{Accepted, Remembered, digest},
    settings::{Settings, SettingsError},
};

/// Checks the access tokens of one provider. Cheap to clone; all clones share the keys and what was learnt.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    settings: Settings,
    clock: Clock,
    keys: Arc<Keys>,
    remembered: Remembered,
}

impl Verifier {
    /// Checks the settings. The provider is first asked when the first token comes, so it may start later than we do.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn new(
        settings: Settings,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let clock: Clock = Arc::new(clock);
        let keys = Keys::new(Channel::new(&settings)?, Arc::clone(&clock), &settings);
        let remembered = Remembered::new(settings.remembered);
        Ok(Self(Arc::new(Inner { settings, clock, keys, remembered })))
    }

    /// Whose token this is: the text after `Bearer `. Runs within tokio; waits for the network only when keys are due
    /// or the token names one that we have not seen.
    ///
    /// # Errors
    /// [`CheckError::Refused`] for a token that is not good, [`CheckError::Unavailable`] when the provider's keys are
    /// needed and cannot be had.
    pub async fn check(&self, token: &str) -> Result<Identity, CheckError> {
        let Inner { settings, clock, keys, remembered } = &*self.0;
        let envelope = Envelope::open(token)?;
        let current = keys.current().await?;
        let digest = digest(token);
        if let Some(accepted) = remembered.get(&digest) {
            if current.holds(&accepted.key) {
                accepted.times.check(clock(), settings)?;
                return Ok(accepted.identity.clone());
            }
            remembered.forget(&digest);
        }
        let key = keys.key(&envelope, current).await?;
        let claims = envelope.verify(&key)?;
        claims::is_meant_for_us(&claims, envelope.typed, settings)?;
        let times = Times::read(&claims)?;
        times.check(clock(), settings)?;
        let identity = Identity::read(&claims, &settings.claims, &times)?;
        remembered.put(digest, Accepted { identity: identity.clone(), times, key: key.print });
        Ok(identity)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.0.settings.issuer).finish_non_exhaustive()
    }
}
