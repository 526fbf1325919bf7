//! Fetching a conversation, with the key that opens it.

use std::sync::Arc;

use chatehr_client::ClientError;
use chatehr_contract::{ConsultationId, Message};
use chatehr_seal::{Content, MessageKey, classify};
use chatehr_vault::CacheChange;

use super::{Inner, Open};
use crate::unseal::{Unsealed, unseal};

impl Inner {
    /// The consultation's key: from the files, else from the server. `None` when this person has no right to it.
    pub(super) async fn message_key(
        &self,
        open: &Open,
        consultation: &ConsultationId,
    ) -> Result<Option<MessageKey>, ClientError> {
        let id = consultation.clone();
        if let Ok(Some(stored)) = open.vault(move |vault| vault.message_key(&id)).await
            && let Ok(key) = MessageKey::from_parts(&stored.kid, stored.key.as_slice())
        {
            return Ok(Some(key));
        }
        let material = match open.server.message_key(consultation).await {
            Ok(material) => material,
            Err(ClientError::NotFound | ClientError::Forbidden) => return Ok(None),
            Err(error) => return Err(error),
        };
        let change = CacheChange::MessageKey {
            consultation: consultation.clone(),
            kid: material.kid.clone(),
            key: material.key.clone(),
        };
        if open.vault(move |vault| vault.apply(&[change])).await.is_err() {
            tracing::warn!(%consultation, "A message key could not be stored; it is fetched again next time.");
        }
        Ok(MessageKey::from_parts(&material.kid, material.key.as_slice()).ok())
    }

    /// Fetches a conversation of this person's and puts it, opened, into the files.
    pub(super) async fn refresh_conversation(
        self: &Arc<Self>,
        open: &Open,
        consultation: &ConsultationId,
    ) -> Result<(), ClientError> {
        let messages = match open.server.all_messages(consultation).await {
            Ok(page) => page.rows,
            // Not a participant (any more): nothing to show, nothing to hold up the rest for.
            Err(ClientError::NotFound | ClientError::Forbidden) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.take_messages(open, consultation, messages).await?;
        Ok(())
    }

    /// Opens messages of a conversation and puts them into the files. Whether any is new there.
    pub(super) async fn take_messages(
        &self,
        open: &Open,
        consultation: &ConsultationId,
        messages: Vec<Message>,
    ) -> Result<bool, ClientError> {
        let is_sealed = |message: &Message| matches!(classify(&message.content), Content::Envelope { .. });
        let key =
            if messages.iter().any(is_sealed) { self.message_key(open, consultation).await? } else { None };
        let legacy_secret = self.legacy_secret();
        let changes: Vec<_> = messages
            .into_iter()
            .map(|message| {
                let Unsealed { text, unreadable } = unseal(&message, key.as_ref(), legacy_secret);
                CacheChange::Message { message, text, unreadable }
            })
            .collect();
        let id = consultation.clone();
        let stored = open.vault(move |vault| {
            let before = vault.message_count(&id)?;
            vault.apply(&changes)?;
            Ok(vault.message_count(&id)? > before)
        });
        match stored.await {
            Ok(new) => Ok(new),
            Err(error) => {
                tracing::error!(code = error.code.as_str(), "A conversation could not be stored.");
                Ok(false)
            }
        }
    }
}
