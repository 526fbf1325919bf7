//! A question is on the disk before it is asked, and goes with the entry of what became of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use chatehr_audit::Criteria;
use chatehr_vault::Vault;
use common::{doubt, e, entry, key, vault};

fn actions(vault: &Vault) -> Vec<String> {
    let entries = vault.search_audit(&Criteria::default(), None, 9).unwrap();
    entries.into_iter().rev().map(|entry| entry.said.action).collect()
}

#[test]
fn a_question_outlives_the_program_until_it_is_known_what_became_of_it() {
    let (dir, vault) = vault();
    let asked = [doubt("d-1", "c-1"), doubt("d-2", "c-1")];
    for doubt in &asked {
        vault.begin_asking(doubt, &entry("consultation.decline.ask")).unwrap();
    }
    drop(vault);
    let vault = Vault::open(&dir.path().join("person"), &key()).unwrap();
    assert_eq!(vault.doubts().unwrap(), asked);
    vault.end_asking(&e("d-1"), &asked[0].entry).unwrap();
    assert_eq!(vault.doubts().unwrap(), asked[1..]);
    // Found out twice is written down once.
    vault.end_asking(&e("d-1"), &asked[0].entry).unwrap();
    let asking = "consultation.decline.ask";
    assert_eq!(actions(&vault), [asking, asking, "consultation.decline"]);
}

#[test]
fn what_cannot_be_written_down_is_not_in_doubt_either() {
    let (_dir, vault) = vault();
    vault.begin_asking(&doubt("d-1", "c-1"), &entry("consultation.decline.ask")).unwrap();
    // The same key names no other question, and no word of an entry can be anything.
    assert!(vault.begin_asking(&doubt("d-1", "c-2"), &entry("consultation.decline.ask")).is_err());
    assert!(vault.begin_asking(&doubt("d-2", "c-2"), &entry("No such word")).is_err());
    assert_eq!(vault.doubts().unwrap(), [doubt("d-1", "c-1")]);
    assert_eq!(actions(&vault).len(), 1);
    // Nor does a doubt go without its entry.
    assert!(vault.end_asking(&e("d-1"), &entry("No such word")).is_err());
    assert_eq!(vault.doubts().unwrap().len(), 1);
}
