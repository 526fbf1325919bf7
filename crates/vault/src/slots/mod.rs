//! The ways to the vault key: the keyring, a passphrase, a printed recovery code.
//!
//! Promises: every change is one write of the header, so a power cut leaves the slots as they were or as they should
//! be; the last slot stays; a slot altered, or moved from another slot or another person, does not open. Refuses:
//! changing a header that does not read, that a newer program wrote, or that belongs to another key.
//!
//! Changing a passphrase or a code does not change the key: who has an old copy of the header and knows the old
//! passphrase still gets the key from it. Where the old one became known, follow with [`rekey`](crate::rekey).

mod error;
mod passphrase;
mod recovery;
mod slot;

use std::{fmt, fs, path::Path};

use chatehr_contract::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

pub use error::SlotError;
pub(crate) use passphrase::Argon;
pub use passphrase::Passphrase;
pub use recovery::{CodeError, RecoveryCode};
pub(crate) use slot::{KEYRING_ID, Slot};
use slot::{Secret32, Way};

use crate::{
    connection::{self, Condition},
    header::{self, Found, Header},
    key::{VaultKey, derive},
    lock::{self, Lock},
    permissions,
    schema::Kind,
};

/// Slots of one header; each passphrase among them takes some tenths of a second to try.
const MOST_SLOTS: usize = 8;
/// Longest label.
const LABEL_CHARS: usize = 100;

/// Names a slot within its header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlotId(pub(crate) String);

impl SlotId {
    /// Takes back what was shown.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a slot opens by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// The desktop's keyring holds the key itself.
    Keyring,
    /// A passphrase, stretched by Argon2id.
    Passphrase,
    /// A printed code.
    Recovery,
}

impl SlotKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::Passphrase => "passphrase",
            Self::Recovery => "recovery",
        }
    }
}

/// A slot as it is shown. None of it is secret, and none of it is vouched for before the key is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// Its name.
    pub id: SlotId,
    /// What it opens by.
    pub kind: SlotKind,
    /// What the person called it.
    pub label: String,
    /// When it was made; the epoch where that was not written down.
    pub created_at: Timestamp,
    /// Of a keyring slot: which keyring it was, where that was written down.
    pub backend: Option<String>,
}

