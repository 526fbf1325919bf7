//! What this workstation is to the server and the server to it: under which name the heads of the audit log are kept,
//! whose signatures count, and the policy that was last signed.
//!
//! The server's key is taken at its first word and never replaced in silence: another one is told as what it is.

use std::fmt;

use chatehr_audit::{
    Head, RememberError, SignedAnchor, VerifyingKey, head, remember_anchor, remembered_anchor,
};
use rusqlite::{Connection, OptionalExtension};

use super::audit::Known;
use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// What is kept of this workstation and its server.
#[derive(Clone, PartialEq, Eq)]
pub struct Device {
    /// Under which name the server keeps the heads of this log.
    pub id: String,
    /// How far the log goes.
    pub head: Head,
    /// As far as the server has counter-signed it.
    pub anchored: u64,
    /// The server's key, once it was seen.
    pub server_key: Option<[u8; 32]>,
    /// The policy as the server signed it, as it came.
    pub policy: Option<String>,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("head", &self.head)
            .field("anchored", &self.anchored)
            .finish_non_exhaustive()
    }
}

/// Why a counter-signed head is not remembered.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The ledger.
    #[error(transparent)]
    Files(#[from] VaultError),
    /// It is not of this log, not signed, or older than the one that is remembered.
    #[error(transparent)]
    Anchor(#[from] RememberError),
}

impl Vault {
    /// What is kept of this workstation and its server.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn device(&self) -> Result<Device, VaultError> {
        self.ledger().read(|ledger| {
            let anchored = remembered_anchor(ledger)?.map_or(0, |signed| signed.anchor.count);
            let head = head(ledger)?;
            let (id, server_key, policy) = ledger
                .prepare_cached("SELECT id, server_key, policy FROM device")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(Device { id, head, anchored, server_key, policy })
        })
    }

    /// Takes the server's key for the one whose signatures count, where there is none yet. `false` when another one
    /// counts already: nothing was changed.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn know_server(&self, key: &[u8; 32]) -> Result<bool, VaultError> {
        self.ledger().write(|ledger| {
            ledger
                .prepare_cached("UPDATE device SET server_key = coalesce(server_key, ?1)")?
                .execute([key.as_slice()])?;
            let known: Option<[u8; 32]> =
                ledger.prepare_cached("SELECT server_key FROM device")?.query_row([], |row| row.get(0))?;
            Ok(known.as_ref() == Some(key))
        })
    }

    /// Keeps the policy as the server signed it, for when it cannot be asked.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn keep_policy(&self, signed: &str) -> Result<(), VaultError> {
        self.ledger().write(|ledger| {
            ledger
                .prepare_cached("UPDATE device SET policy = ?1 WHERE policy IS NOT ?1")?
                .execute([signed])?;
            Ok(())
        })
    }

    /// Remembers the head that the server has counter-signed.
    ///
    /// # Errors
    /// [`AnchorError`]. [`RememberError::NotOurs`] is an alarm: the server has seen another log of this workstation.
    pub fn remember_anchor(&self, signed: &SignedAnchor) -> Result<(), AnchorError> {
        let mut refused = None;
        let kept = self.ledger().write(|ledger| {
            let keys: Vec<VerifyingKey> = Known::read(ledger)?.server.into_iter().collect();
            match remember_anchor(ledger, signed, &keys) {
                Ok(()) => Ok(()),
                Err(RememberError::Sqlite(error)) => Err(Fault::Sql(error)),
                Err(error) => {
                    refused = Some(error);
                    Ok(())
                }
            }
        });
        kept?;
        refused.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Gives a restored ledger another name, so that the server does not take it for the one that it goes back from. What
/// the server keeps under the former name stays there.
pub(crate) fn rename(ledger: &Connection) -> Result<(), rusqlite::Error> {
    let there = ledger
        .prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = 'device'")?
        .query_row([], |_| Ok(()))
        .optional()?;
    if there.is_some() {
        ledger.execute("UPDATE device SET id = lower(hex(randomblob(16)))", [])?;
    }
    Ok(())
}
