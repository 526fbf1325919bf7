//! One open file: a single writer, and readers that are handed out and taken back.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    connection,
    error::{Fault, OpenError, VaultError},
    key::VaultKey,
    schema::Kind,
};

/// Readers kept open between reads; more are opened when more threads read at once.
const READERS_KEPT: usize = 4;

pub(crate) struct Store {
    kind: Kind,
    path: PathBuf,
    key: Arc<VaultKey>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    pub(crate) fn open(path: PathBuf, key: &Arc<VaultKey>, kind: Kind) -> Result<Self, OpenError> {
        let writer = Mutex::new(connection::writer(&path, key, kind)?);
        Ok(Self { kind, path, key: Arc::clone(key), writer, readers: Mutex::default() })
    }

    /// Runs one write transaction: all of it or nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, VaultError> {
        let mut writer = hold(&self.writer);
        let run = || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let done = self.told(run())?;
        if self.kind == Kind::Ledger {
            // SQLite takes a damaged write-ahead log for one that was never finished and passes over it in silence;
            // in the file itself damage is noticed. What cannot be moved now stays in the log and moves next time.
            fold(&writer);
        }
        Ok(done)
    }

    /// Runs reads that all see the same moment.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, VaultError> {
        let kept = hold(&self.readers).pop();
        let reader = match kept {
            Some(reader) => reader,
            None => self.told(connection::reader(&self.path, &self.key, self.kind).map_err(Fault::from))?,
        };
        let run = || {
            let moment = reader.unchecked_transaction()?;
            let found = work(&moment)?;
            moment.commit()?;
            Ok(found)
        };
        let found = run();
        let mut readers = hold(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
        drop(readers);
        self.told(found)
    }

    /// Moves the write-ahead log into the file and empties it, as far as nobody reads at this moment.
    pub(crate) fn fold_log(&self) {
        fold(&hold(&self.writer));
    }

    fn told<T>(&self, result: Result<T, Fault>) -> Result<T, VaultError> {
        result.map_err(|fault| fault.in_file(self.kind.file()))
    }
}

/// Somebody who reads at this moment is not waited for.
fn fold(writer: &Connection) {
    let moved = writer
        .busy_timeout(Duration::ZERO)
        .and_then(|()| writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)));
    if !matches!(moved, Ok(0)) {
        tracing::debug!("The write-ahead log is moved into its file later.");
    }
    if let Err(error) = writer.busy_timeout(connection::PATIENCE) {
        tracing::warn!(%error, "A file does not wait for another program's lock.");
    }
}

/// A panic elsewhere has rolled its transaction back, so what it held is as good as before.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path with something appended to its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Store;
    use crate::{
        error::{Fault, VaultError},
        key::VaultKey,
        schema::Kind,
    };

    fn key() -> Arc<VaultKey> {
        Arc::new(VaultKey::from_bytes([1; 32]))
    }

    fn drafts(store: &Store) -> i64 {
        store
            .read(|ledger| Ok(ledger.query_row("SELECT count(*) FROM draft", [], |row| row.get(0))?))
            .unwrap()
    }

    const DRAFT: &str = "INSERT INTO draft VALUES ('c-1', 'words', 0)";

    #[test]
    fn a_transaction_that_fails_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("ledger.db"), &key(), Kind::Ledger).unwrap();
        let failed = store.write(|ledger| {
            ledger.execute(DRAFT, [])?;
            Err::<(), _>(Fault::Sql(rusqlite::Error::InvalidQuery))
        });
        assert!(failed.is_err());
        assert_eq!(drafts(&store), 0);
        store.write(|ledger| Ok(ledger.execute(DRAFT, [])?)).unwrap();
        assert_eq!(drafts(&store), 1);
    }

    #[test]
    fn a_panic_in_a_transaction_leaves_nothing_behind_and_the_store_usable() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("ledger.db"), &key(), Kind::Ledger).unwrap();
        std::thread::scope(|scope| {
            let died = scope.spawn(|| {
                store.write(|ledger| -> Result<(), Fault> {
                    ledger.execute(DRAFT, [])?;
                    panic!("on purpose");
                })
            });
            assert!(died.join().is_err());
        });
        assert_eq!(drafts(&store), 0);
        store.write(|ledger| Ok(ledger.execute(DRAFT, [])?)).unwrap();
    }

    #[test]
    fn a_full_disk_is_told_keeps_what_was_there_and_heals() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("ledger.db"), &key(), Kind::Ledger).unwrap();
        store.write(|ledger| Ok(ledger.execute(DRAFT, [])?)).unwrap();
        let limit = |pages: i64| {
            let writer = super::hold(&store.writer);
            writer.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        let large = || {
            store.write(|ledger| {
                Ok(ledger.execute("INSERT INTO draft VALUES ('c-2', hex(zeroblob(100000)), 0)", [])?)
            })
        };
        limit(1);
        assert!(matches!(large(), Err(VaultError::DiskFull)));
        assert_eq!(drafts(&store), 1);
        limit(10_000);
        large().unwrap();
        assert_eq!(drafts(&store), 2);
    }

    #[test]
    fn readers_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("ledger.db"), &key(), Kind::Ledger).unwrap();
        assert!(store.read(|ledger| Ok(ledger.execute(DRAFT, [])?)).is_err());
    }

    #[test]
    fn each_file_is_as_durable_as_it_promises() {
        let dir = tempfile::tempdir().unwrap();
        for (kind, synchronous) in [(Kind::Ledger, 2), (Kind::Cache, 1)] {
            let store = Store::open(dir.path().join(kind.name()), &key(), kind).unwrap();
            let pragma = |name: &str| {
                store
                    .write(|file| {
                        Ok(file.query_row(&format!("PRAGMA {name}"), [], |row| {
                            row.get::<_, rusqlite::types::Value>(0)
                        })?)
                    })
                    .unwrap()
            };
            assert_eq!(pragma("synchronous"), rusqlite::types::Value::Integer(synchronous));
            assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".to_owned()));
            assert_eq!(pragma("secure_delete"), rusqlite::types::Value::Integer(1));
            assert_eq!(pragma("temp_store"), rusqlite::types::Value::Integer(2));
            assert_eq!(pragma("foreign_keys"), rusqlite::types::Value::Integer(1));
        }
    }
}
