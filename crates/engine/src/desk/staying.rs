//! Whether somebody stays signed in from one start of the program to the next.
//!
//! Promises: where the clinic's policy or this workstation's settings forbid it (the stricter counts), the provider is not
//! asked for a session that outlives the program and the keyring has nothing of one; what it had from before is removed
//! as soon as that is known. A clinic's word outlives the program, so that whoever signs in next on this workstation is
//! held to it before the policy has been fetched. Until it has come for the first time, people stay signed in as the
//! settings say.

use std::sync::atomic::{AtomicBool, Ordering};

use chatehr_contract::Policy;
use chatehr_vault::keyring::KeyringError;

use super::{Inner, Workstation, opening::digest};

/// Whether the clinic forbids it, as far as that is known.
#[derive(Default)]
pub(super) struct Staying {
    forbidden: AtomicBool,
}

impl Inner {
    pub(super) fn stays_signed_in(&self) -> bool {
        let allowed_here = self.workstation.as_ref().is_some_and(|here| here.settings.stay_signed_in);
        allowed_here && !self.staying.forbidden.load(Ordering::Relaxed)
    }

    /// What the clinic said the last time.
    pub(super) async fn recall_staying(&self, workstation: &Workstation) {
        let (keyring, entry) = (workstation.keyring.clone(), workstation.staying_entry());
        let read = tokio::task::spawn_blocking(move || keyring.get(&entry)).await;
        // A keyring that does not answer holds no session either.
        if let Ok(Ok(kept)) = read {
            self.staying.forbidden.store(kept.is_some(), Ordering::Relaxed);
        }
    }

    /// The clinic's word.
    pub(super) async fn heed_staying(&self, policy: &Policy) {
        let Some(workstation) = &self.workstation else { return };
        let forbidden = !policy.stay_signed_in;
        if self.staying.forbidden.swap(forbidden, Ordering::Relaxed) == forbidden {
            return;
        }
        if let Err(error) = workstation.keep_staying(forbidden).await {
            tracing::warn!(%error, "The next start does not know whether people stay signed in.");
        }
        if !forbidden {
            return;
        }
        if let Some(held) = &*self.held() {
            held.keep.stay_in_memory();
        }
        match workstation.forget_session().await {
            Ok(()) => tracing::info!("The clinic lets nobody stay signed in; the keyring has let go of it."),
            Err(error) => tracing::warn!(%error, "A session that is not to be kept stays in the keyring."),
        }
    }
}

impl Workstation {
    /// There only where the clinic forbids it.
    fn staying_entry(&self) -> String {
        format!("no-stay:{}", digest(&[&self.settings.api_url]))
    }

    async fn keep_staying(&self, forbidden: bool) -> Result<(), KeyringError> {
        let (keyring, entry) = (self.keyring.clone(), self.staying_entry());
        let keeping = tokio::task::spawn_blocking(move || {
            if forbidden { keyring.set(&entry, "policy") } else { keyring.delete(&entry) }
        });
        keeping.await.unwrap_or(Err(KeyringError::Locked))
    }
}
