//! An OpenID provider that is not ours (`tests/oidc-provider`), a clinic that believes it, and a person at a browser.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::print_stderr,
    reason = "shared by tests, which tell what they leave out"
)]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use chatehr_contract::*;
use chatehr_engine::{Browser, Desk, NoBrowser, Settings, SignInSettings, Surroundings};
use chatehr_network::Network;
use chatehr_server::{Config, Running, start as start_server};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    agent::{Agent, Sight},
    support::{API_KEY, Bench, Desktop, SetClock, keyring_is_here, settings, surroundings, url},
};

const API: &str = "https://api.chatehr.test";

/// The provider's process and the clinic's server.
pub struct World {
    pub issuer: String,
    /// What lies between the provider and everybody else.
    pub way: Network,
    provider: Child,
    pub clinic: Option<Running>,
    address: std::net::SocketAddr,
    store: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_provider();
    }
}

impl World {
    /// None, and a line that says so, where the provider is not installed. Access tokens last so many seconds.
    pub async fn open(token_seconds: u32) -> Option<Self> {
        Self::with_policy(token_seconds, Policy::default()).await
    }

    /// The same, of a clinic with rules of its own.
    pub async fn with_policy(token_seconds: u32, policy: Policy) -> Option<Self> {
        if !keyring_is_here() {
            return None;
        }
        let Some(installed) = std::env::var_os("CHATEHR_TEST_OIDC").map(PathBuf::from) else {
            eprintln!("left out: CHATEHR_TEST_OIDC does not name a directory with oidc-provider");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc-provider/provider.mjs");
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let way = Network::to(nowhere, 1).await.unwrap();
        let issuer = format!("http://{}", way.address());
        let mut provider = Command::new(installed.join("node_modules/.bin/node"))
            .arg(script)
            .env("CHATEHR_TEST_OIDC", &installed)
            .env("CHATEHR_TEST_OIDC_TOKEN_SECONDS", token_seconds.to_string())
            .env("CHATEHR_TEST_OIDC_ISSUER", &issuer)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(provider.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| line.unwrap().strip_prefix("listening on http://").map(str::to_owned))
            .expect("the provider says where it listens");
        way.lead_to(address.parse().unwrap());
        let store = TempDir::new().unwrap();
        let config = Config {
            database: Some(store.path().join("clinic.db")),
            oidc: Some(chatehr_token::Settings::new(&issuer, [API])),
            policy,
            ..Config::new("127.0.0.1:0".parse().unwrap(), API_KEY, [7; 32])
        };
        let clinic = start_server(config).await.unwrap();
        let address = clinic.address;
        Some(Self { issuer, way, provider, clinic: Some(clinic), address, store })
    }

    pub fn stop_provider(&mut self) {
        // One that has ended already is as good.
        self.provider.kill().ok();
        self.provider.wait().ok();
    }

    pub async fn stop_clinic(&mut self) {
        self.clinic.take().unwrap().stop().await;
    }

    pub fn url(&self) -> String {
        url(self.address)
    }

    pub fn settings(&self, data: &Path) -> Settings {
        at_provider(&self.issuer, settings(&self.url(), data))
    }
}

/// These settings, with this provider's clinic accounts.
pub fn at_provider(issuer: &str, settings: Settings) -> Settings {
    let mut oidc = SignInSettings::new(issuer, "chatehr-desktop");
    oidc.scopes = vec!["profile".into(), "records".into()];
    oidc.resource = Some(API.into());
    Settings { oidc: Some(oidc), ..settings }
}

/// A browser whose person is the test.
pub struct Opened(pub mpsc::UnboundedSender<String>);

impl Browser for Opened {
    fn open(&self, address: &str) -> Result<(), NoBrowser> {
        self.0.send(address.to_owned()).map_err(|_| NoBrowser("it was closed".to_owned()))
    }
}

/// A workstation and the person at it.
pub struct Place {
    pub bench: Bench,
    pub clock: SetClock,
    pub agent: Agent,
    addresses: mpsc::UnboundedReceiver<String>,
}

impl Place {
    pub async fn new(settings: Settings) -> Self {
        let (sender, addresses) = mpsc::unbounded_channel();
        let (desktop, notices) = (Desktop::default(), Arc::<Mutex<Vec<ChangeNotice>>>::default());
        let clock = SetClock::default();
        let around = Surroundings {
            clock: Arc::new(clock.clone()),
            browser: Arc::new(Opened(sender)),
            ..surroundings(desktop.clone(), notices.clone())
        };
        let bench = Bench { desk: Desk::new(Ok(settings), around), desktop, notices };
        bench.desk.start().await;
        Self { bench, clock, agent: Agent::new(), addresses }
    }

    pub fn begin(&self, way: SignInWay) {
        self.bench.desk.begin_sign_in(BeginSignIn { way }).unwrap();
    }

    /// What the browser was opened with.
    pub async fn address(&mut self) -> String {
        tokio::time::timeout(std::time::Duration::from_secs(20), self.addresses.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Whether the browser has been left alone.
    pub fn opened_nothing(&mut self) -> bool {
        self.addresses.try_recv().is_err()
    }

    /// Fills in the provider's form; the last page.
    pub async fn go_through(&mut self, login: &str) -> Sight {
        let address = self.address().await;
        let form = self.agent.open(&address).await;
        self.agent.submit(&form, &[("login", login)]).await
    }

    pub async fn sign_in(&mut self, login: &str) -> Sight {
        self.begin(SignInWay::Browser);
        self.go_through(login).await
    }

    /// Asks for a PIN, and shows in the browser who asks.
    pub async fn set_pin(&mut self, pin: &str, login: &str) -> Result<(), ErrorReport> {
        loop {
            let desk = self.bench.desk.clone();
            let request = SetPin { pin: SecretText::new(pin), present: None };
            let asked = tokio::spawn(async move { desk.set_pin(request).await });
            self.go_through(login).await;
            match asked.await.unwrap() {
                // A keyring that was too busy is asked again, as a person would.
                Err(error) if error.retryable => {}
                outcome => return outcome,
            }
        }
    }

    pub async fn signed_in(settings: Settings, login: &str) -> Self {
        let mut place = Self::new(settings).await;
        place.sign_in(login).await;
        place.bench.until_ready().await;
        place.bench.until_online().await;
        place
    }

    /// Until the sign-in has come to nothing; why.
    pub async fn refusal(&self) -> ErrorCode {
        let state = self
            .bench
            .until("a refusal", |state| {
                state.clinic_sign_in.waiting.is_none() && state.clinic_sign_in.error.is_some()
            })
            .await;
        state.clinic_sign_in.error.unwrap().code
    }
}
