//! The embedded store: SQLite, in memory or in a file.
//!
//! Every request's reading and writing is one transaction, and there is one connection, so transactions follow each
//! other: of two physicians who accept at once, the second reads what the first has written. An event is told after
//! its transaction is committed, in the order of its number, never before.

mod answers;
mod appointments;
mod consultations;
mod directory;
mod events;
mod messages;
mod sessions;

use std::{
    cell::RefCell,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::broadcast;

pub(crate) use self::{
    answers::{Answer, Once},
    appointments::{AppointmentFilter, StoredAppointment},
    consultations::ConsultationFilter,
    events::StoredEvent,
    messages::MessageFilter,
};
use crate::{problem::Problem, sources::Sources};

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
    /// No randomness.
    #[error(transparent)]
    Random(#[from] crate::sources::NoRandomness),
    /// The thread that worked on it ended.
    #[error("the work on the database was cut off")]
    CutOff(#[from] tokio::task::JoinError),
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

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Record { line: error.line() }
    }
}

/// The database and those who listen to what changes in it.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Mutex<Connection>,
    listeners: broadcast::Sender<Arc<StoredEvent>>,
    epoch: String,
    keep_events: u32,
}

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
        let mut connection = match file {
            Some(path) => {
                keep_private(path)?;
                Connection::open(path)?
            }
            None => Connection::open_in_memory()?,
        };
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Migrations::new(vec![M::up(include_str!("schema.sql"))]).to_latest(&mut connection)?;
        let fresh: String = sources.bytes::<6>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        connection.execute("INSERT INTO meta VALUES ('epoch', ?1) ON CONFLICT DO NOTHING", params![fresh])?;
        let epoch =
            connection.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0))?;
        let (listeners, _) = broadcast::channel(listener_queue.max(1));
        Ok(Self { connection: Mutex::new(connection), listeners, epoch, keep_events })
    }

    /// Does `work` in one transaction, off the threads that serve the network. An error undoes it all.
    pub(crate) async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, Problem> + Send + 'static,
    {
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || store.run_now(work)).await.map_err(StoreError::from)?
    }

    /// The same on this thread.
    pub(crate) fn run_now<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&Tx<'_>) -> Result<T, E>,
    {
        // A panic elsewhere rolled its transaction back; the connection itself is sound.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let sql =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let tx = Tx { sql, told: RefCell::default() };
        let done = work(&tx)?;
        tx.forget_old_events(self.keep_events)?;
        let Tx { sql, told } = tx;
        sql.commit().map_err(StoreError::from)?;
        for event in told.into_inner() {
            // Nobody listening is no failure.
            drop(self.listeners.send(Arc::new(event)));
        }
        Ok(done)
    }
}

impl Tx<'_> {
    /// Whether the database still holds nothing of a seed.
    pub(crate) fn is_unseeded(&self) -> Result<bool, StoreError> {
        Ok(self.sql.execute("INSERT INTO meta VALUES ('seeded', '1') ON CONFLICT DO NOTHING", [])? == 1)
    }

    /// Whether the database answers.
    pub(crate) fn is_sound(&self) -> Result<bool, StoreError> {
        Ok(self.sql.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0))? > 0)
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
