//! The provider's keys (RFC 7517). One that cannot be read or is not good enough is as if it were not there, so that
//! a provider may publish keys for other uses beside ours.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::Refusal;

/// Fewest bits of an RSA modulus (RFC 7518, section 3.3); most, because the work grows with them.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Bytes of a P-256 coordinate, leading zeros included (RFC 7518, section 6.2.1.2).
const P256_BYTES: usize = 32;

/// Tells one key from every other, also from a later one under the same name.
pub(crate) type Print = [u8; 32];

/// A key that may verify a token.
pub(crate) struct Key {
    kid: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
    pub(crate) print: Print,
}

/// What `jwks_uri` answers.
#[derive(Deserialize)]
pub(crate) struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

/// The keys of one fetch.
pub(crate) struct KeySet(Vec<Arc<Key>>);

impl KeySet {
    pub(crate) fn read(document: Document) -> Self {
        let keys = document.keys.into_iter().filter_map(|jwk| Key::read(serde_json::from_value(jwk).ok()?));
        Self(keys.map(Arc::new).collect())
    }

    /// The key for a token that names `kid`, or names none; nothing when the provider may have it by now.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<Key>>, Refusal> {
        let named = |key: &&Arc<Key>| kid.is_none() || key.kid.as_deref() == kid;
        let fitting = |key: &&Arc<Key>| key.algorithm == algorithm;
        let mut candidates = self.0.iter().filter(named).filter(fitting);
        match (candidates.next(), candidates.next()) {
            (Some(key), None) => Ok(Some(Arc::clone(key))),
            (Some(_), Some(_)) if kid.is_none() => Err(Refusal::NoKeyId),
            (Some(_), Some(_)) => Err(Refusal::AmbiguousKey),
            (None, _) if kid.is_some() && self.0.iter().any(|key| named(&key)) => Err(Refusal::Algorithm),
            (None, _) => Ok(None),
        }
    }

    /// Whether the key is still published.
    pub(crate) fn holds(&self, print: &Print) -> bool {
        self.0.iter().any(|key| key.print == *print)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        let for_signatures = jwk.public_key_use.is_none_or(|word| word == "sig");
        let for_verifying = jwk.key_ops.is_none_or(|words| words.iter().any(|word| word == "verify"));
        if !for_signatures || !for_verifying {
            return None;
        }
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let (algorithm, key) = match (jwk.kty.as_str(), jwk.alg.as_deref(), jwk.crv.as_deref()) {
            ("RSA", None | Some("RS256"), _) => {
                RSA_BITS.contains(&bits(&bytes(&jwk.n)?)).then_some(())?;
                (Algorithm::RS256, DecodingKey::from_rsa_components(&jwk.n, &jwk.e).ok()?)
            }
            ("EC", None | Some("ES256"), Some("P-256")) => {
                let whole = |text: &str| bytes(text).is_some_and(|bytes| bytes.len() == P256_BYTES);
                (whole(&jwk.x) && whole(&jwk.y)).then_some(())?;
                (Algorithm::ES256, DecodingKey::from_ec_components(&jwk.x, &jwk.y).ok()?)
            }
            _ => return None,
        };
        // No base64url has a line break, so no two keys run together to the same bytes.
        let whole =
            [jwk.kty.as_str(), jwk.kid.as_deref().unwrap_or_default(), &jwk.n, &jwk.e, &jwk.x, &jwk.y];
        let print = Sha256::digest(whole.join("\n").as_bytes()).into();
        Some(Self { kid: jwk.kid, algorithm, key, print })
    }
}

/// Bits of a number, leading zeros not counted.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros).map_or(0, |first| (number.len() - zeros) * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accepted(jwk: Value) -> bool {
        KeySet::read(serde_json::from_value(json!({ "keys": [jwk] })).unwrap()).len() == 1
    }

    fn rsa(bytes: usize) -> Value {
        json!({ "kty": "RSA", "kid": "a", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(vec![0x80; bytes]) })
    }

    fn ec(curve: &str, bytes: usize) -> Value {
        let coordinate = URL_SAFE_NO_PAD.encode(vec![7; bytes]);
        json!({ "kty": "EC", "kid": "a", "crv": curve, "x": coordinate, "y": coordinate })
    }

    fn with(mut jwk: Value, name: &str, value: Value) -> Value {
        jwk[name] = value;
        jwk
    }

    #[test]
    fn a_key_is_taken_only_where_it_is_good_enough() {
        assert!(accepted(rsa(256)));
        assert!(!accepted(rsa(255)), "fewer than 2048 bits");
        assert!(!accepted(rsa(1025)), "more than 8192 bits");
        let padded = URL_SAFE_NO_PAD.encode([vec![0; 128], vec![0x80; 128]].concat());
        assert!(!accepted(with(rsa(256), "n", json!(padded))), "1024 bits behind zeros");
        assert!(accepted(ec("P-256", 32)));
        assert!(!accepted(ec("P-256", 31)), "a coordinate cut short");
        assert!(!accepted(ec("P-384", 48)));
    }

    #[test]
    fn a_key_is_taken_only_for_what_it_is_published_for() {
        for (name, value) in [("use", json!("sig")), ("key_ops", json!(["verify"])), ("alg", json!("RS256"))]
        {
            assert!(accepted(with(rsa(256), name, value.clone())), "{name} {value}");
        }
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!("")),
            ("key_ops", json!(["encrypt", "sign"])),
            ("alg", json!("RS512")),
            ("alg", json!("PS256")),
            ("alg", json!("ES256")),
            ("alg", json!("HS256")),
            ("kty", json!("oct")),
            ("kty", json!(3)),
            ("n", json!("not base64url!")),
        ] {
            assert!(!accepted(with(rsa(256), name, value.clone())), "{name} {value}");
        }
        for jwk in [json!(null), json!("key"), json!({}), json!({ "kty": "oct", "k": "c2VjcmV0" })] {
            assert!(!accepted(jwk.clone()), "{jwk}");
        }
    }

    #[test]
    fn a_key_under_an_old_name_is_another_key() {
        let print = |jwk: Value| Key::read(serde_json::from_value(jwk).unwrap()).unwrap().print;
        assert_eq!(print(rsa(256)), print(rsa(256)));
        assert_ne!(print(rsa(256)), print(rsa(257)));
        assert_ne!(print(rsa(256)), print(with(rsa(256), "kid", json!("b"))));
    }
}
