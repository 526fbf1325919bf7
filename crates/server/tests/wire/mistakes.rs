//! The mistakes of the original (security.md, and the list of its weaknesses), each as a promise that it is not made
//! here.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, OKAFOR, send};

/// Both surfaces of one caller.
fn faces(caller: &Caller) -> [Caller; 2] {
    [caller.clone(), caller.api()]
}

async fn with_okafor(clinic: &Clinic) -> (Caller, Caller, String) {
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    (marta, okafor, id)
}

async fn demonstration() -> Clinic {
    Clinic::standalone(|config| config.seed = chatehr_server::Seed::Demo).await
}

#[tokio::test]
async fn a_token_without_specialties_or_with_an_unknown_id_shows_less_and_never_everything() {
    let clinic = demonstration().await;
    let machine = clinic.machine();
    let nobody = machine.on_behalf_of("physician-nobody", "physician", &["cardiology"]);
    let own = nobody.get("/consultations?limit=100").await;
    for row in own.json.as_array().unwrap() {
        assert_eq!(
            (&row["status"], &row["physicianId"]),
            (&json!("pending"), &json!(null)),
            "the pool alone"
        );
        assert_eq!(row["specialty"], "cardiology");
    }
    assert_eq!(nobody.get("/appointments").await.json, json!([]));
    let lost = machine.on_behalf_of("physician-nobody", "physician", &[""]);
    for caller in faces(&lost) {
        for path in ["/consultations?limit=100", "/appointments", "/patients?limit=100"] {
            assert!(caller.get(path).await.ids().is_empty(), "{path}");
        }
        assert_eq!(caller.get("/consultations/consultation-3080").await.status, 404);
    }
}

#[tokio::test]
async fn equal_words_are_never_equal_at_rest() {
    let clinic = demonstration().await;
    let (marta, okafor, id) = with_okafor(&clinic).await;
    for _ in 0..8 {
        assert_eq!(marta.say(&id, "physician-12", "The same words").await.status, 201);
    }
    let path = format!("/messages?consultationId={id}");
    let sealed = send(okafor.request(Method::GET, &path).header("Accept-Envelope", "3")).await;
    let mut bodies: Vec<String> = Vec::new();
    for message in sealed.json.as_array().unwrap() {
        let content = message["content"].as_str().unwrap();
        assert!(content.starts_with("chatehr.3."), "what cannot be sealed is not stored");
        bodies.push(content.rsplit_once('.').unwrap().1.to_owned());
    }
    assert_eq!(bodies.len(), 8);
    // Neither nonce (16 of base64url are 12 bytes) nor ciphertext nor tag is ever the same.
    for part in [0..16, 16..bodies[0].len()] {
        let mut parts: Vec<&str> = bodies.iter().map(|body| &body[part.clone()]).collect();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), 8);
    }
}

#[tokio::test]
async fn there_is_no_secret_by_default() {
    for mode in [chatehr_server::Mode::Mock, chatehr_server::Mode::Standalone, chatehr_server::Mode::Gateway]
    {
        let mut config = crate::support::config();
        config.mode = mode;
        config.root_secret = Vec::new();
        config.api_key = String::new();
        let problems = config.problems();
        for name in ["CHATEHR_API_KEY", "CHATEHR_ROOT_SECRET"] {
            assert!(problems.iter().any(|problem| problem.contains(name)), "{mode:?} {problems:?}");
        }
    }
    let clinic = demonstration().await;
    for key in ["default-key", "secret", "your-secret-key", "dev-token", "test", "changeme"] {
        assert_eq!(clinic.caller("", key).get("/specialties").await.status, 401);
    }
}

#[tokio::test]
async fn who_does_not_take_part_does_not_write() {
    let clinic = demonstration().await;
    let (marta, _, id) = with_okafor(&clinic).await;
    for (code, status) in [(LUCIA, 404), (LINDQVIST, 404), (FELDMAN, 403)] {
        for stranger in faces(&clinic.sign_in(code).await) {
            for to in ["physician-12", "patient-2041"] {
                assert_eq!(stranger.say(&id, to, "x").await.status, status);
            }
            let read = stranger.post(&format!("/messages/{id}/read"), json!({ "upTo": "x" })).await;
            assert_eq!(read.status, status);
        }
    }
    assert!(marta.get(&format!("/messages?consultationId={id}")).await.ids().is_empty());
}

