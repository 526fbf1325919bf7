//! From what was typed to a person's files: the directory, its key, the open vault.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chatehr_vault::{
    Obstacle, Vault, VaultKey,
    keyring::{KeyError, load_or_create_key},
    slots::{self, Passphrase, RecoveryCode},
};
use zeroize::Zeroizing;

use crate::{
    cli::{KeyFrom, Secret},
    fault::Fault,
    terminal::Terminal,
    workstation::Workstation,
};

/// The file in a directory whose name an administrator may give for it.
const LEDGER: &str = "ledger.db";

/// A person's directory, and its key.
pub(crate) struct Files {
    pub(crate) dir: PathBuf,
    pub(crate) key: VaultKey,
}

impl Files {
    /// Finds the directory and the key; nothing is opened yet.
    pub(crate) fn find(
        given: &Path,
        from: KeyFrom,
        workstation: &Workstation,
        terminal: &mut dyn Terminal,
    ) -> Result<Self, Fault> {
        let dir = directory(given)?;
        // Asking for a passphrase, and then saying that it was for nothing, would be rude.
        if Vault::is_in_use(&dir)? {
            return Err(Obstacle::InUse.into());
        }
        let key = match secret(from.passphrase, from.recovery_code, terminal)? {
            Some(typed) => typed.unlock(&dir)?,
            None => load_or_create_key(
                &workstation.keyring,
                &entry_of(&dir),
                &dir,
                VaultKey::from_bytes(random(workstation)?),
                workstation.clock.now(),
            )?,
        };
        Ok(Self { dir, key })
    }

    pub(crate) fn open(&self) -> Result<Vault, Fault> {
        Ok(Vault::open(&self.dir, &self.key)?)
    }

    pub(crate) fn name(&self) -> String {
        name_of(&self.dir)
    }
}

/// The person's directory that is meant.
pub(crate) fn directory(given: &Path) -> Result<PathBuf, Fault> {
    let given = fs::canonicalize(given)?;
    let dir = match given.file_name() {
        Some(name) if name == LEDGER && given.is_file() => given.parent().map(Path::to_path_buf),
        _ => Some(given),
    };
    match dir {
        Some(dir) if Vault::exists(&dir) => Ok(dir),
        _ => Err(Fault::new(
            "These are not a person's files.",
            "Name a directory as `chatehr-desktop vault list` shows it, or its ledger.db.",
        )),
    }
}

/// Whether this names a directory or a ledger rather than an export.
pub(crate) fn is_ledger(given: &Path) -> bool {
    given.is_dir() || given.file_name().is_some_and(|name| name == LEDGER)
}

/// Where in the keyring the key to a directory's files is.
pub(crate) fn entry_of(dir: &Path) -> String {
    format!("vault:{}", name_of(dir))
}

pub(crate) fn name_of(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(crate) fn data_dir(workstation: &Workstation) -> Result<&Path, Fault> {
    workstation.data_dir.as_deref().ok_or_else(|| {
        Fault::new("No place is known for the files.", "Set CHATEHR_DATA_DIR, or HOME, and try again.")
    })
}

/// The directories of this workstation that hold anybody's files, in the order of their names.
pub(crate) fn people(data_dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut found = Vec::new();
    let people = match fs::read_dir(data_dir.join("people")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        people => people?,
    };
    for entry in people {
        let path = entry?.path();
        if path.is_dir() && Vault::exists(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn random(workstation: &Workstation) -> Result<[u8; 32], Fault> {
    let mut bytes = [0; 32];
    workstation.random.fill(&mut bytes).map_err(|_| {
        Fault::new("The system has no randomness to give.", "Try again; nothing was changed.")
    })?;
    Ok(bytes)
}

/// What was typed to open files with.
pub(crate) enum Typed {
    Passphrase(Passphrase),
    Code(RecoveryCode),
}

impl Typed {
    pub(crate) fn unlock(&self, dir: &Path) -> Result<VaultKey, Fault> {
        Ok(match self {
            Self::Passphrase(passphrase) => slots::unlock_with_passphrase(dir, passphrase),
            Self::Code(code) => slots::unlock_with_recovery(dir, code),
        }?)
    }

    pub(crate) const fn as_secret(&self) -> slots::Secret<'_> {
        match self {
            Self::Passphrase(passphrase) => slots::Secret::Passphrase(passphrase),
            Self::Code(code) => slots::Secret::Recovery(code),
        }
    }
}

/// Asks for what opens the files, where that is not the keyring.
fn secret(passphrase: bool, code: bool, terminal: &mut dyn Terminal) -> Result<Option<Typed>, Fault> {
    let mut ask = |prompt| -> Result<Zeroizing<String>, Fault> {
        terminal.secret(prompt).map_err(|_| {
            Fault::new(
                "Nothing was typed.",
                "Type it at a terminal, or give it as the first line of standard input.",
            )
        })
    };
    if passphrase {
        return Ok(Some(Typed::Passphrase(Passphrase::new(&ask("Passphrase: ")?))));
    }
    if code {
        let code = RecoveryCode::parse(&ask("Recovery code: ")?).map_err(slots::SlotError::from)?;
        return Ok(Some(Typed::Code(code)));
    }
    Ok(None)
}

/// Asks for one of the two.
pub(crate) fn typed(from: Secret, terminal: &mut dyn Terminal) -> Result<Typed, Fault> {
    secret(from.passphrase, from.recovery_code, terminal)?.ok_or_else(|| Fault::from(KeyError::KeyMissing))
}
