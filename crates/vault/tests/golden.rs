//! Files of every released format open in this program, with everything in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chatehr_audit::{Criteria, Expectations};
use chatehr_contract::{ConsultationStatus, ErrorCode, MessageId, PersonId};
use chatehr_vault::{
    NewOutboxRow, OutboxKind, OutboxState, Vault,
    backup::restore,
    salvage,
    slots::{self, Passphrase, RecoveryCode, Secret, SlotKind},
};
use common::{
    appointment, at, c, doubt, entry, golden_file, key, message, mine, outgoing, patient, physician,
};

/// Copies the files of a released format to where they may be changed.
fn copied(version: &str, home: &Path) -> PathBuf {
    let dir = home.join("person");
    fs::create_dir(&dir).unwrap();
    for name in ["cache.db", "ledger.db", "vault.json"] {
        fs::copy(golden_file(version, name), dir.join(name)).unwrap();
    }
    dir
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple")
}

fn code() -> RecoveryCode {
    RecoveryCode::parse(CODE).unwrap()
}

/// Of the golden files from format 2 on.
const CODE: &str = "RAAE2-5SCBA-EXW7C-G2NWM-62V4E-RRS11-2GTCH-VCVKQ";

/// Of the golden ledger of format 3.
const LOG_OF_VERSION_3: &str = "86f51c5ec6e186432b63eff6b585c111";
const DEVICE_OF_VERSION_3: &str = "e47c0c0832469bb11f9279be6c6ebfa7";

#[test]
fn files_of_version_1_open_with_everything_in_them() {
    let home = tempfile::tempdir().unwrap();
    holds_everything(&Vault::open(&copied("v1", home.path()), &key()).unwrap());
}

#[test]
fn files_of_version_2_open_by_each_slot_with_everything_in_them() {
    let home = tempfile::tempdir().unwrap();
    let dir = copied("v2", home.path());
    let by_code = slots::unlock_with_recovery(&dir, &code()).unwrap();
    let by_passphrase = slots::unlock_with_passphrase(&dir, &passphrase()).unwrap();
    for unlocked in [by_code, by_passphrase] {
        let vault = Vault::open(&dir, &unlocked).unwrap();
        assert!(!vault.header_damaged());
        holds_everything(&vault);
    }
    let kinds: Vec<_> = slots::list(&dir).unwrap().into_iter().map(|slot| slot.kind).collect();
    assert_eq!(kinds, [SlotKind::Keyring, SlotKind::Passphrase, SlotKind::Recovery]);
}

#[test]
fn files_of_version_3_open_with_their_audit_log() {
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::open(&copied("v3", home.path()), &key()).unwrap();
    holds_everything(&vault);
    let verified = vault.verify_audit(&Expectations::default()).unwrap();
    assert_eq!((verified.head.count, verified.head.log_id.to_string().as_str()), (2, LOG_OF_VERSION_3));
    assert_eq!(vault.device().unwrap().id, DEVICE_OF_VERSION_3);
    assert_eq!(vault.device().unwrap().server_key, Some([9; 32]));
    let entries = vault.search_audit(&Criteria::default(), None, 9).unwrap();
    assert_eq!(entries[1].said, entry("session.sign-in"));
}

#[test]
fn a_backup_of_version_1_is_restored_with_everything_in_it() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    let key = restore(&golden_file("backup-1", "backup.tar"), &dir, Secret::Recovery(&code())).unwrap();
    holds_everything(&Vault::open(&dir, &key).unwrap());
}

#[test]
fn files_of_version_4_open_with_steps_doubts_words_being_changed_and_receipts() {
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::open(&copied("v4", home.path()), &key()).unwrap();
    holds_everything(&vault);
    let rows: Vec<_> = vault.outbox(None).unwrap().into_iter().skip(2).collect();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.envelope_id.as_str(), row.kind, row.text.as_str(), row.in_doubt, row.edit.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("e-3", OutboxKind::Start, "", true, None),
            ("e-4", OutboxKind::Complete, "Come back if it lasts.", false, None),
            ("e-5", OutboxKind::Message, "words of e-5", false, Some("words being changed")),
        ]
    );
    let detail = Some("Dr Lindqvist has it".to_owned());
    assert_eq!(rows[1].state, OutboxState::Stuck { code: ErrorCode::Conflict, detail });
    assert_eq!(vault.receipts_owed().unwrap(), [(c("c-2"), MessageId::new("m-9"))]);
}

