//! The two files of one person, opened together.

use std::{fmt, fs, io, path::Path, sync::Arc};

use chatehr_contract::Timestamp;

use crate::{
    connection::{self, Condition},
    error::{DamagedFile, Fault, OpenError, VaultError},
    header::{self, Verdict},
    key::VaultKey,
    permissions,
    schema::Kind,
    store::{Store, beside},
};

/// One person's files on one workstation, open. Clones share them; the last one dropped closes them.
#[derive(Clone)]
pub struct Vault {
    files: Arc<Files>,
}

struct Files {
    cache: Store,
    ledger: Store,
}

impl Vault {
    /// Opens the files in `dir`, and makes them where there are none. What was being sent when the program ended is
    /// queued again, so a directory is opened once at a time: clone the [`Vault`] instead.
    ///
    /// # Errors
    /// [`OpenError`]; existing files are then as they were.
    pub fn open(dir: &Path, key: &VaultKey) -> Result<Self, OpenError> {
        permissions::own_directory(dir)?;
        let verdict = header::judge(dir, key)?;
        match verdict {
            Verdict::Wrong => return Err(OpenError::WrongKey),
            Verdict::FromNewerVersion => return Err(OpenError::FromNewerVersion),
            Verdict::Right | Verdict::Unknown => {}
        }
        let (cache, ledger) = (dir.join(Kind::Cache.name()), dir.join(Kind::Ledger.name()));
        probe_writable(dir)?;
        let found = (
            connection::examine(&cache, key, Kind::Cache)?,
            connection::examine(&ledger, key, Kind::Ledger)?,
        );
        // Without a header a file that does not open may as well be sound and belong to another key.
        let unproven = verdict == Verdict::Unknown;
        match found {
            (Condition::FromNewerVersion, _) | (_, Condition::FromNewerVersion) => {
                return Err(OpenError::FromNewerVersion);
            }
            (Condition::Damaged | Condition::Absent, Condition::Damaged)
            | (Condition::Damaged, Condition::Absent)
                if unproven =>
            {
                return Err(OpenError::WrongKey);
            }
            // The ledger is made first, so one that is missing beside a cache was lost.
            (_, Condition::Damaged) | (Condition::Sound | Condition::Damaged, Condition::Absent) => {
                return Err(OpenError::LedgerDamaged);
            }
            (Condition::Damaged, Condition::Sound) => return Err(OpenError::CacheDamaged),
            (Condition::Sound | Condition::Absent, Condition::Sound)
            | (Condition::Absent, Condition::Absent) => {}
        }
        for path in [&ledger, &cache] {
            drop(permissions::own_file(path)?);
        }
        if verdict == Verdict::Unknown {
            header::write(dir, key)?;
        }
        let ledger = Store::open(ledger, key, Kind::Ledger)?;
        let cache = Store::open(cache, key, Kind::Cache)?;
        permissions::sync_directory(dir)?;
        let vault = Self { files: Arc::new(Files { cache, ledger }) };
        vault.recover().map_err(|error| match error {
            VaultError::DiskFull => OpenError::DiskFull,
            VaultError::ReadOnly => OpenError::ReadOnly,
            VaultError::Damaged { .. } => OpenError::LedgerDamaged,
            VaultError::Busy | VaultError::Other(_) => OpenError::Io(io::Error::other(error)),
        })?;
        Ok(vault)
    }

    /// Whether there is anything in `dir` that needs its key, so that "key missing" is told from "first start".
    pub fn exists(dir: &Path) -> bool {
        [header::NAME, Kind::Cache.name(), Kind::Ledger.name()].iter().any(|name| dir.join(name).exists())
    }

    /// Renames a damaged cache to `cache.db.damaged-<milliseconds>`, so that opening makes a new one to be filled
    /// from the server. The ledger is not touched. Every [`Vault`] of `dir` must be dropped before.
    ///
    /// # Errors
    /// [`VaultError::ReadOnly`], [`VaultError::DiskFull`] or [`VaultError::Other`].
    pub fn set_cache_aside(dir: &Path, now: Timestamp) -> Result<(), VaultError> {
        let cache = dir.join(Kind::Cache.name());
        let aside = beside(&cache, &format!(".damaged-{}", now.millis()));
        // The side files go first: left behind, they would belong to the new cache.
        for side in ["-wal", "-shm", ""] {
            match fs::rename(beside(&cache, side), beside(&aside, side)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        permissions::sync_directory(dir)?;
        Ok(())
    }

    /// Reads every page of both files. For a quiet moment after the start: it takes seconds for
    /// each gigabyte.
    ///
    /// # Errors
    /// [`VaultError::Damaged`], the ledger first.
    pub fn check(&self) -> Result<(), VaultError> {
        for (store, file) in [(self.ledger(), DamagedFile::Ledger), (self.cache(), DamagedFile::Cache)] {
            if !store.read(|connection| connection::is_sound(connection).map_err(Fault::from))? {
                return Err(VaultError::Damaged { file });
            }
        }
        Ok(())
    }

    pub(crate) fn cache(&self) -> &Store {
        &self.files.cache
    }

    pub(crate) fn ledger(&self) -> &Store {
        &self.files.ledger
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// SQLite tells a directory or file without permission from other trouble only after it has touched the files.
fn probe_writable(dir: &Path) -> Result<(), OpenError> {
    let probe = dir.join(".writable");
    drop(permissions::own_file(&probe)?);
    fs::remove_file(&probe)?;
    for kind in [Kind::Cache, Kind::Ledger] {
        match fs::OpenOptions::new().write(true).open(dir.join(kind.name())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
