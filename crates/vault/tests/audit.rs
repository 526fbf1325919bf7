//! What a person does stands in the log, and the log tells when it was tampered with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;

use chatehr_audit::{
    Anchor, Criteria, Expectations, Format, NewEntry, RememberError, SigningKey, VerifyError, sign_anchor,
};
use chatehr_vault::{AnchorError, Decided, Vault, VerifyAuditError};
use common::{at, c, e, entry, key, outgoing, vault};
use rusqlite::Connection;

fn actions(vault: &Vault) -> Vec<String> {
    let mut found = vault.search_audit(&Criteria::default(), None, 100).unwrap();
    found.reverse();
    found.into_iter().map(|entry| entry.said.action).collect()
}

/// The ledger's file, opened by somebody who has the key.
fn behind_the_back(dir: &std::path::Path) -> Connection {
    let connection = Connection::open(dir.join("ledger.db")).unwrap();
    let key: String = b"golden key of the vault's tests!".iter().map(|byte| format!("{byte:02x}")).collect();
    connection
        .execute_batch(&format!("PRAGMA key = \"x'{key}'\"; PRAGMA cipher_compatibility = 4;"))
        .unwrap();
    connection
}

fn server() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// The server counter-signs the log as it is.
fn anchor(vault: &Vault) -> chatehr_audit::SignedAnchor {
    let device = vault.device().unwrap();
    let anchor = Anchor { device_id: device.id, count: device.head.count, head: device.head.hash };
    sign_anchor(&server(), anchor, at(50))
}

#[test]
fn a_message_and_who_queued_it_are_there_together_or_not_at_all() {
    let (_dir, vault) = vault();
    vault.save_draft(&c("c-1"), "half a sentence", at(0)).unwrap();
    let unfit = NewEntry { action: "Not A Word".to_owned(), ..entry("message.create") };
    assert!(vault.enqueue(&outgoing("e-1", "c-1"), &unfit).is_err());
    assert_eq!(
        vault.outbox(None).unwrap().len(),
        0,
        "an action whose entry cannot be written does not happen"
    );
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "half a sentence");
    assert!(vault.audit_head().unwrap().count == 0);

    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    assert_eq!(vault.requeue(&e("e-1"), &entry("message.retry")).unwrap(), Decided::Done);
    assert_eq!(vault.discard(&e("e-2"), &entry("message.discard")).unwrap(), Decided::Gone);
    assert_eq!(vault.discard(&e("e-1"), &entry("message.discard")).unwrap(), Decided::Done);
    assert_eq!(actions(&vault), ["message.create", "message.retry", "message.discard"]);
    assert_eq!(vault.verify_audit(&Expectations::default()).unwrap().head.count, 3);
}

#[test]
fn an_entry_that_somebody_with_the_key_removes_is_named() {
    let (dir, vault) = vault();
    for _ in 0..5 {
        vault.record(&[entry("consultation.read")]).unwrap();
    }
    drop(vault);
    let dir = dir.path().join("person");
    behind_the_back(&dir)
        .execute_batch(
            "DROP TRIGGER audit_entry_no_delete; DELETE FROM audit_entry WHERE seq = 3;
             CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
WHEN OLD.seq >= (SELECT coalesce(max(first_kept), 1) FROM audit_checkpoint)
BEGIN SELECT RAISE(ABORT, 'an audit entry stays until a checkpoint stands for it'); END;",
        )
        .unwrap();
    let vault = Vault::open(&dir, &key()).unwrap();
    let found = vault.verify_audit(&Expectations::default());
    assert!(matches!(found, Err(VerifyAuditError::Log(VerifyError::Missing { seq: 3 }))), "{found:?}");
}

#[test]
fn an_old_copy_of_the_whole_ledger_is_known_by_what_the_server_has_seen() {
    let (home, vault) = vault();
    let dir = home.path().join("person");
    vault.record(&[entry("session.sign-in")]).unwrap();
    drop(vault);
    let old = fs::read(dir.join("ledger.db")).unwrap();
    let vault = Vault::open(&dir, &key()).unwrap();
    vault.record(&[entry("consultation.accept"), entry("message.create")]).unwrap();
    assert!(vault.know_server(&server().verifying_key().to_bytes()).unwrap());
    let seen = anchor(&vault);
    vault.remember_anchor(&seen).unwrap();
    assert_eq!(vault.device().unwrap().anchored, 3);
    let verified = vault.verify_audit(&Expectations::default()).unwrap();
    assert_eq!(verified.vouched, 3);
    drop(vault);

    fs::write(dir.join("ledger.db"), old).unwrap();
    let vault = Vault::open(&dir, &key()).unwrap();
    // By itself the old copy is perfect.
    assert_eq!(vault.verify_audit(&Expectations::default()).unwrap().head.count, 1);
    let keys = [server().verifying_key()];
    let expected = Expectations { anchor_keys: &keys, anchors: &[seen], ..Expectations::default() };
    let found = vault.verify_audit(&expected);
    assert!(
        matches!(found, Err(VerifyAuditError::Log(VerifyError::CutOff { seq: 2, known: 3 }))),
        "{found:?}"
    );
}

