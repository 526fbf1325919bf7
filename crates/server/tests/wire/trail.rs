//! The audit log that the server keeps: every access and every refusal, beside the record, and verifiable.

use std::path::Path;

use chatehr_audit::{Criteria, Entry, Expectations, Outcome, VerifyError, search, verify};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;

use crate::support::{Clinic, FELDMAN, LINDQVIST, MARTA, OKAFOR, send};

fn entries(file: &Path) -> Vec<Entry> {
    let log = Connection::open(file).unwrap();
    let mut all = search(&log, &Criteria::default(), None, 1000).unwrap();
    all.sort_by_key(|entry| entry.seq);
    all
}

/// As somebody with the file and a SQLite shell.
fn sql(file: &Path, text: &str) {
    Connection::open(file).unwrap().execute_batch(text).unwrap();
}

fn said(entry: &Entry) -> (String, String, Outcome) {
    let said = &entry.said;
    (said.actor.clone().unwrap_or_default(), said.action.clone(), said.outcome)
}

#[tokio::test]
async fn who_did_what_to_whose_record_is_written_down_refusals_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let before = entries(&file).len();

    let id = marta.ask("cardiology", "routine").await;
    let path = format!("/consultations/{id}");
    okafor.get(&path).await;
    okafor.to(&id, "assigned").await;
    marta.say(&id, "physician-12", "a secret of the two").await;
    clinic.sign_in(LINDQVIST).await.get(&path).await;
    okafor.to(&id, "pending-ish").await;
    clinic.caller("", "no-such-token").get(&path).await;
    okafor.get("/consultations").await;

    let written = entries(&file).split_off(before);
    let told: Vec<_> = written.iter().map(said).collect();
    let success = |who: &str, action: &str| (who.to_owned(), action.to_owned(), Outcome::Success);
    let refused = |who: &str, action: &str| (who.to_owned(), action.to_owned(), Outcome::Refused);
    assert_eq!(
        told,
        [
            success("patient-2041", "consultation.create"),
            success("physician-12", "consultation.read"),
            success("physician-12", "consultation.update"),
            success("patient-2041", "message.create"),
            success("workstation", "session.test_sign_in"),
            refused("physician-13", "consultation.read"),
            refused("physician-12", "consultation.update"),
            refused("", "session.check"),
            success("physician-12", "consultation.list"),
        ]
    );
    for entry in &written[..4] {
        assert_eq!(entry.said.patient.as_ref().map(ToString::to_string).as_deref(), Some("patient-2041"));
        assert!(entry.said.objects.contains(&id), "{:?}", entry.said.objects);
        assert_eq!(entry.said.workstation, "127.0.0.1");
    }
    assert_eq!(written[5].said.reason.as_deref(), Some("NOT_FOUND"));
    assert_eq!(written[6].said.reason.as_deref(), Some("VALIDATION_ERROR"));
    let text = serde_json::to_string(&written).unwrap();
    for content in ["a secret of the two", "It hurts", &marta.token, &okafor.token] {
        assert!(!text.contains(content), "no content and no token in the log");
    }
    let log = Connection::open(&file).unwrap();
    let verified = verify(&log, &Expectations::default()).unwrap();
    assert_eq!(usize::try_from(verified.head.count).unwrap(), entries(&file).len());
}

#[tokio::test]
async fn a_log_that_was_changed_behind_the_servers_back_no_longer_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let marta = clinic.sign_in(MARTA).await;
    for _ in 0..5 {
        marta.get("/consultations").await;
    }
    clinic.running.stop().await;
    let log = Connection::open(&file).unwrap();
    assert!(log.execute("DELETE FROM audit_entry WHERE seq = 3", []).is_err(), "SQL alone is refused");
    assert!(log.execute("UPDATE audit_entry SET hash = zeroblob(32) WHERE seq = 3", []).is_err());
    log.execute_batch("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE type = 'trigger';")
        .unwrap();
    drop(log);
    let log = Connection::open(&file).unwrap();
    let verdict = verify(&log, &Expectations::default());
    assert!(matches!(verdict, Err(VerifyError::SchemaChanged { .. })), "{verdict:?}");
}

