//! `vault recover`: the key back into the keyring, by a passphrase or a recovery code.

use std::slice;

use chatehr_vault::{Obstacle, Vault, keyring::restore_keyring_slot};

use crate::{
    cli::Recover,
    entry::{entry, went_wrong},
    fault::Fault,
    files::{Files, directory, entry_of, typed},
    terminal::Terminal,
    workstation::Workstation,
};

pub(crate) fn run(
    asked: &Recover,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    let dir = directory(&asked.dir)?;
    if Vault::is_in_use(&dir)? {
        return Err(Obstacle::InUse.into());
    }
    let key = typed(asked.key, terminal)?.unlock(&dir)?;
    let files = Files { dir, key };
    let vault = files.open()?;
    let tried = entry(workstation, "vault.recover", &[&files.name()])?;
    vault.record(slice::from_ref(&tried))?;
    let (name, replacing) = (entry_of(&files.dir), asked.replace.as_deref());
    let now = workstation.clock.now();
    match restore_keyring_slot(&workstation.keyring, &name, &files.dir, &files.key, replacing, now) {
        Ok(()) => {
            terminal.say("The key is in the keyring again: the window opens these files by itself.")?;
            Ok(true)
        }
        Err(error) => {
            let why = Fault::from(error);
            went_wrong(&vault, &tried, &why);
            Err(why)
        }
    }
}
