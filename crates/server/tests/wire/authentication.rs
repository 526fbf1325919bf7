use reqwest::Method;
use serde_json::json;

use crate::support::{Clinic, FELDMAN, MARTA, OKAFOR, send};

const ROUTES: &[(Method, &str)] = &[
    (Method::GET, "/consultations"),
    (Method::POST, "/consultations"),
    (Method::GET, "/consultations/consultation-3080"),
    (Method::PUT, "/consultations/consultation-3080"),
    (Method::POST, "/consultations/consultation-3080/decline"),
    (Method::GET, "/appointments"),
    (Method::POST, "/appointments"),
    (Method::PUT, "/appointments/appointment-5052"),
    (Method::GET, "/messages?consultationId=consultation-3015"),
    (Method::POST, "/messages"),
    (Method::GET, "/specialties"),
    (Method::GET, "/patients"),
    (Method::GET, "/patients/patient-2041"),
    (Method::GET, "/physicians"),
    (Method::GET, "/physicians/physician-12"),
    (Method::GET, "/keys/consultation-3015"),
    (Method::GET, "/events"),
    (Method::GET, "/test/accounts"),
    (Method::POST, "/test/sign-in"),
    (Method::GET, "/no-such-route"),
];

#[tokio::test]
async fn nothing_but_health_answers_without_a_sound_token() {
    let clinic = Clinic::open().await;
    for (method, path) in ROUTES {
        for token in ["", "wrong", "test-api-key2", "test-api-ke"] {
            let reply = send(clinic.caller("", token).request(method.clone(), path)).await;
            assert_eq!((reply.status, reply.error()), (401, "UNAUTHORIZED"), "{method} {path} {token:?}");
            assert!(reply.headers.contains_key("www-authenticate"));
        }
    }
    let basic = reqwest::Client::new()
        .get(format!("{}/consultations", clinic.running.base_url()))
        .header("Authorization", "Basic test-api-key");
    assert_eq!(send(basic).await.status, 401);
}

#[tokio::test]
async fn health_is_public_and_advertises_what_works() {
    let clinic = Clinic::open().await;
    let reply = clinic.caller("", "wrong").get("/health").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json["service"], "ChatEHR (embedded)");
    insta::assert_json_snapshot!(reply.json["features"]);
}

#[tokio::test]
async fn a_wrong_code_is_told_from_a_wrong_key() {
    let clinic = Clinic::open().await;
    let wrong_code = clinic.machine().post("/test/sign-in", json!({ "code": "000000" })).await;
    assert_eq!((wrong_code.status, wrong_code.error()), (403, "SIGN_IN_REFUSED"));
    let wrong_key = clinic.caller("", "x").post("/test/sign-in", json!({ "code": OKAFOR })).await;
    assert_eq!((wrong_key.status, wrong_key.error()), (401, "UNAUTHORIZED"));
}

#[tokio::test]
async fn a_session_says_whose_it_is_and_ends_after_twelve_hours() {
    let clinic = Clinic::open().await;
    let reply = clinic.machine().post("/test/sign-in", json!({ "code": OKAFOR })).await;
    let session: chatehr_contract::Session = serde_json::from_value(reply.json).unwrap();
    assert_eq!(session.id.as_str(), "physician-12");
    assert_eq!(session.expires_at.to_string(), "2026-11-23T21:42:00.000Z");
    let okafor = clinic.caller("physician-12", &session.token);
    clinic.pass(12 * 3600 - 1);
    assert_eq!(okafor.get("/consultations").await.status, 200);
    clinic.pass(1);
    assert_eq!(okafor.get("/consultations").await.status, 401);
}

#[tokio::test]
async fn a_person_signs_nobody_else_in() {
    let clinic = Clinic::open().await;
    for code in [OKAFOR, MARTA, FELDMAN] {
        let person = clinic.sign_in(code).await;
        assert_eq!(person.post("/test/sign-in", json!({ "code": OKAFOR })).await.error(), "FORBIDDEN");
        assert_eq!(person.get("/test/accounts").await.error(), "FORBIDDEN");
    }
}

#[tokio::test]
async fn test_sign_in_is_not_there_without_demonstration_data() {
    let clinic = Clinic::with(|config| config.seed = chatehr_server::Seed::Empty).await;
    assert_eq!(clinic.machine().post("/test/sign-in", json!({ "code": OKAFOR })).await.status, 404);
    assert_eq!(clinic.machine().get("/test/accounts").await.status, 404);
    let health = clinic.machine().get("/health").await;
    assert!(!health.json["features"].as_array().unwrap().contains(&json!("test-sign-in")));
}

#[tokio::test]
async fn the_accounts_are_the_contracts() {
    let clinic = Clinic::open().await;
    let reply = clinic.machine().get("/test/accounts").await;
    let accounts: Vec<chatehr_contract::Account> = serde_json::from_value(reply.json).unwrap();
    assert!(accounts.iter().any(|account| account.code == OKAFOR));
}
