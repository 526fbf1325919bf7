//! Whatever becomes of the header: it opens nothing by a wrong secret, never makes the program fall, and never stands
//! between the right key and sound files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chatehr_vault::{
    OpenError, SlotError, Vault, VaultKey,
    slots::{self, RecoveryCode},
};
use common::{at, bytes_of, c, golden_file, key};
use proptest::prelude::*;

fn wrong() -> VaultKey {
    VaultKey::from_bytes([9; 32])
}

/// Files of `person` with a draft in them and two recovery codes.
fn files_of(home: &Path, person: &str, key: &VaultKey) -> (PathBuf, [RecoveryCode; 2]) {
    let dir = home.join(person);
    let vault = Vault::open(&dir, key).unwrap();
    vault.save_draft(&c("c-1"), person, at(1)).unwrap();
    drop(vault);
    // Nobody's code is another's.
    let start = person.as_bytes()[0];
    let code = |number| slots::add_recovery(&dir, key, "in the safe", at(2), [number; 32]).unwrap();
    let codes = [code(start), code(start ^ 0x80)];
    (dir, codes)
}

/// Puts a header in its place and looks what the keys and the code do then.
fn stands_up_to(dir: &Path, code: &RecoveryCode, header: &[u8]) {
    let path = dir.join("vault.json");
    fs::write(&path, header).unwrap();
    let vault = Vault::open(dir, &key()).unwrap();
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "person");
    drop(vault);
    assert!(Vault::open(dir, &wrong()).is_err());
    assert!(fs::read(&path).unwrap() == header, "a header that does not read was written over");
    if let Ok(unlocked) = slots::unlock_with_recovery(dir, code) {
        assert_eq!(*unlocked.to_text(), *key().to_text());
    }
    drop(slots::list(dir));
    let changed = slots::add_recovery(dir, &wrong(), "", at(3), [3; 32]);
    assert!(changed.is_err() && fs::read(&path).unwrap() == header);
}

#[test]
fn one_flipped_bit_anywhere_is_noticed_and_costs_at_most_a_slot() {
    let home = tempfile::tempdir().unwrap();
    let (dir, [code, _]) = files_of(home.path(), "person", &key());
    let header = fs::read(dir.join("vault.json")).unwrap();
    let is_damaged = || matches!(slots::list(&dir), Err(SlotError::HeaderDamaged));
    assert!(!is_damaged());
    for place in 0..header.len() {
        let mut flipped = header.clone();
        // Every bit of every byte would take minutes; each bit has its turn.
        flipped[place] ^= 1 << (place % 8);
        fs::write(dir.join("vault.json"), &flipped).unwrap();
        assert!(is_damaged(), "byte {place} of {}", String::from_utf8_lossy(&flipped));
        if place % 17 == 0 || flipped[place].is_ascii_digit() && place < 20 {
            stands_up_to(&dir, &code, &flipped);
        }
    }
    for bit in 0..8 {
        let mut flipped = header.clone();
        let format = "{\"format\":".len();
        flipped[format] ^= 1 << bit;
        stands_up_to(&dir, &code, &flipped);
    }
}

#[test]
fn a_flipped_bit_in_a_header_of_format_1_costs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (dir, [code, _]) = files_of(home.path(), "person", &key());
    let header = fs::read(golden_file("v1", "vault.json")).unwrap();
    for place in 0..header.len() {
        let mut flipped = header.clone();
        flipped[place] ^= 1 << (place % 8);
        stands_up_to(&dir, &code, &flipped);
    }
}

