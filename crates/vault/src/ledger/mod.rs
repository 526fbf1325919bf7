//! `ledger.db`: what this person did. Nothing here is ever deleted for having become inconvenient.

mod audit;
mod device;
mod doubt;
mod notes;
mod outbox;

pub use audit::{ExportAuditError, PruneAuditError, VerifyAuditError};
pub(crate) use device::rename;
pub use device::{AnchorError, Device};
pub use doubt::Doubt;
pub use outbox::{Decided, NewOutboxRow, OutboxKind, OutboxRow, OutboxState};
