//! The two files of one person, opened together.

use std::{
    fmt, fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use chatehr_contract::Timestamp;

use crate::{
    connection::{self, Condition},
    error::{DamagedFile, Fault, OpenError, VaultError},
    header::{self, Found, Header, Verdict},
    key::VaultKey,
    lock::{self, Lock},
    permissions, rekey,
    schema::Kind,
    store::{Store, beside},
};

/// One person's files on one workstation, open. Clones share them; the last one dropped closes them.
#[derive(Clone)]
pub struct Vault {
    files: Arc<Files>,
}

struct Files {
    /// Absent once it was closed before the ledger.
    cache: Mutex<Option<Arc<Store>>>,
    ledger: Store,
    header_damaged: bool,
    /// Let go of last, when both files are closed.
    _held: Lock,
}

impl Vault {
    /// Opens the files in `dir`, and makes them where there are none; finishes a re-key that was interrupted. What was
    /// being sent when the program ended is queued again, so a directory is opened once at a time: clone the
    /// [`Vault`] instead.
    ///
    /// A header that does not read is no reason not to open files that the key opens: it is left as it is, and
    /// [`header_damaged`](Self::header_damaged) says so.
    ///
    /// # Errors
    /// [`OpenError`]; existing files are then as they were.
    pub fn open(dir: &Path, key: &VaultKey) -> Result<Self, OpenError> {
        permissions::own_directory(dir)?;
        let held = Lock::take(dir, lock::FILES)?.ok_or(OpenError::InUse)?;
        let (found, verdict) = judge(dir, key)?;
        probe_writable(dir)?;
        if verdict == Verdict::Right && matches!(found, Found::Sound(_)) {
            rekey::resume(dir, key)?;
        }
        examine(dir, key, verdict)?;
        for kind in [Kind::Ledger, Kind::Cache] {
            drop(permissions::own_file(&dir.join(kind.name()))?);
        }
        if matches!(found, Found::Absent) {
            header::write(dir, &Header::new(key, Vec::new()))?;
        }
        let key = Arc::new(key.duplicate());
        let ledger = Store::open(dir.join(Kind::Ledger.name()), &key, Kind::Ledger)?;
        let cache = Store::open(dir.join(Kind::Cache.name()), &key, Kind::Cache)?;
        permissions::sync_directory(dir)?;
        let header_damaged = matches!(found, Found::Damaged(_));
        let vault = Self {
            files: Arc::new(Files {
                cache: Mutex::new(Some(Arc::new(cache))),
                ledger,
                header_damaged,
                _held: held,
            }),
        };
        vault.recover().map_err(|error| match error {
            VaultError::DiskFull => OpenError::DiskFull,
            VaultError::ReadOnly => OpenError::ReadOnly,
            VaultError::Damaged { .. } => OpenError::LedgerDamaged,
            VaultError::CacheClosed | VaultError::Busy | VaultError::Other(_) => {
                OpenError::Io(io::Error::other(error))
            }
        })?;
        Ok(vault)
    }

    /// Whether the header did not read as it was written, and the slots in it are in doubt. It was left as it is;
    /// [`replace_header`](crate::slots::replace_header) puts it aside.
    pub fn header_damaged(&self) -> bool {
        self.files.header_damaged
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
        let cache = self.cache()?;
        for (store, file) in [(self.ledger(), DamagedFile::Ledger), (&*cache, DamagedFile::Cache)] {
            if !store.read(|connection| connection::is_sound(connection).map_err(Fault::from))? {
                return Err(VaultError::Damaged { file });
            }
        }
        Ok(())
    }

    /// Closes the cache for this and every clone, and leaves the ledger open: what waits in it can still be sent, and
    /// nothing that the server has said can be read any more. A question that is under way is the last one. The key
    /// stays in memory for the ledger, until the last clone is dropped.
    pub fn close_cache(&self) {
        drop(self.held_cache().take());
    }

    pub(crate) fn cache(&self) -> Result<Arc<Store>, VaultError> {
        self.held_cache().clone().ok_or(VaultError::CacheClosed)
    }

    fn held_cache(&self) -> std::sync::MutexGuard<'_, Option<Arc<Store>>> {
        self.files.cache.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What the header says of the key, if that is no reason to leave the files alone.
pub(crate) fn judge(dir: &Path, key: &VaultKey) -> Result<(Found, Verdict), OpenError> {
    let found = header::read(dir)?;
    let verdict = found.judge(key);
    if matches!(found, Found::FromNewerVersion) {
        return Err(OpenError::FromNewerVersion);
    }
    if verdict == Verdict::Wrong && !connection::opens(dir, key) {
        return Err(OpenError::WrongKey);
    }
    match verdict {
        Verdict::Replaced => Err(OpenError::KeyReplaced),
        Verdict::Wrong => Err(OpenError::ForeignHeader),
        Verdict::Right | Verdict::Unknown => Ok((found, verdict)),
    }
}

/// Both files as the key finds them, before either is touched.
pub(crate) fn examine(dir: &Path, key: &VaultKey, verdict: Verdict) -> Result<(), OpenError> {
    let look = |kind: Kind| connection::examine(&dir.join(kind.name()), key, kind);
    let found = (look(Kind::Cache)?, look(Kind::Ledger)?);
    // Without a header a file that does not open may as well be sound and belong to another key.
    let unproven = verdict == Verdict::Unknown;
    match found {
        (Condition::FromNewerVersion, _) | (_, Condition::FromNewerVersion) => {
            Err(OpenError::FromNewerVersion)
        }
        (Condition::Damaged | Condition::Absent, Condition::Damaged)
        | (Condition::Damaged, Condition::Absent)
            if unproven =>
        {
            Err(OpenError::WrongKey)
        }
        // The ledger is made first, so one that is missing beside a cache was lost.
        (_, Condition::Damaged) | (Condition::Sound | Condition::Damaged, Condition::Absent) => {
            Err(OpenError::LedgerDamaged)
        }
        (Condition::Damaged, Condition::Sound) => Err(OpenError::CacheDamaged),
        (Condition::Sound | Condition::Absent, Condition::Sound) | (Condition::Absent, Condition::Absent) => {
            Ok(())
        }
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
