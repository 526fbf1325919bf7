//! What this person has read, here and on their other workstations.
//!
//! Promises: what is read here is said to the server, so that it counts as read everywhere; what was read elsewhere counts
//! as read here. A receipt waits while there is no connection, as long as the desk is open; which messages were read
//! here stands in the ledger all the same.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chatehr_client::ClientError;
use chatehr_contract::{ConsultationId, MessageId};

use super::{Inner, Open};

/// How far each conversation was read, for the server to be told.
#[derive(Default)]
pub(super) struct Receipts(Mutex<BTreeMap<ConsultationId, MessageId>>);

impl Receipts {
    pub(super) fn owe(&self, consultation: ConsultationId, up_to: MessageId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(consultation, up_to);
    }

    fn all(&self) -> Vec<(ConsultationId, MessageId)> {
        let owed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        owed.iter().map(|(consultation, up_to)| (consultation.clone(), up_to.clone())).collect()
    }

    /// Unless more has been read meanwhile.
    fn settle(&self, consultation: &ConsultationId, up_to: &MessageId) {
        let mut owed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if owed.get(consultation) == Some(up_to) {
            owed.remove(consultation);
        }
    }
}

impl Inner {
    /// Tells the server how far this person has read.
    pub(super) async fn send_receipts(self: &Arc<Self>, open: &Open) {
        let owed = open.receipts.all();
        let answers = open.server.mark_all_read(&owed).await;
        for ((consultation, up_to), answer) in owed.iter().zip(answers) {
            match answer {
                Ok(_) => open.receipts.settle(consultation, up_to),
                Err(ClientError::SignedOut) => return self.end_session(),
                // A server without receipts, or a conversation that is no longer this person's.
                Err(error) if error.concerns_this_request() && !error.is_transient() => {
                    tracing::debug!(%error, "How far was read is not said.");
                    open.receipts.settle(consultation, up_to);
                }
                Err(error) => tracing::warn!(%error, "How far was read is said later."),
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
