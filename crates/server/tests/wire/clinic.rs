//! Features `policy`, `appointment-response`, and machines with keys of their own.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_server::{Machine, Policy};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};

use crate::support::{Clinic, FELDMAN, LUCIA, MARTA, OKAFOR, send};

/// As a workstation checks it, from the wire contract alone.
fn verifies(answer: &Value) -> bool {
    let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(answer[name].as_str().unwrap()).unwrap();
    let key = VerifyingKey::from_bytes(&bytes("publicKey").try_into().unwrap()).unwrap();
    let signature = Signature::from_bytes(&bytes("signature").try_into().unwrap());
    let text = format!("chatehr policy 1\n{}", answer["signed"].as_str().unwrap());
    key.verify_strict(text.as_bytes(), &signature).is_ok()
}

#[tokio::test]
async fn the_policy_is_the_clinics_and_signed() {
    let policy = Policy::parse(
        r#"{"lockAfterSeconds": 60, "mayExport": [], "alerts": {"emergency": {"repeatSeconds": 20}}}"#,
    )
    .unwrap();
    let clinic = Clinic::standalone(|config| config.policy = policy).await;
    let marta = clinic.sign_in(MARTA).await;
    let mut answer = marta.get("/policy").await.json;
    assert_eq!(marta.api().get("/policy").await.json["data"], answer);
    assert!(verifies(&answer));
    let mut signed: Value = serde_json::from_str(answer["signed"].as_str().unwrap()).unwrap();
    let issued_at = signed.as_object_mut().unwrap().remove("issuedAt").unwrap();
    assert_eq!(issued_at, "2026-11-23T09:42:00.000Z", "since when it is given out");
    assert_eq!(signed, answer["policy"], "what is shown is what is signed");
    assert_eq!((&signed["lockAfterSeconds"], &signed["keepAuditDays"]), (&json!(60), &json!(2555)));
    assert_eq!(
        (&signed["mayExport"], &signed["alerts"]["emergency"]["repeatSeconds"]),
        (&json!([]), &json!(20))
    );
    let text = answer["signed"].as_str().unwrap().replace(":60,", ":61,");
    answer["signed"] = json!(text);
    assert!(!verifies(&answer), "a changed policy is found out");
    let key = |clinic: &Clinic| {
        let machine = clinic.machine();
        async move { machine.get("/policy").await.json["publicKey"].clone() }
    };
    let other = Clinic::with(|config| config.root_secret = vec![7; 32]).await;
    assert_ne!(key(&clinic).await, key(&other).await, "another clinic's key is another");
}

#[tokio::test]
async fn a_patients_no_is_a_wish_and_not_a_cancellation() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let booked = json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z" });
    let id = okafor.post("/appointments", booked).await.json["id"].as_str().unwrap().to_owned();
    let path = format!("/appointments/{id}/response");
    let mut listener = crate::events::Listener::of(&okafor, None).await;
    let declined =
        marta.post(&path, json!({ "participantStatus": "declined", "comment": "I am away" })).await;
    assert_eq!((declined.status, &declined.json["status"]), (200, &json!("booked")));
    assert_eq!(
        declined.json["response"],
        json!({ "participantStatus": "declined", "comment": "I am away", "at": "2026-11-23T09:42:00.000Z" })
    );
    assert_eq!(declined.headers["etag"], "\"2\"");
    assert_eq!(listener.next().await.data, json!({ "kind": "appointment.changed", "appointmentId": id }));
    let listed = okafor.api().get("/appointments?startDate=2031-01-02&endDate=2031-01-02").await.json;
    assert_eq!(listed["data"][0]["response"]["participantStatus"], "declined");
    for word in ["accepted", "tentative"] {
        let reply = marta.api().post(&path, json!({ "participantStatus": word })).await;
        assert_eq!(reply.json["data"]["response"]["participantStatus"], word, "a word can be taken back");
    }
    for (body, field) in [
        (json!({}), "participantStatus"),
        (json!({ "participantStatus": "needs-action" }), "participantStatus"),
        (json!({ "participantStatus": "accepted", "comment": "x".repeat(501) }), "comment"),
        (json!({ "participantStatus": "accepted", "comment": "x\0" }), "comment"),
    ] {
        assert_eq!(marta.post(&path, body).await.paths(), [field]);
    }
    let stale = marta.request(reqwest::Method::POST, &path).header("If-Match", "\"1\"");
    assert_eq!(send(stale.json(&json!({ "participantStatus": "accepted" }))).await.status, 412);
    assert_eq!(
        clinic.sign_in(LUCIA).await.post(&path, json!({ "participantStatus": "declined" })).await.status,
        404
    );
    for over in ["cancelled", "fulfilled", "noshow"] {
        assert_eq!(okafor.put(&format!("/appointments/{id}"), json!({ "status": over })).await.status, 200);
        let late = marta.post(&path, json!({ "participantStatus": "accepted" })).await;
        assert_eq!((late.status, &late.json["current"]["status"]), (409, &json!(over)));
    }
}

