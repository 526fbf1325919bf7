//! `ledger.db`: what this person did. Nothing here is ever deleted for having become inconvenient.

mod notes;
mod outbox;

pub use outbox::{NewOutboxRow, OutboxRow, OutboxState};
