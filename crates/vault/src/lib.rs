//! The encrypted SQLite files of one person on one workstation.
//!
//! Promises: `cache.db` holds only what the server has said and may be dropped and fetched again; `ledger.db` holds
//! what this person did (outbox, drafts, read marks, doubts, audit), is written through to the disk before a call returns, and is
//! never deleted here. Every byte of both is encrypted under one random key, which lives in the desktop's keyring and
//! is wrapped in the header's other [`slots`]: a passphrase, a printed recovery code. The key can be replaced
//! ([`rekey`]), and the files taken to another machine ([`mod@backup`]).
//! Refuses: guessing and wiping. A file that does not open says why ([`OpenError`]) and stays as it is; a newer
//! program's file is not touched; a key that could not be read is never replaced ([`keyring`]). No transaction spans
//! both files, so nothing may depend on it.
//!
//! Every call blocks; a [`Vault`] is cheap to clone and may be used from any thread.
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

pub mod backup;
mod cache;
mod connection;
mod error;
mod header;
mod key;
pub mod keyring;
mod ledger;
mod lock;
mod look;
mod obstacle;
mod permissions;
mod pin;
mod rekey;
mod salvage;
mod schema;
pub mod slots;
mod store;
mod vault;
mod writer;

pub use cache::{CacheChange, Forgotten, ListQuery, SearchHit, StoredKey, StoredMessage};
pub use error::{DamagedFile, OpenError, RecordError, VaultError};
pub use key::VaultKey;
pub use ledger::{
    AnchorError, Decided, Device, Doubt, ExportAuditError, NewOutboxRow, OutboxKind, OutboxRow, OutboxState,
    PruneAuditError, VerifyAuditError,
};
pub use obstacle::Obstacle;
pub use pin::PinVerifier;
pub use rekey::{RekeyError, rekey};
pub use salvage::{Part, SalvageError, Salvaged, salvage};
pub use slots::SlotError;
pub use vault::Vault;
