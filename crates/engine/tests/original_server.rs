//! A server that has none of what we add: no events, no directory, and words of its own. The double of the original
//! shows how far a client comes with it; it signs nobody in, so what the desk makes of such a server is shown with one
//! made by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod support;

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use chatehr_contract::*;
use serde_json::{Value, json};
use support::*;
use tempfile::TempDir;

fn consultation(id: &str, specialty: &str, urgency: &str, status: &str) -> Value {
    json!({
        "id": id, "patientId": "patient-123", "physicianId": "physician-12", "specialty": specialty,
        "urgency": urgency, "description": "As it came", "status": status,
        "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z", "metadata": {}
    })
}

async fn original() -> String {
    let session = json!({
        "token": "t", "expiresAt": "2099-01-01T00:00:00.000Z", "id": "physician-12", "role": "provider",
        "name": { "family": "Okafor", "given": ["Amara"] }, "specialties": ["cardiology"]
    });
    let list = json!([
        consultation("c-known", "cardiology", "routine", "assigned"),
        consultation("c-status", "cardiology", "urgent", "awaiting_triage"),
        consultation("c-specialty", "chiropody", "stat", "assigned"),
        { "id": "c-broken", "patientId": 7 },
    ]);
    let health = json!({
        "status": "healthy", "service": "Mock ChatEHR", "version": "1.0.0",
        "timestamp": "2026-11-20T09:00:00.000Z"
    });
    let router = Router::new()
        .route("/v1/health", get(async move || Json(health.clone())))
        .route("/v1/test/sign-in", post(async move || Json(session.clone())))
        .route(
            "/v1/consultations",
            get(async move |headers: HeaderMap| match headers.get("authorization") {
                Some(token) if token == "Bearer t" => Ok(Json(list.clone())),
                _ => Err(StatusCode::UNAUTHORIZED),
            }),
        )
        .route("/v1/appointments", get(async || Json(json!([]))))
        .route("/v1/messages", get(async || Json(json!([]))));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn without_events_everything_is_asked_for_and_strange_words_are_kept() {
    if !keyring_is_here() {
        return;
    }
    let data = TempDir::new().unwrap();
    let bench = Bench::signed_in(settings(&original().await, data.path()), OKAFOR).await;
    let request = ConsultationList { scope: ListScope::Mine, limit: 10, ..ConsultationList::default() };
    let rows = bench.desk.list(request).await.unwrap().rows;
    assert!(rows.iter().all(|row| row.patient.is_none()), "no name is invented where there is no directory");

    let strange = bench.desk.consultation(&ConsultationId::new("c-status")).await.unwrap();
    assert_eq!(strange.row.status, ConsultationStatus::Other("awaiting_triage".to_owned()));
    assert_eq!(strange.actions, [], "nothing is offered for a status that we do not understand");
    assert!(!strange.may_write);

    let stranger = bench.desk.consultation(&ConsultationId::new("c-specialty")).await.unwrap();
    assert_eq!(stranger.row.specialty.as_str(), "chiropody");
    assert_eq!(stranger.row.urgency.triage_rank(), Urgency::Urgent.triage_rank());
    let broken = bench.desk.consultation(&ConsultationId::new("c-broken")).await.unwrap_err();
    assert_eq!(broken.code, ErrorCode::NotFound, "one that cannot be read does not lose the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_is_read_and_written_without_anything_that_it_lacks() {
    let mut config = chatehr_server::Config::new("127.0.0.1:0".parse().unwrap(), API_KEY, [7; 32]);
    config.original = true;
    let server = chatehr_server::start(config).await.unwrap();
    let client = chatehr_client::Client::new(chatehr_client::Config::new(server.base_url())).unwrap();
    let health = client.health().await.unwrap();
    assert_eq!(health.features.len(), 0);
    assert_eq!(client.accounts().await.unwrap(), [], "it has no accounts to offer");

    let person = client.with_session("any");
    let known = ConsultationId::new("consultation-1");
    let consultations = person.all_consultations().await.unwrap();
    let shown: Vec<_> = consultations.rows.iter().map(|row| (row.id.as_str(), row.version)).collect();
    assert_eq!(shown, [("consultation-2", 0), ("consultation-1", 0)]);
    assert_eq!(person.all_messages(&known).await.unwrap().rows.len(), 2);
    let now = health.timestamp;
    let appointments = person.appointments(now, now.plus_seconds(7 * 24 * 3600)).await.unwrap();
    let statuses: Vec<_> = appointments.rows.iter().map(|row| row.status.clone()).collect();
    assert_eq!(statuses, [AppointmentStatus::Booked, AppointmentStatus::Booked], "its word is scheduled");

    let start = ConsultationUpdate {
        status: ConsultationStatus::InProgress,
        physician_id: Some(PersonId::new("physician-456")),
        notes: None,
    };
    let started = person.update_consultation(&known, &start, "key").await.unwrap();
    assert_eq!(started.status, ConsultationStatus::InProgress);
    let nothing = person.consultation(&ConsultationId::new("nowhere")).await.unwrap_err();
    assert_eq!(nothing, chatehr_client::ClientError::NotFound);
    server.stop().await;
}
