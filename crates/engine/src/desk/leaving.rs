//! The end of a session at the server.
//!
//! Promises: a session that ChatEHR itself has given ends there too when somebody leaves it, behind the person's back and
//! for a bounded time; a server that cannot be reached holds nobody up, and ends it by itself in the end. Refuses to do
//! so to a session of an identity provider: its tokens are the provider's to end (`provider_session`).

use std::{sync::Arc, time::Duration};

use chatehr_client::SignedIn;
use chatehr_contract::Session;
use tokio::{task::JoinHandle, time};

use super::{Inner, provider_session::is_at_provider};

/// How long a server may take to hear of it.
const PATIENCE: Duration = Duration::from_secs(10);

impl Inner {
    /// Whoever is at the window, has locked it, or cannot get at their files.
    pub(super) fn signed_in_or_blocked(self: &Arc<Self>) -> Option<(Session, SignedIn)> {
        self.signed_in_here().or_else(|| {
            let blocked = self.state().blocked_session.clone()?;
            let server = self.server_of(&self.workstation.as_ref()?.client, &blocked);
            Some((blocked, server))
        })
    }

    /// Whoever is at the window, or has locked it.
    pub(super) fn signed_in_here(&self) -> Option<(Session, SignedIn)> {
        let open = self.open().ok().map(|open| (open.session.clone(), open.server.clone()));
        open.or_else(|| {
            let presence = self.presence();
            presence.locked.as_ref().map(|locked| (locked.session.clone(), locked.server.clone()))
        })
    }
}

/// Ends it, once what is `still` said in its name has been said.
pub(super) fn end_at_server(session: &Session, server: SignedIn, still: Option<JoinHandle<()>>) {
    if is_at_provider(session) {
        return;
    }
    tokio::spawn(async move {
        let ending = async {
            if let Some(still) = still {
                // Whatever became of it.
                drop(still.await);
            }
            server.end_session().await
        };
        match time::timeout(PATIENCE, ending).await {
            Ok(Ok(())) => tracing::info!("The session is ended at the server."),
            Ok(Err(error)) => tracing::warn!(%error, "The server ends the session by itself."),
            Err(_) => tracing::warn!("The server does not answer; it ends the session by itself."),
        }
    });
}
