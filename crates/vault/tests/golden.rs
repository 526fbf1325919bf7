//! Files of every released format open in this program, with everything in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::{fs, path::PathBuf};

use chatehr_contract::{ConsultationStatus, ErrorCode, PersonId};
use chatehr_vault::{CacheChange, OutboxState, Vault};
use common::{appointment, at, c, e, key, message, mine, opened, outgoing, patient, physician, sealed};

fn golden(version: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version)
}

#[test]
fn files_of_version_1_open_with_everything_in_them() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    fs::create_dir(&dir).unwrap();
    for name in ["cache.db", "ledger.db", "vault.json"] {
        fs::copy(golden("v1").join(name), dir.join(name)).unwrap();
    }
    let vault = Vault::open(&dir, &key()).unwrap();

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
    let states: Vec<_> = outbox.iter().map(|row| (row.envelope_id.as_str(), row.state)).collect();
    assert_eq!(
        states,
        [("e-1", OutboxState::Queued), ("e-2", OutboxState::Stuck { code: ErrorCode::Forbidden })]
    );
    assert_eq!((outbox[0].sealed.as_deref(), outbox[0].attempts), (Some("sealed bytes"), 1));
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "half a sentence");
    assert_eq!(vault.read_mark(&c("c-1")).unwrap(), Some(at(1)));
    vault.check().unwrap();
}

/// Makes the files of the present format. Run it once when a format is released, and never again for that format:
/// `cargo test -p chatehr-vault --test golden -- --ignored`
#[test]
#[ignore = "writes the golden files"]
fn write_the_golden_files() {
    let dir = golden("v1");
    assert!(!dir.exists(), "released formats are not rewritten");
    let vault = Vault::open(&dir, &key()).unwrap();
    vault
        .apply(&[
            CacheChange::Consultation(mine("c-1", ConsultationStatus::InProgress)),
            opened(message("m-1", "c-1", 1), "Zażółć gęślą jaźń"),
            sealed(message("m-2", "c-1", 2)),
            CacheChange::Appointment(appointment("a-1", 60)),
            CacheChange::Patient(patient("patient-1", "Szymańska")),
            CacheChange::Physicians(vec![physician("physician-1")]),
            CacheChange::MessageKey { consultation: c("c-1"), kid: "k1".to_owned(), key: [7; 32] },
            CacheChange::LastEvent(Some("41".to_owned())),
            CacheChange::SyncedAt(at(99)),
        ])
        .unwrap();
    vault.enqueue(&outgoing("e-1", "c-1")).unwrap();
    vault.begin_attempt(&e("e-1"), "sealed bytes", at(1)).unwrap();
    vault.enqueue(&outgoing("e-2", "c-2")).unwrap();
    vault.stick(&e("e-2"), ErrorCode::Forbidden).unwrap();
    vault.save_draft(&c("c-1"), "half a sentence", at(2)).unwrap();
    vault.mark_read(&c("c-1"), at(1)).unwrap();
}
