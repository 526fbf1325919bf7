//! How things stand with the server: connected, reconnecting, without it, signed out, or with something that is no fit
//! server. Each since when, and what happens next.
//!
//! Promises: `since` is when the connection was lost, however many attempts have failed from then on; what has only just
//! been lost is called reconnecting, and no longer than [`RECONNECTING`] seconds, whatever an attempt takes.

use std::{sync::Arc, time::Duration};

use chatehr_client::ClientError;
use chatehr_contract::{Connection, Lapse, Timestamp};
use tokio::time;

use super::Inner;
use crate::report;

/// So many seconds a lost connection counts as about to come back.
const RECONNECTING: i64 = 10;

impl Inner {
    pub(super) fn is_online(&self) -> bool {
        matches!(self.state().connection, Connection::Online { .. })
    }

    pub(super) fn set_online(&self) {
        let before = match self.state().connection {
            Connection::Online { since } => Some(since),
            _ => None,
        };
        self.set_connection(Connection::Online { since: before.unwrap_or_else(|| self.now()) });
        if before.is_none() {
            self.back_online.notify_one();
        }
    }

    /// Nobody is signed in any more, since now unless it was so before.
    pub(super) fn set_signed_out(&self) {
        let since = match self.state().connection {
            Connection::SignedOut { since } => since,
            _ => self.now(),
        };
        self.set_connection(Connection::SignedOut { since });
    }

    /// The next attempt is made after so long.
    pub(super) fn set_offline(self: &Arc<Self>, error: &ClientError, wait: Duration) {
        let now = self.now();
        let before = self.state().connection.clone();
        let since = match before {
            Connection::Offline { since, .. } => since,
            _ => now,
        };
        let lapse = if is_unfit(error) {
            Lapse::Unfit
        } else if has_just_gone(&before, now) {
            Lapse::Reconnecting
        } else {
            Lapse::Offline
        };
        if lapse == Lapse::Reconnecting && matches!(before, Connection::Online { .. }) {
            self.give_up_on_soon(since);
        }
        let retry_at = Some(now.plus_seconds(i64::try_from(wait.as_secs()).unwrap_or(0)));
        self.set_connection(Connection::Offline { since, retry_at, error: report::client(error), lapse });
    }

    /// An attempt may take longer than a lost connection can be called about to come back.
    fn give_up_on_soon(self: &Arc<Self>, lost: Timestamp) {
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            time::sleep(Duration::from_secs(u64::try_from(RECONNECTING).unwrap_or(0))).await;
            let Some(inner) = weak.upgrade() else { return };
            {
                let mut state = inner.state();
                match &mut state.connection {
                    Connection::Offline { since, lapse: lapse @ Lapse::Reconnecting, .. }
                        if *since == lost =>
                    {
                        *lapse = Lapse::Offline;
                    }
                    _ => return,
                }
            }
            inner.tell_state();
        });
    }

    /// A person asks: a server that is given time after failures is asked all the same.
    pub(super) fn ask_server_now(&self) {
        if let Some(workstation) = &self.workstation {
            workstation.client.retry_now();
        }
        if let Ok(open) = self.open() {
            open.server.retry_now();
        }
    }

    fn set_connection(&self, connection: Connection) {
        {
            let mut state = self.state();
            if state.connection == connection {
                return;
            }
            state.connection = connection;
        }
        self.tell_state();
    }
}

fn has_just_gone(before: &Connection, now: Timestamp) -> bool {
    match before {
        Connection::Online { .. } => true,
        Connection::Offline { since, lapse: Lapse::Reconnecting, .. } => {
            (0..RECONNECTING).contains(&now.seconds_since(*since))
        }
        _ => false,
    }
}

/// Whether something answers that this program cannot work with, and waiting will not mend it: another program, a server of
/// another age, one that refuses this workstation.
fn is_unfit(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::NotChatEhr { .. }
            | ClientError::ApiKeyRefused
            | ClientError::Malformed(_)
            | ClientError::Refused { .. }
            | ClientError::NotFound
            | ClientError::Unreachable(chatehr_client::ConnectionFault::NotSecure)
    )
}
