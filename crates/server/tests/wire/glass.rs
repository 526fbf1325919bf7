//! A record that is somebody else's, opened in an emergency; and a nurse who acts for a physician.

use std::collections::BTreeSet;

use chatehr_audit::{Criteria, Outcome, search};
use chatehr_server::Policy;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    gateway::{bare, gateway_to},
    support::{Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, MENSAH, OKAFOR},
};

const REASON: &str = "Brought in unconscious, no relatives";

/// A consultation of Marta's with Okafor, with a message, that Lindqvist does not see.
async fn another(clinic: &Clinic) -> (String, Caller, Caller) {
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    okafor.to(&id, "assigned").await;
    marta.say(&id, "physician-12", "It is worse at night").await;
    (id, marta, okafor)
}

fn glass(id: &str) -> String {
    format!("/consultations/{id}/break-glass")
}

#[tokio::test]
async fn a_record_is_opened_with_a_reason_for_as_long_as_the_clinic_says_and_no_longer() {
    let clinic = Clinic::open().await;
    let (id, ..) = another(&clinic).await;
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let places = [
        format!("/consultations/{id}"),
        format!("/messages?consultationId={id}"),
        "/patients/patient-2041".to_owned(),
    ];
    for reason in
        [json!({}), json!({ "reason": "" }), json!({ "reason": "urgent" }), json!({ "reason": "!!!!!!!!!" })]
    {
        assert_eq!(lindqvist.post(&glass(&id), reason).await.status, 400);
    }
    assert_eq!(lindqvist.post(&glass(&id), json!({ "reason": REASON, "minutes": 241 })).await.status, 400);
    assert_eq!(lindqvist.post(&glass("none"), json!({ "reason": REASON })).await.status, 404);
    assert_eq!(lindqvist.get(&places[0]).await.status, 404);

    let opened = lindqvist.post(&glass(&id), json!({ "reason": REASON, "minutes": 240 })).await;
    assert_eq!(opened.status, 201, "{opened:?}");
    assert_eq!(opened.json["until"], "2026-11-23T10:12:00.000Z", "30 minutes, whatever was asked for");
    for place in &places {
        assert_eq!(lindqvist.get(place).await.status, 200, "{place}");
    }
    let messages = lindqvist.get(&places[1]).await.json;
    assert_eq!(messages[0]["content"], "It is worse at night");
    assert!(messages[0]["metadata"]["deliveredAt"].is_null(), "a look through the glass is no delivery");

    // It is a glass to look through.
    assert_eq!(lindqvist.to(&id, "in_progress").await.status, 404);
    assert_eq!(lindqvist.say(&id, "patient-2041", "Hello").await.status, 404);
    assert_eq!(lindqvist.get(&format!("/keys/{id}")).await.status, 404);
    assert!(!lindqvist.get("/consultations?limit=100").await.ids().contains(&id.as_str()));
    let changes = lindqvist.get("/changes?limit=500").await.json.to_string();
    assert!(!changes.contains(&id), "nothing of it is told with what is one's own");

    clinic.pass(30 * 60);
    for place in &places {
        assert_eq!(lindqvist.get(place).await.status, 404, "{place}");
    }
}

