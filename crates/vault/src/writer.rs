//! The one connection that writes. Writes that come at the same time share a commit.
//!
//! Whoever has had its turn while others wait for theirs leaves the transaction open to them; the last one commits for
//! all, and nobody is told that it is done before that. Each keeps its own: what fails takes back only its own part. A
//! write that is alone is a transaction like any other.

use std::{
    fs::OpenOptions,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;

use crate::{
    connection,
    error::{Fault, VaultError},
    schema::Kind,
    store::beside,
};

/// Writes that share a commit at most, so that the first of them is not kept waiting.
const SHARING: usize = 64;

/// Bytes of a write-ahead log before its first frame, and of a frame: a header and a page as `cipher_compatibility = 4`
/// has it (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
const LOG_HEADER: u64 = 32;
const FRAME: u64 = 24 + 4096;

pub(crate) struct Writer {
    kind: Kind,
    /// Who want a turn and have none yet.
    waiting: AtomicUsize,
    file: Mutex<Open>,
}

struct Open {
    connection: Connection,
    /// Those who have written into the transaction that is open.
    group: Option<Arc<Group>>,
    members: usize,
}

/// Who share a commit.
#[derive(Default)]
struct Group {
    ended: Mutex<Option<Result<(), VaultError>>>,
    told: Condvar,
}

impl Group {
    fn end(&self, outcome: Result<(), VaultError>) {
        *hold(&self.ended) = Some(outcome);
        self.told.notify_all();
    }

    fn outcome(&self) -> Result<(), VaultError> {
        let mut ended = hold(&self.ended);
        loop {
            match &*ended {
                None => ended = self.told.wait(ended).unwrap_or_else(PoisonError::into_inner),
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) => return Err(error.again()),
            }
        }
    }
}

impl Writer {
    pub(crate) const fn new(connection: Connection, kind: Kind) -> Self {
        let file = Mutex::new(Open { connection, group: None, members: 0 });
        Self { kind, waiting: AtomicUsize::new(0), file }
    }

    /// Runs one write: all of it or nothing, and on the disk as far as the file promises it.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, VaultError> {
        let told = |fault: Fault| fault.in_file(self.kind.file());
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut open = hold(&self.file);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let group = open.join().map_err(|error| told(error.into()))?;
        let mut turn = Turn { writer: self, open, outcome: Err(VaultError::Other("a panic".into())) };
        let done = turn.run(work).map_err(told);
        turn.outcome = done.as_ref().map(drop).map_err(VaultError::again);
        drop(turn);
        let done = done?;
        group.outcome()?;
        Ok(done)
    }

    /// Moves the write-ahead log into the file and empties it, as far as nobody reads at this moment.
    pub(crate) fn fold_log(&self) {
        fold_log(&hold(&self.file).connection);
    }

    #[cfg(test)]
    pub(crate) fn with_connection<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        work(&hold(&self.file).connection)
    }
}

impl Open {
    fn join(&mut self) -> Result<Arc<Group>, rusqlite::Error> {
        let group = match &self.group {
            Some(group) => Arc::clone(group),
            None => {
                self.connection.execute_batch("BEGIN IMMEDIATE")?;
                self.members = 0;
                Arc::clone(self.group.insert(Arc::default()))
            }
        };
        self.members += 1;
        Ok(group)
    }

    const fn is_alone(&self) -> bool {
        self.members == 1
    }
}

/// Ends well or not, even by a panic.
struct Turn<'a> {
    writer: &'a Writer,
    open: MutexGuard<'a, Open>,
    outcome: Result<(), VaultError>,
}

impl Turn<'_> {
    fn run<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let connection = &self.open.connection;
        if self.open.is_alone() {
            return work(connection);
        }
        connection.execute_batch("SAVEPOINT turn")?;
        let done = work(connection)?;
        connection.execute_batch("RELEASE turn")?;
        Ok(done)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Open { connection, group, members } = &mut *self.open;
        let told = |error: rusqlite::Error| Fault::from(error).in_file(self.writer.kind.file());
        let mut undone = Ok(());
        if self.outcome.is_err() && !connection.is_autocommit() {
            let alone = *members == 1;
            undone =
                connection.execute_batch(if alone { "ROLLBACK" } else { "ROLLBACK TO turn; RELEASE turn" });
        }
        let others_come = self.writer.waiting.load(Ordering::SeqCst) > 0 && *members < SHARING;
        if others_come && undone.is_ok() && !connection.is_autocommit() {
            return;
        }
        let Some(group) = group.take() else { return };
        if connection.is_autocommit() {
            // Undone as a whole: by the only one in it, or by SQLite, which gives all of it up when the disk is full.
            let lost = self.outcome.as_ref().err().map(VaultError::again);
            return group
                .end(Err(lost.unwrap_or_else(|| VaultError::Other("the transaction was lost".into()))));
        }
        let ended = undone.and_then(|()| connection.execute_batch("COMMIT"));
        if ended.is_err() && !connection.is_autocommit() {
            drop(connection.execute_batch("ROLLBACK"));
        }
        if self.writer.kind == Kind::Ledger && !fold_log(connection) && ended.is_err() {
            cut_off_what_was_refused(connection);
        }
        group.end(ended.map_err(told));
    }
}

