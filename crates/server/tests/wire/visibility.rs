use serde_json::json;

use crate::support::{Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, OKAFOR};

struct Cast {
    clinic: Clinic,
    okafor: Caller,
    lindqvist: Caller,
    marta: Caller,
    lucia: Caller,
    feldman: Caller,
    machine: Caller,
    /// Marta's with Okafor, Marta's in the pool of cardiology, Marta's in a pool of neither physician.
    taken: String,
    waiting: String,
    elsewhere: String,
}

impl Cast {
    async fn gather() -> Self {
        let clinic = Clinic::open().await;
        let marta = clinic.sign_in(MARTA).await;
        let okafor = clinic.sign_in(OKAFOR).await;
        let taken = marta.ask("cardiology", "urgent").await;
        assert_eq!(okafor.to(&taken, "assigned").await.status, 200);
        Self {
            waiting: marta.ask("cardiology", "routine").await,
            elsewhere: marta.ask("dermatology", "routine").await,
            taken,
            lindqvist: clinic.sign_in(LINDQVIST).await,
            lucia: clinic.sign_in(LUCIA).await,
            feldman: clinic.sign_in(FELDMAN).await,
            machine: clinic.machine(),
            okafor,
            marta,
            clinic,
        }
    }

    fn everybody(&self) -> [(&'static str, &Caller); 6] {
        [
            ("marta", &self.marta),
            ("lucia", &self.lucia),
            ("okafor", &self.okafor),
            ("lindqvist", &self.lindqvist),
            ("feldman", &self.feldman),
            ("machine", &self.machine),
        ]
    }

    async fn statuses(&self, path: &str) -> String {
        let mut row = String::new();
        for (name, caller) in self.everybody() {
            row.push_str(&format!("{name} {}  ", caller.get(path).await.status));
        }
        row.trim_end().to_owned()
    }
}

#[tokio::test]
async fn everybody_reads_what_is_theirs_and_nothing_else() {
    let cast = Cast::gather().await;
    let (taken, waiting, elsewhere) = (&cast.taken, &cast.waiting, &cast.elsewhere);
    let table = [
        (
            format!("/consultations/{taken}"),
            "marta 200  lucia 404  okafor 200  lindqvist 404  feldman 200  machine 200",
        ),
        (
            format!("/consultations/{waiting}"),
            "marta 200  lucia 404  okafor 200  lindqvist 200  feldman 200  machine 200",
        ),
        (
            format!("/consultations/{elsewhere}"),
            "marta 200  lucia 404  okafor 404  lindqvist 404  feldman 200  machine 200",
        ),
        (
            "/consultations/none".to_owned(),
            "marta 404  lucia 404  okafor 404  lindqvist 404  feldman 404  machine 404",
        ),
        (
            format!("/messages?consultationId={taken}"),
            "marta 200  lucia 404  okafor 200  lindqvist 404  feldman 403  machine 200",
        ),
        (
            format!("/messages?consultationId={waiting}"),
            "marta 200  lucia 404  okafor 403  lindqvist 403  feldman 403  machine 200",
        ),
        (
            "/messages?consultationId=none".to_owned(),
            "marta 404  lucia 404  okafor 404  lindqvist 404  feldman 404  machine 404",
        ),
        (
            format!("/keys/{taken}"),
            "marta 200  lucia 404  okafor 200  lindqvist 404  feldman 403  machine 403",
        ),
        (
            format!("/keys/{waiting}"),
            "marta 200  lucia 404  okafor 403  lindqvist 403  feldman 403  machine 403",
        ),
        (
            "/patients/patient-2041".to_owned(),
            "marta 200  lucia 404  okafor 200  lindqvist 200  feldman 200  machine 200",
        ),
        (
            "/patients/none".to_owned(),
            "marta 404  lucia 404  okafor 404  lindqvist 404  feldman 404  machine 404",
        ),
        (
            "/physicians/physician-12".to_owned(),
            "marta 200  lucia 200  okafor 200  lindqvist 200  feldman 200  machine 200",
        ),
    ];
    for (path, expected) in table {
        assert_eq!(cast.statuses(&path).await, expected, "GET {path}");
    }
}

#[tokio::test]
async fn nobody_changes_what_is_not_theirs_to_change() {
    let cast = Cast::gather().await;
    let body = json!({ "status": "completed" });
    for (id, expected) in [
        (&cast.taken, "marta 403  lucia 404  okafor 409  lindqvist 404  feldman 409  machine 409"),
        (&cast.waiting, "marta 403  lucia 404  okafor 409  lindqvist 409  feldman 409  machine 409"),
        (&cast.elsewhere, "marta 403  lucia 404  okafor 404  lindqvist 404  feldman 409  machine 409"),
        (&"none".to_owned(), "marta 404  lucia 404  okafor 404  lindqvist 404  feldman 404  machine 404"),
    ] {
        let mut row = String::new();
        for (name, caller) in cast.everybody() {
            let reply = caller.put(&format!("/consultations/{id}"), body.clone()).await;
            row.push_str(&format!("{name} {}  ", reply.status));
        }
        assert_eq!(row.trim_end(), expected);
    }
    let decline = json!({ "reason": "Not my field" });
    for (id, expected) in [
        (&cast.elsewhere, "marta 403  lucia 404  okafor 404  lindqvist 404  feldman 403  machine 403"),
        (&cast.waiting, "marta 403  lucia 404  okafor 200  lindqvist 200  feldman 403  machine 403"),
        // Okafor hands it back, so that it is in Lindqvist's pool when she is asked.
        (&cast.taken, "marta 403  lucia 404  okafor 200  lindqvist 200  feldman 403  machine 403"),
    ] {
        let mut row = String::new();
        for (name, caller) in cast.everybody() {
            let reply = caller.post(&format!("/consultations/{id}/decline"), decline.clone()).await;
            row.push_str(&format!("{name} {}  ", reply.status));
        }
        assert_eq!(row.trim_end(), expected, "decline");
    }
}

#[tokio::test]
async fn a_list_holds_what_its_reader_sees_whatever_the_filter() {
    let cast = Cast::gather().await;
    for (name, caller) in cast.everybody() {
        for filter in ["", "&patientId=patient-2041", "&physicianId=physician-12", "&status=pending"] {
            let reply = caller.get(&format!("/consultations?limit=100{filter}")).await;
            for id in reply.ids() {
                assert_eq!(caller.get(&format!("/consultations/{id}")).await.status, 200, "{name} {filter}");
            }
        }
    }
    let lucia = cast.lucia.get("/consultations?patientId=patient-2041").await;
    assert_eq!((lucia.json, &lucia.headers["x-total-count"]), (json!([]), &"0".parse().unwrap()));
    let pool = cast.lindqvist.get("/consultations?status=pending&limit=100").await;
    assert!(pool.ids().contains(&cast.waiting.as_str()), "the pool is there to be accepted from");
    assert!(!pool.ids().contains(&cast.elsewhere.as_str()));
}

#[tokio::test]
async fn appointments_and_patients_are_kept_apart_too() {
    let cast = Cast::gather().await;
    for (caller, field) in [(&cast.marta, "patientId"), (&cast.okafor, "physicianId")] {
        let reply = caller.get("/appointments").await;
        let rows = reply.json.as_array().unwrap();
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| row[field] == json!(caller.id)));
    }
    assert!(cast.lucia.get("/appointments?patientId=patient-2041").await.json.as_array().unwrap().is_empty());
    let found = cast.lucia.get("/patients?query=Szyma%C5%84ska").await;
    assert_eq!(found.json, json!([]));
    let found = cast.okafor.get("/patients?query=SZYMA%C5%83SKA").await;
    assert_eq!(found.ids(), ["patient-2041"], "case is folded beyond ASCII");
    let booked = cast.okafor.get("/appointments").await.ids()[0].to_owned();
    assert_eq!(
        cast.lindqvist.put(&format!("/appointments/{booked}"), json!({ "notes": "x" })).await.status,
        404
    );
    assert_eq!(cast.clinic.machine().get("/appointments").await.json.as_array().unwrap().len(), 150);
}

