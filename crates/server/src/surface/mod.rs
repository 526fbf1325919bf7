//! HTTP: both surfaces over one provider. Every request goes the same way: who asks, how much, what, and then the
//! provider's word, written as the surface writes it.

mod asked;
mod docs;
pub(crate) mod face;
mod openapi;
pub(crate) mod quirks;
mod read;
pub(crate) mod route;
pub(crate) mod schema;
mod stream;
mod unchanged;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, MatchedPath, RawPathParams, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodFilter, get, on},
};
use chatehr_contract::{
    Timestamp,
    access::{Action, signs_in_only},
};
use futures_util::FutureExt;
use serde_json::json;
use tokio::sync::watch;
use tracing::Instrument;

use self::{
    asked::Asked,
    face::Face,
    route::{ROUTES, Route, Verb},
};
use crate::{
    address::TrustedProxies,
    authenticate::Gate,
    identity::Actor,
    metrics::Metrics,
    problem::Problem,
    provider::{Call, Provider, Token, Trace},
    rate::{self, Class, Key, Rates, Streams},
    sealing::Seals,
    sources::Sources,
    trail::{Ending, Note},
};

/// The id under which the log speaks of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// The parts of an [`App`].
pub(crate) struct Parts {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) gate: Gate,
    pub(crate) rates: Arc<Rates>,
    pub(crate) streams: Streams,
    pub(crate) proxies: TrustedProxies,
    pub(crate) metrics: Metrics,
    pub(crate) seals: Seals,
    pub(crate) sources: Sources,
    /// What health says that this is.
    pub(crate) name: &'static str,
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

/// Who asks, and until when their token lasts; a machine's has no end.
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    pub(crate) ends: Option<Timestamp>,
    pub(crate) token: Token,
    /// Whether it is a machine that signs people in and nothing else.
    pub(crate) signs_in_only: bool,
}

/// What a request is for.
#[derive(Clone, Copy)]
enum Target {
    Route(&'static Route),
    Events,
    /// No such address, or not with this method.
    Nowhere(bool),
}

/// Both surfaces.
pub(crate) fn router(parts: Parts) -> Router {
    let app = App(Arc::new(parts));
    let mut router = Router::new();
    for face in [Face::Bare, Face::Envelope] {
        let at = |path: &str| format!("{}{path}", face.base());
        for route in ROUTES {
            let Some(path) = route.path(face) else { continue };
            router =
                router.route(&at(path), on(filter(route.method), handler(&app, face, Target::Route(route))));
        }
        router = router
            .route(&at("/events"), get(handler(&app, face, Target::Events)))
            .route(&at("/health"), get(health(&app, face)));
    }
    router
        .merge(docs::router())
        .fallback(handler_by_path(&app, Target::Nowhere(false)))
        .method_not_allowed_fallback(handler_by_path(&app, Target::Nowhere(true)))
}

const fn filter(verb: Verb) -> MethodFilter {
    match verb {
        Verb::Get => MethodFilter::GET,
        Verb::Post => MethodFilter::POST,
        Verb::Put => MethodFilter::PUT,
        Verb::Delete => MethodFilter::DELETE,
    }
}

type Handled = std::pin::Pin<Box<dyn Future<Output = Response> + Send>>;

fn handler(
    app: &App,
    face: Face,
    target: Target,
) -> impl Fn(Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>, Request) -> Handled
+ Clone
+ Send
+ Sync
+ 'static {
    let app = app.clone();
    move |params, request| {
        let app = app.clone();
        Box::pin(async move {
            let path = params
                .map(|params| {
                    params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
                })
                .map_err(|_| Problem::NotFound);
            handle(app, face, target, path, request).await
        })
    }
}

/// Where no route is, the path alone says which surface was meant.
fn handler_by_path(app: &App, target: Target) -> impl Fn(Request) -> Handled + Clone + Send + Sync + 'static {
    let app = app.clone();
    move |request: Request| {
        let app = app.clone();
        let face = if request.uri().path().starts_with("/api") { Face::Envelope } else { Face::Bare };
        Box::pin(async move { handle(app, face, target, Ok(BTreeMap::new()), request).await })
    }
}

