//! `mock --quirks original`: the habits that a client must be able to live with.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Clinic, Reply, send};

async fn original() -> Clinic {
    Clinic::with(|config| config.original = true).await
}

/// Asks the gateway as somebody; nobody checks who has signed.
async fn gateway(
    clinic: &Clinic,
    who: Option<(&str, &str)>,
    method: Method,
    path: &str,
    body: Value,
) -> Reply {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    by(&http, clinic, who, method, path, body).await
}

async fn by(
    http: &reqwest::Client,
    clinic: &Clinic,
    who: Option<(&str, &str)>,
    method: Method,
    path: &str,
    body: Value,
) -> Reply {
    let url = format!("http://{}/api/chatehr{path}", clinic.running.address);
    let mut request = http.request(method.clone(), url);
    if let Some((id, role)) = who {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(json!({ "id": id, "role": role }).to_string());
        request = request.bearer_auth(format!("e30.{claims}.signed"));
    }
    if method != Method::GET {
        request = request.json(&body);
    }
    send(request).await
}

fn nobody(clinic: &Clinic) -> Caller {
    clinic.caller("", "whatever")
}

#[tokio::test]
async fn it_says_what_it_is_and_offers_no_feature() {
    let clinic = original().await;
    let reply = nobody(&clinic).get("/health").await;
    assert_eq!(reply.status, 200);
    let expected = json!({
        "status": "healthy", "service": "Mock ChatEHR", "version": "1.0.0",
        "timestamp": "2026-11-23T09:42:00.000Z",
    });
    assert_eq!(reply.json, expected);
}

#[tokio::test]
async fn it_keeps_its_own_id_status_and_time_whatever_it_is_sent() {
    let clinic = original().await;
    let asked = json!({
        "id": "mine", "status": "completed", "createdAt": "2001-01-01T00:00:00.000Z",
        "patientId": "patient-1", "specialty": "astrology", "description": " ",
    });
    let reply = nobody(&clinic).post("/consultations", asked.clone()).await;
    assert_eq!(reply.status, 201);
    assert_ne!(reply.json["id"], "mine");
    assert_eq!(reply.json["status"], "pending");
    assert_eq!(reply.json["createdAt"], "2026-11-23T09:42:00.000Z");
    assert_eq!(reply.json["urgency"], "routine");
    assert_eq!(reply.json["physicianId"], Value::Null);
    let again = nobody(&clinic).post("/consultations", asked).await;
    assert_ne!(again.json["id"], reply.json["id"], "a repeat is another one");
}

#[tokio::test]
async fn a_list_is_newest_first_with_its_total_in_a_header() {
    let clinic = original().await;
    let anybody = nobody(&clinic);
    let reply = anybody.get("/consultations").await;
    assert_eq!(reply.ids(), ["consultation-2", "consultation-1"]);
    let page = anybody.get("/consultations?limit=1&offset=1").await;
    assert_eq!((page.ids(), &page.headers["x-total-count"]), (vec!["consultation-1"], &"2".parse().unwrap()));
    let mine = anybody.get("/consultations?physicianId=physician-456&status=assigned").await;
    assert_eq!(mine.ids(), ["consultation-1"]);
    assert_eq!(
        anybody.get("/consultations?urgency=emergency").await.ids().len(),
        2,
        "it does not know that filter"
    );
    assert_eq!(anybody.get("/consultations?limit=many").await.ids().len(), 0);
}

#[tokio::test]
async fn a_put_merges_whatever_it_is_given() {
    let clinic = original().await;
    let anybody = nobody(&clinic);
    let reply =
        anybody.put("/consultations/consultation-1", json!({ "patientId": 7, "colour": "blue" })).await;
    assert_eq!(
        (reply.status, &reply.json["patientId"], &reply.json["colour"]),
        (200, &json!(7), &json!("blue"))
    );
    assert_eq!(reply.json["status"], "assigned");
    let reply = anybody.put("/appointments/nowhere", json!({})).await;
    assert_eq!((reply.status, reply.error()), (404, "Not Found"));
    assert_eq!(reply.json["message"], "Appointment not found");
}

#[tokio::test]
async fn days_are_compared_with_instants_as_text() {
    let clinic = original().await;
    let anybody = nobody(&clinic);
    assert_eq!(anybody.get("/appointments").await.ids(), ["appointment-2", "appointment-1"]);
    let day = anybody.get("/appointments?startDate=2026-11-24&endDate=2026-11-24").await;
    assert_eq!(day.ids(), [] as [&str; 0], "the day's own appointment is after its name");
    let made = anybody.post("/appointments", json!({ "patientId": "p", "dateTime": "soon" })).await;
    assert_eq!(
        (made.status, &made.json["duration"], &made.json["status"]),
        (201, &json!(30), &json!("scheduled"))
    );
}

