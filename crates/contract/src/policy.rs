//! The clinic's rules for workstations, and how they are handed out.
//!
//! What is signed is a text, so that nobody has to write the same JSON twice to check it. A reader passes over fields of
//! a newer server; what an administrator writes may hold none that we do not know, because a rule that is misspelled is
//! a rule that nobody keeps. The form of `alerts` is [`AlertPolicy`](crate::AlertPolicy)'s.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Timestamp;

/// What comes before the text that is signed, so that no signature over anything else can stand for it.
pub const POLICY_DOMAIN: &str = "chatehr policy 1\n";

/// Beside the rules in that text: when the server began to give them out. A workstation that has kept a later text refuses
/// an earlier one, because somebody may have kept that as well.
pub const POLICY_ISSUED_AT: &str = "issuedAt";

/// What the clinic wants of its workstations. A workstation may be stricter, never weaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
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
    /// Minutes that a record stays open which somebody opens in an emergency.
    pub break_glass_minutes: u32,
    /// Whether whoever is signed in still is when the program starts again. If not, no workstation asks for a session
    /// that outlives the program, or keeps one.
    pub stay_signed_in: bool,
    /// Who may print: roles.
    pub may_print: Vec<String>,
    /// Who may export: roles.
    pub may_export: Vec<String>,
    /// Rules for alerts, as the workstation's own programs read them.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
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
            break_glass_minutes: 30,
            stay_signed_in: true,
            may_print: vec!["physician".to_owned()],
            may_export: vec!["admin".to_owned()],
            alerts: Value::Object(Map::new()),
        }
    }
}

impl Policy {
    /// The text that is signed.
    ///
    /// # Errors
    /// Rules for alerts that are no JSON.
    pub fn to_sign(&self, issued_at: Timestamp) -> Result<String, serde_json::Error> {
        let mut fields = serde_json::to_value(self)?;
        if let Value::Object(fields) = &mut fields {
            fields.insert(POLICY_ISSUED_AT.to_owned(), serde_json::to_value(issued_at)?);
        }
        serde_json::to_string(&fields)
    }

    /// Reads what an administrator wrote; what is absent is as by default.
    ///
    /// # Errors
    /// What is wrong with it, in words for an administrator.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("must be a JSON object".to_owned());
        }
        let wrong = |error: serde_json::Error| format!("is not a policy: {error}");
        let policy: Self = serde_json::from_str(text).map_err(wrong)?;
        let written: Map<String, Value> = serde_json::from_str(text).map_err(wrong)?;
        let known = serde_json::to_value(Self::default()).map_err(wrong)?;
        if let Some(name) = written.keys().find(|name| known.get(name.as_str()).is_none()) {
            return Err(format!("is not a policy: unknown field `{name}`"));
        }
        crate::AlertPolicy::check(&policy.alerts).map_err(|error| format!("alerts: {error}"))?;
        let bounds = [
            ("lockAfterSeconds", policy.lock_after_seconds, 30, 3600),
            ("sharedLockAfterSeconds", policy.shared_lock_after_seconds, 30, 3600),
            ("sessionHours", policy.session_hours, 1, 12),
            ("keepRecordsDays", policy.keep_records_days, 1, 3650),
            ("breakGlassMinutes", policy.break_glass_minutes, 1, crate::MAX_GLASS_MINUTES),
            ("keepAuditDays", policy.keep_audit_days, 2190, 36_500),
        ];
        match bounds.iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((name, _, least, most)) => Err(format!("{name} must be {least} to {most}")),
            None => Ok(policy),
        }
    }
}

/// GET /policy: the rules with the server's word for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedPolicy {
    /// For a reader who checks nothing. What counts is the text.
    #[serde(default)]
    pub policy: Policy,
    /// The policy as text, with [`POLICY_ISSUED_AT`]; this is what is signed.
    pub signed: String,
    /// Ed25519 (RFC 8032) over [`POLICY_DOMAIN`] and the text; base64url.
    pub signature: String,
    /// The key that the server signs everything with; base64url.
    pub public_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_cannot_keep_the_audit_too_short_or_misspell_a_rule() {
        assert_eq!(Policy::parse("{}").unwrap(), Policy::default());
        assert!(Policy::parse(r#"{"keepAuditDays": 365}"#).unwrap_err().contains("keepAuditDays"));
        assert!(Policy::parse(r#"{"lockAfter": 60}"#).unwrap_err().contains("lockAfter"));
        assert!(
            Policy::parse(r#"{"alerts": {"emergency": {"sound": false}}}"#).unwrap_err().contains("alerts")
        );
        for text in ["", "[]", "{", r#"{"sessionHours": "12"}"#] {
            assert!(Policy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_of_a_newer_server_is_passed_over() {
        let read: Policy = serde_json::from_str(r#"{"lockAfterSeconds": 60, "moonlight": true}"#).unwrap();
        assert_eq!(read, Policy { lock_after_seconds: 60, ..Policy::default() });
    }

    #[test]
    fn the_form_of_a_signed_policy_is_a_promise() {
        let signed = SignedPolicy {
            policy: Policy::default(),
            signed: "{}".to_owned(),
            signature: "c2lnbmF0dXJl".to_owned(),
            public_key: "a2V5".to_owned(),
        };
        insta::assert_json_snapshot!(signed);
    }
}
