//! What somebody else remembers cannot be taken back.

use chatehr_audit::{
    Anchor, AnchorRefused, Expectations, Hash, Head, LogId, RememberError, SigningKey, VerifyError, check,
    head, keep_anchor, kept_anchor, remember_anchor, remembered_anchor, verify,
};
use proptest::prelude::*;

use super::support::{LOG, anchor, at, empty, found, key, keys, log, unguarded, verified, write};

fn anchor_of(count: u64, head: u8) -> Anchor {
    Anchor { device_id: "desk-2".to_owned(), count, head: Hash([head; 32]) }
}

#[test]
fn the_server_counter_signs_what_goes_forward_and_refuses_what_goes_back() {
    let server = empty();
    let keep = |anchor: &Anchor, second| keep_anchor(&server, anchor, at(second), &key());
    let signed = keep(&anchor_of(5, 1), 1).unwrap();
    assert!(check(&signed, &key().verifying_key()));
    assert_eq!(kept_anchor(&server, "desk-2").unwrap(), Some(signed));
    // Asked again, since the answer may have been lost.
    assert_eq!(keep(&anchor_of(5, 1), 2).unwrap().at, at(2));
    assert!(matches!(keep(&anchor_of(4, 1), 3), Err(AnchorRefused::GoesBack { kept: 5 })));
    assert!(matches!(keep(&anchor_of(5, 2), 3), Err(AnchorRefused::OtherHead { kept: 5 })));
    let signed = keep(&anchor_of(6, 2), 4).unwrap();
    assert!(matches!(keep(&anchor_of(5, 1), 5), Err(AnchorRefused::GoesBack { kept: 6 })));
    assert_eq!(kept_anchor(&server, "desk-2").unwrap(), Some(signed));
    let other = Anchor { device_id: "desk-3".to_owned(), ..anchor_of(1, 9) };
    assert!(keep(&other, 6).is_ok());
    assert_eq!(kept_anchor(&server, "desk-4").unwrap(), None);
}

proptest! {
    #[test]
    fn whatever_is_asked_in_whatever_order_what_is_kept_only_goes_forward(
        asked in prop::collection::vec((0..6_u64, 0..2_u8), 1..20),
    ) {
        let server = empty();
        let mut kept: Option<(u64, u8)> = None;
        for (count, head) in asked {
            let forward = kept.is_none_or(|(c, h)| count > c || (count == c && head == h));
            prop_assert_eq!(keep_anchor(&server, &anchor_of(count, head), at(1), &key()).is_ok(), forward);
            if forward {
                kept = Some((count, head));
            }
            let stored = kept_anchor(&server, "desk-2").unwrap().unwrap();
            prop_assert_eq!(Some(stored.anchor), kept.map(|(count, head)| anchor_of(count, head)));
        }
    }
}

#[test]
fn a_workstation_remembers_the_latest_anchor_of_its_own_log() {
    let connection = log(5);
    assert_eq!(remembered_anchor(&connection).unwrap(), None);
    let fifth = anchor(&head(&connection).unwrap());
    remember_anchor(&connection, &fifth, &keys()).unwrap();
    let later = anchor(&write(&connection, 6..=9));
    remember_anchor(&connection, &later, &keys()).unwrap();
    assert_eq!(remembered_anchor(&connection).unwrap(), Some(later.clone()));

    let refused = |signed| remember_anchor(&connection, signed, &keys()).unwrap_err();
    assert!(matches!(refused(&fifth), RememberError::GoesBack { kept: 9 }));
    let mut forged = later.clone();
    forged.anchor.count = 10;
    assert!(matches!(refused(&forged), RememberError::Unsigned));
    let foreign = anchor(&Head { log_id: LOG, count: 9, hash: Hash([1; 32]) });
    assert!(matches!(refused(&foreign), RememberError::NotOurs));
    let future = anchor(&Head { log_id: LOG, count: 10, hash: Hash([1; 32]) });
    assert!(matches!(refused(&future), RememberError::NotOurs));
    assert_eq!(remembered_anchor(&connection).unwrap(), Some(later));
    let keys = keys();
    let expected = Expectations { anchor_keys: &keys, ..Expectations::default() };
    assert_eq!(verify(&connection, &expected).unwrap().vouched, 9);
}

#[test]
fn an_empty_log_can_be_anchored() {
    let connection = empty();
    let first = anchor(&head(&connection).unwrap());
    remember_anchor(&connection, &first, &keys()).unwrap();
    write(&connection, 1..=3);
    assert_eq!(verified(&connection, &[first]).unwrap().count, 3);
}

#[test]
fn an_anchor_by_another_hand_is_refused() {
    let connection = log(5);
    let signed = anchor(&head(&connection).unwrap());
    let stranger = [SigningKey::from_bytes(&[1; 32]).verifying_key()];
    let expected =
        Expectations { anchor_keys: &stranger, anchors: std::slice::from_ref(&signed), ..Default::default() };
    assert!(matches!(verify(&connection, &expected), Err(VerifyError::AnchorRefused { count: 5 })));
    remember_anchor(&connection, &signed, &keys()).unwrap();
    assert!(matches!(
        verify(&connection, &Expectations::default()),
        Err(VerifyError::AnchorRefused { count: 5 })
    ));
}

#[test]
fn every_part_of_a_remembered_anchor_counts() {
    for change in [
        "device_id = 'desk-3'",
        "count = 4",
        "head = zeroblob(32)",
        "at = at + 1",
        "signature = zeroblob(64)",
        "signature = zeroblob(63)",
    ] {
        let connection = log(5);
        remember_anchor(&connection, &anchor(&head(&connection).unwrap()), &keys()).unwrap();
        unguarded(&connection);
        connection.execute(&format!("UPDATE audit_remembered SET {change}"), []).unwrap();
        assert!(verified(&connection, &[]).is_err(), "{change}");
    }
}

#[test]
fn a_head_of_another_log_is_told_apart_from_a_bad_entry() {
    let connection = log(5);
    let ours = head(&connection).unwrap();
    let other = Head { log_id: LogId([9; 16]), ..ours };
    let with = |heads: &[Head]| verify(&connection, &Expectations { heads, ..Default::default() });
    assert!(matches!(with(&[other]), Err(VerifyError::OtherLog)));
    assert_eq!(with(&[ours]).unwrap().head, ours);
    let longer = Head { count: 6, ..ours };
    assert!(matches!(with(&[longer, ours]), Err(VerifyError::CutOff { seq: 6, known: 6 })));
    let changed = Head { hash: Hash([0; 32]), ..ours };
    assert!(matches!(with(&[changed]), Err(VerifyError::NotAncestor { from: 1, to: 5 })));
    assert!(with(&[ours, changed]).is_err() && with(&[changed, ours]).is_err());
}

#[test]
fn a_log_that_lost_its_beginning_does_not_verify() {
    let connection = empty();
    unguarded(&connection);
    connection.execute("DELETE FROM audit_log", []).unwrap();
    assert!(matches!(found(&connection, &[]).0, VerifyError::NoLog));
}
