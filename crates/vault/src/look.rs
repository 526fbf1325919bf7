//! What can be told of a person's files without opening them: for an administrator who looks while a person works.
//!
//! Refuses to change anything: no step of a schema is taken, nothing is made, and nobody who opens the files at this
//! moment waits longer than a blink.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    error::OpenError,
    header::Found,
    key::VaultKey,
    lock,
    schema::Kind,
    store::beside,
    vault::{self, Vault},
};

impl Vault {
    /// Whether `key` would open the files in `dir`, as far as a look tells. A re-key that was interrupted is no
    /// obstacle: opening finishes it.
    ///
    /// # Errors
    /// What opening would say; [`OpenError::DiskFull`] and [`OpenError::ReadOnly`] only opening itself finds out.
    pub fn look(dir: &Path, key: &VaultKey) -> Result<(), OpenError> {
        let (found, verdict) = vault::judge(dir, key)?;
        if matches!(found, Found::Sound(header) if header.rekeying) {
            return Ok(());
        }
        vault::examine(dir, key, verdict)
    }

    /// Whether a program has the files in `dir` open.
    ///
    /// # Errors
    /// The file system's.
    pub fn is_in_use(dir: &Path) -> io::Result<bool> {
        let file = match File::options().write(true).open(dir.join(lock::FILES)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Bytes of the ledger and of the cache on the disk, with what SQLite keeps beside them.
    pub fn sizes(dir: &Path) -> (u64, u64) {
        let length = |path: PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        let size = |kind: Kind| {
            let path = dir.join(kind.name());
            length(path.clone()) + length(beside(&path, "-wal"))
        };
        (size(Kind::Ledger), size(Kind::Cache))
    }
}
