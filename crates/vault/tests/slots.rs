//! Each slot opens by its own secret, in its own place, and what does not open says why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chatehr_vault::{
    SlotError, Vault, VaultKey,
    slots::{self, CodeError, Passphrase, RecoveryCode, Secret, SlotKind},
};
use common::{at, bytes_of, golden_file, key};

/// A directory with files, a passphrase and a recovery code.
fn with_slots() -> (tempfile::TempDir, PathBuf, RecoveryCode) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    drop(Vault::open(&dir, &key()).unwrap());
    slots::add_passphrase(&dir, &key(), &passphrase(), "the usual", at(1), [1; 32]).unwrap();
    let code = slots::add_recovery(&dir, &key(), "in the safe", at(2), [2; 32]).unwrap();
    (home, dir, code)
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple")
}

fn is_key(unlocked: &VaultKey) {
    assert_eq!(*unlocked.to_text(), *key().to_text());
}

/// The operation fails in this way, and changes nothing.
fn refuses<T>(dir: &Path, run: impl FnOnce() -> Result<T, SlotError>, is: impl Fn(&SlotError) -> bool) {
    let before = bytes_of(dir);
    let error = run().err().expect("refused");
    assert!(is(&error), "{error:?}");
    assert!(before == bytes_of(dir), "refused, and yet changed");
}

fn header_of(dir: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(dir.join("vault.json")).unwrap()).unwrap()
}

#[test]
fn a_passphrase_and_a_code_each_open_the_files_without_a_keyring() {
    let (_home, dir, code) = with_slots();
    is_key(&slots::unlock_with_passphrase(&dir, &passphrase()).unwrap());
    is_key(&slots::unlock_with_recovery(&dir, &code).unwrap());
    let typed = RecoveryCode::parse(&code.to_text().to_lowercase().replace('-', " ")).unwrap();
    let unlocked = slots::unlock_with_recovery(&dir, &typed).unwrap();
    drop(Vault::open(&dir, &unlocked).unwrap());
}

#[test]
fn the_header_says_what_there_is_and_nothing_that_opens_it() {
    let (_home, dir, code) = with_slots();
    insta::assert_json_snapshot!("header_version_2", header_of(&dir));
    let text = fs::read_to_string(dir.join("vault.json")).unwrap();
    assert!(!text.contains(&*key().to_text()) && !text.contains(&*code.to_text()) && !text.contains("horse"));
    let shown: Vec<_> = slots::list(&dir).unwrap();
    let kinds: Vec<_> = shown.iter().map(|slot| (slot.kind, slot.label.as_str(), slot.created_at)).collect();
    assert_eq!(
        kinds,
        [(SlotKind::Passphrase, "the usual", at(1)), (SlotKind::Recovery, "in the safe", at(2))]
    );
}

#[test]
fn a_test_names_the_slot_that_a_secret_opens() {
    let (_home, dir, code) = with_slots();
    let shown = slots::list(&dir).unwrap();
    assert_eq!(slots::test(&dir, Secret::Passphrase(&passphrase())).unwrap(), shown[0].id);
    assert_eq!(slots::test(&dir, Secret::Recovery(&code)).unwrap(), shown[1].id);
}

#[test]
fn each_refusal_says_what_to_do_next() {
    let (_home, dir, code) = with_slots();
    let wrong = Passphrase::new("correct horse battery stable");
    refuses(
        &dir,
        || slots::unlock_with_passphrase(&dir, &wrong),
        |error| matches!(error, SlotError::WrongPassphrase),
    );
    let (_other_home, other, _) = with_slots();
    let others = slots::add_recovery(&other, &key(), "", at(3), [9; 32]).unwrap();
    refuses(
        &dir,
        || slots::unlock_with_recovery(&dir, &others),
        |error| matches!(error, SlotError::WrongCode),
    );
    let mut typed = code.to_text().to_string();
    let last = typed.pop().unwrap();
    typed.push(if last == 'A' { 'B' } else { 'A' });
    let mistyped = SlotError::from(RecoveryCode::parse(&typed).unwrap_err());
    assert!(matches!(mistyped, SlotError::Mistyped(CodeError::Mistyped { group: 8 })), "{mistyped:?}");
    let stranger = VaultKey::from_bytes([9; 32]);
    refuses(
        &dir,
        || slots::add_recovery(&dir, &stranger, "", at(3), [9; 32]),
        |error| matches!(error, SlotError::WrongKey),
    );
    let short = Passphrase::new("eleven char");
    refuses(
        &dir,
        || slots::add_passphrase(&dir, &key(), &short, "", at(3), [9; 32]),
        |error| matches!(error, SlotError::PassphraseTooShort),
    );
    for label in ["a\nb", &"x".repeat(101)] {
        refuses(
            &dir,
            || slots::add_recovery(&dir, &key(), label, at(3), [9; 32]),
            |error| matches!(error, SlotError::BadLabel),
        );
    }
    for number in 3..9 {
        slots::add_recovery(&dir, &key(), "", at(3), [number; 32]).unwrap();
    }
    refuses(
        &dir,
        || slots::add_recovery(&dir, &key(), "", at(3), [9; 32]),
        |error| matches!(error, SlotError::TooManySlots),
    );
}

