//! Opens one encrypted file: what every connection has in common, and the look before the leap.

use std::{fs, path::Path, sync::Once, time::Duration};

use rusqlite::{
    Connection, OpenFlags,
    trace::{TraceEvent, TraceEventCodes},
};
use rusqlite_migration::Migrations;
use zeroize::Zeroizing;

use crate::{
    cache,
    error::{OpenError, means_damage, means_full},
    key::VaultKey,
    ledger,
    schema::Kind,
};

/// How long a statement waits for another program's lock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// A statement that takes so long is named in the log.
const SLOW: Duration = Duration::from_millis(200);
/// Up to this size a file is checked page by page at every start, in some tens of milliseconds; beyond it
/// [`Vault::check`](crate::Vault::check) does so while the person already works.
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

/// Looks at a file without changing it, unless SQLite must first undo what a killed program has half done.
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
    let thoroughly = length <= CHECKED_AT_START;
    let mut found = look(path, key, kind, thoroughly, OpenFlags::SQLITE_OPEN_READ_ONLY);
    if found.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly)) {
        // A program that was killed in the middle of a change of the journal mode has left a journal to be undone.
        found = look(path, key, kind, thoroughly, OpenFlags::SQLITE_OPEN_READ_WRITE);
    }
    match found {
        Ok(condition) => Ok(condition),
        Err(error) if error.sqlite_error_code().is_some_and(means_damage) => Ok(Condition::Damaged),
        Err(error) => Err(refused(error, kind)),
    }
}

/// Whether the key opens either of the files in `dir`, as far as their first pages go.
pub(crate) fn opens(dir: &Path, key: &VaultKey) -> bool {
    [Kind::Ledger, Kind::Cache]
        .into_iter()
        .any(|kind| look(&dir.join(kind.name()), key, kind, false, OpenFlags::SQLITE_OPEN_READ_ONLY).is_ok())
}

/// Opens a file once SQLite is ready: it says so before SQLCipher, which is set up behind its back, is ready as well, so
/// that of two threads that come first one would be told that its key is none.
fn open(path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    static READY: Once = Once::new();
    READY.call_once(|| drop(Connection::open_in_memory()));
    Connection::open_with_flags(path, flags)
}

fn look(
    path: &Path,
    key: &VaultKey,
    kind: Kind,
    thoroughly: bool,
    flags: OpenFlags,
) -> Result<Condition, rusqlite::Error> {
    let connection = open(path, flags)?;
    unlock(&connection, key)?;
    if steps_had(&connection)? > kind.latest() && opens_from(&connection)? > kind.latest() {
        return Ok(Condition::FromNewerVersion);
    }
    let sound = !thoroughly || is_sound(&connection)?;
    Ok(if sound { Condition::Sound } else { Condition::Damaged })
}

fn steps_had(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// The step from which on a program may open the file. Every one that has steps which we do not know says so.
fn opens_from(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let said = "SELECT count(*) FROM sqlite_schema WHERE name = 'compatibility'";
    if connection.query_row(said, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(i64::MAX);
    }
    connection.query_row("SELECT opens_from FROM compatibility", [], |row| row.get(0))
}

/// Reads every page in use: SQLCipher refuses one that is not what was written in that place, and SQLite checks that
/// they hang together.
pub(crate) fn is_sound(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(verdict == "ok")
}

/// The one connection that writes; brings the file to the latest schema.
pub(crate) fn writer(path: &Path, key: &VaultKey, kind: Kind) -> Result<Connection, OpenError> {
    let connection = open(
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
    if steps_had(&connection).map_err(|error| refused(error, kind))? > kind.latest() {
        // A newer program's, which says that we may: its steps stay as they are.
        return Ok(connection);
    }
    let steps = kind.steps();
    Migrations::from_slice(&steps).to_latest(&mut connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => refused(err, kind),
        other => OpenError::Sqlite(rusqlite::Error::ToSqlConversionFailure(Box::new(other))),
    })?;
    Ok(connection)
}

/// Moves the write-ahead log into its file and does away with it, so that the file alone is all there is. The journal
/// mode stays: leaving it would be one more moment in which to be killed.
pub(crate) fn fold_log(path: &Path, key: &VaultKey, kind: Kind) -> Result<(), OpenError> {
    let fold = || -> Result<bool, rusqlite::Error> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        unlock(&connection, key)?;
        connection.busy_timeout(PATIENCE)?;
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(busy)
    };
    let busy = fold().map_err(|error| refused(error, kind))?;
    // The last one to close a file removes its log: who has it open in spite of the lock is seen here.
    if busy || super::store::beside(path, "-wal").exists() { Err(OpenError::InUse) } else { Ok(()) }
}

