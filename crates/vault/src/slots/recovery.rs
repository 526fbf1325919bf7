//! The code that is printed once and kept in a drawer.
//!
//! 160 random bits in Crockford's base 32: eight groups of four characters and a fifth that checks them. Small
//! letters count as capitals, O as 0, I and L as 1, and spaces and hyphens as nothing, so that it survives being read
//! aloud. The check notices any one wrong character, any two exchanged within a group, and groups in the wrong
//! order; so "mistyped, in the third group" is told from "this code does not belong here". No slow hash: nobody
//! guesses 160 bits.

use std::fmt;

use zeroize::Zeroizing;

use super::slot::Secret32;
use crate::key::derive;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS: usize = 8;
/// Characters of a group, the last of which is the check.
const GROUP: usize = 5;

/// A recovery code.
pub struct RecoveryCode(Zeroizing<[[u8; 4]; GROUPS]>);

/// Why what was typed is not a recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// There are not 40 characters.
    #[error("a recovery code has 40 characters, and this has {found}")]
    Length {
        /// How many there are, spaces and hyphens left out.
        found: usize,
    },
    /// A group does not check.
    #[error("group {group} of the recovery code is mistyped")]
    Mistyped {
        /// Which, from 1 to 8.
        group: usize,
    },
}

impl RecoveryCode {
    pub(crate) fn from_random(random: &Secret32) -> Self {
        let mut code = Zeroizing::new([[0; 4]; GROUPS]);
        // Eight random bits for each five: what is left over is not used.
        for (value, byte) in code.iter_mut().flatten().zip(random.iter()) {
            *value = byte & 31;
        }
        Self(code)
    }