/// One request from its head to its answer, counted and logged: its id, the route's pattern (a real path or query might
/// name a patient), status and time.
async fn handle(
    app: App,
    face: Face,
    target: Target,
    path: Result<BTreeMap<String, String>, Problem>,
    request: Request,
) -> Response {
    let began = Instant::now();
    let id = match app.sources.id() {
        Ok(id) => id,
        Err(error) => return face.refuse(Problem::from(error), ""),
    };
    let method = request.method().clone();
    let pattern = request.extensions().get::<MatchedPath>().cloned();
    let shown = pattern.as_ref().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!("request", id, %method, route = shown);
    let answered = AssertUnwindSafe(answer(&app, face, target, path, request, &id)).catch_unwind();
    let mut response = async {
        match tokio::time::timeout(app.request_timeout, answered).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                face.refuse(Problem::Internal("a panic, whose words stand above in the log".into()), &id)
            }
            Err(_) => face.refuse(Problem::Timeout, &id),
        }
    }
    .instrument(span.clone())
    .await;
    let status = response.status();
    let headers = response.headers_mut();
    // Nothing that is answered here belongs in a cache on the way.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    let took = began.elapsed();
    app.metrics.observe_request(
        pattern.as_ref().map(MatchedPath::as_str),
        &method,
        status,
        took.as_secs_f64(),
    );
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status = status.as_u16(), micros, "answered"));
    response
}

async fn answer(
    app: &App,
    face: Face,
    target: Target,
    path: Result<BTreeMap<String, String>, Problem>,
    request: Request,
    id: &str,
) -> Response {
    let mut told = HeaderMap::new();
    let result = decide(app, face, target, path, request, id, &mut told).await;
    let mut response = match result {
        Ok(response) => response,
        Err(problem) => face.refuse(problem, id),
    };
    for (name, value) in told {
        if let Some(name) = name {
            response.headers_mut().entry(name).or_insert(value);
        }
    }
    response
}

async fn decide(
    app: &App,
    face: Face,
    target: Target,
    path: Result<BTreeMap<String, String>, Problem>,
    request: Request,
    id: &str,
    told: &mut HeaderMap,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let peer = head
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(address)| address.ip());
    let address = app.proxies.client(peer, &head.headers);
    let now = app.sources.now();
    let mut trace = Trace { request_id: id.to_owned(), address: address.to_string(), ..Trace::default() };

    let caller = match app.gate.who(&head.headers, app.provider.as_ref(), now).await {
        Ok(caller) => caller,
        Err(problem) => {
            if matches!(problem, Problem::Unauthorized) {
                // Whole wards behind one address have tokens that end at the same minute, so this is not a sign-in's rate.
                limit(app, Class::Read, &Key::Address(address), told)?;
                let note = Note::new("session.check", None, &trace, Ending::Refused, now);
                app.provider.note(Note { reason: Some("UNAUTHORIZED".to_owned()), ..note }).await?;
            }
            return Err(problem);
        }
    };
    let class = match target {
        Target::Route(route) => route.class,
        Target::Events => Class::Stream,
        Target::Nowhere(_) => Class::Read,
    };
    let key = match &caller.actor {
        Actor::Machine(name) => Key::Machine(name.clone()),
        Actor::Person(person) => Key::Person(person.id.to_string()),
    };
    limit(app, class, &key, told)?;
    trace.token = Some(caller.token.clone());
    trace.token_end = caller.ends;
    if caller.signs_in_only {
        let action = match target {
            Target::Route(route) => route.action,
            Target::Events | Target::Nowhere(_) => Action::EventListen,
        };
        if !signs_in_only(action) {
            let note = Note::new(action.as_str(), Some(caller.actor), &trace, Ending::Refused, now);
            app.provider.note(Note { reason: Some("FORBIDDEN".to_owned()), ..note }).await?;
            return Err(Problem::Forbidden("This machine's key signs people in, and does nothing else."));
        }
    }
    let route = match target {
        Target::Nowhere(true) => return Err(Problem::MethodNotAllowed),
        Target::Nowhere(false) => return Err(Problem::NotFound),
        Target::Events => {
            let note = Note::new(
                Action::EventListen.as_str(),
                Some(caller.actor.clone()),
                &trace,
                Ending::Success,
                now,
            );
            app.provider.note(note).await?;
            return stream::stream(app, caller, &key, &head.headers, trace).await;
        }
        Target::Route(route) => route,
    };
    let asked = Incoming { face, route, head: &head, path };
    let call = match asked.call(body, app, &caller, &trace, now).await {
        Ok(call) => call,
        Err(problem) => {
            // What was never asked of the provider is written down here.
            let note = Note::new(route.action.as_str(), Some(caller.actor), &trace, Ending::Refused, now);
            app.provider.note(Note { reason: Some(problem.code().to_owned()), ..note }).await?;
            app.metrics.audit_entries.inc();
            return Err(problem);
        }
    };
    let sealed = call.sealed;
    let done = app.provider.perform(call).await;
    match &done {
        Err(problem) if problem.is_unrecorded() => app.metrics.audit_failures.inc(),
        _ => app.metrics.audit_entries.inc(),
    };
    let mut outcome = done?;
    if route.action == Action::MessageCreate && !sealed && app.provider.answers_sealed() {
        outcome.body = opened(&app.seals, outcome.body)?;
    }
    let tag = unchanged::tag(&outcome);
    let mut response = match &tag {
        Some(tag) if unchanged::is_known(&head.headers, tag) => unchanged::not_modified(),
        _ => face.write(route.action, outcome, id, now),
    };
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// A request for a route, before its body is read.
struct Incoming<'a> {
    face: Face,
    route: &'static Route,
    head: &'a axum::http::request::Parts,
    path: Result<BTreeMap<String, String>, Problem>,
}