#[test]
fn a_header_cut_anywhere_costs_nothing_but_its_slots() {
    let home = tempfile::tempdir().unwrap();
    let (dir, [code, _]) = files_of(home.path(), "person", &key());
    let header = fs::read(dir.join("vault.json")).unwrap();
    for length in (0..header.len()).step_by(13) {
        stands_up_to(&dir, &code, &header[..length]);
    }
    // Larger than any header: it is not even read.
    stands_up_to(&dir, &code, &vec![b' '; 1 << 20]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_garbled_header_costs_nothing_but_its_slots(garbage in proptest::collection::vec(any::<(u16, u8)>(), 1..20)) {
        let home = tempfile::tempdir().unwrap();
        let (dir, [code, _]) = files_of(home.path(), "person", &key());
        let mut header = fs::read(dir.join("vault.json")).unwrap();
        let before = header.clone();
        for (place, byte) in garbage {
            let place = usize::from(place) % header.len();
            header[place] = byte;
        }
        prop_assume!(header != before);
        stands_up_to(&dir, &code, &header);
    }
}

#[test]
fn a_damaged_header_is_told_and_put_aside_only_when_asked() {
    let home = tempfile::tempdir().unwrap();
    let (dir, [code, other]) = files_of(home.path(), "person", &key());
    let mut header = fs::read(dir.join("vault.json")).unwrap();
    let label = header.windows(4).rposition(|window| window == b"safe").unwrap();
    header[label] = b'S';
    fs::write(dir.join("vault.json"), &header).unwrap();
    let vault = Vault::open(&dir, &key()).unwrap();
    assert!(vault.header_damaged());
    // What cryptography vouches for still serves.
    for code in [&code, &other] {
        assert_eq!(*slots::unlock_with_recovery(&dir, code).unwrap().to_text(), *key().to_text());
    }
    let refused = slots::replace_header(&dir, &wrong(), at(5)).unwrap_err();
    assert!(matches!(refused, SlotError::WrongKey));
    slots::replace_header(&dir, &key(), at(5)).unwrap();
    assert!(fs::read(dir.join(format!("vault.json.aside-{}", at(5).millis()))).unwrap() == header);
    drop(vault);
    assert!(!Vault::open(&dir, &key()).unwrap().header_damaged());
    assert!(slots::list(&dir).unwrap().is_empty());
    assert!(matches!(slots::replace_header(&dir, &key(), at(6)), Err(SlotError::NothingToReplace)));
}

#[test]
fn a_header_of_a_newer_format_is_left_alone_by_everything() {
    let home = tempfile::tempdir().unwrap();
    let (dir, [code, _]) = files_of(home.path(), "person", &key());
    for newer in [r#"{"format":3,"anything":[]}"#, r#"{"format":18446744073709551615}"#] {
        fs::write(dir.join("vault.json"), newer).unwrap();
        let before = bytes_of(&dir);
        assert!(matches!(Vault::open(&dir, &key()), Err(OpenError::FromNewerVersion)));
        let refusals = [
            slots::list(&dir).map(drop),
            slots::unlock_with_recovery(&dir, &code).map(drop),
            slots::add_recovery(&dir, &key(), "", at(3), [3; 32]).map(drop),
            slots::replace_header(&dir, &key(), at(3)),
        ];
        for refused in refusals {
            assert!(matches!(refused, Err(SlotError::FromNewerVersion)), "{refused:?}");
        }
        assert!(before == bytes_of(&dir));
    }
}

#[test]
fn another_persons_header_and_another_persons_code_open_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (other_key, other) = (VaultKey::from_bytes([5; 32]), "other");
    let (dir, [code, _]) = files_of(home.path(), "person", &key());
    let (theirs, [their_code, _]) = files_of(home.path(), other, &other_key);
    fs::copy(theirs.join("vault.json"), dir.join("vault.json")).unwrap();
    let before = bytes_of(&dir);
    // The header gives their key, which does not open these files; and ours is not the header's.
    let their_key = slots::unlock_with_recovery(&dir, &their_code).unwrap();
    assert!(matches!(Vault::open(&dir, &their_key), Err(OpenError::LedgerDamaged)));
    assert!(matches!(Vault::open(&dir, &key()), Err(OpenError::ForeignHeader)));
    assert!(matches!(Vault::open(&dir, &wrong()), Err(OpenError::WrongKey)));
    assert!(matches!(slots::unlock_with_recovery(&dir, &code), Err(SlotError::WrongCode)));
    assert!(before == bytes_of(&dir));
}

/// Takes the named members of one slot into another, and makes the checksum fit again.
fn transplant(dir: &Path, members: &[&str], from: &serde_json::Value, into: usize) {
    use sha2::Digest;
    let path = dir.join("vault.json");
    let mut header: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for member in members {
        header["slots"][into][*member] = from[*member].clone();
    }
    header.as_object_mut().unwrap().remove("checksum");
    let mut text = serde_json::to_string(&header).unwrap();
    text.pop();
    let sum = hex::encode(sha2::Sha256::digest(&text));
    fs::write(&path, format!("{text},\"checksum\":\"{sum}\"}}")).unwrap();
}

#[test]
fn what_is_wrapped_for_one_slot_or_person_opens_in_no_other() {
    let home = tempfile::tempdir().unwrap();
    let (dir, [first, second]) = files_of(home.path(), "person", &key());
    let (theirs, _) = files_of(home.path(), "other", &VaultKey::from_bytes([5; 32]));
    let header = fs::read(dir.join("vault.json")).unwrap();
    let slot = |dir: &Path, place: usize| -> serde_json::Value {
        let header: serde_json::Value =
            serde_json::from_slice(&fs::read(dir.join("vault.json")).unwrap()).unwrap();
        header["slots"][place].clone()
    };
    let (ours, others) = (slot(&dir, 1), slot(&theirs, 0));
    let wrapped = ["publicKey", "ephemeral", "sealedKey"];
    for (from, members) in [
        (&ours, &wrapped[..]),
        (&ours, &wrapped[1..]),
        (&others, &wrapped[..]),
        (&others, &wrapped[1..]),
        (&others, &wrapped[2..]),
        (&others, &["id"]),
        (&ours, &["id"]),
    ] {
        fs::write(dir.join("vault.json"), &header).unwrap();
        transplant(&dir, members, from, 0);
        slots::list(&dir).unwrap();
        let refused = slots::unlock_with_recovery(&dir, &first).unwrap_err();
        assert!(
            matches!(refused, SlotError::HeaderDamaged | SlotError::WrongCode),
            "{members:?}: {refused:?}"
        );
        // The slot beside it is not harmed.
        drop(slots::unlock_with_recovery(&dir, &second).unwrap());
    }
}
