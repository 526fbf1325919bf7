//! A clinic to test against: the real server on a loopback port, real encrypted files in a directory of their own,
//! the real keyring of the test session. Only the clock's hands and the desktop's notifications are ours.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "shared by test files that each use a part")]
#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test tells what it leaves out, and has no clock to be given"
)]

pub mod waits;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chatehr_contract::*;
use chatehr_engine::{
    Alert, Browser, Clock, Desk, Kiosk, NoBrowser, Notifier, NotifyError, OnResponse, OnService, Random,
    Response, Settings, Showing, Shown, Surroundings,
};
use chatehr_server::{
    ClassRates, Config, FaultSettings, Faults, Rate, RateSettings, Running, start as start_server,
};
use chatehr_vault::{Vault, VaultKey, keyring};
use tempfile::TempDir;

pub const OKAFOR: &str = "482913";
pub const LINDQVIST: &str = "615208";
/// Acts for Okafor.
pub const MENSAH: &str = "537064";
pub const FELDMAN: &str = "918364";
pub const MARTA: &str = "205117";
pub const API_KEY: &str = "engine-tests-workstation-key";

/// These tests need an unlocked keyring; `cargo xtask test` runs them in a session that has one.
pub fn keyring_is_here() -> bool {
    let here = std::env::var_os("CHATEHR_TEST_KEYRING").is_some();
    if !here {
        eprintln!("left out: needs the keyring of `cargo xtask test` (CHATEHR_TEST_KEYRING)");
    }
    here
}

/// The time, so many days on.
struct RealClock(i64);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap());
        now.plus_seconds(self.0 * 86_400)
    }
}

/// A clock that a test can set.
#[derive(Clone, Default)]
pub struct SetClock(pub Arc<std::sync::atomic::AtomicI64>);

impl SetClock {
    pub fn move_by(&self, seconds: i64) {
        self.0.fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        RealClock(0).now().plus_seconds(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

/// Ids and keys as they should be, and the shortest of all waits.
pub struct Eager;

impl Random for Eager {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        if bytes.len() == 4 {
            bytes.fill(0);
            return Ok(());
        }
        RealRandom.fill(bytes)
    }
}

/// A workstation without one.
pub struct NoBrowserHere;

impl Browser for NoBrowserHere {
    fn open(&self, _: &str) -> Result<(), NoBrowser> {
        Err(NoBrowser("there is none here".to_owned()))
    }
}

pub struct RealRandom;

impl Random for RealRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        getrandom::fill(bytes).map_err(|error| error.to_string())
    }
}

#[derive(Clone, Default)]
pub struct Desktop {
    pub shown: Arc<Mutex<Vec<Alert>>>,
    pub closed: Arc<Mutex<Vec<u64>>>,
    /// What waits for a person to do something with each notification.
    pub responses: Arc<Mutex<BTreeMap<u64, OnResponse>>>,
    pub broken: Arc<AtomicBool>,
    /// Who is told when its service goes or comes.
    pub follower: Arc<Mutex<Option<OnService>>>,
    /// The workstation's clock is so many days on.
    pub days_on: i64,
}

impl Desktop {
    fn outcome(&self) -> Showing {
        let outcome = if self.broken.load(Ordering::SeqCst) {
            Err(NotifyError("no service on this bus".to_owned()))
        } else {
            Ok(Shown { sounds: true })
        };
        Box::pin(std::future::ready(outcome))
    }

    /// Its service goes, or comes again.
    pub fn serves(&self, there: bool) {
        self.broken.store(!there, Ordering::SeqCst);
        self.follower.lock().unwrap().as_ref().unwrap()(there);
    }

    /// Does what a person would do with the notification of this consultation.
    pub fn respond(&self, consultation: &ConsultationId, response: Response) {
        let number = {
            let shown = self.shown.lock().unwrap();
            shown.iter().rev().find(|alert| alert.consultation.as_ref() == Some(consultation)).unwrap().number
        };
        let respond = self.responses.lock().unwrap().remove(&number).unwrap();
        respond(response);
    }

    /// Whether the notification of this consultation has been taken away again.
    pub fn has_closed(&self, consultation: &ConsultationId) -> bool {
        let (shown, closed) = (self.shown.lock().unwrap(), self.closed.lock().unwrap());
        let about = |alert: &&Alert| alert.consultation.as_ref() == Some(consultation);
        shown.iter().filter(about).any(|alert| closed.contains(&alert.number))
    }
}

