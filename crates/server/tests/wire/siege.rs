//! What somebody who was let in tried to do with it, and did not get.

use chatehr_server::{Seed, StartError, start};
use serde_json::{Value, json};

use crate::support::{Clinic, LINDQVIST, MARTA, OKAFOR, config};

/// Treated by Dr Okafor alone.
const HERS: &str = "patient-2085";

#[tokio::test]
async fn a_physician_does_not_open_a_strangers_record_by_making_one_of_theirs() {
    let clinic = Clinic::open().await;
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let record = format!("/patients/{HERS}");
    assert_eq!(lindqvist.get(&record).await.status, 404);
    let request = json!({ "patientId": HERS, "specialty": "cardiology", "description": "x" });
    let booked =
        json!({ "patientId": HERS, "physicianId": "physician-13", "dateTime": "2031-01-02T09:00:00Z" });
    assert_eq!(lindqvist.post("/consultations", request.clone()).await.error(), "FORBIDDEN");
    assert_eq!(lindqvist.post("/appointments", booked).await.error(), "FORBIDDEN");
    let mut nobody = request.clone();
    nobody["patientId"] = json!("patient-0000");
    assert_eq!(
        lindqvist.post("/consultations", nobody).await.json,
        lindqvist.post("/consultations", request.clone()).await.json,
        "nor whether there is such a patient"
    );
    assert_eq!(lindqvist.get(&record).await.status, 404);
    assert_eq!(clinic.sign_in(OKAFOR).await.post("/consultations", request).await.status, 201);
}

#[tokio::test]
async fn metadata_is_not_nested_so_deep_that_lists_of_it_do_not_read() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let ask = |levels| {
        json!({
            "patientId": "patient-2041", "specialty": "cardiology", "description": "x", "metadata": { "a": nested(levels) },
        })
    };
    assert_eq!(marta.post("/consultations", ask(7)).await.status, 201);
    assert_eq!(marta.post("/consultations", ask(8)).await.paths(), ["metadata"]);
    assert_eq!(marta.post("/consultations", ask(120)).await.paths(), ["metadata"]);
}

#[tokio::test]
async fn a_history_takes_so_much_and_then_only_its_end() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    let path = format!("/consultations/{id}");
    let long = "ń".repeat(5_000);
    let mut refused = Vec::new();
    for turn in 0..230 {
        let status = if turn % 2 == 0 { "assigned" } else { "pending" };
        let notes: Option<&str> = if turn < 30 { Some(&long) } else { None };
        let reply = okafor.put(&path, json!({ "status": status, "notes": notes })).await;
        match reply.status {
            200 => {}
            400 => {
                assert_eq!(reply.paths(), ["notes"]);
                assert_eq!(okafor.put(&path, json!({ "status": status })).await.status, 200, "without words");
            }
            409 => {
                refused.push(turn);
                break;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(refused, [199], "two hundred entries");
    let record = okafor.get(&path).await;
    assert!(record.json.to_string().len() < 500_000);
    assert_eq!(record.json["status"], "assigned");
    assert_eq!(okafor.put(&path, json!({ "status": "cancelled" })).await.status, 200);
}

#[tokio::test]
async fn two_who_only_ever_acknowledge_do_not_hold_a_request_back() {
    let clinic = Clinic::open().await;
    let (marta, okafor, lindqvist) =
        (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    let id = marta.ask("cardiology", "emergency").await;
    let path = format!("/consultations/{id}/acknowledge");
    let due = |reply: &Value| reply["metadata"]["escalation"]["ackDueAt"].as_str().unwrap().to_owned();
    clinic.pass(60);
    let first = due(&okafor.post(&path, json!({})).await.json);
    for physician in [&lindqvist, &okafor, &lindqvist] {
        clinic.pass(20);
        let again = physician.post(&path, json!({})).await;
        assert_eq!((again.status, due(&again.json)), (200, first.clone()), "more time is given once");
    }
}

#[tokio::test]
async fn nobody_moves_the_anchor_of_anothers_log() {
    let clinic = Clinic::open().await;
    let (okafor, lindqvist) = (clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    let anchor = |count: u64| json!({ "deviceId": "ward-3", "count": count, "head": "ab".repeat(32) });
    let kept = okafor.post("/audit/anchors", anchor(100)).await;
    assert_eq!(kept.json["deviceId"], "person physician-12/ward-3");
    assert_eq!(lindqvist.post("/audit/anchors", anchor(9_000_000_000_000)).await.status, 201);
    assert_eq!(okafor.post("/audit/anchors", anchor(101)).await.status, 201);
}

#[tokio::test]
async fn a_new_kiosk_code_ends_the_one_before() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        let made = okafor.post("/kiosk-codes", json!({ "patientId": "patient-2041" })).await;
        codes.push(made.json["code"].as_str().unwrap().to_owned());
    }
    let enter = async |code: &str| {
        let body = json!({ "code": code, "birthDate": "1959-03-14" });
        clinic.machine().post("/kiosk-sessions", body).await.status
    };
    assert_eq!((enter(&codes[0]).await, enter(&codes[1]).await), (403, 201));
}

#[tokio::test]
async fn a_clinics_database_gets_no_invented_people_no_other_secret_and_no_second_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clinic.db");
    let clinic = Clinic::with(|config| {
        config.database = Some(file.clone());
        config.seed = Seed::Empty;
    })
    .await;
    let body = json!({ "patientId": "p-1", "specialty": "cardiology", "description": "a real one" });
    assert_eq!(clinic.machine().post("/consultations", body).await.status, 201);
    let refused = async |change: &dyn Fn(&mut chatehr_server::Config)| {
        let mut again = config();
        again.database = Some(file.clone());
        again.seed = Seed::Empty;
        change(&mut again);
        match start(again).await {
            Err(error) => error,
            Ok(_) => panic!("it started"),
        }
    };
    let second = refused(&|_| {}).await;
    assert!(matches!(second, StartError::Database(_)), "{second:?}");
    clinic.running.stop().await;
    let said = |error: StartError| match error {
        StartError::Configuration(problems) => problems.join(" "),
        other => panic!("{other:?}"),
    };
    assert!(said(refused(&|config| config.seed = Seed::Demo).await).contains("--seed demo"));
    assert!(said(refused(&|config| config.root_secret = vec![9; 32]).await).contains("CHATEHR_ROOT_SECRET"));
    let clinic = Clinic::with(|config| {
        config.database = Some(file.clone());
        config.seed = Seed::Empty;
    })
    .await;
    assert_eq!(clinic.machine().get("/consultations").await.headers["x-total-count"], "1");
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_whose_file_is_gone_does_not_call_itself_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let clinic = Clinic::with(|config| config.database = Some(file.clone())).await;
    assert_eq!(clinic.machine().get("/health").await.status, 200);
    std::fs::remove_file(&file).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let health = clinic.machine().get("/health").await;
    assert_eq!((health.status, &health.json["status"]), (503, &json!("unhealthy")));
}

#[tokio::test]
async fn opening_streams_is_counted_too() {
    let clinic = Clinic::with(|config| {
        config.rates.stream.person = chatehr_server::Rate::new(1, 3);
        config.streams_per_person = 100;
    })
    .await;
    let marta = clinic.sign_in(MARTA).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let stream = marta.request(reqwest::Method::GET, "/events").send().await.unwrap();
        statuses.push(stream.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}
