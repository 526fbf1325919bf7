//! The outside of a token: three parts, and a header that is looked at before anything in it is believed.
//!
//! A key or an address of one in the header (`jwk`, `jku`, `x5u`, `x5c`) is not even read: keys come from the provider.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chatehr_contract::Unique;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{error::Refusal, key_set::Key};

/// Most bytes of a token.
const MAX_BYTES: usize = 16 * 1024;

/// A token taken apart. Nothing of it has been verified.
pub(crate) struct Envelope<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    /// Whether the header says that it is an access token (RFC 9068, section 2.1).
    pub(crate) typed: bool,
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// `crit` counts even when it is null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Envelope<'a> {
    /// Takes it apart.
    pub(crate) fn open(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > MAX_BYTES {
            return Err(Refusal::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header: Header = json(header)?;
        if header.crit {
            return Err(Refusal::CriticalHeader);
        }
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::RS256,
            "ES256" => Algorithm::ES256,
            _ => return Err(Refusal::Algorithm),
        };
        let typed = match header.typ.as_deref().map(media_type).as_deref() {
            Some("at+jwt") => true,
            Some("jwt") | None => false,
            Some(_) => return Err(Refusal::Type),
        };
        Ok(Self { algorithm, kid: header.kid, typed, signed, payload, signature })
    }

    /// The claims, once the signature holds.
    pub(crate) fn verify(&self, key: &Key) -> Result<Map<String, Value>, Refusal> {
        jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), &key.key, key.algorithm)
            .ok()
            .filter(|holds| *holds)
            .ok_or(Refusal::Signature)?;
        match json::<Unique>(self.payload)? {
            Unique(Value::Object(claims)) => Ok(claims),
            Unique(_) => Err(Refusal::Malformed),
        }
    }
}

/// `typ` in small letters and without the `application/` that may stand before it (RFC 7515, section 4.1.9).
fn media_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").map_or_else(|| typ.clone(), str::to_owned)
}

fn json<T: DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)
}
