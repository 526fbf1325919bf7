//! The rehearsal's lock: the scenes `locked`, `locked-offline`, `locked-nopin`, `warned` and `ending`; the PIN is 402917. In
//! the scene `pin-late` nobody has signed in for a while.

use chatehr_contract::{
    ErrorCode, ErrorReport, PersonName, RemovePin, SecretText, SetPin, Stage, Timestamp, UnlockWithPin,
};
use serde_json::Value;

use super::fixtures::{ask, say};

/// See the module.
pub(super) struct Lock {
    scene: String,
    since: Option<Timestamp>,
    pin: Option<String>,
    tries: u32,
    warned: Option<Timestamp>,
}

impl Lock {
    pub(super) fn new(scene: &str, now: Timestamp) -> Self {
        Self {
            scene: scene.to_owned(),
            since: scene.starts_with("locked").then(|| now.plus_seconds(-1320)),
            pin: (scene != "locked-nopin"
                && !scene.starts_with("nopin")
                && !scene.starts_with("locked-clinic-"))
            .then(|| "402917".to_owned()),
            tries: 5,
            warned: (scene == "warned").then(|| now.plus_seconds(25)),
        }
    }

    pub(super) fn stage(&self, person: &PersonName) -> Option<Stage> {
        Some(Stage::Locked {
            person: person.clone(),
            since: self.since?,
            outbox_waiting: if self.scene == "locked-offline" { 2 } else { 0 },
            urgent: u32::from(self.scene != "locked-nopin"),
            pin_tries: if self.pin.is_some() { self.tries } else { 0 },
        })
    }

    /// When it locks, when the session ends, whether there is a PIN.
    pub(super) fn standing(&self, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>, bool) {
        (self.warned, (self.scene == "ending").then(|| now.plus_seconds(24)), self.pin.is_some())
    }

    pub(super) fn answer(
        &mut self,
        name: &str,
        request: Value,
        now: Timestamp,
    ) -> Option<Result<Value, ErrorReport>> {
        match name {
            "still_here" => self.warned = None,
            "lock_now" => self.since = Some(now),
            "sign_in" if self.since.is_some() => {
                self.since = None;
                return None;
            }
            "unlock_with_pin" => {
                let typed = match ask::<UnlockWithPin>(request) {
                    Ok(typed) => typed,
                    Err(error) => return Some(Err(error)),
                };
                if self.pin.as_deref() != Some(typed.pin.expose()) {
                    return Some(Err(self.wrong()));
                }
                self.since = None;
            }
            "set_pin" => match ask::<SetPin>(request) {
                Ok(set) => match self.proven(set.present.as_ref()) {
                    Ok(()) => self.pin = Some(set.pin.expose().to_owned()),
                    Err(error) => return Some(Err(error)),
                },
                Err(error) => return Some(Err(error)),
            },
            "remove_pin" => match ask::<RemovePin>(request).and_then(|ask| self.proven(ask.present.as_ref()))
            {
                Ok(()) => self.pin = None,
                Err(error) => return Some(Err(error)),
            },
            _ => return None,
        }
        Some(say(()))
    }

    fn proven(&mut self, present: Option<&SecretText>) -> Result<(), ErrorReport> {
        match present {
            Some(typed) if self.pin.as_deref() != Some(typed.expose()) => Err(self.wrong()),
            None if self.scene == "pin-late" => Err(ErrorReport::new(ErrorCode::SignInForPin)),
            _ => {
                self.tries = 5;
                Ok(())
            }
        }
    }

    fn wrong(&mut self) -> ErrorReport {
        self.tries = self.tries.saturating_sub(1);
        match self.tries {
            0 => ErrorReport::new(ErrorCode::PinSpent),
            left => ErrorReport::new(ErrorCode::WrongPin).with_detail(format!("{left} more tries")),
        }
    }
}
