//! `vault list`: whose files are here, by directory, and what opens them. Opens nothing, and knows no names.

use std::path::Path;

use chatehr_vault::{
    Obstacle, OpenError, Vault, VaultKey,
    keyring::{Keyring, KeyringError},
    slots::{self, SlotInfo, SlotKind},
};

use crate::{
    fault::Fault,
    files::{data_dir, entry_of, people},
    terminal::Terminal,
    workstation::Workstation,
};

pub(crate) fn run(workstation: &Workstation, terminal: &mut dyn Terminal) -> Result<bool, Fault> {
    let data_dir = data_dir(workstation)?;
    let people = people(data_dir)?;
    if people.is_empty() {
        terminal.say(&format!("Nobody has files in {}.", data_dir.display()))?;
    }
    for dir in people {
        terminal.say(&described(&dir, &workstation.keyring))?;
    }
    Ok(true)
}

fn described(dir: &Path, keyring: &Keyring) -> String {
    let (ledger, cache) = Vault::sizes(dir);
    let mut text = format!(
        "{}\n  ledger {}, cache {}\n  {}\n",
        dir.display(),
        in_bytes(ledger),
        in_bytes(cache),
        standing(dir, keyring).in_words()
    );
    match slots::list(dir) {
        Ok(slots) if slots.is_empty() => text.push_str("  opens by: nothing that is written down\n"),
        Ok(slots) => slots.iter().for_each(|slot| text.push_str(&format!("  opens by: {}\n", shown(slot)))),
        Err(error) => text.push_str(&format!("  opens by: not known. {}\n", Fault::from(error).says)),
    }
    text
}

fn shown(slot: &SlotInfo) -> String {
    let kind = match slot.kind {
        SlotKind::Keyring => "keyring",
        SlotKind::Passphrase => "passphrase",
        SlotKind::Recovery => "recovery code",
    };
    let label = match (&slot.backend, slot.label.as_str()) {
        (Some(backend), _) => format!(" {backend}"),
        (None, "") => String::new(),
        (None, label) => format!(" \"{label}\""),
    };
    let made = match slot.created_at.millis() {
        0 => String::new(),
        _ => format!(", since {}", slot.created_at),
    };
    format!("{kind}{label}{made}")
}

/// How a person's files stand, as far as a look from outside tells.
#[derive(Debug)]
pub(crate) enum Standing {
    InUse,
    Opens,
    Obstacle(Obstacle),
}

/// Looks with the key that the keyring holds, or is about to.
pub(crate) fn standing(dir: &Path, keyring: &Keyring) -> Standing {
    match Vault::is_in_use(dir) {
        Ok(true) => return Standing::InUse,
        Ok(false) => {}
        Err(error) => return Standing::Obstacle((&OpenError::from(error)).into()),
    }
    let entry = entry_of(dir);
    let mut obstacle = Obstacle::KeyMissing;
    // An interrupted re-key leaves the key that counts in the second.
    for entry in [entry.clone(), format!("{entry}.next")] {
        let held = match keyring.get(&entry) {
            Ok(None) => continue,
            Ok(Some(held)) => held,
            Err(error) => {
                return Standing::Obstacle(match error {
                    KeyringError::Missing => Obstacle::NoKeyring,
                    KeyringError::Locked => Obstacle::KeyringLocked,
                    KeyringError::Other(_) => Obstacle::KeyringFailed,
                });
            }
        };
        obstacle = match VaultKey::from_text(&held).map(|key| Vault::look(dir, &key)) {
            Some(Ok(())) => return Standing::Opens,
            Some(Err(error)) => (&error).into(),
            None => Obstacle::WrongKey,
        };
    }
    Standing::Obstacle(obstacle)
}

impl Standing {
    fn in_words(&self) -> String {
        match self {
            Self::InUse => "open in a program now".to_owned(),
            Self::Opens => "opens with the key in this keyring".to_owned(),
            Self::Obstacle(obstacle) => format!("does not open by itself: {}", Fault::from(*obstacle).says),
        }
    }
}

/// With one digit behind the point, as disks count: a thousand is a thousand.
pub(crate) fn in_bytes(bytes: u64) -> String {
    for (unit, size) in [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)] {
        if bytes >= size {
            let tenths = bytes / (size / 10);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::in_bytes;

    #[test]
    fn sizes_are_written_as_people_read_them() {
        let shown = [0, 999, 1000, 1_250_000, 20_000_000_000].map(in_bytes);
        assert_eq!(shown, ["0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "20.0 GB"]);
    }
}
