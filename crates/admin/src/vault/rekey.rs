//! `vault rekey`: another key for a person's files, for when the former one may be known to somebody.

use std::slice;

use chatehr_vault::{RekeyError, Vault, VaultKey, keyring::Keyring, rekey};

use crate::{
    cli::Rekey,
    entry::{entry, went_wrong},
    fault::Fault,
    files::{Files, entry_of, random},
    terminal::Terminal,
    workstation::Workstation,
};

pub(crate) fn run(
    asked: &Rekey,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    let files = Files::find(&asked.dir, asked.key, workstation, terminal)?;
    let name = entry_of(&files.dir);
    if !asked.no_keyring {
        is_ours(&workstation.keyring, &name, &files.key)?;
    }
    let (new, slots) = (VaultKey::from_bytes(random(workstation)?), random(workstation)?);
    let tried = entry(workstation, "vault.rekey", &[&files.name()])?;
    let vault = files.open()?;
    vault.record(slice::from_ref(&tried))?;
    // Re-keying wants the files to itself.
    drop(vault);
    let keyring = (!asked.no_keyring).then_some((&workstation.keyring, name.as_str()));
    if let Err(error) = rekey(&files.dir, &files.key, &new, keyring, workstation.clock.now(), slots) {
        let still_old = !matches!(error, RekeyError::Unfinished(_));
        let why = Fault::from(error);
        if still_old && let Ok(vault) = files.open() {
            went_wrong(&vault, &tried, &why);
        }
        return Err(why);
    }
    drop(Vault::open(&files.dir, &new)?);
    terminal.say(
        "The files have a new key, and open with it. The passphrases and recovery codes stay as they are.\n  \
         Backups that were made before stay under the former key: make a new one, and destroy them if it is known.",
    )?;
    Ok(true)
}

/// Whether the keyring's entry may be given the new key: it is empty, or holds the key of these files.
fn is_ours(keyring: &Keyring, entry: &str, key: &VaultKey) -> Result<(), Fault> {
    match keyring.get(entry).map_err(chatehr_vault::keyring::KeyError::from)? {
        Some(held) if *held != *key.to_text() => Err(Fault::new(
            "The keyring holds something else in this place, which a re-key would write over.",
            "Look at it first: `chatehr-desktop vault recover DIR`; or leave the keyring alone with --no-keyring.",
        )),
        _ => Ok(()),
    }
}
