//! Message content at rest: sealed for its place, whoever sent it (wire contract, section 4).
//!
//! Fails closed: what cannot be sealed is not stored, and what does not open is handed out as it came and says so.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{ConsultationId, EnvelopeId, Message, NewMessage};
use chatehr_seal::{Binding, Content, KeyError, MessageKey, RootSecret, SealError, classify};
use ed25519_dalek::SigningKey;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// A nonce and a tag: the least that an envelope holds.
const LEAST_BYTES: usize = 12 + 16;

/// Longest name that a sender may give a message.
const MAX_ENVELOPE_ID_CHARS: usize = 128;

/// Content could not be sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealingError {
    #[error("the message key could not be derived")]
    Key(#[from] KeyError),
    #[error("the message could not be sealed")]
    Seal(#[from] SealError),
}

/// The root secret under its name.
pub(crate) struct Seals {
    root: RootSecret,
    kid: String,
    digest_key: [u8; 32],
    signing_seed: [u8; 32],
}

impl Seals {
    /// The name follows from the secret, so that another secret is recognised as another key.
    pub(crate) fn new(secret: &[u8]) -> Result<Self, KeyError> {
        let root = RootSecret::from_bytes(secret)?;
        let named = |use_: &[u8]| -> [u8; 32] {
            Sha256::new().chain_update(use_).chain_update(secret).finalize().into()
        };
        let kid = named(b"chatehr kid\0").iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            root,
            kid,
            digest_key: named(b"chatehr digest\0"),
            signing_seed: named(b"chatehr signing\0"),
        })
    }

    /// The root secret's name, which follows from it.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// What the server signs with: its policy, the heads of workstations' audit logs.
    pub(crate) fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.signing_seed)
    }

    /// The key of one conversation.
    pub(crate) fn key(&self, consultation: &ConsultationId) -> Result<MessageKey, KeyError> {
        MessageKey::derive(&self.root, &self.kid, consultation)
    }

    /// A fingerprint that can only be recomputed with the secret: of bodies that may hold clear text.
    pub(crate) fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new().chain_update(self.digest_key);
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// Whether content is an envelope under the key that we know, complete enough to hold something.
    pub(crate) fn is_ours(&self, content: &str) -> bool {
        classify(content) == Content::Envelope { kid: &self.kid }
            && content
                .rsplit_once('.')
                .and_then(|(_, body)| BASE64_URL_SAFE_NO_PAD.decode(body).ok())
                .is_some_and(|body| body.len() > LEAST_BYTES)
    }

    /// Replaces clear content by its envelope.
    pub(crate) fn seal(&self, message: &mut Message, nonce: [u8; 12]) -> Result<(), SealingError> {
        let envelope = message.envelope_id().unwrap_or_else(|| EnvelopeId::new(""));
        let key = self.key(&message.consultation_id)?;
        message.content = chatehr_seal::seal(&key, &binding(message, &envelope), &message.content, nonce)?;
        Ok(())
    }

    /// Replaces an envelope by its clear content, for a client that opens none itself.
    pub(crate) fn open(&self, message: &mut Message) {
        let envelope = message.envelope_id().unwrap_or_else(|| EnvelopeId::new(""));
        let opened = self
            .key(&message.consultation_id)
            .ok()
            .and_then(|key| chatehr_seal::open(&key, &binding(message, &envelope), &message.content).ok());
        match opened {
            Some(text) => message.content = text,
            None => drop(message.metadata.insert("unreadable".to_owned(), true.into())),
        }
    }
}

/// A client that says it seals must not send clear text, and one that does not has no business with envelopes.
pub(crate) fn check_content(seals: &Seals, request: &NewMessage, sealed: bool) -> Result<(), Problem> {
    let name = request.metadata.get("envelopeId");
    let sound = |name: &Value| {
        name.as_str().is_some_and(|name| (1..=MAX_ENVELOPE_ID_CHARS).contains(&name.chars().count()))
    };
    if name.is_some_and(|name| !sound(name)) {
        return Err(Problem::field("metadata.envelopeId", "must be text of 1 to 128 characters"));
    }
    match (sealed, name) {
        (true, None) => Err(Problem::field("metadata.envelopeId", "is required with an envelope")),
        (true, _) if !seals.is_ours(&request.content) => {
            Err(Problem::field("content", "must be an envelope under this server's key"))
        }
        (false, _) if request.content.starts_with("chatehr.3.") => {
            Err(Problem::field("content", "an envelope needs the header Accept-Envelope: 3"))
        }
        _ => Ok(()),
    }
}

const fn binding<'a>(message: &'a Message, envelope: &'a EnvelopeId) -> Binding<'a> {
    Binding { consultation: &message.consultation_id, envelope, from: &message.from_id, to: &message.to_id }
}