#[test]
fn a_head_that_the_log_never_had_and_a_signature_of_another_are_refused() {
    let (_dir, vault) = vault();
    vault.record(&[entry("consultation.read")]).unwrap();
    let ours = anchor(&vault);
    let refused = |signed| match vault.remember_anchor(signed) {
        Err(AnchorError::Anchor(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(refused(&ours), RememberError::Unsigned), "nobody's key is known yet");
    assert!(vault.know_server(&server().verifying_key().to_bytes()).unwrap());
    assert!(!vault.know_server(&[8; 32]).unwrap(), "another key takes nobody's place");
    let mut other = ours.clone();
    other.anchor.head.0[0] ^= 1;
    let other = sign_anchor(&server(), other.anchor, at(1));
    assert!(matches!(refused(&other), RememberError::NotOurs));
    vault.remember_anchor(&ours).unwrap();
}

#[test]
fn what_is_past_its_time_goes_leaves_a_signed_checkpoint_and_is_on_record() {
    let (_dir, vault) = vault();
    let on = |day: i64| NewEntry { at: at(day * 86_400), ..entry("consultation.read") };
    vault.record(&(0..10).map(on).collect::<Vec<_>>()).unwrap();
    let pruning = NewEntry { at: at(20 * 86_400), ..entry("audit.prune") };
    assert_eq!(vault.prune_audit(at(0), &pruning, [1; 32]).unwrap(), None);
    assert_eq!(vault.audit_head().unwrap().count, 10, "nothing went, so nothing is on record");
    let checkpoint = vault.prune_audit(at(4 * 86_400), &pruning, [1; 32]).unwrap().unwrap();
    assert_eq!((checkpoint.removed, checkpoint.first_kept), (4, 5));
    // Later seeds are not used: the key that signed once signs always.
    vault.prune_audit(at(6 * 86_400), &pruning, [2; 32]).unwrap().unwrap();
    let verified = vault.verify_audit(&Expectations::default()).unwrap();
    assert_eq!((verified.first, verified.head.count), (7, 12));
    let last = &vault.search_audit(&Criteria::default(), None, 1).unwrap()[0].said;
    assert_eq!(
        (last.action.as_str(), last.objects.as_slice()),
        ("audit.prune", &["2 entries".to_owned()][..])
    );
}

#[test]
fn an_export_has_every_entry_that_was_asked_for() {
    let (_dir, vault) = vault();
    vault.record(&[entry("consultation.read"), entry("message.create"), entry("consultation.read")]).unwrap();
    let mut lines = Vec::new();
    let criteria = Criteria { action: Some("consultation.read"), ..Criteria::default() };
    assert_eq!(vault.export_audit(&criteria, Format::JsonLines, &mut lines).unwrap(), 2);
    assert_eq!(String::from_utf8(lines).unwrap().lines().count(), 2);
}

#[test]
fn entries_are_written_while_somebody_verifies_the_log() {
    let (_dir, vault) = vault();
    vault.record(&vec![entry("consultation.read"); 20_000]).unwrap();
    std::thread::scope(|scope| {
        let verifying = scope.spawn(|| {
            for _ in 0..5 {
                vault.verify_audit(&Expectations::default()).unwrap();
            }
        });
        while !verifying.is_finished() {
            vault.record(&[entry("message.create")]).unwrap();
        }
    });
    vault.verify_audit(&Expectations::default()).unwrap();
}

/// Makes the files say that they had a step more than this program knows.
fn from_the_future(dir: &std::path::Path, opens_from: i64) {
    let ledger = behind_the_back(dir);
    ledger.execute("UPDATE compatibility SET opens_from = ?1", [opens_from]).unwrap();
    ledger.execute_batch("CREATE TABLE new_in_the_next (x) STRICT; PRAGMA user_version = 99").unwrap_err();
    ledger.execute_batch("CREATE TABLE new_in_the_next (x TEXT) STRICT; PRAGMA user_version = 99").unwrap();
}

#[test]
fn a_newer_programs_file_opens_where_it_says_so_and_only_there() {
    let (home, vault) = vault();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    drop(vault);
    let dir = home.path().join("person");
    from_the_future(&dir, 3);
    let vault = Vault::open(&dir, &key()).unwrap();
    vault.enqueue(&outgoing("e-2", "c-1"), &entry("message.create")).unwrap();
    assert_eq!(vault.outbox(None).unwrap().len(), 2);
    drop(vault);
    let version: i64 = behind_the_back(&dir).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99, "the newer program's steps stay as they are");
    behind_the_back(&dir).execute("UPDATE compatibility SET opens_from = 99", []).unwrap();
    let before = common::bytes_of(&dir);
    assert!(matches!(Vault::open(&dir, &key()), Err(chatehr_vault::OpenError::FromNewerVersion)));
    assert_eq!(common::bytes_of(&dir), before);
}
