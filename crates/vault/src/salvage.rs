//! Saves what can still be read of a damaged ledger into a new one.
//!
//! Promises: the damaged files are copied and never touched; every row of the outbox, draft, read mark, doubt and audit entry
//! whose page still reads is saved, also behind a page that does not; what was lost is said. SQLCipher authenticates each
//! page, so a row that reads is a row that was written.
//! Refuses to pretend: the old audit entries cannot be chained anew, so they leave as JSON lines for the caller to keep,
//! and the new log begins with the entry of the salvage. Where messages of the outbox are lost, those that are left wait
//! for a person ([`ErrorCode::LedgerDamaged`]): sent alone they may not mean what they meant.
//!
//! A ledger whose first page, or whose list of tables, does not read gives nothing away here.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use chatehr_audit::{Entry, NewEntry, append, read_from};
use chatehr_contract::ErrorCode;
use rusqlite::{Connection, Row, params_from_iter, types::Value};

use crate::{
    connection,
    error::{OpenError, VaultError},
    header::{self, Verdict},
    key::VaultKey,
    lock::{self, Lock},
    permissions,
    schema::Kind,
    store::beside,
    vault::Vault,
};

/// After so many places in a row that do not read there is nothing more to come: a page of the tree that leads to
/// others takes at most so many rows with it.
const MOST_MISSES: u64 = 20_000;
/// No page holds more rows.
const ROWS_PER_PAGE: u64 = 64;

/// What was saved of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// So many rows.
    pub read: u64,
    /// Nothing had to be passed over.
    pub whole: bool,
}

/// What was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Messages that the server has not confirmed.
    pub outbox: Part,
    /// What was typed and not sent.
    pub drafts: Part,
    /// How far conversations were read.
    pub read_marks: Part,
    /// What the server was asked, and nobody knows what became of it.
    pub doubts: Part,
    /// Entries of the audit log, which were handed over.
    pub audit: Part,
}

