//! Goes along the chain, entry by entry.
//!
//! SQLite reads on one thread while another hashes what was read: each takes about as long as the other, and waiting
//! in turn would double the time. A log that fits into one portion is done without.

use std::{sync::mpsc, thread};

use rusqlite::{Connection, Rows};

use crate::{
    encoding::Encoded,
    entry::{Hash, to_sql},
    log::COLUMNS,
    verify::VerifyError,
};

/// Bytes of entries that go from one thread to the other at once.
const PORTION_BYTES: usize = 256 * 1024;
/// Entries, should they be small.
const PORTION_ENTRIES: usize = 4096;
/// Portions on their way.
const PORTIONS: usize = 2;

/// A head that the chain has to pass through.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) count: u64,
    pub(crate) hash: Hash,
}

/// How far the chain was followed.
pub(crate) struct Walk {
    /// Place and hash of the last entry that was looked at.
    count: u64,
    hash: Hash,
    /// Still to be met.
    known: std::iter::Peekable<std::vec::IntoIter<Known>>,
    /// How far somebody else vouches for what was seen, or for what came before it.
    vouched: u64,
    /// Whether the last entry does not follow the one before it: the next one tells which of the two is wrong.
    loose: bool,
}

impl Walk {
    /// From the entry `first`, which follows `before`. `known` is in the order of its counts.
    pub(crate) fn new(first: u64, before: Hash, known: Vec<Known>) -> Self {
        let count = first.saturating_sub(1);
        Self { count, hash: before, known: known.into_iter().peekable(), vouched: count, loose: false }
    }

    fn step(&mut self, seq: i64, sealed: &[u8], hash: Hash) -> Result<(), VerifyError> {
        self.meet_known()?;
        let expected = self.count.saturating_add(1);
        if seq > to_sql(expected) {
            return Err(self.loose_end().err().unwrap_or(VerifyError::Missing { seq: expected }));
        }
        if seq < to_sql(expected) {
            return Err(VerifyError::Returned { seq });
        }
        if Hash::of(sealed) != hash {
            return Err(VerifyError::Altered { seq: expected });
        }
        let Some((previous, encoding)) = sealed.split_first_chunk() else {
            return Err(VerifyError::Unreadable { seq: expected });
        };
        let follows = *previous == self.hash.0;
        if self.loose {
            // The last entry did not follow the one before it. If this one follows it, it is one of two that agree.
            let seq = if follows { self.count.saturating_sub(1) } else { self.count };
            return Err(VerifyError::Replaced { seq });
        }
        let Some(Encoded { seq: found, .. }) = Encoded::read(encoding) else {
            return Err(VerifyError::Unreadable { seq: expected });
        };
        if found != expected {
            return Err(VerifyError::Reordered { seq: expected, found });
        }
        if !follows {
            // What comes before the first entry, and what somebody vouches for, is beyond doubt.
            if self.vouched == self.count {
                return Err(VerifyError::Replaced { seq: expected });
            }
            self.loose = true;
        }
        self.count = expected;
        self.hash = hash;
        Ok(())
    }

    /// Compares where we are with the heads that are known here.
    fn meet_known(&mut self) -> Result<(), VerifyError> {
        while let Some(known) = self.known.next_if(|known| known.count <= self.count) {
            // Heads within what was let go cannot be compared any more: its checkpoint vouches for it.
            if known.count < self.count {
                continue;
            }
            if known.hash != self.hash {
                let from = self.vouched.saturating_add(1).min(known.count);
                return Err(VerifyError::NotAncestor { from, to: known.count });
            }
            if self.loose {
                return Err(VerifyError::Replaced { seq: self.count.saturating_sub(1) });
            }
            self.vouched = known.count;
        }
        Ok(())
    }

    /// An entry that follows nothing, and that nothing follows.
    const fn loose_end(&self) -> Result<(), VerifyError> {
        if self.loose { Err(VerifyError::Replaced { seq: self.count }) } else { Ok(()) }
    }

    fn end(mut self) -> Result<(u64, Hash), VerifyError> {
        self.meet_known()?;
        self.loose_end()?;
        match self.known.last() {
            Some(Known { count: known, .. }) => {
                Err(VerifyError::CutOff { seq: self.count.saturating_add(1), known })
            }
            None => Ok((self.count, self.hash)),
        }
    }
}

/// Entries as they are stored.
#[derive(Default)]
struct Portion {
    entries: Vec<(i64, usize, Hash)>,
    bytes: Vec<u8>,
}

impl Portion {
    /// Takes rows until it is full; whether there may be more.
    fn fill(&mut self, rows: &mut Rows<'_>) -> Result<bool, rusqlite::Error> {
        self.entries.clear();
        self.bytes.clear();
        while self.bytes.len() < PORTION_BYTES && self.entries.len() < PORTION_ENTRIES {
            let Some(row) = rows.next()? else { return Ok(false) };
            let sealed = row.get_ref(1)?.as_blob()?;
            // A hash of another length is no entry's hash; nor is this one.
            let hash = row.get_ref(2)?.as_blob()?.try_into().unwrap_or([0; 32]);
            self.entries.push((row.get(0)?, sealed.len(), Hash(hash)));
            self.bytes.extend_from_slice(sealed);
        }
        Ok(true)
    }

    fn follow(&self, walk: &mut Walk) -> Result<(), VerifyError> {
        let mut rest = self.bytes.as_slice();
        for (seq, length, hash) in &self.entries {
            let (sealed, after) = rest.split_at_checked(*length).unwrap_or_default();
            rest = after;
            walk.step(*seq, sealed, *hash)?;
        }
        Ok(())
    }
}

/// Follows the stored chain to its end: the last place and its hash.
pub(crate) fn walk(connection: &Connection, mut walk: Walk) -> Result<(u64, Hash), VerifyError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM audit_entry ORDER BY seq"))?;
    let mut rows = statement.query([])?;
    let mut portion = Portion::default();
    let mut more = portion.fill(&mut rows)?;
    if !more {
        portion.follow(&mut walk)?;
        return walk.end();
    }
    thread::scope(|scope| {
        let (full, filled) = mpsc::sync_channel::<Portion>(PORTIONS);
        let (empty, emptied) = mpsc::channel();
        let hashing = thread::Builder::new()
            .name("audit-hashing".to_owned())
            .spawn_scoped(scope, move || {
                for portion in filled {
                    portion.follow(&mut walk)?;
                    // At the end nobody fills it again.
                    drop(empty.send(portion));
                }
                walk.end()
            })
            .map_err(VerifyError::NoThread)?;
        // Sending fails when the other side has found something wrong.
        while full.send(portion).is_ok() && more {
            portion = emptied.try_recv().unwrap_or_default();
            more = portion.fill(&mut rows)?;
        }
        drop(full);
        hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
