//! Keeping copies: changes since a place, lists only when they have changed, and whose clock is right.

use std::{collections::BTreeSet, sync::Arc};

use chatehr_client::{
    ChangePage, ChangesError, Client, ClientError, Config, ConsultationQuery, Fetched, Gauges, SignedIn,
};
use chatehr_contract::{Change, Handoff, PersonId, Timestamp, Urgency};
use serde_json::json;
use wiremock::ResponseTemplate;

use super::{
    TOKEN, answer, base, chatehr, client,
    clinic::{Clinic, LINDQVIST, MARTA, OKAFOR, asked, taken},
    consultation,
};

/// Everything from a place on, and the place that was reached.
async fn all(person: &SignedIn, mut since: Option<String>, limit: u32) -> (Vec<Change>, String) {
    let mut changes = Vec::new();
    loop {
        let page = person.changes(since.as_deref(), limit).await.unwrap();
        assert_eq!(page.skipped, 0);
        changes.extend(page.changes);
        if !page.has_more {
            return (changes, page.next_cursor);
        }
        since = Some(page.next_cursor);
    }
}

#[tokio::test]
async fn who_follows_the_changes_hears_of_each_and_of_what_is_gone() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let (everything, place) = all(&okafor, None, 100).await;
    let told: BTreeSet<_> = everything
        .iter()
        .filter_map(|change| match change {
            Change::Consultation { record } => Some(record.id.clone()),
            _ => None,
        })
        .collect();
    let listed = okafor.all_consultations().await.unwrap();
    assert_eq!(told, listed.into_iter().map(|record| record.id).collect());
    let (nothing, place) = all(&okafor, Some(place), 100).await;
    assert_eq!(nothing, []);

    let id = asked(&marta, Urgency::Urgent, "a").await.id;
    let record = taken(&okafor, &id, "b").await;
    let (changes, place) = all(&okafor, Some(place), 1).await;
    assert!(changes.contains(&Change::Consultation { record }), "{changes:?}");
    let physician_id = Some(PersonId::new("physician-13"));
    let handoff = Handoff { physician_id, specialty: None, reason: "On leave".to_owned() };
    okafor.hand_off(&id, &handoff, None, "c").await.unwrap();
    let (changes, _) = all(&okafor, Some(place), 100).await;
    assert_eq!(changes, [Change::Gone { of: "consultation".to_owned(), id: id.to_string() }]);
}

#[tokio::test]
async fn a_place_that_is_not_kept_any_more_is_an_error_of_its_own() {
    let clinic = Clinic::with(|config| config.keep_events = 2).await;
    let (marta, lindqvist) = (clinic.sign_in(MARTA).await, clinic.sign_in(LINDQVIST).await);
    let (_, place) = all(&lindqvist, None, 500).await;
    for key in ["a", "b", "c", "d"] {
        asked(&marta, Urgency::Routine, key).await;
    }
    assert_eq!(lindqvist.changes(Some(&place), 100).await, Err(ChangesError::CursorExpired));
    assert_eq!(lindqvist.changes(Some("another server's"), 100).await, Err(ChangesError::CursorExpired));
    let error = lindqvist.changes(None, 501).await.unwrap_err();
    assert!(matches!(error, ChangesError::Client(ClientError::Invalid { .. })), "{error:?}");
    lindqvist.end_session().await.unwrap();
    assert_eq!(lindqvist.changes(None, 1).await, Err(ClientError::SignedOut.into()));
}

#[tokio::test]
async fn a_change_that_cannot_be_read_costs_itself_and_a_place_that_stands_still_ends_the_walk() {
    let server = chatehr().await;
    let changes = json!([
        {"type": "consultation", "record": consultation("a")},
        {"type": "consultation", "record": 5},
        {"type": "moon", "phase": "full"},
        {"type": "gone", "of": "message", "id": "m"}
    ]);
    let page = json!({"changes": changes, "nextCursor": "e-9", "hasMore": true});
    answer(&server, "GET", "/v1/changes", ResponseTemplate::new(200).set_body_json(page)).await;
    let person = client(&base(&server)).with_session(TOKEN);
    let ChangePage { changes, next_cursor, has_more, skipped } =
        person.changes(Some("e-1"), 10).await.unwrap();
    assert_eq!((changes.len(), next_cursor.as_str(), has_more, skipped), (3, "e-9", true, 1));
    assert_eq!(changes[1], Change::Unknown);
    assert!(matches!(
        person.changes(Some("e-9"), 10).await,
        Err(ChangesError::Client(ClientError::Malformed(_)))
    ));
}

