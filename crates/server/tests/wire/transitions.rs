use serde_json::{Value, json};

use crate::support::{Caller, Clinic, FELDMAN, LINDQVIST, MARTA, OKAFOR, send};

const STATUSES: [&str; 5] = ["pending", "assigned", "in_progress", "completed", "cancelled"];

async fn brought_to(status: &str, marta: &Caller, okafor: &Caller) -> String {
    let id = marta.ask("cardiology", "urgent").await;
    let steps: &[&str] = match status {
        "pending" => &[],
        "assigned" => &["assigned"],
        "in_progress" => &["assigned", "in_progress"],
        "completed" => &["assigned", "in_progress", "completed"],
        _ => &["assigned", "cancelled"],
    };
    for step in steps {
        assert_eq!(okafor.to(&id, step).await.status, 200);
    }
    id
}

#[tokio::test]
async fn the_life_cycle_is_the_contracts_and_no_other() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    for from in STATUSES {
        for to in STATUSES {
            let id = brought_to(from, &marta, &okafor).await;
            let reply = okafor.to(&id, to).await;
            // Pending to cancelled is in the contract, but not a physician's to do who has not taken it.
            let expected = match (from, to) {
                ("pending", "cancelled") => 403,
                ("pending", "assigned")
                | ("assigned", "in_progress" | "pending" | "cancelled")
                | ("in_progress", "completed" | "cancelled") => 200,
                _ => 409,
            };
            assert_eq!(reply.status, expected, "{from} to {to}");
            let now = okafor.get(&format!("/consultations/{id}")).await.json;
            assert_eq!(now["status"], if expected == 200 { to } else { from });
            if expected == 409 {
                assert_eq!(reply.error(), "CONFLICT");
                assert_eq!(reply.json["current"], now, "a refusal shows where the record stands");
            }
        }
    }
}

#[tokio::test]
async fn of_two_who_accept_at_once_exactly_one_wins_every_time() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    let (okafor, lindqvist) = (clinic.sign_in(OKAFOR).await, clinic.sign_in(LINDQVIST).await);
    for round in 0..50 {
        let id = marta.ask("cardiology", "urgent").await;
        let race = |caller: &Caller| {
            let (caller, id) = (caller.clone(), id.clone());
            tokio::spawn(async move { caller.to(&id, "assigned").await })
        };
        // Who is asked first changes, so that neither wins by habit.
        let (first, second) = if round % 2 == 0 { (&okafor, &lindqvist) } else { (&lindqvist, &okafor) };
        let (a, b) = (race(first), race(second));
        let (a, b) = (a.await.unwrap(), b.await.unwrap());
        let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
        assert_eq!((won.status, lost.status), (200, 409), "round {round}");
        let record = marta.get(&format!("/consultations/{id}")).await.json;
        assert_eq!(record["physicianId"], won.json["physicianId"]);
        assert_eq!(record["version"], 2);
        assert_eq!(
            lost.json["current"],
            json!({
                "id": id, "status": "assigned", "physicianId": won.json["physicianId"], "version": 2,
                "updatedAt": record["updatedAt"],
            }),
            "who lost is told who has it, and nothing of the patient"
        );
    }
}

#[tokio::test]
async fn taking_is_for_oneself_and_for_ones_own_specialty() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    let path = format!("/consultations/{id}");
    let for_other = json!({ "status": "assigned", "physicianId": "physician-13" });
    assert_eq!(okafor.put(&path, for_other.clone()).await.status, 403);
    let feldman = clinic.sign_in(FELDMAN).await;
    assert_eq!(feldman.to(&id, "assigned").await.paths(), ["physicianId"], "staff name who takes it");
    let to_nobody = json!({ "status": "assigned", "physicianId": "nobody" });
    assert_eq!(feldman.put(&path, to_nobody).await.paths(), ["physicianId"]);
    assert_eq!(feldman.put(&path, for_other).await.json["physicianId"], "physician-13");
    assert_eq!(okafor.to(&id, "in_progress").await.status, 404, "it is another's now");
    assert_eq!(okafor.to(&id, "assigned").await.status, 409, "and taking it says so");
}