#[tokio::test]
async fn reading_a_conversation_with_break_glass_is_written_down_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let feldman = clinic.sign_in(FELDMAN).await;
    let path = "/messages?consultationId=consultation-3015";
    assert_eq!(feldman.get(path).await.status, 403);
    let reason = "Complaint%20of%20the%20family%2C%20ticket%2012";
    let request = feldman.request(Method::GET, path).header("Break-Glass-Reason", reason);
    assert_eq!(send(request).await.status, 200);
    let last = entries(&file).split_off(entries(&file).len() - 2);
    assert_eq!(said(&last[0]), ("admin-1".to_owned(), "message.list".to_owned(), Outcome::Refused));
    assert_eq!(said(&last[1]), ("admin-1".to_owned(), "message.list".to_owned(), Outcome::Success));
    assert_eq!(last[1].said.reason.as_deref(), Some("Complaint of the family, ticket 12"));
}

#[tokio::test]
async fn what_cannot_be_written_down_does_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    let marta = clinic.sign_in(MARTA).await;
    let before = marta.get("/consultations").await.headers["x-total-count"].clone();
    // A trigger of somebody else's stands for whatever keeps an entry from being written.
    sql(&file, "CREATE TRIGGER spanner BEFORE INSERT ON audit_entry BEGIN SELECT raise(ABORT, 'no'); END;");
    let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "It hurts" });
    let reply = marta.post("/consultations", body).await;
    assert_eq!((reply.status, reply.error()), (500, "INTERNAL_ERROR"));
    assert_eq!(marta.get("/consultations").await.status, 500, "not even a look");
    sql(&file, "DROP TRIGGER spanner");
    let after = marta.get("/consultations").await.headers["x-total-count"].clone();
    assert_eq!(after, before, "nothing was stored");
}

#[tokio::test]
async fn a_workstations_log_is_counter_signed_and_never_goes_back() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let anchor =
        |count: u64, head: &str| json!({ "deviceId": "ward-3", "count": count, "head": head.repeat(32) });
    let kept = okafor.post("/audit/anchors", anchor(12, "ab")).await;
    assert_eq!(kept.status, 201);
    let signed: chatehr_audit::SignedAnchor = serde_json::from_value(kept.json).unwrap();
    let policy = okafor.get("/policy").await.json;
    let key = base64_of(policy["publicKey"].as_str().unwrap());
    let key = chatehr_audit::VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
    assert!(chatehr_audit::check(&signed, &key), "the server's own key signs it");
    assert_eq!(
        okafor.post("/audit/anchors", anchor(12, "ab")).await.status,
        201,
        "the same again is the same"
    );
    for refused in [anchor(12, "cd"), anchor(11, "ab")] {
        let reply = okafor.post("/audit/anchors", refused).await;
        assert_eq!((reply.error(), &reply.json["current"]), ("CONFLICT", &json!({ "count": 12 })));
    }
    assert_eq!(okafor.post("/audit/anchors", anchor(13, "ef")).await.status, 201);
    assert_eq!(okafor.post("/audit/anchors", anchor(14, "XY")).await.paths(), ["head"]);
}

fn base64_of(text: &str) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test]
async fn a_gateway_writes_a_change_down_before_it_asks_for_it_and_asks_for_none_that_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.db");
    let clinic = Clinic::open().await;
    let upstream = clinic.running.base_url();
    let gateway =
        crate::gateway::gateway_to(upstream.clone(), |config| config.database = Some(file.clone())).await;
    let marta = clinic.sign_in(MARTA).await.at(&format!("http://{}/v1", gateway.running.address));
    let id = marta.ask("cardiology", "routine").await;
    let written: Vec<_> =
        entries(&file).into_iter().filter(|entry| entry.said.action == "consultation.create").collect();
    let reasons: Vec<_> = written.iter().map(|entry| entry.said.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("requested"), None]);
    assert!(written[1].said.objects.contains(&id));

    let total = async || marta.at(&upstream).get("/consultations").await.headers["x-total-count"].clone();
    let before = total().await;
    sql(&file, "CREATE TRIGGER spanner BEFORE INSERT ON audit_entry BEGIN SELECT raise(ABORT, 'no'); END;");
    let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "It hurts" });
    assert_eq!(marta.post("/consultations", body).await.status, 500);
    assert_eq!(total().await, before, "the ChatEHR behind it was not asked");
}