/// Why nothing was saved. There is no new ledger, and the damaged one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// Somebody has the files open.
    #[error("the files are in use")]
    InUse,
    /// The key is not the one of these files.
    #[error("the key does not belong to these files")]
    WrongKey,
    /// The place for the new ledger is taken.
    #[error("there is something in the place of the new ledger")]
    Occupied,
    /// Not even the list of tables reads.
    #[error("nothing of the ledger reads")]
    NothingReads,
    /// The old entries cannot be handed over.
    #[error("the audit entries cannot be written")]
    Audit(#[source] io::Error),
    /// A file cannot be copied or made.
    #[error(transparent)]
    Files(#[from] OpenError),
    /// The new ledger does not take what was read.
    #[error(transparent)]
    Ledger(#[from] VaultError),
}

impl From<io::Error> for SalvageError {
    fn from(error: io::Error) -> Self {
        Self::Files(error.into())
    }
}

/// Saves what reads of the ledger in `dir` into a new directory `into`, under the same key and with the same slots; the
/// cache is fetched again. Writes the old audit entries to `old_audit`, one JSON object a line: ids of patients stand in
/// them, so it is the caller's to say where they may lie. `entry` (`vault.salvage`) is the first of the new log; what it is
/// about is filled in here.
///
/// Reading past a damaged page takes about a millisecond for each row that is lost.
///
/// # Errors
/// [`SalvageError`].
pub fn salvage(
    dir: &Path,
    key: &VaultKey,
    into: &Path,
    entry: &NewEntry,
    old_audit: &mut impl Write,
) -> Result<Salvaged, SalvageError> {
    let _held = Lock::take(dir, lock::FILES)?.ok_or(SalvageError::InUse)?;
    if header::read(dir)?.judge(key) == Verdict::Wrong {
        return Err(SalvageError::WrongKey);
    }
    match fs::create_dir(into) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(SalvageError::Occupied),
        made => made?,
    }
    let saved = fill(dir, key, into, entry, old_audit);
    if saved.is_err() {
        // Made a moment ago, by us.
        fs::remove_dir_all(into).ok();
    }
    saved
}

fn fill(
    dir: &Path,
    key: &VaultKey,
    into: &Path,
    entry: &NewEntry,
    old_audit: &mut impl Write,
) -> Result<Salvaged, SalvageError> {
    permissions::own_directory(into)?;
    let copy = Duplicate::of(dir, into)?;
    let pages = fs::metadata(&copy.0)?.len() / 4096;
    let keeper = connection::doubtful(&copy.0, key).map_err(|_| SalvageError::NothingReads)?;
    let damaged = Damaged { path: &copy.0, key, pages, _keeper: keeper };
    let columns = if damaged.has("outbox", "seen") {
        OUTBOX
    } else if damaged.has("outbox", "kind") {
        OUTBOX_OF_STEPS
    } else {
        OUTBOX_OF_MESSAGES
    };
    let outbox = damaged.rows("outbox", columns)?;
    let drafts = damaged.rows("draft", "consultation_id, text, saved_at")?;
    let marks = damaged.rows("read_mark", "consultation_id, up_to")?;
    let doubts = damaged.rows("doubt", DOUBT)?;
    let server = damaged.rows("device", "server_key, policy")?;
    let audit = damaged.audit(old_audit)?;
    drop(damaged);
    drop(copy);
    if dir.join(header::NAME).exists() {
        fs::copy(dir.join(header::NAME), into.join(header::NAME))?;
    }
    let saved = Salvaged {
        outbox: outbox.part(),
        drafts: drafts.part(),
        read_marks: marks.part(),
        doubts: doubts.part(),
        audit,
    };
    let entry = NewEntry { objects: in_words(&saved), ..entry.clone() };
    let vault = Vault::open(into, key)?;
    vault.ledger().write(|ledger| {
        insert(ledger, "outbox", columns, &outbox.rows)?;
        if columns == OUTBOX_OF_MESSAGES {
            // As step 4 takes them.
            ledger.execute(
                "UPDATE outbox SET in_doubt = 1 WHERE attempts > 0 AND (code IS NULL OR code = ?1)",
                [ErrorCode::ServerFault.as_str()],
            )?;
        }
        insert(ledger, "draft", "consultation_id, text, saved_at", &drafts.rows)?;
        insert(ledger, "read_mark", "consultation_id, up_to", &marks.rows)?;
        insert(ledger, "doubt", DOUBT, &doubts.rows)?;
        if let Some(known) = server.rows.first() {
            // Whom this workstation trusts stays; its own name is new, as the log is.
            ledger.execute("UPDATE device SET server_key = ?1, policy = ?2", params_from_iter(known))?;
        }
        if !outbox.whole {
            ledger.execute(
                "UPDATE outbox SET state = 'stuck', code = ?1, next_attempt_at = NULL",
                [ErrorCode::LedgerDamaged.as_str()],
            )?;
        }
        append(ledger, &[entry])?;
        Ok(())
    })?;
    Ok(saved)
}

const OUTBOX: &str = "seq, envelope_id, consultation_id, to_id, text, sealed, queued_at, attempts, last_attempt_at, \
                      next_attempt_at, state, code, kind, in_doubt, detail, edit, seen";
/// Of step 4.
const OUTBOX_OF_STEPS: &str = "seq, envelope_id, consultation_id, to_id, text, sealed, queued_at, attempts, \
                               last_attempt_at, next_attempt_at, state, code, kind, in_doubt, detail, edit";
/// Before step 4.
const OUTBOX_OF_MESSAGES: &str = "seq, envelope_id, consultation_id, to_id, text, sealed, queued_at, attempts, \
                                  last_attempt_at, next_attempt_at, state, code";

const DOUBT: &str = "key, consultation_id, question, entry";

fn insert(
    ledger: &Connection,
    table: &str,
    columns: &str,
    rows: &[Vec<Value>],
) -> Result<(), rusqlite::Error> {
    let places = vec!["?"; columns.split(',').count()].join(", ");
    let mut insert = ledger.prepare(&format!("INSERT INTO {table} ({columns}) VALUES ({places})"))?;
    rows.iter().try_for_each(|row| insert.execute(params_from_iter(row)).map(drop))
}

fn in_words(saved: &Salvaged) -> Vec<String> {
    let parts = [
        ("messages", saved.outbox),
        ("drafts", saved.drafts),
        ("read marks", saved.read_marks),
        ("doubts", saved.doubts),
        ("audit entries", saved.audit),
    ];
    let words = |(what, part): (&str, Part)| {
        let lost = if part.whole { "" } else { ", others lost" };
        format!("{} {what}{lost}", part.read)
    };
    parts.map(words).into()
}

/// A copy of the ledger and its log, gone with its owner.
struct Duplicate(PathBuf);

impl Duplicate {
    fn of(dir: &Path, into: &Path) -> Result<Self, SalvageError> {
        let (from, to) = (dir.join(Kind::Ledger.name()), into.join("damaged.db"));
        let copy = Self(to.clone());
        for side in ["", "-wal"] {
            match fs::File::open(beside(&from, side)) {
                Ok(mut from) => drop(io::copy(&mut from, &mut permissions::own_file(&beside(&to, side))?)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !side.is_empty() => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(SalvageError::NothingReads);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(copy)
    }
}

impl Drop for Duplicate {
    fn drop(&mut self) {
        for side in ["", "-wal", "-shm", "-journal"] {
            fs::remove_file(beside(&self.0, side)).ok();
        }
    }
}

/// The copy, of which anything may not read.
struct Damaged<'a> {
    path: &'a Path,
    key: &'a VaultKey,
    pages: u64,
    /// Reads nothing: while it is open, those that come and go need not set up and clear away what connections share.
    _keeper: Connection,
}

/// Rows that read, in their order.
struct Rows {
    rows: Vec<Vec<Value>>,
    whole: bool,
}

impl Rows {
    fn part(&self) -> Part {
        Part { read: self.rows.len() as u64, whole: self.whole }
    }
}

impl Damaged<'_> {
    fn rows(&self, table: &str, columns: &str) -> Result<Rows, SalvageError> {
        let sql = format!("SELECT rowid, {columns} FROM {table} WHERE rowid >= ?1 ORDER BY rowid");
        let mut rows = Vec::new();
        let whole = self.past_damage(table, |connection, from| {
            let mut last = None;
            let read = read_rows(connection, &sql, from, |row| {
                last = Some(row.get(0)?);
                let columns = row.as_ref().column_count();
                rows.push((1..columns).map(|column| row.get(column)).collect::<Result<_, _>>()?);
                Ok(())
            });
            (last, read)
        })?;
        Ok(Rows { rows, whole })
    }

    fn audit(&self, out: &mut impl Write) -> Result<Part, SalvageError> {
        let (mut read, mut written) = (0, Ok(()));
        let whole = self.past_damage("audit_entry", |connection, from| {
            let mut last = None;
            let outcome = read_from(connection, u64::try_from(from).unwrap_or_default(), |entry| {
                last = i64::try_from(entry.seq).ok();
                read += 1;
                if written.is_ok() {
                    written = json_line(out, &entry);
                }
            });
            (last, outcome.map_err(drop))
        })?;
        written.and_then(|()| out.flush()).map_err(SalvageError::Audit)?;
        Ok(Part { read, whole })
    }

    /// Reads a table from one row that does not read to the next that does. `read` reads from a row on and says how far it
    /// came. After an error SQLCipher answers nothing over the same connection, so each attempt has its own.
    fn past_damage(
        &self,
        table: &str,
        mut read: impl FnMut(&Connection, i64) -> (Option<i64>, Result<(), ()>),
    ) -> Result<bool, SalvageError> {
        let end = match self.extent(table)? {
            Extent::NoTable => return Ok(true),
            Extent::Until(end) => end,
        };
        let most = MOST_MISSES.min(self.pages.saturating_mul(ROWS_PER_PAGE));
        let (mut from, mut misses, mut whole) = (i64::MIN, 0, true);
        loop {
            let connection =
                connection::doubtful(self.path, self.key).map_err(|_| SalvageError::NothingReads)?;
            let (last, outcome) = read(&connection, from);
            if outcome.is_ok() {
                return Ok(whole);
            }
            whole = false;
            (from, misses) = match last {
                Some(last) => (last.saturating_add(1), 0),
                // The first row is 1, whatever is asked for.
                None => (from.max(0).saturating_add(1), misses + 1),
            };
            if misses > most || end.is_some_and(|end| from > end) {
                return Ok(false);
            }
        }
    }

    fn has(&self, table: &str, column: &str) -> bool {
        let look = || {
            let connection = connection::doubtful(self.path, self.key)?;
            let columns = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
            connection.query_row(columns, [table, column], |row| row.get::<_, i64>(0))
        };
        look().is_ok_and(|there| there > 0)
    }

    fn extent(&self, table: &str) -> Result<Extent, SalvageError> {
        let look = || {
            let connection = connection::doubtful(self.path, self.key)?;
            let tables = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
            let there: i64 = connection.query_row(tables, [table], |row| row.get(0))?;
            Ok::<_, rusqlite::Error>((there > 0).then_some(connection))
        };
        let Some(connection) = look().map_err(|_| SalvageError::NothingReads)? else {
            return Ok(Extent::NoTable);
        };
        let last = connection.query_row(&format!("SELECT max(rowid) FROM {table}"), [], |row| row.get(0));
        Ok(Extent::Until(last.ok().flatten()))
    }
}

/// How far a table goes.
enum Extent {
    /// An older program did not make it, so nothing of it is lost.
    NoTable,
    /// To this row, where the last one reads.
    Until(Option<i64>),
}

fn read_rows(
    connection: &Connection,
    sql: &str,
    from: i64,
    mut each: impl FnMut(&Row<'_>) -> Result<(), rusqlite::Error>,
) -> Result<(), ()> {
    let mut read = || {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([from])?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok::<_, rusqlite::Error>(())
    };
    read().map_err(drop)
}

fn json_line(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    serde_json::to_writer(&mut *out, entry)?;
    out.write_all(b"\n")
}
