//! The one key of both files: 32 random bytes, never a password, never in a log.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What the key check is derived for; another use gets another value.
const CHECK_INFO: &[u8] = b"chatehr vault key check 1";

/// The key of a person's files on one workstation.
///
/// It is a handle: it cannot be cloned outside this crate, and leaves memory when it is dropped. In a box, so that handing
/// it on leaves no copy on a thread's stack.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct VaultKey(Box<[u8; 32]>);

impl VaultKey {
    /// Takes 32 random bytes.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let mut key = Self(Box::default());
        key.0.copy_from_slice(&bytes);
        bytes.zeroize();
        key
    }

    /// Has 32 random bytes filled in.
    ///
    /// # Errors
    /// Those of the source.
    pub fn filled<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut key = Self(Box::default());
        fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut key = Self(Box::default());
        hex::decode_to_slice(text, key.0.as_mut_slice()).ok()?;
        Some(key)
    }

    /// 64 hex digits, for the keyring: ASCII and no newline, so that every backend returns it unchanged.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// Tells whether a key is the one that files were made with, without telling the key.
    pub(crate) fn check(&self) -> String {
        hex::encode(derive(self.0.as_slice(), None, CHECK_INFO))
    }

    /// A code over `parts` that only a holder of the key can make, for this use alone.
    pub(crate) fn authenticate(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        derive(self.0.as_slice(), None, &encode(purpose, parts))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

/// HKDF-SHA-256 (RFC 5869) to one hash length; with a secret of full entropy and `info` as the message it also serves
/// as a message authentication code.
pub(crate) fn derive(secret: &[u8], salt: Option<&[u8]>, info: &[u8]) -> [u8; 32] {
    let mut value = [0; 32];
    // Expanding to one hash length cannot fail; were it to, all would get the same value and nothing would open.
    let _filled = Hkdf::<Sha256>::new(salt, secret).expand(info, &mut value);
    value
}

/// Each part with its length before it, so that no two lists of parts read the same.
pub(crate) fn encode(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = purpose.as_bytes().to_vec();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::VaultKey;

    #[test]
    fn the_keyrings_text_reads_back_and_nothing_else_is_a_key() {
        let key = VaultKey::from_bytes([0xA5; 32]);
        let text = key.to_text();
        assert_eq!(text.len(), 64);
        assert_eq!(VaultKey::from_text(&text).unwrap().expose(), &[0xA5; 32]);
        for garbled in ["", "a5", &format!("{}\n", *text), &"g5".repeat(32)] {
            assert!(VaultKey::from_text(garbled).is_none());
        }
    }

    #[test]
    fn the_check_tells_keys_apart_and_shows_none() {
        let (one, other) = (VaultKey::from_bytes([1; 32]), VaultKey::from_bytes([2; 32]));
        assert_ne!(one.check(), other.check());
        assert!(!one.check().contains(&*one.to_text()));
        assert_eq!(format!("{one:?}"), "VaultKey(…)");
    }
}
