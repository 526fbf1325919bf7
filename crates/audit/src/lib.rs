//! The append-only, verifiable log of who did what, to whose record, and what became of it.
//!
//! Promises: an entry is written in the transaction of the action it records, so that neither is there without the
//! other; every entry is chained to the one before it by SHA-256 over a versioned encoding; whatever is altered, taken
//! out, moved, cut off or written anew is found by [`verify()`], as far as somebody else remembers a head; and what is
//! let go when its time is over leaves a signed checkpoint, so that the rest still verifies.
//! Refuses: content. An entry names who, what and whose, in words and ids. Refuses also to own anything: the connection,
//! the clock, the keys and the randomness are the caller's. Tables whose names begin with `audit_` are this crate's.
//!
//! On the desktop the tables lie in the encrypted ledger, on the server beside the records.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod anchor;
mod encoding;
mod entry;
mod export;
mod log;
mod prune;
mod schema;
mod search;
mod verify;
mod walk;

pub use anchor::{
    Anchor, AnchorRefused, RememberError, SignedAnchor, check, keep_anchor, kept_anchor, remember_anchor,
    remembered_anchor, sign_anchor,
};
pub use ed25519_dalek::{SigningKey, VerifyingKey};
pub use encoding::Unfit;
pub use entry::{Entry, Hash, Head, LogId, NewEntry, Outcome, Signature};
pub use export::{ExportError, Format, LinesError, Recorder, VerifiedLines, export, verify_lines};
pub use log::{AppendError, ReadError, append, create, head, read_from};
pub use prune::{Checkpoint, PruneError, prune};
pub use schema::SCHEMA;
pub use search::{Criteria, MAX_PAGE, search};
pub use verify::{Expectations, Verified, VerifyError, verify};
