//! The `/v1` surface: what is asked over HTTP, answered from the store by the rules. Every route but `/v1/health` is
//! behind [`authenticate`], the ones that do not exist included.

mod appointments;
mod consultations;
mod directory;
mod events;
mod health;
mod messages;
mod request;
mod sign_in;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use chatehr_contract::Timestamp;
use tokio::sync::watch;
use tracing::Instrument;

use crate::{
    identity::{Actor, digest, same},
    problem::Problem,
    sealing::Seals,
    sources::Sources,
    store::Store,
};

/// Bytes that a request's body may have.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;
/// The id under which the log speaks of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every route works with.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// The parts of an [`App`].
pub(crate) struct Parts {
    pub(crate) store: Arc<Store>,
    pub(crate) seals: Seals,
    pub(crate) sources: Sources,
    pub(crate) api_key: [u8; 32],
    /// Whether anybody with the API key may sign in as a test account.
    pub(crate) test_sign_in: bool,
    pub(crate) heartbeat: Duration,
    pub(crate) request_timeout: Duration,
    /// Turns true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// When the caller's token ends; a machine's never does.
#[derive(Clone, Copy)]
pub(crate) struct TokenEnd(pub(crate) Option<Timestamp>);

/// All routes.
pub(crate) fn router(parts: Parts) -> Router {
    let app = App(Arc::new(parts));
    let mut behind = Router::new()
        .route("/v1/consultations", get(consultations::list).post(consultations::create))
        .route("/v1/consultations/{id}", get(consultations::one).put(consultations::update))
        .route("/v1/consultations/{id}/decline", post(consultations::decline))
        .route("/v1/appointments", get(appointments::list).post(appointments::create))
        .route("/v1/appointments/{id}", put(appointments::update))
        .route("/v1/messages", get(messages::list).post(messages::create))
        .route("/v1/specialties", get(directory::specialties))
        .route("/v1/patients", get(directory::patients))
        .route("/v1/patients/{id}", get(directory::patient))
        .route("/v1/physicians", get(directory::physicians))
        .route("/v1/physicians/{id}", get(directory::physician))
        .route("/v1/keys/{consultation_id}", get(messages::key))
        .route("/v1/events", get(events::stream));
    if app.test_sign_in {
        behind = behind
            .route("/v1/test/accounts", get(sign_in::accounts))
            .route("/v1/test/sign-in", post(sign_in::sign_in));
    }
    behind
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .layer(from_fn_with_state(app.clone(), authenticate))
        .route("/v1/health", get(health::health))
        .layer(from_fn_with_state(app.clone(), bounded))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(uncached))
        .layer(from_fn_with_state(app.clone(), logged))
        .with_state(app)
}

/// Lets through who proves who they are, and says who that is.
async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(Problem::Unauthorized)?;
    let hash = digest(token);
    let (actor, end) = if same(&hash, &app.api_key) {
        (Actor::Machine, None)
    } else {
        let now = app.sources.now();
        let found = app.store.run(move |tx| Ok(tx.session(&hash, now)?)).await?;
        let (person, end) = found.ok_or(Problem::Unauthorized)?;
        (Actor::Person(person), Some(end))
    };
    request.extensions_mut().insert(actor);
    request.extensions_mut().insert(TokenEnd(end));
    Ok(next.run(request).await)
}

/// Ends what takes too long. A stream has its head at once, so it is not cut.
async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::Timeout.into_response(),
    }
}

/// Nothing that is answered here belongs in a cache on the way.
async fn uncached(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One line per request: its id, the route's pattern (a real path or query might name a patient), status and time.
async fn logged(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = match app.sources.id() {
        Ok(id) => id,
        Err(error) => return Problem::from(error).into_response(),
    };
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id, %method, route);
    let began = std::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), millis, "answered"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
