//! One program, three faces: what it is to be, whether it can be that, and starting it.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use chatehr_contract::Policy;
use chatehr_token::Verifier;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    address::TrustedProxies,
    authenticate::{Gate, Machine},
    demo,
    embedded::{self, Embedded, escalate_when_due},
    escalation::EscalationPolicy,
    faults::{self, Faults},
    housekeeping,
    identity::digest,
    issuer::Issuer,
    listen::{self, Limits, tls},
    live,
    metrics::{self, Metrics},
    policy::SignedPolicy,
    provider::Provider,
    rate::{RateSettings, Rates, Streams},
    sealing::{SealingError, Seals},
    seed::{self, Seed},
    sources::{NoRandomness, Sources},
    store::{Store, StoreError},
    surface::{self, face::Face, quirks},
    upstream::{self, Upstream},
};

/// Fewest bytes of the root secret.
pub const MIN_ROOT_SECRET_BYTES: usize = 32;
/// How often a certificate's files are looked at.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(60);

/// Which of the three it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A whole ChatEHR for tests and demonstrations.
    Mock,
    /// A clinic's own ChatEHR.
    Standalone,
    /// In front of a ChatEHR elsewhere.
    Gateway,
}

/// How to start.
#[derive(Clone)]
pub struct Config {
    /// Which of the three.
    pub mode: Mode,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The certificate chain and its key, as PEM files. Without, it speaks plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where metrics, liveness and readiness are told.
    pub metrics: Option<SocketAddr>,
    /// The bearer key of machines: sign-in screens, kiosks and gateways. In a gateway it is its own key at the ChatEHR
    /// behind it, and lets nobody in here.
    pub api_key: String,
    /// More machines, each with a key of its own.
    pub machines: Vec<Machine>,
    /// The secret that all message keys come from, at least [`MIN_ROOT_SECRET_BYTES`].
    pub root_secret: Vec<u8>,
    /// Whose tokens are believed.
    pub oidc: Option<chatehr_token::Settings>,
    /// The ChatEHR behind a gateway.
    pub upstream: Option<String>,
    /// How long that one may take.
    pub upstream_timeout: Duration,
    /// What the store holds when it is new. A file that was seeded before stays as it is.
    pub seed: Seed,
    /// The file of the store, and in a gateway of the audit log; in memory when absent.
    pub database: Option<PathBuf>,
    /// Whether patients file new requests while one watches.
    pub live: bool,
    /// How long there is to answer, and whom to ask next.
    pub escalation: EscalationPolicy,
    /// Between two looks for steps of it that are due: the most by which a step is late.
    pub escalation_look: Duration,
    /// The clinic's rules for workstations.
    pub policy: Policy,
    /// Proxies whose word on a client's address is believed, such as `10.0.0.0/8, ::1`.
    pub trusted_proxies: String,
    /// Requests that a person, a machine or an address may make.
    pub rates: RateSettings,
    /// Event streams that one person may have open.
    pub streams_per_person: usize,
    /// What a connection may cost.
    pub limits: Limits,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Whether the mock behaves as the original did.
    pub original: bool,
    /// Time and randomness.
    pub sources: Sources,
    /// Between two signs of life on an event stream.
    pub heartbeat: Duration,
    /// How many events can be replayed.
    pub keep_events: u32,
    /// How many events a listener may fall behind before it is cut off.
    pub listener_queue: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
}

impl Config {
    /// A mock with demonstration data in memory; everything else as an administrator would leave it.
    pub fn new(listen: SocketAddr, api_key: impl Into<String>, root_secret: impl Into<Vec<u8>>) -> Self {
        Self {
            mode: Mode::Mock,
            listen,
            tls: None,
            metrics: None,
            api_key: api_key.into(),
            machines: Vec::new(),
            root_secret: root_secret.into(),
            oidc: None,
            upstream: None,
            upstream_timeout: Duration::from_secs(30),
            seed: Seed::Demo,
            database: None,
            live: false,
            escalation: EscalationPolicy::default(),
            escalation_look: Duration::from_millis(250),
            policy: Policy::default(),
            trusted_proxies: String::new(),
            rates: RateSettings::default(),
            streams_per_person: 8,
            limits: Limits::default(),
            faults: Faults::default(),
            original: false,
            sources: Sources::system(),
            heartbeat: Duration::from_secs(15),
            keep_events: 10_000,
            listener_queue: 1024,
            request_timeout: Duration::from_secs(30),
        }
    }

