//! Feature `escalation`: an urgent request is always waited for by somebody named, by a whole pool, or visibly by
//! nobody.

use std::time::Duration;

use chatehr_server::{Config, EscalationPolicy};
use serde_json::{Value, json};

use crate::{
    events::{Block, Listener},
    support::{Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, OKAFOR},
};

/// Between two looks for due steps.
const LOOK: Duration = Duration::from_millis(20);

fn looks(config: &mut Config) {
    config.escalation_look = LOOK;
}

async fn record(caller: &Caller, id: &str) -> Value {
    let reply = caller.get(&format!("/consultations/{id}")).await;
    assert_eq!(reply.status, 200);
    reply.json
}

/// The record once it has reached this version.
async fn at_version(caller: &Caller, id: &str, version: u64) -> Value {
    for _ in 0..500 {
        let record = record(caller, id).await;
        if record["version"] == json!(version) {
            return record;
        }
        assert!(record["version"].as_u64().unwrap() < version, "a step too many: {record}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("version {version} never came: {}", record(caller, id).await);
}

/// Several looks later nothing has moved.
async fn stays(caller: &Caller, id: &str, version: u64) {
    tokio::time::sleep(LOOK * 6).await;
    assert_eq!(record(caller, id).await["version"], json!(version));
}

async fn on_call(physician: &Caller, on_call: bool, availability: &str) {
    let body = json!({ "onCall": on_call, "availability": availability });
    assert_eq!(physician.put("/physicians/me/availability", body).await.status, 200);
}

/// The next that is about this one; the demonstration's own requests escalate as well.
async fn of_ours(listener: &mut Listener, id: &str) -> Block {
    loop {
        let heard = listener.next().await;
        if heard.data["consultationId"] == id {
            return heard;
        }
    }
}

fn escalated(record: &Value) -> Vec<&str> {
    let history = record["history"].as_array().unwrap().iter();
    history
        .filter(|entry| entry["action"] == "escalated")
        .map(|entry| entry["note"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_request_goes_down_the_list_then_to_everybody_then_visibly_to_nobody() {
    let clinic = Clinic::with(looks).await;
    let (marta, okafor, lindqvist) =
        (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    let feldman = clinic.sign_in(FELDMAN).await;
    on_call(&lindqvist, true, "available").await;
    let mut hers = Listener::of(&marta, None).await;
    let mut admins = Listener::of(&feldman, None).await;
    let id = marta.ask("cardiology", "emergency").await;
    let first = record(&feldman, &id).await["metadata"]["escalation"].clone();
    let asked_first = first["targetId"].as_str().unwrap().to_owned();
    let asked_next = if asked_first == "physician-12" { "physician-13" } else { "physician-12" };
    assert_eq!((&first["level"], &first["targetsLeft"]), (&json!(0), &json!(2)));
    assert_eq!(first["ackDueAt"], "2026-11-23T09:44:00.000Z");
    clinic.pass(119);
    stays(&feldman, &id, 1).await;

    clinic.pass(1);
    let second = at_version(&feldman, &id, 2).await;
    let now = &second["metadata"]["escalation"];
    assert_eq!((&now["level"], &now["targetId"]), (&json!(1), &json!(asked_next)));
    assert_eq!((&now["state"], &now["targetsLeft"]), (&json!("waiting"), &json!(1)));
    assert_eq!(now["ackDueAt"], "2026-11-23T09:46:00.000Z");
    assert_eq!(now["asked"], json!([asked_first, asked_next]));
    assert_eq!(escalated(&second), ["Not answered in time. The next physician on call is asked."]);

    clinic.pass(120);
    let third = at_version(&feldman, &id, 3).await;
    let now = &third["metadata"]["escalation"];
    assert_eq!((&now["level"], &now["targetId"], &now["targetsLeft"]), (&json!(2), &json!(null), &json!(0)));
    clinic.pass(120);
    let last = at_version(&feldman, &id, 4).await;
    assert_eq!(last["metadata"]["escalation"]["state"], "no_recipients");
    assert_eq!(escalated(&last).last().unwrap(), &"Not answered in time. Nobody is left to ask.");

    // The requester is told that, and not who was asked.
    let seen = record(&marta, &id).await;
    let now = seen["metadata"]["escalation"].as_object().unwrap();
    assert_eq!(now["state"], "no_recipients");
    assert!(!now.contains_key("targetId") && !now.contains_key("asked"));
    assert!(seen["history"].as_array().unwrap().iter().all(|entry| entry["note"].is_null()));
    for listener in [&mut hers, &mut admins] {
        assert_eq!(of_ours(listener, &id).await.event, "consultation.changed");
        for version in [2, 3, 4] {
            let heard = of_ours(listener, &id).await;
            let told = json!({
                "kind": "escalation.changed", "consultationId": id, "version": version, "urgency": "emergency",
            });
            assert_eq!((heard.event.as_str(), heard.data), ("escalation.changed", told));
        }
    }
    clinic.pass(24 * 3600 - 3600);
    stays(&clinic.machine(), &id, 4).await;
    let clinic_okafor = clinic.sign_in(OKAFOR).await;
    let taken = clinic_okafor.to(&id, "assigned").await;
    assert_eq!(
        (taken.status, &taken.json["metadata"]["escalation"]),
        (200, &json!(null)),
        "it can still be taken"
    );
    drop(okafor);
}

#[tokio::test]
async fn not_everything_falls_to_the_same_physician_first() {
    let clinic = Clinic::open().await;
    let (marta, lindqvist) = (clinic.sign_in(MARTA).await, clinic.sign_in(LINDQVIST).await);
    on_call(&lindqvist, true, "busy").await;
    let machine = clinic.machine();
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let id = marta.ask("cardiology", "urgent").await;
        first.insert(record(&machine, &id).await["metadata"]["escalation"]["targetId"].to_string());
    }
    assert_eq!(first.len(), 2, "{first:?}");
}

#[tokio::test]
async fn a_decline_of_who_is_asked_moves_on_at_once_and_they_are_not_asked_again() {
    let clinic = Clinic::open().await;
    let (marta, okafor, lindqvist) =
        (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    on_call(&lindqvist, true, "available").await;
    let id = marta.ask("cardiology", "urgent").await;
    let decline = format!("/consultations/{id}/decline");
    let asked = record(&okafor, &id).await["metadata"]["escalation"]["targetId"].clone();
    let (first, second) = if asked == "physician-12" { (&okafor, &lindqvist) } else { (&lindqvist, &okafor) };
    clinic.pass(60);
    let after = first.post(&decline, json!({ "reason": "In theatre" })).await.json;
    let now = &after["metadata"]["escalation"];
    assert_eq!((&now["level"], &now["targetId"]), (&json!(1), &json!(second.id)));
    assert_eq!(now["ackDueAt"], "2026-11-23T09:53:00.000Z", "with the whole time again");
    let after = second.post(&decline, json!({ "reason": "Away" })).await.json;
    let now = &after["metadata"]["escalation"];
    assert_eq!(
        (&now["level"], &now["targetId"], &now["state"]),
        (&json!(2), &json!(null), &json!("waiting"))
    );
    assert_eq!(
        escalated(&after),
        ["Declined. The next physician on call is asked.", "Declined. Everybody of the specialty is asked.",]
    );
    // A decline of somebody who is not being asked moves nothing.
    let id = marta.ask("cardiology", "urgent").await;
    let asked = record(&okafor, &id).await["metadata"]["escalation"]["targetId"].clone();
    let other = if asked == "physician-12" { &lindqvist } else { &okafor };
    let after = other.post(&format!("/consultations/{id}/decline"), json!({ "reason": "No" })).await.json;
    assert_eq!(after["metadata"]["escalation"]["targetId"], asked);
    assert!(escalated(&after).is_empty());
}

#[tokio::test]
async fn a_restart_neither_loses_nor_repeats_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let with_file = |config: &mut Config| {
        looks(config);
        config.database = Some(file.clone());
    };
    let clinic = Clinic::with(with_file).await;
    let token = clinic.sign_in(MARTA).await.token;
    let id = clinic.caller("patient-2041", &token).ask("cardiology", "emergency").await;
    stays(&clinic.machine(), &id, 1).await;
    let clinic = clinic.restart(with_file).await;
    stays(&clinic.machine(), &id, 1).await;

    // Two steps' time passes while nobody looks: the one that is due is taken, and the next has its whole time.
    let clinic = clinic.restart_after(300, with_file).await;
    let record = at_version(&clinic.machine(), &id, 2).await;
    assert_eq!(
        record["metadata"]["escalation"]["targetId"],
        json!(null),
        "the only one on call had been asked"
    );
    assert_eq!(record["metadata"]["escalation"]["ackDueAt"], "2026-11-23T09:49:00.000Z");
    stays(&clinic.machine(), &id, 2).await;
    let clinic = clinic.restart(with_file).await;
    stays(&clinic.machine(), &id, 2).await;
    clinic.pass(120);
    let record = at_version(&clinic.machine(), &id, 3).await;
    assert_eq!(escalated(&record).len(), 2);
}

#[tokio::test]
async fn an_acknowledgement_gives_the_same_time_again_and_is_no_acceptance() {
    let clinic = Clinic::with(looks).await;
    let (marta, okafor, lindqvist) =
        (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    let id = marta.ask("cardiology", "urgent").await;
    let path = format!("/consultations/{id}/acknowledge");
    clinic.pass(300);
    let seen = okafor.post(&path, json!({})).await;
    let now = &seen.json["metadata"]["escalation"];
    assert_eq!(
        (seen.status, &seen.json["version"], &seen.json["status"]),
        (200, &json!(2), &json!("pending"))
    );
    assert_eq!((&now["state"], &now["acknowledgedBy"]), (&json!("acknowledged"), &json!("physician-12")));
    assert_eq!(
        (&now["acknowledgedAt"], &now["ackDueAt"]),
        (&json!("2026-11-23T09:47:00.000Z"), &json!("2026-11-23T09:57:00.000Z"))
    );
    let tag = seen.headers["etag"].clone();
    clinic.pass(60);
    let again = crate::support::send(okafor.request(reqwest::Method::POST, &path)).await;
    assert_eq!((again.status, &again.json), (200, &seen.json), "saying so twice changes nothing");
    assert_eq!(again.headers["etag"], tag);
    clinic.pass(539);
    stays(&okafor, &id, 2).await;
    clinic.pass(1);
    let late = at_version(&okafor, &id, 3).await;
    assert_eq!(escalated(&late), ["Seen, and not accepted in time. Everybody of the specialty is asked."]);
    assert_eq!(late["metadata"]["escalation"]["acknowledgedBy"], json!(null));

    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    let mine = okafor.post(&path, json!({})).await;
    assert_eq!((mine.status, &mine.json["version"]), (200, &json!(4)), "what one has taken one has seen");
    let late = lindqvist.post(&path, json!({})).await;
    assert_eq!((late.status, &late.json["current"]["physicianId"]), (409, &json!("physician-12")));
    assert_eq!(late.json["current"]["description"], json!(null));
    for done in ["in_progress", "completed"] {
        assert_eq!(okafor.to(&id, done).await.status, 200);
    }
    assert_eq!(okafor.post(&path, json!({})).await.status, 409);
    assert_eq!(marta.post(&path, json!({})).await.status, 403);
    assert_eq!(clinic.sign_in(LUCIA).await.post(&path, json!({})).await.status, 404);
}

#[tokio::test]
async fn the_clinics_times_hold_and_what_has_none_waits_without() {
    let policy = r#"{"urgent": 300, "specialties": {"dermatology": {"urgent": 30, "routine": 3600}}}"#;
    let clinic = Clinic::with(|config| {
        looks(config);
        config.escalation = EscalationPolicy::parse(policy).unwrap();
    })
    .await;
    let marta = clinic.sign_in(MARTA).await;
    let mut asked = Vec::new();
    for (specialty, urgency, due) in [
        ("cardiology", "emergency", json!("2026-11-23T09:44:00.000Z")),
        ("cardiology", "urgent", json!("2026-11-23T09:47:00.000Z")),
        ("cardiology", "routine", json!(null)),
        ("dermatology", "urgent", json!("2026-11-23T09:42:30.000Z")),
        ("dermatology", "routine", json!("2026-11-23T10:42:00.000Z")),
    ] {
        let id = marta.ask(specialty, urgency).await;
        assert_eq!(
            record(&marta, &id).await["metadata"]["escalation"]["ackDueAt"],
            due,
            "{specialty} {urgency}"
        );
        asked.push(id);
    }
    clinic.pass(30);
    at_version(&marta, &asked[3], 2).await;
    clinic.pass(40 * 24 * 3600);
    stays(&clinic.machine(), &asked[2], 1).await;
}

#[tokio::test]
async fn only_who_is_on_call_and_can_be_reached_is_asked_by_name() {
    let clinic = Clinic::with(looks).await;
    let (marta, okafor, lindqvist) =
        (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    let target = async |id: &str| record(&okafor, id).await["metadata"]["escalation"].clone();
    on_call(&okafor, true, "away").await;
    let id = marta.ask("cardiology", "urgent").await;
    let now = target(&id).await;
    assert_eq!(
        (&now["targetId"], &now["state"]),
        (&json!(null), &json!("waiting")),
        "the pool, from the beginning"
    );
    on_call(&okafor, false, "available").await;
    on_call(&lindqvist, true, "busy").await;
    let shown = marta.get("/physicians?specialty=cardiology").await.json;
    let said: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["id"], &row["onCall"], &row["availability"]))
        .collect();
    assert!(said.contains(&(&json!("physician-13"), &json!(true), &json!("busy"))), "{said:?}");
    let id = marta.ask("cardiology", "urgent").await;
    assert_eq!(target(&id).await["targetId"], "physician-13");
    // Who comes on call in the meantime is asked next.
    on_call(&okafor, true, "available").await;
    clinic.pass(600);
    assert_eq!(at_version(&okafor, &id, 2).await["metadata"]["escalation"]["targetId"], "physician-12");
    for body in [json!({}), json!({ "onCall": "yes" }), json!({ "onCall": true, "availability": "asleep" })] {
        assert_eq!(okafor.put("/physicians/me/availability", body).await.status, 400);
    }
}

#[tokio::test]
async fn who_gives_a_request_back_is_not_the_next_to_be_asked() {
    let clinic = Clinic::open().await;
    let (marta, okafor, lindqvist) =
        (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    on_call(&lindqvist, true, "available").await;
    // Whose turn it is depends on the id, so once of each would prove little.
    for back in ["release", "hand off", "decline"].into_iter().cycle().take(12) {
        let id = marta.ask("cardiology", "urgent").await;
        assert_eq!(okafor.to(&id, "assigned").await.status, 200);
        let path = format!("/consultations/{id}");
        let reply = match back {
            "release" => okafor.to(&id, "pending").await,
            "decline" => okafor.post(&format!("{path}/decline"), json!({ "reason": "Away" })).await,
            _ => {
                let body = json!({ "specialty": "cardiology", "reason": "Away" });
                okafor.post(&format!("{path}/handoff"), body).await
            }
        };
        assert_eq!(reply.json["status"], "pending", "{back}");
        assert_eq!(reply.json["metadata"]["escalation"]["targetId"], "physician-13", "{back}");
    }
}
