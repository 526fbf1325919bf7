//! What the server has said reads back, in the order in which it is shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use chatehr_contract::{
    Consultation, ConsultationStatus, Counts, ListScope, Message, MessageKind, PersonId, SpecialtyCode,
    Urgency,
};
use chatehr_vault::{CacheChange, ListQuery, SearchHit, Vault};
use common::{
    appointment, at, c, consultation, me, message, mine, opened, patient, physician, sealed, vault,
};
use proptest::prelude::*;
use serde_json::json;

const POOLS: &[SpecialtyCode] = &[SpecialtyCode::Cardiology, SpecialtyCode::PrimaryCare];

fn list(vault: &Vault, scope: ListScope) -> Vec<String> {
    page(vault, scope, 0, 500).0
}

fn page(vault: &Vault, scope: ListScope, offset: u32, limit: u32) -> (Vec<String>, u32) {
    let person = me();
    let query = ListQuery { scope, person: &person, specialties: POOLS, specialty: None, offset, limit };
    let (rows, total) = vault.consultations(&query).unwrap();
    (rows.into_iter().map(|row| row.id.to_string()).collect(), total)
}

#[test]
fn records_read_back_whole() {
    let (_dir, vault) = vault();
    let one = consultation("c-1");
    let letter = message("m-1", "c-1", 5);
    vault
        .apply(&[
            CacheChange::Consultation(one.clone()),
            opened(letter.clone(), "hello"),
            CacheChange::Appointment(appointment("a-1", 60)),
            CacheChange::Patient(patient("patient-1", "Szymańska")),
            CacheChange::Physicians(vec![physician("physician-1")]),
            CacheChange::MessageKey { consultation: c("c-1"), kid: "k1".to_owned(), key: vec![9; 32].into() },
            CacheChange::LastEvent(Some("41".to_owned())),
            CacheChange::SyncedAt(at(7)),
        ])
        .unwrap();
    assert_eq!(vault.consultation(&c("c-1")).unwrap().unwrap(), one);
    assert_eq!(vault.consultations_of_patient(&one.patient_id, 10).unwrap(), std::slice::from_ref(&one));
    let (messages, has_older) = vault.messages(&c("c-1"), 50).unwrap();
    assert_eq!((messages.len(), has_older), (1, false));
    assert_eq!((&messages[0].message, messages[0].text.as_deref()), (&letter, Some("hello")));
    assert_eq!(vault.message_of_envelope(&letter.envelope_id().unwrap()).unwrap().unwrap(), messages[0]);
    assert_eq!(vault.appointments(at(60), at(61)).unwrap(), [appointment("a-1", 60)]);
    assert_eq!(vault.appointments(at(0), at(60)).unwrap(), []);
    assert_eq!(vault.appointments_of_patient(&one.patient_id).unwrap().len(), 1);
    let marta = patient("patient-1", "Szymańska");
    assert_eq!(vault.patient(&marta.id).unwrap().unwrap(), marta);
    assert_eq!(vault.patients(&[PersonId::new("nobody"), marta.id.clone()]).unwrap(), [marta]);
    assert_eq!(vault.physician(&me()).unwrap().unwrap(), physician("physician-1"));
    let key = vault.message_key(&c("c-1")).unwrap().unwrap();
    assert_eq!((key.kid.as_str(), key.key.as_slice()), ("k1", [9; 32].as_slice()));
    assert_eq!(vault.last_event().unwrap().as_deref(), Some("41"));
    assert_eq!(vault.synced_at().unwrap(), Some(at(7)));
}

#[test]
fn an_answer_that_was_overtaken_changes_nothing() {
    let (_dir, vault) = vault();
    let newer = Consultation { version: 2, updated_at: at(9), ..mine("c-1", ConsultationStatus::Assigned) };
    let older = Consultation { version: 1, updated_at: at(1), ..consultation("c-1") };
    vault
        .apply(&[CacheChange::Consultation(newer.clone()), CacheChange::Consultation(older.clone())])
        .unwrap();
    assert_eq!(vault.consultation(&c("c-1")).unwrap().unwrap(), newer);
    // A server that was set back has the last word when it tells everything.
    vault.apply(&[CacheChange::AllConsultations(vec![older.clone()])]).unwrap();
    assert_eq!(vault.consultation(&c("c-1")).unwrap().unwrap(), older);
}

