//! The key that the demonstration's tokens are signed with (ES256; RFC 7518, section 3.4).

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const KID: &str = "demonstration";

/// A pair that lasts as long as the server.
pub(super) struct Key {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

/// No key could be made, or nothing signed with it.
#[derive(Debug, thiserror::Error)]
#[error("the demonstration's sign-in has no key to sign with")]
pub(crate) struct NoKey;

impl Key {
    pub(super) fn new() -> Result<Self, NoKey> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| NoKey)?;
        Ok(Self { pair, random: SystemRandom::new() })
    }

    /// As it is published (RFC 7517).
    pub(super) fn jwk(&self) -> Value {
        // An uncompressed point: 4, then x and y of 32 bytes each.
        let point = self.pair.public_key().as_ref();
        let part =
            |from: usize| BASE64_URL_SAFE_NO_PAD.encode(point.get(from..from + 32).unwrap_or_default());
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KID, "x": part(1), "y": part(33)
        })
    }

    /// A token of this kind (RFC 7515, section 7.1).
    pub(super) fn sign(&self, kind: &str, claims: &Value) -> Result<String, NoKey> {
        let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let signed =
            format!("{}.{}", part(&json!({ "alg": "ES256", "kid": KID, "typ": kind })), part(claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).map_err(|_| NoKey)?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}