#[test]
fn files_of_version_5_open_with_what_is_in_doubt_and_which_version_a_step_was_decided_on() {
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::open(&copied("v5", home.path()), &key()).unwrap();
    holds_everything(&vault);
    assert_eq!(vault.doubts().unwrap(), [doubt("e-7", "c-1"), doubt("e-8", "c-2")]);
    let seen: Vec<_> = vault.outbox(None).unwrap().into_iter().map(|row| row.seen).collect();
    assert_eq!(seen, [None, None, None, None, None, Some(7)]);
}

#[test]
fn what_waits_in_a_ledger_of_before_is_saved_from_it_as_well() {
    for version in ["v1", "v3", "v4", "v5"] {
        let home = tempfile::tempdir().unwrap();
        let (dir, into) = (copied(version, home.path()), home.path().join("saved"));
        let before = Vault::open(&copied_again(&dir, home.path()), &key()).unwrap();
        let saved = salvage(&dir, &key(), &into, &entry("records.salvage"), &mut Vec::new()).unwrap();
        assert!(saved.outbox.whole);
        let there = Vault::open(&into, &key()).unwrap();
        assert_eq!(there.outbox(None).unwrap(), before.outbox(None).unwrap(), "{version}");
        assert_eq!(there.doubts().unwrap(), before.doubts().unwrap(), "{version}");
    }
}

/// The same files once more, because opening them brings them to the present format.
fn copied_again(dir: &Path, home: &Path) -> PathBuf {
    let again = home.join("again");
    fs::create_dir(&again).unwrap();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        fs::copy(entry.path(), again.join(entry.file_name())).unwrap();
    }
    again
}

fn holds_everything(vault: &Vault) {
    let consultation = mine("c-1", ConsultationStatus::InProgress);
    assert_eq!(vault.consultation(&c("c-1")).unwrap().unwrap(), consultation);
    let (messages, _) = vault.messages(&c("c-1"), 9).unwrap();
    let texts: Vec<_> = messages.iter().map(|message| message.text.as_deref()).collect();
    assert_eq!(texts, [Some("Zażółć gęślą jaźń"), None]);
    assert_eq!(vault.messages_without_text(&c("c-1")).unwrap(), [message("m-2", "c-1", 2)]);
    assert_eq!(vault.appointments(at(0), at(100)).unwrap(), [appointment("a-1", 60)]);
    assert_eq!(
        vault.patient(&PersonId::new("patient-1")).unwrap().unwrap(),
        patient("patient-1", "Szymańska")
    );
    assert_eq!(vault.physician(&PersonId::new("physician-1")).unwrap().unwrap(), physician("physician-1"));
    assert_eq!(*vault.message_key(&c("c-1")).unwrap().unwrap().key, [7; 32]);
    assert_eq!(vault.last_event().unwrap().as_deref(), Some("41"));
    assert_eq!(vault.synced_at().unwrap(), Some(at(99)));
    assert_eq!(vault.search("gesla", 9).unwrap().len(), 1);

    let outbox = vault.outbox(None).unwrap();
    let states: Vec<_> = outbox
        .iter()
        .map(|row| (row.envelope_id.as_str(), row.state.clone(), row.in_doubt))
        .take(2)
        .collect();
    let forbidden = OutboxState::Stuck { code: ErrorCode::Forbidden, detail: None };
    assert_eq!(states, [("e-1", OutboxState::Queued, true), ("e-2", forbidden, false)]);
    assert!(outbox[..2].iter().all(|row| row.kind == OutboxKind::Message && row.edit.is_none()));
    assert_eq!((outbox[0].sealed.as_deref(), outbox[0].attempts), (Some("sealed bytes"), 1));
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "half a sentence");
    assert_eq!(vault.read_mark(&c("c-1")).unwrap(), Some(at(1)));
    vault.check().unwrap();
}

/// Makes the files of the present formats. Run it once when a format is released, and never again for that format:
/// `cargo test -p chatehr-vault --test golden -- --ignored`
#[test]
#[ignore = "writes the golden files"]
fn write_the_golden_files() {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v5");
    assert!(!place.exists(), "released formats are not rewritten");
    let home = tempfile::tempdir().unwrap();
    let dir = copied("v4", home.path());
    // Format 5 knows what is in doubt, and which version somebody saw.
    let vault = Vault::open(&dir, &key()).unwrap();
    let step = NewOutboxRow { kind: OutboxKind::Start, seen: Some(7), ..outgoing("e-6", "c-3") };
    vault.enqueue(&step, &entry("consultation.start")).unwrap();
    for doubt in [doubt("e-7", "c-1"), doubt("e-8", "c-2")] {
        vault.begin_asking(&doubt, &entry("consultation.decline.ask")).unwrap();
    }
    drop(vault);
    fs::create_dir(&place).unwrap();
    for name in ["cache.db", "ledger.db", "vault.json"] {
        fs::copy(dir.join(name), golden_file("v5", name)).unwrap();
    }
}
