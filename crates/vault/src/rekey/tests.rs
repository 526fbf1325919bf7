//! A re-key that ends at any moment leaves files that open, with everything in them, under one key alone.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use chatehr_contract::{ConsultationId, Timestamp};
use tempfile::TempDir;

use super::{RekeyError, in_steps, rekey};
use crate::{
    OpenError, SlotError, Vault, VaultKey,
    slots::{self, Passphrase, RecoveryCode},
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn key(number: u8) -> VaultKey {
    VaultKey::from_bytes([number; 32])
}

/// Files with a passphrase and a code, and enough in them for several pages.
fn filled() -> (TempDir, PathBuf, RecoveryCode) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    let vault = Vault::open(&dir, &key(1)).unwrap();
    for number in 0..40 {
        vault.save_draft(&draft(number), &format!("draft {number} ").repeat(60), NOW).unwrap();
    }
    drop(vault);
    slots::add_passphrase(&dir, &key(1), &passphrase(), "the usual", NOW, [2; 32]).unwrap();
    let code = slots::add_recovery(&dir, &key(1), "in the safe", NOW, [3; 32]).unwrap();
    (home, dir, code)
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple")
}

fn draft(number: usize) -> ConsultationId {
    ConsultationId::new(format!("c-{number}"))
}

fn holds_everything(vault: &Vault) {
    for number in 0..40 {
        assert_eq!(vault.draft(&draft(number)).unwrap(), format!("draft {number} ").repeat(60));
    }
    vault.check().unwrap();
}

fn copy_of(dir: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Whether any file in the directory, whatever it is called, opens with the key.
fn opens_anything(dir: &Path, key: &VaultKey) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("some.db");
        fs::copy(entry.unwrap().path(), &path).unwrap();
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute_batch("PRAGMA cipher_log_level = NONE").unwrap();
        file.execute_batch(&format!("PRAGMA key = \"x'{}'\"", *key.to_text())).unwrap();
        let tables = file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        tables.is_ok_and(|tables| tables > 0)
    })
}

#[test]
fn the_new_key_and_every_slot_open_everything_and_the_old_key_opens_nothing() {
    let (_home, dir, code) = filled();
    for (file, leftover) in [("cache.db", "cache.db.damaged-1"), ("ledger.db", "ledger.db.backup")] {
        fs::copy(dir.join(file), dir.join(leftover)).unwrap();
    }
    assert!(opens_anything(&dir, &key(1)));
    rekey(&dir, &key(1), &key(2), None, NOW, [4; 32]).unwrap();
    assert!(opens_anything(&dir, &key(2)) && !opens_anything(&dir, &key(1)));
    let by_code = slots::unlock_with_recovery(&dir, &code).unwrap();
    let by_passphrase = slots::unlock_with_passphrase(&dir, &passphrase()).unwrap();
    assert_eq!(*by_code.to_text(), *key(2).to_text());
    assert_eq!(*by_passphrase.to_text(), *key(2).to_text());
    assert!(matches!(Vault::open(&dir, &key(1)), Err(OpenError::KeyReplaced)));
    let vault = Vault::open(&dir, &by_code).unwrap();
    holds_everything(&vault);
    assert!(!vault.header_damaged());
    let labels: Vec<_> = slots::list(&dir).unwrap().into_iter().map(|slot| slot.label).collect();
    assert_eq!(labels, ["the usual", "in the safe"]);
    let mut left: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| {
        !name.to_string_lossy().ends_with("-wal") && !name.to_string_lossy().ends_with("-shm")
    });
    left.sort();
    assert_eq!(left, ["cache.db", "ledger.db", "vault.json", "vault.json.lock", "vault.lock"]);
}

#[test]
fn a_re_key_that_ends_after_any_step_leaves_all_under_one_key_and_loses_nothing() {
    let (home, dir, code) = filled();
    let mut copies = BTreeMap::new();
    let mut keep = |step: &str| {
        let number = copies.len();
        let copy = home.path().join(format!("killed-{number}"));
        copy_of(&dir, &copy);
        copies.insert(number, (step.to_owned(), copy));
    };
    keep("nothing");
    in_steps(&dir, &key(1), &key(2), None, (NOW, [4; 32]), &mut keep).unwrap();
    let steps: Vec<_> = copies.values().map(|(step, _)| step.as_str()).collect();
    let committed = steps.iter().position(|step| *step == "wrote the header").unwrap();
    assert_eq!(steps.iter().filter(|step| **step == "replaced a file").count(), 2);
    for (number, (step, copy)) in &copies {
        let unlocked = slots::unlock_with_recovery(copy, &code).unwrap();
        let expected = if *number < committed { key(1) } else { key(2) };
        assert_eq!(*unlocked.to_text(), *expected.to_text(), "{step}");
        let (other, refusal) =
            if *number < committed { (key(2), "WrongKey") } else { (key(1), "KeyReplaced") };
        assert_eq!(format!("{:?}", Vault::open(copy, &other).unwrap_err()), refusal, "{step}");
        holds_everything(&Vault::open(copy, &unlocked).unwrap());
        assert!(opens_anything(copy, &unlocked) && !opens_anything(copy, &other), "{step}");
        assert!(!super::has_drafts(copy), "{step}");
        // And what was not finished can be done again.
        rekey(copy, &unlocked, &key(3), None, NOW, [5; 32]).unwrap();
        holds_everything(&Vault::open(copy, &key(3)).unwrap());
    }
}

