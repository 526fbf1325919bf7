//! Heads of logs, counter-signed by somebody who does not hold the log.
//!
//! A chain shows what was changed within it. It cannot show that its end is missing or that it is an old copy: for
//! that somebody else has to remember how far it went. The server keeps the latest anchor of each workstation, refuses
//! one that goes back, and signs it; the workstation remembers the signed one beside its log.

use chatehr_contract::Timestamp;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::{
    entry::{Hash, Signature, from_sql, to_sql},
    log::hash_at,
};

/// Ties the signature to this use and this version.
const DOMAIN: &[u8] = b"chatehr audit anchor 1";

/// How far the log of one workstation went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    /// Which workstation; one that begins a new log has a new id.
    pub device_id: String,
    /// Entries ever written.
    pub count: u64,
    /// The last one's hash.
    pub head: Hash,
}

/// An anchor with the word of the one who keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedAnchor {
    /// What is signed.
    #[serde(flatten)]
    pub anchor: Anchor,
    /// When it was, by the signer's clock.
    pub at: Timestamp,
    /// Ed25519 over the domain, the device id behind its length (4 bytes), count, head and time in milliseconds
    /// (8 bytes each but the head), all big-endian.
    pub signature: Signature,
}

/// Why an anchor is not kept. The one that was kept before stays.
#[derive(Debug, thiserror::Error)]
pub enum AnchorRefused {
    /// The workstation's log was longer: this is an old copy, or one that was cut.
    #[error("the workstation's log had {kept} entries before")]
    GoesBack {
        /// How many.
        kept: u64,
    },
    /// As long as before and not the same: it was written anew.
    #[error("the workstation's log had another head at {kept} entries")]
    OtherHead {
        /// How many.
        kept: u64,
    },
    /// SQLite.
    #[error("the anchor cannot be kept")]
    Sqlite(#[from] rusqlite::Error),
}

/// Why a counter-signed anchor is not remembered. The one that was remembered before stays.
#[derive(Debug, thiserror::Error)]
pub enum RememberError {
    /// No key that we know has signed it.
    #[error("the anchor is not signed by the server")]
    Unsigned,
    /// The log never had this head.
    #[error("the anchor is not of this log")]
    NotOurs,
    /// A later one is remembered.
    #[error("an anchor at {kept} entries is remembered")]
    GoesBack {
        /// How many.
        kept: u64,
    },
    /// SQLite.
    #[error("the anchor cannot be remembered")]
    Sqlite(#[from] rusqlite::Error),
}

/// Counter-signs an anchor.
pub fn sign_anchor(key: &SigningKey, anchor: Anchor, at: Timestamp) -> SignedAnchor {
    let signature = Signature(key.sign(&message(&anchor, at)).to_bytes());
    SignedAnchor { anchor, at, signature }
}

/// Whether `key` has signed it, all of it.
pub fn check(signed: &SignedAnchor, key: &VerifyingKey) -> bool {
    is_signed(&message(&signed.anchor, signed.at), &signed.signature, std::slice::from_ref(key))
}

pub(crate) fn is_signed(message: &[u8], signature: &Signature, keys: &[VerifyingKey]) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    keys.iter().any(|key| key.verify_strict(message, &signature).is_ok())
}

fn message(anchor: &Anchor, at: Timestamp) -> Vec<u8> {
    let mut message = DOMAIN.to_vec();
    // An id of 4 GiB cannot be held in memory beside its copy here; saturating keeps the rule free of panics.
    message.extend_from_slice(&u32::try_from(anchor.device_id.len()).unwrap_or(u32::MAX).to_be_bytes());
    message.extend_from_slice(anchor.device_id.as_bytes());
    message.extend_from_slice(&anchor.count.to_be_bytes());
    message.extend_from_slice(&anchor.head.0);
    message.extend_from_slice(&at.millis().to_be_bytes());
    message
}

/// Keeps the anchor of a workstation and counter-signs it: the server's side. That the workstation is who it says it
/// is, the caller knows. The same anchor again is signed again.
///
/// # Errors
/// [`AnchorRefused`].
pub fn keep_anchor(
    connection: &Connection,
    anchor: &Anchor,
    at: Timestamp,
    key: &SigningKey,
) -> Result<SignedAnchor, AnchorRefused> {
    let signed = sign_anchor(key, anchor.clone(), at);
    let values = params![anchor.device_id, to_sql(anchor.count), anchor.head, at.millis(), signed.signature];
    let moved = connection
        .prepare_cached(
            "UPDATE audit_anchor SET count = ?2, head = ?3, at = ?4, signature = ?5
             WHERE device_id = ?1 AND (count < ?2 OR (count = ?2 AND head = ?3))",
        )?
        .execute(values)?;
    if moved == 1 {
        return Ok(signed);
    }
    let kept: Option<i64> = connection
        .prepare_cached("SELECT count FROM audit_anchor WHERE device_id = ?1")?
        .query_row([&anchor.device_id], |row| row.get(0))
        .optional()?;
    match kept.map(from_sql) {
        Some(kept) if kept == anchor.count => Err(AnchorRefused::OtherHead { kept }),
        Some(kept) => Err(AnchorRefused::GoesBack { kept }),
        None => {
            connection
                .prepare_cached(
                    "INSERT INTO audit_anchor (device_id, count, head, at, signature)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(values)?;
            Ok(signed)
        }
    }
}

/// The anchor that is kept of a workstation.
///
/// # Errors
/// SQLite's.
pub fn kept_anchor(
    connection: &Connection,
    device_id: &str,
) -> Result<Option<SignedAnchor>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT device_id, count, head, at, signature FROM audit_anchor WHERE device_id = ?1",
        )?
        .query_row([device_id], signed_anchor)
        .optional()
}

