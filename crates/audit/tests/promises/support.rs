//! A log with entries in it, and ways to change it that its guards would refuse.

use chatehr_audit::{
    Anchor, Expectations, Head, LogId, NewEntry, Outcome, SCHEMA, SignedAnchor, SigningKey, VerifyError,
    VerifyingKey, append, create, head, sign_anchor, verify,
};
use chatehr_contract::{PersonId, Role, Timestamp};
use rusqlite::{Connection, config::DbConfig};

pub(crate) const LOG: LogId = LogId([7; 16]);

/// The one who signs anchors and checkpoints.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

pub(crate) fn keys() -> [VerifyingKey; 1] {
    [key().verifying_key()]
}

pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_764_086_400_000 + i64::try_from(second).unwrap() * 1000)
}

/// The entry written in that second; no two say the same.
pub(crate) fn entry(second: u64) -> NewEntry {
    let physician = second.is_multiple_of(3);
    NewEntry {
        at: at(second),
        actor: (!second.is_multiple_of(7)).then(|| format!("person-{}", second % 5)),
        role: if physician { Role::Physician } else { Role::Patient },
        session: format!("s-{}", second % 4),
        workstation: "desk-2".to_owned(),
        action: if physician { "consultation.read" } else { "message.send" }.to_owned(),
        objects: (0..second % 3).map(|n| format!("c-{second}-{n}")).collect(),
        patient: (!second.is_multiple_of(4)).then(|| PersonId::new(format!("patient-{}", second % 6))),
        outcome: if second.is_multiple_of(5) { Outcome::Refused } else { Outcome::Success },
        reason: second.is_multiple_of(5).then(|| format!("not theirs, {second}")),
    }
}

pub(crate) fn empty() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    create(&connection, LOG).unwrap();
    connection
}

/// Writes the entries of these seconds.
pub(crate) fn write(connection: &Connection, seconds: impl IntoIterator<Item = u64>) -> Head {
    let entries: Vec<NewEntry> = seconds.into_iter().map(entry).collect();
    let tx = connection.unchecked_transaction().unwrap();
    let head = append(&tx, &entries).unwrap();
    tx.commit().unwrap();
    head
}

/// A log of so many entries.
pub(crate) fn log(entries: u64) -> Connection {
    let connection = empty();
    write(&connection, 1..=entries);
    connection
}

/// The head as the server would counter-sign it.
pub(crate) fn anchor(head: &Head) -> SignedAnchor {
    sign_anchor(&key(), Anchor { device_id: "desk-2".to_owned(), count: head.count, head: head.hash }, at(0))
}

/// Switches the guards off, as somebody could who has the file and wants to change it.
pub(crate) fn unguarded(connection: &Connection) {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
}

/// Verifies with both keys known and these anchors from elsewhere.
pub(crate) fn verified(connection: &Connection, anchors: &[SignedAnchor]) -> Result<Head, VerifyError> {
    let keys = keys();
    let expected = Expectations { checkpoint_keys: &keys, anchor_keys: &keys, anchors, heads: &[] };
    verify(connection, &expected).map(|verified| verified.head)
}

/// What is wrong, and the first bad entry.
pub(crate) fn found(connection: &Connection, anchors: &[SignedAnchor]) -> (VerifyError, Option<u64>) {
    let error = verified(connection, anchors).expect_err("found");
    let first_bad = error.first_bad();
    (error, first_bad)
}

/// Whether what is there is what was written.
pub(crate) fn is_sound(connection: &Connection) -> bool {
    verified(connection, &[]).is_ok_and(|verified| verified == head(connection).unwrap())
}
