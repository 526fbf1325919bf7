//! What an entry says, and the names and sums that hold the log together.

use std::fmt;

use chatehr_contract::{PersonId, Role, Timestamp};
use serde::{Deserialize, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It happened.
    Success,
    /// It was not allowed.
    Refused,
    /// It was allowed and went wrong.
    Failed,
}

impl Outcome {
    /// The word, as it is exported.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// One action, as it is to be written down: who, what, whose; never content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEntry {
    /// When, by the clock of the machine that writes it.
    pub at: Timestamp,
    /// The person's id, a machine's name, or nobody that is known.
    pub actor: Option<String>,
    /// In which role; a machine's is a word of its own.
    pub role: Role,
    /// A short name for the session that tells two apart; never its token.
    pub session: String,
    /// The workstation, or the address a request came from.
    pub workstation: String,
    /// A word such as `consultation.read`: lower-case letters, digits, `.`, `_` and `-`.
    pub action: String,
    /// The ids of what was acted on.
    pub objects: Vec<String>,
    /// Whose record it is.
    pub patient: Option<PersonId>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why: of an emergency, a refusal, a failure.
    pub reason: Option<String>,
}

impl fmt::Debug for NewEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEntry")
            .field("at", &self.at)
            .field("action", &self.action)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// One action as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its place in the log, counted from 1 without a gap.
    pub seq: u64,
    /// What it says.
    #[serde(flatten)]
    pub said: NewEntry,
    /// The hash of the entry before it; of the first, the log's beginning.
    pub previous_hash: Hash,
    /// SHA-256 of the previous hash and the encoding of what it says.
    pub hash: Hash,
}

/// The random name of a log, given when it begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LogId(pub [u8; 16]);

impl LogId {
    /// What the first entry follows: so that no two logs begin alike.
    pub fn beginning(&self) -> Hash {
        Hash(Sha256::new_with_prefix(b"chatehr audit genesis 1").chain_update(self.0).finalize().into())
    }
}

/// A SHA-256 sum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

macro_rules! written_in_hex {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let mut bytes = Self([0; _]);
                hex::decode_to_slice(text, &mut bytes.0).map_err(de::Error::custom)?;
                Ok(bytes)
            }
        }

        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.0.as_slice().into())
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                rusqlite::types::FromSql::column_result(value).map(Self)
            }
        }
    )+};
}
written_in_hex!(LogId, Hash, Signature);

/// How far a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub log_id: LogId,
    /// Entries ever written: the place of the last.
    pub count: u64,
    /// The last one's hash; of an empty log, its beginning.
    pub hash: Hash,
}

/// SQLite counts with a sign.
pub(crate) fn to_sql(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn from_sql(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
