use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, OKAFOR};

/// Long enough that only a stream which never speaks meets it.
const NEVER: Duration = Duration::from_secs(30);

/// A listener who reads block by block.
pub(crate) struct Listener {
    response: reqwest::Response,
    unread: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Listener {
    pub(crate) async fn of(caller: &Caller, last: Option<&str>) -> Self {
        let mut request = caller.request(Method::GET, "/events");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut listener = Self { response, unread: String::new() };
        assert!(listener.raw().await.unwrap().starts_with(": connected"));
        listener
    }

    /// The next block as written; `None` at the end of the stream.
    pub(crate) async fn raw(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let block = block.to_owned();
                self.unread = rest.to_owned();
                return Some(block);
            }
            let chunk =
                tokio::time::timeout(NEVER, self.response.chunk()).await.expect("the stream is silent");
            self.unread.push_str(std::str::from_utf8(&chunk.ok().flatten()?).unwrap());
        }
    }

    /// The next event, heartbeats passed over.
    pub(crate) async fn next(&mut self) -> Block {
        tokio::time::timeout(NEVER, self.heard()).await.expect("nothing but heartbeats")
    }

    async fn heard(&mut self) -> Block {
        loop {
            let raw = self.raw().await.expect("the stream ended");
            let field = |name: &str| raw.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some(data) = field("data: ") {
                return Block {
                    id: field("id: ").unwrap(),
                    event: field("event: ").unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                };
            }
        }
    }
}

fn changed(id: &str, version: u64, urgency: &str) -> Value {
    json!({ "kind": "consultation.changed", "consultationId": id, "version": version, "urgency": urgency })
}

#[tokio::test]
async fn an_urgent_request_reaches_its_pool_and_nobody_else() {
    let clinic = Clinic::open().await;
    let (marta, lucia) = (clinic.sign_in(MARTA).await, clinic.sign_in(LUCIA).await);
    let mut okafor = Listener::of(&clinic.sign_in(OKAFOR).await, None).await;
    let mut hers = Listener::of(&lucia, None).await;
    let mut all = Listener::of(&clinic.machine(), None).await;
    let skin = marta.ask("dermatology", "urgent").await;
    let heart = marta.ask("cardiology", "urgent").await;
    let own = lucia.ask("dermatology", "routine").await;
    let heard = okafor.next().await;
    assert_eq!((heard.event.as_str(), heard.data), ("consultation.changed", changed(&heart, 1, "urgent")));
    assert_eq!(hers.next().await.data, changed(&own, 1, "routine"), "a patient hears of their own alone");
    for (id, pool) in [(&skin, "dermatology"), (&heart, "cardiology")] {
        let mut told = all.next().await.data;
        let audience = told.as_object_mut().unwrap().remove("audience").unwrap();
        assert_eq!(told, changed(id, 1, "urgent"));
        assert_eq!(audience["pools"], json!([pool]), "a machine hears for whom it is");
    }
}

#[tokio::test]
async fn who_loses_sight_of_a_consultation_hears_so_once() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let mut lindqvist = Listener::of(&clinic.sign_in(LINDQVIST).await, None).await;
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    assert_eq!(okafor.to(&id, "in_progress").await.status, 200);
    assert_eq!(okafor.say(&id, "patient-2041", "Hello").await.status, 201);
    let next = marta.ask("cardiology", "urgent").await;
    assert_eq!(lindqvist.next().await.data, changed(&id, 1, "routine"));
    assert_eq!(lindqvist.next().await.data, changed(&id, 2, "routine"), "it left her pool");
    assert_eq!(lindqvist.next().await.data, changed(&next, 1, "urgent"), "and what follows is not hers");
}

#[tokio::test]
async fn a_message_is_told_to_the_two_who_take_part_and_without_its_words() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    let mut physician = Listener::of(&okafor, None).await;
    let mut admin = Listener::of(&clinic.sign_in(FELDMAN).await, None).await;
    let sent = marta.say(&id, "physician-12", "Hello").await;
    let heard = physician.next().await;
    assert_eq!(
        heard.data,
        json!({ "kind": "message.created", "consultationId": id, "messageId": sent.json["id"] })
    );
    assert_eq!(okafor.to(&id, "in_progress").await.status, 200);
    assert_eq!(admin.next().await.event, "consultation.changed", "an administrator hears of records alone");
}

#[tokio::test]
async fn an_appointment_is_told_to_the_two_whose_it_is() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let mut marta = Listener::of(&clinic.sign_in(MARTA).await, None).await;
    let mut lucia = Listener::of(&clinic.sign_in(LUCIA).await, None).await;
    for patient in ["patient-2041", "patient-2044"] {
        let body = json!({
            "patientId": patient, "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z",
            "notes": "Bring the old letters",
        });
        let made = okafor.post("/appointments", body).await;
        let listener = if patient == "patient-2041" { &mut marta } else { &mut lucia };
        // The first that either hears of is their own.
        let expected = json!({ "kind": "appointment.changed", "appointmentId": made.json["id"] });
        assert_eq!(listener.next().await.data, expected);
    }
}

