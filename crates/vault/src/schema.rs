//! The tables of both files, as steps that only ever get more. A released step is never edited, and no step drops
//! what a person did.
//!
//! Each file says from which step on a program may open it, so that a program that was taken back to the version
//! before still opens the files where the newer one only added to them.

use rusqlite_migration::M;

use crate::error::{DamagedFile, OpenError};

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cache,
    Ledger,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache.db",
            Self::Ledger => "ledger.db",
        }
    }

    pub(crate) fn steps(self) -> Vec<M<'static>> {
        match self {
            Self::Cache => {
                vec![M::up(include_str!("schema/cache_1.sql")), M::up(include_str!("schema/cache_2.sql"))]
            }
            Self::Ledger => vec![
                M::up(include_str!("schema/ledger_1.sql")),
                M::up(chatehr_audit::SCHEMA),
                M::up(include_str!("schema/ledger_3.sql")),
                M::up(include_str!("schema/ledger_4.sql")),
                M::up(include_str!("schema/ledger_5.sql")),
            ],
        }
    }

    /// The version that the last step leads to.
    pub(crate) fn latest(self) -> i64 {
        i64::try_from(self.steps().len()).unwrap_or(i64::MAX)
    }

    /// The cache may lose its last moments in a power cut, since the server has them; the ledger may not.
    pub(crate) const fn synchronous(self) -> &'static str {
        match self {
            Self::Cache => "NORMAL",
            Self::Ledger => "FULL",
        }
    }

    /// Decrypted pages kept, per connection: decrypting them again is what makes a small cache slow.
    pub(crate) const fn page_cache_kib(self) -> i64 {
        match self {
            Self::Cache => 64 * 1024,
            Self::Ledger => 4 * 1024,
        }
    }

    pub(crate) const fn file(self) -> DamagedFile {
        match self {
            Self::Cache => DamagedFile::Cache,
            Self::Ledger => DamagedFile::Ledger,
        }
    }

    pub(crate) const fn damaged(self) -> OpenError {
        match self {
            Self::Cache => OpenError::CacheDamaged,
            Self::Ledger => OpenError::LedgerDamaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use rusqlite_migration::Migrations;

    use super::Kind;

    #[test]
    fn every_table_is_strict() {
        for kind in [Kind::Cache, Kind::Ledger] {
            let mut file = Connection::open_in_memory().unwrap();
            Migrations::from_slice(&kind.steps()).to_latest(&mut file).unwrap();
            let lax: Vec<String> = file
                .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'")
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(lax, Vec::<String>::new());
        }
    }

    #[test]
    fn a_file_that_stopped_at_any_step_goes_on_from_there_with_what_was_in_it() {
        let rows = |file: &Connection, kind| {
            let table = if kind == Kind::Ledger { "draft" } else { "patient" };
            file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        for kind in [Kind::Cache, Kind::Ledger] {
            let steps = kind.steps();
            let migrations = Migrations::from_slice(&steps);
            for stop in 1..=steps.len() {
                let mut file = Connection::open_in_memory().unwrap();
                migrations.to_version(&mut file, stop).unwrap();
                let row = match kind {
                    Kind::Ledger => "INSERT INTO draft VALUES ('c-1', 'words', 0)",
                    Kind::Cache => "INSERT INTO patient VALUES ('p-1', '{}')",
                };
                file.execute(row, []).unwrap();
                migrations.to_latest(&mut file).unwrap();
                assert_eq!(rows(&file, kind), 1, "{kind:?} from step {stop}");
                let opens_from: i64 =
                    file.query_row("SELECT opens_from FROM compatibility", [], |row| row.get(0)).unwrap();
                assert!(opens_from <= kind.latest());
            }
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut steps = Kind::Ledger.steps();
        steps.push(rusqlite_migration::M::up("CREATE TABLE half (x TEXT) STRICT; nonsense"));
        let mut file = Connection::open_in_memory().unwrap();
        assert!(Migrations::from_slice(&steps).to_latest(&mut file).is_err());
        let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        let tables: i64 = file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((version, tables), (0, 0), "all steps are one transaction");
    }
}
