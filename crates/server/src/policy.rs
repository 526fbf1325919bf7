//! The clinic's rules for workstations, signed: a workstation keeps them, and knows them again when it is offline.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{POLICY_DOMAIN, Policy, SignedPolicy as Wire, Timestamp};
use ed25519_dalek::{Signer, SigningKey};
use serde::Serialize;

/// A policy as it is handed out, and the key behind it.
#[derive(Clone, Serialize)]
pub(crate) struct SignedPolicy {
    #[serde(flatten)]
    wire: Wire,
    #[serde(skip)]
    key: SigningKey,
}

impl SignedPolicy {
    pub(crate) fn new(
        policy: Policy,
        key: SigningKey,
        issued_at: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let signed = policy.to_sign(issued_at)?;
        let signature = key.sign(format!("{POLICY_DOMAIN}{signed}").as_bytes());
        let wire = Wire {
            policy,
            signed,
            signature: BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()),
            public_key: BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes()),
        };
        Ok(Self { wire, key })
    }

    /// The key that it is signed with, which the server signs everything with.
    pub(crate) const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Minutes that a record stays open in an emergency.
    pub(crate) const fn break_glass_minutes(&self) -> u32 {
        self.wire.policy.break_glass_minutes
    }

    /// Days that an audit entry is kept.
    pub(crate) const fn keep_audit_days(&self) -> u32 {
        self.wire.policy.keep_audit_days
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signature;

    use super::*;

    #[test]
    fn what_is_handed_out_is_signed_with_the_servers_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let Wire { policy, signed, signature, .. } =
            SignedPolicy::new(Policy::default(), key.clone(), Timestamp::from_millis(1)).unwrap().wire;
        let bytes: [u8; 64] = BASE64_URL_SAFE_NO_PAD.decode(&signature).unwrap().try_into().unwrap();
        let signature = Signature::from_bytes(&bytes);
        let text = format!("{POLICY_DOMAIN}{signed}");
        assert!(key.verifying_key().verify_strict(text.as_bytes(), &signature).is_ok());
        assert!(key.verifying_key().verify_strict(signed.as_bytes(), &signature).is_err());
        assert_eq!(serde_json::from_str::<Policy>(&signed).unwrap(), policy);
        assert!(signed.contains(r#""issuedAt":"1970-01-01T00:00:00.001Z""#), "{signed}");
    }
}