/// Gives another key to a file that is nobody's yet: without a journal, since it is made anew when this fails.
pub(crate) fn change_key(path: &Path, old: &VaultKey, new: &VaultKey, kind: Kind) -> Result<(), OpenError> {
    alone(path, old, kind, |connection| {
        connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.execute_batch(&Zeroizing::new(format!("PRAGMA rekey = \"x'{}'\"", *new.to_text())))
    })?;
    use_log(path, new, kind)
}

/// Puts a file that is nobody's yet into the journal mode in which it will be opened.
pub(crate) fn use_log(path: &Path, key: &VaultKey, kind: Kind) -> Result<(), OpenError> {
    alone(path, key, kind, |connection| connection.pragma_update(None, "journal_mode", "WAL"))
}

/// The same for a restored file, which is made this workstation's own.
pub(crate) fn adopt(path: &Path, key: &VaultKey, kind: Kind) -> Result<(), OpenError> {
    alone(path, key, kind, |connection| {
        if kind == Kind::Ledger {
            ledger::rename(connection)?;
        }
        connection.pragma_update(None, "journal_mode", "WAL")
    })
}

fn alone(
    path: &Path,
    key: &VaultKey,
    kind: Kind,
    work: impl FnOnce(&Connection) -> Result<(), rusqlite::Error>,
) -> Result<(), OpenError> {
    let run = || -> Result<(), rusqlite::Error> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        unlock(&connection, key)?;
        work(&connection)?;
        connection.close().map_err(|(_, error)| error)
    };
    run().map_err(|error| refused(error, kind))
}

/// Reads every page of a closed file with the key.
pub(crate) fn is_sound_file(path: &Path, key: &VaultKey) -> Result<bool, OpenError> {
    let read = || -> Result<bool, rusqlite::Error> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        unlock(&connection, key)?;
        let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok(verdict == "ok")
    };
    match read() {
        Err(error) if error.sqlite_error_code().is_some_and(means_damage) => Ok(false),
        read => read.map_err(OpenError::Sqlite),
    }
}

/// Writes a copy of the file as it is at this moment, under the same key, whoever else has it open.
pub(crate) fn copy_into(path: &Path, key: &VaultKey, kind: Kind, copy: &Path) -> Result<(), OpenError> {
    let name = copy.to_str().ok_or_else(|| OpenError::Io(std::io::ErrorKind::InvalidFilename.into()))?;
    alone(path, key, kind, |connection| {
        settle(connection, kind)?;
        connection.execute("VACUUM INTO ?1", [name]).map(drop)
    })
}

/// A connection to a file that may be damaged, which changes nothing in it.
pub(crate) fn doubtful(path: &Path, key: &VaultKey) -> Result<Connection, rusqlite::Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    unlock(&connection, key)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// One of several connections that can only read.
pub(crate) fn reader(path: &Path, key: &VaultKey, kind: Kind) -> Result<Connection, rusqlite::Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    unlock(&connection, key)?;
    settle(&connection, kind)?;
    if kind == Kind::Cache {
        connection.execute_batch(cache::INDEX_WORD)?;
    }
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn settle(connection: &Connection, kind: Kind) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(tell_if_slow));
    connection.pragma_update(None, "cache_size", -kind.page_cache_kib())
}

/// Names a statement that took long. Its text has no values in it: those are bound, and stay unsaid.
fn tell_if_slow(event: TraceEvent<'_>) {
    if let TraceEvent::Profile(statement, took) = event
        && took >= SLOW
    {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(millis, statement = %statement.sql(), "A statement took long.");
    }
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
        _ if means_full(&error) => OpenError::DiskFull,
        Some(Sqlite::ReadOnly) => OpenError::ReadOnly,
        Some(code) if means_damage(code) => kind.damaged(),
        _ => OpenError::Sqlite(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
        time::Instant,
    };

    use rusqlite::Connection;

    use super::{Kind, SLOW, settle};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        /// What is said while this is done.
        fn of(work: impl FnOnce()) -> String {
            let log = Self::default();
            let writer = log.clone();
            let subscriber =
                tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
            tracing::subscriber::with_default(subscriber, work);
            String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_statement_that_takes_long_is_named_without_its_values_and_another_is_not() {
        let connection = Connection::open_in_memory().unwrap();
        settle(&connection, Kind::Ledger).unwrap();
        let count = |to: i64| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                       SELECT count(*) FROM n WHERE ?2 <> ''";
            connection.query_row(sql, (to, "canary-value"), |_| Ok(())).unwrap();
        };
        assert_eq!(Log::of(|| count(10)), "");
        let mut to = 100_000;
        loop {
            let began = Instant::now();
            let said = Log::of(|| count(to));
            // Whatever this machine is: until it certainly took long.
            if began.elapsed() > 2 * SLOW {
                assert!(said.contains("WITH RECURSIVE") && said.contains("millis="), "{said}");
                assert!(!said.contains("canary-value") && !said.contains(&to.to_string()), "{said}");
                return;
            }
            to *= 2;
        }
    }
}
