//! A look at a person's files says what opening would say, and changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;

use chatehr_vault::{OpenError, Vault, VaultKey};
use common::{bytes_of, entry, key, vault};

#[test]
fn a_look_says_whether_the_key_opens_the_files_and_leaves_them_as_they_are() {
    let (home, vault) = vault();
    vault.record(&[entry("consultation.read")]).unwrap();
    drop(vault);
    let dir = home.path().join("person");
    let before = bytes_of(&dir);
    Vault::look(&dir, &key()).unwrap();
    let other = Vault::look(&dir, &VaultKey::from_bytes([1; 32]));
    assert!(matches!(other, Err(OpenError::WrongKey)), "{other:?}");
    assert!(before == bytes_of(&dir));
    let (ledger, cache) = Vault::sizes(&dir);
    assert!(ledger > 0 && cache > 0);

    let mut bytes = fs::read(dir.join("ledger.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.join("ledger.db"), bytes).unwrap();
    assert!(matches!(Vault::look(&dir, &key()), Err(OpenError::LedgerDamaged)));
}

#[test]
fn files_that_are_open_are_told_as_such_and_can_be_looked_at() {
    let (home, vault) = vault();
    let dir = home.path().join("person");
    assert!(Vault::is_in_use(&dir).unwrap());
    Vault::look(&dir, &key()).unwrap();
    vault.record(&[entry("consultation.read")]).unwrap();
    drop(vault);
    assert!(!Vault::is_in_use(&dir).unwrap());
    assert!(!Vault::is_in_use(home.path()).unwrap(), "where there is nothing, nothing is open");
    assert!(!home.path().join("vault.lock").exists());
}
