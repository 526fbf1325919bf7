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
        by_itself: false,
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

/// A kiosk behind a network that fails on request, and how many requests the patient has.
struct BadDay {
    kiosk: chatehr_engine::Kiosk,
    network: chatehr_network::Network,
    clinic: Clinic,
    _data: TempDir,
}

impl BadDay {
    async fn begin() -> Self {
        let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
        let network = chatehr_network::Network::to(clinic.address, 1).await.unwrap();
        let mut settings = settings(&url(network.address()), data.path());
        settings.timeout = std::time::Duration::from_secs(2);
        let kiosk = kiosk(settings);
        kiosk.sign_in(MARTA).await.unwrap();
        Self { kiosk, network, clinic, _data: data }
    }

    async fn filed(&self, words: &str) -> usize {
        let (marta, _) = self.clinic.as_person(MARTA).await;
        let all = marta.all_consultations().await.unwrap().rows;
        all.iter().filter(|one| one.description == words).count()
    }
}

const FILING: &str = "POST /v1/consultations HTTP";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_filed_once_wherever_the_connection_breaks() {
    use chatehr_network::{Fault, What};
    let day = BadDay::begin().await;
    for (n, fault) in [
        Fault::in_request(0, What::Cut),
        Fault::in_request(200, What::Reset),
        Fault::in_answer(0, What::Cut),
        Fault::in_answer(0, What::Silence),
        Fault::in_answer(300, What::Reset),
        Fault::in_answer(400, What::Garbage(9)),
    ]
    .into_iter()
    .enumerate()
    {
        let words = format!("Palpitations {n}");
        let id = EnvelopeId::new(format!("review-{n}"));
        day.network.plan(FILING, fault);
        let ask = KioskRequest { request_id: id, description: words.clone(), ..request() };
        day.kiosk.request(ask).await.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert_eq!(day.filed(&words).await, 1, "{fault:?}");
        day.network.heal();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_filed_is_called_that_and_the_next_press_finds_it() {
    use chatehr_network::{Fault, What};
    let day = BadDay::begin().await;
    for _ in 0..60 {
        day.network.plan(FILING, Fault::in_answer(0, What::Cut));
    }
    let told = day.kiosk.request(request()).await.unwrap_err();
    assert_eq!(told.code, ErrorCode::MayHaveHappened);
    // Nobody can be reached at all now; it is still not known.
    day.network.set_link(chatehr_network::Link::Refusing);
    let told = day.kiosk.request(request()).await.unwrap_err();
    assert_eq!(told.code, ErrorCode::MayHaveHappened, "what was unsure stays so");
    day.network.heal();
    let receipt = day.kiosk.request(KioskRequest { by_itself: true, ..request() }).await;
    // The pause that a failing server is given may still last; a person's press ends it.
    let receipt = match receipt {
        Ok(receipt) => receipt,
        Err(_) => day.kiosk.request(request()).await.unwrap(),
    };
    assert_eq!(day.kiosk.request(request()).await.unwrap().id, receipt.id);
    assert_eq!(day.filed("Palpitations").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_for_a_person_who_has_left() {
    let day = BadDay::begin().await;
    day.network.set_link(chatehr_network::Link::Refusing);
    let kiosk = day.kiosk.clone();
    let asking = tokio::spawn(async move { kiosk.request(request()).await });
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    day.kiosk.finish();
    day.network.heal();
    assert_eq!(asking.await.unwrap().unwrap_err().code, ErrorCode::SignedOut);
    assert_eq!(day.filed("Palpitations").await, 0);
}
