//! Opens a message with what is at hand: the conversation's key, or the secret of the integration before ours.
//!
//! Fails closed: what cannot be read is said to be sealed or unreadable, and stays stored as it came.

use chatehr_contract::{Message, MessageBody};
use chatehr_seal::{Binding, Content, MessageKey, OpenError, classify, legacy};

/// What became of a message's content.
pub(crate) struct Unsealed {
    /// The words, if they could be read.
    pub(crate) text: Option<String>,
    /// It does not open and never will with this key.
    pub(crate) unreadable: bool,
}

impl From<Unsealed> for MessageBody {
    fn from(unsealed: Unsealed) -> Self {
        match unsealed {
            Unsealed { text: Some(text), .. } => Self::Clear { text },
            Unsealed { unreadable: false, .. } => Self::Sealed,
            Unsealed { unreadable: true, .. } => Self::Unreadable,
        }
    }
}

/// See the module.
pub(crate) fn unseal(
    message: &Message,
    key: Option<&MessageKey>,
    legacy_secret: Option<&legacy::LegacySecret>,
) -> Unsealed {
    let readable = |text: String| Unsealed { text: Some(text), unreadable: false };
    let sealed = Unsealed { text: None, unreadable: false };
    let unreadable = Unsealed { text: None, unreadable: true };
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

#[cfg(test)]
mod tests {
    use chatehr_contract::{ConsultationId, EnvelopeId, MessageId, MessageKind, PersonId, Timestamp};
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
        let opened = unseal(&message(LEGACY), None, Some(&secret));
        assert_eq!(opened.text.as_deref(), Some("héllo"));
        let waiting = unseal(&message(LEGACY), None, None);
        assert!(waiting.text.is_none() && !waiting.unreadable);
        let wrong = unseal(&message(LEGACY), None, Some(&legacy::LegacySecret::new("other")));
        assert!(wrong.text.is_none() && wrong.unreadable);
    }

    #[test]
    fn a_blood_pressure_is_no_failed_decryption() {
        let opened = unseal(&message("BP 120:80"), None, None);
        assert_eq!(opened.text.as_deref(), Some("BP 120:80"));
    }

    #[test]
    fn an_envelope_moved_to_another_conversation_is_unreadable() {
        let root = RootSecret::from_bytes(&[3; 32]).unwrap();
        let key = MessageKey::derive(&root, "1", &ConsultationId::new("c-1")).unwrap();
        let sealed = sealed(&key);
        assert_eq!(unseal(&sealed, Some(&key), None).text.as_deref(), Some("héllo"));
        let moved = Message { consultation_id: ConsultationId::new("c-2"), ..sealed.clone() };
        assert!(unseal(&moved, Some(&key), None).unreadable);
        assert!(unseal(&sealed, None, None).text.is_none());
    }
}
