//! The clinic's rules for workstations, signed: a workstation keeps them, and knows them again when it is offline.
//!
//! What is signed is a text, so that nobody has to write the same JSON twice to check it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Tells a signature over a policy from one over anything else.
const DOMAIN: &str = "chatehr policy 1\n";

/// What the clinic wants of its workstations. A workstation may be stricter, never weaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Policy {
    /// Seconds without input until the screen locks.
    pub lock_after_seconds: u32,
    /// The same on a workstation that several people share.
    pub shared_lock_after_seconds: u32,
    /// Hours until a session ends, whatever happens.
    pub session_hours: u32,
    /// Days that a closed record stays on a workstation.
    pub keep_records_days: u32,
    /// Days that an audit entry is kept: 45 CFR 164.316(b)(2)(i) asks for six years.
    pub keep_audit_days: u32,
    /// Who may print: roles.
    pub may_print: Vec<String>,
    /// Who may export: roles.
    pub may_export: Vec<String>,
    /// Rules for alerts, as the workstation's own programs read them.
    #[schema(value_type = Object)]
    pub alerts: Value,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lock_after_seconds: 300,
            shared_lock_after_seconds: 120,
            session_hours: 12,
            keep_records_days: 90,
            keep_audit_days: 2555,
            may_print: vec!["physician".to_owned()],
            may_export: vec!["admin".to_owned()],
            alerts: Value::Object(serde_json::Map::new()),
        }
    }
}

impl Policy {
    /// Reads what an administrator wrote; what is absent is as by default.
    ///
    /// # Errors
    /// What is wrong with it, in words for an administrator.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("must be a JSON object".to_owned());
        }
        let policy: Self = serde_json::from_str(text).map_err(|error| format!("is not a policy: {error}"))?;
        let bounds = [
            ("lockAfterSeconds", policy.lock_after_seconds, 30, 3600),
            ("sharedLockAfterSeconds", policy.shared_lock_after_seconds, 30, 3600),
            ("sessionHours", policy.session_hours, 1, 24),
            ("keepRecordsDays", policy.keep_records_days, 1, 3650),
            ("keepAuditDays", policy.keep_audit_days, 2190, 36_500),
        ];
        match bounds.iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((name, _, least, most)) => Err(format!("{name} must be {least} to {most}")),
            None => Ok(policy),
        }
    }
}

/// A policy as it is handed out.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedPolicy {
    policy: Policy,
    /// The policy as text, which is what is signed.
    signed: String,
    /// Ed25519 (RFC 8032) over `chatehr policy 1`, a line feed and the text; base64url.
    signature: String,
    /// The server's public key; base64url.
    public_key: String,
    #[serde(skip)]
    key: SigningKey,
}

impl SignedPolicy {
    pub(crate) fn new(policy: Policy, key: SigningKey) -> Result<Self, serde_json::Error> {
        let signed = serde_json::to_string(&policy)?;
        let signature = key.sign(format!("{DOMAIN}{signed}").as_bytes());
        Ok(Self {
            policy,
            signed,
            signature: BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()),
            public_key: BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes()),
            key,
        })
    }

    /// The key that it is signed with, which the server signs everything with.
    pub(crate) const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Days that an audit entry is kept.
    pub(crate) const fn keep_audit_days(&self) -> u32 {
        self.policy.keep_audit_days
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signature;

    use super::*;

    #[test]
    fn what_is_handed_out_is_signed_with_the_servers_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signed = SignedPolicy::new(Policy::default(), key.clone()).unwrap();
        let bytes: [u8; 64] = BASE64_URL_SAFE_NO_PAD.decode(&signed.signature).unwrap().try_into().unwrap();
        let text = format!("{DOMAIN}{}", signed.signed);
        let signature = Signature::from_bytes(&bytes);
        assert!(key.verifying_key().verify_strict(text.as_bytes(), &signature).is_ok());
        assert!(key.verifying_key().verify_strict(signed.signed.as_bytes(), &signature).is_err());
        assert_eq!(serde_json::from_str::<Policy>(&signed.signed).unwrap(), signed.policy);
    }

    #[test]
    fn an_administrator_cannot_keep_the_audit_too_short() {
        assert_eq!(Policy::parse("{}").unwrap(), Policy::default());
        assert!(Policy::parse(r#"{"keepAuditDays": 365}"#).unwrap_err().contains("keepAuditDays"));
        assert!(Policy::parse(r#"{"lockAfter": 60}"#).is_err());
    }
}
