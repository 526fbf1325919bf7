//! The tables of both files, as steps that only ever get more. A released step is never edited, and no step drops
//! what a person did.

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
            Self::Cache => vec![M::up(include_str!("schema/cache_1.sql"))],
            Self::Ledger => vec![M::up(include_str!("schema/ledger_1.sql"))],
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
}
