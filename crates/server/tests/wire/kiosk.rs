//! Feature `kiosk`, and the other short ways in and out: codes, sessions and their end.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Clinic, FELDMAN, LUCIA, MARTA, OKAFOR, Reply, send};

const BORN: &str = "1959-03-14";

async fn code(staff: &Caller) -> String {
    let reply = staff.post("/kiosk-codes", json!({ "patientId": "patient-2041" })).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let code = reply.json["code"].as_str().unwrap().to_owned();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    code
}

async fn enter(kiosk: &Caller, code: &str, born: &str) -> Reply {
    kiosk.post("/kiosk-sessions", json!({ "code": code, "birthDate": born })).await
}

#[tokio::test]
async fn a_code_opens_one_short_session_of_its_patient() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (feldman, kiosk) = (clinic.sign_in(FELDMAN).await, clinic.machine());
    let made = code(&feldman).await;
    let reply = enter(&kiosk, &made, BORN).await;
    assert_eq!(reply.status, 201);
    assert_eq!((&reply.json["id"], &reply.json["role"]), (&json!("patient-2041"), &json!("patient")));
    assert_eq!(reply.json["expiresAt"], "2026-11-23T09:57:00.000Z");
    let marta = clinic.caller("patient-2041", reply.json["token"].as_str().unwrap());
    let session = marta.api().get("/session").await.json["data"].clone();
    assert_eq!(
        (&session["role"], &session["expiresAt"]),
        (&json!("patient"), &json!("2026-11-23T09:57:00.000Z"))
    );
    marta.ask("cardiology", "routine").await;
    let lucias = clinic.sign_in(LUCIA).await.ask("cardiology", "routine").await;
    assert_eq!(marta.get(&format!("/consultations/{lucias}")).await.status, 404);
    let once = enter(&kiosk, &made, BORN).await;
    assert_eq!((once.status, once.error()), (403, "SIGN_IN_REFUSED"));
    clinic.pass(15 * 60 - 1);
    assert_eq!(marta.get("/session").await.status, 200);
    clinic.pass(1);
    assert_eq!(marta.get("/session").await.status, 401);
}

#[tokio::test]
async fn a_code_lasts_a_quarter_of_an_hour() {
    let clinic = Clinic::open().await;
    let (feldman, kiosk) = (clinic.sign_in(FELDMAN).await, clinic.machine());
    let early = code(&feldman).await;
    clinic.pass(15 * 60 - 1);
    assert_eq!(enter(&kiosk, &early, BORN).await.status, 201);
    let late = code(&feldman).await;
    clinic.pass(15 * 60);
    assert_eq!(enter(&kiosk, &late, BORN).await.status, 403);
}

#[tokio::test]
async fn three_wrong_dates_of_birth_end_a_code_and_nothing_tells_which_was_wrong() {
    let clinic = Clinic::open().await;
    let (feldman, kiosk) = (clinic.sign_in(FELDMAN).await, clinic.machine());
    let made = code(&feldman).await;
    let other = if made == "000000" { "000001" } else { "000000" };
    let wrong_code = enter(&kiosk, other, BORN).await;
    for born in ["1959-03-15", "", "14.03.1959"] {
        assert_eq!(enter(&kiosk, &made, born).await.json, wrong_code.json, "{born}");
    }
    assert_eq!(wrong_code.error(), "SIGN_IN_REFUSED");
    assert_eq!(enter(&kiosk, &made, BORN).await.json, wrong_code.json, "the right one comes too late");
    let made = code(&feldman).await;
    for born in ["1959-03-15", "1974-05-23"] {
        assert_eq!(enter(&kiosk, &made, born).await.status, 403);
    }
    assert_eq!(
        enter(&kiosk, &format!(" {made} "), &format!(" {BORN} ")).await.status,
        201,
        "two may be wrong"
    );
    for body in [json!({}), json!({ "code": 7, "birthDate": BORN }), json!({ "code": made })] {
        assert_eq!(kiosk.post("/kiosk-sessions", body).await.status, 400);
    }
}

#[tokio::test]
async fn a_code_is_for_patients_whom_one_looks_after() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let treated = okafor.get("/patients?limit=100").await;
    let all = clinic.machine().get("/patients?limit=100").await;
    let stranger = all.ids().into_iter().find(|id| !treated.ids().contains(id)).unwrap();
    code(&okafor).await;
    let hidden = okafor.post("/kiosk-codes", json!({ "patientId": stranger })).await;
    let nobody = okafor.post("/kiosk-codes", json!({ "patientId": "nobody" })).await;
    assert_eq!((hidden.status, hidden.json), (404, nobody.json));
}

#[tokio::test]
async fn neither_codes_nor_tokens_rest_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let (feldman, kiosk) = (clinic.sign_in(FELDMAN).await, clinic.machine());
    let keyed = async |caller: &Caller, path: &str, body: Value| {
        send(caller.request(Method::POST, path).header("Idempotency-Key", "k").json(&body)).await
    };
    let made =
        keyed(&feldman, "/kiosk-codes", json!({ "patientId": "patient-2041" })).await.json["code"].clone();
    let entry = json!({ "code": made, "birthDate": BORN });
    let session = keyed(&kiosk, "/kiosk-sessions", entry.clone()).await;
    assert_eq!(session.status, 201);
    let token = session.json["token"].as_str().unwrap().to_owned();
    let again = keyed(&kiosk, "/kiosk-sessions", entry).await;
    assert_eq!(again.status, 403, "a code opens once, under a key too");
    let signed_in = keyed(&kiosk, "/test/sign-in", json!({ "code": MARTA })).await.json["token"].clone();
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let made = format!("\"code\":\"{}\"", made.as_str().unwrap());
    for secret in [token.as_str(), signed_in.as_str().unwrap(), made.as_str(), feldman.token.as_str()] {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "found in the store's files");
    }
}

#[tokio::test]
async fn a_session_that_is_ended_is_over_and_no_other_is() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (first, second) = (clinic.sign_in(MARTA).await, clinic.sign_in(MARTA).await);
    let ended = first.delete("/session").await;
    assert_eq!((ended.status, ended.json), (204, Value::Null));
    assert_eq!(first.get("/session").await.status, 401);
    assert_eq!(first.delete("/session").await.status, 401);
    let ended = second.api().delete("/session").await;
    assert_eq!(
        (ended.status, &ended.json["success"], &ended.json["data"]),
        (200, &json!(true), &json!(null))
    );
    assert_eq!(second.api().get("/consultations").await.status, 401);
    let machine = clinic.machine();
    assert_eq!(machine.delete("/session").await.status, 403, "a machine's key is no session");
    assert_eq!(machine.get("/session").await.json, json!({ "machine": "workstation" }));
}
