//! A record that is somebody else's, opened at the desk in an emergency.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::sync::{Arc, Mutex};

use chatehr_audit::{Criteria, Entry, Outcome};
use chatehr_contract::*;
use chatehr_engine::{Desk, Settings, Surroundings};
use support::*;
use tempfile::TempDir;

const PIN: &str = "402917";
const REASON: &str = "Brought in unconscious, no relatives";
const CANARY: &str = "canary-behind-glass";

struct Scene {
    clinic: Clinic,
    settings: Settings,
    hands: SetClock,
    bench: Bench,
    /// Marta's with Lindqvist, and a message in it.
    id: ConsultationId,
    _data: TempDir,
}

impl Scene {
    async fn open(policy: Policy, code: &str) -> Option<Self> {
        if !keyring_is_here() {
            return None;
        }
        let (clinic, data, hands) =
            (Clinic::with_policy(policy).await, TempDir::new().unwrap(), SetClock::default());
        let settings = clinic.settings(data.path());
        let (desktop, notices) = (Desktop::default(), Arc::new(Mutex::new(Vec::new())));
        let around =
            Surroundings { clock: Arc::new(hands.clone()), ..surroundings(desktop.clone(), notices.clone()) };
        let bench = Bench { desk: Desk::new(Ok(settings.clone()), around), desktop, notices };
        bench.desk.start().await;
        bench.desk.sign_in(code).await.unwrap();
        bench.until_online().await;
        let id = clinic.request(Urgency::Routine, CANARY).await.id;
        bench.until_known(&id).await;
        clinic.taken_by(LINDQVIST, &id).await;
        if code != FELDMAN {
            bench.until_gone(&id).await;
        }
        clinic.marta_writes(&id, "physician-13", CANARY).await;
        Some(Self { clinic, settings, hands, bench, id, _data: data })
    }

    async fn with_pin(&self) {
        self.bench.desk.set_pin(SetPin { pin: SecretText::new(PIN), present: None }).await.unwrap();
    }

    async fn ask(&self, id: &ConsultationId, reason: &str, pin: &str) -> Result<(), ErrorReport> {
        let (id, reason, pin) = (id.clone(), reason.to_owned(), SecretText::new(pin));
        self.bench.desk.break_glass(BreakGlass { id, reason, pin }).await
    }

    async fn opened(&self) {
        self.with_pin().await;
        self.ask(&self.id, REASON, PIN).await.unwrap();
    }

    async fn words(&self) -> Result<Vec<MessageView>, ErrorReport> {
        let read = self.bench.desk.conversation(ConversationRequest { id: self.id.clone(), limit: 50 }).await;
        read.map(|conversation| conversation.messages)
    }

    /// Okafor opens Lindqvist's.
    async fn okafor_opens(&self, key: &str) {
        let (okafor, _) = self.clinic.as_person(OKAFOR).await;
        let new = NewBreakGlass { reason: REASON.to_owned(), minutes: None };
        okafor.break_glass(&self.id, &new, key).await.unwrap();
    }

    async fn until_told(&self, told: bool) {
        self.bench.until("told of it, or no more", |state| state.glass_news == told).await;
    }

    /// The program ends and starts again.
    async fn start_again(&mut self) {
        self.bench.desk.close().await;
        self.bench = Bench::eager(self.settings.clone(), &self.hands);
        self.bench.desk.start().await;
        self.bench.until_ready().await;
    }

    async fn until_closed(&self) {
        self.bench.until("the glass is closed", |state| state.glass.is_none()).await;
    }

