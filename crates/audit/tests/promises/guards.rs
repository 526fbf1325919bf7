//! A program that goes about it in the ordinary way cannot change what was written.

use chatehr_audit::{SCHEMA, VerifyError, head, keep_anchor, prune, remember_anchor};
use rusqlite::Connection;

use super::support::{anchor, at, found, is_sound, key, keys, log, verified};

/// A log with a row in every table.
fn full() -> Connection {
    let connection = log(9);
    let signed = anchor(&head(&connection).unwrap());
    remember_anchor(&connection, &signed, &keys()).unwrap();
    keep_anchor(&connection, &signed.anchor, at(0), &key()).unwrap();
    let keys = keys();
    let expected =
        chatehr_audit::Expectations { checkpoint_keys: &keys, anchor_keys: &keys, ..Default::default() };
    let tx = connection.unchecked_transaction().unwrap();
    prune(&tx, at(4), &key(), at(20), &expected).unwrap().unwrap();
    tx.commit().unwrap();
    connection
}

#[test]
fn update_delete_and_replace_are_refused() {
    let connection = full();
    for statement in [
        "UPDATE audit_entry SET sealed = sealed",
        "UPDATE audit_entry SET hash = zeroblob(32) WHERE seq = 5",
        "UPDATE audit_entry SET seq = 100 WHERE seq = 9",
        "UPDATE OR REPLACE audit_entry SET seq = 6 WHERE seq = 5",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_entry WHERE seq = 4",
        "DELETE FROM audit_entry WHERE seq = 9",
        "REPLACE INTO audit_entry (seq, sealed, hash) SELECT seq, sealed, hash FROM audit_entry WHERE seq = 9",
        "INSERT INTO audit_entry (seq, sealed, hash) VALUES (11, x'00', zeroblob(32))",
        "INSERT INTO audit_entry (seq, sealed, hash) VALUES (3, x'00', zeroblob(32))",
        "INSERT INTO audit_entry (sealed, hash) VALUES (x'00', zeroblob(32))",
        "INSERT INTO audit_entry (seq, sealed, hash) VALUES (10, x'00', zeroblob(31))",
        "INSERT INTO audit_entry (seq, sealed, hash) VALUES (9, x'00', zeroblob(32))
             ON CONFLICT DO UPDATE SET sealed = excluded.sealed",
        "UPDATE audit_log SET log_id = zeroblob(16)",
        "DELETE FROM audit_log",
        "REPLACE INTO audit_log VALUES (1, zeroblob(16))",
        "UPDATE audit_checkpoint SET first_kept = 8",
        "DELETE FROM audit_checkpoint",
        "REPLACE INTO audit_checkpoint SELECT * FROM audit_checkpoint",
        "INSERT INTO audit_checkpoint SELECT 3, hash_before, 1, at, signature FROM audit_checkpoint",
        "INSERT INTO audit_checkpoint SELECT 8, hash_before, 1, at, signature FROM audit_checkpoint",
        "INSERT INTO audit_checkpoint SELECT 99, hash_before, 1, at, signature FROM audit_checkpoint",
        "UPDATE audit_anchor SET count = 8",
        "UPDATE audit_anchor SET head = zeroblob(32)",
        "UPDATE audit_anchor SET device_id = 'desk-3'",
        "DELETE FROM audit_anchor",
        "REPLACE INTO audit_anchor SELECT * FROM audit_anchor",
        "UPDATE audit_remembered SET count = 8",
        "UPDATE audit_remembered SET head = zeroblob(32)",
        "DELETE FROM audit_remembered",
        "REPLACE INTO audit_remembered SELECT * FROM audit_remembered",
    ] {
        assert!(connection.execute(statement, []).is_err(), "{statement}");
        assert!(is_sound(&connection), "{statement}");
    }
}

#[test]
fn every_table_is_strict() {
    let lax: i64 = full()
        .query_row(
            "SELECT count(*) FROM pragma_table_list WHERE name LIKE 'audit_%' AND type = 'table' AND NOT strict",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(lax, 0);
}

#[test]
fn tables_that_are_not_as_they_were_made_are_found() {
    for change in [
        "DROP TRIGGER audit_entry_no_delete",
        "DROP TRIGGER audit_remembered_forward",
        "DROP INDEX audit_entry_patient",
        "DROP TABLE audit_anchor",
        "CREATE TRIGGER quiet BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END",
        "DROP TRIGGER audit_entry_no_update;
         CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry BEGIN SELECT 1; END",
        "ALTER TABLE audit_entry ADD COLUMN note TEXT",
        "CREATE INDEX mine ON audit_entry (role)",
    ] {
        let connection = full();
        if connection.execute_batch(change).is_err() {
            // There is no such column.
            assert!(change.contains("mine"));
            continue;
        }
        assert!(matches!(found(&connection, &[]).0, VerifyError::SchemaChanged { .. }), "{change}");
    }
}

#[test]
fn other_tables_beside_it_are_none_of_its_business() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE outbox (seq INTEGER PRIMARY KEY)").unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    chatehr_audit::create(&connection, super::support::LOG).unwrap();
    assert!(verified(&connection, &[]).is_ok());
}
