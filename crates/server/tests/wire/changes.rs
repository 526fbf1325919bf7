//! Feature `changes`: who follows it has what the lists show, and is told when that cannot be.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    events::Listener,
    support::{Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, OKAFOR},
};

/// A client that knows nothing but what the list of changes tells.
#[derive(Default)]
struct Follower {
    cursor: Option<String>,
    records: BTreeMap<(String, String), Value>,
    pages: usize,
}

impl Follower {
    async fn catch_up(&mut self, caller: &Caller, limit: usize) {
        loop {
            let since = self.cursor.as_ref().map_or_else(String::new, |cursor| format!("&since={cursor}"));
            let reply = caller.get(&format!("/changes?limit={limit}{since}")).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            self.pages += 1;
            for change in reply.json["changes"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                match change["type"].as_str().unwrap() {
                    "gone" => drop(self.records.remove(&(text(&change["of"]), text(&change["id"])))),
                    "receipt" => {}
                    kind => {
                        let record = change["record"].clone();
                        self.records.insert((kind.to_owned(), text(&record["id"])), record);
                    }
                }
            }
            let next = reply.json["nextCursor"].as_str().unwrap().to_owned();
            assert!(
                reply.json["hasMore"] == json!(false) || self.cursor.as_ref() != Some(&next),
                "it stands still and says that there is more"
            );
            self.cursor = Some(next);
            if reply.json["hasMore"] == json!(false) {
                return;
            }
        }
    }

    fn of(&self, kind: &str) -> BTreeMap<&str, &Value> {
        self.records
            .iter()
            .filter(|((of, _), _)| of == kind)
            .map(|((_, id), record)| (id.as_str(), record))
            .collect()
    }

    /// Against everything that the lists show.
    async fn agrees(&self, caller: &Caller) {
        let mut listed = Vec::new();
        for offset in [0, 100] {
            let page = caller.get(&format!("/consultations?limit=100&offset={offset}")).await.json;
            listed.extend(page.as_array().unwrap().clone());
        }
        let by_id = |rows: &[Value]| -> BTreeMap<String, Value> {
            rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row.clone())).collect()
        };
        let owned = |of: BTreeMap<&str, &Value>| -> BTreeMap<String, Value> {
            of.into_iter().map(|(id, record)| (id.to_owned(), record.clone())).collect()
        };
        assert!(owned(self.of("consultation")) == by_id(&listed), "consultations of {}", caller.id);
        let appointments = caller.get("/appointments").await.json;
        assert!(
            owned(self.of("appointment")) == by_id(appointments.as_array().unwrap()),
            "appointments of {}",
            caller.id
        );
        // Of the conversations that one takes part in; what was in one that is over for me goes with it.
        for room in &listed {
            if room["patientId"] != json!(caller.id) && room["physicianId"] != json!(caller.id) {
                continue;
            }
            let mut said = Vec::new();
            for offset in [0, 100] {
                let path = format!(
                    "/messages?consultationId={}&limit=100&offset={offset}",
                    room["id"].as_str().unwrap()
                );
                said.extend(caller.get(&path).await.json.as_array().unwrap().clone());
            }
            let known: BTreeMap<_, _> = self
                .of("message")
                .into_iter()
                .filter(|(_, message)| message["consultationId"] == room["id"])
                .collect();
            assert_eq!(known.len(), said.len(), "{} {}", caller.id, room["id"]);
            for message in said {
                assert_eq!(known[message["id"].as_str().unwrap()]["content"], message["content"]);
            }
        }
    }
}

