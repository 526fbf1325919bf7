//! What a mock does wrong on purpose: late, failing, cut off, refusing, with a wrong clock. Chosen at the start, and
//! changed while it runs by who is on the same machine: GET and PUT `/control/faults`.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use chatehr_contract::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sources::Sources;

/// The longest delay, in milliseconds: longer than any client waits.
const MOST_LATENCY: u32 = 120_000;

/// Which faults, and how often.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<RwLock<Settings>>);

/// As they are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds before every answer.
    pub latency: u32,
    /// Part of all requests that are answered with 500, from 0 to 1.
    pub error_rate: f64,
    /// Part of all requests whose connection is cut in the middle of the answer, from 0 to 1.
    pub drop_rate: f64,
    /// Whether everything is answered with 429.
    pub storm: bool,
    /// Seconds by which the server's clock is ahead; behind when negative.
    pub clock_skew: i64,
}

impl Faults {
    /// These.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(settings)))
    }

    fn settings(&self) -> Settings {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with them, each naming its option.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.settings().problems()
    }

    /// A clock that is wrong by what is set at the time.
    pub(crate) fn skewed(&self, sources: &Sources) -> Sources {
        let (faults, right) = (self.clone(), sources.clone());
        sources.clone().with_clock(move || right.now().plus_seconds(faults.settings().clock_skew))
    }
}

impl Settings {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, rate) in [("errorRate", self.error_rate), ("dropRate", self.drop_rate)] {
            if !(0.0..=1.0).contains(&rate) {
                problems.push(format!("{name} must be from 0 to 1"));
            }
        }
        if self.latency > MOST_LATENCY {
            problems.push(format!("latency must be at most {MOST_LATENCY} ms"));
        }
        if self.clock_skew.unsigned_abs() > 366 * 24 * 3600 {
            problems.push("clockSkew must be at most a year".to_owned());
        }
        problems
    }
}

#[derive(Clone)]
struct Wrong {
    faults: Faults,
    sources: Sources,
}

/// Puts the faults before `routes`, and beside them the address where they are set.
pub(crate) fn layer(routes: Router, faults: Faults, sources: Sources) -> Router {
    let wrong = Wrong { faults, sources };
    let control = Router::new().route("/control/faults", get(read).put(write)).with_state(wrong.clone());
    routes.layer(from_fn_with_state(wrong, go_wrong)).merge(control)
}

async fn go_wrong(State(wrong): State<Wrong>, request: Request, next: Next) -> Response {
    let settings = wrong.faults.settings();
    if settings.latency > 0 {
        tokio::time::sleep(Duration::from_millis(settings.latency.into())).await;
    }
    if settings.storm {
        let body = json!({ "error": "Too Many Requests", "code": "RATE_LIMIT_EXCEEDED" });
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], Json(body)).into_response();
    }
    // Without randomness nothing goes wrong.
    let drawn = f64::from(wrong.sources.between(0, 999_999).unwrap_or(999_999)) / 1e6;
    if drawn < settings.error_rate {
        let body = json!({ "error": "INTERNAL_ERROR", "message": "A fault that was asked for." });
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response();
    }
    let mut response = next.run(request).await;
    if settings.clock_skew != 0 {
        date(&mut response, wrong.sources.now());
    }
    if drawn < settings.error_rate + settings.drop_rate {
        return cut_off(response);
    }
    response
}

/// A clock that is wrong dates its answers wrong.
fn date(response: &mut Response, now: Timestamp) {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis));
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
}

/// The head promises more than comes.
fn cut_off(response: Response) -> Response {
    let (mut head, _) = response.into_parts();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
    let pieces = futures_util::stream::iter([
        Ok(Bytes::from_static(b"{\"id\":")),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ]);
    Response::from_parts(head, Body::from_stream(pieces))
}

async fn read(
    State(wrong): State<Wrong>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Result<Json<Settings>, StatusCode> {
    if !peer.ip().is_loopback() {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(wrong.faults.settings()))
}

async fn write(
    State(wrong): State<Wrong>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Json(settings): Json<Settings>,
) -> Result<Json<Settings>, (StatusCode, String)> {
    if !peer.ip().is_loopback() {
        return Err((StatusCode::NOT_FOUND, String::new()));
    }
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err((StatusCode::BAD_REQUEST, problems.join("\n")));
    }
    *wrong.faults.0.write().unwrap_or_else(PoisonError::into_inner) = settings;
    Ok(Json(settings))
}
