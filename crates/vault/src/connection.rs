//! Opens one encrypted file: what every connection has in common, and the look before the leap.

use std::{fs, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::Migrations;
use zeroize::Zeroizing;

use crate::{
    error::{OpenError, means_damage},
    key::VaultKey,
    schema::Kind,
};

/// How long a statement waits for another program's lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// Up to this size the cache is checked page by page at every start, in some tens of milliseconds; beyond it
/// [`Vault::check`](crate::Vault::check) does so while the person already works. The ledger is always checked.
const CHECKED_AT_START: u64 = 16 * 1024 * 1024;

/// What a look at a file found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Not there, or empty.
    Absent,
    Sound,
    Damaged,
    FromNewerVersion,
}

/// Looks at a file without changing it.
pub(crate) fn examine(path: &Path, key: &VaultKey, kind: Kind) -> Result<Condition, OpenError> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    if length == 0 {
        // A write-ahead log without its file is what is left of one that somebody removed.
        let log = super::store::beside(path, "-wal");
        let orphaned = fs::metadata(log).is_ok_and(|log| log.len() > 0);
        return Ok(if orphaned { Condition::Damaged } else { Condition::Absent });
    }
    match look(path, key, kind, kind == Kind::Ledger || length <= CHECKED_AT_START) {
        Ok(condition) => Ok(condition),
        Err(error) if error.sqlite_error_code().is_some_and(means_damage) => Ok(Condition::Damaged),
        Err(error) => Err(OpenError::Sqlite(error)),
    }
}

fn look(path: &Path, key: &VaultKey, kind: Kind, thoroughly: bool) -> Result<Condition, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    unlock(&connection, key)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > kind.latest() {
        return Ok(Condition::FromNewerVersion);
    }
    let sound = !thoroughly || is_sound(&connection)?;
    Ok(if sound { Condition::Sound } else { Condition::Damaged })
}

/// Reads every page in use: SQLCipher refuses one that is not what was written in that place, and SQLite checks that
/// they hang together.
pub(crate) fn is_sound(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(verdict == "ok")
}

/// The one connection that writes; brings the file to the latest schema.
pub(crate) fn writer(path: &Path, key: &VaultKey, kind: Kind) -> Result<Connection, OpenError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(OpenError::Sqlite)?;
    let prepare = |connection: &Connection| {
        unlock(connection, key)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", kind.synchronous())?;
        connection.pragma_update(None, "secure_delete", true)?;
        settle(connection, kind)
    };
    prepare(&connection).map_err(|error| refused(error, kind))?;
    let mut connection = connection;
    let steps = kind.steps();
    Migrations::from_slice(&steps).to_latest(&mut connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => refused(err, kind),
        other => OpenError::Sqlite(rusqlite::Error::ToSqlConversionFailure(Box::new(other))),
    })?;
    Ok(connection)
}

/// One of several connections that can only read.
pub(crate) fn reader(path: &Path, key: &VaultKey, kind: Kind) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    unlock(&connection, key)?;
    connection.pragma_update(None, "query_only", true)?;
    settle(&connection, kind)?;
    Ok(connection)
}

fn settle(connection: &Connection, kind: Kind) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -kind.page_cache_kib())
}

/// Gives the key and reads one page with it. The key's text is not kept, and SQLCipher's own log, which would go to
/// the standard error output, is off.
fn unlock(connection: &Connection, key: &VaultKey) -> Result<(), rusqlite::Error> {
    connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
    let text =
        Zeroizing::new(format!("PRAGMA key = \"x'{}'\"; PRAGMA cipher_compatibility = 4;", *key.to_text()));
    connection.execute_batch(&text)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

fn refused(error: rusqlite::Error, kind: Kind) -> OpenError {
    use rusqlite::ErrorCode as Sqlite;
    match error.sqlite_error_code() {
        Some(Sqlite::DiskFull) => OpenError::DiskFull,
        Some(Sqlite::ReadOnly) => OpenError::ReadOnly,
        Some(code) if means_damage(code) => kind.damaged(),
        _ => OpenError::Sqlite(error),
    }
}
