//! The original's two formats, read where its client secret is configured and never written.
//!
//! Both are `hex(first):hex(tag):hex(ciphertext)`, AES-256-GCM without associated data, from SHA-256 of the
//! secret. In v1 the first field is not used: the original's library call took key and nonce from the hash by
//! OpenSSL's EVP_BytesToKey (MD5, no salt, one round), the same for every message. In v2 it is the nonce.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
use md5::{Digest, Md5};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    content::{Content, classify, legacy_parts},
    envelope::OpenError,
    stack::traceless,
};

/// What both formats are opened with.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LegacySecret([u8; 32]);

impl LegacySecret {
    /// From the original's CHATEHR_CLIENT_SECRET.
    pub fn new(client_secret: &str) -> Self {
        Self(Sha256::digest(client_secret.as_bytes()).into())
    }
}

impl fmt::Debug for LegacySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegacySecret(…)")
    }
}

/// Opens content of the original.
///
/// # Errors
/// [`OpenError`], without [`OpenError::OtherKey`]: these formats name no key.
pub fn open(secret: &LegacySecret, content: &str) -> Result<String, OpenError> {
    let (first, tag, ciphertext) = legacy_parts(content).ok_or(OpenError::NotAnEnvelope)?;
    let (key, nonce) = match classify(content) {
        Content::LegacyV1 => bytes_to_key(&secret.0),
        Content::LegacyV2 => {
            let mut nonce = [0; 12];
            hex::decode_to_slice(first, &mut nonce).map_err(|_| OpenError::Malformed)?;
            (Zeroizing::new(secret.0), nonce)
        }
        Content::Envelope { .. } | Content::Clear => return Err(OpenError::NotAnEnvelope),
    };
    let sealed = hex::decode([ciphertext, tag].concat()).map_err(|_| OpenError::Malformed)?;
    let text = traceless(|| Aes256Gcm::new((&*key).into()).decrypt(&nonce.into(), sealed.as_slice()))
        .map_err(|_| OpenError::Refused)?;
    String::from_utf8(text).map_err(|_| OpenError::Malformed)
}

/// OpenSSL's EVP_BytesToKey for a 32-byte key and a 12-byte nonce: blocks of MD5(previous block ‖ material).
fn bytes_to_key(material: &[u8; 32]) -> (Zeroizing<[u8; 32]>, [u8; 12]) {
    let block = |previous: &[u8]| Md5::new().chain_update(previous).chain_update(material).finalize();
    let first = block(&[]);
    let second = block(&first);
    let third = block(&second);
    let mut key = Zeroizing::new([0; 32]);
    let mut nonce = [0; 12];
    for (to, from) in key.iter_mut().zip(first.iter().chain(second.iter())) {
        *to = *from;
    }
    for (to, from) in nonce.iter_mut().zip(third.iter()) {
        *to = *from;
    }
    (key, nonce)
}

#[cfg(test)]
mod tests {
    use super::{LegacySecret, open};
    use crate::OpenError;

    const TAG: &str = "27e84ce82678c2e203634ace0c265b2b";
    /// Made by another implementation: key SHA-256("k"), nonce 00..0b, text `héllo`.
    const V2: &str = "000102030405060708090a0b:26e01cb7da291411891b8b5c0df4807a:85b3764daad3";

    #[test]
    fn the_originals_first_format_opens_whatever_its_first_field_says() {
        let secret = LegacySecret::new("k");
        for first in ["00000000000000000000000000000000", "ffeeddccbbaa99887766554433221100"] {
            assert_eq!(open(&secret, &format!("{first}:{TAG}:bcf6eade5828")).unwrap(), "héllo");
        }
    }

    #[test]
    fn the_originals_second_format_opens() {
        assert_eq!(open(&LegacySecret::new("k"), V2).unwrap(), "héllo");
    }

    #[test]
    fn altered_content_and_other_secrets_are_refused() {
        let secret = LegacySecret::new("k");
        let content = format!("00000000000000000000000000000000:{TAG}:bcf6eade5829");
        assert_eq!(open(&secret, &content), Err(OpenError::Refused));
        assert_eq!(open(&LegacySecret::new("K"), V2), Err(OpenError::Refused));
        assert_eq!(open(&secret, "BP 120:80"), Err(OpenError::NotAnEnvelope));
    }
}
