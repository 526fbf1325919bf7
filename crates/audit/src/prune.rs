//! Lets go of the oldest entries when their time is over, and leaves a signed checkpoint in their place.
//!
//! A checkpoint says up to where entries are gone, what the hash there was, and who says so. What remains is verified
//! from there on. Nothing is let go from a log that does not verify: that would remove the evidence and bless the rest.

use chatehr_contract::Timestamp;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    anchor::is_signed,
    entry::{Hash, LogId, Signature, from_sql, to_sql},
    log::hash_at,
    verify::{Expectations, VerifyError, verify},
};

/// Ties the signature to this use and this version.
const DOMAIN: &[u8] = b"chatehr audit checkpoint 1";

/// What stands for entries that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The place of the first entry that was kept.
    pub first_kept: u64,
    /// The hash of the last entry that is gone.
    pub hash_before: Hash,
    /// How many went this time.
    pub removed: u64,
    /// When.
    pub at: Timestamp,
    /// Ed25519 over the domain, the log's id, and the above in this order, numbers big-endian in 8 bytes.
    pub signature: Signature,
}

/// Why nothing was let go.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Entries and their checkpoint go together or not at all.
    #[error("an audit log is pruned in a transaction")]
    OutsideTransaction,
    /// The log is not as it was written.
    #[error("an audit log that does not verify is not pruned")]
    Unsound(#[source] VerifyError),
    /// The signing key is not among those that may.
    #[error("the key is not one that may sign checkpoints")]
    OtherKey,
    /// SQLite.
    #[error("the audit log cannot be pruned")]
    Sqlite(#[from] rusqlite::Error),
}

/// Verifies the log and removes its oldest entries as far as each is from earlier than `before`: up to the first that
/// is not, whatever stands behind it. `None` when there are none. The caller writes down that it did so, in the same
/// transaction.
///
/// # Errors
/// [`PruneError`]; the caller rolls back.
pub fn prune(
    connection: &Connection,
    before: Timestamp,
    key: &SigningKey,
    at: Timestamp,
    expected: &Expectations<'_>,
) -> Result<Option<Checkpoint>, PruneError> {
    if connection.is_autocommit() {
        return Err(PruneError::OutsideTransaction);
    }
    if !expected.checkpoint_keys.contains(&key.verifying_key()) {
        return Err(PruneError::OtherKey);
    }
    let verified = verify(connection, expected).map_err(PruneError::Unsound)?;
    let first_young: Option<i64> = connection
        .prepare_cached("SELECT seq FROM audit_entry NOT INDEXED WHERE at >= ?1 ORDER BY seq LIMIT 1")?
        .query_row([before.millis()], |row| row.get(0))
        .optional()?;
    let first_kept = first_young.map_or(verified.head.count.saturating_add(1), from_sql);
    let removed = first_kept.saturating_sub(verified.first);
    let last_gone = hash_at(connection, first_kept.saturating_sub(1))?;
    let (Some(hash_before), 1..) = (last_gone, removed) else { return Ok(None) };
    let mut checkpoint = Checkpoint { first_kept, hash_before, removed, at, signature: Signature([0; 64]) };
    checkpoint.signature = Signature(key.sign(&message(&verified.head.log_id, &checkpoint)).to_bytes());
    connection.prepare_cached("INSERT INTO audit_checkpoint VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
        params![to_sql(first_kept), hash_before, to_sql(removed), at.millis(), checkpoint.signature],
    )?;
    connection.prepare_cached("DELETE FROM audit_entry WHERE seq < ?1")?.execute([to_sql(first_kept)])?;
    Ok(Some(checkpoint))
}

fn message(log_id: &LogId, checkpoint: &Checkpoint) -> Vec<u8> {
    let Checkpoint { first_kept, hash_before, removed, at, signature: _ } = checkpoint;
    let mut message = DOMAIN.to_vec();
    message.extend_from_slice(&log_id.0);
    message.extend_from_slice(&first_kept.to_be_bytes());
    message.extend_from_slice(&hash_before.0);
    message.extend_from_slice(&removed.to_be_bytes());
    message.extend_from_slice(&at.millis().to_be_bytes());
    message
}

/// The last checkpoint, after all of them were found to be signed and to follow each other. The error names the first
/// that is not, by its place.
pub(crate) fn last_checkpoint(
    connection: &Connection,
    log_id: &LogId,
    keys: &[VerifyingKey],
) -> Result<Option<Checkpoint>, VerifyError> {
    let mut statement = connection.prepare_cached(
        "SELECT first_kept, hash_before, removed, at, signature FROM audit_checkpoint ORDER BY first_kept",
    )?;
    let mut rows = statement.query([])?;
    let mut last: Option<Checkpoint> = None;
    while let Some(row) = rows.next()? {
        let checkpoint = checkpoint(row)?;
        let follows = last.map_or(1, |last| last.first_kept).checked_add(checkpoint.removed);
        if follows != Some(checkpoint.first_kept)
            || !is_signed(&message(log_id, &checkpoint), &checkpoint.signature, keys)
        {
            return Err(VerifyError::CheckpointRefused { first_kept: checkpoint.first_kept });
        }
        last = Some(checkpoint);
    }
    Ok(last)
}

fn checkpoint(row: &Row<'_>) -> Result<Checkpoint, rusqlite::Error> {
    Ok(Checkpoint {
        first_kept: from_sql(row.get(0)?),
        hash_before: row.get(1)?,
        removed: from_sql(row.get(2)?),
        at: Timestamp::from_millis(row.get(3)?),
        signature: row.get(4)?,
    })
}