    /// Everything that stops a start, each naming its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.api_key.is_empty() {
            problems.push(
                "CHATEHR_API_KEY is not set: choose a long random key for whatever acts in people's names; workstations and kiosks get keys of their own".into(),
            );
        } else if !self.api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.push("CHATEHR_API_KEY must be printable ASCII without spaces".into());
        }
        if self.root_secret.is_empty() {
            problems.push(format!(
                "CHATEHR_ROOT_SECRET is not set: messages cannot be sealed without at least {MIN_ROOT_SECRET_BYTES} \
                 random bytes"
            ));
        } else if self.root_secret.len() < MIN_ROOT_SECRET_BYTES {
            problems.push(format!(
                "CHATEHR_ROOT_SECRET has {} bytes, and needs at least {MIN_ROOT_SECRET_BYTES}",
                self.root_secret.len()
            ));
        }
        if self.live && self.seed != Seed::Demo {
            problems
                .push("--live needs --seed demo: its requests come from the demonstration's patients".into());
        }
        if let Err(error) = TrustedProxies::parse(&self.trusted_proxies) {
            problems.push(format!("CHATEHR_TRUSTED_PROXIES: {error}"));
        }
        match &self.oidc {
            None if self.mode != Mode::Mock && !self.demonstrates() => problems
                .push("CHATEHR_OIDC_ISSUER is not set: without an OpenID provider nobody can sign in".into()),
            Some(settings) => {
                if let Err(error) = Verifier::new(settings.clone(), chatehr_contract::Timestamp::default) {
                    problems.push(format!("CHATEHR_OIDC_ISSUER or CHATEHR_OIDC_AUDIENCE: {error}"));
                }
            }
            None => {}
        }
        match (&self.upstream, self.mode) {
            (None, Mode::Gateway) => problems.push(
                "CHATEHR_API_URL is not set: a gateway needs the address of the ChatEHR behind it".into(),
            ),
            (Some(url), Mode::Gateway) => {
                if let Err(error) = upstream::address(url) {
                    problems.push(format!("CHATEHR_API_URL {error}"));
                }
            }
            _ => {}
        }
        if let Some((chain, key)) = &self.tls
            && let Err(error) = tls::load(chain, key)
        {
            problems.push(format!("CHATEHR_TLS_CERT or CHATEHR_TLS_KEY: {error}"));
        }
        problems.extend(self.faults.problems());
        problems
    }

    /// Test accounts are for this machine and for invented patients alone.
    fn demonstrates(&self) -> bool {
        offers_test_sign_in(&self.seed, self.listen.ip())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("mode", &self.mode)
            .field("listen", &self.listen)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings are missing or wrong; all of them.
    #[error("the settings cannot be used:\n  {}", .0.join("\n  "))]
    Configuration(Vec<String>),
    /// Somebody else has the port.
    #[error(
        "port {port} is already in use on this machine: stop the program that uses it, or choose another with \
         --listen, CHATEHR_LISTEN or MOCK_CHATEHR_PORT"
    )]
    PortInUse {
        /// Which.
        port: u16,
        /// As the system put it.
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: choose an address of this machine and a port that it allows")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// As the system put it.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(
        "the database cannot be used: check that --database names a file of this program, and may be written"
    )]
    Database(#[from] StoreError),
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The demonstration's messages could not be sealed.
    #[error("the demonstration data could not be stored")]
    Seed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<SealingError> for StartError {
    fn from(error: SealingError) -> Self {
        Self::Seed(Box::new(error))
    }
}

/// A server that listens. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where metrics are told.
    pub metrics: Option<SocketAddr>,
    base: String,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    patience: Duration,
}

impl Running {
    /// What a client is configured with, `http://127.0.0.1:PORT/v1`; a gateway's and a clinic's clients have
    /// `/api/chatehr`.
    pub fn base_url(&self) -> String {
        self.base.clone()
    }

    /// Tells event streams to come back later, lets requests under way finish, and stops listening.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(self.patience, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }

