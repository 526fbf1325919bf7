//! The one key of both files: 32 random bytes, never a password, never in a log.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What the key check is derived for; another use gets another value.
const CHECK_INFO: &[u8] = b"chatehr vault key check 1";

/// The key of a person's files on one workstation.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct VaultKey([u8; 32]);

impl VaultKey {
    /// Takes 32 random bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// 64 hex digits, for the keyring: ASCII and no newline, so that every backend returns it unchanged.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    /// Tells whether a key is the one that files were made with, without telling the key.
    pub(crate) fn check(&self) -> String {
        let mut value = [0; 32];
        // Expanding to one hash length cannot fail; an all-zero check would only ever refuse a key.
        let _filled = Hkdf::<Sha256>::new(None, &self.0).expand(CHECK_INFO, &mut value);
        hex::encode(value)
    }
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
        assert_eq!(VaultKey::from_text(&text).unwrap().0, [0xA5; 32]);
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
