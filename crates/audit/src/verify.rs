//! Tells whether a log is what was written, all of it, and if not, from where on.
//!
//! The chain alone shows what was changed, taken out or moved within it. A cut tail, an old copy, and a log that was
//! written anew from some place on hang together perfectly: they show only against a head that somebody else
//! remembers. So [`verify`] takes what the caller knows ([`Expectations`]), adds the anchor that is remembered beside
//! the log, and compares on its way. An old copy of the whole file brings its old anchor along; only an anchor that
//! comes from the server shows it.
//!
//! It looks at what is stored through SQLite. Whether SQLite's own pages and indices hang together is
//! `PRAGMA integrity_check(audit_entry)`'s to say.

use ed25519_dalek::VerifyingKey;
use rusqlite::Connection;

use crate::{
    anchor::{SignedAnchor, is_rightly_signed, remembered_anchor},
    entry::{Hash, Head},
    log::log_id,
    prune::last_checkpoint,
    schema::first_difference,
    walk::{Known, Walk, walk},
};

/// What a caller knows of a log from elsewhere. With nothing known only the chain is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expectations<'a> {
    /// Who may have let entries go.
    pub checkpoint_keys: &'a [VerifyingKey],
    /// Who counter-signs anchors.
    pub anchor_keys: &'a [VerifyingKey],
    /// Anchors of this log from elsewhere, such as the one the server keeps now.
    pub anchors: &'a [SignedAnchor],
    /// Heads of this log that the caller has seen itself.
    pub heads: &'a [Head],
}

/// A log that is what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How far it goes.
    pub head: Head,
    /// The place of the first entry that is still there.
    pub first: u64,
    /// How far somebody else vouches for it: the greatest count of a known head or anchor. Beyond it entries may have
    /// been written anew, by somebody who did so to all of them.
    pub vouched: u64,
}

/// Why a log is not what was written. Places are those of entries, counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Nobody has begun one here.
    #[error("there is no audit log")]
    NoLog,
    /// A table, index or trigger is missing, added or not as it was made.
    #[error("{name} of the audit log is not as it was made")]
    SchemaChanged {
        /// Its name.
        name: String,
    },
    /// A head that is known is of another log.
    #[error("this is another audit log than the one that is known")]
    OtherLog,
    /// There is no entry in this place, and there are later ones.
    #[error("the audit entry {seq} is missing")]
    Missing {
        /// The first place without one.
        seq: u64,
    },
    /// There is an entry that a checkpoint says is gone.
    #[error("the audit entry {seq} was let go and is back")]
    Returned {
        /// Its place; below 1 there never was one.
        seq: i64,
    },
    /// Its bytes and its hash do not belong together.
    #[error("the audit entry {seq} was altered")]
    Altered {
        /// Its place.
        seq: u64,
    },
    /// Its hash is right and its bytes are no entry's, or a newer program's.
    #[error("the audit entry {seq} does not read")]
    Unreadable {
        /// Its place.
        seq: u64,
    },
    /// The entry that stands here belongs elsewhere.
    #[error("in the place of the audit entry {seq} stands the entry {found}")]
    Reordered {
        /// The place.
        seq: u64,
        /// What place the entry says it has.
        found: u64,
    },
    /// It hangs together in itself and not with its neighbours: its previous hash is not the one before it, or the
    /// one after it does not follow it.
    #[error("the audit entry {seq} is not the one that was written")]
    Replaced {
        /// Its place.
        seq: u64,
    },
    /// A known head is further on.
    #[error("the audit entries from {seq} to {known} are cut off")]
    CutOff {
        /// The first place without an entry.
        seq: u64,
        /// How many there were.
        known: u64,
    },
    /// A known head is not on this chain: it was written anew from somewhere between these places, or is an old copy
    /// that was written on.
    #[error("one of the audit entries from {from} to {to}, and what follows it, is not what was written")]
    NotAncestor {
        /// The first that nothing vouches for.
        from: u64,
        /// Where the known head is.
        to: u64,
    },
    /// A checkpoint is not signed by one who may, or does not follow the one before it.
    #[error("the checkpoint before the audit entry {first_kept} does not hold")]
    CheckpointRefused {
        /// What it says is the first entry.
        first_kept: u64,
    },
    /// An anchor is not signed by one who may.
    #[error("the anchor at {count} audit entries does not hold")]
    AnchorRefused {
        /// What it says is the count.
        count: u64,
    },
    /// The system gave no thread to work on.
    #[error("the audit log cannot be verified now")]
    NoThread(#[source] std::io::Error),
    /// SQLite.
    #[error("the audit log cannot be read")]
    Sqlite(#[from] rusqlite::Error),
}

impl VerifyError {
    /// The place of the first bad entry, or the first that can be; nothing where not an entry is at fault.
    pub const fn first_bad(&self) -> Option<u64> {
        match self {
            Self::Missing { seq }
            | Self::Altered { seq }
            | Self::Unreadable { seq }
            | Self::Reordered { seq, .. }
            | Self::Replaced { seq }
            | Self::CutOff { seq, .. }
            | Self::NotAncestor { from: seq, .. } => Some(*seq),
            Self::Returned { seq } => Some(if *seq > 0 { seq.cast_unsigned() } else { 0 }),
            _ => None,
        }
    }
}

/// Reads the whole log once, in constant memory.
///
/// # Errors
/// [`VerifyError`]: the first thing that is wrong.
pub fn verify(connection: &Connection, expected: &Expectations<'_>) -> Result<Verified, VerifyError> {
    // One state of the file for all that is read, whatever is written meanwhile.
    let _reading = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    if let Some(name) = first_difference(connection)? {
        return Err(VerifyError::SchemaChanged { name });
    }
    let log_id = log_id(connection)?.ok_or(VerifyError::NoLog)?;
    if expected.heads.iter().any(|head| head.log_id != log_id) {
        return Err(VerifyError::OtherLog);
    }
    let checkpoint = last_checkpoint(connection, &log_id, expected.checkpoint_keys)?;
    let (first, before) = checkpoint.map_or((1, log_id.beginning()), |c| (c.first_kept, c.hash_before));
    let known = known(connection, expected)?;
    let vouched = known.last().map_or(0, |known| known.count);
    let (count, hash) = walk(connection, Walk::new(first, before, known))?;
    Ok(Verified { head: Head { log_id, count, hash }, first, vouched })
}

/// The heads to be met on the way, in the order of the way.
fn known(connection: &Connection, expected: &Expectations<'_>) -> Result<Vec<Known>, VerifyError> {
    let place = |count: u64, hash: Hash| Known { count, hash };
    let mut known: Vec<Known> = expected.heads.iter().map(|head| place(head.count, head.hash)).collect();
    let remembered = remembered_anchor(connection)?;
    for signed in expected.anchors.iter().chain(&remembered) {
        let count = signed.anchor.count;
        if !is_rightly_signed(signed, expected.anchor_keys) {
            return Err(VerifyError::AnchorRefused { count });
        }
        known.push(place(count, signed.anchor.head));
    }
    known.sort_by_key(|known| known.count);
    Ok(known)
}
