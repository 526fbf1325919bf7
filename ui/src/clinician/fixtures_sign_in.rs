//! The rehearsal's sign-in with a clinic account: the scenes `clinic`, `clinic-asked`, `clinic-browser`, `clinic-code`,
//! `clinic-opening` and `clinic-error` at the sign-in screen, `locked-clinic` and its like at the locked one, and `nopin-clinic` for who sets a first PIN.

use chatehr_contract::{ClinicSignIn, ErrorCode, ErrorReport, SignInWait, SignInWay, Timestamp};
use serde_json::Value;

use super::fixtures::{ask, say};

/// See the module.
pub(super) struct Clinic(ClinicSignIn);

impl Clinic {
    pub(super) fn new(scene: &str, now: Timestamp) -> Self {
        let scene = scene.strip_prefix("locked-").unwrap_or(scene);
        let waiting = match scene {
            "clinic-asked" => Some(SignInWait::Provider),
            "clinic-browser" => Some(SignInWait::Browser),
            "clinic-code" => Some(code(now)),
            "clinic-opening" => Some(SignInWait::Records),
            _ => None,
        };
        let error = (scene == "clinic-error").then(|| ErrorReport::new(ErrorCode::SignInTimedOut));
        let offered = scene.starts_with("clinic") || scene == "nopin-clinic";
        Self(ClinicSignIn { offered, waiting, error })
    }

    pub(super) fn state(&self) -> ClinicSignIn {
        self.0.clone()
    }

    pub(super) fn answer(
        &mut self,
        name: &str,
        request: Value,
        now: Timestamp,
    ) -> Option<Result<Value, ErrorReport>> {
        match name {
            "begin_sign_in" => match ask::<chatehr_contract::BeginSignIn>(request) {
                Ok(begin) => {
                    self.0.error = None;
                    self.0.waiting = Some(match begin.way {
                        SignInWay::Browser => SignInWait::Browser,
                        SignInWay::Device => code(now),
                    });
                }
                Err(error) => return Some(Err(error)),
            },
            "cancel_sign_in" => (self.0.waiting, self.0.error) = (None, None),
            _ => return None,
        }
        Some(say(()))
    }
}

fn code(now: Timestamp) -> SignInWait {
    SignInWait::Device {
        user_code: "WDJB-MJHT".to_owned(),
        address: "https://login.riverside.example/device".to_owned(),
        expires_at: now.plus_seconds(600),
    }
}