#[test]
fn a_server_without_versions_is_followed_by_time() {
    let (_dir, vault) = vault();
    let newer = Consultation { version: 0, updated_at: at(9), ..consultation("c-1") };
    let older = Consultation { version: 0, updated_at: at(1), ..consultation("c-1") };
    for change in [&older, &newer, &older] {
        vault.apply(&[CacheChange::Consultation(change.clone())]).unwrap();
    }
    assert_eq!(vault.consultation(&c("c-1")).unwrap().unwrap(), newer);
}

#[test]
fn a_consultation_that_leaves_the_view_takes_its_messages_key_and_words_along() {
    let (_dir, vault) = vault();
    let fill = |id: &str| {
        vec![
            CacheChange::Consultation(consultation(id)),
            opened(message(&format!("m-{id}"), id, 1), "palpitations"),
            CacheChange::MessageKey { consultation: c(id), kid: "k1".to_owned(), key: vec![1; 32].into() },
        ]
    };
    let gone = |id: &str| {
        assert_eq!(vault.consultation(&c(id)).unwrap(), None);
        assert_eq!(vault.messages(&c(id), 9).unwrap().0, []);
        assert_eq!(vault.message_key(&c(id)).unwrap(), None);
    };
    for id in ["c-1", "c-2", "c-3"] {
        vault.apply(&fill(id)).unwrap();
    }
    assert_eq!(vault.search("palpitations", 9).unwrap().len(), 3);
    vault.apply(&[CacheChange::ConsultationGone(c("c-1"))]).unwrap();
    gone("c-1");
    assert_eq!(vault.search("palpitations", 9).unwrap().len(), 2);
    vault.apply(&[CacheChange::AllConsultations(vec![consultation("c-3")])]).unwrap();
    gone("c-2");
    assert_eq!(vault.search("palpitations", 9).unwrap().len(), 1);
    assert_eq!(vault.search("chest", 9).unwrap(), [SearchHit::Consultation(c("c-3"))]);
}

#[test]
fn a_range_of_appointments_is_replaced_and_the_rest_stays() {
    let (_dir, vault) = vault();
    let rows = |ids: &[(&str, i64)]| ids.iter().map(|(id, at)| appointment(id, *at)).collect::<Vec<_>>();
    let all = rows(&[("before", 9), ("first", 10), ("last", 19), ("after", 20)]);
    vault.apply(&[CacheChange::AppointmentsIn { from: at(0), to: at(100), rows: all }]).unwrap();
    let changed = rows(&[("new", 15)]);
    vault.apply(&[CacheChange::AppointmentsIn { from: at(10), to: at(20), rows: changed }]).unwrap();
    let held: Vec<_> = vault.appointments(at(0), at(100)).unwrap().iter().map(|a| a.id.to_string()).collect();
    assert_eq!(held, ["before", "new", "after"]);
}

#[test]
fn a_conversation_pages_from_its_end() {
    let (_dir, vault) = vault();
    let all: Vec<_> = (0..5).map(|n| opened(message(&format!("m-{n}"), "c-1", n), "text")).collect();
    vault.apply(&all).unwrap();
    let ids = |limit| {
        let (messages, has_older) = vault.messages(&c("c-1"), limit).unwrap();
        (messages.iter().map(|m| m.message.id.to_string()).collect::<Vec<_>>(), has_older)
    };
    assert_eq!(ids(2), (vec!["m-3".to_owned(), "m-4".to_owned()], true));
    assert!(!ids(5).1);
    assert_eq!(ids(5).0.first().unwrap(), "m-0");
}