#[tokio::test]
async fn nobody_forges_who_wrote_or_that_it_was_read() {
    let clinic = demonstration().await;
    let (marta, okafor, id) = with_okafor(&clinic).await;
    for key in [
        "senderRole",
        "senderName",
        "createdBy",
        "createdByRole",
        "source",
        "escalation",
        "declinedBy",
        "readAt",
        "deliveredAt",
        "unreadable",
        "preferredPhysicianId",
    ] {
        let metadata = json!({ key: "2026-01-01T00:00:00.000Z" });
        for caller in faces(&marta) {
            let message = json!({
                "consultationId": id, "toId": "physician-12", "content": "x", "metadata": metadata,
            });
            assert_eq!(caller.post("/messages", message).await.paths(), ["metadata"], "{key}");
            let request = json!({
                "patientId": "patient-2041", "specialty": "cardiology", "description": "x", "metadata": metadata,
            });
            assert_eq!(caller.post("/consultations", request).await.paths(), ["metadata"], "{key}");
        }
    }
    for kind in ["system", "System", "alert", ""] {
        let message = json!({ "consultationId": id, "toId": "physician-12", "content": "x", "type": kind });
        assert_eq!(marta.post("/messages", message).await.paths(), ["type"]);
    }
    // On /v1 a field that we do not know is passed over; it still decides nothing.
    let message = json!({
        "consultationId": id, "toId": "physician-12", "content": "x", "fromId": "physician-12", "senderRole": "admin",
        "timestamp": "1999-01-01T00:00:00Z", "id": "mine",
    });
    let sent = marta.post("/messages", message.clone()).await.json;
    assert_eq!(sent["fromId"], "patient-2041");
    assert_ne!(sent["id"], "mine");
    assert_eq!(marta.api().post("/messages", message).await.status, 400);
    assert_eq!(okafor.get(&format!("/messages?consultationId={id}")).await.ids().len(), 1);
}

#[tokio::test]
async fn a_repeated_request_is_one_request_by_key_and_by_envelope() {
    let clinic = demonstration().await;
    let (marta, _, id) = with_okafor(&clinic).await;
    let again = async |path: &str, body: &Value| -> String {
        let marta = marta.api();
        let mut ids = Vec::new();
        for _ in 0..3 {
            let request =
                marta.request(Method::POST, path).header("Idempotency-Key", format!("k {path}")).json(body);
            ids.push(send(request).await.json["data"]["id"].as_str().unwrap().to_owned());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "{path}");
        ids.remove(0)
    };
    let count = async |path: &str| marta.get(path).await.ids().len();
    let (asked, said) = ("/consultations?limit=100", format!("/messages?consultationId={id}"));
    let before = count(asked).await;
    again(
        "/consultations",
        &json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x" }),
    )
    .await;
    again("/messages", &json!({ "consultationId": id, "toId": "physician-12", "content": "x" })).await;
    assert_eq!((count(asked).await, count(&said).await), (before + 1, 1));
    // A client that knows no keys recognises its own repeat by the envelope's name.
    let named = json!({
        "consultationId": id, "toId": "physician-12", "content": "y", "metadata": { "envelopeId": "e-1" },
    });
    let first = marta.post("/messages", named.clone()).await.json["id"].clone();
    assert_eq!(marta.post("/messages", named).await.json["id"], first);
    assert_eq!(count(&said).await, 2);
    // The key stands for the whole request, the query too.
    let other = marta.ask("cardiology", "routine").await;
    assert_eq!(clinic.sign_in(OKAFOR).await.to(&other, "assigned").await.status, 200);
    let file = async |place: &str| {
        let path = format!("/attachments?consultationId={place}");
        send(marta.request(Method::POST, &path).header("Idempotency-Key", "file").body("sealed")).await
    };
    let first = file(&id).await;
    assert_eq!(file(&id).await.json, first.json);
    assert_eq!(file(&other).await.status, 409, "the same bytes elsewhere are another request");
}

