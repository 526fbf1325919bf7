//! Features `receipts`, `attachments`, `keys` and `handoff`: what the two who take part have of a conversation.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    events::Listener,
    support::{Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, OKAFOR, Reply, send},
};

async fn conversation(clinic: &Clinic) -> (Caller, Caller, String) {
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "urgent").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    (marta, okafor, id)
}

async fn list(caller: &Caller, id: &str) -> Vec<Value> {
    let reply = caller.get(&format!("/messages?consultationId={id}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json.as_array().unwrap().clone()
}

async fn read(caller: &Caller, id: &str, up_to: &Value) -> Reply {
    caller.post(&format!("/messages/{id}/read"), json!({ "upTo": up_to })).await
}

async fn upload(caller: &Caller, id: &str, bytes: Vec<u8>) -> Reply {
    let path = format!("/attachments?consultationId={id}");
    let request = caller.request(Method::POST, &path).header("Content-Type", "application/octet-stream");
    send(request.body(bytes)).await
}

#[tokio::test]
async fn a_message_says_when_it_came_and_when_it_was_read() {
    let clinic = Clinic::open().await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let mut hers = Listener::of(&marta, None).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(marta.say(&id, "physician-12", &format!("message {n}")).await.json["id"].clone());
        hers.next().await;
    }
    let own = okafor.say(&id, "patient-2041", "Good morning").await.json["id"].clone();
    let place = hers.next().await.id;
    assert!(list(&marta, &id).await[..3].iter().all(|message| message["metadata"]["deliveredAt"].is_null()));
    clinic.pass(60);
    list(&okafor, &id).await;
    let delivered = list(&marta, &id).await;
    for message in &delivered[..3] {
        assert_eq!(message["metadata"]["deliveredAt"], "2026-11-23T09:43:00.000Z");
        assert_eq!(message["metadata"]["readAt"], json!(null), "handed out is not read");
    }
    clinic.pass(60);
    let receipt = read(&okafor, &id, &ids[1]).await;
    assert_eq!(
        receipt.json,
        json!({
            "consultationId": id, "personId": "physician-12", "upTo": ids[1], "at": "2026-11-23T09:44:00.000Z",
        })
    );
    let told = hers.next().await;
    assert_eq!(
        told.data,
        json!({ "kind": "message.read", "consultationId": id, "messageId": ids[1], "personId": "physician-12" })
    );
    clinic.pass(60);
    assert_eq!(read(&okafor, &id, &ids[0]).await.status, 200, "reading again");
    let shown = list(&marta, &id).await;
    let times: Vec<_> = shown.iter().map(|message| message["metadata"]["readAt"].clone()).collect();
    let at = json!("2026-11-23T09:44:00.000Z");
    assert_eq!(
        times,
        [at.clone(), at.clone(), json!(null), json!(null)],
        "changes no time, and reads on for nobody"
    );
    assert_eq!(read(&okafor, &id, &ids[2]).await.status, 200);
    assert_eq!(hers.next().await.data["messageId"], ids[2], "and what changes nothing is not told");

    let changes = marta.get(&format!("/changes?since={place}")).await.json["changes"].clone();
    let receipts: Vec<&Value> =
        changes.as_array().unwrap().iter().filter(|change| change["type"] == "receipt").collect();
    assert_eq!(receipts[0]["record"]["at"], at);
    assert_eq!((receipts.len(), &receipts[1]["record"]["upTo"]), (2, &ids[2]));

    assert_eq!(read(&okafor, &id, &json!("none")).await.paths(), ["upTo"]);
    let elsewhere = marta.ask("cardiology", "routine").await;
    assert_eq!(read(&marta, &elsewhere, &own).await.paths(), ["upTo"]);
    assert_eq!(read(&okafor, &id, &json!(7)).await.paths(), ["upTo"]);
}

#[tokio::test]
async fn an_administrator_who_looks_leaves_no_receipt() {
    let clinic = Clinic::open().await;
    let (marta, _, id) = conversation(&clinic).await;
    marta.say(&id, "physician-12", "Hello").await;
    let feldman = clinic.sign_in(FELDMAN).await;
    let path = format!("/messages?consultationId={id}");
    for (reason, status) in
        [("", 400), ("short", 400), ("a%7Fcontrol sign", 400), ("The patient is unconscious", 200)]
    {
        let reply = send(feldman.request(Method::GET, &path).header("Break-Glass-Reason", reason)).await;
        assert_eq!(reply.status, status, "{reason:?}");
    }
    send(clinic.machine().request(Method::GET, &path)).await;
    assert_eq!(list(&marta, &id).await[0]["metadata"]["deliveredAt"], json!(null));
    let written = json!({ "consultationId": id, "toId": "patient-2041", "content": "x" });
    let request =
        feldman.request(Method::POST, "/messages").header("Break-Glass-Reason", "An emergency, truly");
    assert_eq!(send(request.json(&written)).await.status, 403, "the glass is broken for reading alone");
}

#[tokio::test]
async fn a_handoff_puts_the_colleague_in_charge_of_everything_and_the_giver_of_nothing() {
    let clinic = Clinic::open().await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let cursor = Listener::of(&lindqvist, None).await;
    drop(cursor);
    let said = marta.say(&id, "physician-12", "It still hurts").await.json["id"].clone();
    let answered = okafor.say(&id, "patient-2041", "Since when?").await.json["id"].clone();
    let file = upload(&marta, &id, vec![7; 100]).await.json["id"].as_str().unwrap().to_owned();
    let mut listener = Listener::of(&lindqvist, None).await;
    let path = format!("/consultations/{id}/handoff");
    let before = changes_place(&lindqvist).await;
    let given = okafor.post(&path, json!({ "physicianId": "physician-13", "reason": " On leave " })).await;
    assert_eq!((given.status, &given.json["physicianId"]), (200, &json!("physician-13")));
    assert_eq!(given.json["status"], "assigned");
    let entry = given.json["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&entry["action"], &entry["note"], &entry["actorId"]),
        (&json!("handed_off"), &json!("On leave"), &json!("physician-12"))
    );
    assert_eq!(listener.next().await.data["consultationId"], json!(id));

    for lost in [
        format!("/consultations/{id}"),
        format!("/messages?consultationId={id}"),
        format!("/keys/{id}"),
        format!("/attachments/{file}"),
    ] {
        assert_eq!(okafor.get(&lost).await.status, 404, "{lost}");
    }
    assert_eq!(okafor.say(&id, "patient-2041", "x").await.status, 404);
    assert_eq!(list(&lindqvist, &id).await.len(), 2, "she reads what was said before");
    let changed = lindqvist.get(&format!("/changes?since={before}")).await.json["changes"].clone();
    let told: Vec<&Value> =
        changed.as_array().unwrap().iter().map(|change| &change["record"]["id"]).collect();
    assert_eq!(told, [&json!(id), &said, &answered], "and hears of it by the list of changes");

    // What the patient wrote to her predecessor she has read; what he wrote is for the patient to read.
    clinic.pass(60);
    assert_eq!(read(&lindqvist, &id, &answered).await.status, 200);
    let shown = list(&marta, &id).await;
    assert_eq!(shown[0]["metadata"]["readAt"], "2026-11-23T09:43:00.000Z");
    assert_eq!(shown[1]["metadata"]["readAt"], json!(null));
    assert_eq!(
        marta.say(&id, "physician-12", "x").await.paths(),
        ["toId"],
        "the patient writes to who is in charge"
    );
    assert_eq!(marta.say(&id, "physician-13", "Hello").await.status, 201);
    let seen = marta.get(&format!("/consultations/{id}")).await.json;
    let entry = seen["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&entry["action"], &entry["note"]),
        (&json!("handed_off"), &json!(null)),
        "why stays among colleagues"
    );
}

/// Where the stream of events stands for who asks for changes.
async fn changes_place(caller: &Caller) -> String {
    let mut since = String::new();
    loop {
        let page = caller.get(&format!("/changes?limit=500{since}")).await.json;
        let cursor = page["nextCursor"].as_str().unwrap().to_owned();
        if page["hasMore"] == json!(false) {
            return cursor;
        }
        since = format!("&since={cursor}");
    }
}

#[tokio::test]
async fn a_handoff_to_a_pool_waits_there_and_what_cannot_be_handed_off_stays() {
    let clinic = Clinic::open().await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let feldman = clinic.sign_in(FELDMAN).await;
    let path = format!("/consultations/{id}/handoff");
    for (body, field) in [
        (json!({ "reason": "x" }), "physicianId"),
        (json!({ "physicianId": "physician-13", "specialty": "cardiology", "reason": "x" }), "physicianId"),
        (json!({ "physicianId": "physician-13", "reason": "  " }), "reason"),
        (json!({ "physicianId": "physician-13" }), "reason"),
        (json!({ "physicianId": "physician-17", "reason": "x" }), "physicianId"),
        (json!({ "physicianId": "nobody", "reason": "x" }), "physicianId"),
        (json!({ "physicianId": "physician-12", "reason": "x" }), "physicianId"),
        (json!({ "specialty": "astrology", "reason": "x" }), "specialty"),
        (json!({ "specialty": "cardiology", "reason": "x".repeat(501) }), "reason"),
    ] {
        let reply = okafor.post(&path, body.clone()).await;
        assert_eq!((reply.status, reply.paths()), (400, vec![field]), "{body}");
    }
    let stale = okafor.request(Method::POST, &path).header("If-Match", "\"1\"");
    let body = json!({ "specialty": "neurology", "reason": "Not the heart" });
    assert_eq!(send(stale.json(&body)).await.status, 412);
    assert_eq!(lindqvist.post(&path, body.clone()).await.status, 404);
    assert_eq!(marta.post(&path, body.clone()).await.status, 403);
    assert_eq!(okafor.get(&format!("/consultations/{id}")).await.json["version"], 2, "nothing was written");

    let given = okafor.post(&path, body.clone()).await.json;
    assert_eq!(
        (&given["status"], &given["specialty"], &given["physicianId"]),
        (&json!("pending"), &json!("neurology"), &json!(null))
    );
    assert_eq!(given["metadata"]["escalation"]["targetId"], "physician-19", "the neurologist on call");
    assert_eq!(okafor.get(&format!("/consultations/{id}")).await.status, 404);
    let kowalczyk = clinic.machine().on_behalf_of("physician-19", "physician", &["neurology"]);
    let reply = kowalczyk.post(&path, body.clone()).await;
    assert_eq!(reply.status, 403, "who has not taken it does not give it away");
    assert_eq!(kowalczyk.to(&id, "assigned").await.status, 200);
    assert_eq!(kowalczyk.to(&id, "in_progress").await.status, 200);
    assert_eq!(
        kowalczyk.post(&path, body).await.status,
        409,
        "work that has begun goes to a person, not to a pool"
    );

    let waiting = marta.ask("cardiology", "routine").await;
    let by_admin = json!({ "physicianId": "physician-13", "reason": "She knows the patient" });
    let given = feldman.post(&format!("/consultations/{waiting}/handoff"), by_admin).await.json;
    assert_eq!((&given["status"], &given["physicianId"]), (&json!("assigned"), &json!("physician-13")));
}

#[tokio::test]
async fn a_file_comes_back_to_the_byte_to_those_two_alone() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let lucia = clinic.sign_in(LUCIA).await;
    const MOST: usize = 10 * 1024 * 1024;
    let bytes: Vec<u8> = (0..MOST).map(|n| (n.wrapping_mul(31) >> 3) as u8).collect();
    let made = upload(&okafor, &id, bytes.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let file = made.json["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json, json!({ "id": file, "consultationId": id, "size": MOST }));
    for caller in [&marta, &okafor, &marta.api()] {
        let response = caller.request(Method::GET, &format!("/attachments/{file}")).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/octet-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(response.bytes().await.unwrap() == bytes[..], "not the bytes that were sent");
    }
    let mut more = bytes;
    more.push(0);
    let refused = upload(&okafor, &id, more).await;
    assert_eq!((refused.status, refused.error()), (413, "PAYLOAD_TOO_LARGE"));
    assert_eq!(upload(&okafor, &id, Vec::new()).await.paths(), ["body"]);
    let nowhere = send(marta.request(Method::POST, "/attachments").body("x")).await;
    assert_eq!(nowhere.paths(), ["consultationId"]);
    let waiting = marta.ask("cardiology", "routine").await;
    assert_eq!(upload(&marta, &waiting, vec![1]).await.status, 409, "nobody would read it");
    assert_eq!(upload(&lucia, &id, vec![1]).await.status, 404);
    let small = upload(&marta.api(), &id, b"{\"not\": \"json\", \"not\": 1".to_vec()).await;
    assert_eq!((small.status, &small.json["data"]["size"]), (201, &json!(24)), "whatever it looks like");
    for path in [format!("/attachments/{file}"), "/attachments/none".to_owned()] {
        assert_eq!(lucia.get(&path).await.json, okafor.get("/attachments/none").await.json);
    }
}

#[tokio::test]
async fn a_conversations_key_is_its_own_and_for_those_two() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let key = okafor.get(&format!("/keys/{id}")).await.json;
    assert_eq!(marta.get(&format!("/keys/{id}")).await.json, key);
    assert_eq!(marta.api().get(&format!("/keys/{id}")).await.json["data"], key);
    let other = marta.ask("cardiology", "routine").await;
    let other = marta.get(&format!("/keys/{other}")).await.json;
    assert_eq!(other["kid"], key["kid"]);
    assert_ne!(other["key"], key["key"]);
    let feldman = clinic.sign_in(FELDMAN).await;
    let broken = feldman
        .request(Method::GET, &format!("/keys/{id}"))
        .header("Break-Glass-Reason", "An emergency, truly");
    assert_eq!(send(broken).await.status, 403, "an administrator reads with a trace and never takes the key");
    assert_eq!(okafor.to(&id, "pending").await.status, 200);
    assert_eq!(okafor.get(&format!("/keys/{id}")).await.status, 403, "who gave it back has no key any more");
}
