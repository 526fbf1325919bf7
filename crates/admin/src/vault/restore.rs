//! `vault restore`: a person's files out of a backup, here or on another machine.
//!
//! The files are made beside their place, their log is verified and told that they were restored, and only then do
//! they get their name: there are no restored files whose log does not say so.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use chatehr_contract::PersonId;
use chatehr_engine::directory_name;
use chatehr_vault::{
    Vault, VaultKey,
    backup::{BackupError, restore},
    keyring::restore_keyring_slot,
};

use crate::{
    audit::verify,
    cli::Restore,
    entry::entry,
    fault::Fault,
    files::{data_dir, entry_of, name_of, typed},
    terminal::Terminal,
    workstation::Workstation,
};

pub(crate) fn run(
    asked: &Restore,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    let dir = place(asked, workstation)?;
    // Before anything is typed.
    let tried = entry(workstation, "vault.restore", &[&name_of(&dir)])?;
    if !asked.file.is_file() {
        return Err(io::Error::from(io::ErrorKind::NotFound).into());
    }
    if is_taken(&dir)? {
        return Err(BackupError::Occupied.into());
    }
    let unfinished = beside(&dir);
    if Vault::exists(&unfinished) {
        return Err(Fault::new(
            format!("A restore into this place was interrupted before: {}", unfinished.display()),
            "Remove that directory; the backup has all that is in it. Then try again.",
        ));
    }
    let secret = typed(asked.key, terminal)?;
    let key = restore(&asked.file, &unfinished, secret.as_secret())?;
    let report = record(&unfinished, &key, &tried).and_then(|report| {
        give_name(&unfinished, &dir)?;
        Ok(report)
    });
    let report = match report {
        Ok(report) => report,
        Err(why) => {
            // Made a moment ago out of a backup that is still there, and nobody's files before they have their name.
            fs::remove_dir_all(&unfinished)?;
            return Err(why);
        }
    };
    terminal.say(&format!("The files are restored: {}\n{}", dir.display(), report.text))?;
    if asked.no_keyring {
        return Ok(report.sound);
    }
    let now = workstation.clock.now();
    match restore_keyring_slot(&workstation.keyring, &entry_of(&dir), &dir, &key, None, now) {
        Ok(()) => {
            terminal.say("The key is in this machine's keyring: the window opens these files by itself.")?;
            Ok(report.sound)
        }
        Err(error) => {
            let Fault { says, way_on } = Fault::from(error);
            Err(Fault::new(
                format!(
                    "The files are restored and sound to open, but the key is not in the keyring. {says}"
                ),
                format!(
                    "{way_on}\n  Once that is done: `chatehr-desktop vault recover {}`, with the same passphrase or \
                     code.",
                    dir.display()
                ),
            ))
        }
    }
}

/// Verifies the log as it came, then says in it that it was restored. A log that is not sound is no reason to withhold
/// what is in the files: it is told, and what was found is still there to be looked at.
fn record(dir: &Path, key: &VaultKey, tried: &chatehr_audit::NewEntry) -> Result<verify::Report, Fault> {
    let vault = Vault::open(dir, key)?;
    let report = verify::ledger(&vault, None)?;
    vault.record(std::slice::from_ref(tried))?;
    Ok(report)
}

/// Where the files go.
fn place(asked: &Restore, workstation: &Workstation) -> Result<PathBuf, Fault> {
    if let Some(into) = &asked.place.into {
        // The keyring knows the files by the directory's name, so it must have one.
        let dir = std::path::absolute(into)?;
        return match dir.file_name() {
            Some(_) => Ok(dir),
            None => Err(Fault::new("This directory has no name.", "Name a new one for --into.")),
        };
    }
    let person = PersonId::new(asked.place.data_dir.as_deref().unwrap_or_default().trim());
    let server = workstation.server.as_ref().map_err(|why| {
        Fault::new(
            format!("Which server's files these are is not known: {why}."),
            "Set CHATEHR_API_URL as for the window, or restore with --into.",
        )
    })?;
    Ok(data_dir(workstation)?.join("people").join(directory_name(&server.base_url, &person)))
}

/// Whether there is anything but an empty directory, or what a start without files leaves in one.
fn is_taken(dir: &Path) -> Result<bool, Fault> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(true),
        Err(error) => Err(error.into()),
        Ok(mut entries) => Ok(entries.any(|entry| !entry.is_ok_and(|entry| is_lock(&entry.path())))),
    }
}

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "lock")
}

fn give_name(unfinished: &Path, dir: &Path) -> Result<(), Fault> {
    if is_taken(dir)? {
        return Err(BackupError::Occupied.into());
    }
    if dir.exists() {
        for entry in fs::read_dir(dir)? {
            fs::remove_file(entry?.path())?;
        }
        fs::remove_dir(dir)?;
    }
    Ok(fs::rename(unfinished, dir)?)
}

/// Beside the place, so that giving the name is one step.
fn beside(dir: &Path) -> PathBuf {
    let mut name = OsString::from(dir);
    name.push(".unfinished");
    name.into()
}