#[test]
fn sealed_messages_are_found_again_when_their_key_arrives() {
    let (_dir, vault) = vault();
    let unreadable = CacheChange::Message { message: message("m-3", "c-1", 3), text: None, unreadable: true };
    vault
        .apply(&[
            sealed(message("m-2", "c-1", 2)),
            sealed(message("m-1", "c-1", 1)),
            unreadable,
            opened(message("m-4", "c-1", 4), "open"),
        ])
        .unwrap();
    let waiting: Vec<_> =
        vault.messages_without_text(&c("c-1")).unwrap().iter().map(|m| m.id.to_string()).collect();
    assert_eq!(waiting, ["m-1", "m-2"]);
    vault
        .apply(&[opened(message("m-1", "c-1", 1), "dizzy"), opened(message("m-2", "c-1", 2), "faint")])
        .unwrap();
    assert_eq!(vault.messages_without_text(&c("c-1")).unwrap(), []);
    assert_eq!(vault.search("dizzy", 9).unwrap().len(), 1);
}

#[test]
fn words_once_opened_stay_until_the_content_changes() {
    let (_dir, vault) = vault();
    let text = || vault.messages(&c("c-1"), 1).unwrap().0[0].text.clone();
    vault.apply(&[opened(message("m-1", "c-1", 1), "dizzy"), sealed(message("m-1", "c-1", 1))]).unwrap();
    assert_eq!(text().as_deref(), Some("dizzy"));
    assert_eq!(vault.search("dizzy", 9).unwrap().len(), 1);
    let mut altered = message("m-1", "c-1", 1);
    altered.content = "chatehr.3.k1.other".to_owned();
    vault.apply(&[sealed(altered)]).unwrap();
    assert_eq!(text(), None);
    assert_eq!(vault.search("dizzy", 9).unwrap(), []);
}

#[test]
fn the_queue_shows_what_this_person_could_take() {
    let (_dir, vault) = vault();
    let mut declined = consultation("declined");
    declined.metadata = json!({"declinedBy": ["physician-2", "physician-1"]}).as_object().unwrap().clone();
    let mut declined_by_another = consultation("declined by another");
    declined_by_another.metadata = json!({"declinedBy": ["physician-2"]}).as_object().unwrap().clone();
    let all = vec![
        consultation("free"),
        declined,
        declined_by_another,
        mine("asked for me", ConsultationStatus::Pending),
        Consultation {
            physician_id: Some(PersonId::new("physician-2")),
            ..consultation("asked for another")
        },
        Consultation { specialty: SpecialtyCode::Neurology, ..consultation("another pool") },
        mine("accepted", ConsultationStatus::Assigned),
        mine("odd word", ConsultationStatus::Other("on_hold".to_owned())),
        mine("done", ConsultationStatus::Completed),
        mine("withdrawn", ConsultationStatus::Cancelled),
    ];
    vault.apply(&[CacheChange::AllConsultations(all)]).unwrap();
    assert_eq!(list(&vault, ListScope::Queue), ["asked for me", "declined by another", "free"]);
    assert_eq!(list(&vault, ListScope::Mine), ["accepted", "asked for me", "odd word"]);
    assert_eq!(list(&vault, ListScope::Closed), ["done", "withdrawn"]);
    assert_eq!(page(&vault, ListScope::Queue, 1, 1), (vec!["declined by another".to_owned()], 3));
    let person = me();
    let neurology = ListQuery {
        scope: ListScope::Queue,
        person: &person,
        specialties: POOLS,
        specialty: Some(&SpecialtyCode::PrimaryCare),
        offset: 0,
        limit: 9,
    };
    assert_eq!(vault.consultations(&neurology).unwrap(), (vec![], 0));
}

