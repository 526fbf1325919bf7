//! Gives the files another key.
//!
//! Each file is copied, the copy gets the new key and is read through with it, and the copies take the places of the
//! files. The one moment that counts is the writing of the header, which names the new key and holds every slot
//! wrapped for it: killed before, everything is under the old key and the copies are thrown away; killed after, the
//! next opening puts the copies in place. `PRAGMA rekey` on the file itself would leave, in that moment, pages of two
//! keys and a journal that needs the old one (docs/decisions/0009).
//!
//! Promises: nothing is lost; at the end the old key opens nothing in the directory. Refuses: files that are in use
//! or damaged, a slot that no holder of the key made, and ending without a slot that opens. The key that is in the
//! keyring is replaced in two entries, so that a kill between the keyring and the header leaves both.
//!
//! Copies that were made elsewhere (backups, snapshots, what a disk keeps of deleted files) stay under the old key.

use std::{fs, io, path::Path};

use chatehr_contract::Timestamp;
use zeroize::Zeroizing;

use crate::{
    connection::{self, Condition},
    error::OpenError,
    header::{self, Found, Header},
    key::VaultKey,
    keyring::{self, KeyError, Keyring},
    lock::{self, Lock},
    permissions,
    schema::Kind,
    slots::{self, KEYRING_ID, Slot, SlotError},
    store::beside,
};

/// What a file's copy under the new key is called until it takes the file's place.
const DRAFT: &str = ".rekeyed";
const KINDS: [Kind; 2] = [Kind::Ledger, Kind::Cache];

