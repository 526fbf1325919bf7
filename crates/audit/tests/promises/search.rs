//! A search finds what a look at every entry would find, page by page.

use chatehr_audit::{Criteria, Entry, MAX_PAGE, ReadError, search};
use chatehr_contract::{PersonId, Timestamp};
use proptest::prelude::*;
use rusqlite::Connection;

use super::support::{at, empty, log, unguarded, write};

fn all(connection: &Connection, criteria: &Criteria<'_>, page: u32) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let found = search(connection, criteria, entries.last().map(|entry| entry.seq), page).unwrap();
        assert!(found.len() <= usize::try_from(page).unwrap());
        if found.is_empty() {
            return entries;
        }
        entries.extend(found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pages_hold_each_entry_that_meets_the_criteria_once_the_latest_first(
        seconds in prop::collection::vec(1..40_u64, 0..60),
        actor in prop::option::of(0..6_u8),
        patient in prop::option::of(0..7_u8),
        action in prop::option::of(prop::sample::select(vec!["consultation.read", "message.send", "none"])),
        (from, until) in (prop::option::of(0..40_u64), prop::option::of(0..40_u64)),
        page in 1..9_u32,
    ) {
        // Times that go back and stand still, as clocks do.
        let connection = empty();
        write(&connection, seconds);
        let actor = actor.map(|n| format!("person-{n}"));
        let patient = patient.map(|n| PersonId::new(format!("patient-{n}")));
        let criteria = Criteria {
            actor: actor.as_deref(),
            patient: patient.as_ref(),
            action,
            from: from.map(at),
            until: until.map(at),
        };
        let mut looked_at = all(&connection, &Criteria::default(), 1000);
        prop_assert!(looked_at.is_sorted_by_key(|entry| std::cmp::Reverse(entry.seq)));
        looked_at.retain(|Entry { said, .. }| {
            actor.as_ref().is_none_or(|actor| said.actor.as_ref() == Some(actor))
                && patient.as_ref().is_none_or(|patient| said.patient.as_ref() == Some(patient))
                && action.is_none_or(|action| said.action == action)
                && criteria.from.is_none_or(|from| said.at >= from)
                && criteria.until.is_none_or(|until| said.at < until)
        });
        prop_assert_eq!(all(&connection, &criteria, page), looked_at);
    }
}

#[test]
fn a_page_has_a_limit_and_before_the_first_entry_there_is_nothing() {
    let connection = log(1100);
    let found = |before, limit| search(&connection, &Criteria::default(), before, limit).unwrap().len();
    assert_eq!(found(None, u32::MAX), usize::try_from(MAX_PAGE).unwrap());
    assert_eq!(found(None, 0), 0);
    assert_eq!((found(Some(0), 10), found(Some(1), 10), found(Some(2), 10)), (0, 0, 1));
    assert_eq!(found(Some(u64::MAX), 10), 10);
    assert!(search(&empty(), &Criteria::default(), None, 10).unwrap().is_empty());
}

#[test]
fn a_search_reaches_over_all_of_a_long_log() {
    let connection = empty();
    for first in (1..10_000).step_by(1000) {
        write(&connection, first..first + 1000);
    }
    let places = |criteria: &Criteria<'_>, before| -> Vec<u64> {
        search(&connection, criteria, before, 1000).unwrap().iter().map(|entry| entry.seq).collect()
    };
    let patient = PersonId::new("patient-3");
    let of_patient = Criteria { patient: Some(&patient), ..Criteria::default() };
    let expected: Vec<u64> = (1..=9_000).rev().filter(|n| n % 6 == 3 && n % 4 != 0).take(1000).collect();
    assert_eq!(places(&of_patient, Some(9_001)), expected);
    for around in [1, 4095, 4096, 4097, 8191, 8192, 10_000] {
        let time = Criteria { from: Some(at(around)), until: Some(at(around + 2)), ..Criteria::default() };
        let moment = Timestamp::from_millis(at(around).millis() + 1);
        let then = Criteria { from: Some(at(around)), until: Some(moment), ..Criteria::default() };
        assert_eq!(places(&then, None), [around]);
        let expected: Vec<u64> = (around..(around + 2).min(10_001)).rev().collect();
        assert_eq!(places(&time, None), expected, "{around}");
        assert_eq!(places(&Criteria::default(), Some(around + 1)).first(), Some(&around));
    }
}

#[test]
fn an_entry_that_does_not_read_is_named_not_left_out() {
    let connection = log(3);
    unguarded(&connection);
    connection
        .execute("UPDATE audit_entry SET sealed = CAST(sealed || x'00' AS BLOB) WHERE seq = 2", [])
        .unwrap();
    let result = search(&connection, &Criteria::default(), None, 10);
    assert!(matches!(result, Err(ReadError::Unreadable { seq: 2 })));
}