impl Notifier for Desktop {
    fn show(&self, alert: Alert, respond: OnResponse) -> Showing {
        self.responses.lock().unwrap().insert(alert.number, respond);
        self.shown.lock().unwrap().push(alert);
        self.outcome()
    }

    fn ready(&self) -> Showing {
        self.outcome()
    }

    fn close(&self, number: u64) {
        self.closed.lock().unwrap().push(number);
    }

    fn follow(&self, told: OnService) {
        *self.follower.lock().unwrap() = Some(told);
    }
}

/// One workstation.
pub struct Bench {
    pub desk: Desk,
    pub desktop: Desktop,
    pub notices: Arc<Mutex<Vec<ChangeNotice>>>,
}

impl Bench {
    pub fn new(settings: Settings, desktop: Desktop) -> Self {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let desk = Desk::new(Ok(settings), surroundings(desktop.clone(), notices.clone()));
        Self { desk, desktop, notices }
    }

    pub async fn signed_in(settings: Settings, code: &str) -> Self {
        let bench = Self::new(settings, Desktop::default());
        bench.desk.start().await;
        bench.desk.sign_in(code).await.unwrap();
        bench.until_online().await;
        bench
    }

    /// One that goes by this clock and waits no longer than it must.
    pub fn eager(settings: Settings, clock: &SetClock) -> Self {
        Self::with(settings, clock, Arc::new(Eager))
    }

    /// One that goes by this clock, and waits as a person's does.
    pub fn timed(settings: Settings, clock: &SetClock) -> Self {
        Self::with(settings, clock, Arc::new(RealRandom))
    }

    fn with(settings: Settings, clock: &SetClock, random: Arc<dyn Random>) -> Self {
        let (desktop, notices) = (Desktop::default(), Arc::<Mutex<Vec<ChangeNotice>>>::default());
        let clock = Arc::new(clock.clone());
        let surroundings = Surroundings { clock, random, ..surroundings(desktop.clone(), notices.clone()) };
        Self { desk: Desk::new(Ok(settings), surroundings), desktop, notices }
    }

    /// Until somebody is signed in; a keyring that was too busy to answer is asked again, as a person would.
    pub async fn until_ready(&self) {
        for _ in 0..10 {
            let state = self
                .until("open or blocked", |state| {
                    matches!(state.stage, Stage::Ready { .. } | Stage::Blocked { .. })
                })
                .await;
            match state.stage {
                Stage::Blocked { error, .. } if error.retryable => drop(self.desk.try_again().await),
                Stage::Blocked { error, .. } => panic!("{error:?}"),
                _ => return,
            }
        }
        panic!("the keyring does not answer");
    }

