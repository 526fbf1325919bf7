//! What stands behind both surfaces: the embedded ChatEHR, or one elsewhere.
//!
//! A provider decides (who may, whether the life cycle allows it), does, and keeps the record of both; a surface only
//! reads and writes HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use chatehr_contract::Timestamp;

use crate::{
    events::Listening,
    identity::{Actor, Person},
    op::{Op, Outcome},
    problem::Problem,
};

/// One call, with all that a decision needs.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) actor: Actor,
    pub(crate) op: Op,
    /// What makes a repeat recognisable.
    pub(crate) once: Option<Once>,
    /// The versions that `If-Match` allows; all when absent.
    pub(crate) if_match: Option<Versions>,
    /// Whether the caller opens envelopes itself.
    pub(crate) sealed: bool,
    /// Why somebody looks at what they otherwise may not (break-glass).
    pub(crate) reason: Option<String>,
    pub(crate) trace: Trace,
    pub(crate) now: Timestamp,
}

/// Where a call comes from, for the audit log and for the next server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) request_id: String,
    /// The client's address.
    pub(crate) address: String,
    /// The bearer token as it came, for a session that only the next server knows.
    pub(crate) token: Option<Token>,
    /// When that token ends.
    pub(crate) token_end: Option<Timestamp>,
}

/// A bearer token that `Debug` does not show.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) Arc<str>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A request that must take effect once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Once {
    /// As sent.
    pub(crate) key: String,
    /// Of method, path and body.
    pub(crate) digest: [u8; 32],
}

/// What `If-Match` said (RFC 9110, section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    Any,
    Of(Vec<u64>),
}

impl Call {
    /// Whether a record of this version may be changed.
    pub(crate) fn matches(&self, version: u64) -> bool {
        match &self.if_match {
            None | Some(Versions::Any) => true,
            Some(Versions::Of(versions)) => versions.contains(&version),
        }
    }
}

/// What a provider says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) sound: bool,
    pub(crate) features: Vec<&'static str>,
}

/// A ChatEHR.
#[async_trait]
pub(crate) trait Provider: Send + Sync {
    /// Decides, does, and writes down what was asked.
    async fn perform(&self, call: Call) -> Result<Outcome, Problem>;

    /// Whose session an opaque token is and when it ends, unless it is nobody's.
    async fn session(&self, token: &str, now: Timestamp) -> Result<Option<(Person, Timestamp)>, Problem>;

    /// Events from after `last`, or from now.
    async fn listen(&self, last: Option<&str>) -> Result<Listening, Problem>;

    /// Writes down what was refused or done outside of a call: a token that is none, a stream.
    async fn note(&self, entry: crate::trail::Note) -> Result<(), Problem>;

    /// Whether it works, and what it can do beyond the original.
    async fn condition(&self) -> Condition;

    /// Whether a message that was just made comes back as it rests, also for who opens none.
    fn answers_sealed(&self) -> bool {
        true
    }
}
