//! What this person has read, here and on their other workstations.
//!
//! Promises: what is read here is said to the server, so that it counts as read everywhere; what was read elsewhere counts
//! as read here. A receipt waits in the ledger until the server has confirmed it.

use std::sync::Arc;

use chatehr_client::ClientError;
use chatehr_contract::{ConsultationId, MessageId};

use super::{Inner, Open};

impl Inner {
    /// Tells the server how far this person has read.
    pub(super) async fn send_receipts(self: &Arc<Self>, open: &Open) {
        // Files that do not answer have said so already.
        let owed = open.vault(|vault| vault.receipts_owed()).await.unwrap_or_default();
        if owed.is_empty() {
            return;
        }
        if self.since.server_has("receipts") == Some(false) {
            // There is nobody to tell, and asking would cost a request each.
            for (consultation, up_to) in owed {
                if open.vault(move |vault| vault.settle_receipt(&consultation, &up_to)).await.is_err() {
                    return;
                }
            }
            return;
        }
        let answers = open.server.mark_all_read(&owed).await;
        for ((consultation, up_to), answer) in owed.into_iter().zip(answers) {
            match answer {
                Ok(_) => {}
                Err(ClientError::SignedOut) => return self.end_session(),
                // A server without receipts, or a conversation that is no longer this person's.
                Err(error) if error.concerns_this_request() && !error.is_transient() => {
                    tracing::debug!(%error, "How far was read is not said.");
                }
                Err(error) => {
                    tracing::warn!(%error, "How far was read is said later.");
                    continue;
                }
            }
            if open.vault(move |vault| vault.settle_receipt(&consultation, &up_to)).await.is_err() {
                // It is said once more, which changes nothing.
                return;
            }
        }
    }

    /// This person has read a conversation, on another workstation or, as the server repeats it, on this one.
    pub(super) async fn read_elsewhere(
        self: &Arc<Self>,
        open: &Open,
        consultation: &ConsultationId,
        up_to: &MessageId,
    ) -> Result<(), ClientError> {
        if !self.keep_read(open, consultation, up_to).await {
            self.refresh_conversation(open, consultation).await?;
            self.keep_read(open, consultation, up_to).await;
        }
        let id = consultation.clone();
        if let Ok(Some(consultation)) = open.vault(move |vault| vault.consultation(&id)).await {
            self.alert_seen(open, &consultation);
        }
        Ok(())
    }

    /// Whether the message is here, and with all before it counts as read now.
    async fn keep_read(&self, open: &Open, consultation: &ConsultationId, up_to: &MessageId) -> bool {
        let (id, up_to) = (consultation.clone(), up_to.clone());
        let kept = open.vault(move |vault| {
            let (stored, _) = vault.messages(&id, 500)?;
            let Some(read) = stored.iter().find(|stored| stored.message.id == up_to) else {
                return Ok(false);
            };
            vault.mark_read(&id, read.message.timestamp)?;
            Ok(true)
        });
        // Files that do not answer have said so already.
        kept.await.unwrap_or(true)
    }
}
