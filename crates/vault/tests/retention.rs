//! What is closed goes when its time is over; what is unread or unsent stays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use chatehr_contract::{Consultation, ConsultationStatus, DialogWords, DraftOf, PersonId};
use chatehr_vault::{CacheChange, Forgotten, Vault};
use common::{appointment, at, bytes_of, c, entry, me, message, mine, opened, outgoing, patient, vault};

fn closed(id: &str, seconds: i64) -> Consultation {
    Consultation { updated_at: at(seconds), ..mine(id, ConsultationStatus::Completed) }
}

fn of(patient: &str, consultation: Consultation) -> Consultation {
    Consultation { patient_id: PersonId::new(patient), ..consultation }
}

fn filled() -> (tempfile::TempDir, Vault) {
    let (dir, vault) = vault();
    vault
        .apply(&[
            CacheChange::Consultation(of("patient-2", closed("old", 10))),
            CacheChange::Consultation(closed("old-unread", 10)),
            CacheChange::Consultation(closed("old-unsent", 10)),
            CacheChange::Consultation(closed("old-draft", 10)),
            CacheChange::Consultation(closed("young", 1000)),
            CacheChange::Consultation(Consultation {
                updated_at: at(10),
                ..mine("old-open", ConsultationStatus::InProgress)
            }),
            CacheChange::Patient(patient("patient-1", "Szymańska")),
            CacheChange::Patient(patient("patient-2", "Goneson")),
            opened(message("m-1", "old", 1), "goneword one"),
            opened(message("m-2", "old", 2), "goneword two"),
            opened(message("m-3", "old-unread", 3), "stays"),
            CacheChange::Appointment(appointment("a-old", 20)),
            CacheChange::Appointment(appointment("a-young", 2000)),
        ])
        .unwrap();
    vault.mark_read(&c("old"), at(5)).unwrap();
    vault.enqueue(&outgoing("e-1", "old-unsent"), &entry("message.create")).unwrap();
    vault.save_draft(&c("old-draft"), "half a sentence", at(1)).unwrap();
    vault.save_draft_of(&c("old"), DraftOf::Complete, "canary-note", at(1)).unwrap();
    vault.save_draft_of(&c("young"), DraftOf::Complete, "well again", at(1000)).unwrap();
    (dir, vault)
}

#[test]
fn what_is_closed_and_old_goes_and_what_is_unread_unsent_or_open_stays() {
    let (_dir, vault) = filled();
    let gone = vault.forget_closed(at(500), &me()).unwrap();
    assert_eq!(gone, Forgotten { consultations: 1, messages: 2, appointments: 1, patients: 1 });
    let all = ["old", "old-unread", "old-unsent", "old-draft", "young", "old-open"].map(c);
    let held = vault.held(&all).unwrap();
    assert_eq!(all.iter().filter(|id| !held.contains(id)).collect::<Vec<_>>(), [&c("old")]);
    assert_eq!(vault.dialog_words(&c("old")).unwrap(), DialogWords::default());
    assert_eq!(vault.dialog_words(&c("young")).unwrap().complete, "well again");
    assert_eq!(vault.draft(&c("old-draft")).unwrap(), "half a sentence");
    assert!(
        vault.search("goneword", 9).unwrap().is_empty() && vault.search("goneson", 9).unwrap().is_empty()
    );
    assert_eq!(vault.search("stays", 9).unwrap().len(), 1);
    assert_eq!(vault.appointments(at(0), at(9999)).unwrap().len(), 1);
    vault.check().unwrap();
    assert!(vault.forget_closed(at(500), &me()).unwrap().is_nothing(), "a second time there is nothing left");
    // Once it is read, it may go.
    vault.mark_read(&c("old-unread"), at(5)).unwrap();
    assert_eq!(vault.forget_closed(at(500), &me()).unwrap().consultations, 1);
}

#[test]
fn what_went_is_in_no_page_of_the_file_and_its_log_is_empty() {
    let (dir, vault) = filled();
    vault.forget_closed(at(500), &me()).unwrap();
    let dir = dir.path().join("person");
    let log = std::fs::metadata(dir.join("cache.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0);
    drop(vault);
    // Even to one who has the key: the pages are read as they are, without asking any table.
    let clear = decrypted(&bytes_of(&dir)["cache.db"]);
    let has = |word: &[u8]| clear.windows(word.len()).any(|window| window == word);
    assert!(has(b"stays"), "the test looks in the right place");
    assert!(!has(b"goneword") && !has(b"goneson") && !has(b"Goneson"));
}

/// Every page of a file, by SQLCipher 4's own form: AES-256-CBC, 16 bytes of IV and 64 of HMAC at the page's end, and
/// the salt in the clear at the beginning of the first.
fn decrypted(file: &[u8]) -> Vec<u8> {
    let mut clear = Vec::new();
    for (n, page) in file.chunks(4096).enumerate() {
        let content = &page[if n == 0 { 16 } else { 0 }..4096 - 80];
        let iv: [u8; 16] = page[4096 - 80..4096 - 64].try_into().unwrap();
        let cipher =
            cbc::Decryptor::<aes::Aes256>::new(b"golden key of the vault's tests!".into(), &iv.into());
        clear.extend(cipher.decrypt_padded_vec::<NoPadding>(content).unwrap());
    }
    clear
}

#[test]
fn a_thousand_old_consultations_go_in_one_call() {
    let (_dir, vault) = vault();
    let many: Vec<_> =
        (0..1000).map(|n| CacheChange::Consultation(closed(&format!("c-{n:04}"), n))).collect();
    vault.apply(&many).unwrap();
    assert_eq!(vault.forget_closed(at(900), &me()).unwrap().consultations, 900);
}