#[tokio::test]
async fn messages_need_their_consultation_and_nothing_else() {
    let clinic = original().await;
    let anybody = nobody(&clinic);
    let reply = anybody.get("/messages").await;
    assert_eq!((reply.status, reply.error()), (400, "Bad Request"));
    assert_eq!(
        anybody.get("/messages?consultationId=consultation-1").await.ids(),
        ["message-1", "message-2"]
    );
    let reply = anybody.get("/messages?consultationId=consultation-1&userId=stranger").await;
    assert_eq!((reply.ids().len(), &reply.headers["x-total-count"]), (0, &"0".parse().unwrap()));
    assert_eq!(anybody.post("/messages", json!({})).await.status, 201);
}

#[tokio::test]
async fn what_it_does_not_have_or_cannot_read_it_says_in_its_own_shapes() {
    let clinic = original().await;
    let anybody = nobody(&clinic);
    let reply = anybody.get("/events").await;
    assert_eq!((reply.status, reply.error()), (404, "Not Found"));
    assert!(reply.json["availableEndpoints"].as_array().unwrap().len() > 5);
    let reply = send(anybody.request(Method::POST, "/consultations").body("{")).await;
    assert_eq!((reply.status, reply.error()), (500, "Internal Server Error"));
}

#[tokio::test]
async fn its_gateway_speaks_fhir_of_tokens_and_its_own_words_of_the_rest() {
    let clinic = original().await;
    let reply = gateway(&clinic, None, Method::GET, "/health", Value::Null).await;
    assert_eq!((reply.status, &reply.json["issue"][0]["code"]), (401, &json!("login")));
    let url = format!("http://{}/api/chatehr/specialties", clinic.running.address);
    let bad = reqwest::Client::builder().no_proxy().build().unwrap().get(url).bearer_auth("expired");
    let reply = send(bad).await;
    assert_eq!((reply.status, &reply.json["resourceType"]), (403, &json!("OperationOutcome")));
    let reply =
        gateway(&clinic, Some(("patient-1", "patient")), Method::POST, "/consultations", json!({})).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("VALIDATION_ERROR")));
    assert_eq!(reply.json["error"]["details"].as_array().unwrap().len(), 3);
    let nowhere = "/consultations/00000000-0000-0000-0000-000000000000";
    let doctor = Some(("physician-456", "physician"));
    let reply = gateway(&clinic, doctor, Method::PUT, nowhere, json!({ "status": "completed" })).await;
    assert_eq!(
        (reply.status, &reply.json["error"]["code"]),
        (500, &json!(404)),
        "a number, and the wrong status"
    );
    let seeded = gateway(&clinic, doctor, Method::GET, "/messages/consultation-1", Value::Null).await;
    assert_eq!(seeded.status, 400, "its own seeds cannot be opened through it");
}

#[tokio::test]
async fn through_its_gateway_who_starts_a_consultation_loses_it() {
    let clinic = original().await;
    let patient = Some(("patient-1", "patient"));
    let asked = json!({ "patientId": "patient-1", "specialty": "cardiology", "description": "It hurts" });
    let made = gateway(&clinic, patient, Method::POST, "/consultations", asked).await;
    assert_eq!(made.status, 201);
    let id = made.json["data"]["id"].as_str().unwrap().to_owned();
    let doctor = Some(("physician-456", "physician"));
    let take = json!({ "status": "assigned", "physicianId": "physician-456" });
    let path = format!("/consultations/{id}");
    let taken = gateway(&clinic, doctor, Method::PUT, &path, take).await;
    assert_eq!(taken.json["data"]["physicianId"], "physician-456");
    let started = gateway(&clinic, doctor, Method::PUT, &path, json!({ "status": "in_progress" })).await;
    assert_eq!(started.json["data"]["physicianId"], Value::Null);
    let said = json!({ "toId": "patient-1", "consultationId": id, "content": "Hello" });
    assert_eq!(gateway(&clinic, doctor, Method::POST, "/messages", said).await.status, 201);
    let heard = gateway(&clinic, patient, Method::GET, &format!("/messages/{id}?limit=1"), Value::Null).await;
    assert_eq!(
        heard.json["metadata"],
        json!({ "total": "1", "hasMore": true }),
        "text, and a page that is full"
    );
}

#[tokio::test]
async fn its_gateway_has_a_hundred_requests_for_everybody_at_one_address() {
    let clinic = original().await;
    let patient = Some(("patient-1", "patient"));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..100 {
        assert_eq!(by(&http, &clinic, patient, Method::GET, "/specialties", Value::Null).await.status, 200);
    }
    let reply =
        gateway(&clinic, Some(("patient-2", "patient")), Method::GET, "/specialties", Value::Null).await;
    assert_eq!((reply.status, &reply.json["code"]), (429, &json!("RATE_LIMIT_EXCEEDED")));
    assert_eq!(&reply.headers["retry-after"], "900");
    assert_eq!(reply.json["success"], Value::Null, "a bare object");
    clinic.pass(900);
    assert_eq!(gateway(&clinic, patient, Method::GET, "/specialties", Value::Null).await.status, 200);
}