    /// Reads what was typed.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        let mut values = Zeroizing::new(Vec::with_capacity(GROUPS * GROUP));
        let written = typed.chars().filter(|typed| !typed.is_whitespace() && !is_hyphen(*typed));
        let found = written.clone().count();
        if found != GROUPS * GROUP {
            return Err(CodeError::Length { found });
        }
        values.extend(written.map(value_of));
        let mut code = Zeroizing::new([[0; 4]; GROUPS]);
        for (place, (group, typed)) in (1_u8..).zip(code.iter_mut().zip(values.chunks(GROUP))) {
            let mistyped = CodeError::Mistyped { group: place.into() };
            let &[Some(a), Some(b), Some(c), Some(d), Some(check)] = typed else { return Err(mistyped) };
            *group = [a, b, c, d];
            if check_of(place, group) != check {
                return Err(mistyped);
            }
        }
        Ok(Self(code))
    }

    /// As it is printed: `A1B2C-…`, eight groups of five.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
        for (place, group) in (1..).zip(self.0.iter()) {
            if place > 1 {
                text.push('-');
            }
            for value in group.iter().chain([&check_of(place, group)]) {
                text.extend(ALPHABET.get(usize::from(*value)).copied().map(char::from));
            }
        }
        text
    }

    pub(crate) fn stretch(&self) -> Secret32 {
        Zeroizing::new(derive(self.0.as_flattened(), None, b"chatehr recovery code 1"))
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

const fn is_hyphen(typed: char) -> bool {
    matches!(typed, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn value_of(typed: char) -> Option<u8> {
    let letter = match typed.to_ascii_uppercase() {
        'O' => b'0',
        'I' | 'L' => b'1',
        other => u8::try_from(other).ok()?,
    };
    ALPHABET.iter().position(|known| *known == letter).and_then(|value| u8::try_from(value).ok())
}

/// A Reed-Solomon check over GF(32): each place has a weight of its own, and so has each group.
fn check_of(group: u8, values: &[u8; 4]) -> u8 {
    values.iter().fold(group, |sum, value| times_two(sum ^ value))
}

/// Multiplies by x modulo x⁵ + x² + 1.
const fn times_two(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 0b10_0000 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::{ALPHABET, CodeError, RecoveryCode};

    fn code(random: [u8; 32]) -> RecoveryCode {
        RecoveryCode::from_random(&Zeroizing::new(random))
    }

    #[test]
    fn a_code_is_printed_in_eight_groups_of_five_and_shown_to_no_log() {
        let code = code(*b"thirty-two bytes, random enough.");
        assert_eq!(format!("{code:?}"), "RecoveryCode(…)");
        insta::assert_snapshot!("code_version_1", *code.to_text());
    }

    #[test]
    fn a_code_is_read_however_it_is_spaced_and_cased() {
        let code = code([7; 32]);
        let printed = code.to_text();
        for typed in [
            printed.to_lowercase(),
            printed.replace('-', " "),
            printed.replace('-', ""),
            printed.replace('-', " – "),
            format!("  {}\n", *printed),
        ] {
            assert_eq!(*RecoveryCode::parse(&typed).unwrap().to_text(), *printed, "{typed}");
        }
    }

    #[test]
    fn look_alikes_are_forgiven() {
        let code = code([0x20; 32]);
        let printed = code.to_text();
        assert!(printed.starts_with("0000"), "{}", *printed);
        for other in ["O", "o"] {
            assert!(RecoveryCode::parse(&printed.replace('0', other)).is_ok());
        }
        let code = super::RecoveryCode::from_random(&Zeroizing::new([0x21; 32]));
        for other in ["I", "i", "L", "l"] {
            assert!(RecoveryCode::parse(&code.to_text().replace('1', other)).is_ok());
        }
    }

    #[test]
    fn a_missing_or_further_character_is_counted() {
        let printed = code([9; 32]).to_text();
        assert_eq!(RecoveryCode::parse("").unwrap_err(), CodeError::Length { found: 0 });
        let short: String = printed.chars().skip(1).collect();
        assert_eq!(RecoveryCode::parse(&short).unwrap_err(), CodeError::Length { found: 39 });
        let long = format!("{}A", *printed);
        assert_eq!(RecoveryCode::parse(&long).unwrap_err(), CodeError::Length { found: 41 });
    }

    proptest! {
        #[test]
        fn every_code_reads_back(random: [u8; 32]) {
            let code = code(random);
            let read = RecoveryCode::parse(&code.to_text()).unwrap();
            prop_assert_eq!(&*read.0, &*code.0);
        }

        #[test]
        fn one_wrong_character_is_found_in_its_group(random: [u8; 32], place in 0..40_usize, by in 1..32_usize) {
            let mut typed: Vec<u8> = code(random).to_text().bytes().filter(|byte| *byte != b'-').collect();
            let value = ALPHABET.iter().position(|known| *known == typed[place]).unwrap();
            typed[place] = ALPHABET[(value + by) % 32];
            let refused = RecoveryCode::parse(std::str::from_utf8(&typed).unwrap()).unwrap_err();
            prop_assert_eq!(refused, CodeError::Mistyped { group: place / 5 + 1 });
        }

        #[test]
        fn two_exchanged_characters_are_found(random: [u8; 32], group in 0..8_usize, a in 0..5_usize, b in 0..5_usize) {
            let mut typed: Vec<u8> = code(random).to_text().bytes().filter(|byte| *byte != b'-').collect();
            let (a, b) = (group * 5 + a, group * 5 + b);
            prop_assume!(typed[a] != typed[b]);
            typed.swap(a, b);
            let refused = RecoveryCode::parse(std::str::from_utf8(&typed).unwrap()).unwrap_err();
            prop_assert_eq!(refused, CodeError::Mistyped { group: group + 1 });
        }

        #[test]
        fn two_exchanged_groups_are_found(random: [u8; 32], a in 0..8_usize, b in 0..8_usize) {
            let printed = code(random).to_text();
            let mut groups: Vec<&str> = printed.split('-').collect();
            prop_assume!(a != b);
            groups.swap(a, b);
            let refused = RecoveryCode::parse(&groups.join("-")).unwrap_err();
            prop_assert_eq!(refused, CodeError::Mistyped { group: a.min(b) + 1 });
        }

        #[test]
        fn whatever_is_typed_is_answered(typed in "\\PC{0,60}") {
            drop(RecoveryCode::parse(&typed));
        }
    }
}
