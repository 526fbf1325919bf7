//! A PIN: unlocks a screen, and opens no file by itself.
//!
//! A PIN is short, so its worth is the count of tries, which whoever asks for it must keep. What is kept of it costs as
//! much to try as a passphrase, and still is no match for somebody who has it in hand: it belongs into the keyring.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    key::derive,
    slots::{Argon, Passphrase, SlotError},
};

/// Fewest and most digits.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=12;

/// What is kept of a PIN: enough to know it again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinVerifier {
    argon: Argon,
    #[serde(with = "hex")]
    check: [u8; 32],
}

impl PinVerifier {
    /// Of a new PIN, with fresh random bytes as salt; takes some tenths of a second. `None` for what is no PIN: fewer than
    /// six digits or more than twelve, anything but digits, one digit over and over, digits that count up or down.
    ///
    /// # Errors
    /// [`SlotError`], where there is no memory for the work.
    pub fn new(pin: &str, salt: [u8; 16]) -> Result<Option<Self>, SlotError> {
        if !is_fit(pin) {
            return Ok(None);
        }
        let argon = Argon::new(salt);
        Ok(Some(Self { check: check(&argon, pin)?, argon }))
    }

    /// Whether this is the PIN; takes some tenths of a second.
    ///
    /// # Errors
    /// [`SlotError`], where what is kept asks for more work than is fair.
    pub fn knows(&self, pin: &str) -> Result<bool, SlotError> {
        // What is compared is derived from the PIN at some cost, so how long it takes to differ tells nothing.
        Ok(check(&self.argon, pin)? == self.check)
    }
}

fn check(argon: &Argon, pin: &str) -> Result<[u8; 32], SlotError> {
    Ok(derive(argon.stretch(&Passphrase::new(pin))?.as_slice(), None, b"chatehr pin 1"))
}

fn is_fit(pin: &str) -> bool {
    let steps = |step: i16| {
        let pairs = pin.bytes().zip(pin.bytes().skip(1));
        pairs.map(|(one, next)| i16::from(next) - i16::from(one)).all(|found| found == step)
    };
    DIGITS.contains(&pin.len())
        && pin.bytes().all(|sign| sign.is_ascii_digit())
        && ![-1, 0, 1].into_iter().any(steps)
}

impl fmt::Debug for PinVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinVerifier(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::PinVerifier;

    #[test]
    fn the_pin_is_known_again_and_no_other_after_it_was_kept_as_text() {
        let kept = PinVerifier::new("402917", [3; 16]).unwrap().unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("402917") && !format!("{kept:?}").contains("402917"));
        let kept: PinVerifier = serde_json::from_str(&text).unwrap();
        assert!(kept.knows("402917").unwrap());
        assert!(!kept.knows("402918").unwrap() && !kept.knows("").unwrap());
    }

    #[test]
    fn what_is_short_or_the_first_to_be_tried_is_no_pin() {
        for unfit in ["", "40291", "4029170000000", "40291a", "111111", "123456", "987654", "٤٠٢٩١٧"] {
            assert!(super::PinVerifier::new(unfit, [3; 16]).unwrap().is_none(), "{unfit}");
        }
    }

    #[test]
    fn the_stored_form_is_a_promise() {
        let kept = serde_json::to_value(PinVerifier::new("402917", [3; 16]).unwrap()).unwrap();
        let argon = serde_json::json!({
            "salt": "03030303030303030303030303030303", "memoryKib": 65536, "passes": 3, "lanes": 4
        });
        assert_eq!(kept["argon"], argon);
        assert_eq!(kept["check"].as_str().unwrap().len(), 64);
    }
}
