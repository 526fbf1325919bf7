//! Through a gateway the same holds as without one; and whatever stands behind it, its clients get an answer.

mod hostile;

use std::time::Duration;

use chatehr_contract::{ConsultationId, EnvelopeId, PersonId};
use chatehr_seal::{Binding, MessageKey, open, seal};
use chatehr_server::{Config, Machine, Mode};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    events::Listener,
    support::{API_KEY, Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, OKAFOR, Reply, send},
};

/// The key of a machine that the gateway itself knows.
pub(crate) const WARD_KEY: &str = "a-ward-s-key";

/// A gateway in front of this address.
pub(crate) async fn gateway_to(upstream: String, change: impl FnOnce(&mut Config)) -> Clinic {
    Clinic::with(|config| {
        config.mode = Mode::Gateway;
        config.upstream = Some(upstream);
        config.machines =
            vec![Machine { name: "ward".to_owned(), key: Sha256::digest(WARD_KEY).into(), gateway: true }];
        // Its own secret is no other's.
        config.root_secret = b"the secret of a gateway, 32 bytes and more".to_vec();
        change(config);
    })
    .await
}

async fn gateway(clinic: &Clinic) -> Clinic {
    gateway_to(clinic.running.base_url(), |_| {}).await
}

/// The gateway's bare surface, on which answers read as they do without a gateway.
pub(crate) fn bare(gateway: &Clinic) -> String {
    format!("http://{}/v1", gateway.running.address)
}

async fn people(clinic: &Clinic, gateway: &Clinic) -> (Caller, Caller, Caller) {
    let base = bare(gateway);
    (
        clinic.sign_in(MARTA).await.at(&base),
        clinic.sign_in(OKAFOR).await.at(&base),
        clinic.sign_in(LINDQVIST).await.at(&base),
    )
}

async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    for _ in 0..400 {
        if look().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn health_says_what_a_gateway_carries_and_not_what_is_between_the_two() {
    let clinic = Clinic::open().await;
    let behind = clinic.machine().get("/health").await.json;
    let gateway = gateway(&clinic).await;
    let before = gateway.machine().get("/health").await;
    let features = |health: &Value| {
        let mut names: Vec<String> = serde_json::from_value(health["features"].clone()).unwrap();
        names.sort();
        names
    };
    let mut expected = features(&behind);
    expected.retain(|name| name != "on-behalf-of");
    assert_eq!((before.status, features(&before.json)), (200, expected));
    assert_eq!(before.json["service"], "ChatEHR (gateway)");
}

#[tokio::test]
async fn a_consultation_goes_its_way_through_a_gateway() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, lindqvist) = people(&clinic, &gateway).await;
    let id = marta.ask("cardiology", "urgent").await;
    let path = format!("/consultations/{id}");
    let direct = okafor.at(&clinic.running.base_url());
    for query in ["?limit=3", "?limit=100&status=pending&sort=triage", "?offset=2&urgency=urgent"] {
        let list = format!("/consultations{query}");
        let (through, straight) = (okafor.get(&list).await, direct.get(&list).await);
        assert_eq!((through.status, &through.json), (200, &straight.json));
        assert_eq!(through.headers["x-total-count"], straight.headers["x-total-count"]);
    }
    let read = okafor.get(&path).await;
    assert_eq!((read.status, &read.headers["etag"]), (200, &"\"1\"".parse().unwrap()));
    let stale = send(
        okafor.request(Method::PUT, &path).header("If-Match", "\"7\"").json(&json!({ "status": "assigned" })),
    )
    .await;
    assert_eq!(
        (stale.status, stale.error(), &stale.json["current"]["version"]),
        (412, "PRECONDITION_FAILED", &json!(1))
    );
    let accepted = okafor.to(&id, "assigned").await;
    assert_eq!((accepted.status, &accepted.json["physicianId"]), (200, &json!("physician-12")));
    assert_eq!(accepted.headers["etag"], "\"2\"");
    let late = lindqvist.to(&id, "assigned").await;
    assert_eq!((late.status, late.error()), (409, "CONFLICT"));
    assert_eq!(late.json["current"]["physicianId"], "physician-12");
    assert_eq!(lindqvist.get(&path).await.status, 404);
    assert_eq!(marta.to(&id, "cancelled").await.status, 403);
    let refused = okafor.post(&format!("{path}/decline"), json!({ "reason": "" })).await;
    assert_eq!(refused.paths(), ["reason"]);
    let declined = okafor.post(&format!("{path}/decline"), json!({ "reason": "Called away" })).await;
    assert_eq!((declined.status, &declined.json["status"]), (200, &json!("pending")));
    let envelope = marta.at(&gateway.running.base_url());
    let page = envelope.get("/consultations?limit=1").await.json;
    assert_eq!((&page["success"], &page["metadata"]["count"]), (&json!(true), &json!(1)));
    assert!(page["metadata"]["total"].as_u64().unwrap() > 1);
    let missing = envelope.get("/consultations/nothing").await;
    assert_eq!((missing.status, &missing.json["error"]["code"]), (404, &json!("NOT_FOUND")));
}

