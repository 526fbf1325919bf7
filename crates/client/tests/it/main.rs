//! The client against real sockets: what goes out, what comes back, and what never leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod asking;
mod care;
mod clinic;
mod failing;
mod following;
mod identity;
mod listening;
mod network;
mod rules;
// Where the computer's own authorities can be named for one program.
#[cfg(target_os = "linux")]
mod tls;
mod transport;

use std::time::Duration;

use chatehr_client::{Client, Config};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

const KEY: &str = "key-of-this-workstation";
const TOKEN: &str = "token-of-the-session";

fn client(base: &str) -> Client {
    let mut config = Config::new(base);
    config.api_key = Some(KEY.to_owned());
    config.jitter_seed = 1;
    Client::new(config).unwrap()
}

fn impatient_client(base: &str) -> Client {
    let mut config = Config::new(base);
    config.timeout = Duration::from_millis(150);
    Client::new(config).unwrap()
}

fn health() -> Value {
    json!({
        "status": "ok", "service": "ChatEHR Mock", "version": "1.2.3", "timestamp": "2026-11-23T09:42:00.000Z",
        "features": ["events", "keys"]
    })
}

fn consultation(id: &str) -> Value {
    json!({
        "id": id, "patientId": "patient-1", "physicianId": null, "specialty": "cardiology", "urgency": "urgent",
        "description": "chest pain", "status": "pending", "createdAt": "2026-11-23T09:42:00.000Z",
        "updatedAt": "2026-11-23T09:42:00.000Z", "metadata": {}
    })
}

/// A server that says it is ChatEHR and knows nothing else yet.
async fn chatehr() -> MockServer {
    let server = MockServer::start().await;
    answer(&server, "GET", "/v1/health", ResponseTemplate::new(200).set_body_json(health())).await;
    server
}

async fn answer(server: &MockServer, verb: &str, at: &str, with: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(with).mount(server).await;
}

fn base(server: &MockServer) -> String {
    format!("{}/v1", server.uri())
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}