#[test]
fn the_figures_count_what_others_wrote_and_this_person_has_not_read() {
    let (_dir, vault) = vault();
    let from = |person: &str, id: &str, consultation: &str, seconds| {
        let mut message = message(id, consultation, seconds);
        message.from_id = PersonId::new(person);
        sealed(message)
    };
    let mut system = message("m-6", "c-1", 9);
    system.kind = MessageKind::System;
    vault
        .apply(&[
            CacheChange::Consultation(mine("c-1", ConsultationStatus::Assigned)),
            CacheChange::Consultation(mine("c-2", ConsultationStatus::Completed)),
            CacheChange::Consultation(Consultation { urgency: Urgency::Emergency, ..consultation("c-3") }),
            CacheChange::Consultation(Consultation { urgency: Urgency::from("stat"), ..consultation("c-4") }),
            CacheChange::Consultation(consultation("c-5")),
            from("patient-1", "m-1", "c-1", 1),
            from("physician-1", "m-2", "c-1", 2),
            from("patient-1", "m-3", "c-1", 3),
            from("patient-1", "m-4", "c-1", 4),
            from("patient-1", "m-5", "c-2", 1),
            sealed(system),
            from("patient-1", "m-7", "c-3", 1),
        ])
        .unwrap();
    let counts = |unread| Counts { queue: 3, queue_urgent: 2, mine: 1, unread };
    // What stood before this person's own words was read, though this workstation never saw it happen.
    assert_eq!(vault.counts(&me(), POOLS).unwrap(), counts(2));
    // With a mark it is the mark that counts: what was written in between may have waited, and answers nothing.
    vault.mark_read(&c("c-1"), at(0)).unwrap();
    assert_eq!(vault.counts(&me(), POOLS).unwrap(), counts(3));
    vault.mark_read(&c("c-1"), at(3)).unwrap();
    assert_eq!(vault.counts(&me(), POOLS).unwrap(), counts(1));
    assert_eq!(vault.unread(&c("c-1"), &me()).unwrap(), 1);
    vault.mark_read(&c("c-1"), at(4)).unwrap();
    vault.mark_read(&c("c-1"), at(0)).unwrap();
    assert_eq!(vault.unread(&c("c-1"), &me()).unwrap(), 0);
    assert_eq!(vault.counts(&me(), POOLS).unwrap(), counts(0));
}

#[test]
fn search_finds_beginnings_of_words_without_regard_to_case_and_accents() {
    let (_dir, vault) = vault();
    vault
        .apply(&[
            CacheChange::Consultation(consultation("c-1")),
            opened(message("m-1", "c-1", 1), "Zażółć gęślą jaźń, O'Neil"),
            CacheChange::Patient(patient("patient-1", "Szymańska")),
        ])
        .unwrap();
    let hit = SearchHit::Message { consultation: c("c-1"), message: message("m-1", "c-1", 1).id };
    assert_eq!(vault.search("gesla ZAZ", 9).unwrap(), std::slice::from_ref(&hit));
    assert_eq!(vault.search("o'ne", 9).unwrap(), [hit]);
    assert_eq!(vault.search("szyman", 9).unwrap(), [SearchHit::Patient(PersonId::new("patient-1"))]);
    assert_eq!(vault.search("gesla chest", 9).unwrap(), []);
    // A name that changed is not found under the old one.
    vault.apply(&[CacheChange::Patient(patient("patient-1", "Nowak"))]).unwrap();
    assert_eq!(vault.search("szyman", 9).unwrap(), []);
    assert_eq!(vault.search("nowak", 9).unwrap().len(), 1);
}

#[test]
fn the_latest_hit_comes_first_and_the_limit_holds() {
    let (_dir, vault) = vault();
    let all: Vec<_> = (0..9).map(|n| opened(message(&format!("m-{n}"), "c-1", n), "cough")).collect();
    vault.apply(&all).unwrap();
    let hits = vault.search("cough", 2).unwrap();
    let latest = |n: i64| SearchHit::Message {
        consultation: c("c-1"),
        message: message(&format!("m-{n}"), "c-1", 0).id,
    };
    assert_eq!(hits, [latest(8), latest(7)]);
}

/// The order as the contract states it, without SQL.
fn in_order(mut all: Vec<Consultation>) -> Vec<String> {
    all.sort_by(|a, b| {
        (a.urgency.triage_rank(), a.created_at, a.id.as_str()).cmp(&(
            b.urgency.triage_rank(),
            b.created_at,
            b.id.as_str(),
        ))
    });
    all.into_iter().map(|consultation| consultation.id.to_string()).collect()
}