#[tokio::test]
async fn identity_comes_from_the_token_whatever_the_body_says() {
    let cast = Cast::gather().await;
    let forged = cast
        .marta
        .post(
            "/consultations",
            json!({
                "patientId": "patient-2041", "specialty": "cardiology", "description": "x",
                "id": "mine", "status": "completed", "createdAt": "1999-01-01T00:00:00Z", "createdBy": "admin-1",
                "role": "admin", "version": 99, "history": [],
            }),
        )
        .await;
    assert_eq!(forged.status, 201);
    assert_ne!(forged.json["id"], "mine");
    assert_eq!(forged.json["status"], "pending");
    assert_eq!(forged.json["createdAt"], "2026-11-23T09:42:00.000Z");
    assert_eq!(forged.json["metadata"], json!({ "createdBy": "patient-2041", "createdByRole": "patient" }));
    let other = cast
        .marta
        .post(
            "/consultations",
            json!({ "patientId": "patient-2044", "specialty": "cardiology", "description": "x" }),
        )
        .await;
    assert_eq!(other.status, 403);
    let message = json!({
        "consultationId": cast.taken, "toId": "physician-12", "content": "x",
        "fromId": "physician-13", "senderRole": "physician",
    });
    assert_eq!(cast.marta.post("/messages", message).await.json["fromId"], "patient-2041");
    let forged = json!({
        "consultationId": cast.taken, "toId": "physician-12", "content": "x", "metadata": { "senderRole": "admin" },
    });
    assert_eq!(cast.marta.post("/messages", forged).await.paths(), ["metadata"]);
}
