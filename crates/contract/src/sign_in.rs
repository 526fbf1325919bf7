//! Signing in with a clinic account: what the window asks for, and what is being waited for.

use serde::{Deserialize, Serialize};

use crate::{ErrorReport, Timestamp};

/// By which way somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignInWay {
    /// In this workstation's browser.
    Browser,
    /// With a code that is typed in on another device.
    Device,
}

/// Begin to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginSignIn {
    /// By which way.
    pub way: SignInWay,
}

/// How it stands with signing in by a clinic account, on whichever screen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClinicSignIn {
    /// Whether this workstation knows an identity provider. Where it does, nobody signs in in any other way.
    pub offered: bool,
    /// What is being waited for.
    pub waiting: Option<SignInWait>,
    /// Why the last attempt came to nothing.
    pub error: Option<ErrorReport>,
}

/// What a sign-in waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SignInWait {
    /// The identity provider is asked how to go on.
    Provider,
    /// The person is in the browser.
    Browser,
    /// The person types the code in on another device.
    Device {
        /// The code.
        user_code: String,
        /// Where to type it in.
        address: String,
        /// When the code ends.
        expires_at: Timestamp,
    },
    /// It is known who it is; the records open.
    Records,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn the_forms_are_a_promise() {
        let device = SignInWait::Device {
            user_code: "WDJB-MJHT".to_owned(),
            address: "https://login.example/device".to_owned(),
            expires_at: Timestamp::from_millis(600_000),
        };
        let state = |waiting, error| ClinicSignIn { offered: true, waiting, error };
        insta::assert_json_snapshot!((
            [BeginSignIn { way: SignInWay::Browser }, BeginSignIn { way: SignInWay::Device }],
            [
                state(Some(SignInWait::Provider), None),
                state(Some(SignInWait::Browser), None),
                state(Some(device), None),
                state(Some(SignInWait::Records), None),
                state(None, Some(ErrorReport::new(ErrorCode::SignInDeclined))),
            ],
        ));
    }

    #[test]
    fn a_host_that_says_nothing_of_it_offers_none() {
        assert_eq!(serde_json::from_str::<ClinicSignIn>("{}").unwrap(), ClinicSignIn::default());
    }
}