#[tokio::test]
async fn what_is_over_does_not_open_again() {
    let clinic = demonstration().await;
    let (_, okafor, id) = with_okafor(&clinic).await;
    let feldman = clinic.sign_in(FELDMAN).await;
    assert_eq!(okafor.to(&id, "in_progress").await.status, 200);
    assert_eq!(okafor.to(&id, "completed").await.status, 200);
    for caller in [&okafor, &feldman, &clinic.machine()] {
        for caller in faces(caller) {
            for status in ["pending", "assigned", "in_progress", "cancelled", "completed"] {
                let body = json!({ "status": status, "physicianId": "physician-12" });
                let reply = caller.put(&format!("/consultations/{id}"), body).await;
                assert_eq!(reply.status, 409, "{status}");
            }
        }
    }
    let handoff = json!({ "specialty": "cardiology", "reason": "x" });
    assert_eq!(feldman.post(&format!("/consultations/{id}/handoff"), handoff).await.status, 409);
    assert_eq!(okafor.get(&format!("/consultations/{id}")).await.json["status"], "completed");
}

#[tokio::test]
async fn an_update_keeps_owner_identity_and_what_was_noted() {
    let clinic = demonstration().await;
    let (marta, okafor, id) = with_okafor(&clinic).await;
    let path = format!("/consultations/{id}");
    let before = marta.get(&path).await.json;
    let sent = json!({ "status": "in_progress", "physicianId": null, "notes": "Seen at ten" });
    assert_eq!(okafor.api().put(&path, sent).await.json["data"]["physicianId"], "physician-12");
    assert_eq!(okafor.put(&path, json!({ "status": "completed", "notes": "Sent home" })).await.status, 200);
    let after = okafor.get(&path).await.json;
    for kept in ["id", "patientId", "createdAt", "description", "specialty", "urgency", "physicianId"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_eq!(after["metadata"]["createdBy"], "patient-2041");
    let notes: Vec<&Value> = after["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["note"])
        .filter(|note| !note.is_null())
        .collect();
    assert_eq!(notes, ["Seen at ten", "Sent home"]);
    let mine = okafor.get("/consultations?limit=100&physicianId=physician-12").await;
    assert!(mine.ids().contains(&id.as_str()), "it stays in its physician's list");
}

#[tokio::test]
async fn a_day_is_a_range_and_a_reversed_range_is_none() {
    let clinic = demonstration().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let body = json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T23:59:00Z" });
    let made = okafor.post("/appointments", body).await.json["id"].clone();
    for caller in faces(&okafor) {
        let day = caller.get("/appointments?startDate=2031-01-02&endDate=2031-01-02").await;
        assert_eq!(day.ids(), [made.as_str().unwrap()]);
        let reversed = caller.get("/appointments?startDate=2031-01-03&endDate=2031-01-02").await;
        assert_eq!((reversed.status, reversed.paths()), (400, vec!["endDate"]));
    }
}

#[tokio::test]
async fn urgency_filters_and_sorts() {
    let clinic = demonstration().await;
    for feldman in faces(&clinic.sign_in(FELDMAN).await) {
        let mut sum = 0;
        for urgency in ["routine", "urgent", "emergency"] {
            let reply = feldman.get(&format!("/consultations?limit=100&urgency={urgency}")).await;
            let rows = if reply.json.is_array() { &reply.json } else { &reply.json["data"] };
            assert!(rows.as_array().unwrap().iter().all(|row| row["urgency"] == urgency));
            assert!(!reply.ids().is_empty(), "{urgency}");
            sum += reply.ids().len();
        }
        assert_eq!(sum, 80);
    }
}

#[tokio::test]
async fn there_is_more_only_when_there_is_more_and_totals_are_numbers() {
    let clinic = demonstration().await;
    let (marta, _, id) = with_okafor(&clinic).await;
    let mut ids = Vec::new();
    for n in 0..6 {
        let sent = marta.say(&id, "physician-12", &format!("message {n}")).await;
        ids.push(sent.json["id"].as_str().unwrap().to_owned());
    }
    let marta = marta.api();
    for (query, count, more) in [
        ("limit=6", 6, false),
        ("limit=5", 5, true),
        ("limit=3&offset=3", 3, false),
        ("limit=3&offset=2", 3, true),
        ("limit=3&offset=6", 0, false),
    ] {
        let reply = marta.get(&format!("/messages/{id}?{query}")).await.json;
        let meta = &reply["metadata"];
        assert_eq!(reply["data"].as_array().unwrap().len(), count, "{query}");
        assert_eq!(
            (&meta["total"], &meta["hasMore"], &meta["count"]),
            (&json!(6), &json!(more), &json!(count)),
            "{query}"
        );
    }
    for (before, limit, first, more) in [(5, 2, 3, true), (2, 2, 0, false), (3, 2, 1, true), (0, 2, 0, false)]
    {
        let reply = marta.get(&format!("/messages/{id}?limit={limit}&before={}", ids[before])).await;
        assert_eq!(reply.ids(), &ids[first..before], "before {before}");
        assert_eq!(reply.json["metadata"]["hasMore"], json!(more), "before {before}");
        assert_eq!(reply.json["metadata"]["total"], 6);
    }
    let unknown = marta.get(&format!("/messages/{id}?before=none")).await;
    assert_eq!((unknown.status, unknown.paths()), (400, vec!["before"]));
    let list = marta.get("/consultations?limit=1").await.json;
    assert!(list["metadata"]["total"].is_u64() && list["metadata"]["hasMore"].is_boolean());
}

#[tokio::test]
async fn health_is_public_and_tells_nothing_that_helps_an_attacker() {
    let clinic = demonstration().await;
    for caller in faces(&clinic.caller("", "")) {
        for request in [caller.request(Method::GET, "/health"), caller.request(Method::HEAD, "/health")] {
            assert_eq!(send(request).await.status, 200);
        }
        let health = caller.get("/health").await.json;
        let mut fields: Vec<&str> = health.as_object().unwrap().keys().map(String::as_str).collect();
        fields.retain(|field| *field != "success");
        fields.sort_unstable();
        assert_eq!(fields, ["features", "service", "status", "timestamp", "version"]);
        let text = health.to_string();
        for leak in ["127.0.0.1", "http", "patient-", "sqlite", "/tmp"] {
            assert!(!text.contains(leak), "{leak}");
        }
    }
}

#[tokio::test]
async fn a_role_by_its_other_name_is_the_same_role() {
    let clinic = demonstration().await;
    let provider = clinic.machine().on_behalf_of("physician-12", "provider", &[]);
    assert_eq!(provider.get("/session").await.json["role"], "physician");
    let pending = provider.get("/consultations?status=pending&specialty=cardiology&limit=100").await;
    assert!(!pending.ids().is_empty(), "the pool is there, with the specialties of the directory");
}

#[tokio::test]
async fn what_waits_for_anybody_is_seen_by_those_who_could_take_it() {
    let clinic = demonstration().await;
    let marta = clinic.sign_in(MARTA).await;
    let id = marta.ask("cardiology", "emergency").await;
    for code in [OKAFOR, LINDQVIST] {
        for physician in faces(&clinic.sign_in(code).await) {
            let list = physician.get("/consultations?status=pending&sort=triage&limit=100").await;
            assert!(list.ids().contains(&id.as_str()));
            let rows = if list.json.is_array() { &list.json } else { &list.json["data"] };
            assert_eq!(rows[0]["urgency"], "emergency", "and an emergency stands first");
        }
    }
}

#[tokio::test]
async fn words_with_colons_are_words() {
    let clinic = demonstration().await;
    let (marta, okafor, id) = with_okafor(&clinic).await;
    let hex = format!("{}:{}:{}", "ab".repeat(16), "cd".repeat(16), "ef".repeat(5));
    for text in ["BP 120:80:70", "8:30", "a:b:c", hex.as_str(), "chatehr.2.x.y", "::"] {
        let sent = marta.api().say(&id, "physician-12", text).await;
        assert_eq!((sent.status, &sent.json["data"]["content"]), (201, &json!(text)));
        let shown = okafor.api().get(&format!("/messages/{id}?limit=100")).await;
        let last = shown.json["data"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["content"], &last["metadata"]["unreadable"]), (&json!(text), &json!(null)));
    }
}

#[tokio::test]
async fn a_refusal_of_the_request_is_not_a_fault_of_the_server() {
    let clinic = demonstration().await;
    for okafor in faces(&clinic.sign_in(OKAFOR).await) {
        for (path, status) in [
            ("/consultations/none", 404),
            ("/patients/none", 404),
            ("/attachments/none", 404),
            ("/consultations?status=nonsense", 400),
        ] {
            assert_eq!(okafor.get(path).await.status, status, "{path}");
        }
    }
}
