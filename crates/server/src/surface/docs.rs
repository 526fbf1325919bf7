//! The descriptions of both surfaces, and a page to read them on: `/v1/docs` and `/api/chatehr/docs`.
//!
//! Promises: open to everybody, since they tell nothing of anybody; made once, when the server starts. Refuses: anything
//! from elsewhere. The page runs and loads what this server gives it, and nothing else (Content-Security-Policy).

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{face::Face, openapi};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is served below a surface: the path, its kind, and the bytes.
const FILES: [(&str, &str, &str); 3] = [
    ("/docs", "text/html; charset=utf-8", include_str!("docs/page.html")),
    ("/docs/app.js", "text/javascript; charset=utf-8", include_str!("docs/app.js")),
    ("/docs/style.css", "text/css; charset=utf-8", include_str!("docs/style.css")),
];

/// Both surfaces' descriptions and pages.
pub(super) fn router() -> Router {
    let mut router = Router::new();
    for face in [Face::Bare, Face::Envelope] {
        match openapi::describe(face) {
            Ok(document) => {
                let text = Bytes::from(document.to_string());
                router = router.route(
                    &format!("{}/openapi.json", face.base()),
                    get(move || async move { answer("application/json", text) }),
                );
            }
            Err(error) => tracing::error!(%error, "the description of {} cannot be written", face.base()),
        }
        for (path, kind, text) in FILES {
            router = router.route(
                &format!("{}{path}", face.base()),
                get(move || async move { answer(kind, Bytes::from_static(text.as_bytes())) }),
            );
        }
    }
    router
}

fn answer(kind: &'static str, bytes: Bytes) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // A new program has new ones.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, Body::from(bytes)).into_response()
}