#[tokio::test]
async fn a_repeat_through_another_gateway_takes_effect_once() {
    let clinic = Clinic::open().await;
    let (one, other) = (gateway(&clinic).await, gateway(&clinic).await);
    let marta = clinic.sign_in(MARTA).await;
    let body = json!({ "patientId": marta.id, "specialty": "cardiology", "description": "It hurts" });
    let ask = async |base: String, key: &str, body: &Value| {
        let request = marta.at(&base).request(Method::POST, "/consultations").header("Idempotency-Key", key);
        send(request.json(body)).await
    };
    let first = ask(bare(&one), "k-1", &body).await;
    let second = ask(bare(&other), "k-1", &body).await;
    assert_eq!((first.status, second.status, &first.json), (201, 201, &second.json));
    let mut changed = body.clone();
    changed["description"] = json!("Something else");
    assert_eq!(ask(bare(&other), "k-1", &changed).await.status, 409);
}

async fn key_of(caller: &Caller, id: &str) -> MessageKey {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let reply = caller.get(&format!("/keys/{id}")).await;
    let key = BASE64_URL_SAFE_NO_PAD.decode(reply.json["key"].as_str().unwrap()).unwrap();
    MessageKey::from_parts(reply.json["kid"].as_str().unwrap(), &key).unwrap()
}

#[tokio::test]
async fn messages_are_sealed_and_opened_once_whoever_is_in_between() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, lindqvist) = people(&clinic, &gateway).await;
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    // What looks like the original's envelope is somebody's words all the same.
    let odd = format!("{}:{}:{}", "0".repeat(24), "1".repeat(32), "ab");
    for text in ["Hello, BP 120:80", odd.as_str()] {
        let said = marta.say(&id, "physician-12", text).await;
        assert_eq!((said.status, &said.json["content"]), (201, &json!(text)));
        assert_eq!(said.json["metadata"]["unreadable"], json!(null));
    }
    let list = format!("/messages?consultationId={id}");
    let clear = okafor.get(&list).await;
    assert_eq!(
        (&clear.json[0]["content"], &clear.headers["x-total-count"]),
        (&json!("Hello, BP 120:80"), &"2".parse().unwrap())
    );
    let sealed = send(okafor.request(Method::GET, &list).header("Accept-Envelope", "3")).await.json;
    assert!(sealed[0]["content"].as_str().unwrap().starts_with("chatehr.3."));
    let key = key_of(&okafor, &id).await;
    assert_eq!(
        key.kid(),
        key_of(&okafor.at(&clinic.running.base_url()), &id).await.kid(),
        "the key is the upstream's"
    );
    let (place, name) = (ConsultationId::new(id.as_str()), EnvelopeId::new("e-1"));
    let (from, to) = (PersonId::new("physician-12"), PersonId::new("patient-2041"));
    let binding = Binding { consultation: &place, envelope: &name, from: &from, to: &to };
    let envelope = seal(&key, &binding, "Good morning", [7; 12]).unwrap();
    let body = json!({ "consultationId": id, "toId": "patient-2041", "content": envelope, "metadata": { "envelopeId": "e-1" } });
    let sent =
        send(okafor.request(Method::POST, "/messages").header("Accept-Envelope", "3").json(&body)).await;
    assert_eq!((sent.status, &sent.json["content"]), (201, &json!(envelope)));
    assert_eq!(marta.get(&list).await.json[2]["content"], "Good morning");
    let kept = marta.at(&clinic.running.base_url());
    let kept = send(kept.request(Method::GET, &list).header("Accept-Envelope", "3")).await.json;
    let binding = Binding {
        envelope: &EnvelopeId::new(kept[0]["metadata"]["envelopeId"].as_str().unwrap()),
        from: &to,
        to: &from,
        ..binding
    };
    assert_eq!(open(&key, &binding, kept[0]["content"].as_str().unwrap()).unwrap(), "Hello, BP 120:80");
    assert_eq!(lindqvist.get(&list).await.status, 404);
    let feldman = clinic.sign_in(FELDMAN).await.at(&bare(&gateway));
    assert_eq!(feldman.get(&list).await.status, 403);
    let reason = "Beschwerde%20der%20Patientin";
    assert_eq!(
        send(feldman.request(Method::GET, &list).header("Break-Glass-Reason", reason)).await.status,
        200
    );
    let read = okafor.post(&format!("/messages/{id}/read"), json!({ "upTo": kept[1]["id"] })).await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn a_page_of_the_longest_messages_passes() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, _) = people(&clinic, &gateway).await;
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    let longest = "\u{1F915}".repeat(10_000);
    for _ in 0..60 {
        assert_eq!(marta.say(&id, "physician-12", &longest).await.status, 201);
    }
    let list = format!("/messages?consultationId={id}&limit=100");
    let sealed = send(okafor.request(Method::GET, &list).header("Accept-Envelope", "3")).await;
    assert!(sealed.json.to_string().len() > 3_000_000);
    assert_eq!(sealed.ids().len(), 60);
}