#[test]
fn a_re_key_that_is_killed_while_it_works_loses_nothing() {
    const TOLD: &str = "CHATEHR_TEST_REKEY_DIR";
    let test = "rekey::tests::a_re_key_that_is_killed_while_it_works_loses_nothing";
    if let Some(dir) = std::env::var_os(TOLD) {
        let dir = Path::new(&dir);
        let code = RecoveryCode::parse(&fs::read_to_string(dir.join("../code")).unwrap()).unwrap();
        for number in 1_u8.. {
            let old = slots::unlock_with_recovery(dir, &code).unwrap();
            let new = VaultKey::from_bytes(old.expose().map(|byte| byte.wrapping_add(1)));
            rekey(dir, &old, &new, None, NOW, [number; 32]).unwrap();
            holds_everything(&Vault::open(dir, &new).unwrap());
        }
        return;
    }
    let (home, dir, code) = filled();
    fs::write(home.path().join("code"), &*code.to_text()).unwrap();
    let mut keys = std::collections::BTreeSet::new();
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(TOLD, &dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(30 + round * 37 % 200));
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        let unlocked = slots::unlock_with_recovery(&dir, &code).unwrap();
        holds_everything(&Vault::open(&dir, &unlocked).unwrap());
        keys.insert(unlocked.to_text().to_string());
    }
    assert!(keys.len() > 1, "nothing was re-keyed, so nothing was tested");
}

#[test]
fn a_re_key_needs_the_right_key_and_the_files_to_itself() {
    let (_home, dir, _code) = filled();
    let refused = rekey(&dir, &key(9), &key(2), None, NOW, [4; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::Slots(SlotError::WrongKey)), "{refused:?}");
    let vault = Vault::open(&dir, &key(1)).unwrap();
    let refused = rekey(&dir, &key(1), &key(2), None, NOW, [4; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::Files(OpenError::InUse)), "{refused:?}");
    holds_everything(&vault);
}

#[test]
fn a_re_key_never_ends_without_a_slot() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    drop(Vault::open(&dir, &key(1)).unwrap());
    let refused = rekey(&dir, &key(1), &key(2), None, NOW, [4; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::NoSlotLeft), "{refused:?}");
    drop(Vault::open(&dir, &key(1)).unwrap());
}

/// Somebody who can write to the disk, and waits for the next key to be wrapped for him.
#[test]
fn a_slot_that_was_slipped_in_is_not_given_the_new_key() {
    let (_home, dir, _code) = filled();
    let forged = tempfile::tempdir().unwrap();
    drop(Vault::open(forged.path(), &key(7)).unwrap());
    slots::add_recovery(forged.path(), &key(7), "", NOW, [8; 32]).unwrap();
    let crate::header::Found::Sound(mut theirs) = crate::header::read(forged.path()).unwrap() else {
        panic!()
    };
    let crate::header::Found::Sound(mut ours) = crate::header::read(&dir).unwrap() else { panic!() };
    ours.slots.append(&mut theirs.slots);
    crate::header::write(&dir, &ours).unwrap();
    let refused = rekey(&dir, &key(1), &key(2), None, NOW, [4; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::Slots(SlotError::HeaderDamaged)), "{refused:?}");
    holds_everything(&Vault::open(&dir, &key(1)).unwrap());
}

/// The key that leaked, the header of its time and everything that is on the disk afterwards: no way to the new key.
#[test]
fn nothing_that_the_old_key_opened_leads_to_the_new_one() {
    let (home, dir, code) = filled();
    let before = home.path().join("before");
    copy_of(&dir, &before);
    rekey(&dir, &key(1), &key(2), None, NOW, [4; 32]).unwrap();
    // The former header in its old place gives the former key, which opens nothing any more.
    fs::copy(before.join("vault.json"), dir.join("vault.json")).unwrap();
    let old = slots::unlock_with_recovery(&dir, &code).unwrap();
    assert_eq!(*old.to_text(), *key(1).to_text());
    assert!(matches!(Vault::open(&dir, &old), Err(OpenError::LedgerDamaged)));
    assert!(matches!(Vault::open(&dir, &key(2)), Err(OpenError::ForeignHeader)));
    // Whoever has the key has the files; the slots are made anew.
    slots::replace_header(&dir, &key(2), NOW).unwrap();
    holds_everything(&Vault::open(&dir, &key(2)).unwrap());
}

#[test]
fn damage_is_found_before_anything_is_replaced() {
    let (_home, dir, _code) = filled();
    let path = dir.join("ledger.db");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let refused = rekey(&dir, &key(1), &key(2), None, NOW, [4; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::Files(OpenError::LedgerDamaged)), "{refused:?}");
    assert!(fs::read(&path).unwrap() == bytes && !super::has_drafts(&dir));
}
