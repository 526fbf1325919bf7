//! What the server says of itself: open to everybody, whole, and nothing from elsewhere.

use reqwest::{
    Method,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use serde_json::{Value, json};

use crate::support::{Clinic, OKAFOR, send};

async fn fetch(clinic: &Clinic, path: &str) -> (u16, reqwest::header::HeaderMap, String) {
    let url = format!("http://{}{path}", clinic.running.address);
    let response = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    (response.status().as_u16(), response.headers().clone(), response.text().await.unwrap())
}

#[tokio::test]
async fn each_surface_describes_itself_to_everybody() {
    let clinic = Clinic::open().await;
    for base in ["/v1", "/api/chatehr"] {
        let (status, headers, text) = fetch(&clinic, &format!("{base}/openapi.json")).await;
        assert_eq!((status, &headers[CONTENT_TYPE]), (200, &"application/json".parse().unwrap()));
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["servers"][0]["url"], base);
    }
}

#[tokio::test]
async fn the_page_runs_and_loads_what_this_server_gives_and_nothing_else() {
    let clinic = Clinic::open().await;
    for base in ["/v1", "/api/chatehr"] {
        for (path, kind) in
            [("docs", "text/html"), ("docs/app.js", "text/javascript"), ("docs/style.css", "text/css")]
        {
            let (status, headers, text) = fetch(&clinic, &format!("{base}/{path}")).await;
            assert_eq!(status, 200, "{path}");
            assert!(headers[CONTENT_TYPE].to_str().unwrap().starts_with(kind), "{path}");
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
                "{policy}"
            );
            assert!(
                !policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"),
                "{policy}"
            );
            for forbidden in ["http:", "https:", "innerHTML", "onclick", "<style", "style=", "eval("] {
                assert!(!text.contains(forbidden), "{path}: {forbidden}");
            }
        }
    }
}

#[tokio::test]
async fn a_number_without_a_fraction_is_an_integer_however_it_is_written() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let made = |duration: Value| {
        json!({
            "patientId": "patient-2041", "physicianId": okafor.id,
            "dateTime": "2026-11-24T09:30:00.000Z", "duration": duration,
        })
    };
    let reply = okafor.post("/appointments", made(json!(45.0))).await;
    assert_eq!((reply.status, &reply.json["duration"]), (201, &json!(45)), "{reply:?}");
    let reply = okafor.post("/appointments", made(json!(45.5))).await;
    assert_eq!((reply.status, reply.paths()), (400, vec!["duration"]));
}

#[tokio::test]
async fn the_longest_message_fits_however_its_sender_escapes_it() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let content = "\\ud83e\\udec0".repeat(10_000);
    let body = format!(
        r#"{{"consultationId": "consultation-3068", "toId": "patient-2041", "content": "{content}"}}"#
    );
    let reply = send(okafor.request(Method::POST, "/messages").body(body)).await;
    assert_eq!(reply.status, 201, "{:?}", reply.json["error"]);
}

#[tokio::test]
async fn a_day_that_is_empty_is_refused_and_not_taken_for_today() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let reply = okafor.get("/appointments?startDate=&endDate=").await;
    assert_eq!((reply.status, reply.paths()), (400, vec!["startDate", "endDate"]));
}

#[tokio::test]
async fn an_order_that_is_empty_is_refused_as_any_other_that_there_is_not() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    for order in ["", "oldest"] {
        let reply = okafor.get(&format!("/consultations?sort={order}")).await;
        assert_eq!((reply.status, reply.paths()), (400, vec!["sort"]), "{order:?}");
    }
}
