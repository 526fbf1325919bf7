//! The door: is this ChatEHR, and who may come in.
//!
//! Nothing but the question who it is goes to a server that has not said that it is ChatEHR: every other request
//! asks first, once, and again after the connection was lost, because another program may have taken the port.

use std::{
    collections::BTreeSet,
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatehr_contract::{Account, Session, Timestamp};
use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
    redirect,
};
use serde::Deserialize;
use tokio::{sync::Notify, time::Instant};

use crate::{
    allowance::Held,
    bearer::{Bearer, Tokens},
    breaker::{Breaker, Ending, Errand, Pass},
    config::{self, Config, ConfigError},
    error::ClientError,
    exchange::{self, Answer, Asking, Unanswered},
    gauges::Gauges,
    page,
    signed_in::SignedIn,
    skew::Skew,
};

/// What has had no answer for so long hangs, when the event stream has fallen silent as well.
const HANGS: Duration = Duration::from_secs(2);

/// A workstation's connection to ChatEHR. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: Mutex<reqwest::Client>,
    connect_timeout: Duration,
    base: Url,
    api_key: Option<HeaderValue>,
    timeout: Duration,
    idle_timeout: Duration,
    jitter_seed: u64,
    identified: AtomicBool,
    breaker: Mutex<Breaker>,
    /// Told when connections have turned out to be dead.
    silence: Notify,
    gauges: Gauges,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Its name, with `chatehr` in it.
    pub service: String,
    /// Its version.
    pub version: String,
    /// Its clock.
    pub timestamp: Timestamp,
    /// What it can do beyond the original (wire contract, section 2).
    #[serde(default)]
    pub features: BTreeSet<String>,
}

impl Health {
    /// Whether the server has this feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }
}

