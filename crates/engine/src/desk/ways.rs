//! Which keys there are on this workstation, before any file is open.

use std::path::PathBuf;

use chatehr_contract::{ErrorCode, PersonId, WayIn};
use chatehr_vault::{
    SlotError,
    keyring::Keyring,
    slots::{self, SlotInfo, SlotKind},
};

use super::Workstation;
use crate::report;

/// What the vault needs to know of one person's keys.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) dir: PathBuf,
    pub(super) keyring: Keyring,
    pub(super) entry: String,
    pub(super) session_entry: String,
}

impl Workstation {
    pub(super) fn place_of(&self, person: &PersonId) -> Place {
        Place {
            dir: self.dir_of(person),
            keyring: self.keyring.clone(),
            entry: self.key_entry_of(person),
            session_entry: self.session_entry(),
        }
    }

    /// The other keys that this person has past what `code` says.
    pub(super) async fn ways_past(&self, person: &PersonId, code: ErrorCode) -> Vec<WayIn> {
        if !report::yields_to_another_slot(code) {
            return Vec::new();
        }
        let dir = self.dir_of(person);
        match tokio::task::spawn_blocking(move || slots::list(&dir)).await {
            Ok(Ok(slots)) => ways_by(&slots),
            // What can still be read of it may hold a slot unharmed.
            Ok(Err(SlotError::HeaderDamaged)) => vec![WayIn::Passphrase, WayIn::RecoveryCode],
            _ => Vec::new(),
        }
    }

    /// Whether anybody has been signed in here.
    pub(super) fn has_people(&self) -> bool {
        std::fs::read_dir(self.settings.data_dir.join("people"))
            .is_ok_and(|mut people| people.next().is_some())
    }

    /// Whether anybody here has a passphrase or a code.
    pub(super) async fn has_other_keys(&self) -> bool {
        let people = self.settings.data_dir.join("people");
        let look = move || {
            let entries = std::fs::read_dir(people).into_iter().flatten().flatten();
            entries
                .filter_map(|entry| slots::list(&entry.path()).ok())
                .any(|slots| !ways_by(&slots).is_empty())
        };
        tokio::task::spawn_blocking(look).await.unwrap_or(false)
    }
}

/// The ways in other than the keyring.
pub(super) fn ways_by(slots: &[SlotInfo]) -> Vec<WayIn> {
    let has = |kind: SlotKind| slots.iter().any(|slot| slot.kind == kind);
    let ways = [(SlotKind::Passphrase, WayIn::Passphrase), (SlotKind::Recovery, WayIn::RecoveryCode)];
    ways.into_iter().filter(|(kind, _)| has(*kind)).map(|(_, way)| way).collect()
}
