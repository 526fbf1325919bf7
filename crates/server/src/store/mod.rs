//! The embedded store: SQLite, in memory or in a file.
//!
//! Every request's reading and writing is done as a whole or not at all, and there is one connection with a thread of
//! its own, so requests follow each other: of two physicians who accept at once, the second reads what the first has
//! written. What waits at the same time shares one commit, and is answered after it. An event is told after the
//! commit, in the order of its number, never before.

mod answers;
mod appointments;
mod attachments;
mod consultations;
mod directory;
mod events;
mod glass;
mod kiosk;
mod messages;
mod sessions;
mod trail;

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use chatehr_audit::LogId;
use chatehr_contract::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{broadcast, oneshot};

pub(crate) use self::appointments::StoredAppointment;
use crate::{
    events::StoredEvent,
    problem::{Causes, Problem},
    sources::Sources,
};

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the database failed")]
    Sql(#[from] rusqlite::Error),
    /// The file could not be brought to this version's form.
    #[error("the database could not be prepared for this version")]
    Migration(#[from] rusqlite_migration::Error),
    /// What is stored does not read as a record.
    #[error("a stored record does not read, at line {line}")]
    Record {
        /// Where in it; the cause itself might repeat a patient's data.
        line: usize,
    },
    /// The file cannot be made or written.
    #[error("the file cannot be opened for writing")]
    File(#[source] std::io::Error),
    /// An entry cannot be written into the audit log.
    #[error("the audit log takes no entry")]
    Audit(#[from] chatehr_audit::AppendError),
    /// The audit log cannot be read.
    #[error("the audit log does not read")]
    AuditRead(#[from] chatehr_audit::ReadError),
    /// Old entries of the audit log cannot be let go.
    #[error("the audit log is not pruned")]
    AuditPrune(#[from] chatehr_audit::PruneError),
    /// Another server has the file.
    #[error("another chatehr-server uses this database")]
    InUse,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] crate::sources::NoRandomness),
    /// The database has stopped working, or could not end the transaction; the log says why.
    #[error("the work on the database was cut off")]
    CutOff,
}

/// Makes a new file readable by its owner alone; SQLite gives its companions the same rights.
#[cfg(unix)]
fn keep_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(StoreError::File)
}

/// Elsewhere the folder's rights hold.
#[cfg(not(unix))]
fn keep_private(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// Takes the file for this process alone: of two, each would tell its listeners only what it has changed itself.
fn claim(path: &Path) -> Result<std::fs::File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(name)
        .map_err(StoreError::File)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::File(error)),
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Record { line: error.line() }
    }
}

/// The database and those who listen to what changes in it.
pub(crate) struct Store {
    inner: Arc<Inner>,
    queue: mpsc::Sender<Job>,
}

struct Inner {
    connection: Mutex<Connection>,
    listeners: broadcast::Sender<Arc<StoredEvent>>,
    epoch: String,
    keep_events: u32,
    file: Option<PathBuf>,
    /// Held as long as the file is open; the system lets go of it when the process ends, however it ends.
    _lock: Option<std::fs::File>,
}

/// Work in a transaction; what it returns is called when the transaction has ended, with how.
type Job = Box<dyn FnOnce(&Tx<'_>) -> Done + Send>;
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Jobs that share one commit at most: enough that a commit is a small part of each, few enough that the first does
/// not wait for long.
const BATCH: usize = 64;

/// Pages kept in memory: twice the usual. What does not fit is in the system's own cache: four times as much made the
/// largest list a tenth faster, nothing else, and took half as much memory again (docs/performance.md).
const PAGE_CACHE_KIB: i64 = 4 * 1024;
/// Pages of the log before they are moved into the file, which waits for the disk: 16 MB.
const LOG_PAGES: i64 = 4096;

/// One transaction, and what is to be told once it is committed.
pub(crate) struct Tx<'a> {
    sql: rusqlite::Transaction<'a>,
    told: RefCell<Vec<StoredEvent>>,
}

