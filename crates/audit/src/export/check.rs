//! Reads an export in JSON lines and tells whether its entries are what was written.
//!
//! Each line carries its entry's hash and the one before it, so an altered line is found by itself, and one that was
//! put in another's place by its neighbours. What an export cannot show: whether lines are missing where its places
//! leave a gap (a search that was exported leaves gaps, too), whether it was cut off at either end, and whether all of
//! it was written anew. For that somebody else has to remember a head ([`verify_lines`] takes anchors), or the log
//! itself is needed ([`verify`](crate::verify())).

use std::io::{self, BufRead, Read};

use crate::{
    anchor::Anchor,
    encoding::encode,
    entry::{Entry, Hash},
};

/// A longer line is not read into memory; the longest entry of ours has some thousand bytes.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// An export whose lines are what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedLines {
    /// How many entries there are.
    pub count: u64,
    /// The place of the first in the log.
    pub first: u64,
    /// The place of the last.
    pub last: u64,
    /// The last one's hash.
    pub head: Hash,
    /// How many places between the first and the last are not in the export.
    pub left_out: u64,
    /// How many of the anchors were met.
    pub met: usize,
}

/// Why an export is not what was written. Lines are counted from 1, places are those of the log.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// Nothing is in it.
    #[error("there is no entry in the export")]
    Empty,
    /// It is not an entry, or has more in it than an entry.
    #[error("line {line} is not an audit entry")]
    NotAnEntry {
        /// The line.
        line: u64,
    },
    /// What it says and its hash do not belong together.
    #[error("line {line}, the audit entry {seq}, was altered")]
    Altered {
        /// The line.
        line: u64,
        /// What place the entry says it has.
        seq: u64,
    },
    /// It does not follow the line before it, and nobody tells which of the two is the stranger.
    #[error(
        "line {line}, the audit entry {seq}, does not follow the one before it: one of them is not what was written"
    )]
    Unlinked {
        /// The later of the two.
        line: u64,
        /// Its place.
        seq: u64,
    },
    /// It hangs together in itself, and not with its neighbours on either side.
    #[error("line {line}, the audit entry {seq}, is not the one that was written")]
    Replaced {
        /// The line.
        line: u64,
        /// Its place.
        seq: u64,
    },
    /// Lines go forward in the log.
    #[error("line {line}, the audit entry {seq}, stands behind the entry {after}")]
    Reordered {
        /// The line.
        line: u64,
        /// Its place.
        seq: u64,
        /// The place of the one before it.
        after: u64,
    },
    /// An anchor has another head at this place.
    #[error("line {line}, the audit entry {seq}, or one before it is not what the server has seen")]
    OtherHead {
        /// The line.
        line: u64,
        /// Its place.
        seq: u64,
    },
    /// The export cannot be read.
    #[error("the export cannot be read after line {after}")]
    Read {
        /// The last line that could be.
        after: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads an export once, in constant memory, and compares it with these anchors, whose signatures are the caller's to
/// check.
///
/// # Errors
/// [`LinesError`]: the first line that is wrong.
pub fn verify_lines(mut lines: impl BufRead, anchors: &[Anchor]) -> Result<VerifiedLines, LinesError> {
    let mut seen: Option<Seen> = None;
    let mut text = Vec::new();
    let mut line = 0;
    loop {
        text.clear();
        let mut limited = (&mut lines).take(MOST_BYTES);
        let read = limited.read_until(b'\n', &mut text);
        if read.map_err(|source| LinesError::Read { after: line, source })? == 0 {
            break;
        }
        line += 1;
        let next = entry(&text).ok_or(LinesError::NotAnEntry { line });
        let so_far = match (seen.take(), next) {
            (None, next) => Seen::first(&own(next?, line)?, line),
            (Some(before), next) => before.followed_by(next.and_then(|next| own(next, line)), line)?,
        };
        seen = Some(so_far.compared(anchors)?);
    }
    seen.ok_or(LinesError::Empty)?.end()
}

/// The entry of a line, if nothing else is in it.
fn entry(line: &[u8]) -> Option<Entry> {
    let entry: Entry = serde_json::from_slice(line).ok()?;
    let all: serde_json::Value = serde_json::from_slice(line).ok()?;
    // The hash is over what an entry has; a member beside that would pass for vouched for.
    (serde_json::to_value(&entry).ok()? == all).then_some(entry)
}

/// The entry, if its hash is its own.
fn own(entry: Entry, line: u64) -> Result<Entry, LinesError> {
    let mut sealed = entry.previous_hash.0.to_vec();
    let is_own = encode(&mut sealed, entry.seq, &entry.said).is_ok() && Hash::of(&sealed) == entry.hash;
    if is_own { Ok(entry) } else { Err(LinesError::Altered { line, seq: entry.seq }) }
}

/// What was read so far.
struct Seen {
    so_far: VerifiedLines,
    line: u64,
    /// Whether the last line does not follow its neighbour: the next neighbour tells which of the two is wrong.
    loose: bool,
}

impl Seen {
    const fn first(entry: &Entry, line: u64) -> Self {
        let Entry { seq, hash, .. } = *entry;
        let so_far = VerifiedLines { count: 1, first: seq, last: seq, head: hash, left_out: 0, met: 0 };
        Self { so_far, line, loose: false }
    }

    fn followed_by(mut self, next: Result<Entry, LinesError>, line: u64) -> Result<Self, LinesError> {
        let Ok(next) = next else {
            self.loose_end()?;
            return Err(next.err().unwrap_or(LinesError::NotAnEntry { line }));
        };
        let seq = next.seq;
        if seq <= self.so_far.last {
            self.loose_end()?;
            return Err(LinesError::Reordered { line, seq, after: self.so_far.last });
        }
        let between = seq - self.so_far.last - 1;
        let follows = next.previous_hash == self.so_far.head;
        if between > 0 {
            self.loose_end()?;
        } else if self.loose {
            // If this one follows the last, the two agree and the one before them is the stranger.
            let back = u64::from(follows);
            return Err(LinesError::Replaced { line: self.line - back, seq: self.so_far.last - back });
        }
        self.loose = between == 0 && !follows;
        self.so_far.left_out += between;
        self.so_far.count += 1;
        self.so_far.last = seq;
        self.so_far.head = next.hash;
        self.line = line;
        Ok(self)
    }

    fn compared(mut self, anchors: &[Anchor]) -> Result<Self, LinesError> {
        for anchor in anchors.iter().filter(|anchor| anchor.count == self.so_far.last) {
            if anchor.head != self.so_far.head {
                return Err(LinesError::OtherHead { line: self.line, seq: self.so_far.last });
            }
            self.so_far.met += 1;
        }
        Ok(self)
    }

    const fn loose_end(&self) -> Result<(), LinesError> {
        if self.loose { Err(LinesError::Unlinked { line: self.line, seq: self.so_far.last }) } else { Ok(()) }
    }

    fn end(self) -> Result<VerifiedLines, LinesError> {
        self.loose_end()?;
        Ok(self.so_far)
    }
}
