//! A passphrase, and the work that guessing one costs.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{SlotError, slot::Secret32};

/// Fewest characters of a new passphrase; what an attacker can do to the file has no limit on tries.
const FEWEST_CHARS: usize = 12;
/// What a new slot costs to try: 64 MiB, three passes, four lanes (RFC 9106, section 4, second choice).
const COST: (u32, u32, u32) = (64 * 1024, 3, 4);
/// What a header may ask for at most: four times the memory, so that a later program can ask for more and a forged
/// header cannot exhaust the machine.
const MOST: (u32, u32, u32) = (256 * 1024, 16, 16);

/// What a person typed. Compared in Unicode's composed form, since keyboards differ in how they make an "é".
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes what was typed, as it is.
    pub fn new(typed: &str) -> Self {
        let mut composed = Zeroizing::new(String::with_capacity(typed.len() * 3));
        composed.extend(typed.nfc());
        Self(composed)
    }

    pub(crate) fn is_too_short(&self) -> bool {
        self.0.chars().count() < FEWEST_CHARS
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Argon2id's parameters, as they stand in the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Argon {
    #[serde(with = "hex")]
    salt: [u8; 16],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Argon {
    pub(crate) const fn new(salt: [u8; 16]) -> Self {
        let (memory_kib, passes, lanes) = COST;
        Self { salt, memory_kib, passes, lanes }
    }

    /// The slot's secret. Takes some tenths of a second, and 64 MiB for as long.
    pub(crate) fn stretch(&self, passphrase: &Passphrase) -> Result<Secret32, SlotError> {
        let (memory, passes, lanes) = MOST;
        if self.memory_kib > memory || self.passes > passes || self.lanes > lanes {
            return Err(SlotError::HeaderDamaged);
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| SlotError::HeaderDamaged)?;
        let mut secret = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), &self.salt, secret.as_mut())
            .map_err(|_| SlotError::HeaderDamaged)?;
        Ok(secret)
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.memory_kib, self.passes, self.lanes].map(u32::to_be_bytes).concat();
        [self.salt.as_slice(), &numbers].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::{Argon, Passphrase, SlotError};

    #[test]
    fn a_forged_slot_cannot_exhaust_the_machine() {
        let passphrase = Passphrase::new("correct horse battery");
        let fair = Argon { memory_kib: 64, passes: 1, lanes: 4, salt: [1; 16] };
        assert!(fair.stretch(&passphrase).is_ok());
        for forged in [
            Argon { memory_kib: u32::MAX, ..fair },
            Argon { memory_kib: 256 * 1024 + 1, ..fair },
            Argon { memory_kib: 0, ..fair },
            Argon { passes: 17, ..fair },
            Argon { passes: 0, ..fair },
            Argon { lanes: 17, ..fair },
            Argon { lanes: 0, ..fair },
        ] {
            let refused = forged.stretch(&passphrase);
            assert!(matches!(refused, Err(SlotError::HeaderDamaged)), "{forged:?}");
        }
    }

    #[test]
    fn the_work_is_what_the_design_asks_for() {
        let Argon { memory_kib, passes, lanes, .. } = Argon::new([0; 16]);
        assert_eq!((memory_kib, passes, lanes), (65_536, 3, 4));
    }

    #[test]
    fn one_passphrase_typed_on_two_keyboards_is_one() {
        let (composed, decomposed) = (Passphrase::new("caf\u{e9}"), Passphrase::new("cafe\u{301}"));
        assert_eq!(*composed.0, *decomposed.0);
        assert_eq!(format!("{composed:?}"), "Passphrase(…)");
    }
}
