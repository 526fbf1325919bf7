//! A server that knows no repeats: what it has done and not said is found there, and not done again.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::*;

/// What the server has, and how often it was changed.
#[derive(Default)]
struct Held {
    consultation: Value,
    messages: Vec<Value>,
    changes: Vec<String>,
}

#[derive(Clone, Default)]
struct Server {
    held: Arc<Mutex<Held>>,
    /// The next change happens, and its answer is lost.
    loses: Arc<AtomicBool>,
}

impl Server {
    fn answer(&self, body: &Value) -> Response {
        if self.loses.swap(false, Ordering::SeqCst) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        Json(body.clone()).into_response()
    }

    fn changes(&self) -> Vec<String> {
        self.held.lock().unwrap().changes.clone()
    }

    async fn start(&self) -> String {
        self.held.lock().unwrap().consultation = json!({
            "id": "c-1", "patientId": "patient-1", "physicianId": null, "specialty": "cardiology",
            "urgency": "routine", "description": "As it came", "status": "pending",
            "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z", "metadata": {}
        });
        let session = json!({
            "token": "t", "expiresAt": "2099-01-01T00:00:00.000Z", "id": "physician-12", "role": "provider",
            "name": { "family": "Okafor", "given": ["Amara"] }, "specialties": ["cardiology"]
        });
        let health = json!({
            "status": "healthy", "service": "Mock ChatEHR", "version": "1.0.0",
            "timestamp": "2026-11-20T09:00:00.000Z"
        });
        let router = Router::new()
            .route("/v1/health", get(async move || Json(health.clone())))
            .route("/v1/test/sign-in", post(async move || Json(session.clone())))
            .route(
                "/v1/consultations",
                get(async |State(server): State<Self>| {
                    Json(vec![server.held.lock().unwrap().consultation.clone()])
                }),
            )
            .route(
                "/v1/consultations/{id}",
                get(async |State(server): State<Self>| {
                    Json(server.held.lock().unwrap().consultation.clone())
                })
                .put(async |State(server): State<Self>, Json(update): Json<Value>| {
                    let now = {
                        let mut held = server.held.lock().unwrap();
                        held.changes.push(update["status"].as_str().unwrap().to_owned());
                        held.consultation["status"] = update["status"].clone();
                        held.consultation["physicianId"] = "physician-12".into();
                        held.consultation.clone()
                    };
                    server.answer(&now)
                }),
            )
            .route("/v1/appointments", get(async || Json(json!([]))))
            .route(
                "/v1/keys/{id}",
                get(async |Path(_): Path<String>| {
                    Json(json!({ "kid": "k1", "key": BASE64_URL_SAFE_NO_PAD.encode([3; 32]) }))
                }),
            )
            .route(
                "/v1/messages",
                get(async |State(server): State<Self>, Query(query): Query<HashMap<String, String>>| {
                    let first = query.get("offset").is_none_or(|offset| offset == "0");
                    Json(if first { server.held.lock().unwrap().messages.clone() } else { Vec::new() })
                })
                .post(async |State(server): State<Self>, Json(new): Json<Value>| {
                    let made = {
                        let mut held = server.held.lock().unwrap();
                        let n = held.messages.len();
                        let mut made = new;
                        made["id"] = format!("m-{n}").into();
                        made["fromId"] = "physician-12".into();
                        made["timestamp"] = format!("2026-11-20T09:00:0{n}.000Z").into();
                        held.changes.push("message".to_owned());
                        held.messages.push(made.clone());
                        made
                    };
                    server.answer(&made)
                }),
            )
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_without_keys_has_done_and_not_said_is_found_there_and_not_repeated() {
    if !keyring_is_here() {
        return;
    }
    let (server, data) = (Server::default(), TempDir::new().unwrap());
    let settings = settings(&server.start().await, data.path());
    let bench = Bench::eager(settings, &SetClock::default());
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_ready().await;
    bench.until_online().await;
    let id = ConsultationId::new("c-1");
    bench.until_known(&id).await;

    server.loses.store(true, Ordering::SeqCst);
    bench.desk.accept(&id).await.unwrap();
    assert_eq!(server.changes(), ["assigned"]);

    server.loses.store(true, Ordering::SeqCst);
    let send = SendMessage { consultation_id: id.clone(), text: "once".to_owned() };
    bench.desk.send(&send).await.unwrap();
    let sent = |messages: &[MessageView]| {
        messages.len() == 1 && messages.iter().all(|message| message.delivery == Delivery::Sent)
    };
    bench.conversation_until(&id, sent).await;
    assert_eq!(server.changes(), ["assigned", "message"]);

    server.loses.store(true, Ordering::SeqCst);
    bench.desk.start_work(&id).await.unwrap();
    bench.until_status(&id, &ConsultationStatus::InProgress).await;
    bench.desk.complete(&completing(&id)).await.unwrap();
    bench.until_status(&id, &ConsultationStatus::Completed).await;
    assert_eq!(server.changes(), ["assigned", "message", "in_progress", "completed"]);
}
