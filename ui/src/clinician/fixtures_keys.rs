//! The rehearsal's keys: slots that come and go, and the scenes `first` (a first sign-in), `recovered` (opened with a
//! code), `keyfile` (its key file damaged) and `CODE` or `CODE+both` of anything that blocks, such as `KEY_MISSING+code`.

use chatehr_contract::{
    AddPassphrase, ErrorCode, ErrorReport, KeyList, KeySecret, KeySlot, KeySlotKind, KeySlotRef, KeyStanding,
    NewRecoveryCode, RestoreToKeyring, RestoredToKeyring, SecretText, Stage, Timestamp, WayIn,
};
use serde_json::Value;

use super::fixtures::{ask, say};

const CODE: &str = "7H3K2-M9QXD-0V4TB-WJ5RN-8C1ZP-E6YGA-2SF9K-4DQ7M";

/// See the module.
pub(super) struct Keys {
    scene: String,
    slots: Vec<KeySlot>,
    restored: bool,
    mended: bool,
    unlocked: bool,
    next: u32,
}

impl Keys {
    pub(super) fn new(scene: &str, now: Timestamp) -> Self {
        let mut keys = Self {
            scene: scene.to_owned(),
            slots: Vec::new(),
            restored: false,
            mended: false,
            unlocked: false,
            next: 0,
        };
        keys.add(KeySlotKind::Keyring, "", now.plus_seconds(-90 * 86_400));
        if !matches!(scene, "first" | "onlykey") {
            keys.add(KeySlotKind::RecoveryCode, "", now.plus_seconds(-89 * 86_400));
            keys.add(KeySlotKind::Passphrase, "desk in room 4", now.plus_seconds(-3 * 86_400));
        }
        keys
    }

    fn add(&mut self, kind: KeySlotKind, label: &str, at: Timestamp) {
        self.next += 1;
        self.slots.push(KeySlot {
            id: self.next.to_string(),
            kind,
            label: label.to_owned(),
            created_at: Some(at),
            keyring: (kind == KeySlotKind::Keyring).then(|| "“login”".to_owned()),
        });
    }

    pub(super) fn standing(&self) -> KeyStanding {
        let only_keyring = self.slots.iter().all(|slot| slot.kind == KeySlotKind::Keyring);
        KeyStanding {
            first: self.scene == "first" && only_keyring,
            only_keyring,
            not_in_keyring: (self.scene == "recovered" || self.unlocked) && !self.restored,
            header_damaged: self.scene == "keyfile" && !self.mended,
        }
    }

    /// The screen of a scene that blocks.
    pub(super) fn stage(&self) -> Option<Stage> {
        let (word, keys) = self.scene.split_once('+').unwrap_or((&self.scene, ""));
        let code = ErrorCode::ALL.iter().find(|code| code.as_str() == word).filter(|_| !self.unlocked)?;
        let ways = match keys {
            "code" => vec![WayIn::RecoveryCode],
            "both" => vec![WayIn::Passphrase, WayIn::RecoveryCode],
            "signin" => vec![WayIn::SignIn],
            _ => Vec::new(),
        };
        let error = ErrorReport::new(*code);
        let error = match code {
            ErrorCode::KeyringChanged => error.with_detail("it was “login”, and now “kdewallet” answers"),
            _ => error,
        };
        Some(Stage::Blocked { error, ways })
    }

    fn tests(&self, secret: &KeySecret) -> Result<KeySlotRef, ErrorReport> {
        let (kind, fits, wrong) = match secret {
            KeySecret::RecoveryCode { code } if code.expose().len() < 40 => {
                let detail = format!("it has 40 characters, and {} were typed", code.expose().len());
                return Err(ErrorReport::new(ErrorCode::CodeMistyped).with_detail(detail));
            }
            KeySecret::RecoveryCode { code } => {
                (KeySlotKind::RecoveryCode, code.expose() == CODE, ErrorCode::WrongCode)
            }
            KeySecret::Passphrase { passphrase } => {
                (KeySlotKind::Passphrase, passphrase.expose() == "open sesame!", ErrorCode::WrongPassphrase)
            }
        };
        let slot = self.slots.iter().find(|slot| slot.kind == kind && fits);
        slot.map(|slot| KeySlotRef { id: slot.id.clone() }).ok_or_else(|| ErrorReport::new(wrong))
    }

    pub(super) fn answer(
        &mut self,
        name: &str,
        request: Value,
        now: Timestamp,
    ) -> Option<Result<Value, ErrorReport>> {
        Some(match name {
            "key_slots" if self.standing().header_damaged => Err(ErrorReport::new(ErrorCode::HeaderDamaged)),
            "key_slots" => say(KeyList {
                slots: self.slots.clone(),
                backup_path: "/home/okafor/Documents/chatehr-records-2026-11-25.tar".into(),
            }),
            "add_recovery_code" | "rotate_recovery_code" => {
                if name == "add_recovery_code" {
                    self.add(KeySlotKind::RecoveryCode, "", now);
                }
                say(NewRecoveryCode { code: SecretText::new(CODE) })
            }
            "add_passphrase" => ask::<AddPassphrase>(request).and_then(|new| {
                self.add(KeySlotKind::Passphrase, &new.label, now);
                say(())
            }),
            "test_key_slot" => ask(request).and_then(|secret| say(self.tests(&secret)?)),
            "unlock_records" => ask(request).and_then(|secret| {
                self.tests(&secret)?;
                self.unlocked = true;
                say(())
            }),
            "remove_key_slot" => ask::<KeySlotRef>(request).and_then(|which| {
                self.slots.retain(|slot| slot.id != which.id);
                say(())
            }),
            "restore_to_keyring" => ask::<RestoreToKeyring>(request).and_then(|asked| {
                self.restored = asked.replacing.is_some();
                say(match asked.replacing {
                    Some(_) => RestoredToKeyring::Done,
                    None => RestoredToKeyring::Occupied { check: "5e".into() },
                })
            }),
            "start_key_file_anew" => {
                self.mended = true;
                self.unlocked = true;
                self.restored = true;
                say(None::<NewRecoveryCode>)
            }
            "back_up_records" if self.standing().only_keyring => {
                Err(ErrorReport::new(ErrorCode::BackupNeedsKey))
            }
            _ => return None,
        })
    }
}
