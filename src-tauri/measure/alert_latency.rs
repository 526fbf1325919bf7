//! How soon a request reaches the desktop: from before it is sent to the server until the notification is handed to the
//! session bus, over 200 requests, with the real server in this process, real encrypted files and whatever
//! notification service the bus has. Left out by default; needs a session with a keyring and a notification service:
//!
//! `cargo test --test alert_latency -- --ignored --nocapture`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement may"
)]

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chatehr_contract::*;
use chatehr_desktop::notifier::DesktopNotifier;
use chatehr_engine::{Alert, Clock, Desk, Notifier, OnResponse, Random, Settings, Showing, Surroundings};

const ROUNDS: usize = 200;
const KEY: &str = "alert-latency-workstation-key";

struct Machine;

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

impl Random for Machine {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        getrandom::fill(bytes).map_err(|error| error.to_string())
    }
}

/// What was shown, when it was handed over, and when the service had it.
struct Measured {
    inner: DesktopNotifier,
    tell: Mutex<mpsc::Sender<(ConsultationId, Instant, Instant)>>,
}

impl Notifier for Measured {
    fn show(&self, alert: Alert, respond: OnResponse) -> Showing {
        let (consultation, tell) = (alert.consultation.clone(), self.tell.lock().unwrap().clone());
        let (handed, showing) = (Instant::now(), self.inner.show(alert, respond));
        Box::pin(async move {
            let shown = showing.await?;
            if let Some(id) = consultation {
                tell.send((id, handed, Instant::now())).unwrap();
            }
            Ok(shown)
        })
    }

    fn ready(&self) -> Showing {
        self.inner.ready()
    }

    fn close(&self, number: u64) {
        self.inner.close(number);
    }
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
    println!(
        "{name}: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms of {}",
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3,
        times.last().unwrap().as_secs_f64() * 1e3,
        times.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_soon_a_request_is_on_the_bus() {
    let (store, data) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
    let config = chatehr_server::Config {
        database: Some(store.path().join("clinic.db")),
        ..chatehr_server::Config::new("127.0.0.1:0".parse().unwrap(), KEY, [7; 32])
    };
    let running = chatehr_server::start(config).await.unwrap();
    let url = format!("http://{}/v1", running.address);
    let (tell, told) = mpsc::channel();
    let surroundings = Surroundings {
        clock: Arc::new(Machine),
        random: Arc::new(Machine),
        notifier: Arc::new(Measured { inner: DesktopNotifier::default(), tell: Mutex::new(tell) }),
        listener: Arc::new(|_| ()),
        browser: Arc::new(chatehr_desktop::browser::SystemBrowser),
    };
    let settings = Settings {
        api_url: url.clone(),
        api_key: Some(KEY.to_owned()),
        legacy_secret: None,
        timeout: Duration::from_secs(20),
        data_dir: data.path().to_owned(),
        shared: false,
        stay_signed_in: true,
        workstation: "desk-1".to_owned(),
        alerts: AlertPolicy::default(),
        backup_dir: None,
        oidc: None,
        keyring_service: format!("chatehr-test-{}", data.path().display()),
    };
    let desk = Desk::new(Ok(settings), surroundings);
    desk.start().await;
    desk.sign_in("482913").await.unwrap();
    let stage = desk.state().await.stage;
    assert!(matches!(stage, Stage::Ready { .. }), "{stage:?}");
    // What waits at the sign-in comes first.
    let wait = |what: &str| told.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("{what}"));
    wait("nothing was shown: is there a notification service on this bus?");
    tokio::time::sleep(Duration::from_secs(3)).await;

    let mut config = chatehr_client::Config::new(&url);
    config.api_key = Some(KEY.to_owned());
    let client = chatehr_client::Client::new(config).unwrap();
    let marta = client.sign_in("205117").await.unwrap();
    let (patient_id, marta) = (marta.id.clone(), client.with_session(&marta.token));
    let colleague = client.with_session(&client.sign_in("615208").await.unwrap().token);

    let (mut handed_over, mut since_answer, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let new = NewConsultation {
            patient_id: patient_id.clone(),
            specialty: SpecialtyCode::Cardiology,
            urgency: Urgency::Urgent,
            description: format!("Round {round}"),
            physician_id: None,
            metadata: serde_json::Map::new(),
        };
        let began = Instant::now();
        let made = marta.create_consultation(&new, &format!("round-{round}")).await.unwrap();
        // The server tells its event when it has stored the request, just before it answers.
        let answered = Instant::now();
        // Beside an emergency of the same second it is "and 1 more": nothing to be measured by.
        let found = loop {
            match told.recv_timeout(Duration::from_secs(3)) {
                Ok((id, handed, shown)) if id == made.id => break Some((handed, shown)),
                Ok(_) => {}
                Err(_) => break None,
            }
        };
        let Some((handed, shown)) = found else { continue };
        handed_over.push(handed - began);
        since_answer.push(handed.saturating_duration_since(answered));
        taken.push(shown - began);
        let update =
            ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
        colleague.update_consultation(&made.id, &update, &format!("take-{round}")).await.unwrap();
        // Within what the server lets one person ask.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    report("request sent → handed to the bus", handed_over);
    report("request stored and answered → handed to the bus", since_answer);
    report("request sent → taken by the notification service", taken);
    desk.close().await;
    running.stop().await;
}