/// What a person has to open a slot with.
#[derive(Clone, Copy, Debug)]
pub enum Secret<'a> {
    /// A passphrase.
    Passphrase(&'a Passphrase),
    /// A recovery code.
    Recovery(&'a RecoveryCode),
}

/// The slots of `dir`, oldest first; none where there is no header.
///
/// # Errors
/// [`SlotError::HeaderDamaged`], [`SlotError::FromNewerVersion`] or [`SlotError::Io`].
pub fn list(dir: &Path) -> Result<Vec<SlotInfo>, SlotError> {
    let header = match header::read(dir)? {
        Found::Absent => return Ok(Vec::new()),
        Found::FromNewerVersion => return Err(SlotError::FromNewerVersion),
        Found::Damaged(_) => return Err(SlotError::HeaderDamaged),
        Found::Sound(header) => header,
    };
    let shown = header.slots.into_iter().map(|slot| SlotInfo {
        kind: slot.kind(),
        id: slot.id,
        label: slot.label,
        created_at: slot.created_at,
        backend: if let Way::Keyring { backend } = slot.way { backend } else { None },
    });
    Ok(shown.collect())
}

/// Adds a slot for a passphrase of at least 12 characters. `random` is 32 fresh random bytes.
///
/// # Errors
/// [`SlotError`]; the header is then as it was.
pub fn add_passphrase(
    dir: &Path,
    key: &VaultKey,
    passphrase: &Passphrase,
    label: &str,
    now: Timestamp,
    random: [u8; 32],
) -> Result<SlotId, SlotError> {
    let slot = for_passphrase(key, passphrase, label, now, random)?;
    let id = slot.id.clone();
    edit(dir, key, |header| push(header, slot))?;
    Ok(id)
}

/// Adds a slot for a new recovery code and returns the code, which is kept nowhere. `random` is 32 fresh random bytes.
///
/// # Errors
/// [`SlotError`]; the header is then as it was.
pub fn add_recovery(
    dir: &Path,
    key: &VaultKey,
    label: &str,
    now: Timestamp,
    random: [u8; 32],
) -> Result<RecoveryCode, SlotError> {
    let (slot, code) = for_recovery(key, label, now, random)?;
    edit(dir, key, |header| push(header, slot))?;
    Ok(code)
}

/// Puts a new passphrase in the place of a passphrase slot; the old one no longer opens this header.
///
/// # Errors
/// [`SlotError`]; the header is then as it was.
pub fn rotate_passphrase(
    dir: &Path,
    key: &VaultKey,
    id: &SlotId,
    passphrase: &Passphrase,
    now: Timestamp,
    random: [u8; 32],
) -> Result<SlotId, SlotError> {
    let slot = for_passphrase(key, passphrase, "", now, random)?;
    let new = slot.id.clone();
    edit(dir, key, |header| replace(header, key, id, slot))?;
    Ok(new)
}

/// Puts a new recovery code in the place of a recovery slot; the old one no longer opens this header.
///
/// # Errors
/// [`SlotError`]; the header is then as it was.
pub fn rotate_recovery(
    dir: &Path,
    key: &VaultKey,
    id: &SlotId,
    now: Timestamp,
    random: [u8; 32],
) -> Result<RecoveryCode, SlotError> {
    let (slot, code) = for_recovery(key, "", now, random)?;
    edit(dir, key, |header| replace(header, key, id, slot))?;
    Ok(code)
}

/// Removes a slot. The entry of a keyring slot stays in the keyring.
///
/// # Errors
/// [`SlotError::LastSlot`] when no other slot of this key would be left; [`SlotError`]. The header is then as it was.
pub fn remove(dir: &Path, key: &VaultKey, id: &SlotId) -> Result<(), SlotError> {
    edit(dir, key, |header| {
        let place = place_of(header, id)?;
        header.slots.remove(place);
        if header.slots.iter().any(|slot| slot.is_sealed_by(key)) { Ok(()) } else { Err(SlotError::LastSlot) }
    })
}

/// The key, by a passphrase.
///
/// # Errors
/// [`SlotError::NoSuchSlot`] when there is no passphrase slot, [`SlotError::WrongPassphrase`]; [`SlotError`].
pub fn unlock_with_passphrase(dir: &Path, passphrase: &Passphrase) -> Result<VaultKey, SlotError> {
    Ok(unlock(&header::read(dir)?, Secret::Passphrase(passphrase))?.0)
}

/// The key, by a recovery code.
///
/// # Errors
/// [`SlotError::NoSuchSlot`] when there is no recovery slot, [`SlotError::WrongCode`]; [`SlotError`].
pub fn unlock_with_recovery(dir: &Path, code: &RecoveryCode) -> Result<VaultKey, SlotError> {
    Ok(unlock(&header::read(dir)?, Secret::Recovery(code))?.0)
}

/// Which slot the secret opens: for "type the code that you have just printed", and for a yearly look in the drawer.
///
/// # Errors
/// As unlocking with it.
pub fn test(dir: &Path, secret: Secret<'_>) -> Result<SlotId, SlotError> {
    Ok(unlock(&header::read(dir)?, secret)?.1)
}

/// Puts a header aside that is damaged, or that belongs to another key than the files do, as
/// `vault.json.aside-<milliseconds>`, and writes a new one without slots. Only for a person who was told that the
/// slots must be made anew; refused unless the key opens the ledger.
///
/// # Errors
/// [`SlotError::NothingToReplace`] where the header is this key's and reads; [`SlotError`].
pub fn replace_header(dir: &Path, key: &VaultKey, now: Timestamp) -> Result<(), SlotError> {
    let _held = Lock::take(dir, lock::HEADER)?.ok_or(SlotError::InUse)?;
    let opens = connection::examine(&dir.join(Kind::Ledger.name()), key, Kind::Ledger);
    if !matches!(opens, Ok(Condition::Sound)) {
        return Err(SlotError::WrongKey);
    }
    match header::read(dir)? {
        Found::FromNewerVersion => return Err(SlotError::FromNewerVersion),
        Found::Sound(header) if header.key_check == key.check() => return Err(SlotError::NothingToReplace),
        Found::Sound(_) | Found::Damaged(_) => {
            let aside = format!("{}.aside-{}", header::NAME, now.millis());
            fs::rename(dir.join(header::NAME), dir.join(aside))?;
            permissions::sync_directory(dir)?;
        }
        Found::Absent => {}
    }
    Ok(header::write(dir, &Header::new(key, Vec::new()))?)
}

/// Changes the header as one step: read, judged by the key, changed, written whole.
pub(crate) fn edit(
    dir: &Path,
    key: &VaultKey,
    change: impl FnOnce(&mut Header) -> Result<(), SlotError>,
) -> Result<(), SlotError> {
    let _held = Lock::take(dir, lock::HEADER)?.ok_or(SlotError::InUse)?;
    let mut header = belonging_to(header::read(dir)?, key)?;
    change(&mut header)?;
    Ok(header::write(dir, &header)?)
}

/// A header that may be changed by who holds this key.
pub(crate) fn belonging_to(found: Found, key: &VaultKey) -> Result<Header, SlotError> {
    match found {
        Found::FromNewerVersion => Err(SlotError::FromNewerVersion),
        Found::Absent | Found::Damaged(_) => Err(SlotError::HeaderDamaged),
        Found::Sound(header) if header.key_check != key.check() => Err(SlotError::WrongKey),
        Found::Sound(mut header) => {
            header.upgrade(key);
            Ok(header)
        }
    }
}

pub(crate) fn unlock(found: &Found, secret: Secret<'_>) -> Result<(VaultKey, SlotId), SlotError> {
    let (header, sound) = match found {
        Found::Absent => return Err(SlotError::NoSuchSlot),
        Found::FromNewerVersion => return Err(SlotError::FromNewerVersion),
        Found::Damaged(None) => return Err(SlotError::HeaderDamaged),
        // A damaged header may still hold this slot unharmed.
        Found::Damaged(Some(header)) => (header, false),
        Found::Sound(header) => (header, true),
    };
    let mut refusal = SlotError::NoSuchSlot;
    for slot in header.slots.iter().take(MOST_SLOTS) {
        let (own, wrong) = match (secret, &slot.way) {
            (Secret::Passphrase(passphrase), Way::Passphrase { argon, .. }) => {
                (argon.stretch(passphrase), SlotError::WrongPassphrase)
            }
            (Secret::Recovery(code), Way::Recovery { .. }) => (Ok(code.stretch()), SlotError::WrongCode),
            _ => continue,
        };
        // A slot whose parameters are out of all bounds is passed over, so that it does not stand in another's way.
        let own = own.ok().filter(|own| slot.is_for(own));
        match own.map(|own| slot.open(&own, &header.key_check)) {
            Some(Some(key)) => return Ok((key, slot.id.clone())),
            Some(None) => refusal = SlotError::HeaderDamaged,
            None if matches!(refusal, SlotError::NoSuchSlot) => refusal = wrong,
            None => {}
        }
    }
    Err(if sound { refusal } else { SlotError::HeaderDamaged })
}

fn for_passphrase(
    key: &VaultKey,
    passphrase: &Passphrase,
    label: &str,
    now: Timestamp,
    random: [u8; 32],
) -> Result<Slot, SlotError> {
    if passphrase.is_too_short() {
        return Err(SlotError::PassphraseTooShort);
    }
    let random = Zeroizing::new(random);
    let mut salt = [0; 16];
    for (to, from) in salt.iter_mut().zip(part(&random, "salt").iter()) {
        *to = *from;
    }
    let argon = Argon::new(salt);
    let secret = argon.stretch(passphrase)?;
    Slot::wrapping((id(&random), short(label)?, now), Some(argon), &secret, key, &part(&random, "wrap"))
}

fn for_recovery(
    key: &VaultKey,
    label: &str,
    now: Timestamp,
    random: [u8; 32],
) -> Result<(Slot, RecoveryCode), SlotError> {
    let random = Zeroizing::new(random);
    let code = RecoveryCode::from_random(&part(&random, "code"));
    let named = (id(&random), short(label)?, now);
    let slot = Slot::wrapping(named, None, &code.stretch(), key, &part(&random, "wrap"))?;
    Ok((slot, code))
}

/// Independent random bytes for each use, from the 32 that were passed in.
fn part(random: &Secret32, purpose: &str) -> Secret32 {
    Zeroizing::new(derive(&**random, Some(b"chatehr slot randomness 1"), purpose.as_bytes()))
}

fn id(random: &Secret32) -> SlotId {
    let mut bytes = part(random, "id");
    let text = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    bytes.zeroize();
    SlotId(text)
}

fn short(label: &str) -> Result<&str, SlotError> {
    let fits = label.chars().count() <= LABEL_CHARS && !label.chars().any(char::is_control);
    fits.then_some(label).ok_or(SlotError::BadLabel)
}

fn push(header: &mut Header, slot: Slot) -> Result<(), SlotError> {
    if header.slots.len() >= MOST_SLOTS {
        return Err(SlotError::TooManySlots);
    }
    header.slots.push(slot);
    Ok(())
}

fn replace(header: &mut Header, key: &VaultKey, id: &SlotId, mut slot: Slot) -> Result<(), SlotError> {
    let place = place_of(header, id)?;
    match header.slots.get_mut(place) {
        Some(old) if old.kind() == slot.kind() => {
            slot.label.clone_from(&old.label);
            slot.seal(key);
            *old = slot;
            Ok(())
        }
        _ => Err(SlotError::NoSuchSlot),
    }
}

fn place_of(header: &Header, id: &SlotId) -> Result<usize, SlotError> {
    header.slots.iter().position(|slot| slot.id == *id).ok_or(SlotError::NoSuchSlot)
}

/// Which keyring was given the key, where that was written down.
pub(crate) fn keyring_backend(header: &Header) -> Option<&str> {
    header.slots.iter().find_map(|slot| match &slot.way {
        Way::Keyring { backend } => backend.as_deref(),
        Way::Passphrase { .. } | Way::Recovery { .. } => None,
    })
}
