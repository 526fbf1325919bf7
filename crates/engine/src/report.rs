//! Turns what went wrong below into what the window is told: a code, and a reference under which the log has the
//! rest. No server's text, SQL or URL passes here.

use chatehr_client::ClientError;
use chatehr_contract::{ErrorCode, ErrorReport, InvalidField};
use chatehr_vault::{
    DamagedFile, OpenError as FilesError, VaultError,
    keyring::{KeyError, KeyringError},
};

/// From the server or the way to it.
pub(crate) fn client(error: &ClientError) -> ErrorReport {
    tracing::warn!(%error, "A request to ChatEHR failed.");
    let report = ErrorReport::new(error.code());
    match error {
        ClientError::Invalid { fields } => report.with_detail(in_words(fields)),
        ClientError::Conflict { current: Some(current), .. } => {
            report.with_detail(format!("it is now {}", current.status.as_str().replace('_', " ")))
        }
        _ => report,
    }
}

/// From the person's files while they are open.
pub(crate) fn vault(error: &VaultError) -> ErrorReport {
    tracing::error!(%error, "The encrypted files did not do what was asked.");
    ErrorReport::new(match error {
        VaultError::DiskFull => ErrorCode::DiskFull,
        VaultError::ReadOnly => ErrorCode::ReadOnly,
        VaultError::Damaged { file: DamagedFile::Cache } => ErrorCode::CacheDamaged,
        VaultError::Damaged { file: DamagedFile::Ledger } => ErrorCode::LedgerDamaged,
        _ => ErrorCode::StorageFault,
    })
}

/// From opening the files.
pub(crate) fn open(error: &FilesError) -> ErrorReport {
    tracing::error!(%error, "The encrypted files were not opened.");
    ErrorReport::new(match error {
        FilesError::WrongKey | FilesError::KeyReplaced => ErrorCode::WrongKey,
        FilesError::CacheDamaged => ErrorCode::CacheDamaged,
        FilesError::LedgerDamaged => ErrorCode::LedgerDamaged,
        FilesError::FromNewerVersion => ErrorCode::FromNewerVersion,
        FilesError::DiskFull => ErrorCode::DiskFull,
        FilesError::ReadOnly => ErrorCode::ReadOnly,
        _ => ErrorCode::StorageFault,
    })
}

/// From the keyring.
pub(crate) fn keyring(error: &KeyringError) -> ErrorReport {
    tracing::error!(%error, "The keyring did not do what was asked.");
    ErrorReport::new(match error {
        KeyringError::Missing => ErrorCode::KeyringMissing,
        _ => ErrorCode::KeyringLocked,
    })
}

/// From finding the key to the files.
pub(crate) fn key(error: &KeyError) -> ErrorReport {
    match error {
        KeyError::Keyring(error) => keyring(error),
        KeyError::KeyMissing | KeyError::BackendChanged { .. } => ErrorReport::new(ErrorCode::KeyMissing),
        _ => ErrorReport::new(ErrorCode::WrongKey),
    }
}

/// Ours.
pub(crate) fn internal(error: &impl std::fmt::Display) -> ErrorReport {
    tracing::error!(%error, "Something went wrong inside the program.");
    ErrorReport::new(ErrorCode::Internal)
}

/// Nothing, or what cannot be accepted as typed.
pub(crate) fn problems(fields: &[InvalidField]) -> Result<(), ErrorReport> {
    if fields.is_empty() {
        Ok(())
    } else {
        Err(ErrorReport::new(ErrorCode::Invalid).with_detail(in_words(fields)))
    }
}

fn in_words(fields: &[InvalidField]) -> String {
    let words: Vec<_> = fields
        .iter()
        .map(|field| {
            let name = match field.path.as_str() {
                "content" => "the message",
                "description" => "the description",
                "reason" => "the reason",
                "notes" => "the note",
                "specialty" => "the specialty",
                "urgency" => "the urgency",
                other => other,
            };
            format!("{name} {}", field.msg)
        })
        .collect();
    words.join("; ")
}
