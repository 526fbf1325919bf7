//! Begins a log, writes into it and says how far it goes.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    encoding::{Encoded, Unfit, encode},
    entry::{Entry, Hash, Head, LogId, from_sql, to_sql},
};

/// What every reading of entries asks for, in this order.
pub(crate) const COLUMNS: &str = "seq, sealed, hash";

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nobody has begun one here.
    #[error("there is no audit log")]
    NoLog,
    /// An entry's bytes are not an entry's, or a newer program's. [`verify`](crate::verify()) says more.
    #[error("the audit entry {seq} does not read")]
    Unreadable {
        /// Which.
        seq: u64,
    },
    /// SQLite.
    #[error("the audit log cannot be read")]
    Sqlite(#[from] rusqlite::Error),
}

/// Why nothing was written down. What it was about must not happen either: roll back.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The entry would not stand or fall with what it records.
    #[error("an audit entry is written in the transaction of its action")]
    OutsideTransaction,
    /// Nobody has begun a log here.
    #[error("there is no audit log")]
    NoLog,
    /// One of the entries is none. None was written.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// SQLite.
    #[error("the audit log cannot be written")]
    Sqlite(#[from] rusqlite::Error),
}

/// Begins the log of a file that has the tables of [`SCHEMA`](crate::SCHEMA). `log_id` is fresh and random.
///
/// # Errors
/// When there is one already.
pub fn create(connection: &Connection, log_id: LogId) -> Result<Head, rusqlite::Error> {
    connection.execute("INSERT INTO audit_log (only, log_id) VALUES (1, ?1)", [log_id])?;
    Ok(Head { log_id, count: 0, hash: log_id.beginning() })
}

/// Writes entries behind the last one, in the transaction that the caller has open for what they record. `connection`
/// may be that transaction itself.
///
/// # Errors
/// [`AppendError`]; the caller rolls back.
pub fn append(connection: &Connection, entries: &[crate::NewEntry]) -> Result<Head, AppendError> {
    if connection.is_autocommit() {
        return Err(AppendError::OutsideTransaction);
    }
    let mut sealed = Vec::new();
    for entry in entries {
        sealed.clear();
        encode(&mut sealed, 0, entry)?;
    }
    let mut head = last(connection)?.ok_or(AppendError::NoLog)?;
    let mut insert =
        connection.prepare_cached("INSERT INTO audit_entry (seq, sealed, hash) VALUES (?1, ?2, ?3)")?;
    for entry in entries {
        head.count = head.count.saturating_add(1);
        sealed.clear();
        sealed.extend_from_slice(&head.hash.0);
        encode(&mut sealed, head.count, entry)?;
        head.hash = Hash::of(&sealed);
        insert.execute(params![to_sql(head.count), sealed, head.hash])?;
    }
    Ok(head)
}

/// How far the log goes.
///
/// # Errors
/// [`ReadError::NoLog`], [`ReadError::Sqlite`].
pub fn head(connection: &Connection) -> Result<Head, ReadError> {
    last(connection)?.ok_or(ReadError::NoLog)
}

fn last(connection: &Connection) -> Result<Option<Head>, rusqlite::Error> {
    let Some(log_id) = log_id(connection)? else { return Ok(None) };
    let place = |row: &Row<'_>| Ok(Head { log_id, count: from_sql(row.get(0)?), hash: row.get(1)? });
    let entry = connection
        .prepare_cached("SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1")?
        .query_row([], place)
        .optional()?;
    if entry.is_some() {
        return Ok(entry);
    }
    let checkpoint = connection
        .prepare_cached(
            "SELECT first_kept - 1, hash_before FROM audit_checkpoint ORDER BY first_kept DESC LIMIT 1",
        )?
        .query_row([], place)
        .optional()?;
    Ok(Some(checkpoint.unwrap_or(Head { log_id, count: 0, hash: log_id.beginning() })))
}

pub(crate) fn log_id(connection: &Connection) -> Result<Option<LogId>, rusqlite::Error> {
    connection.prepare_cached("SELECT log_id FROM audit_log")?.query_row([], |row| row.get(0)).optional()
}

/// The hash of the entry at `count`, as far as it is still known.
pub(crate) fn hash_at(connection: &Connection, count: u64) -> Result<Option<Hash>, rusqlite::Error> {
    let hash = connection
        .prepare_cached(
            "SELECT hash FROM audit_entry WHERE seq = ?1
             UNION ALL SELECT hash_before FROM audit_checkpoint WHERE first_kept = ?1 + 1",
        )?
        .query_row([to_sql(count)], |row| row.get(0))
        .optional()?;
    match hash {
        None if count == 0 => Ok(log_id(connection)?.map(|id| id.beginning())),
        hash => Ok(hash),
    }
}

/// Hands over the entries from the place `from` on, in their order, for as long as they read: for who saves what is left
/// of a damaged file. Each is as it was written; that none is missing, nobody says.
///
/// # Errors
/// [`ReadError`] at the first that does not read.
pub fn read_from(connection: &Connection, from: u64, mut each: impl FnMut(Entry)) -> Result<(), ReadError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM audit_entry WHERE seq >= ?1 ORDER BY seq"))?;
    let mut rows = statement.query([to_sql(from)])?;
    while let Some(row) = rows.next()? {
        let sealed = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let read = entry(row)?;
        if Hash::of(sealed) != read.hash {
            return Err(ReadError::Unreadable { seq: read.seq });
        }
        each(read);
    }
    Ok(())
}

/// An entry from a row of [`COLUMNS`].
pub(crate) fn entry(row: &Row<'_>) -> Result<Entry, ReadError> {
    let seq = from_sql(row.get(0)?);
    let sealed = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    let read = || {
        let (previous_hash, encoding) = sealed.split_first_chunk()?;
        let said = Encoded::read(encoding)?.to_entry()?;
        Some((Hash(*previous_hash), said))
    };
    let (previous_hash, said) = read().ok_or(ReadError::Unreadable { seq })?;
    Ok(Entry { seq, said, previous_hash, hash: row.get(2)? })
}
