use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Clinic, LINDQVIST, LUCIA, MARTA, OKAFOR, Reply, send};

async fn keyed(caller: &Caller, method: Method, path: &str, key: &str, body: &Value) -> Reply {
    send(caller.request(method, path).header("Idempotency-Key", key).json(body)).await
}

fn request(patient: &Caller) -> Value {
    json!({ "patientId": patient.id, "specialty": "cardiology", "description": "It hurts" })
}

#[tokio::test]
async fn a_repeated_request_is_stored_once_and_answered_the_same() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    let before = marta.get("/consultations").await.headers["x-total-count"].clone();
    let first = keyed(&marta, Method::POST, "/consultations", "k-1", &request(&marta)).await;
    clinic.pass(60);
    let second = keyed(&marta, Method::POST, "/consultations", "k-1", &request(&marta)).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.json, second.json);
    let after = marta.get("/consultations").await.headers["x-total-count"].clone();
    let number = |count: reqwest::header::HeaderValue| count.to_str().unwrap().parse::<u32>().unwrap();
    assert_eq!(number(after), number(before) + 1);
}

#[tokio::test]
async fn many_repeats_at_once_take_effect_once() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    let repeats: Vec<_> = (0..20)
        .map(|_| {
            let marta = marta.clone();
            tokio::spawn(async move {
                keyed(&marta, Method::POST, "/consultations", "k-1", &request(&marta)).await.json["id"]
                    .clone()
            })
        })
        .collect();
    let mut ids = Vec::new();
    for repeat in repeats {
        ids.push(repeat.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_person() {
    let clinic = Clinic::open().await;
    let (marta, lucia) = (clinic.sign_in(MARTA).await, clinic.sign_in(LUCIA).await);
    let first = keyed(&marta, Method::POST, "/consultations", "k-1", &request(&marta)).await;
    let mut other = request(&marta);
    other["description"] = json!("Something else");
    let refused = keyed(&marta, Method::POST, "/consultations", "k-1", &other).await;
    assert_eq!((refused.status, refused.error()), (409, "CONFLICT"));
    let hers = keyed(&lucia, Method::POST, "/consultations", "k-1", &request(&lucia)).await;
    assert_eq!((hers.status, &hers.json["patientId"]), (201, &json!("patient-2044")));
    assert_ne!(hers.json["id"], first.json["id"]);
    for key in ["", &"k".repeat(256)] {
        let reply = keyed(&marta, Method::POST, "/consultations", key, &request(&marta)).await;
        assert_eq!(reply.paths(), ["Idempotency-Key"]);
    }
}

#[tokio::test]
async fn a_repeated_transition_hears_the_first_answer_and_not_a_conflict() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    let (path, accept) = (format!("/consultations/{id}"), json!({ "status": "assigned" }));
    let first = keyed(&okafor, Method::PUT, &path, "k-1", &accept).await;
    let second = keyed(&okafor, Method::PUT, &path, "k-1", &accept).await;
    assert_eq!((second.status, &second.json), (200, &first.json));
    assert_eq!(second.headers["etag"], first.headers["etag"]);
    let (path, reason) = (format!("{path}/decline"), json!({ "reason": "Called away" }));
    let first = keyed(&okafor, Method::POST, &path, "k-2", &reason).await;
    assert_eq!(clinic.sign_in(LINDQVIST).await.to(&id, "assigned").await.status, 200);
    let second = keyed(&okafor, Method::POST, &path, "k-2", &reason).await;
    assert_eq!((second.status, &second.json), (200, &first.json));
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    let message = json!({ "consultationId": id, "toId": "physician-12", "content": "Hello" });
    assert_eq!(keyed(&marta, Method::POST, "/messages", "k-1", &message).await.status, 409);
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    assert_eq!(keyed(&marta, Method::POST, "/messages", "k-1", &message).await.status, 201);
}

#[tokio::test]
async fn a_first_answer_outlives_a_restart_and_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let machine = clinic.machine();
    let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "It hurts" });
    let first = keyed(&machine, Method::POST, "/consultations", "k-1", &body).await;
    clinic.running.stop().await;
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    clinic.pass(25 * 3600);
    let second = keyed(&clinic.machine(), Method::POST, "/consultations", "k-1", &body).await;
    assert_eq!(second.json, first.json);
    let accounts = clinic.machine().get("/test/accounts").await;
    assert_eq!(accounts.json.as_array().unwrap().len(), 6, "a file is seeded once");
}