#[tokio::test]
async fn who_follows_the_changes_has_what_the_lists_show() {
    let clinic = Clinic::open().await;
    let (marta, lucia) = (clinic.sign_in(MARTA).await, clinic.sign_in(LUCIA).await);
    let (okafor, lindqvist) = (clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    let feldman = clinic.sign_in(FELDMAN).await;
    let everybody = [&marta, &lucia, &okafor, &lindqvist, &feldman];
    let mut followers: Vec<Follower> = everybody.iter().map(|_| Follower::default()).collect();
    for (follower, caller) in followers.iter_mut().zip(everybody) {
        follower.catch_up(caller, 23).await;
        assert!(follower.pages > 2, "{}", follower.pages);
        assert!(!follower.of("consultation").is_empty());
        follower.agrees(caller).await;
    }
    assert!(followers[4].of("message").is_empty(), "an administrator is told of no message");

    // A busy morning, in which records change hands.
    let first = marta.ask("cardiology", "urgent").await;
    assert_eq!(okafor.to(&first, "assigned").await.status, 200);
    for n in 0..5 {
        marta.say(&first, "physician-12", &format!("message {n}")).await;
    }
    okafor.say(&first, "patient-2041", "BP 120:80").await;
    let booked = json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z" });
    let appointment = okafor.post("/appointments", booked).await.json["id"].as_str().unwrap().to_owned();
    let second = lucia.ask("cardiology", "routine").await;
    lindqvist.post(&format!("/consultations/{second}/decline"), json!({ "reason": "Away" })).await;
    for (follower, caller) in followers.iter_mut().zip(everybody) {
        follower.catch_up(caller, 3).await;
        follower.agrees(caller).await;
    }
    let give = json!({ "physicianId": "physician-13", "reason": "On leave" });
    assert_eq!(okafor.post(&format!("/consultations/{first}/handoff"), give).await.status, 200);
    let answer = json!({ "participantStatus": "declined", "comment": "I am away" });
    assert_eq!(marta.post(&format!("/appointments/{appointment}/response"), answer).await.status, 200);
    assert_eq!(okafor.to(&second, "assigned").await.status, 200);
    lindqvist.say(&first, "patient-2041", "I took over").await;
    for (follower, caller) in followers.iter_mut().zip(everybody) {
        follower.catch_up(caller, 2).await;
        follower.agrees(caller).await;
    }
    assert!(!followers[2].of("consultation").contains_key(first.as_str()), "gone from who gave it away");
    assert_eq!(
        followers[2].of("appointment")[appointment.as_str()]["response"]["participantStatus"],
        "declined"
    );
    for (follower, caller) in followers.iter_mut().zip(everybody) {
        let (cursor, records) = (follower.cursor.clone(), follower.records.len());
        follower.catch_up(caller, 100).await;
        assert_eq!(
            (follower.cursor.clone(), follower.records.len()),
            (cursor, records),
            "nothing new, nothing told"
        );
    }
}

#[tokio::test]
async fn what_changes_during_the_walk_is_told_after_it() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let page = okafor.get("/changes?limit=5").await.json;
    assert_eq!((page["changes"].as_array().unwrap().len(), &page["hasMore"]), (5, &json!(true)));
    let mut follower =
        Follower { cursor: Some(page["nextCursor"].as_str().unwrap().to_owned()), ..Follower::default() };
    let id = marta.ask("cardiology", "urgent").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    marta.say(&id, "physician-12", "Hello").await;
    follower.catch_up(&okafor, 5).await;
    assert_eq!(follower.of("consultation")[id.as_str()]["version"], 2);
    assert!(follower.of("message").values().any(|message| message["content"] == "Hello"));
}

#[tokio::test]
async fn the_id_of_an_event_is_a_place_among_the_changes() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let mut listener = Listener::of(&okafor, None).await;
    marta.ask("cardiology", "routine").await;
    let place = listener.next().await.id;
    let none = okafor.get(&format!("/changes?since={place}")).await.json;
    assert_eq!(none, json!({ "changes": [], "nextCursor": place, "hasMore": false }));
    let id = marta.ask("cardiology", "urgent").await;
    let one = okafor.api().get(&format!("/changes?since={place}")).await.json["data"].clone();
    assert_eq!(one["changes"][0]["record"]["id"], json!(id));
    assert_eq!(one["nextCursor"], json!(listener.next().await.id), "and the other way round");
}

#[tokio::test]
async fn a_place_that_is_no_place_any_more_says_so() {
    let clinic = Clinic::with(|config| config.keep_events = 4).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let mut listener = Listener::of(&okafor, None).await;
    marta.ask("cardiology", "routine").await;
    let early = listener.next().await.id;
    let walking = okafor.get("/changes?limit=1").await.json["nextCursor"].as_str().unwrap().to_owned();
    for _ in 0..4 {
        marta.ask("cardiology", "routine").await;
    }
    let kept = okafor.get(&format!("/changes?since={early}")).await;
    assert_eq!(
        (kept.status, kept.json["changes"].as_array().unwrap().len()),
        (200, 4),
        "the last that is kept"
    );
    marta.ask("cardiology", "routine").await;
    let (epoch, _) = early.rsplit_once('-').unwrap();
    let other = Clinic::open().await;
    let foreign = other.sign_in(OKAFOR).await.get("/changes?limit=1").await.json["nextCursor"].clone();
    for lost in [
        early.clone(),
        walking,
        foreign.as_str().unwrap().to_owned(),
        format!("{epoch}-999"),
        format!("{epoch}--1"),
        format!("{epoch}-1~message"),
        format!("{epoch}-1~letter~"),
        "garbage".to_owned(),
        "~~".to_owned(),
        "x".repeat(4000),
        "%00".to_owned(),
        "'%20OR%201=1".to_owned(),
    ] {
        for caller in [&okafor, &marta] {
            let reply = caller.get(&format!("/changes?since={lost}")).await;
            assert_eq!((reply.status, reply.error()), (410, "CURSOR_EXPIRED"), "{lost}");
        }
    }
    for (query, field) in
        [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("since=a&since=b", "since")]
    {
        assert_eq!(okafor.get(&format!("/changes?{query}")).await.paths(), [field]);
    }
    let mut again = Follower::default();
    again.catch_up(&okafor, 50).await;
    again.agrees(&okafor).await;
}
