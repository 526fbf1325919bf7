//! Tokens and codes: overwritten when the last copy goes, and never shown.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::surroundings::{NoRandomness, Surroundings};

/// A text that opens something. Cheap to clone; all clones are one text.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// 256 bits as 43 characters: enough for a state or nonce, and the shortest verifier that RFC 7636 allows.
    pub(crate) fn random(surroundings: &Surroundings) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; 32]);
        (surroundings.random)(&mut *bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(*bytes).into())
    }

    /// Its SHA-256 in base64url.
    pub(crate) fn hashed(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose()))
    }

    /// Compares hashes, so that the time it takes tells nothing.
    pub(crate) fn is(&self, other: &str) -> bool {
        Sha256::digest(self.expose()) == Sha256::digest(other)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Opens the person's records for some minutes. Lives in memory only.
#[derive(Clone, Debug)]
pub struct AccessToken(pub(crate) Secret);

impl AccessToken {
    /// One that was handed out before.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The text after `Bearer `.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Brings new access tokens until the session ends. Good for one use where the provider rotates it.
#[derive(Clone, Debug)]
pub struct RefreshToken(pub(crate) Secret);

impl RefreshToken {
    /// One that was kept.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// What is to be kept.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chatehr_contract::Timestamp;

    use super::*;

    #[test]
    fn a_challenge_is_the_one_of_the_standard() {
        // RFC 7636, appendix B, with its octets as randomness.
        let octets = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
            214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let surroundings = Surroundings {
            clock: Arc::new(|| Timestamp::from_millis(0)),
            sleep: Arc::new(|_| Box::pin(std::future::pending())),
            random: Arc::new(move |bytes| {
                bytes.copy_from_slice(&octets);
                Ok(())
            }),
        };
        let verifier = Secret::random(&surroundings).unwrap();
        assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.hashed(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_token_is_never_shown() {
        let (access, refresh) = (AccessToken("canary".to_owned().into()), RefreshToken::new("canary"));
        assert_eq!(format!("{access:?} {refresh:?}"), "AccessToken(…) RefreshToken(…)");
    }

    #[test]
    fn a_state_is_itself_and_nothing_near_it() {
        let state = Secret::from("abc".to_owned());
        assert!(state.is("abc"));
        for other in ["", "ab", "abcd", "ABC", " abc"] {
            assert!(!state.is(other), "{other}");
        }
    }
}
