//! What is let go leaves a signed checkpoint, and what remains still verifies.

use chatehr_audit::{
    Checkpoint, Expectations, PruneError, SigningKey, VerifyError, head, prune, remember_anchor, verify,
};
use chatehr_contract::Timestamp;
use rusqlite::Connection;

use super::support::{anchor, at, empty, entry, found, is_sound, key, keys, log, unguarded, verified, write};

fn pruned(connection: &Connection, before: Timestamp) -> Result<Option<Checkpoint>, PruneError> {
    let keys = keys();
    let expected = Expectations { checkpoint_keys: &keys, anchor_keys: &keys, ..Expectations::default() };
    let tx = connection.unchecked_transaction().unwrap();
    let checkpoint = prune(&tx, before, &key(), at(99), &expected)?;
    tx.commit().unwrap();
    Ok(checkpoint)
}

fn entries(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM audit_entry", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_oldest_go_and_the_rest_verifies_and_grows() {
    let connection = log(20);
    let before = head(&connection).unwrap();
    let checkpoint = pruned(&connection, at(8)).unwrap().unwrap();
    assert_eq!((checkpoint.first_kept, checkpoint.removed, checkpoint.at), (8, 7, at(99)));
    assert_eq!(entries(&connection), 13);
    assert_eq!(verified(&connection, &[anchor(&before)]).unwrap(), before);
    write(&connection, 21..=25);
    let again = pruned(&connection, at(12)).unwrap().unwrap();
    assert_eq!((again.first_kept, again.removed), (12, 4));
    assert_eq!(verified(&connection, &[anchor(&before)]).unwrap().count, 25);
    let keys = keys();
    let expected = Expectations { checkpoint_keys: &keys, ..Expectations::default() };
    assert_eq!(verify(&connection, &expected).unwrap().first, 12);
}

#[test]
fn nothing_is_let_go_when_nothing_is_old() {
    let connection = log(5);
    assert_eq!(pruned(&connection, at(1)).unwrap(), None);
    assert_eq!(pruned(&empty(), at(1)).unwrap(), None);
    assert_eq!(entries(&connection), 5);
}

#[test]
fn all_may_go_and_the_log_goes_on() {
    let connection = log(5);
    let before = head(&connection).unwrap();
    assert_eq!(pruned(&connection, at(50)).unwrap().unwrap().first_kept, 6);
    assert_eq!(head(&connection).unwrap(), before);
    assert!(is_sound(&connection));
    assert_eq!(pruned(&connection, at(50)).unwrap(), None);
    assert_eq!(write(&connection, 6..=7).count, 7);
    assert_eq!(verified(&connection, &[anchor(&before)]).unwrap().count, 7);
}

#[test]
fn an_old_entry_behind_a_young_one_stays() {
    let connection = empty();
    write(&connection, [1, 2, 9, 3, 4]);
    let checkpoint = pruned(&connection, at(5)).unwrap().unwrap();
    assert_eq!((checkpoint.first_kept, entries(&connection)), (3, 3));
}

#[test]
fn an_anchor_from_before_the_checkpoint_still_lets_the_rest_verify() {
    let connection = log(3);
    let early = anchor(&head(&connection).unwrap());
    remember_anchor(&connection, &early, &keys()).unwrap();
    write(&connection, 4..=9);
    pruned(&connection, at(6)).unwrap().unwrap();
    assert_eq!(verified(&connection, &[early]).unwrap().count, 9);
}

#[test]
fn what_is_let_go_and_its_checkpoint_come_in_one_transaction() {
    let connection = log(5);
    let keys = keys();
    let expected = Expectations { checkpoint_keys: &keys, ..Expectations::default() };
    let outside = prune(&connection, at(3), &key(), at(9), &expected);
    assert!(matches!(outside, Err(PruneError::OutsideTransaction)));
    let tx = connection.unchecked_transaction().unwrap();
    let stranger = prune(&tx, at(3), &SigningKey::from_bytes(&[1; 32]), at(9), &expected);
    assert!(matches!(stranger, Err(PruneError::OtherKey)));
    prune(&tx, at(3), &key(), at(9), &expected).unwrap();
    tx.rollback().unwrap();
    assert_eq!(entries(&connection), 5);
    assert!(is_sound(&connection));
}

#[test]
fn nothing_is_let_go_from_a_log_that_does_not_verify() {
    let connection = log(9);
    unguarded(&connection);
    connection.execute("UPDATE audit_entry SET sealed = x'00' WHERE seq = 2", []).unwrap();
    let refused = pruned(&connection, at(5)).unwrap_err();
    assert!(matches!(refused, PruneError::Unsound(VerifyError::Altered { seq: 2 })));
    assert_eq!(entries(&connection), 9);
}

#[test]
fn only_entries_that_a_checkpoint_stands_for_can_be_deleted() {
    let connection = log(9);
    pruned(&connection, at(4)).unwrap().unwrap();
    // Entries that come back get no second life either.
    assert!(connection.execute("DELETE FROM audit_entry WHERE seq >= 4", []).is_err());
    assert_eq!(entries(&connection), 6);
}

#[test]
fn a_checkpoint_that_nobody_signed_does_not_hold() {
    let connection = log(9);
    connection
        .execute(
            "INSERT INTO audit_checkpoint SELECT 5, hash, 4, 0, zeroblob(64) FROM audit_entry WHERE seq = 4",
            [],
        )
        .unwrap();
    connection.execute("DELETE FROM audit_entry WHERE seq < 5", []).unwrap();
    assert!(matches!(found(&connection, &[]).0, VerifyError::CheckpointRefused { first_kept: 5 }));
}

#[test]
fn every_part_of_a_checkpoint_counts() {
    for change in [
        "UPDATE audit_checkpoint SET first_kept = 5 WHERE first_kept = 6",
        "UPDATE audit_checkpoint SET first_kept = 7 WHERE first_kept = 6",
        "UPDATE audit_checkpoint SET hash_before = zeroblob(32) WHERE first_kept = 4",
        "UPDATE audit_checkpoint SET hash_before = zeroblob(32) WHERE first_kept = 6",
        "UPDATE audit_checkpoint SET removed = removed + 1 WHERE first_kept = 6",
        "UPDATE audit_checkpoint SET at = 0 WHERE first_kept = 4",
        "UPDATE audit_checkpoint SET signature = zeroblob(64) WHERE first_kept = 6",
        "DELETE FROM audit_checkpoint WHERE first_kept = 4",
        "DELETE FROM audit_checkpoint WHERE first_kept = 6",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_log SET log_id = zeroblob(16)",
    ] {
        let connection = log(9);
        pruned(&connection, at(4)).unwrap().unwrap();
        pruned(&connection, at(6)).unwrap().unwrap();
        assert!(is_sound(&connection));
        unguarded(&connection);
        assert_eq!(connection.execute(change, []).unwrap().min(1), 1);
        assert!(verified(&connection, &[]).is_err(), "{change}");
    }
}

#[test]
fn an_entry_that_was_let_go_and_is_back_is_named() {
    let connection = log(9);
    let third: (Vec<u8>, Vec<u8>) = connection
        .query_row("SELECT sealed, hash FROM audit_entry WHERE seq = 3", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    pruned(&connection, at(4)).unwrap().unwrap();
    unguarded(&connection);
    connection
        .execute("INSERT INTO audit_entry (seq, sealed, hash) VALUES (3, ?1, ?2)", [third.0, third.1])
        .unwrap();
    assert!(matches!(found(&connection, &[]), (VerifyError::Returned { seq: 3 }, Some(3))));
    assert_eq!(entry(3), entry(3));
}
