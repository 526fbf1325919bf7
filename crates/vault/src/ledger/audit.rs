//! The audit log of this person's actions, in the ledger: an action and its entry are one transaction.

use std::io::Write;

use chatehr_audit::{
    Checkpoint, Criteria, Entry, Expectations, ExportError, Format, Head, NewEntry, PruneError, SigningKey,
    Verified, VerifyError, VerifyingKey, append, export, head, prune, search, verify,
};
use chatehr_contract::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// Why the log was not found to be what was written.
#[derive(Debug, thiserror::Error)]
pub enum VerifyAuditError {
    /// It could not be looked at.
    #[error(transparent)]
    Files(#[from] VaultError),
    /// It is not what was written.
    #[error(transparent)]
    Log(#[from] VerifyError),
}

/// Why an export broke off. What was written by then is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportAuditError {
    /// The log could not be read.
    #[error(transparent)]
    Files(#[from] VaultError),
    /// An entry does not read, or the export cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Why no entries were let go. All of them are still there.
#[derive(Debug, thiserror::Error)]
pub enum PruneAuditError {
    /// The ledger.
    #[error(transparent)]
    Files(#[from] VaultError),
    /// The log.
    #[error(transparent)]
    Log(#[from] PruneError),
}

impl Vault {
    /// Writes entries down, all of them or none.
    ///
    /// # Errors
    /// [`VaultError`]; what they are about must not happen then.
    pub fn record(&self, entries: &[NewEntry]) -> Result<(), VaultError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.ledger().write(|ledger| {
            append(ledger, entries)?;
            Ok(())
        })
    }

    /// How far the log goes.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn audit_head(&self) -> Result<Head, VaultError> {
        self.ledger().read(|ledger| Ok(head(ledger)?))
    }

    /// Reads the whole log once and tells whether it is what was written; 0.5 to 1 s for a million entries. Knows its
    /// own checkpoints and the server's key; `expected` adds what is known from elsewhere.
    ///
    /// # Errors
    /// [`VerifyAuditError::Log`] names the first entry that is wrong.
    pub fn verify_audit(&self, expected: &Expectations<'_>) -> Result<Verified, VerifyAuditError> {
        let verified = self.ledger().read(|ledger| {
            let known = Known::read(ledger)?;
            let (own, server) = (known.own(expected.checkpoint_keys), known.server(expected.anchor_keys));
            Ok(verify(ledger, &Expectations { checkpoint_keys: &own, anchor_keys: &server, ..*expected }))
        })?;
        Ok(verified?)
    }

    /// Entries that meet `criteria`, the latest first; those before the entry `before` where it is given.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn search_audit(
        &self,
        criteria: &Criteria<'_>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Entry>, VaultError> {
        self.ledger().read(|ledger| Ok(search(ledger, criteria, before, limit)?))
    }

    /// Writes the entries that meet `criteria` to `out`, the first one first. How many there were. That it was done,
    /// the caller writes down ([`record`](Self::record)).
    ///
    /// # Errors
    /// [`ExportAuditError`].
    pub fn export_audit(
        &self,
        criteria: &Criteria<'_>,
        format: Format<'_>,
        out: &mut impl Write,
    ) -> Result<u64, ExportAuditError> {
        Ok(self.ledger().read(|ledger| Ok(export(ledger, criteria, format, out)))??)
    }

    /// Lets go of the oldest entries as far as they are from before `before`, leaves a signed checkpoint and writes
    /// down that it did so (`entry`). `seed` is 32 fresh random bytes, for the signing key where there is none yet.
    ///
    /// # Errors
    /// [`PruneAuditError`]; [`PruneError::Unsound`] where the log is not what was written.
    pub fn prune_audit(
        &self,
        before: Timestamp,
        entry: &NewEntry,
        seed: [u8; 32],
    ) -> Result<Option<Checkpoint>, PruneAuditError> {
        let seed = Zeroizing::new(seed);
        let mut refused = None;
        let pruned = self.ledger().write(|ledger| {
            let old = Criteria { until: Some(before), ..Criteria::default() };
            if search(ledger, &old, None, 1)?.is_empty() {
                return Ok(None);
            }
            ledger
                .execute("UPDATE device SET checkpoint_seed = coalesce(checkpoint_seed, ?1)", [&seed[..]])?;
            let known = Known::read(ledger)?;
            let Some(key) = &known.checkpoint else { return Ok(None) };
            let (own, server) = (known.own(&[]), known.server(&[]));
            let expected =
                Expectations { checkpoint_keys: &own, anchor_keys: &server, ..Expectations::default() };
            match prune(ledger, before, key, entry.at, &expected) {
                Ok(None) => Ok(None),
                Ok(Some(checkpoint)) => {
                    let removed = format!("{} entries", checkpoint.removed);
                    append(ledger, &[NewEntry { objects: vec![removed], ..entry.clone() }])?;
                    Ok(Some(checkpoint))
                }
                Err(PruneError::Sqlite(error)) => Err(Fault::Sql(error)),
                Err(error) => {
                    refused = Some(error);
                    Err(Fault::GivenUp)
                }
            }
        });
        match refused {
            Some(error) => Err(error.into()),
            None => Ok(pruned?),
        }
    }
}

/// Whose signatures this workstation knows.
pub(super) struct Known {
    checkpoint: Option<SigningKey>,
    pub(super) server: Option<VerifyingKey>,
}

impl Known {
    pub(super) fn read(ledger: &Connection) -> Result<Self, rusqlite::Error> {
        let keys = ledger
            .prepare_cached("SELECT checkpoint_seed, server_key FROM device")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (seed, server): (Option<[u8; 32]>, Option<[u8; 32]>) = keys.unwrap_or_default();
        Ok(Self {
            checkpoint: seed.map(|seed| SigningKey::from_bytes(&Zeroizing::new(seed))),
            server: server.and_then(|key| VerifyingKey::from_bytes(&key).ok()),
        })
    }

    fn own(&self, others: &[VerifyingKey]) -> Vec<VerifyingKey> {
        self.checkpoint.iter().map(SigningKey::verifying_key).chain(others.iter().copied()).collect()
    }

    fn server(&self, others: &[VerifyingKey]) -> Vec<VerifyingKey> {
        self.server.into_iter().chain(others.iter().copied()).collect()
    }
}
