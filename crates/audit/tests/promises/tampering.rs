//! Whatever is altered, taken out, moved, cut off, written anew or put back is found, and the first bad entry named.

use std::fs;

use chatehr_audit::{
    Expectations, Head, NewEntry, SCHEMA, SignedAnchor, VerifyError, append, create, head, verify,
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use rusqlite::{Connection, params};

use super::support::{LOG, anchor, empty, entry, found, is_sound, log, unguarded, verified, write};

/// Entries of the log that is tampered with.
const ENTRIES: u64 = 12;
/// Where somebody else remembers its head.
const ANCHORS: [u64; 3] = [3, 8, ENTRIES];

type Row = (Vec<u8>, Vec<u8>);

fn row(connection: &Connection, seq: u64) -> Row {
    connection
        .query_row(
            "SELECT sealed, hash FROM audit_entry WHERE seq = ?1",
            [i64::try_from(seq).unwrap()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap()
}

fn put(connection: &Connection, seq: u64, (sealed, hash): &Row) {
    connection
        .prepare_cached("REPLACE INTO audit_entry (seq, sealed, hash) VALUES (?1, ?2, ?3)")
        .unwrap()
        .execute(params![i64::try_from(seq).unwrap(), sealed, hash])
        .unwrap();
}

/// Writes the same log but for one entry, which says something else: each row of it is sound in itself.
fn forged(at: u64) -> Connection {
    let connection = empty();
    let entries: Vec<NewEntry> = (1..=ENTRIES)
        .map(|seq| NewEntry {
            reason: (seq == at).then(|| "forged".to_owned()).or(entry(seq).reason),
            ..entry(seq)
        })
        .collect();
    let tx = connection.unchecked_transaction().unwrap();
    append(&tx, &entries).unwrap();
    tx.commit().unwrap();
    connection
}

fn heads() -> Vec<Head> {
    ANCHORS.iter().map(|count| head(&log(*count)).unwrap()).collect()
}

fn anchors() -> Vec<SignedAnchor> {
    heads().iter().map(anchor).collect()
}

#[derive(Clone, Debug)]
enum Tampering {
    /// One bit of what is hashed, or of the hash.
    Flip {
        seq: u64,
        of_hash: bool,
        byte: prop::sample::Index,
        bit: u8,
    },
    /// Bytes at the end.
    Shorten {
        seq: u64,
        bytes: usize,
    },
    Lengthen {
        seq: u64,
        byte: u8,
    },
    /// One row over another.
    Copy {
        from: u64,
        to: u64,
    },
    /// Two rows, or only what they say.
    Swap {
        one: u64,
        other: u64,
        with_hash: bool,
    },
    /// A row to a number that is free.
    Move {
        seq: u64,
        to: i64,
    },
    /// Rows from here on, so many.
    Delete {
        seq: u64,
        rows: u64,
    },
    /// An entry is taken out and the later ones move up.
    Close {
        seq: u64,
    },
    /// Another entry, its hash right, the next one still following the old one.
    Forge {
        seq: u64,
    },
    /// Another entry and all after it written anew.
    Rechain {
        seq: u64,
    },
}

fn tampering() -> impl Strategy<Value = Tampering> {
    use Tampering::*;
    let seq = || 1..=ENTRIES;
    prop_oneof![
        8 => (seq(), any::<bool>(), any::<prop::sample::Index>(), 0..8_u8)
            .prop_map(|(seq, of_hash, byte, bit)| Flip { seq, of_hash, byte, bit }),
        1 => (seq(), 1..300_usize).prop_map(|(seq, bytes)| Shorten { seq, bytes }),
        1 => (seq(), any::<u8>()).prop_map(|(seq, byte)| Lengthen { seq, byte }),
        1 => (seq(), seq()).prop_filter("two", |(a, b)| a != b).prop_map(|(from, to)| Copy { from, to }),
        2 => (seq(), seq(), any::<bool>()).prop_filter("two", |(a, b, _)| a != b)
            .prop_map(|(one, other, with_hash)| Swap { one, other, with_hash }),
        1 => (seq(), select(vec![i64::MIN, -1, 0, 13, 14, i64::MAX])).prop_map(|(seq, to)| Move { seq, to }),
        2 => (seq(), 1..=ENTRIES).prop_map(|(seq, rows)| Delete { seq, rows }),
        1 => seq().prop_map(|seq| Close { seq }),
        1 => seq().prop_map(|seq| Forge { seq }),
        1 => seq().prop_map(|seq| Rechain { seq }),
    ]
}

impl Tampering {
    /// Does it, and says between which places the first bad entry has to be named.
    fn carry_out(&self, log: &Connection, forged: &[Connection]) -> (u64, u64) {
        let forged = |seq: u64| &forged[usize::try_from(seq - 1).unwrap()];
        let vouched = |seq: u64| ANCHORS.into_iter().filter(|anchor| *anchor < seq).max().unwrap_or(0);
        match self {
            Self::Flip { seq, of_hash, byte, bit } => {
                let (mut sealed, mut hash) = row(log, *seq);
                let bytes = if *of_hash { &mut hash } else { &mut sealed };
                let place = byte.index(bytes.len());
                bytes[place] ^= 1 << bit;
                put(log, *seq, &(sealed, hash));
                (*seq, *seq)
            }
            Self::Shorten { seq, bytes } => {
                let (mut sealed, hash) = row(log, *seq);
                sealed.truncate(sealed.len().saturating_sub(*bytes));
                put(log, *seq, &(sealed, hash));
                (*seq, *seq)
            }
            Self::Lengthen { seq, byte } => {
                let (mut sealed, hash) = row(log, *seq);
                sealed.push(*byte);
                put(log, *seq, &(sealed, hash));
                (*seq, *seq)
            }
            Self::Copy { from, to } => {
                put(log, *to, &row(log, *from));
                (*to, *to)
            }
            Self::Swap { one, other, with_hash } => {
                let (left, right) = (row(log, *one), row(log, *other));
                let (left_hash, right_hash) = match with_hash {
                    true => (left.1, right.1),
                    false => (right.1, left.1),
                };
                put(log, *one, &(right.0, right_hash));
                put(log, *other, &(left.0, left_hash));
                (*one.min(other), *one.min(other))
            }
            Self::Move { seq, to } => {
                log.execute(
                    "UPDATE audit_entry SET seq = ?2 WHERE seq = ?1",
                    params![i64::try_from(*seq).unwrap(), to],
                )
                .unwrap();
                // One before the first is met before the gap that it leaves.
                if *to < 1 { (0, 0) } else { (*seq, *seq) }
            }
            Self::Delete { seq, rows } => {
                let last = i64::try_from(seq + rows).unwrap();
                let first = i64::try_from(*seq).unwrap();
                log.execute("DELETE FROM audit_entry WHERE seq >= ?1 AND seq < ?2", [first, last]).unwrap();
                (*seq, *seq)
            }
            Self::Close { seq } => {
                log.execute("DELETE FROM audit_entry WHERE seq = ?1", [i64::try_from(*seq).unwrap()])
                    .unwrap();
                for later in i64::try_from(*seq).unwrap() + 1..=i64::try_from(ENTRIES).unwrap() {
                    log.execute("UPDATE audit_entry SET seq = seq - 1 WHERE seq = ?1", [later]).unwrap();
                }
                (*seq, *seq)
            }
            Self::Forge { seq } => {
                put(log, *seq, &row(forged(*seq), *seq));
                // A place where a head is known: it alone tells.
                if ANCHORS.contains(seq) { (vouched(*seq) + 1, *seq) } else { (*seq, *seq) }
            }
            Self::Rechain { seq } => {
                (*seq..=ENTRIES).for_each(|later| put(log, later, &row(forged(*seq), later)));
                (vouched(*seq) + 1, *seq)
            }
        }
    }
}

#[test]
fn of_ten_thousand_ways_to_tamper_with_a_log_each_is_found_and_the_first_bad_entry_named() {
    let log = log(ENTRIES);
    unguarded(&log);
    let heads = heads();
    let expected = Expectations { heads: &heads, ..Expectations::default() };
    let forged: Vec<Connection> = (1..=ENTRIES).map(forged).collect();
    let config = Config { cases: 10_000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&tampering(), |tampering| {
            log.execute_batch("SAVEPOINT as_written").unwrap();
            let (from, to) = tampering.carry_out(&log, &forged);
            let error = verify(&log, &expected).expect_err("found");
            log.execute_batch("ROLLBACK TO as_written; RELEASE as_written").unwrap();
            let first_bad = error.first_bad().expect("an entry is named");
            prop_assert!((from..=to).contains(&first_bad), "{error:?} where {from} to {to} is bad");
            Ok(())
        })
        .unwrap();
    assert!(is_sound(&log));
}

#[test]
fn each_kind_of_damage_is_called_by_its_name() {
    use Tampering::*;
    type IsIt = fn(&VerifyError) -> bool;
    let cases: [(Tampering, IsIt); 9] = [
        (Shorten { seq: 5, bytes: 1 }, |e| matches!(e, VerifyError::Altered { seq: 5 })),
        (Delete { seq: 5, rows: 2 }, |e| matches!(e, VerifyError::Missing { seq: 5 })),
        (Delete { seq: 10, rows: 9 }, |e| matches!(e, VerifyError::CutOff { seq: 10, known: 12 })),
        (Swap { one: 5, other: 7, with_hash: true }, |e| {
            matches!(e, VerifyError::Reordered { seq: 5, found: 7 })
        }),
        (Close { seq: 5 }, |e| matches!(e, VerifyError::Reordered { seq: 5, found: 6 })),
        (Move { seq: 12, to: 0 }, |e| matches!(e, VerifyError::Returned { seq: 0 })),
        (Forge { seq: 5 }, |e| matches!(e, VerifyError::Replaced { seq: 5 })),
        (Rechain { seq: 5 }, |e| matches!(e, VerifyError::NotAncestor { from: 4, to: 8 })),
        (Rechain { seq: 9 }, |e| matches!(e, VerifyError::NotAncestor { from: 9, to: 12 })),
    ];
    let forged: Vec<Connection> = (1..=ENTRIES).map(forged).collect();
    for (tampering, is_it) in cases {
        let log = log(ENTRIES);
        unguarded(&log);
        tampering.carry_out(&log, &forged);
        let (error, _) = found(&log, &anchors());
        assert!(is_it(&error), "{tampering:?}: {error:?}");
    }
}

#[test]
fn without_a_known_head_the_neighbours_tell_which_entry_was_replaced() {
    for seq in 1..ENTRIES {
        let log = log(ENTRIES);
        unguarded(&log);
        put(&log, seq, &row(&forged(seq), seq));
        let (error, first_bad) = found(&log, &[]);
        // Of the last two, which disagree, nobody can tell: the last one is named, for which nothing stands.
        let expected = if seq == ENTRIES - 1 { ENTRIES } else { seq };
        assert_eq!(first_bad, Some(expected), "{error:?}");
    }
}

#[test]
fn an_entry_that_neither_follows_nor_is_followed_is_named() {
    for seq in 1..=ENTRIES {
        let log = log(ENTRIES);
        unguarded(&log);
        // Sound in itself and in the right place, in a chain of its own.
        let elsewhere = forged(1);
        let stray = if seq == 1 { row(&forged(1), 1) } else { row(&elsewhere, seq) };
        put(&log, seq, &stray);
        let (error, first_bad) = found(&log, &[]);
        assert_eq!(first_bad, Some(seq), "{error:?}");
    }
}

#[test]
fn a_chain_alone_does_not_show_what_only_a_known_head_shows() {
    let log = log(ENTRIES);
    unguarded(&log);
    log.execute("DELETE FROM audit_entry WHERE seq > 9", []).unwrap();
    assert!(verified(&log, &[]).is_ok());
    assert_eq!(found(&log, &anchors()).1, Some(10));
}

#[test]
fn damage_far_into_a_long_log_is_named_as_well() {
    for (seq, change) in [
        (1, "UPDATE audit_entry SET hash = zeroblob(32) WHERE seq = ?1"),
        (4_096, "UPDATE audit_entry SET sealed = CAST(sealed || x'00' AS BLOB) WHERE seq = ?1"),
        (9_000, "DELETE FROM audit_entry WHERE seq = ?1"),
        (12_000, "UPDATE audit_entry SET hash = x'00' WHERE seq = ?1"),
    ] {
        let log = log(12_000);
        unguarded(&log);
        log.execute(change, [seq]).unwrap();
        assert_eq!(found(&log, &[]).1, Some(u64::try_from(seq).unwrap()), "{change}");
    }
}

/// A file as it was is put back, the anchor that is remembered in it included.
#[test]
fn an_old_copy_is_found_by_the_anchor_that_the_server_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("ledger.db"), folder.path().join("copy.db"));
    let write_file = |seconds: std::ops::RangeInclusive<u64>| -> Head {
        let connection = Connection::open(&file).unwrap();
        if *seconds.start() == 1 {
            connection.execute_batch(SCHEMA).unwrap();
            create(&connection, LOG).unwrap();
        }
        let head = write(&connection, seconds.clone());
        if *seconds.end() < 10 {
            chatehr_audit::remember_anchor(&connection, &anchor(&head), &super::support::keys()).unwrap();
        }
        head
    };
    write_file(1..=5);
    fs::copy(&file, &copy).unwrap();
    let kept = anchor(&write_file(6..=9));
    fs::copy(&copy, &file).unwrap();
    let connection = Connection::open(&file).unwrap();
    assert!(is_sound(&connection));
    let (error, _) = found(&connection, std::slice::from_ref(&kept));
    assert!(matches!(error, VerifyError::CutOff { seq: 6, known: 9 }));
    drop(connection);
    // Written on, until it is longer than what is known; the server does not sign that.
    write_file(20..=29);
    let (error, _) = found(&Connection::open(&file).unwrap(), &[kept]);
    assert!(matches!(error, VerifyError::NotAncestor { from: 6, to: 9 }));
}

#[test]
fn a_log_that_was_begun_anew_is_found() {
    let anchors = anchors();
    let fresh = Connection::open_in_memory().unwrap();
    fresh.execute_batch(SCHEMA).unwrap();
    create(&fresh, chatehr_audit::LogId([8; 16])).unwrap();
    write(&fresh, 1..=ENTRIES);
    assert!(matches!(found(&fresh, &anchors).0, VerifyError::NotAncestor { from: 1, to: 3 }));
}

#[test]
fn another_name_for_the_log_does_not_fit_its_first_entry() {
    let log = log(ENTRIES);
    unguarded(&log);
    log.execute("UPDATE audit_log SET log_id = zeroblob(16)", []).unwrap();
    assert!(matches!(found(&log, &[]).0, VerifyError::Replaced { seq: 1 }));
}
