//! Each way that opening can fail is a state with a sentence; none is a blank window, and nothing is sent to a
//! stranger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod support;

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use chatehr_contract::*;
use chatehr_engine::{Desk, SettingsError};
use support::*;
use tempfile::TempDir;

/// Something on a port that answers every request with one page, and remembers what it was sent.
fn stranger(answer: &'static str) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(String::new()));
    let ear = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap_or(0);
            ear.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            let page = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            );
            let _sent = stream.write_all(page.as_bytes());
        }
    });
    (url, heard)
}

fn sign_in_error(state: &ProgramState) -> Option<ErrorCode> {
    match &state.stage {
        Stage::SignIn { error: Some(error), .. } => Some(error.code),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_missing_is_named() {
    let settings = Err(SettingsError::Missing("CHATEHR_API_URL"));
    let desk = Desk::new(settings, surroundings(Desktop::default(), Arc::default()));
    desk.start().await;
    let Stage::Blocked { error, .. } = desk.state().await.stage else { panic!("not blocked") };
    assert_eq!(error.sentence(), "This workstation's settings cannot be used: CHATEHR_API_URL is not set.");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    let data = TempDir::new().unwrap();
    let bench = Bench::new(settings("http://198.51.100.7/v1", data.path()), Desktop::default());
    bench.desk.start().await;
    let Stage::Blocked { error, .. } = bench.desk.state().await.stage else { panic!("not blocked") };
    assert_eq!(error.code, ErrorCode::BadConfiguration);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_chatehr_is_told_nothing() {
    if !keyring_is_here() {
        return;
    }
    let data = TempDir::new().unwrap();
    let (url, heard) = stranger("<html>An unrelated service</html>");
    let bench = Bench::new(settings(&url, data.path()), Desktop::default());
    bench.desk.start().await;
    bench.until("it is said", |state| sign_in_error(state) == Some(ErrorCode::NotChatEhr)).await;
    assert_eq!(bench.desk.sign_in(OKAFOR).await.unwrap_err().code, ErrorCode::NotChatEhr);
    let heard = heard.lock().unwrap().to_lowercase();
    assert!(heard.contains("get /v1/health"), "{heard}");
    assert!(!heard.contains("authorization") && !heard.contains(OKAFOR), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_at_start_is_said_and_found_when_it_comes() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    clinic.stop().await;
    let bench = Bench::new(clinic.settings(data.path()), Desktop::default());
    bench.desk.start().await;
    bench.until("it is said", |state| sign_in_error(state) == Some(ErrorCode::ServerUnreachable)).await;
    clinic.start_again().await;
    let offers = |state: &ProgramState| match &state.stage {
        Stage::SignIn { accounts, error } => {
            !accounts.is_empty()
                && accounts.iter().all(|account| account.role != Role::Patient)
                && error.is_none()
        }
        _ => false,
    };
    bench.desk.try_again().await.unwrap();
    bench.until("the accounts are offered", offers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_api_key_and_a_wrong_code_are_told_apart() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let mut wrong = clinic.settings(data.path());
    wrong.api_key = Some("not-the-key".to_owned());
    let bench = Bench::new(wrong, Desktop::default());
    bench.desk.start().await;
    bench.until("it is said", |state| sign_in_error(state) == Some(ErrorCode::ApiKeyRefused)).await;
    assert_eq!(bench.desk.sign_in(OKAFOR).await.unwrap_err().code, ErrorCode::ApiKeyRefused);

    let bench = Bench::new(clinic.settings(data.path()), Desktop::default());
    bench.desk.start().await;
    assert_eq!(bench.desk.sign_in("000000").await.unwrap_err().code, ErrorCode::SignInRefused);
    assert_eq!(bench.desk.sign_in(MARTA).await.unwrap_err().code, ErrorCode::WrongRole);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_leaves_the_files_and_asks_for_a_sign_in() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    bench.desk.sign_out().await.unwrap();
    assert!(matches!(bench.desk.state().await.stage, Stage::SignIn { .. }));
    assert_eq!(bench.desk.list(ConsultationList::default()).await.unwrap_err().code, ErrorCode::SignedOut);
    let again = Bench::new(clinic.settings(data.path()), Desktop::default());
    again.desk.start().await;
    assert!(matches!(again.desk.state().await.stage, Stage::SignIn { .. }), "the session is forgotten");
    again.desk.sign_in(OKAFOR).await.unwrap();
    assert!(matches!(again.desk.state().await.stage, Stage::Ready { .. }), "the files still open");
}

/// Turns bytes over, as a failing disk would.
fn spoil(file: &std::path::Path) {
    let mut bytes = std::fs::read(file).unwrap();
    for byte in bytes.iter_mut().skip(64).step_by(97) {
        *byte ^= 0x5a;
    }
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_shows_while_the_desk_is_open_has_the_same_way_out_as_at_start() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let person = std::fs::read_dir(data.path().join("people")).unwrap().next().unwrap().unwrap().path();
    for name in ["cache.db", "cache.db-wal"] {
        spoil(&person.join(name));
    }
    // What happens next is written down, and then everything is read anew.
    let made = clinic.request(Urgency::Urgent, "Palpitations since breakfast").await;
    let damaged = |state: &ProgramState| matches!(&state.stage, Stage::Blocked { error, .. } if error.code == ErrorCode::CacheDamaged);
    bench.until("the damage is named", damaged).await;
    // The window forgot its alerts when the desk closed, so only what is told from here on counts.
    bench.notices.lock().unwrap().clear();
    bench.desk.rebuild_cache().await.unwrap();
    bench.until_online().await;
    bench.until("everything is fetched again", |state| state.counts.queue >= 5).await;
    let told =
        |notice: &ChangeNotice| notice.alert.as_ref().is_some_and(|alert| alert.consultation_id == made.id);
    bench.until("what came meanwhile alerts", |_| bench.notices.lock().unwrap().iter().any(told)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_sign_in_at_once_one_is_in_and_the_other_is_told() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::new(clinic.settings(data.path()), Desktop::default());
    bench.desk.start().await;
    let (one, other) = tokio::join!(bench.desk.sign_in(OKAFOR), bench.desk.sign_in(LINDQVIST));
    bench.until_ready().await;
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(one.and(other).unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(std::fs::read_dir(data.path().join("people")).unwrap().count(), 1);
}
