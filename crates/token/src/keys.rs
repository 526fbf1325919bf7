//! The provider's keys as we hold them: when to ask again, and who waits for the answer.
//!
//! One fetch at a time and none sooner than the pause allows, whatever tokens come in. It runs as a task of its own,
//! because a caller who hangs up must not take it along. Keys that are due are waited for as long as the provider
//! was last heard; once it is known to be down nobody waits: the old keys serve, up to a bound.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chatehr_contract::Timestamp;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use serde::Deserialize;

use crate::{
    channel::Channel,
    claims::millis,
    envelope::Envelope,
    error::{CheckError, FetchError, Refusal, Unavailable},
    key_set::{Document, Key, KeySet},
    settings::Settings,
};

pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

pub(crate) struct Keys {
    channel: Channel,
    clock: Clock,
    max_age: Duration,
    max_stale: Duration,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// When the last fetch began.
    tried: Option<Timestamp>,
    /// What came of it, if no keys.
    failure: Option<Arc<FetchError>>,
    running: Option<Shared<BoxFuture<'static, ()>>>,
}

struct Held {
    keys: Arc<KeySet>,
    /// When the fetch that brought them began.
    since: Timestamp,
}

impl Keys {
    pub(crate) fn new(channel: Channel, clock: Clock, settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            channel,
            clock,
            max_age: settings.keys_max_age,
            max_stale: settings.keys_max_stale,
            pause: settings.fetch_pause,
            state: Mutex::default(),
        })
    }

    /// Keys that are fresh enough to judge by.
    pub(crate) async fn current(self: &Arc<Self>) -> Result<Arc<KeySet>, Unavailable> {
        let now = (self.clock)();
        let fetch = {
            let mut state = self.state();
            match &state.held {
                Some(held) if within(self.max_age, held.since, now) => return Ok(Arc::clone(&held.keys)),
                _ => {}
            }
            let fetch = self.fetch(&mut state, now);
            let known_to_be_down = state.failure.is_some();
            match self.usable(&state, now) {
                Ok(keys) if known_to_be_down => return Ok(keys),
                _ => fetch,
            }
        };
        if let Some(fetch) = fetch {
            fetch.await;
        }
        self.usable(&self.state(), now)
    }

    /// Keys newer than `seen`, in which something was missing, if there may be any.
    pub(crate) async fn newer_than(self: &Arc<Self>, seen: &Arc<KeySet>) -> Result<Arc<KeySet>, Unavailable> {
        let now = (self.clock)();
        let fetch = {
            let mut state = self.state();
            match &state.held {
                Some(held) if !Arc::ptr_eq(&held.keys, seen) => return Ok(Arc::clone(&held.keys)),
                _ => self.fetch(&mut state, now),
            }
        };
        if let Some(fetch) = fetch {
            fetch.await;
        }
        let state = self.state();
        match &state.failure {
            Some(failure) => Err(Unavailable(Arc::clone(failure))),
            None => self.usable(&state, now),
        }
    }

    /// A token's key, which the provider may have published since `current` were fetched.
    pub(crate) async fn key(
        self: &Arc<Self>,
        envelope: &Envelope<'_>,
        current: Arc<KeySet>,
    ) -> Result<Arc<Key>, CheckError> {
        let find = |keys: &KeySet| keys.find(envelope.kid.as_deref(), envelope.algorithm);
        if let Some(key) = find(&current)? {
            return Ok(key);
        }
        let newer = self.newer_than(&current).await?;
        find(&newer)?.ok_or(CheckError::Refused(Refusal::UnknownKey))
    }

    /// The fetch that is running, or a new one unless it is too soon.
    fn fetch(self: &Arc<Self>, state: &mut State, now: Timestamp) -> Option<Shared<BoxFuture<'static, ()>>> {
        // One that ended without settling was cut off, by a panic or the runtime's end.
        if state.running.as_ref().is_none_or(|running| running.peek().is_some()) {
            if state.tried.is_some_and(|tried| within(self.pause, tried, now)) {
                return None;
            }
            state.tried = Some(now);
            let keys = Arc::clone(self);
            let task = tokio::spawn(async move {
                let fetched = fetch(&keys.channel).await;
                keys.settle(fetched, now);
            });
            state.running = Some(task.map(drop).boxed().shared());
        }
        state.running.clone()
    }

    fn settle(&self, fetched: Result<KeySet, FetchError>, since: Timestamp) {
        let mut state = self.state();
        state.running = None;
        match fetched {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "the identity provider's keys were fetched");
                state.held = Some(Held { keys: Arc::new(keys), since });
                state.failure = None;
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the identity provider's keys could not be fetched");
                state.failure = Some(Arc::new(error));
            }
        }
    }

    fn usable(&self, state: &State, now: Timestamp) -> Result<Arc<KeySet>, Unavailable> {
        match &state.held {
            Some(held) if now.millis().saturating_sub(held.since.millis()) < millis(self.max_stale) => {
                Ok(Arc::clone(&held.keys))
            }
            _ => {
                let interrupted = || Arc::new(FetchError::Interrupted);
                Err(Unavailable(state.failure.clone().unwrap_or_else(interrupted)))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Discovery {
    jwks_uri: String,
}

/// Both documents, anew: the keys' address may change as well as the keys.
async fn fetch(channel: &Channel) -> Result<KeySet, FetchError> {
    let discovery: Discovery = channel.discover().await?;
    let address = channel.endpoint(&discovery.jwks_uri)?;
    Ok(KeySet::read(channel.get::<Document>(address.as_str()).await?))
}

/// Whether less than `span` has passed. A clock that was set back has passed everything: asking once more is cheap.
fn within(span: Duration, since: Timestamp, now: Timestamp) -> bool {
    (0..millis(span)).contains(&now.millis().saturating_sub(since.millis()))
}