impl Store {
    /// Opens the file, or a database in memory.
    pub(crate) fn open(
        file: Option<&Path>,
        sources: &Sources,
        keep_events: u32,
        listener_queue: usize,
    ) -> Result<Self, StoreError> {
        let (mut connection, lock) = match file {
            Some(path) => {
                let lock = claim(path)?;
                keep_private(path)?;
                (Connection::open(path)?, Some(lock))
            }
            None => (Connection::open_in_memory()?, None),
        };
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What was acknowledged is on the disk: with one commit for all who wait, that is one wait for the disk.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        connection.set_prepared_statement_cache_capacity(128);
        Migrations::new(vec![
            M::up(include_str!("schema.sql")),
            M::up(include_str!("schema_2.sql")),
            M::up(chatehr_audit::SCHEMA),
            M::up(include_str!("schema_3.sql")),
        ])
        .to_latest(&mut connection)?;
        let fresh: String = sources.bytes::<6>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        connection.execute("INSERT INTO meta VALUES ('epoch', ?1) ON CONFLICT DO NOTHING", params![fresh])?;
        let epoch =
            connection.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0))?;
        trail::begin(&connection, LogId(sources.bytes()?))?;
        let (listeners, _) = broadcast::channel(listener_queue.max(1));
        let inner = Arc::new(Inner {
            connection: Mutex::new(connection),
            listeners,
            epoch,
            keep_events,
            file: file.map(Path::to_owned),
            _lock: lock,
        });
        let (queue, jobs) = mpsc::channel();
        let worker = Arc::clone(&inner);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || worker.work_off(&jobs))
            .map_err(StoreError::File)?;
        Ok(Self { inner, queue })
    }

    /// Does `work` as a whole or not at all, on the thread of the database: an error undoes it. What waits at the same
    /// time shares one commit, and nobody is answered before it.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, Problem> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            let result = tx.whole(work);
            Box::new(move |committed| {
                // Who asked may be gone; what was done stays done.
                drop(answer.send(committed.map_err(Problem::from).and(result)));
            })
        });
        self.queue.send(job).map_err(|_| StoreError::CutOff)?;
        answered.await.map_err(|_| StoreError::CutOff)?
    }

    /// Whether the file is still where it was: one that was deleted takes everything and keeps nothing.
    pub(crate) fn is_there(&self) -> bool {
        self.inner.file.as_ref().is_none_or(|file| file.exists())
    }

    /// The same on this thread.
    pub(crate) fn run_now<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&Tx<'_>) -> Result<T, E>,
    {
        // A panic elsewhere rolled its transaction back; the connection itself is sound.
        let mut connection = self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = Tx::begin(&mut connection)?;
        let done = work(&tx)?;
        self.inner.end(tx)?;
        Ok(done)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

impl Inner {
    /// Until nobody can send any more.
    fn work_off(&self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let tx = match Tx::begin(&mut connection) {
                Ok(tx) => tx,
                Err(error) => {
                    tracing::error!(error = %Causes(&error), "the database takes no transaction");
                    continue; // Dropped, the job answers for itself that it was cut off.
                }
            };
            let mut done = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next.take() {
                // A panic undoes its own part and no other's.
                match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&tx))) {
                    Ok(ended) => done.push(ended),
                    Err(_) => tx.undo(),
                }
                if done.len() < BATCH {
                    next = jobs.try_recv().ok();
                }
            }
            let committed = self.end(tx);
            drop(connection);
            match committed {
                Ok(()) => done.into_iter().for_each(|done| done(Ok(()))),
                Err(error) => {
                    tracing::error!(error = %Causes(&error), "a transaction was not committed");
                    done.into_iter().for_each(|done| done(Err(StoreError::CutOff)));
                }
            }
        }
    }

    /// Commits, and tells what happened.
    fn end(&self, tx: Tx<'_>) -> Result<(), StoreError> {
        tx.forget_old_events(self.keep_events)?;
        let Tx { sql, told } = tx;
        sql.commit()?;
        for event in told.into_inner() {
            // Nobody listening is no failure.
            drop(self.listeners.send(Arc::new(event)));
        }
        Ok(())
    }
}

impl<'a> Tx<'a> {
    fn begin(connection: &'a mut Connection) -> Result<Self, StoreError> {
        let sql = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Self { sql, told: RefCell::default() })
    }
}

impl Tx<'_> {
    /// Does `work` as a whole, or leaves everything as it was.
    pub(crate) fn whole<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.savepoint("SAVEPOINT part")?;
        let told = self.told.borrow().len();
        let result = work(self);
        if result.is_err() {
            self.told.borrow_mut().truncate(told);
            self.savepoint("ROLLBACK TO part")?;
        }
        self.savepoint("RELEASE part")?;
        result
    }

    /// Undoes the part that a panic left open, with all parts inside it.
    fn undo(&self) {
        while self.savepoint("ROLLBACK TO part").and_then(|()| self.savepoint("RELEASE part")).is_ok() {}
    }

    fn savepoint(&self, statement: &str) -> Result<(), StoreError> {
        self.sql.prepare_cached(statement)?.execute([])?;
        Ok(())
    }
}

impl Tx<'_> {
    /// What the store is marked with under a name; where it has no mark yet, this one from now on.
    pub(crate) fn mark_once(&self, name: &str, value: &str) -> Result<String, StoreError> {
        self.sql.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO NOTHING", [name, value])?;
        Ok(self.sql.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))?)
    }

    /// Whether there is any record yet.
    pub(crate) fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.count("SELECT EXISTS (SELECT 1 FROM consultations UNION ALL SELECT 1 FROM patients)", [])?
            == 0)
    }

    /// Writes, to see whether the database takes it.
    pub(crate) fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.sql
            .prepare_cached("INSERT OR REPLACE INTO meta VALUES ('probed', ?1)")?
            .execute([now.to_string()])?;
        Ok(())
    }

    /// Records as they rest, which is how they are sent.
    fn texts(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<String>, StoreError> {
        let mut statement = self.sql.prepare_cached(query)?;
        let rows = statement.query_map(parameters, |row| row.get::<_, String>(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn count(&self, query: &str, parameters: impl rusqlite::Params) -> Result<u64, StoreError> {
        let count: i64 = self.sql.prepare_cached(query)?.query_row(parameters, |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn record<T: DeserializeOwned>(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Option<T>, StoreError> {
        let json: Option<String> =
            self.sql.prepare_cached(query)?.query_row(parameters, |row| row.get(0)).optional()?;
        json.map(|json| serde_json::from_str(&json).map_err(StoreError::from)).transpose()
    }

    fn records<T: DeserializeOwned>(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.sql.prepare_cached(query)?;
        let rows = statement.query_map(parameters, |row| row.get::<_, String>(0))?;
        rows.map(|json| Ok(serde_json::from_str(&json?)?)).collect()
    }

    fn put(&self, statement: &str, id: &str, record: &impl Serialize) -> Result<(), StoreError> {
        let json = serde_json::to_string(record)?;
        self.sql.prepare_cached(statement)?.execute(params![id, json])?;
        Ok(())
    }
}