    /// What is on record of it, and that nothing of the record is in the files.
    async fn left(self) -> Vec<(String, Outcome, Option<String>)> {
        let Self { bench, settings, id, .. } = self;
        let vault = files(bench, &settings).await;
        assert!(vault.consultation(&id).unwrap().is_none());
        assert!(vault.messages(&id, 50).unwrap().0.is_empty());
        assert!(vault.message_key(&id).unwrap().is_none());
        let entries = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
        assert!(!serde_json::to_string(&entries).unwrap().contains(CANARY));
        let of_it = |entry: &&Entry| entry.said.action.starts_with("break_glass");
        let mut told: Vec<_> = entries
            .iter()
            .filter(of_it)
            .map(|entry| (entry.said.action.clone(), entry.said.outcome, entry.said.reason.clone()))
            .collect();
        told.reverse();
        told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_opens_with_a_reason_and_a_pin_can_be_read_and_is_gone_when_it_is_closed() {
    let Some(scene) = Scene::open(Policy::default(), OKAFOR).await else { return };
    let code = |answer: Result<(), ErrorReport>| answer.unwrap_err().code;
    assert_eq!(code(scene.ask(&scene.id, REASON, PIN).await), ErrorCode::GlassNeedsPin);
    scene.with_pin().await;
    for reason in ["", "urgent", "!!!!!!!!!!"] {
        assert_eq!(code(scene.ask(&scene.id, reason, PIN).await), ErrorCode::NeedsReason);
    }
    assert_eq!(code(scene.ask(&scene.id, REASON, "111222").await), ErrorCode::WrongPin);
    assert_eq!(code(scene.ask(&ConsultationId::new("none"), REASON, PIN).await), ErrorCode::NoSuchRecord);
    assert!(scene.words().await.is_ok_and(|words| words.is_empty()), "nothing is here before");

    scene.ask(&scene.id, REASON, PIN).await.unwrap();
    let glass = scene.bench.desk.state().await.glass.unwrap();
    assert_eq!((&glass.id, glass.reason.as_str()), (&scene.id, REASON));
    let view = scene.bench.desk.consultation(&scene.id).await.unwrap();
    assert_eq!(view.description, CANARY);
    assert_eq!(
        view.row.patient.as_ref().map(|patient| patient.name.spoken()).as_deref(),
        Some("Marta Szymańska")
    );
    assert!(view.actions.is_empty() && !view.may_write && view.may_not_write.is_some());
    let words = scene.words().await.unwrap();
    assert!(matches!(&words[0].body, MessageBody::Clear { text } if text == CANARY), "{words:?}");
    let request = SendMessage { consultation_id: scene.id.clone(), text: "Hello".to_owned() };
    assert_eq!(code(scene.bench.desk.send(&request).await), ErrorCode::NotFound);

    scene.bench.desk.close_glass().await.unwrap();
    assert_eq!(scene.bench.desk.state().await.glass, None);
    assert_eq!(scene.bench.desk.consultation(&scene.id).await.unwrap_err().code, ErrorCode::NotFound);
    assert!(scene.words().await.unwrap().is_empty());
    let (success, refused) = (Outcome::Success, Outcome::Refused);
    let entry = |action: &str, outcome, reason: &str| (action.to_owned(), outcome, Some(reason.to_owned()));
    assert_eq!(
        scene.left().await,
        [
            entry("break_glass.open", refused, "GLASS_NEEDS_PIN"),
            entry("break_glass.open", refused, "WRONG_PIN"),
            entry("break_glass.open.ask", success, REASON),
            entry("break_glass.open", refused, "NOT_FOUND"),
            entry("break_glass.open.ask", success, REASON),
            entry("break_glass.open", success, REASON),
            entry("break_glass.close", success, "person"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_closes_by_itself_when_the_clinics_time_is_over() {
    let policy = Policy { break_glass_minutes: 2, ..Policy::default() };
    let Some(scene) = Scene::open(policy, OKAFOR).await else { return };
    scene.opened().await;
    scene.hands.move_by(100);
    assert!(scene.words().await.is_ok_and(|words| words.len() == 1));
    scene.hands.move_by(30);
    assert!(scene.words().await.unwrap().is_empty(), "over is over, before anybody has tidied up");
    scene.until_closed().await;
    // What has begun to be written down is written before the files close.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(scene.left().await.last().unwrap().2.as_deref(), Some("time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_closes_it_and_it_does_not_open_again_with_the_screen() {
    let Some(scene) = Scene::open(Policy::default(), OKAFOR).await else { return };
    scene.opened().await;
    scene.bench.desk.lock_now().await.unwrap();
    assert_eq!(scene.bench.desk.state().await.glass, None);
    scene.bench.desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new(PIN) }).await.unwrap();
    scene.bench.until_ready().await;
    assert_eq!(scene.bench.desk.state().await.glass, None);
    assert_eq!(scene.bench.desk.consultation(&scene.id).await.unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(scene.left().await.last().unwrap().2.as_deref(), Some("lock"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_closes_it() {
    let Some(scene) = Scene::open(Policy::default(), OKAFOR).await else { return };
    let waits = scene.clinic.request(Urgency::Routine, "a cough").await.id;
    scene.bench.until_known(&waits).await;
    let shorter = scene.ask(&waits, REASON, PIN).await.unwrap_err();
    assert!(shorter.code == ErrorCode::RoleForbids && shorter.sentence().contains("your queue"));
    scene.opened().await;
    scene.bench.desk.sign_out().await.unwrap();
    assert_eq!(scene.bench.desk.state().await.glass, None);
    assert_eq!(scene.left().await.last().unwrap().2.as_deref(), Some("sign-out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_reads_messages_through_the_glass_alone_and_hears_who_else_has_opened_one() {
    let Some(scene) = Scene::open(Policy::default(), FELDMAN).await else { return };
    scene.bench.until_known(&scene.id).await;
    assert_eq!(scene.words().await.unwrap_err().code, ErrorCode::BehindGlass);
    scene.opened().await;
    assert!(matches!(&scene.words().await.unwrap()[0].body, MessageBody::Clear { text } if text == CANARY));
    scene.bench.desk.close_glass().await.unwrap();
    assert_eq!(scene.words().await.unwrap_err().code, ErrorCode::BehindGlass);

    scene.bench.notices.lock().unwrap().clear();
    let (okafor, _) = scene.clinic.as_person(OKAFOR).await;
    let new = NewBreakGlass { reason: REASON.to_owned(), minutes: None };
    okafor.break_glass(&scene.id, &new, "once").await.unwrap();
    let told = || scene.bench.notices.lock().unwrap().iter().any(|notice| notice.glass_broken);
    for _ in 0..200 {
        if told() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(told());
    let listed = scene.bench.desk.broken_glass().await.unwrap();
    assert_eq!((listed[0].person_id.as_str(), listed[0].reason.as_str()), ("physician-12", REASON));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nurse_opens_none_and_is_told_why() {
    let Some(scene) = Scene::open(Policy::default(), MENSAH).await else { return };
    scene.with_pin().await;
    let refused = scene.ask(&scene.id, REASON, PIN).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::RoleForbids);
    assert!(refused.sentence().contains("administrator"), "{}", refused.sentence());
    let (okafor, _) = scene.clinic.as_person(OKAFOR).await;
    assert!(okafor.broken_glass().await.is_err(), "and a physician lists none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_opened_twice_stays_open_at_the_server_for_its_time() {
    let Some(scene) = Scene::open(Policy::default(), OKAFOR).await else { return };
    scene.opened().await;
    scene.ask(&scene.id, REASON, PIN).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let (okafor, _) = scene.clinic.as_person(OKAFOR).await;
    assert!(okafor.consultation(&scene.id).await.is_ok(), "what is shown as open is open");
    assert!(scene.words().await.is_ok_and(|words| words.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_are_no_more_than_one_after_the_other() {
    let Some(scene) = Scene::open(Policy::default(), OKAFOR).await else { return };
    scene.with_pin().await;
    let guess = |number: u32| {
        let (desk, id) = (scene.bench.desk.clone(), scene.id.clone());
        let (reason, pin) = (REASON.to_owned(), SecretText::new(format!("73915{number}")));
        tokio::spawn(async move { desk.break_glass(BreakGlass { id, reason, pin }).await })
    };
    let guesses: Vec<_> = (0..6).map(guess).collect();
    let mut told = Vec::new();
    for guess in guesses {
        told.push(guess.await.unwrap().unwrap_err().code);
    }
    assert_eq!(told.iter().filter(|code| **code == ErrorCode::WrongPin).count(), 4, "{told:?}");
    assert_eq!(scene.ask(&scene.id, REASON, PIN).await.unwrap_err().code, ErrorCode::PinSpent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_program_closes_it_here_at_the_server_and_on_record() {
    let Some(scene) = Scene::open(Policy::default(), OKAFOR).await else { return };
    scene.opened().await;
    let (okafor, _) = scene.clinic.as_person(OKAFOR).await;
    assert!(okafor.consultation(&scene.id).await.is_ok());
    scene.bench.desk.close().await;
    assert!(okafor.consultation(&scene.id).await.is_err(), "the server has closed it");
    assert_eq!(scene.left().await.last().unwrap().2.as_deref(), Some("program"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_meanwhile_brings_nothing_of_the_record_into_the_files() {
    let Some(scene) = Scene::open(Policy::default(), OKAFOR).await else { return };
    scene.opened().await;
    scene.bench.desk.accept(&scene.id).await.unwrap_err();
    // What stands there instead is looked at apart.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(scene.words().await.is_ok_and(|words| words.len() == 1), "it is still open");
    scene.bench.desk.close_glass().await.unwrap();
    scene.left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_told_of_an_opening_that_comes_among_other_news() {
    let Some(scene) = Scene::open(Policy::default(), FELDMAN).await else { return };
    let (okafor, _) = scene.clinic.as_person(OKAFOR).await;
    assert!(!scene.bench.desk.state().await.glass_news);
    scene.clinic.set_faults(r#"{"latency": 500}"#).await;
    let wait = |millis| tokio::time::sleep(std::time::Duration::from_millis(millis));
    // What the first brings is still being asked for when the others come: they are one question.
    let new = NewBreakGlass { reason: REASON.to_owned(), minutes: None };
    let note = |text: &str| NewNote { text: text.to_owned() };
    let (lindqvist, _) = scene.clinic.as_person(LINDQVIST).await;
    let (first, second) = (note("one"), note("two"));
    let (one, two, opened) = tokio::join!(
        lindqvist.add_note(&scene.id, &first, "first"),
        async {
            wait(150).await;
            lindqvist.add_note(&scene.id, &second, "second").await
        },
        async {
            wait(300).await;
            okafor.break_glass(&scene.id, &new, "glass").await
        }
    );
    one.unwrap();
    two.unwrap();
    opened.unwrap();
    scene.clinic.set_faults(r#"{"latency": 0}"#).await;
    scene.until_told(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_told_behind_the_lock_until_they_have_looked() {
    let Some(mut scene) = Scene::open(Policy::default(), FELDMAN).await else { return };
    scene.with_pin().await;
    scene.bench.desk.lock_now().await.unwrap();
    scene.okafor_opens("locked").await;
    scene.bench.desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new(PIN) }).await.unwrap();
    scene.until_told(true).await;
    scene.start_again().await;
    assert!(scene.bench.desk.state().await.glass_news, "nobody has looked");
    scene.bench.until_online().await;
    scene.bench.desk.broken_glass().await.unwrap();
    assert!(!scene.bench.desk.state().await.glass_news);
    scene.start_again().await;
    scene.bench.until_online().await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(!scene.bench.desk.state().await.glass_news, "it was seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_told_after_a_start_and_without_a_server_of_what_they_have_not_seen() {
    let Some(mut scene) = Scene::open(Policy::default(), FELDMAN).await else { return };
    scene.bench.desk.close().await;
    scene.okafor_opens("away").await;
    scene.start_again().await;
    scene.until_told(true).await;
    scene.clinic.stop().await;
    scene.start_again().await;
    assert!(scene.bench.desk.state().await.glass_news, "by what the ledger holds");
    scene.bench.until_offline().await;
    assert!(scene.bench.desk.broken_glass().await.is_err());
    assert!(scene.bench.desk.state().await.glass_news, "the list was not seen");
    scene.clinic.start_again().await;
    scene.bench.until_online().await;
    scene.bench.desk.broken_glass().await.unwrap();
    scene.until_told(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_told_and_nobody_of_what_they_did_themselves() {
    let Some(scene) = Scene::open(Policy::default(), FELDMAN).await else { return };
    scene.opened().await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(!scene.bench.desk.state().await.glass_news);
    let Some(scene) = Scene::open(Policy::default(), MENSAH).await else { return };
    scene.okafor_opens("once").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(!scene.bench.desk.state().await.glass_news);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_was_told_is_told_until_they_look_although_the_servers_clock_was_set_back() {
    let Some(mut scene) = Scene::open(Policy::default(), FELDMAN).await else { return };
    let restart = async |scene: &mut Scene, ahead| {
        scene.clinic.stop().await;
        scene.bench.until_offline().await;
        scene.clinic.start_again_with(Policy::default(), ahead).await;
        scene.bench.until_online().await;
    };
    restart(&mut scene, 3600).await;
    scene.okafor_opens("by a clock that is ahead").await;
    scene.until_told(true).await;
    scene.bench.desk.broken_glass().await.unwrap();
    scene.until_told(false).await;
    restart(&mut scene, 0).await;
    scene.okafor_opens("by one that is right").await;
    scene.until_told(true).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(scene.bench.desk.state().await.glass_news, "nobody has looked");
    scene.bench.desk.broken_glass().await.unwrap();
    assert!(!scene.bench.desk.state().await.glass_news);
}
