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

#[cfg(test)]
mod tests {
    use chatehr_contract::{EnvelopeId, MessageId, MessageKind, PersonId, Timestamp};
    use chatehr_seal::RootSecret;

    use super::*;

    /// From the original integration: client secret `k`, text `héllo`.
    const LEGACY: &str = "000102030405060708090a0b0c0d0e0f:27e84ce82678c2e203634ace0c265b2b:bcf6eade5828";

    fn message(content: &str) -> Message {
        let mut metadata = serde_json::Map::new();
        metadata.insert("envelopeId".to_owned(), "e-1".into());
        Message {
            id: MessageId::new("m-1"),
            from_id: PersonId::new("patient-1"),
            to_id: PersonId::new("physician-1"),
            consultation_id: ConsultationId::new("c-1"),
            content: content.to_owned(),
            kind: MessageKind::Text,
            timestamp: Timestamp::from_millis(0),
            metadata,
        }
    }

    fn sealed(key: &MessageKey) -> Message {
        let message = message("");
        let binding = Binding {
            consultation: &message.consultation_id,
            envelope: &EnvelopeId::new("e-1"),
            from: &message.from_id,
            to: &message.to_id,
        };
        let content = chatehr_seal::seal(key, &binding, "héllo", [9; 12]).unwrap();
        Message { content, ..message.clone() }
    }

    #[test]
    fn what_the_original_sealed_is_read_with_its_secret_and_waits_without() {
        let secret = legacy::LegacySecret::new("k");
        let opened = open_message(&message(LEGACY), None, Some(&secret));
        assert_eq!(opened.text.as_deref(), Some("héllo"));
        let waiting = open_message(&message(LEGACY), None, None);
        assert!(waiting.text.is_none() && !waiting.unreadable);
        let wrong = open_message(&message(LEGACY), None, Some(&legacy::LegacySecret::new("other")));
        assert!(wrong.text.is_none() && wrong.unreadable);
    }

    #[test]
    fn a_blood_pressure_is_no_failed_decryption() {
        let opened = open_message(&message("BP 120:80"), None, None);
        assert_eq!(opened.text.as_deref(), Some("BP 120:80"));
    }

    #[test]
    fn an_envelope_moved_to_another_conversation_is_unreadable() {
        let root = RootSecret::from_bytes(&[3; 32]).unwrap();
        let key = MessageKey::derive(&root, "1", &ConsultationId::new("c-1")).unwrap();
        let sealed = sealed(&key);
        assert_eq!(open_message(&sealed, Some(&key), None).text.as_deref(), Some("héllo"));
        let moved = Message { consultation_id: ConsultationId::new("c-2"), ..sealed.clone() };
        assert!(open_message(&moved, Some(&key), None).unreadable);
        assert!(open_message(&sealed, None, None).text.is_none());
    }
}
