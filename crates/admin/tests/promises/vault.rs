//! Files are listed, taken elsewhere, given another key, and their logs say so.

use std::fs;

use chatehr_contract::PersonId;
use chatehr_engine::directory_name;
use chatehr_vault::{
    OpenError, Vault, VaultKey,
    slots::{self, Passphrase},
};

use super::support::{KEY, PASSPHRASE, Place, log_of, names, without_a_keyring};

fn actions(place: &Place) -> Vec<String> {
    place.log().into_iter().skip(5).map(|entry| entry.said.action).collect()
}

#[test]
fn the_list_says_what_opens_the_files_and_no_names() {
    if without_a_keyring("vault::the_list_says_what_opens_the_files_and_no_names").is_some() {
        return;
    }
    assert!(Place::empty().run(&["vault", "list"]).well().out.contains("Nobody has files"));
    let place = Place::with_person();
    // Sizes are of pages, which the library may lay out otherwise.
    let said = place.run(&["vault", "list"]).well();
    let lines: Vec<_> = said.out.lines().filter(|line| !line.starts_with("  ledger ")).collect();
    insta::assert_snapshot!("list", lines.join("\n"));
}

#[test]
fn a_backup_is_restored_elsewhere_by_the_code_and_both_logs_say_so() {
    let place = Place::with_person();
    place.run(&["vault", "backup", "{dir}", "--passphrase", "--to", "{home}/backup"]).well();
    assert_eq!(actions(&place), ["vault.backup"]);
    place
        .run(&["vault", "backup", "{dir}", "--passphrase", "--to", "{home}/backup"])
        .refused("something in that place already");

    let other = Place::empty();
    fs::copy(place.home.path().join("backup"), other.home.path().join("backup")).unwrap();
    let into = [
        "vault",
        "restore",
        "{home}/backup",
        "--into",
        "{home}/new/person",
        "--recovery-code",
        "--no-keyring",
    ];
    let said = other.run_with(&into, &place.code, true).well();
    assert!(said.out.contains("is what was written") && said.out.contains("6, from 1 to 6"), "{}", said.out);
    assert_eq!(names(&other.home.path().join("new")), ["person"]);
    let log = log_of(&other.home.path().join("new/person"), &VaultKey::from_bytes(KEY));
    let last = &log.last().unwrap().said;
    assert_eq!(
        (last.action.as_str(), last.objects.as_slice()),
        ("vault.restore", &["person".to_owned()][..])
    );
    other.run_with(&into, &place.code, true).refused("something in that place already");

    // To where this workstation's window looks, by the other secret.
    let there =
        ["vault", "restore", "{home}/backup", "--data-dir", "physician-1", "--passphrase", "--no-keyring"];
    other.run(&there).well();
    let name = directory_name("https://chatehr.example/v1", &PersonId::new("physician-1"));
    assert_eq!(names(&other.home.path().join("data/people")), [name]);
}

#[test]
fn a_restore_that_fails_leaves_nothing() {
    let place = Place::with_person();
    place.run(&["vault", "backup", "{dir}", "--passphrase", "--to", "{home}/backup"]).well();
    let into = ["vault", "restore", "{home}/backup", "--into", "{home}/new", "--passphrase", "--no-keyring"];
    place.run_with(&into, "another passphrase", true).refused("passphrase is wrong");
    let mistyped = ["vault", "restore", "{home}/backup", "--into", "{home}/new", "--recovery-code"];
    place.run_with(&mistyped, "ABC", true).refused("40 characters, and this has 3");
    let mut bytes = fs::read(place.home.path().join("backup")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place.home.path().join("damaged"), bytes).unwrap();
    let damaged =
        ["vault", "restore", "{home}/damaged", "--into", "{home}/new", "--passphrase", "--no-keyring"];
    place.run(&damaged).refused("backup is damaged");
    let mut nameless = Place::empty();
    nameless.workstation.user = None;
    fs::copy(place.home.path().join("backup"), nameless.home.path().join("backup")).unwrap();
    nameless.run(&into).refused("does not say who runs this");
    assert_eq!(names(place.home.path()), ["backup", "damaged", "data"]);
    assert_eq!(names(nameless.home.path()), ["backup"]);
}

#[test]
fn after_a_rekey_the_old_key_opens_nothing_and_the_passphrase_does() {
    let place = Place::with_person();
    place.run(&["vault", "rekey", "{dir}", "--passphrase", "--no-keyring"]).well();
    let old = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY));
    assert!(matches!(old, Err(OpenError::KeyReplaced)), "{old:?}");
    let new = slots::unlock_with_passphrase(&place.dir(), &Passphrase::new(PASSPHRASE)).unwrap();
    let last = log_of(&place.dir(), &new).pop().unwrap().said;
    assert_eq!((last.action.as_str(), last.actor.as_deref()), ("vault.rekey", Some("os:alice")));
}

#[test]
fn a_recovery_that_finds_no_keyring_says_so_in_the_log_too() {
    if without_a_keyring("vault::a_recovery_that_finds_no_keyring_says_so_in_the_log_too").is_some() {
        return;
    }
    let place = Place::with_person();
    place
        .run_with(&["vault", "recover", "{dir}", "--recovery-code"], &place.code, true)
        .refused("no keyring");
    assert_eq!(actions(&place), ["vault.recover", "vault.recover"]);
    // Without a keyring and without a secret there is no way in.
    place.run(&["audit", "verify", "{dir}"]).refused("There is no keyring");
}

#[test]
fn what_is_nobodys_files_is_told_as_such() {
    let place = Place::with_person();
    place.run(&["audit", "search", "{home}", "--passphrase"]).refused("not a person's files");
    place.run(&["audit", "search", "{home}/nowhere", "--passphrase"]).refused("no such file");
    place
        .run_with(&["audit", "verify", "{dir}", "--passphrase"], "wrong, all of it", true)
        .refused("is wrong");
}
