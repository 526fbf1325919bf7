//! Turns what went wrong below into what the window is told: a code, and a reference under which the log has the
//! rest. No server's text, SQL or URL passes here.

use chatehr_client::ClientError;
use chatehr_contract::{ErrorCode, ErrorReport, InvalidField};
use chatehr_sign_in::{Code, IdentityError, SignInError, TokenError};
use chatehr_token::CheckError;
use chatehr_vault::{
    DamagedFile, Obstacle, OpenError as FilesError, RekeyError, SlotError, VaultError,
    backup::BackupError,
    keyring::{KeyError, KeyringError},
    slots::CodeError,
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

/// From a sign-in with a clinic account.
pub(crate) fn sign_in(error: &SignInError) -> ErrorReport {
    tracing::warn!(%error, cause = ?std::error::Error::source(error), "Nobody was signed in.");
    let misfit = |setting: &str| {
        ErrorReport::new(ErrorCode::BadConfiguration)
            .with_detail(format!("the sign-in service refuses this program ({setting})"))
    };
    ErrorReport::new(match error {
        SignInError::Provider(TokenError::Unavailable(_))
        | SignInError::Identity(IdentityError::Check(CheckError::Unavailable(_)))
        | SignInError::Refused(Code::ServerError | Code::TemporarilyUnavailable) => {
            ErrorCode::SignInUnavailable
        }
        SignInError::Provider(TokenError::Refused(Code::InvalidClient | Code::UnauthorizedClient))
        | SignInError::Refused(Code::InvalidClient | Code::UnauthorizedClient) => {
            return misfit("CHATEHR_OIDC_CLIENT_ID");
        }
        SignInError::Refused(Code::InvalidTarget)
        | SignInError::Provider(TokenError::Refused(Code::InvalidTarget)) => {
            return misfit("CHATEHR_OIDC_RESOURCE");
        }
        SignInError::Refused(Code::InvalidScope)
        | SignInError::Provider(TokenError::Refused(Code::InvalidScope)) => {
            return misfit("CHATEHR_OIDC_SCOPES");
        }
        SignInError::NoDeviceCodes => ErrorCode::NoDeviceSignIn,
        SignInError::Random(_) | SignInError::Port(_) => ErrorCode::Internal,
        SignInError::Browser(_) => ErrorCode::NoBrowser,
        SignInError::TimedOut => ErrorCode::SignInTimedOut,
        SignInError::Denied => ErrorCode::SignInDeclined,
        SignInError::Identity(IdentityError::NotFresh) => ErrorCode::NotShownAgain,
        SignInError::Provider(_)
        | SignInError::NoS256
        | SignInError::Refused(_)
        | SignInError::OtherIssuer
        | SignInError::Identity(_) => ErrorCode::SignInNotTrusted,
    })
}

/// From the person's files while they are open.
pub(crate) fn vault(error: &VaultError) -> ErrorReport {
    tracing::error!(%error, "The encrypted files did not do what was asked.");
    ErrorReport::new(match error {
        VaultError::CacheClosed => ErrorCode::Locked,
        VaultError::DiskFull => ErrorCode::DiskFull,
        VaultError::ReadOnly => ErrorCode::ReadOnly,
        VaultError::Damaged { file: DamagedFile::Cache } => ErrorCode::CacheDamaged,
        VaultError::Damaged { file: DamagedFile::Ledger } => ErrorCode::LedgerDamaged,
        _ => ErrorCode::StorageFault,
    })
}

/// The code of each thing that can stand between a start and open files; no two have the same.
pub(crate) const fn code_of(obstacle: Obstacle) -> ErrorCode {
    match obstacle {
        Obstacle::NoKeyring => ErrorCode::KeyringMissing,
        Obstacle::KeyringLocked => ErrorCode::KeyringLocked,
        Obstacle::KeyringFailed => ErrorCode::KeyringFailed,
        Obstacle::KeyMissing => ErrorCode::KeyMissing,
        Obstacle::BackendChanged => ErrorCode::KeyringChanged,
        Obstacle::WrongKey => ErrorCode::WrongKey,
        Obstacle::ForeignHeader => ErrorCode::HeaderForeign,
        Obstacle::FromNewerVersion => ErrorCode::FromNewerVersion,
        Obstacle::CacheDamaged => ErrorCode::CacheDamaged,
        Obstacle::LedgerDamaged => ErrorCode::LedgerDamaged,
        Obstacle::DiskFull => ErrorCode::DiskFull,
        Obstacle::ReadOnly => ErrorCode::ReadOnly,
        Obstacle::InUse => ErrorCode::FilesInUse,
        Obstacle::Unreachable => ErrorCode::StorageFault,
    }
}

/// Whether a passphrase or a recovery code is a way past what this code says.
pub(crate) fn yields_to_another_slot(code: ErrorCode) -> bool {
    Obstacle::ALL.iter().any(|obstacle| code_of(*obstacle) == code && obstacle.yields_to_another_slot())
}

/// From opening the files.
pub(crate) fn open(error: &FilesError) -> ErrorReport {
    tracing::error!(%error, "The encrypted files were not opened.");
    ErrorReport::new(code_of(error.into()))
}

/// From the keyring.
pub(crate) fn keyring(error: &KeyringError) -> ErrorReport {
    tracing::error!(%error, "The keyring did not do what was asked.");
    ErrorReport::new(code_of(match error {
        KeyringError::Missing => Obstacle::NoKeyring,
        KeyringError::Locked => Obstacle::KeyringLocked,
        KeyringError::Other(_) => Obstacle::KeyringFailed,
    }))
}

/// From finding the key to the files.
pub(crate) fn key(error: &KeyError) -> ErrorReport {
    match error {
        KeyError::Keyring(error) => keyring(error),
        KeyError::Header(error) => slots(error),
        KeyError::BackendChanged { was, now } => {
            tracing::error!(%error, "Another keyring answers.");
            let detail = format!("it was {}, and now {} answers", keyring_name(was), keyring_name(now));
            ErrorReport::new(ErrorCode::KeyringChanged).with_detail(detail)
        }
        KeyError::KeyMissing | KeyError::Garbled | KeyError::Occupied { .. } => {
            tracing::error!(%error, "The keyring does not have the key.");
            ErrorReport::new(code_of(error.into()))
        }
    }
}

/// From the slots of the key.
pub(crate) fn slots(error: &SlotError) -> ErrorReport {
    tracing::warn!(%error, "A way to the key was not opened or changed.");
    let code = match error {
        SlotError::NoSuchSlot => ErrorCode::NoSuchKey,
        SlotError::WrongPassphrase => ErrorCode::WrongPassphrase,
        SlotError::Mistyped(CodeError::Length { found }) => {
            return ErrorReport::new(ErrorCode::CodeMistyped)
                .with_detail(format!("it has 40 characters, and {found} were typed"));
        }
        SlotError::Mistyped(CodeError::Mistyped { group }) => {
            return ErrorReport::new(ErrorCode::CodeMistyped)
                .with_detail(format!("group {group} of the eight is mistyped"));
        }
        SlotError::WrongCode => ErrorCode::WrongCode,
        SlotError::HeaderDamaged => ErrorCode::HeaderDamaged,
        SlotError::LastSlot => ErrorCode::LastKey,
        SlotError::NothingToReplace => ErrorCode::Internal,
        SlotError::PassphraseTooShort => ErrorCode::PassphraseTooShort,
        SlotError::BadLabel => ErrorCode::LabelUnfit,
        SlotError::TooManySlots => ErrorCode::TooManyKeys,
        SlotError::WrongKey
        | SlotError::FromNewerVersion
        | SlotError::InUse
        | SlotError::DiskFull
        | SlotError::ReadOnly
        | SlotError::Io(_) => code_of(error.into()),
    };
    ErrorReport::new(code)
}

/// From replacing the key.
pub(crate) fn rekey(error: &RekeyError) -> ErrorReport {
    tracing::error!(%error, "The key was not replaced as asked.");
    match error {
        RekeyError::Files(error) | RekeyError::Unfinished(error) => open(error),
        RekeyError::Slots(error) => slots(error),
        RekeyError::Keyring(error) => key(error),
        RekeyError::NoSlotLeft => ErrorReport::new(ErrorCode::LastKey),
    }
}

/// From writing a backup.
pub(crate) fn backup(error: &BackupError) -> ErrorReport {
    tracing::warn!(%error, "No backup was written.");
    match error {
        BackupError::Occupied => ErrorReport::new(ErrorCode::BackupOccupied),
        BackupError::NoSlot => ErrorReport::new(ErrorCode::BackupNeedsKey),
        BackupError::Slots(error) => slots(error),
        BackupError::Files(FilesError::ReadOnly | FilesError::Io(_)) => {
            ErrorReport::new(ErrorCode::BackupPlaceUnfit)
        }
        BackupError::Files(error) => open(error),
        BackupError::Damaged | BackupError::FromNewerVersion => ErrorReport::new(ErrorCode::Internal),
    }
}

/// A keyring's name as its own program shows it: `secret-service:login` is “login”.
pub(crate) fn keyring_name(backend: &str) -> String {
    let name = backend.strip_prefix("secret-service:").unwrap_or(backend);
    if name.is_empty() { "one without a name".to_owned() } else { format!("“{name}”") }
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chatehr_vault::{Obstacle, keyring::KeyError};

    #[test]
    fn every_obstacle_has_a_code_of_its_own() {
        let codes: HashSet<_> = Obstacle::ALL.iter().map(|obstacle| super::code_of(*obstacle)).collect();
        assert_eq!(codes.len(), Obstacle::ALL.len());
    }

    #[test]
    fn what_yields_to_another_slot_is_known_by_its_code() {
        for obstacle in Obstacle::ALL {
            let said = super::yields_to_another_slot(super::code_of(*obstacle));
            assert_eq!(said, obstacle.yields_to_another_slot(), "{obstacle:?}");
        }
        assert!(!super::yields_to_another_slot(chatehr_contract::ErrorCode::BadConfiguration));
    }

    #[test]
    fn a_changed_keyring_is_named_and_so_is_the_one_before() {
        let error = KeyError::BackendChanged {
            was: "secret-service:login".to_owned(),
            now: "secret-service:kdewallet".to_owned(),
        };
        assert_eq!(
            super::key(&error).sentence(),
            "Another keyring answers than the one that has the key to your records: it was “login”, and now \
             “kdewallet” answers."
        );
    }
}
