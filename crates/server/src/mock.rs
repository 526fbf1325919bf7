//! `chatehr-server mock`: a whole ChatEHR on one address, for tests and demonstrations.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use chatehr_contract::Timestamp;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    demo,
    identity::digest,
    live,
    routes::{Parts, router},
    sealing::{SealingError, Seals},
    sources::{NoRandomness, Sources},
    store::{Store, StoreError, StoredAppointment, Tx},
};

/// How long a stop waits for requests under way.
const PATIENCE: Duration = Duration::from_secs(5);
/// Fewest bytes of the root secret.
pub const MIN_ROOT_SECRET_BYTES: usize = 32;

/// What the store holds at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Seed {
    /// A clinic of invented people, with accounts to sign in as.
    Demo,
    /// Nothing.
    Empty,
}

/// How to start.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The bearer key of machines: sign-in screens and gateways.
    pub api_key: String,
    /// The secret that all message keys come from, at least [`MIN_ROOT_SECRET_BYTES`].
    pub root_secret: Vec<u8>,
    /// What the store holds when it is new. A file that was seeded before stays as it is.
    pub seed: Seed,
    /// The file of the store; in memory when absent.
    pub database: Option<PathBuf>,
    /// Whether patients file new requests while one watches.
    pub live: bool,
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
    /// Demonstration data in memory; everything else as an administrator would leave it.
    pub fn new(listen: SocketAddr, api_key: impl Into<String>, root_secret: impl Into<Vec<u8>>) -> Self {
        Self {
            listen,
            api_key: api_key.into(),
            root_secret: root_secret.into(),
            seed: Seed::Demo,
            database: None,
            live: false,
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
                "CHATEHR_API_KEY is not set: choose a long random key and give it to every client".into(),
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
        problems
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
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
         --listen or MOCK_CHATEHR_PORT"
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
    stop: watch::Sender<bool>,
    serving: JoinHandle<io::Result<()>>,
}

impl Running {
    /// What a client is configured with, `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Ends event streams, lets requests under way finish, and stops listening.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(PATIENCE, &mut self.serving).await.is_err() {
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
    let seals = Seals::new(&config.root_secret)
        .map_err(|error| StartError::Configuration(vec![format!("CHATEHR_ROOT_SECRET: {error}")]))?;
    let listener = TcpListener::bind(config.listen).await.map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => StartError::PortInUse { port: config.listen.port(), source },
        _ => StartError::Listen { address: config.listen, source },
    })?;
    let address =
        listener.local_addr().map_err(|source| StartError::Listen { address: config.listen, source })?;

    let Config { sources, database, keep_events, listener_queue, seed, .. } = config;
    let store = Store::open(database.as_deref(), &sources, keep_events, listener_queue)?;
    if seed == Seed::Demo {
        store.run_now(|tx| seed_demo(tx, &seals, &sources))?;
    }
    let store = Arc::new(store);
    let (stop, stopping) = watch::channel(false);
    if config.live {
        tokio::spawn(live::live(Arc::clone(&store), sources.clone(), stopping.clone()));
    }
    let routes = router(Parts {
        store,
        seals,
        sources,
        api_key: digest(&config.api_key),
        test_sign_in: offers_test_sign_in(seed, address.ip()),
        heartbeat: config.heartbeat,
        request_timeout: config.request_timeout,
        stopping: stopping.clone(),
    });
    let mut stopped = stopping;
    let serving = tokio::spawn(async move {
        axum::serve(listener, routes)
            .with_graceful_shutdown(async move {
                // An error means that the other end is gone, which is a stop as well.
                drop(stopped.wait_for(|stopping| *stopping).await);
            })
            .await
    });
    Ok(Running { address, stop, serving })
}

/// Test accounts are for this machine and for invented patients alone.
fn offers_test_sign_in(seed: Seed, address: IpAddr) -> bool {
    seed == Seed::Demo && address.is_loopback()
}

fn seed_demo(tx: &Tx<'_>, seals: &Seals, sources: &Sources) -> Result<(), StartError> {
    if !tx.is_unseeded()? {
        return Ok(());
    }
    let now: Timestamp = sources.now();
    let clinic = demo::clinic(now);
    tx.seed_people(&clinic.patients, &clinic.physicians, &clinic.accounts)?;
    for mut consultation in clinic.consultations {
        consultation.version = consultation.version.max(1);
        tx.seed_consultation(&consultation)?;
    }
    for record in clinic.appointments {
        tx.seed_appointment(&StoredAppointment { record, version: 1 })?;
    }
    for message in clinic.messages {
        let mut stored = chatehr_contract::Message {
            id: message.id,
            from_id: message.from_id,
            to_id: message.to_id,
            consultation_id: message.consultation_id,
            content: message.text,
            kind: chatehr_contract::MessageKind::Text,
            timestamp: message.at,
            metadata: serde_json::Map::new(),
        };
        stored.metadata.insert("envelopeId".to_owned(), sources.id()?.into());
        seals.seal(&mut stored, sources.bytes()?)?;
        tx.seed_message(&stored)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Seed, offers_test_sign_in};

    #[test]
    fn test_accounts_are_offered_on_loopback_with_invented_patients_alone() {
        assert!(offers_test_sign_in(Seed::Demo, "127.0.0.1".parse().unwrap()));
        assert!(offers_test_sign_in(Seed::Demo, "::1".parse().unwrap()));
        for address in ["0.0.0.0", "192.168.1.10", "::", "10.0.0.1"] {
            assert!(!offers_test_sign_in(Seed::Demo, address.parse().unwrap()), "{address}");
        }
        assert!(!offers_test_sign_in(Seed::Empty, "127.0.0.1".parse().unwrap()));
    }
}
