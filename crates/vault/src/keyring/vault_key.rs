//! Finding the key of a directory's files in the keyring, and putting it there.
//!
//! While a key is being replaced the keyring holds both: the old one in the entry, the new one in the entry beside it
//! (`….next`). Which of them counts is what the header says, so a program that is killed in between starts with the
//! right one.

use std::path::Path;

use chatehr_contract::Timestamp;
use zeroize::Zeroizing;

use super::{KeyError, Keyring, KeyringError, Look};
use crate::{
    header::{self, Found, Header},
    key::{VaultKey, derive},
    permissions,
    slots::{self, KEYRING_ID, Slot},
    vault::Vault,
};

/// What the entry for the key that comes next is called.
pub(crate) const NEXT: &str = ".next";

/// Reads the key to the files in `dir`; at the first start, when there are none, stores `new_key` (fresh random
/// bytes), reads it back and notes in the header which keyring has it.
///
/// # Errors
/// [`KeyError`]; an existing entry is never written over.
pub fn load_or_create_key(
    keyring: &Keyring,
    entry: &str,
    dir: &Path,
    created: VaultKey,
    now: Timestamp,
) -> Result<VaultKey, KeyError> {
    let Look { held, next, backend } = keyring.look(entry)?;
    // A header that cannot be read says nothing about keys, and is in the way of opening the files later.
    let header = header::read(dir).ok().and_then(|found| match found {
        Found::Sound(header) => Some(header),
        _ => None,
    });
    if let Some(header) = &header
        && let Some(key) = next.as_deref().and_then(|text| VaultKey::from_text(text))
        && header.key_check == key.check()
        && held.as_deref() != Some(&*key.to_text())
    {
        finish_promotion(keyring, entry, held.as_deref(), &key, header);
        return Ok(key);
    }
    if let Some(held) = held {
        return VaultKey::from_text(&held).ok_or(KeyError::Garbled);
    }
    if Vault::exists(dir) {
        let was = header.as_ref().and_then(|header| slots::keyring_backend(header));
        return Err(match was {
            Some(was) if !backend.is_empty() && was != backend => {
                KeyError::BackendChanged { was: was.to_owned(), now: backend }
            }
            _ => KeyError::KeyMissing,
        });
    }
    put(keyring, entry, &created)?;
    note(dir, &created, keyring, entry, now)?;
    Ok(created)
}

/// Puts the key of `dir` back into the keyring after another slot has opened it, and notes which keyring that is. An
/// entry that holds something else is written over only if `replacing` is that thing's check, as
/// [`KeyError::Occupied`] told it.
///
/// # Errors
/// [`KeyError`]; [`KeyError::Header`] of [`WrongKey`](crate::SlotError::WrongKey) when the key is not this header's.
pub fn restore_keyring_slot(
    keyring: &Keyring,
    entry: &str,
    dir: &Path,
    key: &VaultKey,
    replacing: Option<&str>,
    now: Timestamp,
) -> Result<(), KeyError> {
    slots::belonging_to(header::read(dir).map_err(slots::SlotError::from)?, key)?;
    match keyring.get(entry)? {
        Some(held) if *held == *key.to_text() => {}
        Some(held) if replacing != Some(&check_of(&held)) => {
            return Err(KeyError::Occupied { check: check_of(&held) });
        }
        _ => put(keyring, entry, key)?,
    }
    note(dir, key, keyring, entry, now)
}

/// Which keyring answers; empty when it does not say.
pub(crate) fn name_of(keyring: &Keyring, entry: &str) -> Result<String, KeyError> {
    Ok(keyring.look(entry)?.backend)
}

/// Puts the key that comes next beside the present one.
pub(crate) fn keep_next(keyring: &Keyring, entry: &str, key: &VaultKey) -> Result<(), KeyError> {
    put(keyring, &format!("{entry}{NEXT}"), key)
}

/// Makes the key that came next the present one.
pub(crate) fn promote_next(keyring: &Keyring, entry: &str, key: &VaultKey) -> Result<(), KeyError> {
    put(keyring, entry, key)?;
    Ok(keyring.delete(&format!("{entry}{NEXT}"))?)
}

/// The keyring is brought up to date where it still holds the key that was replaced. It need not succeed: the next
/// start finds the same two entries.
fn finish_promotion(keyring: &Keyring, entry: &str, held: Option<&String>, key: &VaultKey, header: &Header) {
    let old = held.and_then(|text| VaultKey::from_text(text)).map(|key| key.check());
    if held.is_some() && (old.is_none() || old != header.previous_key_check) {
        return;
    }
    if let Err(error) = promote_next(keyring, entry, key) {
        tracing::warn!(%error, "The keyring still holds the former key as well.");
    }
}

/// Writes, and reads back: a keyring that forgets at once is told from one that keeps, before anything depends on it.
fn put(keyring: &Keyring, entry: &str, key: &VaultKey) -> Result<(), KeyError> {
    keyring.set(entry, &key.to_text())?;
    match keyring.get(entry)? {
        Some(held) if *held == *key.to_text() => Ok(()),
        Some(_) => Err(KeyError::Garbled),
        None => Err(KeyError::Keyring(KeyringError::Missing)),
    }
}

fn note(dir: &Path, key: &VaultKey, keyring: &Keyring, entry: &str, now: Timestamp) -> Result<(), KeyError> {
    let backend = name_of(keyring, entry)?;
    if !dir.join(header::NAME).exists() {
        let slot = Slot::keyring(&backend, now, key);
        permissions::own_directory(dir)
            .and_then(|()| header::write(dir, &Header::new(key, vec![slot])))
            .map_err(slots::SlotError::from)?;
        return Ok(());
    }
    Ok(slots::edit(dir, key, |header| {
        header.slots.retain(|slot| slot.id.0 != KEYRING_ID);
        header.slots.insert(0, Slot::keyring(&backend, now, key));
        Ok(())
    })?)
}

fn check_of(held: &str) -> String {
    hex::encode(Zeroizing::new(derive(held.as_bytes(), None, b"chatehr keyring entry 1")))
}
