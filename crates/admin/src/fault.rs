//! Why a command was not done: a sentence, and a way on. No path of somebody else's, no key, no SQL.

use std::io;

use chatehr_vault::{
    DamagedFile, Obstacle, OpenError, RekeyError, SlotError, VaultError, backup::BackupError,
    keyring::KeyError,
};

/// What is told instead of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) says: String,
    pub(crate) way_on: String,
}

impl Fault {
    pub(crate) fn new(says: impl Into<String>, way_on: impl Into<String>) -> Self {
        Self { says: says.into(), way_on: way_on.into() }
    }
}

const ANOTHER_WAY: &str = "or open the files with --passphrase or --recovery-code";

impl From<Obstacle> for Fault {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::NoKeyring => Self::new(
                "There is no keyring in this session.",
                format!("Run the command in the person's own session, {ANOTHER_WAY}."),
            ),
            Obstacle::KeyringLocked => Self::new(
                "The keyring is locked or does not answer.",
                format!("Unlock it (signing in at the desktop does), {ANOTHER_WAY}."),
            ),
            Obstacle::KeyringFailed => Self::new(
                "The keyring answers with an error.",
                format!("Restart the keyring service, {ANOTHER_WAY}."),
            ),
            Obstacle::KeyMissing => Self::new(
                "The keyring has no key to these files.",
                "Open them with --passphrase or --recovery-code; `chatehr-desktop vault recover DIR` puts the key back.",
            ),
            Obstacle::BackendChanged => Self::new(
                "The key was given to another keyring than the one that answers now.",
                "Start the former keyring, or put the key into this one: `chatehr-desktop vault recover DIR`.",
            ),
            Obstacle::WrongKey => Self::new(
                "The key is not the one of these files.",
                "Open them with --passphrase or --recovery-code; `chatehr-desktop vault recover DIR` puts the key back.",
            ),
            Obstacle::ForeignHeader => Self::new(
                "The vault.json beside the files belongs to other files.",
                "Put the vault.json back that was there, from a copy of the disk; leave the other files as they are.",
            ),
            Obstacle::FromNewerVersion => Self::new(
                "A newer version of ChatEHR Desktop wrote these files.",
                "Use that version or a later one.",
            ),
            Obstacle::CacheDamaged => Self::new(
                "The cache is damaged. The ledger is not, and nothing that was written here is lost.",
                "Open the window: it offers to fetch the records from the server anew.",
            ),
            Obstacle::LedgerDamaged => Self::new(
                "The ledger is damaged: it does not read back as it was written.",
                "Keep the directory as it is, and restore the last backup elsewhere (`chatehr-desktop vault restore`).",
            ),
            Obstacle::DiskFull => {
                Self::new("The disk is full.", "Make room and try again; nothing was changed.")
            }
            Obstacle::ReadOnly => Self::new(
                "The files cannot be written.",
                "Run the command as their owner, on a disk that can be written.",
            ),
            Obstacle::InUse => Self::new(
                "ChatEHR Desktop has these files open.",
                "Close the ChatEHR window of this person (or the other chatehr-desktop command), then try again.",
            ),
            Obstacle::Unreachable => Self::new(
                "The files cannot be reached.",
                "Look at the disk and the directory's owner; CHATEHR_LOG=debug says more.",
            ),
        }
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => error.into(),
            error => Obstacle::from(&error).into(),
        }
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::BackendChanged { was, now } => Self::new(
                format!("The key was given to the keyring {was}, and {now} answers now."),
                Self::from(Obstacle::BackendChanged).way_on,
            ),
            KeyError::Occupied { check } => Self::new(
                format!("The keyring holds something else in this place, with the check {check}."),
                format!(
                    "If that may be lost, write over it: `chatehr-desktop vault recover DIR --replace {check}`. It may be \
                     the only key to other files."
                ),
            ),
            KeyError::Header(error) => error.into(),
            error => Obstacle::from(&error).into(),
        }
    }
}