#[tokio::test]
async fn files_pass_whole() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, lindqvist) = people(&clinic, &gateway).await;
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    let mut bytes: Vec<u8> =
        (0..10 * 1024 * 1024).map(|n: u32| n.to_be_bytes()[3] ^ n.to_be_bytes()[1]).collect();
    bytes[0] = b'<';
    let add = |bytes: Vec<u8>| {
        marta.request(Method::POST, &format!("/attachments?consultationId={id}")).body(bytes)
    };
    let made = send(add(bytes.clone())).await;
    assert_eq!((made.status, &made.json["size"]), (201, &json!(bytes.len())));
    let path = format!("/attachments/{}", made.json["id"].as_str().unwrap());
    let fetched = okafor.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(fetched.bytes().await.unwrap(), bytes);
    assert_eq!(lindqvist.get(&path).await.status, 404);
    bytes.push(0);
    assert_eq!(send(add(bytes)).await.status, 413);
}

#[tokio::test]
async fn changes_and_the_directory_are_the_upstreams() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, _) = people(&clinic, &gateway).await;
    let direct = okafor.at(&clinic.running.base_url());
    for path in [
        "/changes?limit=5",
        "/patients?query=a&limit=5",
        "/physicians?specialty=cardiology",
        "/specialties",
        "/policy",
    ] {
        assert_eq!(okafor.get(path).await.json, direct.get(path).await.json, "{path}");
    }
    let mut cursor = okafor.get("/changes?limit=500").await.json;
    while cursor["hasMore"] == true {
        let path = format!("/changes?limit=500&since={}", cursor["nextCursor"].as_str().unwrap());
        cursor = okafor.get(&path).await.json;
    }
    let id = marta.ask("cardiology", "urgent").await;
    let since = cursor["nextCursor"].as_str().unwrap();
    let changes = okafor.get(&format!("/changes?since={since}")).await.json;
    assert_eq!(changes["changes"][0]["record"]["id"], json!(id));
    let lost = okafor.get("/changes?since=elsewhere-3").await;
    assert_eq!((lost.status, lost.error()), (410, "CURSOR_EXPIRED"));
}

#[tokio::test]
async fn a_kiosks_patient_signs_in_and_out_through_a_gateway() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, _) = people(&clinic, &gateway).await;
    let id = marta.ask("cardiology", "routine").await;
    let code = okafor.post("/kiosk-codes", json!({ "patientId": "patient-2041" })).await;
    assert_eq!(code.status, 201, "{code:?}");
    let ward = gateway.caller("", WARD_KEY).at(&bare(&gateway));
    let birth_date = okafor.get("/patients/patient-2041").await.json["birthDate"].clone();
    let enter = |code: &Value, birth_date: &Value| {
        let body = json!({ "code": code, "birthDate": birth_date });
        let ward = ward.clone();
        async move { ward.post("/kiosk-sessions", body).await }
    };
    let wrong = enter(&json!("000000"), &birth_date).await;
    assert_eq!((wrong.status, wrong.error()), (403, "SIGN_IN_REFUSED"));
    let session = enter(&code.json["code"], &birth_date).await;
    assert_eq!(session.status, 201, "{session:?}");
    let patient = gateway.caller("patient-2041", session.json["token"].as_str().unwrap()).at(&bare(&gateway));
    assert_eq!(patient.get(&format!("/consultations/{id}")).await.status, 200);
    let who = patient.get("/session").await.json;
    assert_eq!((&who["id"], &who["role"]), (&json!("patient-2041"), &json!("patient")));
    assert_eq!(who["expiresAt"], session.json["expiresAt"]);
    let ended = patient.request(Method::DELETE, "/session").send().await.unwrap();
    assert_eq!(ended.status(), 204);
    assert_eq!(patient.get("/session").await.status, 401, "ended here at once");
    assert_eq!(
        patient.at(&clinic.running.base_url()).get("/session").await.status,
        401,
        "and where it was given"
    );
}