    /// Returns when serving has ended by itself, which it should not.
    pub async fn ended(&mut self) {
        drop((&mut self.serving).await);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Starts the server; when this returns it listens.
///
/// # Errors
/// [`StartError`].
pub async fn start(config: Config) -> Result<Running, StartError> {
    let problems = config.problems();
    if !problems.is_empty() {
        return Err(StartError::Configuration(problems));
    }
    let seals = || {
        Seals::new(&config.root_secret)
            .map_err(|error| StartError::Configuration(vec![format!("CHATEHR_ROOT_SECRET: {error}")]))
    };
    let refused =
        |name: &str, error: &dyn fmt::Display| StartError::Configuration(vec![format!("{name}: {error}")]);
    let (stop, stopping) = watch::channel(false);
    let (tls_config, certificate) = match &config.tls {
        Some((chain, key)) => {
            let (tls, certificate) =
                tls::load(chain, key).map_err(|error| refused("CHATEHR_TLS_CERT", &error))?;
            (Some(tls), Some(certificate))
        }
        None => (None, None),
    };
    let (listener, address) = bind(config.listen).await?;
    let metrics = Metrics::new();
    let sources = config.faults.skewed(&config.sources);
    let policy = SignedPolicy::new(config.policy.clone(), seals()?.signing_key(), sources.now())
        .map_err(|error| StartError::Seed(Box::new(error)))?;

    let store = open(&config, &sources).await?;
    let kid = seals()?.kid().to_owned();
    if store.run_now::<_, StoreError, _>(|tx| tx.mark_once("kid", &kid))? != kid {
        return Err(StartError::Configuration(vec![
            "CHATEHR_ROOT_SECRET is not the one that this database was written with: its messages could not be read"
                .to_owned(),
        ]));
    }
    let provider: Arc<dyn Provider> = if config.mode == Mode::Gateway {
        let url = config.upstream.as_deref().unwrap_or_default();
        let upstream = Upstream::new(upstream::Settings {
            url: upstream::address(url).map_err(|error| refused("CHATEHR_API_URL", &error))?,
            key: config.api_key.clone(),
            timeout: config.upstream_timeout,
            log: store,
            seals: seals()?,
            sources: sources.clone(),
            policy,
            metrics: metrics.clone(),
            keep_events: config.keep_events,
            listener_queue: config.listener_queue,
            stopping: stopping.clone(),
        })
        .map_err(|error| refused("CHATEHR_API_URL", &error))?;
        Arc::new(upstream)
    } else {
        let seals = seals()?;
        store.run_now(|tx| seed::plant(tx, &config.seed, &seals, &sources))?;
        let keep_audit_days = policy.keep_audit_days();
        let embedded = Embedded::new(embedded::Parts {
            store,
            seals,
            sources: sources.clone(),
            escalation: config.escalation.clone(),
            policy,
            test_sign_in: offers_test_sign_in(&config.seed, address.ip()),
            probed: std::sync::Mutex::default(),
        });
        if config.live {
            tokio::spawn(live::live(embedded.clone(), sources.clone(), stopping.clone()));
        }
        let told = metrics.clone();
        tokio::spawn(escalate_when_due(
            embedded.clone(),
            config.escalation_look,
            stopping.clone(),
            move |steps, waiting, due| {
                told.escalation_steps.inc_by(steps);
                told.escalations(waiting, due);
            },
        ));
        tokio::spawn(housekeeping::keep(embedded.clone(), keep_audit_days, stopping.clone()));
        Arc::new(embedded)
    };

    let mut machines = config.machines.clone();
    if config.mode != Mode::Gateway {
        let key = digest(&config.api_key);
        machines.push(Machine { name: "workstation".to_owned(), key, gateway: true });
    }
    let clock = sources.clone();
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let demonstrates = config.mode != Mode::Gateway
        && config.oidc.is_none()
        && config.tls.is_none()
        && !config.original
        && offers_test_sign_in(&config.seed, address.ip());
    let issuer = if demonstrates {
        let accounts = demo::clinic(sources.now()).accounts;
        let issuer = Issuer::new(&format!("{scheme}://{address}"), accounts, sources.clone());
        Some(issuer.map_err(|error| StartError::Seed(Box::new(error)))?)
    } else {
        None
    };
    let verifier = config
        .oidc
        .clone()
        .or_else(|| issuer.as_ref().map(Issuer::token_settings))
        .map(|settings| Verifier::new(settings, move || clock.now()))
        .transpose()
        .map_err(|error| refused("CHATEHR_OIDC_ISSUER", &error))?;
    let rates = Arc::new(Rates::new(&config.rates));
    let ready = Arc::clone(&provider);
    let mut routes = surface::router(surface::Parts {
        provider,
        gate: Gate::new(machines, verifier),
        rates: Arc::clone(&rates),
        streams: Streams::new(config.streams_per_person),
        proxies: TrustedProxies::parse(&config.trusted_proxies)
            .map_err(|error| refused("CHATEHR_TRUSTED_PROXIES", &error))?,
        metrics: metrics.clone(),
        seals: seals()?,
        sources: sources.clone(),
        name: match config.mode {
            Mode::Gateway => "ChatEHR (gateway)",
            Mode::Mock | Mode::Standalone => "ChatEHR (embedded)",
        },
        heartbeat: config.heartbeat,
        request_timeout: match config.mode {
            // So that it is the ChatEHR behind it that is said to be late.
            Mode::Gateway => config.request_timeout.max(config.upstream_timeout + Duration::from_secs(5)),
            Mode::Mock | Mode::Standalone => config.request_timeout,
        },
        stopping: stopping.clone(),
    });
    if config.original {
        routes = quirks::router(&sources);
    }
    if config.mode == Mode::Mock {
        routes = faults::layer(routes, config.faults.clone(), sources.clone());
    }
    let metrics_address = match config.metrics {
        Some(address) => {
            let (listener, address) = bind(address).await?;
            let router = metrics::router(metrics.clone(), move || {
                let provider = Arc::clone(&ready);
                async move { provider.condition().await.sound }
            });
            tokio::spawn(listen::serve(
                listener,
                None,
                router,
                config.limits,
                metrics.connections.clone(),
                stopping.clone(),
            ));
            Some(address)
        }
        None => None,
    };
    tokio::spawn(housekeeping::forget_idle_rates(rates, stopping.clone()));
    if let Some(certificate) = certificate {
        tokio::spawn(certificate.watch(CERTIFICATE_LOOK, stopping.clone()));
    }
    if let Some(issuer) = issuer {
        tracing::info!(issuer = issuer.url(), "the demonstration's accounts sign in here");
        routes = routes.merge(issuer.router());
    }
    let face = if config.mode == Mode::Mock { Face::Bare } else { Face::Envelope };
    let base = format!("{scheme}://{address}{}", face.base());
    let serving = tokio::spawn(listen::serve(
        listener,
        tls_config,
        routes,
        config.limits,
        metrics.connections.clone(),
        stopping,
    ));
    // A little more than each connection's own.
    let patience = config.limits.drain + Duration::from_secs(2);
    Ok(Running { address, metrics: metrics_address, base, stop, serving, patience })
}

/// Opens the store, and waits a little for a server before this one to let go of it.
async fn open(config: &Config, sources: &Sources) -> Result<Store, StoreError> {
    let file = config.database.as_deref();
    for _ in 0..50 {
        match Store::open(file, sources, config.keep_events, config.listener_queue) {
            Err(StoreError::InUse) => tokio::time::sleep(Duration::from_millis(100)).await,
            opened => return opened,
        }
    }
    Err(StoreError::InUse)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => StartError::PortInUse { port: address.port(), source },
        _ => StartError::Listen { address, source },
    })?;
    let bound = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
    Ok((listener, bound))
}

/// Test accounts are for this machine and for invented patients alone.
fn offers_test_sign_in(seed: &Seed, address: IpAddr) -> bool {
    *seed == Seed::Demo && address.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::{Seed, offers_test_sign_in};

    #[test]
    fn test_accounts_are_offered_on_loopback_with_invented_patients_alone() {
        assert!(offers_test_sign_in(&Seed::Demo, "127.0.0.1".parse().unwrap()));
        assert!(offers_test_sign_in(&Seed::Demo, "::1".parse().unwrap()));
        for address in ["0.0.0.0", "192.168.1.10", "::", "10.0.0.1"] {
            assert!(!offers_test_sign_in(&Seed::Demo, address.parse().unwrap()), "{address}");
        }
        assert!(!offers_test_sign_in(&Seed::Empty, "127.0.0.1".parse().unwrap()));
    }
}
