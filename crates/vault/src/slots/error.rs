//! What goes wrong with the slots, told apart as far as a person's next step differs.

use std::io;

use super::CodeError;
use crate::error::OpenError;

/// Why a slot was not opened or changed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// There is no slot of this kind, or of this name.
    #[error("there is no such slot")]
    NoSuchSlot,
    /// No passphrase slot opens by it.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// What was typed is no recovery code.
    #[error("the recovery code is mistyped")]
    Mistyped(#[from] CodeError),
    /// A recovery code, well typed, that opens no slot here.
    #[error("the recovery code is another's")]
    WrongCode,
    /// The header does not read, is not there, or holds a slot that was altered.
    #[error("the header is damaged")]
    HeaderDamaged,
    /// A newer program wrote it.
    #[error("the header is of a newer version")]
    FromNewerVersion,
    /// The key that was handed in is not the one of these files.
    #[error("the key does not belong to this header")]
    WrongKey,
    /// Without it nothing would open the files.
    #[error("the last slot stays")]
    LastSlot,
    /// Nothing is wrong with the header.
    #[error("the header is sound")]
    NothingToReplace,
    /// Fewer than 12 characters.
    #[error("the passphrase is too short")]
    PassphraseTooShort,
    /// More than 100 characters, or control characters.
    #[error("the label does not do")]
    BadLabel,
    /// Eight are the most.
    #[error("there are too many slots")]
    TooManySlots,
    /// Another program is changing the header, or replacing the key.
    #[error("the header is in use")]
    InUse,
    /// No room.
    #[error("the disk is full")]
    DiskFull,
    /// The header cannot be written.
    #[error("the header cannot be written")]
    ReadOnly,
    /// The file system, in another way.
    #[error("the header cannot be reached")]
    Io(#[source] io::Error),
}

impl From<io::Error> for SlotError {
    fn from(error: io::Error) -> Self {
        match OpenError::from(error) {
            OpenError::DiskFull => Self::DiskFull,
            OpenError::Io(error) => Self::Io(error),
            _ => Self::ReadOnly,
        }
    }
}