#[tokio::test]
async fn no_policy_keeps_a_record_open_for_more_than_four_hours() {
    assert!(Policy::parse(r#"{"breakGlassMinutes": 241}"#).is_err());
    let lax = Policy { break_glass_minutes: 100_000, ..Policy::default() };
    let clinic = Clinic::with(|config| config.policy = lax).await;
    let (id, ..) = another(&clinic).await;
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let opened = lindqvist.post(&glass(&id), json!({ "reason": REASON })).await;
    assert_eq!(opened.json["until"], "2026-11-23T13:42:00.000Z");
}

#[tokio::test]
async fn who_opened_it_closes_it_and_another_opening_is_none_of_ones_own() {
    let clinic = Clinic::open().await;
    let (id, _, okafor) = another(&clinic).await;
    let (lindqvist, feldman) = (clinic.sign_in(LINDQVIST).await, clinic.sign_in(FELDMAN).await);
    assert_eq!(
        okafor.post(&glass(&id), json!({ "reason": REASON })).await.status,
        403,
        "it is theirs anyway"
    );
    assert_eq!(feldman.post(&glass(&id), json!({ "reason": REASON })).await.status, 201);
    assert_eq!(lindqvist.get(&format!("/consultations/{id}")).await.status, 404);
    assert_eq!(lindqvist.delete(&glass(&id)).await.status, 404);
    assert_eq!(feldman.get(&format!("/messages?consultationId={id}")).await.status, 200);
    assert_eq!(feldman.delete(&glass(&id)).await.status, 204);
    assert_eq!(feldman.get(&format!("/messages?consultationId={id}")).await.status, 403);
    assert_eq!(feldman.delete(&glass(&id)).await.status, 404);
}

#[tokio::test]
async fn administrators_are_told_of_it_and_see_who_and_why_and_nobody_else_does() {
    let clinic = Clinic::open().await;
    let (id, marta, okafor) = another(&clinic).await;
    let (lindqvist, feldman) = (clinic.sign_in(LINDQVIST).await, clinic.sign_in(FELDMAN).await);
    let mut streams = Vec::new();
    for caller in [&feldman, &okafor, &marta, &lindqvist] {
        streams.push(caller.request(reqwest::Method::GET, "/events").send().await.unwrap());
    }
    lindqvist.post(&glass(&id), json!({ "reason": REASON })).await;
    // What everybody hears of comes after it, so that nobody is waited for in vain.
    okafor.to(&id, "in_progress").await;
    let mut heard = Vec::new();
    for stream in &mut streams[..3] {
        let mut text = String::new();
        while !text.contains("consultation.changed") {
            text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
        }
        heard.push(text.contains("break_glass.opened") && text.contains("physician-13"));
        assert!(!text.contains("unconscious"), "an event carries no free text");
    }
    assert_eq!(heard, [true, false, false]);

    let listed = feldman.get("/break-glass").await.json;
    assert_eq!(
        (&listed[0]["consultationId"], &listed[0]["personId"], &listed[0]["patientId"], &listed[0]["reason"]),
        (&json!(id), &json!("physician-13"), &json!("patient-2041"), &json!(REASON))
    );
    for other in [&marta, &okafor, &lindqvist] {
        assert_eq!(other.get("/break-glass").await.status, 403);
    }
}

#[tokio::test]
async fn opening_looking_and_closing_are_on_record_with_the_reason_and_so_is_what_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let (id, ..) = another(&clinic).await;
    let (lindqvist, mensah) = (clinic.sign_in(LINDQVIST).await, clinic.sign_in(MENSAH).await);
    mensah.post(&glass(&id), json!({ "reason": REASON })).await;
    lindqvist.post(&glass(&id), json!({ "reason": REASON })).await;
    lindqvist.get(&format!("/messages?consultationId={id}")).await;
    lindqvist.delete(&glass(&id)).await;
    let log = Connection::open(&file).unwrap();
    let mut all = search(&log, &Criteria::default(), None, 1000).unwrap();
    all.sort_by_key(|entry| entry.seq);
    all.retain(|entry| entry.said.action != "session.test_sign_in");
    let told: Vec<_> = all
        .iter()
        .rev()
        .take(4)
        .rev()
        .map(|entry| {
            let said = &entry.said;
            (said.actor.as_deref().unwrap(), said.action.as_str(), said.outcome, said.reason.as_deref())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("nurse-3", "break_glass.open", Outcome::Refused, Some("FORBIDDEN")),
            ("physician-13", "break_glass.open", Outcome::Success, Some(REASON)),
            ("physician-13", "message.list", Outcome::Success, None),
            ("physician-13", "break_glass.close", Outcome::Success, None),
        ]
    );
    assert!(all.iter().rev().take(3).all(|entry| entry.said.objects.contains(&id)));
}

#[tokio::test]
async fn a_nurse_sees_what_their_physician_sees_and_decides_nothing() {
    let clinic = Clinic::standalone(|config| config.seed = chatehr_server::Seed::Demo).await;
    let (okafor, mensah) = (clinic.sign_in(OKAFOR).await, clinic.sign_in(MENSAH).await);
    let (marta, lucia) = (clinic.sign_in(MARTA).await, clinic.sign_in(LUCIA).await);
    let session = mensah.get("/session").await.json;
    assert_eq!((&session["role"], &session["delegatesFor"]), (&json!("nurse"), &json!("physician-12")));
    let (own, waits) = (marta.ask("cardiology", "urgent").await, lucia.ask("cardiology", "urgent").await);
    okafor.to(&own, "assigned").await;
    marta.say(&own, "physician-12", "It is worse at night").await;

    let of = |reply: crate::support::Reply| {
        reply.ids().into_iter().map(str::to_owned).collect::<BTreeSet<String>>()
    };
    for list in ["/consultations?limit=100", "/appointments", "/patients?limit=100"] {
        assert_eq!(of(mensah.get(list).await), of(okafor.get(list).await), "{list}");
    }
    let told = |changes: Value| {
        let rows = changes["changes"].as_array().unwrap().clone();
        rows.iter().map(|row| row["record"]["id"].to_string()).collect::<BTreeSet<_>>()
    };
    let changes = "/changes?limit=500";
    assert_eq!(told(mensah.get(changes).await.json), told(okafor.get(changes).await.json));
    assert_eq!(
        mensah.get(&format!("/messages?consultationId={own}")).await.json[0]["content"],
        "It is worse at night"
    );

    let seen = mensah.post(&format!("/consultations/{waits}/acknowledge"), json!({})).await;
    assert_eq!(seen.json["history"].as_array().unwrap().last().unwrap()["actorId"], "nurse-3", "{seen:?}");
    let noted =
        mensah.post(&format!("/consultations/{own}/notes"), json!({ "text": " Called back: better " })).await;
    assert_eq!(noted.status, 200, "{noted:?}");
    let last = |record: Value| record["history"].as_array().unwrap().last().unwrap().clone();
    let read = last(okafor.get(&format!("/consultations/{own}")).await.json);
    assert_eq!(
        (&read["action"], &read["note"], &read["actorId"]),
        (&json!("note"), &json!("Called back: better"), &json!("nurse-3"))
    );
    let read = last(marta.get(&format!("/consultations/{own}")).await.json);
    assert_eq!((&read["action"], &read["note"]), (&json!("note"), &Value::Null), "it is for colleagues");
    for text in ["", "  ", &"a".repeat(2001)] {
        let refused = mensah.post(&format!("/consultations/{own}/notes"), json!({ "text": text })).await;
        assert_eq!(refused.status, 400);
    }
    assert_eq!(mensah.to(&waits, "assigned").await.status, 403);
    assert_eq!(mensah.to(&own, "in_progress").await.status, 403);
    assert_eq!(mensah.say(&own, "patient-2041", "Hello").await.status, 403);
    let receipt = marta.get(&format!("/messages?consultationId={own}")).await.json;
    assert!(receipt[0]["metadata"]["readAt"].is_null(), "a nurse's look is not the physician's");
    assert_eq!(okafor.get(&format!("/consultations/{waits}")).await.json["status"], "pending");
}

#[tokio::test]
async fn a_nurse_who_acts_for_nobody_sees_nothing() {
    let clinic = Clinic::standalone(|config| config.seed = chatehr_server::Seed::Demo).await;
    let nobody = clinic.machine().on_behalf_of("nurse-9", "nurse", &["cardiology"]);
    for list in ["/consultations", "/appointments", "/patients"] {
        assert!(nobody.get(list).await.ids().is_empty(), "{list}");
    }
    assert_eq!(nobody.get("/changes?limit=500").await.json["changes"], json!([]));
}

#[tokio::test]
async fn through_a_gateway_a_nurse_is_a_nurse_and_a_glass_is_a_glass() {
    let clinic = Clinic::open().await;
    let gateway = gateway_to(clinic.running.base_url(), |_| {}).await;
    let (id, ..) = another(&clinic).await;
    let through = |caller: Caller| caller.at(&bare(&gateway));
    let (lindqvist, mensah) =
        (through(clinic.sign_in(LINDQVIST).await), through(clinic.sign_in(MENSAH).await));
    assert_eq!(mensah.get("/session").await.json["delegatesFor"], "physician-12");
    assert_eq!(mensah.get(&format!("/consultations/{id}")).await.status, 200);
    assert_eq!(mensah.to(&id, "in_progress").await.status, 403);

    assert_eq!(lindqvist.get(&format!("/consultations/{id}")).await.status, 404);
    let opened = lindqvist.post(&glass(&id), json!({ "reason": REASON })).await;
    assert_eq!((opened.status, &opened.json["personId"]), (201, &json!("physician-13")));
    assert_eq!(lindqvist.get(&format!("/consultations/{id}")).await.status, 200);
    let messages = lindqvist.get(&format!("/messages?consultationId={id}")).await.json;
    assert_eq!(messages[0]["content"], "It is worse at night");
    assert_eq!(through(clinic.sign_in(FELDMAN).await).get("/break-glass").await.json[0]["reason"], REASON);
    assert_eq!(lindqvist.delete(&glass(&id)).await.status, 204);
    assert_eq!(lindqvist.get(&format!("/consultations/{id}")).await.status, 404);
}