#[tokio::test]
async fn a_list_comes_again_only_when_it_has_changed() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let query = ConsultationQuery { limit: 5, ..ConsultationQuery::default() };
    let Fetched::Fresh { page, tag: Some(tag) } = okafor.consultations_since(&query, None).await.unwrap()
    else {
        panic!("no tag")
    };
    assert_eq!((page.rows.len(), page.skipped), (5, 0));
    assert_eq!(okafor.consultations_since(&query, Some(&tag)).await.unwrap(), Fetched::NotModified);
    let other = ConsultationQuery { offset: 5, ..query.clone() };
    assert!(matches!(okafor.consultations_since(&other, Some(&tag)).await, Ok(Fetched::Fresh { .. })));
    let id = asked(&marta, Urgency::Routine, "a").await.id;
    let Fetched::Fresh { page, tag: Some(newer) } =
        okafor.consultations_since(&query, Some(&tag)).await.unwrap()
    else {
        panic!("it has changed")
    };
    assert_eq!(page.rows[0].id, id);
    assert_ne!(newer, tag);

    let (from, until) = ("2026-11-01T00:00:00Z".parse().unwrap(), "2026-12-31T00:00:00Z".parse().unwrap());
    let Ok(Fetched::Fresh { tag: Some(tag), .. }) = okafor.appointments_since(from, until, None).await else {
        panic!("no tag")
    };
    assert_eq!(okafor.appointments_since(from, until, Some(&tag)).await.unwrap(), Fetched::NotModified);
    let place = page.rows.iter().find(|row| row.physician_id == Some(PersonId::new("physician-12")));
    let place = place.map_or_else(|| id.clone(), |row| row.id.clone());
    taken(&okafor, &id, "b").await;
    // The first time, messages become delivered, which is a change.
    okafor.messages(&place, 100, 0).await.unwrap();
    let Ok(Fetched::Fresh { tag: Some(tag), .. }) = okafor.messages_since(&place, 100, 0, None).await else {
        panic!("no tag")
    };
    assert_eq!(okafor.messages_since(&place, 100, 0, Some(&tag)).await.unwrap(), Fetched::NotModified);
    okafor.end_session().await.unwrap();
    assert_eq!(okafor.consultations_since(&query, Some(&tag)).await.unwrap_err(), ClientError::SignedOut);
}

#[tokio::test]
async fn a_server_without_tags_is_asked_each_time_and_a_304_that_nobody_asked_for_is_no_answer() {
    let server = chatehr().await;
    let rows = ResponseTemplate::new(200).set_body_json(json!([consultation("a")]));
    answer(&server, "GET", "/v1/consultations", rows).await;
    let person = client(&base(&server)).with_session(TOKEN);
    let Ok(Fetched::Fresh { page, tag: None }) =
        person.consultations_since(&ConsultationQuery::default(), None).await
    else {
        panic!("a tag")
    };
    assert_eq!(page.rows.len(), 1);
    let server = chatehr().await;
    answer(&server, "GET", "/v1/consultations", ResponseTemplate::new(304)).await;
    let person = client(&base(&server)).with_session(TOKEN);
    let error = person.consultations_since(&ConsultationQuery::default(), None).await.unwrap_err();
    assert!(matches!(error, ClientError::NotChatEhr { .. }), "{error:?}");
}

#[tokio::test]
async fn the_servers_clock_is_measured_against_this_workstations() {
    let clinic = Clinic::open().await;
    let now = Timestamp::from_millis(0);
    let mut config = Config::new(clinic.running.base_url());
    config.gauges = Gauges::new(Some(Arc::new(move || now)));
    let measuring = Client::new(config).unwrap();
    assert_eq!(measuring.skew(), None);
    measuring.health().await.unwrap();
    let skew = measuring.skew().unwrap();
    // The server dates its answers by the system's clock, and this workstation believes that it is 1970.
    assert!(skew.ahead_millis > 1_700_000_000_000, "{skew:?}");
    assert!(skew.give_or_take.as_millis() >= 500, "{skew:?}");
    assert_eq!(clinic.client().skew(), None);
}
