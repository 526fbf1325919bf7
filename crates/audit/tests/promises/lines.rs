//! An export in JSON lines that was altered is found, and the first bad line named.

use chatehr_audit::{
    Anchor, Criteria, Format, Hash, LinesError, NewEntry, VerifiedLines, append, export, verify_lines,
};
use proptest::prelude::*;
use rusqlite::Connection;

use super::support::{empty, entry, log};

fn exported(connection: &Connection, criteria: &Criteria<'_>) -> Vec<String> {
    let mut out = Vec::new();
    export(connection, criteria, Format::JsonLines, &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

fn all(entries: u64) -> Vec<String> {
    exported(&log(entries), &Criteria::default())
}

fn verified(lines: &[String]) -> Result<VerifiedLines, LinesError> {
    verify_lines(lines.join("\n").as_bytes(), &[])
}

/// The same log but for one entry, each line of it sound in itself.
fn forged(entries: u64, at: u64) -> Vec<String> {
    let connection = empty();
    let written: Vec<NewEntry> = (1..=entries)
        .map(|seq| NewEntry {
            session: if seq == at { "forged".to_owned() } else { entry(seq).session },
            ..entry(seq)
        })
        .collect();
    let tx = connection.unchecked_transaction().unwrap();
    append(&tx, &written).unwrap();
    tx.commit().unwrap();
    exported(&connection, &Criteria::default())
}

fn hash_in(line: &str) -> Hash {
    serde_json::from_str::<chatehr_audit::Entry>(line).unwrap().hash
}

#[test]
fn a_whole_export_verifies_and_says_how_far_it_goes() {
    let lines = all(40);
    let found = verified(&lines).unwrap();
    assert_eq!((found.count, found.first, found.last, found.left_out), (40, 1, 40, 0));
    assert_eq!(found.head, hash_in(&lines[39]));
}

#[test]
fn an_exported_search_verifies_and_says_what_it_leaves_out() {
    let lines = exported(&log(40), &Criteria { action: Some("consultation.read"), ..Criteria::default() });
    let found = verified(&lines).unwrap();
    assert_eq!((found.count, found.first, found.last, found.left_out), (13, 3, 39, 24));
}

#[test]
fn another_order_of_members_and_other_line_ends_are_no_alteration() {
    let value: serde_json::Value = serde_json::from_str(&all(1)[0]).unwrap();
    let text = format!("{}\r\n", serde_json::to_string_pretty(&value).unwrap().replace('\n', " "));
    assert_eq!(verify_lines(text.as_bytes(), &[]).unwrap().count, 1);
}

#[test]
fn a_member_that_no_hash_covers_is_refused() {
    let mut lines = all(3);
    lines[1] = lines[1].replacen('{', "{\"note\":\"harmless\",", 1);
    assert!(matches!(verified(&lines), Err(LinesError::NotAnEntry { line: 2 })));
}

#[test]
fn an_entry_forged_with_its_hash_is_named_by_its_neighbours() {
    for at in 1..=6 {
        let mut lines = all(6);
        let place = usize::try_from(at - 1).unwrap();
        lines[place] = forged(6, at)[place].clone();
        let found = verified(&lines);
        match at {
            // Its previous hash is still right, so at the end of an export nothing shows it but an anchor.
            6 => assert_eq!(found.unwrap().count, 6),
            // With one behind it, nobody tells which of the two is the stranger.
            5 => assert!(matches!(found, Err(LinesError::Unlinked { line: 6, seq: 6 })), "{found:?}"),
            _ => assert!(matches!(found, Err(LinesError::Replaced { seq, .. }) if seq == at), "{found:?}"),
        }
    }
}

#[test]
fn lines_in_another_order_or_twice_are_refused() {
    let mut lines = all(5);
    lines.swap(2, 3);
    assert!(matches!(verified(&lines), Err(LinesError::Reordered { line: 4, seq: 3, after: 4 })));
    let mut lines = all(5);
    lines.insert(2, lines[1].clone());
    assert!(matches!(verified(&lines), Err(LinesError::Reordered { line: 3, seq: 2, after: 2 })));
}

#[test]
fn a_log_written_anew_hangs_together_and_does_not_meet_the_servers_anchor() {
    let (was, is) = (all(9), forged(9, 4));
    assert!(verified(&is).is_ok());
    let anchor = |count, lines: &[String]| Anchor {
        device_id: "desk-2".to_owned(),
        count,
        head: hash_in(&lines[usize::try_from(count).unwrap() - 1]),
    };
    let compared = |lines: &[String], anchor| verify_lines(lines.join("\n").as_bytes(), &[anchor]);
    assert_eq!(compared(&was, anchor(6, &was)).unwrap().met, 1);
    assert!(matches!(compared(&is, anchor(6, &was)), Err(LinesError::OtherHead { line: 6, seq: 6 })));
    assert_eq!(compared(&was[..5], anchor(6, &was)).unwrap().met, 0);
}

#[test]
fn what_is_no_export_is_told_by_its_first_line() {
    assert!(matches!(verified(&[]), Err(LinesError::Empty)));
    assert!(matches!(verified(&["seq,at,actor".to_owned()]), Err(LinesError::NotAnEntry { line: 1 })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_character_of_an_entry_is_changed_its_line_is_named(
        (line, place) in (0..8_usize, any::<prop::sample::Index>()),
        digit in "[0-9a-f]",
    ) {
        let mut lines = all(8);
        let place = place.index(lines[line].len());
        if lines[line].is_char_boundary(place + 1) && lines[line].is_char_boundary(place) {
            let before = lines[line].clone();
            lines[line].replace_range(place..=place, &digit);
            prop_assume!(lines[line] != before);
            let named = match verified(&lines) {
                Err(LinesError::NotAnEntry { line } | LinesError::Altered { line, .. }) => line,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert_eq!(named, u64::try_from(line + 1).unwrap());
        }
    }
}
