//! What is counted for those who keep the server running, in the OpenMetrics text form, on a listener of its own.
//!
//! Promises: no patient, person, address or record shows in a label; the number of series is bounded whatever is asked
//! of the server. `/livez` says that the process answers, `/readyz` that it can do its work.
//! Refuses: routes beyond [`MAX_ROUTES`], methods and statuses of a client's invention: they are counted as `other`.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Router,
    http::{Method, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::rate::Class;

/// Patterns of routes that are told apart. There are some twenty; a path in place of a pattern would be a mistake, and
/// this is how far it goes.
const MAX_ROUTES: usize = 64;
const OTHER: &str = "other";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds, from what a store answers to what a request may take.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

type Timed<L> = Family<L, Histogram, fn() -> Histogram>;

fn timed<L: Clone + std::hash::Hash + Eq>() -> Timed<L> {
    Family::new_with_constructor(|| Histogram::new(SECONDS))
}

/// Everything that is counted. Clones count together.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    routes: Arc<RwLock<HashSet<String>>>,
    durations: Timed<RouteLabels>,
    requests: Family<RequestLabels, Counter>,
    upstream: Timed<UpstreamLabels>,
    rate_limited: Family<ClassLabels, Counter>,
    escalations: Family<StateLabels, Gauge>,
    /// Event streams that are open.
    pub(crate) event_streams: Gauge,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Steps that escalations have taken.
    pub(crate) escalation_steps: Counter,
    /// Entries written to the audit trail.
    pub(crate) audit_entries: Counter,
    /// Entries that could not be written to it.
    pub(crate) audit_failures: Counter,
}

impl Metrics {
    /// All at nothing.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("chatehr");
        let durations = timed();
        registry.register_with_unit(
            "http_request_duration",
            "Time to the head of an answer, by the route's pattern",
            Unit::Seconds,
            Timed::clone(&durations),
        );
        let upstream = timed();
        registry.register_with_unit(
            "upstream_duration",
            "Time that another system took, by what it was asked and how that ended",
            Unit::Seconds,
            Timed::clone(&upstream),
        );
        registry.register(
            "build",
            "The program that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))].to_vec()),
        );
        let mut registered = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, Counter::clone(&counter));
            counter
        };
        let escalation_steps = registered("escalation_steps", "Steps that escalations have taken");
        let audit_entries = registered("audit_entries", "Entries written to the audit trail");
        let audit_failures =
            registered("audit_failures", "Entries that could not be written to the audit trail");
        let mut registered = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, Gauge::clone(&gauge));
            gauge
        };
        let event_streams = registered("event_streams", "Event streams that are open");
        let connections = registered("connections", "Connections that are open");
        let requests = Family::default();
        registry.register("http_requests", "Requests answered", Family::clone(&requests));
        let rate_limited = Family::default();
        registry.register("rate_limited", "Requests refused for their number", Family::clone(&rate_limited));
        let escalations = Family::default();
        registry.register(
            "escalations",
            "Escalations that wait, and those whose time has come",
            Family::clone(&escalations),
        );
        Self {
            registry: Arc::new(registry),
            routes: Arc::default(),
            durations,
            requests,
            upstream,
            rate_limited,
            escalations,
            event_streams,
            connections,
            escalation_steps,
            audit_entries,
            audit_failures,
        }
    }

    /// A request was answered. `route` is the pattern that matched (`/v1/patients/{id}`), never the path that was
    /// asked for; nothing when none matched.
    pub(crate) fn observe_request(
        &self,
        route: Option<&str>,
        method: &Method,
        status: StatusCode,
        seconds: f64,
    ) {
        let route = self.known(route);
        self.durations.get_or_create(&RouteLabels { route: route.clone() }).observe(seconds);
        let labels = RequestLabels { route, method: method_word(method), status: status_class(status) };
        self.requests.get_or_create(&labels).inc();
    }

    /// Another system was asked. Both words come from the program, so there are as many as it has.
    pub(crate) fn observe_upstream(&self, operation: &'static str, outcome: &'static str, seconds: f64) {
        self.upstream.get_or_create(&UpstreamLabels { operation, outcome }).observe(seconds);
    }

    /// A request was refused for its number.
    pub(crate) fn rate_limited(&self, class: Class) {
        self.rate_limited.get_or_create(&ClassLabels { class: class.as_str() }).inc();
    }

    /// How many escalations wait, and how many of them should have been acted on by now.
    pub(crate) fn escalations(&self, pending: i64, due: i64) {
        self.escalations.get_or_create(&StateLabels { state: "pending" }).set(pending);
        self.escalations.get_or_create(&StateLabels { state: "due" }).set(due);
    }

    /// All of it, in text.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }

    fn known(&self, route: Option<&str>) -> String {
        let Some(route) = route else { return OTHER.to_owned() };
        if self.routes.read().unwrap_or_else(PoisonError::into_inner).contains(route) {
            return route.to_owned();
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        if routes.len() < MAX_ROUTES {
            routes.insert(route.to_owned());
        }
        routes.get(route).map_or(OTHER, String::as_str).to_owned()
    }
}

fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
}

const fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => OTHER,
    }
}

/// One of something that is open, until it is dropped.
#[must_use]
pub(crate) struct Counted(Gauge);

impl Counted {
    /// One more.
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// `GET /metrics`, `/livez` and `/readyz`, for a listener that only those reach who keep the server running. `ready`
/// says whether the server can do its work.
pub(crate) fn router<F, R>(metrics: Metrics, ready: F) -> Router
where
    F: Fn() -> R + Clone + Send + Sync + 'static,
    R: Future<Output = bool> + Send + 'static,
{
    let text = async move || match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let ready = move || {
        let answer = ready();
        async move {
            if answer.await {
                (StatusCode::OK, "ready\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
            }
        }
    };
    Router::new()
        .route("/metrics", get(text))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use hyper::{Request, service::Service};
    use hyper_util::service::TowerToHyperService;
    use proptest::prelude::*;

    use super::*;

    async fn asked(router: Router, path: &str) -> (StatusCode, Option<String>, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = TowerToHyperService::new(router).call(request).await.unwrap();
        let kind =
            response.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The lines that are samples, by series.
    fn samples(text: &str) -> Vec<(&str, f64)> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(series, value)| (series, value.parse().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn what_was_counted_can_be_read() {
        let metrics = Metrics::new();
        let route = Some("/v1/patients/{id}");
        metrics.observe_request(route, &Method::GET, StatusCode::OK, 0.25);
        metrics.observe_request(route, &Method::GET, StatusCode::NOT_FOUND, 0.5);
        metrics.observe_request(None, &Method::from_bytes(b"BREW").unwrap(), StatusCode::NOT_FOUND, 0.001);
        metrics.observe_upstream("token", "ok", 0.03);
        metrics.rate_limited(Class::SignIn);
        metrics.escalations(5, 2);
        metrics.escalation_steps.inc();
        metrics.audit_entries.inc_by(3);
        metrics.audit_failures.inc();
        let (first, second) = (Counted::new(&metrics.event_streams), Counted::new(&metrics.event_streams));
        drop(first);
        let (status, kind, text) = asked(router(metrics, async || true), "/metrics").await;
        drop(second);
        assert_eq!((status, kind.as_deref()), (StatusCode::OK, Some(OPEN_METRICS)));
        let mut lines: Vec<_> = text.lines().filter(|line| !line.contains("_bucket{le=")).collect();
        // Labels' sets come in no order.
        lines.sort_unstable();
        let version = env!("CARGO_PKG_VERSION");
        insta::assert_snapshot!(lines.join("\n").replace(version, "VERSION"));
        assert!(text.ends_with("# EOF\n"));
        samples(&text);
    }

    #[tokio::test]
    async fn the_process_lives_even_when_it_is_not_ready() {
        let metrics = Metrics::new();
        let unready = || router(metrics.clone(), async || false);
        assert_eq!(asked(unready(), "/livez").await.0, StatusCode::OK);
        assert_eq!(asked(unready(), "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(asked(router(metrics, async || true), "/readyz").await.0, StatusCode::OK);
    }

    #[test]
    fn whatever_is_asked_the_number_of_series_is_bounded() {
        let metrics = Metrics::new();
        for n in 0..5_000_u16 {
            let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
            let status = StatusCode::from_u16(100 + n % 900).unwrap();
            metrics.observe_request(Some(&format!("/v1/patients/patient-{n}")), &method, status, 0.1);
        }
        assert_eq!(metrics.routes.read().unwrap().len(), MAX_ROUTES);
        let text = metrics.text().unwrap();
        let routes = MAX_ROUTES + 1;
        // A histogram has a series for each bound, one for infinity, a sum and a count.
        let most = routes * (SECONDS.len() + 3) + routes * 6 + 20;
        assert!(samples(&text).len() <= most, "{} of {most}", samples(&text).len());
        assert!(text.contains(r#"route="other""#));
    }

    proptest! {
        #[test]
        fn any_route_leaves_a_text_that_can_be_parsed(route in any::<String>()) {
            let metrics = Metrics::new();
            metrics.observe_request(Some(&route), &Method::GET, StatusCode::OK, 0.1);
            let text = metrics.text().unwrap();
            // Split at the line feed alone, as the format does.
            for line in text.split_terminator('\n').filter(|line| !line.starts_with('#')) {
                let (_, value) = line.rsplit_once(' ').unwrap();
                prop_assert!(value.parse::<f64>().is_ok(), "{line:?}");
            }
        }
    }
}
