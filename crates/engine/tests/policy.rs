//! The clinic's signed rules at the desk, from the real server: when they begin to hold, and whose are believed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chatehr_audit::{Criteria, Outcome};
use chatehr_contract::*;
use chatehr_engine::Settings;
use support::*;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Rules that are known by physicians being allowed to export.
fn strict() -> Policy {
    Policy { may_export: vec!["physician".to_owned()], lock_after_seconds: 60, ..Policy::default() }
}

async fn signed_in(settings: &Settings, hands: &SetClock) -> Bench {
    let bench = Bench::eager(settings.clone(), hands);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    bench
}

/// One that has fetched the clinic's rules.
async fn with_rules(settings: &Settings, hands: &SetClock) -> Bench {
    let bench = signed_in(settings, hands).await;
    bench.until("the policy is known", |state| state.may_export).await;
    bench
}

/// The program, started again by the same person.
async fn started(settings: &Settings, hands: &SetClock) -> Bench {
    let bench = Bench::eager(settings.clone(), hands);
    bench.desk.start().await;
    bench.until_ready().await;
    bench
}

/// Longer than until the policy is fetched.
async fn a_while() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

fn is_locked(state: &ProgramState) -> bool {
    matches!(state.stage, Stage::Locked { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kept_rules_hold_as_soon_as_the_files_are_open_without_a_server() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data, hands) =
        (Clinic::with_policy(strict()).await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    with_rules(&settings, &hands).await.desk.close().await;
    clinic.stop().await;
    let bench = started(&settings, &hands).await;
    assert!(bench.desk.state().await.may_export, "before anything else was read");
    hands.move_by(61);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(is_locked(&bench.desk.state().await), "after the clinic's time");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kept_rules_hold_as_soon_as_the_screen_is_unlocked() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) =
        (Clinic::with_policy(strict()).await, TempDir::new().unwrap(), SetClock::default());
    let bench = with_rules(&clinic.settings(data.path()), &hands).await;
    let pin = || SecretText::new("402917");
    bench.desk.set_pin(SetPin { pin: pin(), present: None }).await.unwrap();
    bench.desk.lock_now().await.unwrap();
    bench.desk.unlock_with_pin(UnlockWithPin { pin: pin() }).await.unwrap();
    assert!(bench.desk.state().await.may_export);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lasts_as_long_as_the_clinic_says() {
    if !keyring_is_here() {
        return;
    }
    let policy = Policy { session_hours: 2, ..strict() };
    let (clinic, data, hands) =
        (Clinic::with_policy(policy).await, TempDir::new().unwrap(), SetClock::default());
    let bench = with_rules(&clinic.settings(data.path()), &hands).await;
    hands.move_by(2 * 3600 + 1);
    let over = |state: &ProgramState| match &state.stage {
        Stage::SignIn { error, .. } => {
            error.as_ref().is_some_and(|error| error.code == ErrorCode::SessionOver)
        }
        _ => false,
    };
    bench.until("the session is over", over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_record_stays_as_long_as_the_clinic_says() {
    if !keyring_is_here() {
        return;
    }
    let policy = Policy { keep_records_days: 1, ..strict() };
    let (clinic, data, hands) =
        (Clinic::with_policy(policy).await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_rules(&settings, &hands).await;
    let id = clinic.request(Urgency::Routine, "It hurts").await.id;
    bench.until_known(&id).await;
    bench.desk.accept(&id).await.unwrap();
    bench.desk.start_work(&id).await.unwrap();
    bench.until_status(&id, &ConsultationStatus::InProgress).await;
    bench.desk.complete(&completing(&id)).await.unwrap();
    bench.until_status(&id, &ConsultationStatus::Completed).await;
    bench.desk.sign_out().await.unwrap();
    hands.move_by(2 * 86_400);
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_gone(&id).await;
}

/// Lies between a desk and its server, and writes other words of the same length into what the server says.
struct Between {
    url: String,
    said: Arc<AtomicUsize>,
}

impl Between {
    async fn new(clinic: &Clinic, from: &'static str, to: &'static str) -> Self {
        assert_eq!(from.len(), to.len());
        let (listener, server) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), clinic.address);
        let said = Arc::new(AtomicUsize::new(0));
        let (url, count) = (url(listener.local_addr().unwrap()), said.clone());
        tokio::spawn(async move {
            while let Ok((desk, _)) = listener.accept().await {
                let (mut from_desk, mut to_desk) = desk.into_split();
                let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_desk, &mut to_server).await });
                let count = count.clone();
                tokio::spawn(async move {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                        let mut bytes = buffer[..read].to_vec();
                        while let Some(at) =
                            bytes.windows(from.len()).position(|part| part == from.as_bytes())
                        {
                            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        if to_desk.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, said }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_somebody_in_between_has_changed_are_nobodys_rules() {
    if !keyring_is_here() {
        return;
    }
    let policy = Policy { may_export: vec!["physicist".to_owned()], ..Policy::default() };
    let (clinic, data, hands) =
        (Clinic::with_policy(policy).await, TempDir::new().unwrap(), SetClock::default());
    let between = Between::new(&clinic, "physicist", "physician").await;
    let bench = signed_in(&settings(&between.url, data.path()), &hands).await;
    for _ in 0..200 {
        if between.said.load(Ordering::SeqCst) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(between.said.load(Ordering::SeqCst) > 0, "it was never asked for");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!bench.desk.state().await.may_export);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_rules_that_somebody_has_changed_on_the_disk_do_not_hold() {
    if !keyring_is_here() {
        return;
    }
    let policy =
        Policy { may_export: vec!["physicist".to_owned(), "physician".to_owned()], ..Policy::default() };
    let (mut clinic, data, hands) =
        (Clinic::with_policy(policy).await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let vault = files(with_rules(&settings, &hands).await, &settings).await;
    clinic.stop().await;
    let kept = vault.device().unwrap().policy.unwrap();
    vault.keep_policy(&kept.replace("physicist", "therapist")).unwrap();
    drop(vault);
    let bench = started(&settings, &hands).await;
    assert!(!bench.desk.state().await.may_export);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_signing_key_is_said_and_its_rules_do_not_hold() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data, hands) =
        (Clinic::with_policy(strict()).await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_rules(&settings, &hands).await;
    bench.desk.sign_out().await.unwrap();
    clinic.replaced().await;
    for _ in 0..100 {
        if bench.desk.sign_in(OKAFOR).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let changed = |state: &ProgramState| {
        state.integrity.as_ref().is_some_and(|error| error.code == ErrorCode::ServerKeyChanged)
    };
    bench.until("told", changed).await;
    assert!(bench.desk.state().await.may_export, "the rules that were kept still hold");
    let entries = files(bench, &settings).await.search_audit(&Criteria::default(), None, 100).unwrap();
    assert!(entries.iter().any(|entry| entry.said.action == "policy.read"
        && entry.said.outcome == Outcome::Failed
        && entry.said.reason.as_deref() == Some("SERVER_KEY_CHANGED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_were_given_out_before_do_not_come_back() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data, hands) =
        (Clinic::with_policy(strict()).await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    with_rules(&settings, &hands).await.desk.close().await;
    clinic.stop().await;
    clinic.start_again_with(Policy::default(), -600).await;
    let bench = started(&settings, &hands).await;
    bench.until_online().await;
    a_while().await;
    assert!(bench.desk.state().await.may_export, "the later rules stay");
    bench.desk.close().await;
    clinic.stop().await;
    clinic.start_again_with(Policy::default(), 600).await;
    let bench = started(&settings, &hands).await;
    bench.until("the newest rules hold", |state| !state.may_export).await;
    let entries = files(bench, &settings).await.search_audit(&Criteria::default(), None, 100).unwrap();
    let refused: Vec<_> = entries.iter().filter(|entry| entry.said.action == "policy.read").collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (refused[0].said.outcome, refused[0].said.reason.as_deref()),
        (Outcome::Refused, Some("POLICY_OLDER"))
    );
}