#[tokio::test]
async fn the_originals_words_for_an_appointment_are_read() {
    let clinic = Clinic::open().await;
    let feldman = clinic.sign_in(FELDMAN).await;
    let booked = |status: &str| {
        json!({
            "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00+02:00",
            "status": status,
        })
    };
    let made = feldman.post("/appointments", booked("scheduled")).await.json;
    assert_eq!((&made["status"], &made["dateTime"]), (&json!("booked"), &json!("2031-01-02T07:00:00.000Z")));
    assert_eq!(feldman.post("/appointments", booked("perhaps")).await.paths(), ["status"]);
}

#[tokio::test]
async fn every_machine_has_a_key_of_its_own() {
    use sha2::{Digest, Sha256};
    let hash = |key: &str| -> [u8; 32] { Sha256::digest(key.as_bytes()).into() };
    let clinic = Clinic::with(|config| {
        config.machines = [("gateway-1", "key of gateway 1"), ("ward", "ward's")]
            .map(|(name, key)| Machine { name: name.to_owned(), key: hash(key), gateway: true })
            .to_vec();
    })
    .await;
    for (key, name) in [("key of gateway 1", "gateway-1"), ("ward's", "ward")] {
        assert_eq!(clinic.caller("", key).get("/session").await.json, json!({ "machine": name }));
    }
    assert_eq!(clinic.caller("", "gateway-1").get("/session").await.status, 401);
    // What one has asked once is no answer for another.
    let ask = async |key: &str| {
        let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x" });
        let request = clinic.caller("", key).request(reqwest::Method::POST, "/consultations");
        send(request.header("Idempotency-Key", "k").json(&body)).await.json["id"].clone()
    };
    assert_ne!(ask("key of gateway 1").await, ask("ward's").await);
}

#[tokio::test]
async fn a_kiosks_key_signs_people_in_and_does_nothing_else() {
    use sha2::{Digest, Sha256};
    let clinic = Clinic::with(|config| {
        let key = Sha256::digest(b"a kiosk's").into();
        config.machines = vec![Machine { name: "kiosk-1".to_owned(), key, gateway: false }];
    })
    .await;
    let kiosk = clinic.caller("", "a kiosk's");
    assert_eq!(kiosk.get("/session").await.json, json!({ "machine": "kiosk-1" }));
    assert_eq!(kiosk.get("/specialties").await.status, 200);
    for path in
        ["/consultations", "/patients", "/changes", "/events", "/messages?consultationId=consultation-3015"]
    {
        assert_eq!(kiosk.get(path).await.error(), "FORBIDDEN", "{path}");
        assert_eq!(kiosk.api().get(path).await.status, 403, "{path}");
    }
    let posing = kiosk.on_behalf_of("physician-12", "physician", &["cardiology"]);
    assert_eq!(posing.get("/consultations").await.status, 401, "it speaks for nobody");
    let okafor = clinic.sign_in(OKAFOR).await;
    let code = okafor.post("/kiosk-codes", json!({ "patientId": "patient-2041" })).await.json["code"].clone();
    let session = json!({ "code": code, "birthDate": "1959-03-14" });
    assert_eq!(kiosk.post("/kiosk-sessions", session).await.status, 201);
}