impl Incoming<'_> {
    /// What it asks for.
    async fn call(
        self,
        body: Body,
        app: &App,
        caller: &Caller,
        trace: &Trace,
        now: Timestamp,
    ) -> Result<Call, Problem> {
        let Self { face, route, head, path } = self;
        let body = asked::read(body, route.max_body()).await?;
        let once = match route.method {
            Verb::Get => None,
            verb => asked::once(&head.headers, verb.as_str(), &head.uri, &body, &app.seals)?,
        };
        let mut asked = Asked::new(path?, &head.uri, body, now, face == Face::Envelope)?;
        let op = (route.read)(&mut asked)?;
        asked.params.check()?;
        Ok(Call {
            actor: caller.actor.clone(),
            op,
            once,
            if_match: asked::if_match(&head.headers),
            sealed: asked::opens_envelopes(&head.headers)?,
            reason: asked::reason(&head.headers)?,
            trace: trace.clone(),
            now,
        })
    }
}

/// A message rests sealed, also as the first answer that a repeat gets; who opens none is answered in clear text.
fn opened(seals: &Seals, body: crate::op::Body) -> Result<crate::op::Body, Problem> {
    let crate::op::Body::Json(json) = body else { return Ok(body) };
    let mut message: chatehr_contract::Message = serde_json::from_str(&json)?;
    if chatehr_seal::classify(&message.content) != chatehr_seal::Content::Clear {
        seals.open(&mut message);
    }
    Ok(crate::op::Body::Json(serde_json::to_string(&message)?))
}

/// Counts the request, and tells its sender how much is left.
fn limit(app: &App, class: Class, key: &Key, told: &mut HeaderMap) -> Result<(), Problem> {
    let verdict = app.rates.check(class, key);
    told.extend(rate::headers(&verdict));
    if verdict.allowed {
        return Ok(());
    }
    app.metrics.rate_limited(class);
    Err(Problem::TooMany { headers: Vec::new(), message: "Too many requests; wait a little." })
}

/// Whether this is ChatEHR, whether it works, and what it can do. Public, and nothing that is not true.
fn health(
    app: &App,
    face: Face,
) -> impl Fn(Method) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>> + Clone + Send + Sync + 'static
{
    let app = app.clone();
    move |_| {
        let app = app.clone();
        Box::pin(async move {
            let condition = app.provider.condition().await;
            let (status, word) = if condition.sound {
                (StatusCode::OK, "healthy")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
            };
            let mut body = json!({
                "status": word,
                "service": app.name,
                "version": env!("CARGO_PKG_VERSION"),
                "timestamp": app.sources.now(),
                "features": condition.features,
            });
            if let (Face::Envelope, Some(fields)) = (face, body.as_object_mut()) {
                fields.insert("success".to_owned(), condition.sound.into());
            }
            (
                status,
                [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")],
                Body::from(body.to_string()),
            )
                .into_response()
        })
    }
}