#[tokio::test]
async fn an_upstreams_keys_and_made_up_tokens_let_nobody_in() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    for token in [API_KEY, "made-up", "a.b.c", &"x".repeat(9000)] {
        let caller = gateway.caller("", token).at(&bare(&gateway));
        assert_eq!(caller.get("/consultations").await.status, 401, "{token}");
        assert_eq!(caller.on_behalf_of("admin-1", "admin", &[]).get("/consultations").await.status, 401);
    }
}

#[tokio::test]
async fn an_event_through_either_of_two_gateways_reaches_the_listeners_of_both() {
    let clinic = Clinic::open().await;
    let gateways = [gateway(&clinic).await, gateway(&clinic).await];
    let (marta, okafor, lindqvist) = people(&clinic, &gateways[0]).await;
    let mut listeners = Vec::new();
    for gateway in &gateways {
        listeners.push(Listener::of(&okafor.at(&bare(gateway)), None).await);
        listeners.push(Listener::of(&lindqvist.at(&bare(gateway)), None).await);
    }
    let mut ids = Vec::new();
    for n in 0..10 {
        let through = &gateways[n % 2];
        let id = marta.at(&bare(through)).ask("cardiology", "urgent").await;
        let mut places = Vec::new();
        for listener in &mut listeners {
            let heard = listener.next().await;
            assert_eq!(heard.data["consultationId"], json!(id));
            assert_eq!(heard.data.get("audience"), None, "for whom it is stays between the servers");
            places.push(heard.id);
        }
        places.dedup();
        assert_eq!(places.len(), 1, "one id everywhere");
        ids.push((id, places.remove(0)));
    }
    // Heard through one, gone on through the other, and straight at the upstream.
    for base in [bare(&gateways[1]), clinic.running.base_url()] {
        let mut again = Listener::of(&okafor.at(&base), Some(&ids[3].1)).await;
        for (id, place) in &ids[4..] {
            let heard = again.next().await;
            assert_eq!((&heard.data["consultationId"], &heard.id), (&json!(id), place));
        }
    }
    let lucia = clinic.sign_in(LUCIA).await;
    let mut hers = Listener::of(&lucia.at(&bare(&gateways[1])), Some(&ids[0].1)).await;
    let own = lucia.at(&bare(&gateways[0])).ask("cardiology", "routine").await;
    assert_eq!(hers.next().await.data["consultationId"], json!(own), "a patient hears of their own alone");
}

#[tokio::test]
async fn who_accepts_through_two_gateways_at_once_has_one_winner() {
    let clinic = Clinic::open().await;
    let (one, other) = (gateway(&clinic).await, gateway(&clinic).await);
    let (marta, okafor, lindqvist) = people(&clinic, &one).await;
    let lindqvist = lindqvist.at(&bare(&other));
    for round in 0..40 {
        let id = marta.ask("cardiology", "urgent").await;
        let (a, b) = if round % 2 == 0 {
            tokio::join!(okafor.to(&id, "assigned"), lindqvist.to(&id, "assigned"))
        } else {
            let (b, a) = tokio::join!(lindqvist.to(&id, "assigned"), okafor.to(&id, "assigned"));
            (a, b)
        };
        let won = |reply: &Reply| reply.status == 200;
        assert!(won(&a) != won(&b), "{a:?} {b:?}");
        let (winner, loser) = if won(&a) { (&okafor, &b) } else { (&lindqvist, &a) };
        assert_eq!((loser.status, &loser.json["current"]["physicianId"]), (409, &json!(winner.id)));
        assert_eq!(marta.get(&format!("/consultations/{id}")).await.json["physicianId"], json!(winner.id));
    }
}

