//! Empties the outbox.
//!
//! Promises: a row leaves it only when the server has the message and the message is in the files; a repeat sends
//! the same bytes under the same idempotency key, so the server keeps one; the order within a conversation holds;
//! what cannot be sent is stuck with a reason that the person sees. Refuses to send anything unsealed.

use std::{sync::Arc, time::Duration};

use chatehr_client::ClientError;
use chatehr_contract::{ErrorCode, MessageKind, NewMessage, Timestamp};
use chatehr_seal::Binding;
use chatehr_vault::{CacheChange, OutboxRow};
use serde_json::Map;
use tokio::time;

use super::{Inner, Open};
use crate::report;

/// Without anything else to wake it, the outbox looks for what is due this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The longest wait between two attempts at one message, in seconds.
const LONGEST_WAIT: i64 = 60;

/// What to do with a row after an attempt.
enum Outcome {
    Sent,
    Gone,
    Later(Timestamp),
    Stuck(ErrorCode),
    SignedOut,
}

impl Inner {
    /// Runs as long as the desk is open.
    pub(super) async fn keep_sending(self: Arc<Self>, open: Arc<Open>) {
        loop {
            if self.is_online() {
                self.send_what_is_due(&open).await;
            }
            let _woken = time::timeout(LOOK_AGAIN, self.outbox.notified()).await;
        }
    }

    async fn send_what_is_due(self: &Arc<Self>, open: &Open) {
        loop {
            let now = self.now();
            let Ok(rows) = open.vault(move |vault| vault.due(now)).await else { return };
            if rows.is_empty() {
                return;
            }
            for row in rows {
                let (envelope, consultation) = (row.envelope_id.clone(), row.consultation_id.clone());
                let outcome = self.attempt(open, row).await;
                let stored = match outcome {
                    Outcome::Sent | Outcome::Gone => Ok(()),
                    Outcome::Later(until) => open.vault(move |vault| vault.postpone(&envelope, until)).await,
                    Outcome::Stuck(code) => open.vault(move |vault| vault.stick(&envelope, code)).await,
                    Outcome::SignedOut => {
                        let put_back = open.vault(move |vault| vault.postpone(&envelope, now)).await;
                        if put_back.is_err() {
                            tracing::warn!("A message is put back into the outbox at the next start.");
                        }
                        return self.end_session();
                    }
                };
                self.tell_consultations(vec![consultation]);
                if stored.is_err() {
                    // The files do not take the outcome: going on would repeat it without end.
                    return;
                }
            }
        }
    }

    async fn attempt(self: &Arc<Self>, open: &Open, row: OutboxRow) -> Outcome {
        let sealed = match self.seal(open, &row).await {
            Ok(sealed) => sealed,
            Err(outcome) => return outcome,
        };
        let (envelope, bytes, now) = (row.envelope_id.clone(), sealed.clone(), self.now());
        match open.vault(move |vault| vault.begin_attempt(&envelope, &bytes, now)).await {
            Ok(true) => {}
            // Given up by the person while it was being sealed: not a word of it leaves.
            Ok(false) => return Outcome::Gone,
            Err(_) => return Outcome::Later(self.now().plus_seconds(LONGEST_WAIT)),
        }
        self.tell_consultations(vec![row.consultation_id.clone()]);
        let mut metadata = Map::new();
        metadata.insert("envelopeId".to_owned(), row.envelope_id.as_str().into());
        let message = NewMessage {
            to_id: row.to_id.clone(),
            consultation_id: row.consultation_id.clone(),
            content: sealed,
            kind: MessageKind::Text,
            metadata,
        };
        match open.server.send_message(&message, row.envelope_id.as_str()).await {
            Ok(message) => {
                let (envelope, text) = (row.envelope_id.clone(), row.text.clone());
                let settled = open.vault(move |vault| {
                    vault.apply(&[CacheChange::Message { message, text: Some(text), unreadable: false }])?;
                    vault.settle(&envelope)
                });
                match settled.await {
                    Ok(()) => Outcome::Sent,
                    // The server has it. Sending again is harmless: the key makes it the same message.
                    Err(_) => Outcome::Later(self.now().plus_seconds(LONGEST_WAIT)),
                }
            }
            Err(error) => self.after(&row, &error),
        }
    }

    /// The row's sealed bytes: those of the first attempt, or new ones.
    async fn seal(self: &Arc<Self>, open: &Open, row: &OutboxRow) -> Result<String, Outcome> {
        if let Some(sealed) = &row.sealed {
            return Ok(sealed.clone());
        }
        let key = match self.message_key(open, &row.consultation_id).await {
            Ok(Some(key)) => key,
            Ok(None) => return Err(Outcome::Stuck(ErrorCode::NoMessageKey)),
            Err(error) => return Err(self.after(row, &error)),
        };
        let mut nonce = [0; 12];
        if self.surroundings.random.fill(&mut nonce).is_err() {
            return Err(Outcome::Later(self.now().plus_seconds(LONGEST_WAIT)));
        }
        let binding = Binding {
            consultation: &row.consultation_id,
            envelope: &row.envelope_id,
            from: &open.person.id,
            to: &row.to_id,
        };
        chatehr_seal::seal(&key, &binding, &row.text, nonce)
            .map_err(|_| Outcome::Stuck(ErrorCode::NoMessageKey))
    }

    fn after(&self, row: &OutboxRow, error: &ClientError) -> Outcome {
        match error {
            ClientError::SignedOut => Outcome::SignedOut,
            error if error.is_transient() => {
                let wait = error.retry_after().map_or_else(
                    || 1i64.checked_shl(row.attempts.min(6)).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT),
                    |wait| i64::try_from(wait.as_secs()).unwrap_or(LONGEST_WAIT),
                );
                Outcome::Later(self.now().plus_seconds(wait))
            }
            error if error.concerns_this_request() => Outcome::Stuck(report::client(error).code),
            // Something else is wrong, with the key or the address: the message waits for it to be mended.
            _ => Outcome::Later(self.now().plus_seconds(LONGEST_WAIT)),
        }
    }
}
