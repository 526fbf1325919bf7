//! The root secret of a server and the keys of single conversations.
//!
//! Each conversation has a key of its own (HKDF-SHA-256), so none ever nears the number of random nonces that
//! AES-GCM bears, and a desktop that holds one learns nothing of another.

use std::fmt;

use chatehr_contract::ConsultationId;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Ties derived keys to this use and this version.
const INFO: &[u8] = b"chatehr message 3";
/// Bytes of a message key.
const KEY_BYTES: usize = 32;
/// Fewest bytes of a root secret.
const ROOT_BYTES: usize = 32;
/// Longest name of a key.
const KID_CHARS: usize = 32;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The root secret is too short to be one.
    #[error("a root secret has at least {ROOT_BYTES} bytes")]
    ShortRoot,
    /// The name cannot stand in an envelope.
    #[error("a key's name is 1 to {KID_CHARS} letters, digits, '-' or '_'")]
    BadKid,
    /// Not a message key.
    #[error("a message key has {KEY_BYTES} bytes")]
    BadLength,
}

/// The secret that all message keys of one name come from. It stays on the server.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RootSecret(Vec<u8>);

impl RootSecret {
    /// Takes at least 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::ShortRoot`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() < ROOT_BYTES {
            return Err(KeyError::ShortRoot);
        }
        Ok(Self(bytes.to_vec()))
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(…)")
    }
}

/// The key of one conversation, with the name of the root secret it comes from.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MessageKey {
    #[zeroize(skip)]
    kid: String,
    /// In a box, so that handing it on leaves no copy on a thread's stack.
    key: Box<[u8; KEY_BYTES]>,
}

impl MessageKey {
    /// The key of `consultation` under the root secret named `kid`.
    ///
    /// # Errors
    /// [`KeyError::BadKid`].
    pub fn derive(root: &RootSecret, kid: &str, consultation: &ConsultationId) -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        Hkdf::<Sha256>::new(Some(consultation.as_str().as_bytes()), &root.0)
            .expand(INFO, key.as_mut())
            .map_err(|_| KeyError::BadLength)?;
        Self::from_parts(kid, key.as_ref())
    }

    /// A key as the server hands it out.
    ///
    /// # Errors
    /// [`KeyError::BadKid`], [`KeyError::BadLength`].
    pub fn from_parts(kid: &str, key: &[u8]) -> Result<Self, KeyError> {
        if !is_kid(kid) {
            return Err(KeyError::BadKid);
        }
        if key.len() != KEY_BYTES {
            return Err(KeyError::BadLength);
        }
        let mut held = Box::new([0; KEY_BYTES]);
        held.copy_from_slice(key);
        Ok(Self { kid: kid.to_owned(), key: held })
    }

    /// The name of the root secret it comes from.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The bytes, for handing the key on or storing it; the name is long so that a reviewer sees each use.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Whether the text can be a key's name.
pub(crate) fn is_kid(text: &str) -> bool {
    (1..=KID_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use chatehr_contract::ConsultationId;

    use super::{KeyError, MessageKey, RootSecret};

    #[test]
    fn each_conversation_has_a_key_of_its_own() {
        let root = RootSecret::from_bytes(&[7; 32]).unwrap();
        let key = |id: &str| *MessageKey::derive(&root, "k1", &ConsultationId::new(id)).unwrap().expose();
        assert_eq!(key("c-1"), key("c-1"));
        assert_ne!(key("c-1"), key("c-2"));
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        assert_eq!(RootSecret::from_bytes(&[7; 31]).unwrap_err(), KeyError::ShortRoot);
        assert_eq!(MessageKey::from_parts("k1", &[7; 31]).unwrap_err(), KeyError::BadLength);
        for kid in ["", "a.b", "a b", "ä", &"k".repeat(33)] {
            assert_eq!(MessageKey::from_parts(kid, &[7; 32]).unwrap_err(), KeyError::BadKid, "{kid}");
        }
        assert!(MessageKey::from_parts(&"k".repeat(32), &[7; 32]).is_ok());
    }

    #[test]
    fn debug_shows_no_key() {
        let root = RootSecret::from_bytes(&[0xAB; 32]).unwrap();
        let key = MessageKey::from_parts("k1", &[0xAB; 32]).unwrap();
        let shown = format!("{root:?} {key:?}");
        assert_eq!(shown, "RootSecret(…) MessageKey { kid: \"k1\", .. }");
    }
}
