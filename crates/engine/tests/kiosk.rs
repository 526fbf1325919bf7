//! The kiosk against the real server: a request, a conversation, and nothing left afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod support;

use chatehr_contract::*;
use support::*;
use tempfile::TempDir;

fn request() -> KioskRequest {
    KioskRequest {
        request_id: EnvelopeId::new("review-1"),
        specialty: SpecialtyCode::Cardiology,
        urgency: Urgency::Urgent,
        description: "Palpitations".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_send_twice_asks_once() {
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let kiosk = kiosk(clinic.settings(data.path()));
    kiosk.sign_in(MARTA).await.unwrap();
    let (first, second) = tokio::join!(kiosk.request(request()), kiosk.request(request()));
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        // The second may be told that the first is still under way; asked again, it gets the same receipt.
        (Ok(first), Err(_)) => (first, kiosk.request(request()).await.unwrap()),
        (Err(_), Ok(second)) => (kiosk.request(request()).await.unwrap(), second),
        other => panic!("{other:?}"),
    };
    assert_eq!(first.id, second.id);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing touches the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_physicians_answer_is_read_at_the_kiosk_in_clear() {
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let kiosk = kiosk(clinic.settings(data.path()));
    kiosk.sign_in(MARTA).await.unwrap();
    let messages = kiosk.messages().await.unwrap();
    assert!(
        messages.iter().any(|message| !message.mine && matches!(message.body, MessageBody::Clear { .. }))
    );
    assert!(messages.iter().all(|message| !matches!(message.body, MessageBody::Unreadable)));
    assert!(kiosk.appointments().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_finish_nothing_answers_for_the_person_before() {
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let kiosk = kiosk(clinic.settings(data.path()));
    kiosk.sign_in(MARTA).await.unwrap();
    kiosk.finish();
    assert_eq!(kiosk.messages().await.unwrap_err().code, ErrorCode::SignedOut);
    assert_eq!(kiosk.request(request()).await.unwrap_err().code, ErrorCode::SignedOut);
    assert_eq!(kiosk.state().await.person, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_physician_has_no_place_at_the_kiosk() {
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let kiosk = kiosk(clinic.settings(data.path()));
    assert_eq!(kiosk.sign_in(OKAFOR).await.unwrap_err().code, ErrorCode::WrongRole);
    assert_eq!(kiosk.state().await.person, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kiosk_without_its_server_says_so_before_anybody_types() {
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    clinic.stop().await;
    let kiosk = kiosk(clinic.settings(data.path()));
    assert_eq!(kiosk.state().await.problem.unwrap().code, ErrorCode::ServerUnreachable);
}