/// Why the key was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    /// The files do not open with the old key, or there is no room for their copies. The old key still counts.
    #[error(transparent)]
    Files(OpenError),
    /// The header does not allow it. The old key still counts.
    #[error(transparent)]
    Slots(#[from] SlotError),
    /// The keyring did not take the new key. The old key still counts.
    #[error(transparent)]
    Keyring(#[from] KeyError),
    /// The new key would be in no keyring, and there is no other slot. The old key still counts.
    #[error("nothing would open the files")]
    NoSlotLeft,
    /// The new key counts, and the next opening of the files finishes what is left to do.
    #[error("the key was replaced, and the files follow when they are opened")]
    Unfinished(#[source] OpenError),
}

impl From<OpenError> for RekeyError {
    fn from(error: OpenError) -> Self {
        Self::Files(error)
    }
}

impl From<io::Error> for RekeyError {
    fn from(error: io::Error) -> Self {
        Self::Files(error.into())
    }
}

/// Replaces the key of both files and of every slot. No passphrase or code is asked for, and all of them open the
/// files as before. With `keyring` (and its entry) the new key is put there too; without, a keyring slot goes.
/// `random` is 32 fresh random bytes, other than those of the new key. Needs room for a copy of both files; takes
/// seconds for each gigabyte. Every [`Vault`](crate::Vault) of `dir` must be dropped before.
///
/// # Errors
/// [`RekeyError`]; which key counts then, it says.
pub fn rekey(
    dir: &Path,
    old: &VaultKey,
    new: &VaultKey,
    keyring: Option<(&Keyring, &str)>,
    now: Timestamp,
    random: [u8; 32],
) -> Result<(), RekeyError> {
    in_steps(dir, old, new, keyring, (now, random), &mut |_| {})
}

/// The same, telling each step once it is done.
fn in_steps(
    dir: &Path,
    old: &VaultKey,
    new: &VaultKey,
    keyring: Option<(&Keyring, &str)>,
    (now, random): (Timestamp, [u8; 32]),
    done: &mut dyn FnMut(&str),
) -> Result<(), RekeyError> {
    let _files = Lock::take(dir, lock::FILES)?.ok_or(OpenError::InUse)?;
    resume(dir, old)?;
    let _header = Lock::take(dir, lock::HEADER)?.ok_or(SlotError::InUse)?;
    let before = slots::belonging_to(header::read(dir)?, old)?;
    let backend = keyring.map(|(keyring, entry)| keyring::name_of(keyring, entry)).transpose()?;
    let mut header = next_header(before, old, new, backend.as_deref(), (now, random))?;
    done("looked");
    for kind in KINDS {
        if let Err(error) = draft(dir, kind, old, new) {
            discard_drafts(dir)?;
            return Err(error.into());
        }
        done("copied a file");
    }
    permissions::sync_directory(dir)?;
    if let Some((keyring, entry)) = keyring {
        keyring::keep_next(keyring, entry, new)?;
        done("told the keyring");
    }
    header::write(dir, &header)?;
    done("wrote the header");
    let finish = |header: &mut Header, done: &mut dyn FnMut(&str)| -> Result<(), OpenError> {
        put_in_place(dir, done)?;
        if let Some((keyring, entry)) = keyring
            && let Err(error) = keyring::promote_next(keyring, entry, new)
        {
            tracing::warn!(%error, "The keyring still holds the former key as well.");
        }
        done("told the keyring that it is done");
        settle(dir, header)
    };
    finish(&mut header, done).map_err(RekeyError::Unfinished)?;
    done("finished");
    Ok(())
}

/// Finishes a re-key that was interrupted, or clears away what one has left that did not come so far. The caller
/// holds the files.
pub(crate) fn resume(dir: &Path, key: &VaultKey) -> Result<(), OpenError> {
    let Found::Sound(header) = header::read(dir)? else { return Ok(()) };
    if header.key_check != key.check() || !(header.rekeying || has_drafts(dir)) {
        return Ok(());
    }
    let _held = Lock::take(dir, lock::HEADER)?.ok_or(OpenError::InUse)?;
    if !header.rekeying {
        return Ok(discard_drafts(dir)?);
    }
    for kind in KINDS {
        let draft = beside(&dir.join(kind.name()), DRAFT);
        // The former file is kept rather than replaced by a copy that went bad meanwhile.
        if draft.exists() && connection::examine(&draft, key, kind)? != Condition::Sound {
            return Err(kind.damaged());
        }
    }
    put_in_place(dir, &mut |_| {})?;
    // Somebody may have changed the slots since.
    match header::read(dir)? {
        Found::Sound(mut header) => settle(dir, &mut header),
        _ => Ok(()),
    }
}

/// The header as it will be: of the new key, with each slot wrapped for it.
fn next_header(
    mut header: Header,
    old: &VaultKey,
    new: &VaultKey,
    backend: Option<&str>,
    (now, random): (Timestamp, [u8; 32]),
) -> Result<Header, RekeyError> {
    let random = Zeroizing::new(random);
    if !header.slots.iter().all(|slot| slot.is_sealed_by(old)) {
        return Err(SlotError::HeaderDamaged.into());
    }
    header.slots.retain(|slot| slot.id.0 != KEYRING_ID);
    if let Some(backend) = backend {
        header.slots.insert(0, Slot::keyring(backend, now, new));
    }
    if header.slots.is_empty() {
        return Err(RekeyError::NoSlotLeft);
    }
    for slot in &mut header.slots {
        slot.rewrap(new, &random)?;
    }
    header.previous_key_check = Some(old.check());
    header.key_check = new.check();
    header.rekeying = true;
    Ok(header)
}

/// A copy of the file under the new key, on the disk and read through.
fn draft(dir: &Path, kind: Kind, old: &VaultKey, new: &VaultKey) -> Result<(), OpenError> {
    let path = dir.join(kind.name());
    let draft = beside(&path, DRAFT);
    match connection::examine(&path, old, kind)? {
        Condition::Absent => return Ok(()),
        Condition::Sound => {}
        Condition::Damaged => return Err(kind.damaged()),
        Condition::FromNewerVersion => return Err(OpenError::FromNewerVersion),
    }
    connection::fold_log(&path, old, kind)?;
    fs::copy(&path, &draft)?;
    connection::change_key(&draft, old, new, kind)?;
    permissions::own_file(&draft)?.sync_all()?;
    if connection::is_sound_file(&draft, new)? { Ok(()) } else { Err(kind.damaged()) }
}

fn put_in_place(dir: &Path, done: &mut dyn FnMut(&str)) -> Result<(), OpenError> {
    for kind in KINDS {
        let path = dir.join(kind.name());
        let draft = beside(&path, DRAFT);
        if !draft.exists() {
            continue;
        }
        // A log or journal left behind would be taken for one of the new file.
        let sides = ["-wal", "-journal", "-shm"].map(|side| beside(&path, side));
        if sides.iter().take(2).any(|side| fs::metadata(side).is_ok_and(|side| side.len() > 0)) {
            return Err(kind.damaged());
        }
        for side in &sides {
            remove(side)?;
        }
        fs::rename(&draft, &path)?;
        done("replaced a file");
    }
    Ok(permissions::sync_directory(dir)?)
}

/// What only the old key reads goes, then the header says that all is done.
fn settle(dir: &Path, header: &mut Header) -> Result<(), OpenError> {
    // A damaged cache that was put aside, and what a backup that was killed has left.
    let leftovers = ["cache.db.damaged-", "cache.db.backup", "ledger.db.backup"];
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if leftovers.iter().any(|start| entry.file_name().to_string_lossy().starts_with(start)) {
            remove(&entry.path())?;
        }
    }
    header.rekeying = false;
    Ok(header::write(dir, header)?)
}

fn has_drafts(dir: &Path) -> bool {
    KINDS.iter().any(|kind| beside(&dir.join(kind.name()), DRAFT).exists())
}

fn discard_drafts(dir: &Path) -> io::Result<()> {
    for kind in KINDS {
        let draft = beside(&dir.join(kind.name()), DRAFT);
        for side in ["-journal", "-wal", "-shm", ""] {
            remove(&beside(&draft, side))?;
        }
    }
    permissions::sync_directory(dir)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
