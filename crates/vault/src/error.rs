//! What goes wrong with the files, told apart as far as a person's next step differs.

use std::fmt;

use chatehr_audit::{AppendError, ReadError};
use rusqlite::ErrorCode as Sqlite;

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamagedFile {
    /// May be dropped and fetched again.
    Cache,
    /// Holds what was not sent yet.
    Ledger,
}

/// Why the files do not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The files were made with another key.
    #[error("the key does not belong to these files")]
    WrongKey,
    /// The files had this key until they got another.
    #[error("the key was replaced by another")]
    KeyReplaced,
    /// The key opens the files, and the header beside them belongs to another key: a copy from before a re-key, or
    /// another person's. [`replace_header`](crate::slots::replace_header) puts it aside.
    #[error("the header does not belong to these files")]
    ForeignHeader,
    /// Another program, or another part of this one, has the files open.
    #[error("the files are in use")]
    InUse,
    /// The key is right and the cache does not read.
    #[error("the cache is damaged")]
    CacheDamaged,
    /// The key is right and the ledger does not read, or is gone.
    #[error("the ledger is damaged")]
    LedgerDamaged,
    /// A newer program wrote them.
    #[error("the files are of a newer version")]
    FromNewerVersion,
    /// No room.
    #[error("the disk is full")]
    DiskFull,
    /// The directory or a file in it cannot be written.
    #[error("the files cannot be written")]
    ReadOnly,
    /// The file system, in another way.
    #[error("the files cannot be reached")]
    Io(#[source] std::io::Error),
    /// SQLite, in another way.
    #[error("the files cannot be opened")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

/// Why a read or write of open files failed. A failed write changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No room.
    #[error("the disk is full")]
    DiskFull,
    /// The directory or a file in it cannot be written.
    #[error("the files cannot be written")]
    ReadOnly,
    /// A page does not read back as it was written.
    #[error("the {file:?} file is damaged")]
    Damaged {
        /// Which.
        file: DamagedFile,
    },
    /// Another program holds the file for longer than we wait.
    #[error("the file is in use")]
    Busy,
    /// The cache was closed before the ledger ([`Vault::close_cache`](crate::Vault::close_cache)).
    #[error("the cache is closed")]
    CacheClosed,
    /// Anything else.
    #[error("the files could not be read or written")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl VaultError {
    /// The same, for another one whom it concerns.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::DiskFull => Self::DiskFull,
            Self::ReadOnly => Self::ReadOnly,
            Self::Damaged { file } => Self::Damaged { file: *file },
            Self::Busy => Self::Busy,
            Self::CacheClosed => Self::CacheClosed,
            Self::Other(error) => Self::Other(error.to_string().into()),
        }
    }
}

impl From<std::io::Error> for VaultError {
    fn from(error: std::io::Error) -> Self {
        match OpenError::from(error) {
            OpenError::ReadOnly => Self::ReadOnly,
            OpenError::DiskFull => Self::DiskFull,
            other => Self::Other(Box::new(other)),
        }
    }
}

/// A stored record does not read. Its text is left out on purpose: a parser's message may quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored record does not read ({category})")]
pub struct RecordError {
    category: &'static str,
}

impl From<serde_json::Error> for RecordError {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        let category = match error.classify() {
            Category::Io => "io",
            Category::Syntax => "syntax",
            Category::Data => "data",
            Category::Eof => "eof",
        };
        Self { category }
    }
}

/// What can go wrong inside a transaction, before it is known in which file.
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Record(RecordError),
    Audit(AppendError),
    /// Rolled back on purpose; the one who asked knows why.
    GivenUp,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(error) => fmt::Debug::fmt(error, f),
            Self::Record(error) => fmt::Debug::fmt(error, f),
            Self::Audit(error) => fmt::Debug::fmt(error, f),
            Self::GivenUp => f.write_str("GivenUp"),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<AppendError> for Fault {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Sqlite(error) => Self::Sql(error),
            other => Self::Audit(other),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) => Self::Sql(error),
            ReadError::NoLog => Self::Audit(AppendError::NoLog),
            // What does not read although its page does was not written by us.
            ReadError::Unreadable { .. } => Self::Record(RecordError { category: "audit" }),
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Record(error.into())
    }
}

impl Fault {
    pub(crate) fn in_file(self, file: DamagedFile) -> VaultError {
        match self {
            Self::Record(error) => VaultError::Other(Box::new(error)),
            Self::Audit(error) => VaultError::Other(Box::new(error)),
            Self::GivenUp => VaultError::Other("given up".into()),
            Self::Sql(error) => match error.sqlite_error_code() {
                _ if means_full(&error) => VaultError::DiskFull,
                Some(Sqlite::ReadOnly) => VaultError::ReadOnly,
                Some(Sqlite::DatabaseBusy | Sqlite::DatabaseLocked) => VaultError::Busy,
                Some(code) if means_damage(code) => VaultError::Damaged { file },
                _ => VaultError::Other(Box::new(error)),
            },
        }
    }
}

/// Whether SQLite says that there is no room: also none for the index that it shares between connections, which it
/// needs to read as well.
pub(crate) fn means_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == Sqlite::DiskFull || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
    })
}

/// Whether SQLite says that what it read is not what was written. Once a page has failed its authentication,
/// SQLCipher answers "out of memory" to whatever else is read over that connection, so that word counts as well.
pub(crate) const fn means_damage(code: Sqlite) -> bool {
    matches!(code, Sqlite::DatabaseCorrupt | Sqlite::NotADatabase | Sqlite::OutOfMemory)
}
