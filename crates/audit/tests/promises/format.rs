//! A file of format 1 is read for ever.

use std::{fs, path::PathBuf};

use chatehr_audit::{
    Criteria, Expectations, Format, SCHEMA, create, export, head, keep_anchor, kept_anchor, prune,
    remember_anchor, remembered_anchor,
};
use rusqlite::Connection;

use super::support::{LOG, anchor, at, is_sound, key, keys, verified, write};

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format_1.db")
}

/// Everything that a log can hold.
fn make(connection: &Connection) {
    connection.execute_batch(SCHEMA).unwrap();
    create(connection, LOG).unwrap();
    let signed = anchor(&write(connection, 1..=9));
    remember_anchor(connection, &signed, &keys()).unwrap();
    keep_anchor(connection, &signed.anchor, at(10), &key()).unwrap();
    let keys = keys();
    let expected = Expectations { checkpoint_keys: &keys, anchor_keys: &keys, ..Expectations::default() };
    let tx = connection.unchecked_transaction().unwrap();
    prune(&tx, at(4), &key(), at(11), &expected).unwrap().unwrap();
    tx.commit().unwrap();
    write(connection, 12..=20);
}

fn lines(connection: &Connection) -> String {
    let mut out = Vec::new();
    export(connection, &Criteria::default(), Format::JsonLines, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// `cargo test -p chatehr-audit -- --ignored`: for a new format, never for an old one.
#[test]
#[ignore = "writes the golden file"]
fn the_golden_file_is_written() {
    assert!(!golden().exists(), "a golden file is never written over");
    let connection = Connection::open(golden()).unwrap();
    make(&connection);
    connection.execute_batch("VACUUM").unwrap();
}

#[test]
fn a_file_of_format_1_verifies_reads_and_grows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    fs::copy(golden(), &file).unwrap();
    let connection = Connection::open(&file).unwrap();
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    assert!(is_sound(&connection));
    insta::assert_snapshot!("format_1", lines(&connection));

    // Written today, it is the same.
    let today = Connection::open_in_memory().unwrap();
    make(&today);
    assert_eq!(lines(&connection), lines(&today));
    assert_eq!(remembered_anchor(&connection).unwrap(), remembered_anchor(&today).unwrap());
    assert_eq!(kept_anchor(&connection, "desk-2").unwrap(), kept_anchor(&today, "desk-2").unwrap());

    assert_eq!(write(&connection, 21..=30).count, head(&connection).unwrap().count);
    assert_eq!(verified(&connection, &[]).unwrap().count, 28);
}

#[test]
fn a_log_lives_in_an_encrypted_file_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let open = || {
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "key", "secret").unwrap();
        connection
    };
    make(&open());
    assert!(is_sound(&open()));
    assert!(!fs::read(&file).unwrap().windows(6).any(|bytes| bytes == b"person"));
}
