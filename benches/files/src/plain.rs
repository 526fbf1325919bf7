//! The peer: the same tables in a file without a key.

use std::{fs, path::Path};

use chatehr_vault::VaultKey;
use rusqlite::Connection;

use crate::Failure;

/// The page cache of the files, which the peer has too.
const CACHE_KIB: i64 = 64 * 1024;
const LEDGER_KIB: i64 = 4 * 1024;

pub(crate) fn key() -> VaultKey {
    VaultKey::from_bytes(*b"the key of the measurements' own")
}

/// Which of the two files a peer stands beside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum File {
    Cache,
    Ledger,
}

impl File {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache.db",
            Self::Ledger => "ledger.db",
        }
    }
}

/// Writes what the file in `vault` holds, tables and rows, into a new file without a key. Nobody has it open.
pub(crate) fn copy(vault: &Path, file: File, plain: &Path) -> Result<(), Failure> {
    for rest in ["", "-wal", "-shm"] {
        let mut name = plain.as_os_str().to_owned();
        name.push(rest);
        if Path::new(&name).exists() {
            fs::remove_file(&name)?;
        }
    }
    let connection = encrypted(vault, file)?;
    connection.execute("ATTACH ?1 AS plain KEY ''", [plain.to_str()])?;
    connection.query_row("SELECT sqlcipher_export('plain')", [], |_| Ok(()))?;
    Ok(connection.execute_batch("DETACH plain")?)
}

/// The file itself, past the vault.
pub(crate) fn encrypted(vault: &Path, file: File) -> Result<Connection, Failure> {
    let connection = Connection::open(vault.join(file.name()))?;
    connection.execute_batch(&format!("PRAGMA key = \"x'{}'\"", *key().to_text()))?;
    Ok(connection)
}

/// As durable and with as much cache as the file it stands beside.
pub(crate) fn open(plain: &Path, file: File) -> Result<Connection, Failure> {
    let connection = Connection::open(plain)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let (synchronous, kib) = match file {
        File::Cache => ("NORMAL", CACHE_KIB),
        File::Ledger => ("FULL", LEDGER_KIB),
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -kib)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