impl From<SlotError> for Fault {
    fn from(error: SlotError) -> Self {
        match error {
            SlotError::NoSuchSlot => Self::new(
                "Nothing of this kind opens these files.",
                "`chatehr-desktop vault list` shows what does.",
            ),
            SlotError::WrongPassphrase => Self::new(
                "The passphrase is wrong.",
                "Mind capitals and the keyboard's layout; `chatehr-desktop vault list` shows which passphrases there are.",
            ),
            SlotError::Mistyped(error) => {
                Self::new(format!("That is not a recovery code: {error}."), "Type it again as it is printed.")
            }
            SlotError::WrongCode => Self::new(
                "The recovery code is well typed and belongs to other files.",
                "Look for the one that was printed last for these files.",
            ),
            SlotError::HeaderDamaged => Self::new(
                "The vault.json beside the files is damaged.",
                "Put it back from a copy of the disk, or restore a backup (`chatehr-desktop vault restore`).",
            ),
            SlotError::Io(error) => error.into(),
            error => Obstacle::from(&error).into(),
        }
    }
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::DiskFull => Obstacle::DiskFull.into(),
            VaultError::ReadOnly => Obstacle::ReadOnly.into(),
            VaultError::Damaged { file: DamagedFile::Cache } => Obstacle::CacheDamaged.into(),
            VaultError::Damaged { file: DamagedFile::Ledger } => Obstacle::LedgerDamaged.into(),
            VaultError::Busy => Obstacle::InUse.into(),
            // No command here closes the cache by itself.
            VaultError::CacheClosed | VaultError::Other(_) => Obstacle::Unreachable.into(),
        }
    }
}

impl From<BackupError> for Fault {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Occupied => occupied(),
            BackupError::NoSlot => Self::new(
                "Only the keyring of this machine would open the backup.",
                "Make a passphrase or print a recovery code for these files first, in the window.",
            ),
            BackupError::Slots(error) => error.into(),
            BackupError::Damaged => Self::new(
                "The backup is damaged, or is none.",
                "Take another copy of it, or an earlier backup; nothing was restored.",
            ),
            BackupError::FromNewerVersion => Obstacle::FromNewerVersion.into(),
            BackupError::Files(error) => error.into(),
        }
    }
}

impl From<RekeyError> for Fault {
    fn from(error: RekeyError) -> Self {
        match error {
            RekeyError::Files(error) => error.into(),
            RekeyError::Slots(error) => error.into(),
            RekeyError::Keyring(error) => error.into(),
            RekeyError::NoSlotLeft => Self::new(
                "Nothing would open the files under the new key.",
                "Leave --no-keyring out, or make a passphrase or recovery code first, in the window.",
            ),
            RekeyError::Unfinished(_) => Self::new(
                "The new key counts already, and the files follow when they are opened next.",
                "Open the window, or look with `chatehr-desktop doctor`.",
            ),
        }
    }
}

/// Without the operating system's text, which may hold a path.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(
                "There is no such file or directory.",
                "`chatehr-desktop vault list` shows the directories of this workstation.",
            ),
            io::ErrorKind::AlreadyExists => occupied(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Obstacle::ReadOnly.into(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Obstacle::DiskFull.into(),
            io::ErrorKind::BrokenPipe => Self::new(
                "Nobody reads the answer any more.",
                "Take a file, or a program that reads to the end.",
            ),
            kind => {
                Self::new(format!("The file system failed ({kind})."), "Look at the disk, then try again.")
            }
        }
    }
}

fn occupied() -> Fault {
    Fault::new(
        "There is something in that place already.",
        "Name a place where there is nothing; nothing was written.",
    )
}

#[cfg(test)]
mod tests {
    use chatehr_vault::{Obstacle, OpenError, RekeyError, SlotError, backup::BackupError};

    use super::Fault;

    #[test]
    fn every_fault_is_a_sentence_and_a_way_on() {
        let faults = [
            Fault::from(Obstacle::InUse),
            OpenError::Io(std::io::Error::other("/home/jane doe/secret")).into(),
            SlotError::HeaderDamaged.into(),
            BackupError::NoSlot.into(),
            RekeyError::NoSlotLeft.into(),
        ];
        for fault in faults {
            assert!(fault.says.ends_with('.') && fault.way_on.ends_with('.'), "{fault:?}");
            assert!(!format!("{fault:?}").contains("jane"), "{fault:?}");
        }
    }
}