#[tokio::test]
async fn ownership_and_notes_survive_every_step() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    let path = format!("/consultations/{id}");
    let asked = marta.get(&path).await.json;
    for (status, notes) in [("assigned", "first"), ("in_progress", "second"), ("completed", "third")] {
        clinic.pass(60);
        let body = json!({
            "status": status, "notes": notes, "patientId": "patient-2044", "id": "other",
            "createdAt": "1999-01-01T00:00:00Z", "createdBy": "physician-12", "description": "changed",
        });
        let reply = okafor.put(&path, body).await;
        assert_eq!(reply.json["physicianId"], "physician-12");
        for kept in ["id", "patientId", "createdAt", "description"] {
            assert_eq!(reply.json[kept], asked[kept]);
        }
        assert_eq!(reply.json["metadata"]["createdBy"], "patient-2041");
        assert_ne!(reply.json["updatedAt"], asked["updatedAt"]);
    }
    let record = marta.get(&path).await.json;
    let notes: Vec<&Value> =
        record["history"].as_array().unwrap().iter().map(|entry| &entry["note"]).collect();
    assert_eq!(notes, [&json!(null), &json!("first"), &json!("second"), &json!("third")]);
    assert_eq!(record["version"], 4);
}

#[tokio::test]
async fn a_released_consultation_waits_in_the_pool_again() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let id = brought_to("assigned", &marta, &okafor).await;
    assert_eq!(okafor.to(&id, "pending").await.json["physicianId"], json!(null));
    assert_eq!(lindqvist.to(&id, "assigned").await.json["physicianId"], "physician-13");
}

#[tokio::test]
async fn an_urgent_request_says_until_when_until_somebody_takes_it() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    for (urgency, due) in [
        ("emergency", json!("2026-11-23T09:44:00.000Z")),
        ("urgent", json!("2026-11-23T09:52:00.000Z")),
        ("routine", json!(null)),
    ] {
        let id = marta.ask("cardiology", urgency).await;
        let waiting = marta.get(&format!("/consultations/{id}")).await.json;
        assert_eq!(waiting["metadata"]["escalation"]["ackDueAt"], due);
        assert_eq!(okafor.to(&id, "assigned").await.json["metadata"]["escalation"], json!(null));
    }
}

#[tokio::test]
async fn a_decline_is_remembered_and_others_still_see_the_request() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let id = marta.ask("cardiology", "urgent").await;
    let decline = format!("/consultations/{id}/decline");
    let reply = okafor.post(&decline, json!({ "reason": " In theatre " })).await;
    assert_eq!((reply.status, &reply.json["status"]), (200, &json!("pending")));
    assert_eq!(reply.json["metadata"]["declinedBy"], json!(["physician-12"]));
    let entry = reply.json["history"][1].clone();
    assert_eq!((&entry["action"], &entry["note"]), (&json!("declined"), &json!("In theatre")));
    let again = okafor.post(&decline, json!({ "reason": "Still" })).await;
    assert_eq!((again.status, &again.json["version"]), (200, &json!(2)), "saying no twice changes nothing");

    assert_eq!(lindqvist.to(&id, "assigned").await.status, 200);
    let back = lindqvist.post(&decline, json!({ "reason": "Called away" })).await;
    assert_eq!((&back.json["status"], &back.json["physicianId"]), (&json!("pending"), &json!(null)));
    assert_eq!(back.json["metadata"]["declinedBy"], json!(["physician-12", "physician-13"]));
    let taken = okafor.to(&id, "assigned").await;
    assert_eq!(
        taken.json["metadata"]["declinedBy"],
        json!(["physician-13"]),
        "who takes it declines no more"
    );
    assert_eq!(okafor.to(&id, "in_progress").await.status, 200);
    assert_eq!(okafor.post(&decline, json!({ "reason": "Too late" })).await.status, 409);
    let late = lindqvist.post(&decline, json!({ "reason": "Not me" })).await;
    assert_eq!((late.status, &late.json["current"]["physicianId"]), (409, &json!("physician-12")));
    assert_eq!(late.json["current"]["description"], json!(null));
}

#[tokio::test]
async fn a_change_of_an_older_version_is_refused() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    let path = format!("/consultations/{id}");
    let tag = okafor.get(&path).await.headers["etag"].clone();
    assert_eq!(tag, "\"1\"");
    let put = |tag: &str, status: &str| {
        send(
            okafor
                .request(reqwest::Method::PUT, &path)
                .header("If-Match", tag)
                .json(&json!({ "status": status })),
        )
    };
    let stale = put("\"7\"", "assigned").await;
    assert_eq!((stale.status, stale.error()), (412, "PRECONDITION_FAILED"));
    assert_eq!(stale.json["current"]["version"], 1);
    let done = put("\"1\"", "assigned").await;
    assert_eq!((done.status, done.headers["etag"].to_str().unwrap()), (200, "\"2\""));
    assert_eq!(put("\"1\"", "in_progress").await.status, 412);
    assert_eq!(put("*", "in_progress").await.status, 200);
}