impl Client {
    /// Checks the settings and makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let base = config.base()?;
        let api_key = config.authorization()?;
        if [config.timeout, config.connect_timeout, config.idle_timeout].contains(&Duration::ZERO) {
            return Err(ConfigError::Timeout);
        }
        let http = connections(&base, config.connect_timeout, config.idle_timeout)?;
        Ok(Self(Arc::new(Inner {
            http: Mutex::new(http),
            connect_timeout: config.connect_timeout,
            base,
            api_key,
            timeout: config.timeout,
            idle_timeout: config.idle_timeout,
            jitter_seed: config.jitter_seed,
            identified: AtomicBool::new(false),
            // Another seed than the event stream's, or both would come back in the same moment.
            breaker: Mutex::new(Breaker::new(config.failure_budget, config.jitter_seed.rotate_left(32))),
            silence: Notify::new(),
            gauges: config.gauges,
        })))
    }

    /// Asks the server who it is; no key goes along. Sent also while the server is given time after failures.
    ///
    /// # Errors
    /// [`ClientError::NotChatEhr`] for anything that answers and does not say that it is ChatEHR.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.guarded(Errand::Probe, async { Ok(self.ask_who().await?) })
            .await
            .map_err(|told| told.read(Asking::Identity))
    }

    /// Ends the time that a failing server is given, or has asked for: a person asked. One request goes out and decides for
    /// the others.
    pub fn retry_now(&self) {
        self.breaker().retry_now(Instant::now());
        self.0.gauges.pardon();
    }

    /// What has had no answer for a while hangs in connections that have turned out to be dead: it ends as one that took too
    /// long, and whoever asked repeats it on a new one.
    pub(crate) fn give_up_what_hangs(&self) {
        self.forget_connections();
        self.0.silence.notify_waiters();
    }

    /// Makes a new connection for whatever is asked next. For when those that stand may be dead and nobody would say so:
    /// the workstation has slept, or an answer did not come. What is under way keeps its own.
    pub fn forget_connections(&self) {
        // It could be made once, so it can be made again; otherwise those that stand are better than none.
        if let Ok(fresh) = connections(&self.0.base, self.0.connect_timeout, self.0.idle_timeout) {
            *self.0.http.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }

    /// How far the server's clock is ahead of this workstation's, by the last few answers. None before the first, and
    /// where [`Config::gauges`] have no clock.
    pub fn skew(&self) -> Option<Skew> {
        self.0.gauges.skew()
    }

    async fn ask_who(&self) -> Result<Health, ClientError> {
        let request = self.request(Method::GET, &["health"])?.timeout(self.0.timeout);
        let answer =
            exchange::exchange(request, &self.0.gauges).await.map_err(|told| told.read(Asking::Identity));
        let health = answer.and_then(|answer| read_health(&answer));
        self.0.identified.store(health.is_ok(), Ordering::Relaxed);
        health
    }

    /// The test accounts that a demonstration server offers; any other server offers none.
    ///
    /// # Errors
    /// [`ClientError::ApiKeyRefused`] for a wrong key; see [`ClientError`].
    pub async fn accounts(&self) -> Result<Vec<Account>, ClientError> {
        let request = self.with_key(self.request(Method::GET, &["test", "accounts"])?);
        match self.ask(request, Asking::Workstation).await {
            Ok(answer) => Ok(page::read(&answer)?.rows),
            Err(ClientError::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Signs a person in with a test account's code.
    ///
    /// # Errors
    /// [`ClientError::SignInRefused`] for a code that is nobody's, [`ClientError::ApiKeyRefused`] for a wrong key.
    pub async fn sign_in(&self, code: &str) -> Result<Session, ClientError> {
        let request = self.with_key(self.request(Method::POST, &["test", "sign-in"])?);
        let request = request.json(&serde_json::json!({ "code": code }));
        let asked = self.ask_closely(request, Asking::SignIn, Errand::Person).await;
        asked.map_err(|told| told.read(Asking::SignIn))?.json()
    }

    /// The same server, asked as the person to whom this token belongs.
    pub fn with_session(&self, token: &str) -> SignedIn {
        SignedIn::new(self.clone(), Bearer::Fixed(config::bearer(token)))
    }

    /// The same server, asked as the person whom these tokens are given for.
    pub fn with_tokens(&self, tokens: Arc<dyn Tokens>) -> SignedIn {
        SignedIn::new(self.clone(), Bearer::Renewed(tokens))
    }

    /// Whoever answers next has to say again who it is.
    pub(crate) fn doubt_identity(&self) {
        self.0.identified.store(false, Ordering::Relaxed);
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.0.gauges
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        self.0.idle_timeout
    }

    pub(crate) fn jitter_seed(&self) -> u64 {
        self.0.jitter_seed
    }

    /// A request without any credential.
    pub(crate) fn request(&self, method: Method, segments: &[&str]) -> Result<RequestBuilder, ClientError> {
        let url = exchange::address(&self.0.base, segments)?;
        let http = self.0.http.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(http.request(method, url).header(ACCEPT, "application/json"))
    }

    /// Sends once the server is known to be ChatEHR, and reads the answer.
    pub(crate) async fn ask(&self, request: RequestBuilder, asking: Asking) -> Result<Answer, ClientError> {
        self.ask_closely(request, asking, Errand::Ordinary).await.map_err(|told| told.read(asking))
    }

    /// The same for who reads more of a refusal than every refusal has.
    pub(crate) async fn ask_closely(
        &self,
        request: RequestBuilder,
        asking: Asking,
        errand: Errand,
    ) -> Result<Answer, Unanswered> {
        // Who it is and what is asked have one time together.
        let deadline = Instant::now().checked_add(self.0.timeout);
        self.guarded(errand, async {
            self.identify().await?;
            let left = deadline.map_or(self.0.timeout, |end| end.saturating_duration_since(Instant::now()));
            let answer = tokio::select! {
                biased;
                answer = exchange::exchange(request.timeout(left), &self.0.gauges) => answer,
                () = self.turns_out_to_hang() => Err(ClientError::Timeout.into()),
            };
            self.doubt(answer, asking)
        })
        .await
    }

    /// Sends once the server is known to be ChatEHR; the body is a stream without an end, so no time limit. It goes out
    /// also while the server is given time: the stream spaces its own attempts.
    pub(crate) async fn open(&self, request: RequestBuilder) -> Result<Response, Unanswered> {
        self.guarded(Errand::Probe, async {
            self.identify().await?;
            let response = exchange::open(request, &self.0.gauges).await;
            self.doubt(response, Asking::Session)
        })
        .await
    }

    /// Ends when what is under way since now is given up.
    async fn turns_out_to_hang(&self) {
        let began = Instant::now();
        loop {
            self.0.silence.notified().await;
            if began.elapsed() >= HANGS {
                return;
            }
        }
    }

    /// Does it unless the server is given time, or has asked for it, and counts what becomes of it.
    async fn guarded<T>(
        &self,
        errand: Errand,
        work: impl Future<Output = Result<T, Unanswered>>,
    ) -> Result<T, Unanswered> {
        let began = Instant::now();
        let gauges = &self.0.gauges;
        gauges.admit(errand).map_err(|held| match held {
            Held::TooMany(left) => ClientError::RateLimited { retry_after: Some(left) },
            Held::Unable(left) => ClientError::Paused { retry_in: left },
        })?;
        let pass = self.breaker().admit(began, errand).map_err(|wait| {
            // Nobody knows how long the one takes that decides.
            ClientError::Paused { retry_in: wait.max(Duration::from_secs(1)) }
        })?;
        let mut under_way = UnderWay { client: self, pass, ending: Ending::Abandoned };
        let result = work.await;
        under_way.ending = match &result {
            Err(told) => told.ending(began.elapsed()),
            Ok(_) => Ending::Answered,
        };
        let limited = result.as_ref().err().and_then(Unanswered::too_many);
        match (limited, under_way.ending) {
            (Some(asked), _) => gauges.failed(asked, true),
            (None, Ending::Failed { asked, .. }) => gauges.failed(asked, false),
            (None, Ending::Answered) => gauges.served(began),
            (None, Ending::Abandoned) => {}
        }
        result
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.0.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn identify(&self) -> Result<(), ClientError> {
        if !self.0.identified.load(Ordering::Relaxed) {
            self.ask_who().await?;
        }
        Ok(())
    }

    /// After these, whoever answers next has to say again who it is.
    fn doubt<T>(&self, result: Result<T, Unanswered>, asking: Asking) -> Result<T, Unanswered> {
        let error = match &result {
            Ok(_) => return result,
            Err(Unanswered::Failed(error)) => error,
            // That a list is as it was sends nobody elsewhere.
            Err(Unanswered::Refused(refusal)) if refusal.status == 304 => return result,
            Err(Unanswered::Refused(refusal)) => &refusal.read(asking),
        };
        if let ClientError::Unreachable(_) | ClientError::NotChatEhr { .. } = error {
            self.0.identified.store(false, Ordering::Relaxed);
        }
        if *error == ClientError::Timeout {
            self.forget_connections();
        }
        result
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.0.api_key {
            Some(key) => request.header(AUTHORIZATION, key.clone()),
            None => request,
        }
    }
}

/// Connections to this server, none made yet.
fn connections(base: &Url, connect: Duration, idle: Duration) -> Result<reqwest::Client, ConfigError> {
    let mut http = reqwest::Client::builder()
        .user_agent(concat!("chatehr-desktop/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(connect)
        .pool_idle_timeout(Duration::from_secs(30))
        // A connection of HTTP/2 that is dead at the other end would be taken for every new attempt, the event
        // stream's too, until TCP gives up on it, which can be a quarter of an hour.
        .http2_keep_alive_interval(idle / 3)
        .http2_keep_alive_timeout(idle / 3)
        .http2_keep_alive_while_idle(true);
    if config::is_loopback(base) {
        // A proxy from the environment would carry what was meant to stay on this machine, and so would a
        // name server that knows its own localhost.
        http = http.no_proxy().resolve_to_addrs(
            "localhost",
            &[SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))],
        );
    }
    if base.scheme() == "https" {
        http = http.https_only(true);
    }
    http.build().map_err(|error| ConfigError::Tls(error.without_url()))
}

/// Settles its pass when it ends, and also when it is dropped half-way.
struct UnderWay<'a> {
    client: &'a Client,
    pass: Pass,
    ending: Ending,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.client.breaker().settle(Instant::now(), &self.pass, self.ending);
    }
}

impl Unanswered {
    /// Whether the server was asked too much, and for how long it wants not to be.
    fn too_many(&self) -> Option<Option<Duration>> {
        match self {
            Self::Failed(ClientError::RateLimited { retry_after }) => Some(*retry_after),
            Self::Failed(_) => None,
            Self::Refused(refusal) => match refusal.read(Asking::Session) {
                ClientError::RateLimited { retry_after } => Some(retry_after),
                _ => None,
            },
        }
    }

    /// What it says of the server's state. A refusal is an answer.
    fn ending(&self, took: Duration) -> Ending {
        let read;
        let error = match self {
            Self::Failed(error) => error,
            Self::Refused(refusal) => {
                read = refusal.read(Asking::Session);
                &read
            }
        };
        match error {
            ClientError::Unreachable(_) | ClientError::Timeout | ClientError::ServerFault { .. } => {
                Ending::Failed { took, asked: error.retry_after() }
            }
            _ => Ending::Answered,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

fn read_health(answer: &Answer) -> Result<Health, ClientError> {
    let health: Health = answer
        .json()
        .map_err(|_| ClientError::NotChatEhr { reason: "its health report is not ChatEHR's" })?;
    if health.service.to_ascii_lowercase().contains("chatehr") {
        Ok(health)
    } else {
        Err(ClientError::NotChatEhr { reason: "it calls itself something else" })
    }
}
