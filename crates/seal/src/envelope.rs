//! `chatehr.3.<kid>.<base64url(nonce ‖ ciphertext ‖ tag)>`: AES-256-GCM, bound to its place.
//!
//! The place is associated data, each part with its length before it, so that no two places read the same and an
//! envelope moved to another patient's conversation does not open there.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{ConsultationId, EnvelopeId, PersonId};

use crate::{
    content::{PREFIX, envelope_parts},
    key::MessageKey,
    stack::traceless,
};

/// As it stands in the prefix and in the associated data.
const VERSION: &str = "3";
/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
const TAG_BYTES: usize = 16;

/// The place an envelope belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// In which consultation.
    pub consultation: &'a ConsultationId,
    /// The sender's own name for the message.
    pub envelope: &'a EnvelopeId,
    /// Who wrote it.
    pub from: &'a PersonId,
    /// To whom.
    pub to: &'a PersonId,
}

/// The cipher took no more: the text is longer than AES-GCM allows (64 GiB).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long to be sealed")]
pub struct SealError;

/// Why sealed content does not open.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is not sealed in this format.
    #[error("not sealed content of this format")]
    NotAnEnvelope,
    /// Another key is needed.
    #[error("sealed under the key {kid}")]
    OtherKey {
        /// Its name.
        kid: String,
    },
    /// Cut short or altered so that it cannot be read.
    #[error("the sealed content is damaged")]
    Malformed,
    /// Altered, from another place, or sealed under another secret.
    #[error("the seal does not hold")]
    Refused,
}

impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Seals `text` for its place. The nonce is twelve fresh random bytes, never used twice under one key.
///
/// # Errors
/// [`SealError`].
pub fn seal(
    key: &MessageKey,
    binding: &Binding<'_>,
    text: &str,
    nonce: [u8; NONCE_BYTES],
) -> Result<String, SealError> {
    let aad = associated_data(key.kid(), binding);
    let sealed =
        traceless(|| cipher(key).encrypt(&nonce.into(), Payload { msg: text.as_bytes(), aad: &aad }))
            .map_err(|_| SealError)?;
    let mut body = nonce.to_vec();
    body.extend_from_slice(&sealed);
    Ok(format!("{PREFIX}{}.{}", key.kid(), BASE64_URL_SAFE_NO_PAD.encode(body)))
}

/// Opens content that was sealed under `key` for this place.
///
/// # Errors
/// [`OpenError`]; nothing of the text is given out unless the seal holds.
pub fn open(key: &MessageKey, binding: &Binding<'_>, content: &str) -> Result<String, OpenError> {
    let (kid, body) = envelope_parts(content).ok_or(OpenError::NotAnEnvelope)?;
    if kid != key.kid() {
        return Err(OpenError::OtherKey { kid: kid.to_owned() });
    }
    let body = BASE64_URL_SAFE_NO_PAD.decode(body).map_err(|_| OpenError::Malformed)?;
    let (nonce, sealed) = body.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Malformed)?;
    if sealed.len() < TAG_BYTES {
        return Err(OpenError::Malformed);
    }
    let aad = associated_data(kid, binding);
    let text = traceless(|| cipher(key).decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &aad }))
        .map_err(|_| OpenError::Refused)?;
    String::from_utf8(text).map_err(|_| OpenError::Malformed)
}

fn cipher(key: &MessageKey) -> Aes256Gcm {
    Aes256Gcm::new(key.expose().into())
}

fn associated_data(kid: &str, binding: &Binding<'_>) -> Vec<u8> {
    let parts = [
        VERSION,
        kid,
        binding.consultation.as_str(),
        binding.envelope.as_str(),
        binding.from.as_str(),
        binding.to.as_str(),
    ];
    let mut data = Vec::with_capacity(parts.iter().map(|part| 4 + part.len()).sum());
    for part in parts {
        // An id of 4 GiB cannot be held in memory beside its copy here; saturating keeps the rule free of panics.
        data.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data
}