#[tokio::test]
async fn a_gateway_that_comes_back_goes_on_where_its_listeners_were() {
    let clinic = Clinic::open().await;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, _) = people(&clinic, &gateway).await;
    let mut listener = Listener::of(&okafor, None).await;
    marta.ask("cardiology", "routine").await;
    let last = listener.next().await;
    let address = gateway.running.address;
    gateway.running.stop().await;
    let straight = marta.at(&clinic.running.base_url());
    let missed = straight.ask("cardiology", "urgent").await;
    let gateway = gateway_to(clinic.running.base_url(), |config| config.listen = address).await;
    let mut listener = Listener::of(&okafor, Some(&last.id)).await;
    assert_eq!(listener.next().await.data["consultationId"], json!(missed));
    let next = marta.at(&bare(&gateway)).ask("cardiology", "urgent").await;
    assert_eq!(listener.next().await.data["consultationId"], json!(next));
}

#[tokio::test]
async fn while_the_upstream_is_away_listeners_stay_and_nobody_learns_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let upstream = clinic.running.address;
    let gateway =
        gateway_to(clinic.running.base_url(), |config| config.heartbeat = Duration::from_millis(50)).await;
    let (marta, okafor, _) = people(&clinic, &gateway).await;
    let mut listener = Listener::of(&okafor, None).await;
    marta.ask("cardiology", "routine").await;
    let last = listener.next().await;
    clinic.running.stop().await;

    let envelope = okafor.at(&gateway.running.base_url());
    let down = envelope.get("/consultations").await;
    assert_eq!((down.status, &down.json["error"]["code"]), (502, &json!("UPSTREAM_ERROR")));
    until("health does not tell", || async { envelope.get("/health").await.status == 503 }).await;
    let health = envelope.get("/health").await;
    assert_eq!((&health.json["status"], &health.json["features"]), (&json!("unhealthy"), &json!([])));
    for said in [down.json.to_string(), health.json.to_string()] {
        assert!(!said.contains("127.0.0.1") && !said.contains(&upstream.port().to_string()), "{said}");
    }
    assert_eq!(listener.raw().await.unwrap(), ": heartbeat", "the stream lives");
    let mut replay = Listener::of(&okafor, Some(&last.id)).await;

    let clinic = Clinic::with(|config| {
        config.listen = upstream;
        config.database = Some(file.clone());
    })
    .await;
    let straight = marta.at(&clinic.running.base_url());
    let id = straight.ask("cardiology", "urgent").await;
    assert_eq!(listener.next().await.data["consultationId"], json!(id));
    assert_eq!(replay.next().await.data["consultationId"], json!(id));
    until("it does not come back", || async { okafor.get("/consultations").await.status == 200 }).await;
    until("health does not come back", || async { envelope.get("/health").await.status == 200 }).await;
}

#[tokio::test]
async fn an_upstream_with_another_memory_ends_every_stream_and_says_start_again() {
    let clinic = Clinic::open().await;
    let address = clinic.running.address;
    let gateway = gateway(&clinic).await;
    let (marta, okafor, _) = people(&clinic, &gateway).await;
    let mut listener = Listener::of(&okafor, None).await;
    marta.ask("cardiology", "routine").await;
    let last = listener.next().await;
    clinic.running.stop().await;
    // In memory: everything is forgotten, sessions too.
    let clinic = Clinic::with(|config| config.listen = address).await;
    while listener.raw().await.is_some() {}
    let okafor = clinic.sign_in(OKAFOR).await.at(&bare(&gateway));
    let mut listener = Listener::of(&okafor, Some(&last.id)).await;
    assert_eq!(listener.next().await.event, "reset");
    let id = clinic.sign_in(MARTA).await.at(&bare(&gateway)).ask("cardiology", "urgent").await;
    assert_eq!(listener.next().await.data["consultationId"], json!(id));
}

#[tokio::test]
async fn too_much_for_the_upstream_is_told_with_when_to_come_back() {
    let clinic = Clinic::with(|config| {
        config.rates.read.person = chatehr_server::Rate::new(1, 2);
    })
    .await;
    let gateway = gateway(&clinic).await;
    let okafor = clinic.sign_in(OKAFOR).await.at(&bare(&gateway));
    let mut last = okafor.get("/consultations").await;
    for _ in 0..5 {
        last = okafor.get("/consultations").await;
    }
    assert_eq!((last.status, last.error()), (429, "RATE_LIMIT_EXCEEDED"));
    let wait: u32 = last.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait));
}
