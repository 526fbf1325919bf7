//! The locked screen: what it is asked and told.

use serde::{Deserialize, Serialize};

use crate::SecretText;

/// Open the records again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlockWithPin {
    /// As typed.
    pub pin: SecretText,
}

/// Set a PIN, or another in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPin {
    /// 6 to 12 digits.
    pub pin: SecretText,
    /// The one that is set, as typed. Without it the person shows in another way who they are: by a clinic account anew, or
    /// by having signed in a moment ago.
    #[serde(default)]
    pub present: Option<SecretText>,
}

/// Take the PIN away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovePin {
    /// As for [`SetPin::present`].
    #[serde(default)]
    pub present: Option<SecretText>,
}

#[cfg(test)]
mod tests {
    use super::{RemovePin, SetPin, UnlockWithPin};
    use crate::SecretText;

    #[test]
    fn no_pin_shows_in_debug() {
        let pin = || SecretText::new("402917");
        let shown = format!(
            "{:?} {:?} {:?}",
            UnlockWithPin { pin: pin() },
            SetPin { pin: pin(), present: Some(pin()) },
            RemovePin { present: Some(pin()) }
        );
        assert!(!shown.contains("402917"), "{shown}");
    }
}
