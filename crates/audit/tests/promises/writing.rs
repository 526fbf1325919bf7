//! An entry is there if and only if its action is.

use chatehr_audit::{AppendError, Criteria, LogId, ReadError, SCHEMA, append, create, head, search};
use rusqlite::Connection;

use super::support::{LOG, empty, entry, is_sound, log, verified, write};

#[test]
fn an_entry_outside_a_transaction_is_refused() {
    let connection = empty();
    assert!(matches!(append(&connection, &[entry(1)]), Err(AppendError::OutsideTransaction)));
    assert_eq!(head(&connection).unwrap().count, 0);
}

#[test]
fn an_entry_goes_when_its_action_is_rolled_back() {
    let connection = log(2);
    let before = head(&connection).unwrap();
    let tx = connection.unchecked_transaction().unwrap();
    assert_eq!(append(&tx, &[entry(3)]).unwrap().count, 3);
    tx.rollback().unwrap();
    assert_eq!(head(&connection).unwrap(), before);
    assert!(is_sound(&connection));
}

#[test]
fn of_several_entries_none_is_written_when_one_cannot_be() {
    let connection = log(2);
    let mut unfit = entry(4);
    unfit.action = "read it".to_owned();
    let tx = connection.unchecked_transaction().unwrap();
    assert!(matches!(append(&tx, &[entry(3), unfit]), Err(AppendError::Unfit(_))));
    tx.commit().unwrap();
    assert_eq!(head(&connection).unwrap().count, 2);
}

#[test]
fn nothing_is_written_where_no_log_was_begun() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let tx = connection.unchecked_transaction().unwrap();
    assert!(matches!(append(&tx, &[entry(1)]), Err(AppendError::NoLog)));
    assert!(matches!(head(&tx), Err(ReadError::NoLog)));
}

#[test]
fn a_log_begins_once() {
    let connection = empty();
    assert!(create(&connection, LogId([8; 16])).is_err());
    assert!(connection.execute("REPLACE INTO audit_log VALUES (1, zeroblob(16))", []).is_err());
    assert_eq!(head(&connection).unwrap().log_id, LOG);
}

#[test]
fn no_two_logs_begin_alike() {
    assert_ne!(LOG.beginning(), LogId([8; 16]).beginning());
}

#[test]
fn what_was_written_is_what_is_read_whatever_the_batches() {
    let one_by_one = empty();
    for second in 1..=40 {
        write(&one_by_one, [second]);
    }
    let at_once = log(40);
    assert_eq!(head(&one_by_one).unwrap(), head(&at_once).unwrap());
    let mut entries = search(&at_once, &Criteria::default(), None, 100).unwrap();
    entries.reverse();
    for (place, read) in (1..).zip(&entries) {
        assert_eq!((read.seq, &read.said), (place, &entry(place)));
    }
    assert!(entries.windows(2).all(|pair| pair[1].previous_hash == pair[0].hash));
    assert_eq!(entries[39].hash, head(&at_once).unwrap().hash);
}

#[test]
fn an_empty_log_verifies_and_so_does_one_of_many_portions() {
    assert_eq!(verified(&empty(), &[]).unwrap().count, 0);
    let connection = empty();
    for batch in 0..10 {
        write(&connection, batch * 1000 + 1..=batch * 1000 + 1000);
    }
    assert_eq!(verified(&connection, &[]).unwrap().count, 10_000);
}

#[test]
fn debug_shows_neither_persons_nor_reasons() {
    let shown = format!("{:?}", entry(5));
    for hidden in ["person", "patient", "not theirs", "s-1", "desk"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