fn some_consultations() -> impl Strategy<Value = Vec<Consultation>> {
    let one = ("[a-e]{1,2}", prop::sample::select(vec!["emergency", "urgent", "routine", "stat"]), 0i64..4);
    prop::collection::vec(one, 0..12).prop_map(|rows| {
        let mut all: Vec<Consultation> = Vec::new();
        for (id, urgency, seconds) in rows {
            if all.iter().all(|other| other.id != c(&id)) {
                all.push(Consultation {
                    urgency: Urgency::from(urgency),
                    created_at: at(seconds),
                    updated_at: at(seconds),
                    ..consultation(&id)
                });
            }
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_is_in_triage_order_and_its_pages_make_up_the_whole(all in some_consultations(), size in 1u32..5) {
        let (_dir, vault) = vault();
        vault.apply(&[CacheChange::AllConsultations(all.clone())]).unwrap();
        let whole = in_order(all);
        let mut paged = Vec::new();
        for start in (0..=whole.len() as u32).step_by(size as usize) {
            let (rows, total) = page(&vault, ListScope::Queue, start, size);
            prop_assert_eq!(total as usize, whole.len());
            paged.extend(rows);
        }
        prop_assert_eq!(paged, whole);
    }
}

#[test]
fn whatever_is_typed_into_search_is_safe() {
    let (_dir, vault) = vault();
    vault.apply(&[CacheChange::Consultation(consultation("c-1"))]).unwrap();
    for hostile in [
        "",
        " ",
        "\"",
        "\"\"\"",
        "*",
        "a*b",
        "text:chest",
        "NEAR(a b)",
        "a AND",
        "NOT",
        "(",
        ")",
        "^chest",
        "{a b}:c",
        "'; DROP TABLE message; --",
        "\0",
        "a\0b",
        "-",
        "+",
        "\u{202E}chest",
        "👩‍⚕️",
        "½",
        "Ⅷ",
        "۳",
        "ﷺ",
        "\u{FFFF}",
    ] {
        vault.search(hostile, 9).unwrap();
    }
    vault.search(&"a ".repeat(100_000), 9).unwrap();
    vault.search(&"a".repeat(1_000_000), 9).unwrap();
    assert_eq!(vault.search("chest", 9).unwrap().len(), 1);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(500));
    runner
        .run(&any::<String>(), |typed| {
            prop_assert!(vault.search(&typed, 9).is_ok());
            Ok(())
        })
        .unwrap();
}

#[test]
fn words_stay_only_with_those_between_whom_they_were_said() {
    let (_home, vault) = vault();
    let there = || {
        vault.messages(&c("c-1"), 10).unwrap().0.into_iter().next().map(|held| (held.text, held.unreadable))
    };
    let original = message("m-1", "c-1", 1);
    vault.apply(&[opened(original.clone(), "take two")]).unwrap();
    let again = |message: Message| {
        vault.apply(&[CacheChange::Message { message, text: None, unreadable: true }]).unwrap();
    };
    again(original.clone());
    assert_eq!(there(), Some((Some("take two".to_owned()), false)), "the same again costs nothing");
    type Change = fn(&mut Message);
    let changes: [Change; 3] = [
        |message| message.from_id = PersonId::new("patient-9"),
        |message| message.to_id = PersonId::new("physician-9"),
        |message| drop(message.metadata.insert("envelopeId".to_owned(), "another".into())),
    ];
    for change in changes {
        vault.apply(&[opened(original.clone(), "take two")]).unwrap();
        let mut forged = original.clone();
        change(&mut forged);
        again(forged);
        assert_eq!(there(), Some((None, true)));
        assert_eq!(vault.search("take", 10).unwrap().len(), 0, "nor are they found");
    }
}

#[test]
fn what_was_said_once_is_not_said_again_under_another_name() {
    let (_home, vault) = vault();
    let (first, mut repeat) = (message("m-1", "c-1", 1), message("m-2", "c-1", 2));
    repeat.metadata = first.metadata.clone();
    for _ in 0..2 {
        // In whatever order they come again, the one that was first keeps its words.
        vault.apply(&[opened(first.clone(), "take two"), opened(repeat.clone(), "take two")]).unwrap();
        let (held, _) = vault.messages(&c("c-1"), 10).unwrap();
        let words: Vec<_> = held.iter().map(|held| (held.text.as_deref(), held.unreadable)).collect();
        assert_eq!(words, [(Some("take two"), false), (None, true)]);
        vault.apply(&[opened(repeat.clone(), "take two"), opened(first.clone(), "take two")]).unwrap();
    }
    assert_eq!(vault.search("take", 10).unwrap().len(), 1);
}
