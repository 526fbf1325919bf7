//! One open file: a single writer, and readers that are handed out and taken back.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;

use crate::{
    connection,
    error::{Fault, OpenError, VaultError},
    key::VaultKey,
    schema::Kind,
    writer::Writer,
};

/// Readers kept open between reads; more are opened when more threads read at once.
const READERS_KEPT: usize = 4;

pub(crate) struct Store {
    kind: Kind,
    path: PathBuf,
    key: Arc<VaultKey>,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    pub(crate) fn open(path: PathBuf, key: &Arc<VaultKey>, kind: Kind) -> Result<Self, OpenError> {
        let writer = Writer::new(connection::writer(&path, key, kind)?, kind);
        Ok(Self { kind, path, key: Arc::clone(key), writer, readers: Mutex::default() })
    }

    /// Runs one write: all of it or nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, VaultError> {
        self.writer.write(work)
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
        self.writer.fold_log();
    }

    fn told<T>(&self, result: Result<T, Fault>) -> Result<T, VaultError> {
        result.map_err(|fault| fault.in_file(self.kind.file()))
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
            store.writer.with_connection(|writer| {
                writer.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
            });
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