#[tokio::test]
async fn a_listener_who_comes_back_hears_what_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let mut listener = Listener::of(&okafor, None).await;
    let first = marta.ask("cardiology", "routine").await;
    let last = listener.next().await;
    assert_eq!(last.data["consultationId"], json!(first));
    drop(listener);
    marta.ask("dermatology", "urgent").await;
    let missed = marta.ask("cardiology", "urgent").await;
    clinic.running.stop().await;

    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let okafor = clinic.caller("physician-12", &okafor.token);
    let mut listener = Listener::of(&okafor, Some(&last.id)).await;
    let replayed = listener.next().await;
    assert_eq!(replayed.data, changed(&missed, 1, "urgent"), "over a restart, and filtered as before");
    let now = clinic.caller("patient-2041", &marta.token).ask("cardiology", "routine").await;
    let live = listener.next().await;
    assert_eq!(live.data["consultationId"], json!(now), "and goes on without a gap");
    let number = |id: &str| id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    assert!(number(&last.id) < number(&replayed.id) && number(&replayed.id) < number(&live.id));
}

#[tokio::test]
async fn a_place_that_cannot_be_replayed_is_a_reset() {
    let clinic = Clinic::with(|config| config.keep_events = 2).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let mut listener = Listener::of(&okafor, None).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        marta.ask("cardiology", "routine").await;
        ids.push(listener.next().await.id);
    }
    assert_eq!(
        Listener::of(&okafor, Some(&ids[1])).await.next().await.id,
        ids[2],
        "what is kept is replayed"
    );
    let (epoch, _) = ids[0].rsplit_once('-').unwrap();
    for lost in [ids[0].as_str(), "otherstore-3", "nonsense", &format!("{epoch}-99"), &format!("{epoch}--1")]
    {
        let mut listener = Listener::of(&okafor, Some(lost)).await;
        let reset = listener.next().await;
        assert_eq!((reset.event.as_str(), reset.data), ("reset", json!({ "kind": "reset" })), "{lost}");
        assert_eq!(reset.id, ids[3], "from here on it can be replayed");
    }
    let mut listener = Listener::of(&okafor, Some("nonsense")).await;
    listener.next().await;
    let next = marta.ask("cardiology", "urgent").await;
    assert_eq!(listener.next().await.data["consultationId"], json!(next), "after a reset the stream goes on");
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives() {
    let clinic = Clinic::with(|config| config.heartbeat = Duration::from_millis(20)).await;
    let mut listener = Listener::of(&clinic.sign_in(OKAFOR).await, None).await;
    for _ in 0..3 {
        assert_eq!(listener.raw().await.unwrap(), ": heartbeat");
    }
}

#[tokio::test]
async fn a_stop_ends_the_streams() {
    let clinic = Clinic::open().await;
    let mut listener = Listener::of(&clinic.sign_in(OKAFOR).await, None).await;
    clinic.running.stop().await;
    assert_eq!(listener.raw().await.unwrap(), ": the server stops\nretry: 2000");
    assert_eq!(listener.raw().await, None);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    // A moment before the end; the stream's own timer does the rest.
    clinic.pass(12 * 3600 - 1);
    let mut listener = Listener::of(&okafor, None).await;
    assert_eq!(listener.raw().await, None);
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let clinic = Clinic::with(|config| config.heartbeat = Duration::from_millis(20)).await;
    let (okafor, other) = (clinic.sign_in(OKAFOR).await, clinic.sign_in(OKAFOR).await);
    let (mut listener, mut stays) = (Listener::of(&okafor, None).await, Listener::of(&other, None).await);
    let mut machine = Listener::of(&clinic.machine(), None).await;
    assert_eq!(okafor.delete("/session").await.status, 204);
    let end = async { while listener.raw().await.is_some() {} };
    tokio::time::timeout(NEVER, end).await.expect("it goes on after the session");
    for _ in 0..3 {
        assert!(stays.raw().await.is_some() && machine.raw().await.is_some(), "others go on");
    }
}

#[tokio::test]
async fn a_listener_who_does_not_read_holds_up_nobody() {
    let clinic = Clinic::with(|config| config.listener_queue = 1).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let mut listener = Listener::of(&okafor, None).await;
    let mut asked = Vec::new();
    for _ in 0..100 {
        asked.push(marta.ask("cardiology", "urgent").await);
    }
    // However often the stream is cut for falling behind, coming back with the last id loses nothing.
    let (mut heard, mut last) = (Vec::new(), None::<String>);
    while heard.len() < asked.len() {
        while let Some(raw) = listener.raw().await {
            let field = |name: &str| raw.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            last = field("id: ").or(last);
            if let Some(data) = field("data: ") {
                let data: Value = serde_json::from_str(&data).unwrap();
                heard.push(data["consultationId"].as_str().unwrap().to_owned());
            }
            if heard.len() == asked.len() {
                break;
            }
        }
        if heard.len() < asked.len() {
            let from = last.clone().unwrap_or_else(|| panic!("cut before the first event"));
            listener = Listener::of(&okafor, Some(&from)).await;
        }
    }
    assert_eq!(heard, asked);
}
