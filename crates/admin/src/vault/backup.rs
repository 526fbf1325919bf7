//! `vault backup`: a person's files in one, for another disk.

use std::{io, slice};

use chatehr_contract::access::Action;
use chatehr_vault::backup::backup;

use crate::{
    cli::Backup,
    entry::{entry, went_wrong},
    fault::Fault,
    files::Files,
    right,
    terminal::Terminal,
    workstation::Workstation,
};

pub(crate) fn run(
    asked: &Backup,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    if asked.to.exists() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
    }
    let files = Files::find(&asked.dir, asked.key, workstation, terminal)?;
    let vault = files.open()?;
    let tried = entry(workstation, "vault.backup", &[&files.name()])?;
    right::may(&vault, Action::RecordsBackUp, &tried)?;
    vault.record(slice::from_ref(&tried))?;
    // While the vault is open nobody else writes into the files.
    match backup(&files.dir, &files.key, &asked.to, asked.with_cache, workstation.clock.now()) {
        Ok(()) => {
            terminal.say(&format!(
                "The backup is written: {}\n  The passphrases and recovery codes of today open it, whatever becomes \
                 of this machine.\n  What is to be done with it: `chatehr-desktop vault restore --help`.",
                asked.to.display()
            ))?;
            Ok(true)
        }
        Err(error) => {
            let why = Fault::from(error);
            went_wrong(&vault, &tried, &why);
            Err(why)
        }
    }
}
