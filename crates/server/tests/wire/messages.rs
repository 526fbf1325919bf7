use chatehr_contract::{ConsultationId, EnvelopeId, PersonId};
use chatehr_seal::{Binding, MessageKey, open, seal};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Clinic, FELDMAN, LINDQVIST, MARTA, OKAFOR, Reply, send};

const CANARY: &str = "canary-of-clear-text-8d1f";

async fn conversation(clinic: &Clinic) -> (Caller, Caller, String) {
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    (marta, okafor, id)
}

async fn post_sealed(caller: &Caller, body: &Value) -> Reply {
    send(caller.request(Method::POST, "/messages").header("Accept-Envelope", "3").json(body)).await
}

async fn list_sealed(caller: &Caller, id: &str) -> Reply {
    let path = format!("/messages?consultationId={id}");
    send(caller.request(Method::GET, &path).header("Accept-Envelope", "3")).await
}

async fn key_of(caller: &Caller, id: &str) -> MessageKey {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let reply = caller.get(&format!("/keys/{id}")).await;
    assert_eq!(reply.status, 200);
    let key = BASE64_URL_SAFE_NO_PAD.decode(reply.json["key"].as_str().unwrap()).unwrap();
    MessageKey::from_parts(reply.json["kid"].as_str().unwrap(), &key).unwrap()
}

#[tokio::test]
async fn only_the_two_who_take_part_write_and_only_to_each_other() {
    let clinic = Clinic::open().await;
    let (marta, okafor, id) = conversation(&clinic).await;
    assert_eq!(marta.say(&id, "physician-12", "Hello").await.status, 201);
    assert_eq!(okafor.say(&id, "patient-2041", "Good morning").await.status, 201);
    for to in ["physician-13", "patient-2041", "nobody"] {
        assert_eq!(marta.say(&id, to, "x").await.paths(), ["toId"]);
    }
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    assert_eq!(lindqvist.say(&id, "patient-2041", "x").await.status, 404);
    let waiting = marta.ask("cardiology", "routine").await;
    assert_eq!(lindqvist.say(&waiting, "patient-2041", "x").await.status, 403, "seeing is not taking part");
    assert_eq!(clinic.sign_in(FELDMAN).await.say(&id, "patient-2041", "x").await.status, 403);
    assert_eq!(clinic.machine().say(&id, "patient-2041", "x").await.status, 403);
    let texts = marta.get(&format!("/messages?consultationId={id}")).await.json;
    assert_eq!((&texts[0]["content"], &texts[1]["content"]), (&json!("Hello"), &json!("Good morning")));
    assert_eq!(texts.as_array().unwrap().len(), 2, "nothing refused was stored");
}

#[tokio::test]
async fn nobody_writes_where_nobody_reads() {
    let clinic = Clinic::open().await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let waiting = marta.ask("cardiology", "routine").await;
    let reply = marta.say(&waiting, "physician-12", "Anybody?").await;
    assert_eq!((reply.status, reply.error()), (409, "CONFLICT"));
    assert_eq!(reply.json["current"]["status"], "pending");
    assert_eq!(okafor.to(&id, "in_progress").await.status, 200);
    assert_eq!(marta.say(&id, "physician-12", "Thanks").await.status, 201);
    assert_eq!(okafor.to(&id, "completed").await.status, 200);
    assert_eq!(marta.say(&id, "physician-12", "One more").await.status, 409);
    assert_eq!(marta.get(&format!("/messages?consultationId={id}")).await.ids().len(), 1);
}

#[tokio::test]
async fn nobody_writes_as_the_system() {
    let clinic = Clinic::open().await;
    let (marta, _, id) = conversation(&clinic).await;
    let body = json!({ "consultationId": id, "toId": "physician-12", "content": "x", "type": "system" });
    assert_eq!(marta.post("/messages", body).await.paths(), ["type"]);
}

#[tokio::test]
async fn clear_text_rests_sealed_and_is_opened_in_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let body = json!({ "consultationId": id, "toId": "physician-12", "content": CANARY });
    let request = || marta.request(Method::POST, "/messages").header("Idempotency-Key", "k").json(&body);
    assert_eq!(send(request()).await.json["content"], CANARY);
    assert_eq!(send(request()).await.json["content"], CANARY, "a repeat is answered from the store");
    assert_eq!(okafor.get(&format!("/messages?consultationId={id}")).await.json[0]["content"], CANARY);
    let token = marta.token.clone();

    let sealed = list_sealed(&okafor, &id).await.json[0].clone();
    let text = open(
        &key_of(&okafor, &id).await,
        &Binding {
            consultation: &ConsultationId::new(id),
            envelope: &EnvelopeId::new(sealed["metadata"]["envelopeId"].as_str().unwrap()),
            from: &PersonId::new("patient-2041"),
            to: &PersonId::new("physician-12"),
        },
        sealed["content"].as_str().unwrap(),
    );
    assert_eq!(text.unwrap(), CANARY, "the physician's workstation opens what the server sealed");

    // With the server's own connection open: what is in the write-ahead log counts as well.
    let mut scanned = scan(folder.path());
    assert!(holds(&scanned, b"It hurts"), "the scan finds what is there");
    for secret in [CANARY, token.as_str()] {
        assert!(!holds(&scanned, secret.as_bytes()), "found in the store's files");
    }
    clinic.running.stop().await;
    scanned = scan(folder.path());
    assert!(!holds(&scanned, CANARY.as_bytes()));
}

