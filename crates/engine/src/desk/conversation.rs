//! Fetching a conversation and opening its envelopes.

use std::sync::Arc;

use chatehr_client::ClientError;
use chatehr_contract::{ConsultationId, Message};
use chatehr_seal::{Binding, Content, MessageKey, OpenError, classify, legacy};
use chatehr_vault::CacheChange;

use super::{Inner, Open};

/// What became of a message's content.
pub(super) struct Opened {
    /// The words, if they could be read.
    pub(super) text: Option<String>,
    /// It does not open and never will with this key.
    pub(super) unreadable: bool,
}

/// Opens a message with what is at hand. Fails closed: what cannot be read stays as it came.
pub(super) fn open_message(
    message: &Message,
    key: Option<&MessageKey>,
    legacy_secret: Option<&legacy::LegacySecret>,
) -> Opened {
    let readable = |text: String| Opened { text: Some(text), unreadable: false };
    let sealed = Opened { text: None, unreadable: false };
    let unreadable = Opened { text: None, unreadable: true };
    match classify(&message.content) {
        Content::Clear => readable(message.content.clone()),
        Content::LegacyV1 | Content::LegacyV2 => match legacy_secret {
            None => sealed,
            Some(secret) => legacy::open(secret, &message.content).map_or(unreadable, readable),
        },
        Content::Envelope { .. } => {
            let (Some(key), Some(envelope)) = (key, message.envelope_id()) else { return sealed };
            let binding = Binding {
                consultation: &message.consultation_id,
                envelope: &envelope,
                from: &message.from_id,
                to: &message.to_id,
            };
            match chatehr_seal::open(key, &binding, &message.content) {
                Ok(text) => readable(text),
                Err(OpenError::OtherKey { .. }) => sealed,
                Err(_) => unreadable,
            }
        }
    }
}

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
            key: *material.key,
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
        let key = self.message_key(open, consultation).await?;
        let messages = match open.server.all_messages(consultation).await {
            Ok(page) => page.rows,
            // Not a participant (any more): nothing to show, nothing to hold up the rest for.
            Err(ClientError::NotFound | ClientError::Forbidden) => return Ok(()),
            Err(error) => return Err(error),
        };
        let legacy_secret =
            self.workstation.as_ref().and_then(|workstation| workstation.legacy_secret.as_ref());
        let changes: Vec<_> = messages
            .into_iter()
            .map(|message| {
                let Opened { text, unreadable } = open_message(&message, key.as_ref(), legacy_secret);
                CacheChange::Message { message, text, unreadable }
            })
            .collect();
        if let Err(error) = open.vault(move |vault| vault.apply(&changes)).await {
            tracing::error!(code = error.code.as_str(), "A conversation could not be stored.");
        }
        Ok(())
    }
}
