//! The ways to a person's encrypted files, as the clinician's window asks about them and offers them.
//!
//! Promises: a passphrase or a code shows in no `Debug` and leaves memory with the value that holds it. What cannot be
//! promised: a request crosses from the window as JSON text, and neither the browser nor the JSON reader wipes the
//! copies that they make on the way.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::Timestamp;

/// Words that nobody else may read.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Takes the words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// The words themselves.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// What a person has to open the files with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum KeySecret {
    /// A passphrase, as typed.
    Passphrase {
        /// The words.
        passphrase: SecretText,
    },
    /// A recovery code, as typed.
    RecoveryCode {
        /// Spaces, hyphens and capitals do not matter.
        code: SecretText,
    },
}

/// A way past what is in the way, which this person on this workstation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WayIn {
    /// A passphrase was set.
    Passphrase,
    /// A recovery code was printed.
    RecoveryCode,
    /// Who it is must be known first: signing in works without the keyring, and somebody here has a passphrase or a
    /// code.
    SignIn,
}

/// How the keys to the open files stand, for what the window reminds of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyStanding {
    /// The files were made at this sign-in: the moment to print a recovery code.
    pub first: bool,
    /// There is neither a passphrase nor a recovery code.
    pub only_keyring: bool,
    /// A passphrase or a code opened the files, and the keyring does not have the key yet.
    pub not_in_keyring: bool,
    /// The key file does not read as it was written.
    pub header_damaged: bool,
}

/// What a slot opens by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeySlotKind {
    /// The desktop's keyring.
    Keyring,
    /// A passphrase.
    Passphrase,
    /// A printed code.
    RecoveryCode,
}

/// One way to the key, as it is listed. None of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySlot {
    /// Names it for the other commands.
    pub id: String,
    /// What it opens by.
    pub kind: KeySlotKind,
    /// What the person called it; may be empty.
    pub label: String,
    /// When it was made, where that was written down.
    pub created_at: Option<Timestamp>,
    /// Which keyring, where that was written down.
    pub keyring: Option<String>,
}

/// The ways to the key, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyList {
    /// Oldest first.
    pub slots: Vec<KeySlot>,
    /// Where a backup would go if the person says nothing else.
    pub backup_path: String,
}

/// Names one way to the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySlotRef {
    /// Which.
    pub id: String,
}

/// Set a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddPassphrase {
    /// At least 12 characters.
    pub passphrase: SecretText,
    /// What the person calls it; at most 100 characters.
    pub label: String,
}

/// Put another passphrase in the place of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatePassphrase {
    /// Which.
    pub id: String,
    /// At least 12 characters.
    pub passphrase: SecretText,
}

/// Make a recovery code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddRecoveryCode {
    /// What the person calls it; at most 100 characters.
    pub label: String,
}

/// A recovery code that was made. It is kept nowhere: this is the one time that it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRecoveryCode {
    /// As it is printed: eight groups of five.
    pub code: SecretText,
}

/// Put the key back into the keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreToKeyring {
    /// What may be written over, as [`RestoredToKeyring::Occupied`] told it.
    #[serde(default)]
    pub replacing: Option<String>,
}

/// How putting the key back went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RestoredToKeyring {
    /// The keyring has it.
    Done,
    /// The keyring holds something else in its place, and it was left there.
    Occupied {
        /// Of what it holds: handing it back says that this very thing may be written over.
        check: String,
    },
}

/// Write a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackUp {
    /// The whole path of the file; nothing may be there.
    pub path: String,
    /// Also what ChatEHR has as well.
    pub with_cache: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_or_answer_about_keys_shows_a_secret_in_debug() {
        let canary = || SecretText::new("canary words");
        let shown = [
            format!("{:?}", KeySecret::Passphrase { passphrase: canary() }),
            format!("{:?}", KeySecret::RecoveryCode { code: canary() }),
            format!("{:?}", AddPassphrase { passphrase: canary(), label: "desk".into() }),
            format!("{:?}", RotatePassphrase { id: "1".into(), passphrase: canary() }),
            format!("{:?}", NewRecoveryCode { code: canary() }),
        ];
        for shown in shown {
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn the_words_of_the_wire_are_a_promise() {
        let asked = KeySecret::RecoveryCode { code: SecretText::new("A1B2C") };
        let slot = KeySlot {
            id: "keyring".into(),
            kind: KeySlotKind::Keyring,
            label: String::new(),
            created_at: Some(Timestamp::from_millis(0)),
            keyring: Some("login".into()),
        };
        let occupied = RestoredToKeyring::Occupied { check: "c".into() };
        insta::assert_json_snapshot!((
            asked,
            slot,
            occupied,
            [WayIn::Passphrase, WayIn::RecoveryCode, WayIn::SignIn],
            KeyStanding::default(),
        ));
    }
}