fn scan(folder: &std::path::Path) -> Vec<u8> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| match std::fs::read(entry.unwrap().path()) {
        // SQLite's side files come and go.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.unwrap(),
    };
    std::fs::read_dir(folder).unwrap().flat_map(read).collect()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn the_demonstrations_messages_rest_sealed_too() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let mut seen = 0;
    for id in okafor.get("/consultations?physicianId=physician-12&limit=100").await.ids() {
        let clear = okafor.get(&format!("/messages?consultationId={id}&limit=100")).await.json;
        let sealed = list_sealed(&okafor, id).await.json;
        for message in sealed.as_array().unwrap() {
            assert!(message["content"].as_str().unwrap().starts_with("chatehr.3."));
            seen += 1;
        }
        for message in clear.as_array().unwrap() {
            assert_eq!(message["metadata"]["unreadable"], json!(null));
            assert!(!message["content"].as_str().unwrap().starts_with("chatehr.3."));
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn an_envelope_passes_untouched_and_opens_for_who_opens_none() {
    let clinic = Clinic::open().await;
    let (marta, okafor, id) = conversation(&clinic).await;
    let place = ConsultationId::new(id.as_str());
    let (envelope, from, to) =
        (EnvelopeId::new("e-1"), PersonId::new("physician-12"), PersonId::new("patient-2041"));
    let binding = Binding { consultation: &place, envelope: &envelope, from: &from, to: &to };
    let sealed = seal(&key_of(&okafor, &id).await, &binding, CANARY, [7; 12]).unwrap();
    let body = json!({
        "consultationId": id, "toId": "patient-2041", "content": sealed, "metadata": { "envelopeId": "e-1" },
    });
    let reply = post_sealed(&okafor, &body).await;
    assert_eq!((reply.status, &reply.json["content"]), (201, &json!(sealed)));
    assert_eq!(marta.get(&format!("/messages?consultationId={id}")).await.json[0]["content"], CANARY);

    let again = post_sealed(&okafor, &body).await;
    assert_eq!(
        (again.status, &again.json["id"]),
        (201, &reply.json["id"]),
        "a repeat without a key is still one message"
    );
    let other = seal(&key_of(&okafor, &id).await, &binding, "Other words", [8; 12]).unwrap();
    let mut forged = body.clone();
    forged["content"] = json!(other);
    assert_eq!(post_sealed(&okafor, &forged).await.status, 409, "one name, one message");

    // Sealed for another sender: stored as it came, and said to be unreadable rather than passed off as words.
    let mut moved = body.clone();
    moved["toId"] = json!("physician-12");
    assert_eq!(post_sealed(&marta, &moved).await.status, 201);
    let shown = okafor.get(&format!("/messages?consultationId={id}")).await.json;
    assert_eq!((&shown[1]["content"], &shown[1]["metadata"]["unreadable"]), (&json!(sealed), &json!(true)));
    assert_eq!(shown.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_says_they_seal_must_seal() {
    let clinic = Clinic::open().await;
    let (_, okafor, id) = conversation(&clinic).await;
    let key = key_of(&okafor, &id).await;
    let kid = key.kid();
    let post = |content: String, metadata: Value| {
        let body =
            json!({ "consultationId": id, "toId": "patient-2041", "content": content, "metadata": metadata });
        let okafor = okafor.clone();
        async move { post_sealed(&okafor, &body).await }
    };
    let named = json!({ "envelopeId": "e-1" });
    let whole = "A".repeat(60);
    for content in [
        "clear text".to_owned(),
        format!("chatehr.3.otherkey.{whole}"),
        format!("chatehr.3.{kid}.short"),
        format!("chatehr.3.{kid}.{}", "?".repeat(60)),
        format!("chatehr.3.{kid}"),
    ] {
        let reply = post(content.clone(), named.clone()).await;
        assert_eq!((reply.status, reply.paths()), (400, vec!["content"]), "{content}");
    }
    let envelope = format!("chatehr.3.{kid}.{whole}");
    assert_eq!(post(envelope.clone(), json!({})).await.paths(), ["metadata.envelopeId"]);
    assert_eq!(post(envelope.clone(), json!({ "envelopeId": 7 })).await.paths(), ["metadata.envelopeId"]);
    let unannounced = okafor.say(&id, "patient-2041", &envelope).await;
    assert_eq!(unannounced.paths(), ["content"], "an envelope is not sealed a second time");
    let newer =
        okafor.request(Method::GET, &format!("/messages?consultationId={id}")).header("Accept-Envelope", "4");
    assert_eq!(send(newer).await.paths(), ["Accept-Envelope"]);
    assert_eq!(post(envelope, named).await.status, 201);
}

#[tokio::test]
async fn a_page_of_messages_is_oldest_first_and_knows_the_total() {
    let clinic = Clinic::open().await;
    let (marta, _, id) = conversation(&clinic).await;
    for n in 0..5 {
        assert_eq!(marta.say(&id, "physician-12", &format!("message {n}")).await.status, 201);
    }
    let reply = marta.get(&format!("/messages?consultationId={id}&limit=2&offset=2")).await;
    assert_eq!(reply.headers["x-total-count"], "5");
    let texts: Vec<_> =
        reply.json.as_array().unwrap().iter().map(|message| message["content"].clone()).collect();
    assert_eq!(texts, [json!("message 2"), json!("message 3")]);
}