#[test]
fn files_without_such_a_slot_say_so() {
    let home = tempfile::tempdir().unwrap();
    assert!(slots::list(home.path()).unwrap().is_empty());
    for opened in [false, true] {
        if opened {
            drop(Vault::open(home.path(), &key()).unwrap());
        }
        let refused = slots::unlock_with_passphrase(home.path(), &passphrase()).unwrap_err();
        assert!(matches!(refused, SlotError::NoSuchSlot), "{refused:?}");
    }
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not() {
    let (_home, dir, code) = with_slots();
    let before = fs::read(dir.join("vault.json")).unwrap();
    let [first, second] = &slots::list(&dir).unwrap()[..] else { panic!() };
    let new = Passphrase::new("a different horse altogether");
    let changed = slots::rotate_passphrase(&dir, &key(), &first.id, &new, at(9), [5; 32]).unwrap();
    let new_code = slots::rotate_recovery(&dir, &key(), &second.id, at(9), [6; 32]).unwrap();
    is_key(&slots::unlock_with_passphrase(&dir, &new).unwrap());
    is_key(&slots::unlock_with_recovery(&dir, &new_code).unwrap());
    refuses(
        &dir,
        || slots::unlock_with_passphrase(&dir, &passphrase()),
        |error| matches!(error, SlotError::WrongPassphrase),
    );
    refuses(&dir, || slots::unlock_with_recovery(&dir, &code), |error| matches!(error, SlotError::WrongCode));
    let shown = slots::list(&dir).unwrap();
    assert_eq!((shown[0].label.as_str(), &shown[0].id), ("the usual", &changed));
    refuses(
        &dir,
        || slots::rotate_recovery(&dir, &key(), &changed, at(9), [7; 32]),
        |error| matches!(error, SlotError::NoSuchSlot),
    );
    // The key is the same, so the header of before still gives it to the old passphrase: only a re-key ends that.
    fs::write(dir.join("vault.json"), before).unwrap();
    is_key(&slots::unlock_with_passphrase(&dir, &passphrase()).unwrap());
}

#[test]
fn the_last_slot_stays() {
    let (_home, dir, _code) = with_slots();
    let [first, second] = &slots::list(&dir).unwrap()[..] else { panic!() };
    slots::remove(&dir, &key(), &first.id).unwrap();
    refuses(&dir, || slots::remove(&dir, &key(), &second.id), |error| matches!(error, SlotError::LastSlot));
    refuses(&dir, || slots::remove(&dir, &key(), &first.id), |error| matches!(error, SlotError::NoSuchSlot));
}

#[test]
fn a_header_of_format_1_is_upgraded_when_something_is_written_into_it_and_not_before() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    fs::create_dir(&dir).unwrap();
    for name in ["cache.db", "ledger.db", "vault.json"] {
        fs::copy(golden_file("v1", name), dir.join(name)).unwrap();
    }
    let first = fs::read(dir.join("vault.json")).unwrap();
    drop(Vault::open(&dir, &key()).unwrap());
    assert_eq!(slots::list(&dir).unwrap()[0].kind, SlotKind::Keyring);
    assert_eq!(fs::read(dir.join("vault.json")).unwrap(), first);
    let code = slots::add_recovery(&dir, &key(), "", at(1), [1; 32]).unwrap();
    assert_eq!(header_of(&dir)["format"], 2);
    let kinds: Vec<_> = slots::list(&dir).unwrap().into_iter().map(|slot| slot.kind).collect();
    assert_eq!(kinds, [SlotKind::Keyring, SlotKind::Recovery]);
    let unlocked = slots::unlock_with_recovery(&dir, &code).unwrap();
    drop(Vault::open(&dir, &unlocked).unwrap());
    // The keyring's slot is one like the others: it may go while another is there.
    let keyring = slots::list(&dir).unwrap()[0].id.clone();
    slots::remove(&dir, &key(), &keyring).unwrap();
    assert_eq!(slots::list(&dir).unwrap().len(), 1);
}

#[test]
fn slots_are_changed_while_the_files_are_open() {
    let (_home, dir, _code) = with_slots();
    let vault = Vault::open(&dir, &key()).unwrap();
    let code = slots::add_recovery(&dir, &key(), "", at(3), [3; 32]).unwrap();
    vault.save_draft(&common::c("c-1"), "words", at(1)).unwrap();
    drop(vault);
    is_key(&slots::unlock_with_recovery(&dir, &code).unwrap());
}

/// Two programs that each add slots at the same time lose none.
#[test]
fn two_who_change_the_header_at_once_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    drop(Vault::open(&dir, &key()).unwrap());
    std::thread::scope(|scope| {
        for number in 1..=8 {
            let dir = &dir;
            scope.spawn(move || slots::add_recovery(dir, &key(), "", at(1), [number; 32]).unwrap());
        }
    });
    assert_eq!(slots::list(&dir).unwrap().len(), 8);
}
