//! The desk says how things stand: whose clock is wrong, whether there is a connection, since when, and what is next.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, http::HeaderMap, routing::get};
use chatehr_contract::*;
use chatehr_engine::Settings;
use chatehr_network::{Link, Network};
use serde_json::json;
use support::*;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

fn lapse(state: &ProgramState) -> Option<Lapse> {
    match &state.connection {
        Connection::Offline { lapse, .. } => Some(*lapse),
        _ => None,
    }
}

/// Since when it is lost, when it is tried again, and why.
fn lost(state: &ProgramState) -> (Timestamp, Timestamp, ErrorCode) {
    match &state.connection {
        Connection::Offline { since, retry_at, error, .. } => (*since, retry_at.unwrap(), error.code),
        other => panic!("{other:?}"),
    }
}

/// A desk by its own clock, signed in.
async fn desk_at(settings: Settings, clock: &SetClock) -> Bench {
    let bench = Bench::eager(settings, clock);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_ready().await;
    bench.until_online().await;
    bench
}

/// What the desktop was told of an urgent request, once it was.
async fn told(bench: &Bench, id: &ConsultationId) -> String {
    for _ in 0..200 {
        let shown = bench.desktop.shown.lock().unwrap().clone();
        if let Some(alert) = shown.iter().find(|alert| alert.consultation.as_ref() == Some(id)) {
            return alert.body.clone();
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_ten_minutes_ahead_is_said_and_its_due_times_are_told_right() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    clinic.set_faults(r#"{"clockSkew": 600}"#).await;
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let state = bench.until("the clocks are known to be apart", |state| state.clock.off.is_some()).await;
    let off = state.clock.off.unwrap();
    assert_eq!((off.code, off.detail.as_deref()), (ErrorCode::ClockOff, Some("10 min slow")));
    assert!(
        (598_000..603_000).contains(&state.clock.server_ahead_millis),
        "{:?}",
        state.clock.server_ahead_millis
    );
    // What waited before has been told apart.
    sleep(Duration::from_millis(1500)).await;
    // Ten minutes to answer by the server's clock, which are not twenty by this one.
    let asked = clinic.request(Urgency::Urgent, "dizzy").await;
    let told = told(&bench, &asked.id).await;
    assert!(["9 min to answer", "10 min to answer"].contains(&told.as_str()), "{told}");
    clinic.set_faults("{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workstation_an_hour_behind_counts_down_by_the_servers_clock() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let clock = SetClock::default();
    clock.move_by(3600);
    let bench = desk_at(clinic.settings(data.path()), &clock).await;
    let state = bench.until("said", |state| state.clock.off.is_some()).await;
    assert_eq!(state.clock.off.unwrap().detail.as_deref(), Some("60 min fast"));
    sleep(Duration::from_millis(1500)).await;
    let asked = clinic.request(Urgency::Emergency, "chest pain").await;
    let words = told(&bench, &asked.id).await;
    assert!(words == "1 min to answer" || words == "2 min to answer", "not overdue by an hour: {words}");
    // The clock is set right: what was measured before is forgotten, and nothing is said any more.
    clock.move_by(-3600);
    let state = bench.until("right again", |state| state.clock.off.is_none()).await;
    assert_eq!(state.clock.server_ahead_millis, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_agree_are_not_spoken_of() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.desk.state().await.clock, ClockStanding::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_reconnecting_at_first_then_offline_and_back_at_once_when_a_person_asks() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let network = Network::to(clinic.address, 1).await.unwrap();
    let bench = Bench::signed_in(settings(&url(network.address()), data.path()), OKAFOR).await;
    network.set_link(Link::Refusing);
    let state = bench.until("lost", |state| lapse(state).is_some()).await;
    assert_eq!(lapse(&state), Some(Lapse::Reconnecting));
    let (since, retry_at, code) = lost(&state);
    assert!(retry_at >= since, "what is next is said");
    assert_eq!(code, ErrorCode::ServerUnreachable);
    let state = bench.until("offline", |state| lapse(state) == Some(Lapse::Offline)).await;
    assert_eq!(lost(&state).0, since, "it is lost since it was lost");
    assert!(bench.desk.state().await.synced_at.is_some(), "what is shown says of when it is");

    // The network is back just after an attempt has failed.
    let before = lost(&state).1;
    bench.until("tried again", |state| lapse(state).is_some() && lost(state).1 > before).await;
    network.heal();
    let asked = Instant::now();
    bench.desk.try_again().await.unwrap();
    bench.until_online().await;
    assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_network_is_not_called_reconnecting_for_as_long_as_an_attempt_hangs() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let network = Network::to(clinic.address, 1).await.unwrap();
    let bench = Bench::signed_in(settings(&url(network.address()), data.path()), OKAFOR).await;
    network.set_link(Link::BlackHole);
    network.cut_all();
    bench.until("lost", |state| lapse(state) == Some(Lapse::Reconnecting)).await;
    let began = Instant::now();
    bench.until("offline", |state| lapse(state) == Some(Lapse::Offline)).await;
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_have_gone_over_the_wire_is_what_has() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let network = Network::to(clinic.address, 1).await.unwrap();
    let bench = Bench::signed_in(settings(&url(network.address()), data.path()), OKAFOR).await;
    for _ in 0..5 {
        let asked = clinic.request(Urgency::Routine, "a cough").await;
        bench.until_known(&asked.id).await;
    }
    sleep(Duration::from_millis(1500)).await;
    let (figures, passed) = (bench.desk.figures().await.unwrap(), network.traffic());
    let counted = figures.since_start;
    let near = |counted: u64, passed: u64| counted.abs_diff(passed) * 50 <= passed;
    println!("{counted:?}, and the network saw {} and {}", passed.asked, passed.answered);
    assert_eq!(counted.requests, passed.requests.len() as u64);
    assert!(near(counted.sent, passed.asked), "{counted:?} {}", passed.asked);
    assert!(near(counted.received, passed.answered), "{counted:?} {}", passed.answered);
    assert_eq!(figures.today, counted);
    let latency = figures.latency.unwrap();
    assert!(latency.median <= latency.worst && (5..=100).contains(&latency.of), "{latency:?}");
    assert!(figures.files > 10_000 && figures.synced_at.is_some(), "{figures:?}");
    assert_eq!(figures.server.unwrap().service, "ChatEHR (embedded)");
    assert_eq!((figures.outbox_waiting, figures.waiting_since), (0, None));
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_behind_the_address_is_named_and_so_is_one_that_answers_nonsense() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let network = Network::to(clinic.address, 1).await.unwrap();
    let bench = Bench::signed_in(settings(&url(network.address()), data.path()), OKAFOR).await;

    let keys = Arc::new(AtomicUsize::new(0));
    let seen = keys.clone();
    let page = Router::new().fallback(async move |headers: HeaderMap| {
        seen.fetch_add(headers.get_all("authorization").iter().count(), Ordering::SeqCst);
        axum::response::Html("<html>It works!</html>")
    });
    network.lead_to(serve(page).await);
    network.cut_all();
    let state = bench.until("unfit", |state| lapse(state) == Some(Lapse::Unfit)).await;
    let (since, _, code) = lost(&state);
    assert_eq!(code, ErrorCode::NotChatEhr);
    assert_eq!(keys.load(Ordering::SeqCst), 0, "what has taken the place of the server is shown no session");

    // It says that it is ChatEHR, and then answers what no ChatEHR of this age does.
    let health = json!({
        "status": "healthy", "service": "ChatEHR", "version": "0.1.0", "timestamp": "2026-11-20T09:00:00.000Z"
    });
    let old = Router::new()
        .route("/v1/health", get(async move || Json(health.clone())))
        .fallback(async || Json(json!("later")));
    network.lead_to(serve(old).await);
    network.cut_all();
    bench.desk.try_again().await.unwrap();
    let unsuited = |state: &ProgramState| {
        lapse(state) == Some(Lapse::Unfit) && lost(state).2 == ErrorCode::ServerUnsuited
    };
    let state = bench.until("unsuited", unsuited).await;
    assert_eq!(lost(&state).0, since);

    network.lead_to(clinic.address);
    network.cut_all();
    bench.desk.try_again().await.unwrap();
    bench.until_online().await;
}

/// Set in the program that trusts a certificate: where it is.
#[cfg(target_os = "linux")]
const TRUSTED: &str = "CHATEHR_TEST_TRUSTED";
#[cfg(target_os = "linux")]
const TRUSTING: &str = "a_server_that_nobody_vouches_for_is_unfit_and_is_asked_ever_less_often";

/// A certificate for this machine that vouches for itself, and its key.
fn certificate(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (chain, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (chain, key)
}

async fn serve_securely(tls: (PathBuf, PathBuf)) -> chatehr_server::Running {
    let listen = "127.0.0.1:0".parse().unwrap();
    let config =
        chatehr_server::Config { tls: Some(tls), ..chatehr_server::Config::new(listen, API_KEY, [7; 32]) };
    chatehr_server::start(config).await.unwrap()
}

/// In a program that trusts one of two servers.
#[cfg(target_os = "linux")]
async fn trusts_one_server(dir: &Path) {
    let data = TempDir::new().unwrap();
    let trusted = serve_securely((dir.join("trusted.pem"), dir.join("trusted.key"))).await;
    let other = serve_securely(certificate(data.path(), "other")).await;
    let network = Network::to(trusted.address, 1).await.unwrap();
    let url = format!("https://{}/v1", network.address());
    let bench = Bench::signed_in(settings(&url, data.path()), OKAFOR).await;
    let queue = bench.queue().await.len();

    network.lead_to(other.address);
    network.cut_all();
    let state = bench.until("unfit", |state| lapse(state) == Some(Lapse::Unfit)).await;
    let (since, _, code) = lost(&state);
    assert_eq!(code, ErrorCode::ServerNotTrusted);
    network.take();
    for _ in 0..100 {
        sleep(Duration::from_millis(150)).await;
        let state = bench.desk.state().await;
        assert_eq!((lapse(&state), lost(&state).2), (Some(Lapse::Unfit), code), "it stays what it is");
        assert_eq!(lost(&state).0, since);
    }
    let tried = network.traffic().connections;
    assert!(tried <= 2, "{tried} times in 15 seconds");
    assert_eq!(bench.queue().await.len(), queue, "what was loaded stays readable");
    let first = bench.queue().await.remove(0).id;
    assert_eq!(bench.desk.accept(&first).await.unwrap_err().code, ErrorCode::NeedsConnection);

    network.lead_to(trusted.address);
    bench.desk.try_again().await.unwrap();
    bench.until_online().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_is_unfit_and_is_asked_ever_less_often() {
    if !keyring_is_here() {
        return;
    }
    if let Some(dir) = std::env::var_os(TRUSTED) {
        return trusts_one_server(&PathBuf::from(dir)).await;
    }
    // Whom this computer trusts is not a setting of ours, so the program that is to trust one has it in its surroundings.
    let dir = TempDir::new().unwrap();
    let (trusted, _) = certificate(dir.path(), "trusted");
    let mut trusting = std::process::Command::new(std::env::current_exe().unwrap());
    trusting.args(["--exact", TRUSTING, "--nocapture"]).env(TRUSTED, dir.path());
    trusting.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR");
    let ended = tokio::task::spawn_blocking(move || trusting.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_is_said_before_anybody_signs_in() {
    if !keyring_is_here() {
        return;
    }
    let data = TempDir::new().unwrap();
    let server = serve_securely(certificate(data.path(), "own")).await;
    let network = Network::to(server.address, 1).await.unwrap();
    let url = format!("https://{}/v1", network.address());
    let bench = Bench::new(settings(&url, data.path()), Desktop::default());
    bench.desk.start().await;
    let state = bench.until("unfit", |state| lapse(state) == Some(Lapse::Unfit)).await;
    assert_eq!(lost(&state).2, ErrorCode::ServerNotTrusted);
    assert_eq!(bench.desk.sign_in(OKAFOR).await.unwrap_err().code, ErrorCode::ServerNotTrusted);
    network.take();
    sleep(Duration::from_secs(8)).await;
    let tried = network.traffic().connections;
    assert!((1..=3).contains(&tried), "{tried} times in 8 seconds");
    assert_eq!(network.traffic().requests, Vec::<String>::new(), "no word of it can be read on the way");
    assert_eq!(lapse(&bench.desk.state().await), Some(Lapse::Unfit));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_workstation_key_is_said_before_anybody_signs_in() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let settings = Settings { api_key: Some("another".to_owned()), ..clinic.settings(data.path()) };
    let bench = Bench::new(settings, Desktop::default());
    bench.desk.start().await;
    let state = bench.until("unfit", |state| lapse(state) == Some(Lapse::Unfit)).await;
    assert_eq!(lost(&state).2, ErrorCode::ApiKeyRefused);
    assert!(matches!(state.stage, Stage::SignIn { error: Some(_), .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_out_is_told_apart_from_offline() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    bench.desk.sign_out().await.unwrap();
    let state = bench.desk.state().await;
    assert!(matches!(state.connection, Connection::SignedOut { .. }), "{:?}", state.connection);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.desk.state().await.connection, state.connection, "since when does not move");

    // Without the server, nobody can sign in, and that is said.
    bench.desk.close().await;
    clinic.stop().await;
    bench.desk.start().await;
    let state = bench.until("offline", |state| lapse(state) == Some(Lapse::Offline)).await;
    let (since, retry_at, _) = lost(&state);
    assert!(retry_at > since);
    clinic.start_again().await;
    bench.desk.try_again().await.unwrap();
    bench.until("answered", |state| matches!(state.connection, Connection::SignedOut { .. })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kiosk_asks_again_when_a_person_does() {
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let kiosk = kiosk(clinic.settings(data.path()));
    clinic.stop().await;
    for _ in 0..8 {
        assert_eq!(kiosk.state().await.problem.unwrap().code, ErrorCode::ServerUnreachable);
    }
    clinic.start_again().await;
    assert_eq!(kiosk.state().await.problem, None, "at once, however often it has failed");
    kiosk.sign_in(MARTA).await.unwrap();
}
