//! The clinic's signed policy, and the heads of the audit log that the server counter-signs with the same key.
//!
//! Trust on first use: whoever calls keeps the key that was found and gives it the next time. A key that has changed is
//! never taken over by itself, because it is what a machine in between would show.

use std::{fmt, str::FromStr};

use base64::Engine as _;
use chatehr_contract::{
    KeptAnchor, KeptCount, NewAnchor, POLICY_DOMAIN, POLICY_ISSUED_AT, Policy, SignedPolicy, Timestamp,
};
use ed25519_dalek::{Signature, VerifyingKey};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    error::{BadAnswer, ClientError},
    exchange::{Asking, Unanswered},
    signed_in::{BASE64URL, SignedIn},
};

/// The public key that a server signs with: Ed25519 (RFC 8032). Written as base64url.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ServerKey([u8; 32]);

/// Not a public key in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a server's public key")]
pub struct NotAKey;

impl ServerKey {
    /// From the 32 bytes that are kept.
    ///
    /// # Errors
    /// Bytes that are no point on the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, NotAKey> {
        VerifyingKey::from_bytes(bytes).map(|_| Self(*bytes)).map_err(|_| NotAKey)
    }

    /// The 32 bytes to keep.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    fn has_signed(self, text: &str, signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(text.as_bytes(), signature).is_ok())
    }
}

impl FromStr for ServerKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = BASE64URL.decode(text).map_err(|_| NotAKey)?;
        Self::from_bytes(&bytes.try_into().map_err(|_| NotAKey)?)
    }
}

impl fmt::Display for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({self})")
    }
}

/// A policy whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPolicy {
    /// What the clinic wants.
    pub policy: Policy,
    /// When the server began to give it out, by its clock and its signature; absent where it does not say so.
    pub issued_at: Option<Timestamp>,
    /// Whose word it is: to be kept and given the next time.
    pub key: ServerKey,
    /// As it came, so that a workstation can keep it and check it again when it is offline.
    pub signed: SignedPolicy,
}

impl VerifiedPolicy {
    /// Whether it may take the place of the one that is kept: it was not given out before it. One without a date takes
    /// the place of another without one alone; whoever could leave the date out could bring any old text back.
    pub fn may_replace(&self, kept: &Self) -> bool {
        self.issued_at >= kept.issued_at
    }
}

/// Why there is no policy to keep to. The one that was kept before stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is signed with another key than the one that is pinned: another server, or somebody in between. A person
    /// decides.
    #[error("the server's signing key has changed")]
    KeyChanged {
        /// What it shows now. Whether it has signed anything, nobody has looked at.
        found: ServerKey,
    },
    /// The signature does not hold, so these are nobody's rules.
    #[error("the policy is not signed by the server's key")]
    Unsigned,
    /// What is signed is no policy.
    #[error("what is signed is not a policy")]
    Unreadable,
    /// No answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Checks a policy against the key that is pinned, or, without one, against the key that it brings.
///
/// # Errors
/// [`PolicyError`], never [`PolicyError::Client`] but for a key or signature that is none.
pub fn verify_policy(signed: SignedPolicy, pinned: Option<ServerKey>) -> Result<VerifiedPolicy, PolicyError> {
    let unusable = |field| ClientError::Malformed(BadAnswer::Field(field));
    let key: ServerKey = signed.public_key.parse().map_err(|NotAKey| unusable("publicKey"))?;
    if pinned.is_some_and(|pinned| pinned != key) {
        return Err(PolicyError::KeyChanged { found: key });
    }
    let signature = BASE64URL
        .decode(&signed.signature)
        .ok()
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or_else(|| unusable("signature"))?;
    let text = format!("{POLICY_DOMAIN}{}", signed.signed);
    if !key.has_signed(&text, &signature) {
        return Err(PolicyError::Unsigned);
    }
    // The signed text alone: what stands beside it is nobody's word.
    // As an object first, because a list would read as a policy of which everything is by default.
    let read = serde_json::from_str::<Map<String, Value>>(&signed.signed).and_then(|fields| {
        let issued_at = fields.get(POLICY_ISSUED_AT).map(Timestamp::deserialize).transpose()?;
        Ok((serde_json::from_value::<Policy>(Value::Object(fields))?, issued_at))
    });
    let (policy, issued_at) = read.map_err(|_| PolicyError::Unreadable)?;
    Ok(VerifiedPolicy { signed: SignedPolicy { policy: policy.clone(), ..signed }, policy, issued_at, key })
}