/// Remembers the latest counter-signed anchor of this very log: the workstation's side.
///
/// # Errors
/// [`RememberError`]. [`RememberError::NotOurs`] is an alarm: the server has seen another log of this workstation.
pub fn remember_anchor(
    connection: &Connection,
    signed: &SignedAnchor,
    keys: &[VerifyingKey],
) -> Result<(), RememberError> {
    if !is_rightly_signed(signed, keys) {
        return Err(RememberError::Unsigned);
    }
    let SignedAnchor { anchor, at, signature } = signed;
    if let Some(kept) = remembered_anchor(connection)?.map(|kept| kept.anchor.count)
        && kept > anchor.count
    {
        return Err(RememberError::GoesBack { kept });
    }
    if hash_at(connection, anchor.count)? != Some(anchor.head) {
        return Err(RememberError::NotOurs);
    }
    let values = params![anchor.device_id, to_sql(anchor.count), anchor.head, at.millis(), signature];
    let moved = connection
        .prepare_cached(
            "UPDATE audit_remembered SET device_id = ?1, count = ?2, head = ?3, at = ?4, signature = ?5",
        )?
        .execute(values)?;
    if moved == 0 {
        connection
            .prepare_cached("INSERT INTO audit_remembered VALUES (1, ?1, ?2, ?3, ?4, ?5)")?
            .execute(values)?;
    }
    Ok(())
}

/// The latest anchor of this log that was remembered. Whether it is rightly signed, [`verify`](crate::verify()) says.
///
/// # Errors
/// SQLite's.
pub fn remembered_anchor(connection: &Connection) -> Result<Option<SignedAnchor>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT device_id, count, head, at, signature FROM audit_remembered")?
        .query_row([], signed_anchor)
        .optional()
}

pub(crate) fn is_rightly_signed(signed: &SignedAnchor, keys: &[VerifyingKey]) -> bool {
    is_signed(&message(&signed.anchor, signed.at), &signed.signature, keys)
}

fn signed_anchor(row: &Row<'_>) -> Result<SignedAnchor, rusqlite::Error> {
    let anchor = Anchor { device_id: row.get(0)?, count: from_sql(row.get(1)?), head: row.get(2)? };
    Ok(SignedAnchor { anchor, at: Timestamp::from_millis(row.get(3)?), signature: row.get(4)? })
}

#[cfg(test)]
mod tests {
    use chatehr_contract::Timestamp;
    use ed25519_dalek::SigningKey;

    use super::{Anchor, check, message, sign_anchor};
    use crate::entry::Hash;

    #[test]
    fn the_signed_message_and_the_wire_form_never_change_unnoticed() {
        let anchor = Anchor { device_id: "desk-2".to_owned(), count: 258, head: Hash([0xAB; 32]) };
        let at = Timestamp::from_millis(1_764_086_400_250);
        let message = message(&anchor, at).escape_ascii().to_string();
        let signed = sign_anchor(&SigningKey::from_bytes(&[7; 32]), anchor, at);
        let wire = serde_json::to_string_pretty(&signed).unwrap();
        insta::assert_snapshot!("anchor_version_1", format!("{message}\n{wire}"));
        assert_eq!(serde_json::from_str::<super::SignedAnchor>(&wire).unwrap(), signed);
    }

    #[test]
    fn a_signature_covers_every_part_and_its_own_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let anchor = Anchor { device_id: "desk-2".to_owned(), count: 258, head: Hash([0xAB; 32]) };
        let signed = sign_anchor(&key, anchor, Timestamp::from_millis(5));
        assert!(check(&signed, &key.verifying_key()));
        assert!(!check(&signed, &SigningKey::from_bytes(&[8; 32]).verifying_key()));
        let refused = |change: fn(&mut super::SignedAnchor)| {
            let mut changed = signed.clone();
            change(&mut changed);
            !check(&changed, &key.verifying_key())
        };
        assert!(refused(|s| s.anchor.device_id.push('2')));
        assert!(refused(|s| s.anchor.count += 1));
        assert!(refused(|s| s.anchor.head.0[31] ^= 1));
        assert!(refused(|s| s.at = Timestamp::from_millis(6)));
        assert!(refused(|s| s.signature.0[0] ^= 1));
    }
}