/// SQLite takes a damaged write-ahead log for one that was never finished and passes over it in silence; in the file
/// itself damage is noticed. What cannot be moved now stays in the log and moves next time. Somebody who reads at this
/// moment is not waited for. Whether all of it was moved.
fn fold_log(connection: &Connection) -> bool {
    let moved = connection.busy_timeout(Duration::ZERO).and_then(|()| {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
    });
    let whole = matches!(moved, Ok(0));
    if !whole {
        tracing::debug!("The write-ahead log is moved into its file later.");
    }
    if let Err(error) = connection.busy_timeout(connection::PATIENCE) {
        tracing::warn!(%error, "A file does not wait for another program's lock.");
    }
    whole
}

/// A commit whose sync failed stands whole in the log, and the next start would take for done what was refused here.
fn cut_off_what_was_refused(connection: &Connection) {
    let cut = || -> Result<(), Box<dyn std::error::Error>> {
        // NOOP counts the frames that were acknowledged, and does nothing.
        let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
        let length = if frames == 0 { 0 } else { LOG_HEADER + frames.cast_unsigned() * FRAME };
        let file = connection.path().ok_or("a file without a name")?;
        let log = OpenOptions::new().write(true).open(beside(Path::new(file), "-wal"))?;
        if log.metadata()?.len() > length { Ok(log.set_len(length)?) } else { Ok(()) }
    };
    if let Err(error) = cut() {
        tracing::warn!(?error, "What was refused may be found done at the next start.");
    }
}

/// A panic elsewhere has taken its own part back, so what it held is as good as before.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
        time::Duration,
    };

    use rusqlite::Connection;

    use super::Writer;
    use crate::{error::Fault, schema::Kind};

    const THREADS: usize = 8;
    const EACH: usize = 50;

    fn writer(folder: &tempfile::TempDir) -> Writer {
        let connection = Connection::open(folder.path().join("file.db")).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE line (n INTEGER PRIMARY KEY)")
            .unwrap();
        Writer::new(connection, Kind::Ledger)
    }

    fn put(connection: &Connection, n: usize) -> Result<(), Fault> {
        connection.execute("INSERT INTO line VALUES (?1)", [n as i64])?;
        Ok(())
    }

    fn held(writer: &Writer) -> Vec<usize> {
        writer.with_connection(|connection| {
            let mut statement = connection.prepare("SELECT n FROM line ORDER BY n").unwrap();
            let lines = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
            lines.map(|n| n.unwrap() as usize).collect()
        })
    }

    #[test]
    fn who_write_at_the_same_time_share_commits_and_each_keeps_or_loses_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let path = folder.path().join("file.db");
        let shared = AtomicUsize::new(0);
        let together = Barrier::new(THREADS);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (writer, together, shared, path) = (&writer, &together, &shared, &path);
                scope.spawn(move || {
                    let other = Connection::open(path).unwrap();
                    let lines = |connection: &Connection| {
                        connection
                            .query_row("SELECT count(*) FROM line", [], |row| row.get::<_, i64>(0))
                            .unwrap()
                    };
                    together.wait();
                    for n in (0..EACH).map(|n| thread * EACH + n) {
                        let told = writer.write(|connection| {
                            shared
                                .fetch_add(usize::from(lines(connection) > lines(&other)), Ordering::SeqCst);
                            put(connection, n)?;
                            // Others queue up meanwhile.
                            thread::sleep(Duration::from_millis(1));
                            if n % 3 == 0 { put(connection, n) } else { Ok(()) }
                        });
                        assert_eq!(told.is_ok(), n % 3 != 0, "{n}");
                        // What was told is there for whoever looks.
                        let there = "SELECT count(*) FROM line WHERE n = ?1";
                        let there: bool = other.query_row(there, [n as i64], |row| row.get(0)).unwrap();
                        assert_eq!(there, n % 3 != 0, "{n}");
                    }
                });
            }
        });
        let kept: Vec<usize> = (0..THREADS * EACH).filter(|n| n % 3 != 0).collect();
        assert_eq!(held(&writer), kept);
        assert!(shared.into_inner() > 0, "none has seen what another had not committed yet");
    }

    #[test]
    fn a_panic_among_others_takes_back_its_own_part_alone() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS * EACH)
                .map(|n| {
                    let writer = &writer;
                    scope.spawn(move || {
                        writer
                            .write(|connection| {
                                put(connection, n)?;
                                assert!(n % 10 != 0, "on purpose");
                                Ok(())
                            })
                            .unwrap();
                    })
                })
                .collect();
            for (n, thread) in threads.into_iter().enumerate() {
                assert_eq!(thread.join().is_err(), n % 10 == 0);
            }
        });
        assert_eq!(held(&writer), (0..THREADS * EACH).filter(|n| n % 10 != 0).collect::<Vec<_>>());
    }

    #[test]
    fn when_the_transaction_of_all_is_lost_all_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let together = Barrier::new(THREADS);
        let told: Vec<bool> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|n| {
                    let (writer, together) = (&writer, &together);
                    scope.spawn(move || {
                        together.wait();
                        let told = writer.write(|connection| {
                            put(connection, n)?;
                            thread::sleep(std::time::Duration::from_millis(20));
                            // As SQLite does by itself when the disk is full.
                            if n == 5 {
                                connection.execute_batch("ROLLBACK")?;
                                return Err(rusqlite::Error::InvalidQuery.into());
                            }
                            Ok(())
                        });
                        told.is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let told: Vec<usize> = told.iter().enumerate().filter_map(|(n, told)| told.then_some(n)).collect();
        assert!(!told.contains(&5));
        assert_eq!(held(&writer), told, "told and held are the same");
    }
}
