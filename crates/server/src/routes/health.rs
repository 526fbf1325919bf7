//! GET /v1/health: whether this is ChatEHR, whether it works, and what it can do. Nothing that is not true.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::App;

/// What works beyond the original.
const FEATURES: &[&str] = &["events", "idempotency", "etag", "directory", "keys", "decline"];

pub(super) async fn health(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let sound = app.store.run(|tx| Ok(tx.is_sound()?)).await.is_ok_and(|sound| sound);
    let mut features = FEATURES.to_vec();
    if app.test_sign_in {
        features.push("test-sign-in");
    }
    let (status, word) =
        if sound { (StatusCode::OK, "healthy") } else { (StatusCode::SERVICE_UNAVAILABLE, "unhealthy") };
    let body = json!({
        "status": word,
        "service": "ChatEHR (embedded)",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": app.sources.now(),
        "features": features,
    });
    (status, Json(body))
}