    /// Whether the window was told something of this kind.
    pub fn heard(&self, what: impl Fn(&ChangeNotice) -> bool) -> bool {
        self.notices.lock().unwrap().iter().any(what)
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&ProgramState) -> bool) -> ProgramState {
        self.until_told(what, 400, holds).await
    }

    /// The same, with so many looks.
    pub async fn until_told(
        &self,
        what: &str,
        looks: usize,
        holds: impl Fn(&ProgramState) -> bool,
    ) -> ProgramState {
        for _ in 0..looks {
            let state = self.desk.state().await;
            if holds(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("waited in vain until {what}: {:?}", self.desk.state().await);
    }

    pub async fn until_online(&self) {
        let in_step = |state: &ProgramState| {
            matches!(state.connection, Connection::Online { .. }) && state.loading.is_none()
        };
        self.until("online, with all that there is", in_step).await;
    }

    pub async fn until_offline(&self) {
        self.until("offline", |state| matches!(state.connection, Connection::Offline { .. })).await;
    }

    pub async fn until_known(&self, id: &ConsultationId) {
        for _ in 0..400 {
            if self.desk.consultation(id).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("waited in vain for {id}: {:?}", self.desk.state().await);
    }

    /// Until a colleague's is known to be a colleague's.
    pub async fn until_gone(&self, id: &ConsultationId) {
        for _ in 0..400 {
            if self.desk.consultation(id).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{id} stays");
    }

    pub async fn queue(&self) -> Vec<ConsultationRow> {
        let request = ConsultationList { scope: ListScope::Queue, limit: 100, ..ConsultationList::default() };
        self.desk.list(request).await.unwrap().rows
    }

    /// Until a consultation is shown as standing there, by the server's word.
    pub async fn until_status(&self, id: &ConsultationId, status: &ConsultationStatus) {
        for _ in 0..400 {
            let shown = self.desk.consultation(id).await;
            if shown.is_ok_and(|shown| shown.row.status == *status && shown.waiting.is_empty()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("waited in vain until {id} is {status}: {:?}", self.desk.consultation(id).await);
    }

    /// The conversation, once it is as asked.
    pub async fn conversation_until(
        &self,
        id: &ConsultationId,
        holds: impl Fn(&[MessageView]) -> bool,
    ) -> Vec<MessageView> {
        let mut last = Vec::new();
        for _ in 0..400 {
            let request = ConversationRequest { id: id.clone(), limit: 100 };
            last = self.desk.conversation(request).await.unwrap().messages;
            if holds(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the conversation did not become as asked: {last:?}");
    }
}

pub fn surroundings(desktop: Desktop, notices: Arc<Mutex<Vec<ChangeNotice>>>) -> Surroundings {
    Surroundings {
        clock: Arc::new(RealClock(desktop.days_on)),
        random: Arc::new(RealRandom),
        notifier: Arc::new(desktop),
        listener: Arc::new(move |notice| notices.lock().unwrap().push(notice)),
        browser: Arc::new(NoBrowserHere),
    }
}

pub fn kiosk(settings: Settings) -> Kiosk {
    Kiosk::new(Ok(settings), surroundings(Desktop::default(), Arc::default()))
}

/// Randomness that holds back a nonce, and with it the sealing of a message, until it is let go.
struct HeldNonce {
    asked: std::sync::mpsc::Sender<()>,
    go: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Random for HeldNonce {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        if bytes.len() == 12 {
            self.asked.send(()).map_err(|error| error.to_string())?;
            self.go.lock().unwrap().recv().map_err(|error| error.to_string())?;
        }
        RealRandom.fill(bytes)
    }
}

/// A message "To the wrong patient" that is just being sealed.
pub struct BeingSealed {
    pub bench: Bench,
    pub id: ConsultationId,
    pub was_asked: std::sync::mpsc::Receiver<()>,
    /// One for each nonce.
    pub let_go: std::sync::mpsc::Sender<()>,
}

impl BeingSealed {
    pub async fn new(clinic: &Clinic, settings: Settings) -> Self {
        let ((asked, was_asked), (let_go, go)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let random = Arc::new(HeldNonce { asked, go: Mutex::new(go) });
        let given = Surroundings { random, ..surroundings(Desktop::default(), Arc::default()) };
        let desk = Desk::new(Ok(settings), given);
        let bench = Bench { desk, desktop: Desktop::default(), notices: Arc::default() };
        bench.desk.start().await;
        bench.desk.sign_in(OKAFOR).await.unwrap();
        bench.until_online().await;
        let id = clinic.request(Urgency::Routine, "A question").await.id;
        bench.until_known(&id).await;
        bench.desk.accept(&id).await.unwrap();
        let words = SendMessage { consultation_id: id.clone(), text: "To the wrong patient".to_owned() };
        bench.desk.send(&words).await.unwrap();
        let waiting = tokio::task::spawn_blocking(move || was_asked.recv().map(|()| was_asked));
        let was_asked = waiting.await.unwrap().unwrap();
        Self { bench, id, was_asked, let_go }
    }
}

/// The files of the one person who has worked here, once the desk has closed them.
pub async fn files(bench: Bench, settings: &Settings) -> Vault {
    bench.desk.close().await;
    drop(bench);
    files_of(settings).await
}

/// The same, as soon as the desk has let go of them.
pub async fn files_of(settings: &Settings) -> Vault {
    let people: Vec<_> = std::fs::read_dir(settings.data_dir.join("people")).unwrap().collect();
    assert_eq!(people.len(), 1);
    let dir = people.into_iter().next().unwrap().unwrap().path();
    let entry = format!("vault:{}", dir.file_name().unwrap().to_str().unwrap());
    let ring = keyring::Keyring::new(&settings.keyring_service);
    let key = keyring::load_or_create_key(
        &ring,
        &entry,
        &dir,
        VaultKey::from_bytes([0; 32]),
        Timestamp::from_millis(0),
    )
    .unwrap();
    for _ in 0..200 {
        match Vault::open(&dir, &key) {
            Ok(vault) => return vault,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    panic!("the desk does not let go of its files");
}

/// A server with the demonstration clinic, whose store outlives it.
pub struct Clinic {
    pub running: Option<Running>,
    pub address: SocketAddr,
    store: TempDir,
    rates: RateSettings,
    /// What it wants of its workstations from the next start on.
    pub policy: Policy,
    /// Seconds by which its clock is ahead.
    skew: i64,
    secret: [u8; 32],
}

impl Clinic {
    pub async fn open() -> Self {
        Self::with(RateSettings::default(), Policy::default()).await
    }

    /// One that a test may ask without end.
    pub async fn patient() -> Self {
        Self::with(patient(), Policy::default()).await
    }

    /// One with rules of its own.
    pub async fn with_policy(policy: Policy) -> Self {
        Self::with(RateSettings::default(), policy).await
    }

    async fn with(rates: RateSettings, policy: Policy) -> Self {
        let store = TempDir::new().unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut clinic = Self { running: None, address, store, rates, policy, skew: 0, secret: [7; 32] };
        clinic.start_again().await;
        clinic.address = clinic.running.as_ref().unwrap().address;
        clinic
    }

    /// One whose server is a program of its own, with this store.
    pub fn elsewhere(address: SocketAddr, store: TempDir) -> Self {
        let (rates, policy) = (RateSettings::default(), Policy::default());
        Self { running: None, address, store, rates, policy, skew: 0, secret: [7; 32] }
    }

    /// So many finished consultations of other physicians beside what there is.
    pub async fn fill(&mut self, count: u32) {
        self.stop().await;
        self.insert(count);
        self.start_again().await;
    }

    fn insert(&self, count: u32) {
        let store = rusqlite::Connection::open(self.store.path().join("clinic.db")).unwrap();
        let made = store.execute(
            "WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO consultations
             SELECT 'filled-' || n,
                    json_set(record, '$.id', 'filled-' || n, '$.physicianId', 'physician-17', '$.status', 'completed'),
                    patient_id, 'physician-17', specialty, 'completed', urgency, created_at, NULL
             FROM n, (SELECT * FROM consultations WHERE urgency = 'routine' ORDER BY created_at DESC LIMIT 1)",
            [count],
        );
        assert_eq!(made.unwrap(), count as usize);
    }

    /// Where its store is.
    pub fn store(&self) -> &Path {
        self.store.path()
    }

    pub async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    /// Everybody who is signed in is this from now on: a field of whose the sessions are. While it is stopped.
    pub fn sessions_say(&self, field: &str, value: &str) {
        let store = rusqlite::Connection::open(self.store.path().join("clinic.db")).unwrap();
        let changed = store.execute(
            "UPDATE sessions SET person = json_set(person, ?1, ?2)",
            rusqlite::params![field, value],
        );
        assert!(changed.unwrap() > 0);
    }

    pub async fn start_again(&mut self) {
        let config = Config {
            database: Some(self.store.path().join("clinic.db")),
            rates: self.rates,
            policy: self.policy.clone(),
            faults: Faults::new(FaultSettings { clock_skew: self.skew, ..FaultSettings::default() }),
            ..Config::new(self.address, API_KEY, self.secret)
        };
        self.running = Some(start_server(config).await.unwrap());
    }

    /// Starts again with other rules, by a clock that is so many seconds ahead.
    pub async fn start_again_with(&mut self, policy: Policy, skew: i64) {
        (self.policy, self.skew) = (policy, skew);
        self.start_again().await;
    }

    /// Another server answers at the same address, with keys and a store of its own.
    pub async fn replaced(&mut self) {
        self.stop().await;
        (self.secret, self.store) = ([8; 32], TempDir::new().unwrap());
        self.start_again().await;
    }

    pub fn url(&self) -> String {
        url(self.address)
    }

    pub fn settings(&self, data: &Path) -> Settings {
        settings(&self.url(), data)
    }

    pub fn client(&self) -> chatehr_client::Client {
        let mut config = chatehr_client::Config::new(self.url());
        config.api_key = Some(API_KEY.to_owned());
        chatehr_client::Client::new(config).unwrap()
    }

    /// Somebody else, by the same server.
    pub async fn as_person(&self, code: &str) -> (chatehr_client::SignedIn, PersonId) {
        let session = self.client().sign_in(code).await.unwrap();
        (self.client().with_session(&session.token), session.id)
    }

    /// Marta writes to who is in charge, sealed as her program would.
    pub async fn marta_writes(&self, consultation: &ConsultationId, to: &str, text: &str) {
        self.marta_says(consultation, to, text).await.unwrap();
    }

    /// The same, where it may be refused.
    pub async fn marta_says(
        &self,
        consultation: &ConsultationId,
        to: &str,
        text: &str,
    ) -> Result<Message, chatehr_client::ClientError> {
        let (marta, from) = self.as_person(MARTA).await;
        let material = marta.message_key(consultation).await?;
        let key = chatehr_seal::MessageKey::from_parts(&material.kid, material.key.as_slice()).unwrap();
        let to_id = PersonId::new(to);
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::SeqCst);
        let envelope = EnvelopeId::new(format!("0198c0de-0000-7000-8000-{number:012x}"));
        let binding = chatehr_seal::Binding { consultation, envelope: &envelope, from: &from, to: &to_id };
        let content = chatehr_seal::seal(&key, &binding, text, [7; 12]).unwrap();
        let mut metadata = serde_json::Map::new();
        metadata.insert("envelopeId".to_owned(), envelope.as_str().into());
        let consultation_id = consultation.clone();
        let message = NewMessage { to_id, consultation_id, content, kind: MessageKind::Text, metadata };
        marta.send_message(&message, envelope.as_str()).await
    }

    /// Somebody takes a request that waits.
    pub async fn taken_by(&self, code: &str, id: &ConsultationId) -> Consultation {
        let update =
            ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
        let (server, _) = self.as_person(code).await;
        server.update_consultation(id, &update, &format!("{code} takes {id}")).await.unwrap()
    }

    /// Has the server misbehave so.
    pub async fn set_faults(&self, json: &str) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "PUT /control/faults HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{json}",
            self.address,
            json.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Marta asks for a cardiology consultation.
    pub async fn request(&self, urgency: Urgency, description: &str) -> Consultation {
        let (server, patient_id) = self.as_person(MARTA).await;
        let new = NewConsultation {
            patient_id,
            specialty: SpecialtyCode::Cardiology,
            urgency,
            description: description.to_owned(),
            physician_id: None,
            metadata: serde_json::Map::new(),
        };
        let key = format!("{:?}", SystemTime::now());
        loop {
            match server.create_consultation(&new, &key).await {
                // Who asks for many things at once is asked to slow down.
                Err(error) if error.retry_after().is_some() => {
                    tokio::time::sleep(error.retry_after().unwrap()).await;
                }
                made => return made.unwrap(),
            }
        }
    }
}

/// Finishing, without a note.
pub fn completing(id: &ConsultationId) -> CompleteConsultation {
    CompleteConsultation { id: id.clone(), note: None }
}

pub fn url(address: SocketAddr) -> String {
    format!("http://{address}/v1")
}

pub fn settings(url: &str, data: &Path) -> Settings {
    Settings {
        api_url: url.to_owned(),
        api_key: Some(API_KEY.to_owned()),
        legacy_secret: None,
        timeout: Duration::from_secs(20),
        data_dir: data.to_owned(),
        workstation: "desk-1".to_owned(),
        shared: false,
        stay_signed_in: true,
        backup_dir: Some(data.to_owned()),
        alerts: AlertPolicy::default(),
        oidc: None,
        // One namespace for each directory, so that tests never share a key.
        keyring_service: format!("chatehr-test-{}", data.display()),
    }
}

fn patient() -> RateSettings {
    let plenty = Rate::new(1_000_000, 1_000_000);
    let all = ClassRates { person: plenty, machine: plenty, address: plenty };
    RateSettings { read: all, write: all, sign_in: all, stream: all }
}

/// A server that may be asked without end, until this program is killed.
pub async fn serve(listen: SocketAddr, store: &Path) -> Running {
    let database = Some(store.join("clinic.db"));
    let config = Config { database, rates: patient(), ..Config::new(listen, API_KEY, [7; 32]) };
    start_server(config).await.unwrap()
}
