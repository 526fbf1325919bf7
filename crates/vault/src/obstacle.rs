//! What stands between a start and open files: one list, from which a screen is chosen.

use crate::{
    error::OpenError,
    keyring::{KeyError, KeyringError},
};

/// A state of starting up other than "open". In none of them was anything changed, and none is left by wiping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// Nobody keeps secrets on this desktop.
    NoKeyring,
    /// The keyring is locked, or does not answer in time.
    KeyringLocked,
    /// The keyring answers, and fails.
    KeyringFailed,
    /// The keyring is there and has no key to these files.
    KeyMissing,
    /// Another keyring answers than the one that the key was given to.
    BackendChanged,
    /// What the keyring holds is not the key of these files.
    WrongKey,
    /// The key opens the files, and the header beside them is another's.
    ForeignHeader,
    /// A newer program wrote the header or a file.
    FromNewerVersion,
    /// The cache does not read; it can be put aside and fetched again.
    CacheDamaged,
    /// The ledger does not read.
    LedgerDamaged,
    /// No room.
    DiskFull,
    /// The directory or a file in it cannot be written.
    ReadOnly,
    /// Another program has the files open.
    InUse,
    /// The file system or SQLite, in another way.
    Unreachable,
}

impl Obstacle {
    /// All of them, so that a test can hold each to its own words.
    pub const ALL: &[Self] = &[
        Self::NoKeyring,
        Self::KeyringLocked,
        Self::KeyringFailed,
        Self::KeyMissing,
        Self::BackendChanged,
        Self::WrongKey,
        Self::ForeignHeader,
        Self::FromNewerVersion,
        Self::CacheDamaged,
        Self::LedgerDamaged,
        Self::DiskFull,
        Self::ReadOnly,
        Self::InUse,
        Self::Unreachable,
    ];

    /// Whether a passphrase or a recovery code is a way past it.
    pub const fn yields_to_another_slot(self) -> bool {
        matches!(
            self,
            Self::NoKeyring
                | Self::KeyringLocked
                | Self::KeyringFailed
                | Self::KeyMissing
                | Self::BackendChanged
                | Self::WrongKey
        )
    }
}

impl From<&KeyError> for Obstacle {
    fn from(error: &KeyError) -> Self {
        match error {
            KeyError::Keyring(KeyringError::Missing) => Self::NoKeyring,
            KeyError::Keyring(KeyringError::Locked) => Self::KeyringLocked,
            KeyError::Keyring(KeyringError::Other(_)) => Self::KeyringFailed,
            KeyError::KeyMissing => Self::KeyMissing,
            KeyError::BackendChanged { .. } => Self::BackendChanged,
            KeyError::Garbled | KeyError::Occupied { .. } => Self::WrongKey,
            KeyError::Header(error) => error.into(),
        }
    }
}

impl From<&crate::SlotError> for Obstacle {
    fn from(error: &crate::SlotError) -> Self {
        use crate::SlotError;
        match error {
            SlotError::WrongKey => Self::WrongKey,
            SlotError::FromNewerVersion => Self::FromNewerVersion,
            SlotError::InUse => Self::InUse,
            SlotError::DiskFull => Self::DiskFull,
            SlotError::ReadOnly => Self::ReadOnly,
            _ => Self::Unreachable,
        }
    }
}

impl From<&OpenError> for Obstacle {
    fn from(error: &OpenError) -> Self {
        match error {
            OpenError::WrongKey | OpenError::KeyReplaced => Self::WrongKey,
            OpenError::ForeignHeader => Self::ForeignHeader,
            OpenError::InUse => Self::InUse,
            OpenError::CacheDamaged => Self::CacheDamaged,
            OpenError::LedgerDamaged => Self::LedgerDamaged,
            OpenError::FromNewerVersion => Self::FromNewerVersion,
            OpenError::DiskFull => Self::DiskFull,
            OpenError::ReadOnly => Self::ReadOnly,
            OpenError::Io(_) | OpenError::Sqlite(_) => Self::Unreachable,
        }
    }
}