/// Why the server does not keep the head of a log. It keeps the one that it had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// It has seen a longer log: this is an old copy, or one that was cut.
    #[error("the server has seen {kept} entries of this log")]
    GoesBack {
        /// How many entries it has seen.
        kept: u64,
    },
    /// It has seen a log as long with another last entry: it was written anew.
    #[error("the server has seen another log with {kept} entries")]
    OtherHead {
        /// How many entries it has seen.
        kept: u64,
    },
    /// No answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl SignedIn {
    /// The clinic's rules for this workstation, with their signature checked. Without a pinned key whichever key the
    /// server shows is believed: keep it, and give it the next time.
    ///
    /// # Errors
    /// [`PolicyError::KeyChanged`] is for a person to decide; see [`PolicyError`].
    pub async fn policy(&self, pinned: Option<ServerKey>) -> Result<VerifiedPolicy, PolicyError> {
        verify_policy(self.get(&["policy"]).await?, pinned)
    }

    /// Leaves the head of this workstation's audit log with the server, which counter-signs it. The audit log checks
    /// the signature when it remembers it; here only that the answer is about what was asked.
    ///
    /// # Errors
    /// [`AnchorError::GoesBack`] and [`AnchorError::OtherHead`] are alarms; see [`AnchorError`].
    pub async fn keep_anchor(&self, anchor: &NewAnchor) -> Result<KeptAnchor, AnchorError> {
        let request = self.request(Method::POST, &["audit", "anchors"])?.json(anchor);
        let answer = match self.ask_closely(request).await {
            Ok(answer) => answer,
            Err(Unanswered::Refused(refusal)) if refusal.status == 409 => {
                return Err(match refusal.current::<KeptCount>() {
                    Some(KeptCount { count: kept }) if kept == anchor.count => {
                        AnchorError::OtherHead { kept }
                    }
                    Some(KeptCount { count: kept }) if kept > anchor.count => AnchorError::GoesBack { kept },
                    _ => refusal.read(Asking::Session).into(),
                });
            }
            Err(told) => return Err(told.read(Asking::Session).into()),
        };
        let kept: KeptAnchor = answer.json()?;
        if (kept.count, &kept.head) != (anchor.count, &anchor.head) {
            return Err(ClientError::Malformed(BadAnswer::Field("head")).into());
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    fn signed(seed: u8, text: &str) -> SignedPolicy {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let signature = key.sign(format!("chatehr policy 1\n{text}").as_bytes());
        SignedPolicy {
            policy: Policy::default(),
            signed: text.to_owned(),
            signature: BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()),
            public_key: BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes()),
        }
    }

    fn key(seed: u8) -> ServerKey {
        ServerKey(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes())
    }

    #[test]
    fn the_signed_text_is_the_policy_and_what_stands_beside_it_is_nothing() {
        let answer = signed(7, r#"{"lockAfterSeconds": 45, "rule of a newer server": {"a": 1}}"#);
        let verified = verify_policy(answer.clone(), None).unwrap();
        assert_eq!((verified.policy.lock_after_seconds, verified.key), (45, key(7)));
        assert_eq!(verified.signed.policy, verified.policy);
        assert_eq!(verify_policy(answer, Some(key(7))).unwrap(), verified);
        assert_eq!(
            verify_policy(verified.signed.clone(), Some(key(7))).unwrap(),
            verified,
            "kept, and read again"
        );
    }

    #[test]
    fn a_changed_policy_and_a_changed_key_are_told_apart() {
        let mut forged = signed(7, r#"{"lockAfterSeconds": 45}"#);
        forged.signed = r#"{"lockAfterSeconds": 3600}"#.to_owned();
        assert_eq!(verify_policy(forged.clone(), None), Err(PolicyError::Unsigned));
        assert_eq!(verify_policy(forged, Some(key(7))), Err(PolicyError::Unsigned));
        assert_eq!(
            verify_policy(signed(8, "{}"), Some(key(7))),
            Err(PolicyError::KeyChanged { found: key(8) }),
            "soundly signed, by somebody else"
        );
        assert_eq!(verify_policy(signed(7, "[]"), None), Err(PolicyError::Unreadable));
        let broken = |change: fn(&mut SignedPolicy)| {
            let mut answer = signed(7, "{}");
            change(&mut answer);
            verify_policy(answer, None)
        };
        let field = |name| Err(ClientError::Malformed(BadAnswer::Field(name)).into());
        assert_eq!(broken(|answer| answer.signature.clear()), field("signature"));
        assert_eq!(broken(|answer| answer.public_key.push('!')), field("publicKey"));
    }

    #[test]
    fn a_policy_that_was_given_out_before_takes_no_others_place() {
        let at = |date: &str| verify_policy(signed(7, &format!("{{{date}}}")), None).unwrap();
        let (undated, earlier, later) = (
            at(""),
            at(r#""issuedAt": "2026-11-25T08:00:00.000Z""#),
            at(r#""issuedAt": "2026-11-26T08:00:00.000Z""#),
        );
        assert!(
            later.may_replace(&earlier) && earlier.may_replace(&undated) && undated.may_replace(&undated)
        );
        assert!(later.may_replace(&later), "the same server, asked again");
        assert!(!earlier.may_replace(&later) && !undated.may_replace(&earlier));
        let text = r#"{"issuedAt": "yesterday"}"#;
        assert_eq!(verify_policy(signed(7, text), None), Err(PolicyError::Unreadable));
    }

    #[test]
    fn a_key_is_kept_as_text_or_bytes() {
        assert_eq!(key(7).to_string().parse(), Ok(key(7)));
        assert_eq!(ServerKey::from_bytes(&key(7).to_bytes()), Ok(key(7)));
        assert_eq!("".parse::<ServerKey>(), Err(NotAKey));
    }
}
