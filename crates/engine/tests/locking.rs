//! A screen that is left alone, against the real server, with real files and a real keyring.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]
#![allow(clippy::disallowed_methods, reason = "a test has no clock to be given")]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chatehr_audit::{Criteria, Entry, Outcome};
use chatehr_contract::*;
use chatehr_engine::{Alert, Clock as _, Desk, Settings, Surroundings};
use chatehr_network::{Fault, Network, What};
use chatehr_vault::Vault;
use support::*;
use tempfile::TempDir;

const PIN: &str = "402917";

fn bench(settings: &Settings, hands: &SetClock) -> Bench {
    let (desktop, notices) = (Desktop::default(), Arc::new(Mutex::new(Vec::new())));
    let around =
        Surroundings { clock: Arc::new(hands.clone()), ..surroundings(desktop.clone(), notices.clone()) };
    Bench { desk: Desk::new(Ok(settings.clone()), around), desktop, notices }
}

async fn signed_in(settings: &Settings, hands: &SetClock) -> Bench {
    let bench = bench(settings, hands);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    bench
}

async fn with_pin(settings: &Settings, hands: &SetClock) -> Bench {
    let bench = signed_in(settings, hands).await;
    bench.desk.set_pin(SetPin { pin: SecretText::new(PIN), present: None }).await.unwrap();
    bench
}

async fn set_pin(bench: &Bench, present: Option<&str>, pin: &str) -> Result<(), ErrorReport> {
    let request = SetPin { pin: SecretText::new(pin), present: present.map(SecretText::new) };
    bench.desk.set_pin(request).await
}

async fn remove_pin(bench: &Bench, present: Option<&str>) -> Result<(), ErrorReport> {
    bench.desk.remove_pin(RemovePin { present: present.map(SecretText::new) }).await
}

/// So many seconds, with somebody at the window.
fn pass(bench: &Bench, hands: &SetClock, seconds: i64) {
    for _ in 0..seconds / 100 {
        hands.move_by(100);
        bench.desk.still_here();
    }
}

/// The token that this workstation is signed in with.
fn token(settings: &Settings) -> String {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    hash.update(settings.api_url.len().to_be_bytes());
    hash.update(settings.api_url.as_bytes());
    let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let ring = chatehr_vault::keyring::Keyring::new(&settings.keyring_service);
    let session = ring.get(&format!("session:{name}")).unwrap().unwrap();
    serde_json::from_str::<Session>(&session).unwrap().token
}

/// The server knows nobody by it any more.
async fn until_refused(clinic: &Clinic, token: &str) {
    let server = clinic.client().with_session(token);
    for _ in 0..100 {
        if server.whoami().await == Err(chatehr_client::ClientError::SignedOut) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server still knows the session");
}

async fn unlock(bench: &Bench, pin: &str) -> Result<(), ErrorReport> {
    bench.desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new(pin) }).await
}

fn is_locked(state: &ProgramState) -> bool {
    matches!(state.stage, Stage::Locked { .. })
}

fn is_ready(state: &ProgramState) -> bool {
    matches!(state.stage, Stage::Ready { .. })
}

/// One that is this physician's.
async fn accepted(clinic: &Clinic, bench: &Bench) -> ConsultationId {
    let made = clinic.request(Urgency::Routine, "canary-description").await;
    bench.until_known(&made.id).await;
    bench.desk.accept(&made.id).await.unwrap();
    made.id
}

fn draft(id: &ConsultationId, text: &str) -> SaveDraft {
    SaveDraft { consultation_id: id.clone(), text: text.to_owned(), of: DraftOf::Message }
}

fn words(id: &ConsultationId, text: &str) -> SendMessage {
    SendMessage { consultation_id: id.clone(), text: text.to_owned() }
}

fn session_entries(vault: &Vault) -> Vec<Entry> {
    let mut found = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    found.retain(|entry| entry.said.action.starts_with("session.") || entry.said.action.starts_with("pin."));
    found.reverse();
    found
}

fn told(entries: &[Entry]) -> Vec<(&str, Outcome, &str)> {
    let told = |entry: &'_ Entry| entry.said.outcome;
    entries
        .iter()
        .map(|entry| {
            (entry.said.action.as_str(), told(entry), entry.said.reason.as_deref().unwrap_or_default())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_left_alone_is_warned_of_locks_and_keeps_the_last_words_of_a_draft() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    let id = accepted(&clinic, &bench).await;
    bench.desk.save_draft(draft(&id, "Please")).await.unwrap();

    hands.move_by(275);
    let warned = bench.until("warned", |state| state.locks_at.is_some()).await;
    let left = warned.locks_at.unwrap().seconds_since(hands.now());
    assert!((1..=25).contains(&left), "{left}");
    bench.desk.still_here();
    assert_eq!(bench.desk.state().await.locks_at, None);

    hands.move_by(301);
    let state = bench.until("locked", is_locked).await;
    bench.desk.save_draft(draft(&id, "Please rest")).await.unwrap();
    let Stage::Locked { person, pin_tries, .. } = state.stage else { unreachable!() };
    assert_eq!(person.family, "Okafor");
    assert!(matches!(pin_tries, 0 | 5), "told as soon as the keyring has answered");
    bench.until("closed", |state| matches!(state.stage, Stage::Locked { pin_tries: 5, .. })).await;

    unlock(&bench, PIN).await.unwrap();
    bench.until("open", is_ready).await;
    assert_eq!(bench.desk.consultation(&id).await.unwrap().draft, "Please rest");
    bench.desk.close().await;
    drop(bench);
    let entries = session_entries(&files_of(&settings).await);
    assert_eq!(
        told(&entries),
        [
            ("session.sign-in", Outcome::Success, ""),
            ("pin.set", Outcome::Success, ""),
            ("session.lock", Outcome::Success, "idle"),
            ("session.unlock", Outcome::Success, "pin"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_dialog_that_a_lock_takes_away_are_there_again_and_go_when_they_are_used() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    let id = accepted(&clinic, &bench).await;
    let typed = |of, text: &str| SaveDraft { consultation_id: id.clone(), text: text.to_owned(), of };
    bench.desk.save_draft(draft(&id, "Please")).await.unwrap();
    bench.desk.save_draft(typed(DraftOf::HandOff, "I am off")).await.unwrap();
    bench.desk.lock_now().await.unwrap();
    // The window hands in the rest while it takes the dialog down.
    bench.desk.save_draft(typed(DraftOf::HandOff, "I am off duty")).await.unwrap();
    bench.desk.save_draft(typed(DraftOf::Complete, "Well again")).await.unwrap();
    bench.until("closed", |state| matches!(state.stage, Stage::Locked { pin_tries: 5, .. })).await;
    unlock(&bench, PIN).await.unwrap();
    bench.until("open", is_ready).await;
    let view = bench.desk.consultation(&id).await.unwrap();
    assert_eq!((view.draft.as_str(), view.row.status), ("Please", ConsultationStatus::Assigned));
    let kept =
        DialogWords { hand_off: "I am off duty".into(), complete: "Well again".into(), ..Default::default() };
    assert_eq!(view.words, kept);

    bench.until_online().await;
    let back = HandOffConsultation {
        id: id.clone(),
        physician_id: None,
        specialty: Some(SpecialtyCode::Cardiology),
        reason: view.words.hand_off,
    };
    bench.desk.hand_off(&back).await.unwrap();
    let words = bench.desk.consultation(&id).await.unwrap().words;
    assert_eq!((words.hand_off.as_str(), words.complete.as_str()), ("", "Well again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_before_the_lock_is_sent_behind_it_and_then_the_files_close() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    let id = accepted(&clinic, &bench).await;
    clinic.stop().await;
    bench.until_offline().await;
    bench.desk.send(&words(&id, "A nurse is on the way.")).await.unwrap();
    bench.desk.lock_now().await.unwrap();
    let waits = |state: &ProgramState| matches!(state.stage, Stage::Locked { outbox_waiting: 1, .. });
    bench.until("it is said to wait", waits).await;

    clinic.start_again().await;
    let sent = |state: &ProgramState| matches!(state.stage, Stage::Locked { outbox_waiting: 0, .. });
    bench.until("sent", sent).await;
    let (marta, _) = clinic.as_person(MARTA).await;
    assert_eq!(marta.all_messages(&id).await.unwrap().rows.len(), 1);
    drop(files_of(&settings).await);

    unlock(&bench, PIN).await.unwrap();
    let messages = bench
        .conversation_until(&id, |all| all.len() == 1 && all.iter().all(|one| one.delivery == Delivery::Sent))
        .await;
    assert!(matches!(&messages[0].body, MessageBody::Clear { text } if text == "A nurse is on the way."));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_locked_screen_nothing_of_a_patient_can_be_asked_or_done() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = signed_in(&settings, &hands).await;
    let id = accepted(&clinic, &bench).await;
    bench.desk.lock_now().await.unwrap();

    let desk = &bench.desk;
    let range = AppointmentRange { from: Timestamp::from_millis(0), to: Timestamp::from_millis(i64::MAX) };
    let decline = DeclineConsultation { id: id.clone(), reason: "Not my field".to_owned() };
    let backup = BackUp { path: data.path().join("b.tar").display().to_string(), with_cache: true };
    let refused = [
        desk.list(ConsultationList { limit: 10, ..ConsultationList::default() }).await.map(drop),
        desk.consultation(&id).await.map(drop),
        desk.conversation(ConversationRequest { id: id.clone(), limit: 10 }).await.map(drop),
        desk.appointments(range).await.map(drop),
        desk.send(&words(&id, "To nobody")).await,
        desk.accept(&id).await,
        desk.decline(&decline).await,
        desk.complete(&completing(&id)).await,
        desk.key_slots().await.map(drop),
        desk.back_up_records(backup).await,
        desk.replace_records_key().await,
        desk.set_pin(SetPin { pin: SecretText::new("918273"), present: None }).await,
        desk.lock_now().await,
    ];
    for (order, answer) in refused.into_iter().enumerate() {
        assert_eq!(answer.unwrap_err().code, ErrorCode::Locked, "{order}");
    }
    let state = bench.desk.state().await;
    assert_eq!((state.counts, state.synced_at), (Counts::default(), None));
    let shown = serde_json::to_string(&state).unwrap();
    assert!(!shown.contains("canary") && !shown.contains("patient"), "{shown}");
    assert_eq!(unlock(&bench, PIN).await.unwrap_err().code, ErrorCode::NoPin);
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until("open", is_ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_request_is_told_behind_a_locked_screen_by_its_urgency_alone() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    bench.until("told of what waits", |_| !bench.desktop.shown.lock().unwrap().is_empty()).await;
    bench.desk.lock_now().await.unwrap();
    let urgent = |state: &ProgramState| match state.stage {
        Stage::Locked { urgent, .. } => urgent,
        _ => u32::MAX,
    };
    let before = urgent(&bench.desk.state().await);
    bench.desktop.shown.lock().unwrap().clear();
    // What comes within a second shares a notification.
    tokio::time::sleep(Duration::from_millis(1100)).await;

    let made = clinic.request(Urgency::Emergency, "canary-description").await;
    bench.until("the lock screen says so", |state| urgent(state) == before + 1).await;
    let about = |alert: &&Alert| alert.consultation.as_ref() == Some(&made.id);
    bench.until("told", |_| bench.desktop.shown.lock().unwrap().iter().any(|alert| about(&alert))).await;
    let shown = bench.desktop.shown.lock().unwrap().clone();
    let alert = shown.iter().find(about).unwrap();
    assert_eq!((alert.title.as_str(), alert.body.as_str()), ("Emergency consultation", ""));
    assert!(!alert.may_acknowledge, "nobody is known to be there");

    let (colleague, _) = clinic.as_person(LINDQVIST).await;
    let update = ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
    colleague.update_consultation(&made.id, &update, "taken").await.unwrap();
    bench.until("a colleague has it", |state| urgent(state) == before).await;
    bench
        .until("its notification is gone", |_| bench.desktop.closed.lock().unwrap().contains(&alert.number))
        .await;
    unlock(&bench, PIN).await.unwrap();
    bench.desk.close().await;
    let entries = files_of(&settings).await.search_audit(&Criteria::default(), None, 100).unwrap();
    let shown = entries.iter().filter(|entry| entry.said.action == "alert.show");
    let about = shown.filter(|entry| entry.said.objects.contains(&made.id.to_string()));
    assert_eq!(about.count(), 1, "what was shown behind the lock is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_pins_leave_signing_in_and_starting_the_program_anew_gives_none_back() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let first = with_pin(&settings, &hands).await;
    first.desk.lock_now().await.unwrap();
    for left in ["4 more tries", "3 more tries"] {
        let refusal = unlock(&first, "000417").await.unwrap_err();
        assert_eq!((refusal.code, refusal.detail.as_deref()), (ErrorCode::WrongPin, Some(left)));
    }
    first.desk.close().await;
    drop(first);

    let again = bench(&settings, &hands);
    again.desk.start().await;
    let state = again.until("locked", is_locked).await;
    assert!(matches!(state.stage, Stage::Locked { pin_tries: 3, .. }), "{state:?}");
    for _ in 0..2 {
        assert_eq!(unlock(&again, "000417").await.unwrap_err().code, ErrorCode::WrongPin);
    }
    for pin in ["000417", PIN] {
        assert_eq!(unlock(&again, pin).await.unwrap_err().code, ErrorCode::PinSpent);
    }
    again.desk.sign_in(OKAFOR).await.unwrap();
    again.until("open", is_ready).await;
    again.desk.lock_now().await.unwrap();
    unlock(&again, PIN).await.unwrap();
    again.until("open", is_ready).await;
    again.desk.close().await;
    drop(again);
    let entries = session_entries(&files_of(&settings).await);
    let refused =
        told(&entries).iter().filter(|entry| **entry == ("session.unlock", Outcome::Refused, "pin")).count();
    assert_eq!(refused, 5);
    assert!(told(&entries).contains(&("session.unlock", Outcome::Success, "sign-in")));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_at_the_locked_screen_sees_nothing_of_the_first_nor_the_first_of_them() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    let id = accepted(&clinic, &bench).await;
    bench.desk.save_draft(draft(&id, "canary-draft")).await.unwrap();
    bench.desk.lock_now().await.unwrap();

    bench.desk.sign_in(LINDQVIST).await.unwrap();
    let state = bench.until("open", is_ready).await;
    assert!(matches!(&state.stage, Stage::Ready { person } if person.name.family == "Lindqvist"));
    assert!(!state.pin_set);
    bench.until_online().await;
    let mine = ConsultationList { scope: ListScope::Mine, limit: 100, ..ConsultationList::default() };
    let rows = bench.desk.list(mine).await.unwrap().rows;
    assert!(rows.iter().all(|row| row.id != id));
    let seen = bench.desk.consultation(&id).await.map(|view| view.draft).unwrap_or_default();
    assert_eq!(seen, "");
    bench.desk.lock_now().await.unwrap();
    assert_eq!(unlock(&bench, PIN).await.unwrap_err().code, ErrorCode::NoPin, "it is the other's");

    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until("open", is_ready).await;
    bench.until_known(&id).await;
    assert_eq!(bench.desk.consultation(&id).await.unwrap().draft, "canary-draft");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_its_hours_whether_locked_or_not_and_that_is_on_record() {
    if !keyring_is_here() {
        return;
    }
    for locked in [false, true] {
        let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
        let settings = clinic.settings(data.path());
        let bench = with_pin(&settings, &hands).await;
        if locked {
            bench.desk.lock_now().await.unwrap();
            // Until the files are closed.
            drop(files_of(&settings).await);
        }
        hands.move_by(12 * 3600 + 1);
        let over = |state: &ProgramState| matches!(&state.stage, Stage::SignIn { error: Some(error), .. } if error.code == ErrorCode::SessionOver);
        bench.until("over", over).await;
        assert_eq!(unlock(&bench, PIN).await.unwrap_err().code, ErrorCode::SignedOut);
        bench.desk.sign_in(OKAFOR).await.unwrap();
        bench.until("open", is_ready).await;
        bench.desk.close().await;
        drop(bench);
        let entries = session_entries(&files_of(&settings).await);
        assert!(entries.iter().any(|entry| entry.said.action == "session.expire"), "{locked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_opens_what_was_left_a_moment_ago_and_a_clock_that_was_set_opens_nothing() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let first = with_pin(&settings, &hands).await;
    first.desk.close().await;
    drop(first);

    let second = bench(&settings, &hands);
    second.desk.start().await;
    second.until("open", is_ready).await;
    second.desk.close().await;
    drop(second);

    for by in [-60, 3600] {
        hands.move_by(by);
        let next = bench(&settings, &hands);
        next.desk.start().await;
        let state = next.desk.state().await;
        assert!(is_locked(&state) || by < 0, "{by}: {state:?}");
        assert!(!is_ready(&state), "{by}: {state:?}");
        if is_locked(&state) {
            unlock(&next, PIN).await.unwrap();
            next.until("open", is_ready).await;
        } else {
            next.desk.sign_in(OKAFOR).await.unwrap();
        }
        next.desk.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_workstation_locks_sooner() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = Settings { shared: true, ..clinic.settings(data.path()) };
    let bench = signed_in(&settings, &hands).await;
    hands.move_by(121);
    bench.until("locked", is_locked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desktop_that_locks_its_session_locks_the_window_too_and_that_is_on_record() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = bench(&settings, &hands);
    bench.desk.lock_with_session().await;
    assert!(!is_locked(&bench.desk.state().await), "nobody is signed in");
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    bench.desk.lock_with_session().await;
    assert!(is_locked(&bench.desk.state().await));
    let entries = session_entries(&files_of(&settings).await);
    assert_eq!(told(&entries).last(), Some(&("session.lock", Outcome::Success, "session")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_in_the_way_for_too_long_opens_for_nobody_who_has_not_shown_who_they_are() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    let person = std::fs::read_dir(data.path().join("people")).unwrap().next().unwrap().unwrap().path();
    for name in ["cache.db", "cache.db-wal"] {
        let mut bytes = std::fs::read(person.join(name)).unwrap();
        for byte in bytes.iter_mut().step_by(64) {
            *byte ^= 0x5a;
        }
        std::fs::write(person.join(name), bytes).unwrap();
    }
    clinic.request(Urgency::Urgent, "canary-description").await;
    let damaged = |state: &ProgramState| matches!(&state.stage, Stage::Blocked { error, .. } if error.code == ErrorCode::CacheDamaged);
    bench.until("the damage is named", damaged).await;
    hands.move_by(301);
    bench.desk.try_again().await.unwrap();
    assert!(is_locked(&bench.desk.state().await), "{:?}", bench.desk.state().await.stage);
    unlock(&bench, PIN).await.unwrap();
    bench.until("the damage is named again", damaged).await;
    hands.move_by(301);
    bench.desk.rebuild_cache().await.unwrap();
    assert!(is_locked(&bench.desk.state().await));
    unlock(&bench, PIN).await.unwrap();
    bench.until("the damage is named again", damaged).await;
    bench.desk.rebuild_cache().await.unwrap();
    bench.until_online().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_was_found_open_sets_changes_and_removes_no_pin() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    pass(&bench, &hands, 400);
    assert_eq!(set_pin(&bench, None, "918273").await.unwrap_err().code, ErrorCode::SignInForPin);
    assert_eq!(remove_pin(&bench, None).await.unwrap_err().code, ErrorCode::SignInForPin);
    let refusal = set_pin(&bench, Some("000417"), "918273").await.unwrap_err();
    assert_eq!((refusal.code, refusal.detail.as_deref()), (ErrorCode::WrongPin, Some("4 more tries")));
    // What is too easy costs no try.
    assert_eq!(set_pin(&bench, Some("000417"), "111111").await.unwrap_err().code, ErrorCode::PinUnfit);
    let refusal = remove_pin(&bench, Some("000417")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.detail.as_deref()), (ErrorCode::WrongPin, Some("3 more tries")));
    bench.desk.lock_now().await.unwrap();
    bench.until("three", |state| matches!(state.stage, Stage::Locked { pin_tries: 3, .. })).await;
    unlock(&bench, PIN).await.unwrap();
    bench.until("open", is_ready).await;

    // Whoever knows it changes it, and unlocking by it is no sign-in.
    pass(&bench, &hands, 100);
    assert_eq!(set_pin(&bench, None, "918273").await.unwrap_err().code, ErrorCode::SignInForPin);
    set_pin(&bench, Some(PIN), "918273").await.unwrap();
    bench.desk.lock_now().await.unwrap();
    assert_eq!(unlock(&bench, PIN).await.unwrap_err().code, ErrorCode::WrongPin);
    unlock(&bench, "918273").await.unwrap();
    bench.until("open", is_ready).await;
    remove_pin(&bench, Some("918273")).await.unwrap();
    assert!(!bench.desk.state().await.pin_set);
    assert_eq!(remove_pin(&bench, Some("918273")).await.unwrap_err().code, ErrorCode::NoPin);
    assert_eq!(
        set_pin(&bench, None, PIN).await.unwrap_err().code,
        ErrorCode::SignInForPin,
        "a first one, too"
    );

    bench.desk.close().await;
    drop(bench);
    let entries = session_entries(&files_of(&settings).await);
    let pins: Vec<_> = told(&entries).into_iter().filter(|entry| entry.0.starts_with("pin.")).collect();
    assert_eq!(
        pins,
        [
            ("pin.set", Outcome::Success, ""),
            ("pin.set", Outcome::Refused, "SIGN_IN_FOR_PIN"),
            ("pin.remove", Outcome::Refused, "SIGN_IN_FOR_PIN"),
            ("pin.set", Outcome::Refused, "WRONG_PIN"),
            ("pin.remove", Outcome::Refused, "WRONG_PIN"),
            ("pin.set", Outcome::Refused, "SIGN_IN_FOR_PIN"),
            ("pin.set", Outcome::Success, ""),
            ("pin.remove", Outcome::Success, ""),
            ("pin.remove", Outcome::Refused, "NO_PIN"),
            ("pin.set", Outcome::Refused, "SIGN_IN_FOR_PIN"),
        ]
    );
    let at_the_lock =
        told(&entries).iter().filter(|entry| **entry == ("session.unlock", Outcome::Refused, "pin")).count();
    assert_eq!(at_the_lock, 1, "what was tried at an open desk was no unlocking");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_pins_at_an_open_desk_leave_signing_in_which_is_the_way_for_who_forgot_theirs() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    pass(&bench, &hands, 400);
    for _ in 0..4 {
        assert_eq!(remove_pin(&bench, Some("000417")).await.unwrap_err().code, ErrorCode::WrongPin);
    }
    for pin in ["000417", PIN] {
        assert_eq!(set_pin(&bench, Some(pin), "918273").await.unwrap_err().code, ErrorCode::PinSpent);
    }
    bench.desk.lock_now().await.unwrap();
    assert_eq!(unlock(&bench, PIN).await.unwrap_err().code, ErrorCode::PinSpent);
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until("open", is_ready).await;
    set_pin(&bench, None, "918273").await.unwrap();
    bench.desk.lock_now().await.unwrap();
    unlock(&bench, "918273").await.unwrap();
    bench.until("open", is_ready).await;
    // A clock that is set back makes no sign-in fresh.
    pass(&bench, &hands, 400);
    hands.move_by(-3600);
    assert_eq!(set_pin(&bench, None, PIN).await.unwrap_err().code, ErrorCode::SignInForPin);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_or_signs_in_anew_leaves_no_session_behind_at_the_server() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = signed_in(&settings, &hands).await;
    let first = token(&settings);
    bench.desk.sign_out().await.unwrap();
    until_refused(&clinic, &first).await;

    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    let second = token(&settings);
    bench.desk.lock_now().await.unwrap();
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    until_refused(&clinic, &second).await;
    let third = token(&settings);
    bench.desk.lock_now().await.unwrap();
    bench.desk.sign_in(LINDQVIST).await.unwrap();
    bench.until_online().await;
    until_refused(&clinic, &third).await;
    let fourth = token(&settings);
    bench.desk.lock_now().await.unwrap();
    bench.desk.sign_out().await.unwrap();
    until_refused(&clinic, &fourth).await;

    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    let fifth = token(&settings);
    hands.move_by(12 * 3600 + 1);
    bench.until("over", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    until_refused(&clinic, &fifth).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_waits_for_no_server() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = signed_in(&settings, &hands).await;
    clinic.stop().await;
    let began = std::time::Instant::now();
    bench.desk.sign_out().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(matches!(bench.desk.state().await.stage, Stage::SignIn { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_while_their_screen_opens_is_signed_out() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    for wait in [50, 200, 400] {
        bench.desk.lock_now().await.unwrap();
        let held = token(&settings);
        let desk = bench.desk.clone();
        let opening =
            tokio::spawn(
                async move { desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new(PIN) }).await },
            );
        tokio::time::sleep(Duration::from_millis(wait)).await;
        bench.desk.sign_out().await.unwrap();
        drop(opening.await.unwrap());
        let state = bench.desk.state().await;
        assert!(matches!(state.stage, Stage::SignIn { .. }), "after {wait} ms: {:?}", state.stage);
        until_refused(&clinic, &held).await;
        bench.desk.sign_in(OKAFOR).await.unwrap();
        bench.until_online().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_beside_a_pin_that_is_tried_gives_no_try_back_and_both_are_on_record() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    bench.desk.lock_now().await.unwrap();
    bench.desk.close().await;
    drop(bench);
    let bench = self::bench(&settings, &hands);
    bench.desk.start().await;
    bench.until("locked", is_locked).await;
    let wrong = async {
        for _ in 0..4 {
            assert_eq!(unlock(&bench, "111111").await.unwrap_err().code, ErrorCode::WrongPin);
        }
    };
    let refused = futures_util::future::join_all((0..4).map(|_| bench.desk.sign_in(MARTA)));
    let (told_off, ()) = tokio::join!(refused, wrong);
    assert!(told_off.iter().all(|told| told.as_ref().unwrap_err().code == ErrorCode::WrongRole));
    // Nobody washes the tries out of the record either.
    for _ in 0..20 {
        bench.desk.sign_in(MARTA).await.unwrap_err();
    }
    unlock(&bench, PIN).await.unwrap();
    bench.until("open", is_ready).await;
    bench.desk.close().await;
    drop(bench);
    let entries = session_entries(&files_of(&settings).await);
    let tries = told(&entries).into_iter().filter(|one| *one == ("session.unlock", Outcome::Refused, "pin"));
    assert_eq!(tries.count(), 4, "{:?}", told(&entries));
}

/// A way to this clinic that can be made worse, and settings that lead over it.
async fn by_way_of(clinic: &Clinic, data: &TempDir) -> (Network, Settings) {
    let direct = clinic.settings(data.path());
    let server = direct.api_url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    let way = Network::to(server.parse().unwrap(), 1).await.unwrap();
    let settings = Settings { api_url: url(way.address()), ..direct };
    (way, settings)
}

async fn until_one_hangs(way: &Network) {
    for _ in 0..100 {
        if way.traffic().faults > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing hangs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_whose_session_it_is_that_hangs_keeps_nobody_from_their_screen() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let (way, settings) = by_way_of(&clinic, &data).await;
    way.plan("GET /v1/session", Fault::in_answer(0, What::Silence));
    let bench = with_pin(&settings, &hands).await;
    until_one_hangs(&way).await;
    bench.desk.lock_now().await.unwrap();
    unlock(&bench, PIN).await.unwrap();
    let state = bench.until("open or not", |state| !is_locked(state)).await;
    assert!(is_ready(&state), "{:?}", state.stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_that_hangs_keeps_nobody_from_their_screen() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let (way, settings) = by_way_of(&clinic, &data).await;
    let bench = with_pin(&settings, &hands).await;
    let id = clinic.request(Urgency::Routine, "Swollen ankle").await.id;
    bench.until_known(&id).await;
    clinic.taken_by(LINDQVIST, &id).await;
    bench.until_gone(&id).await;
    for hanging in [format!("POST /v1/consultations/{id}/break-glass"), "GET /v1/messages".to_owned()] {
        way.take();
        way.plan(&hanging, Fault::in_answer(0, What::Silence));
        let (desk, reason) = (bench.desk.clone(), "Collapsed in the waiting room".to_owned());
        let request = BreakGlass { id: id.clone(), reason, pin: SecretText::new(PIN) };
        let asked = tokio::spawn(async move { desk.break_glass(request).await });
        until_one_hangs(&way).await;
        bench.desk.lock_now().await.unwrap();
        unlock(&bench, PIN).await.unwrap();
        let state = bench.until("open or not", |state| !is_locked(state)).await;
        assert!(is_ready(&state), "{hanging}: {:?}", state.stage);
        assert!(state.glass.is_none());
        asked.await.unwrap().unwrap_err();
        bench.until_online().await;
    }
    bench.desk.close().await;
    drop(bench);
    let entries = files_of(&settings).await.search_audit(&Criteria::default(), None, 1000).unwrap();
    let of_glass: Vec<_> = entries
        .iter()
        .rev()
        .filter(|entry| ["break_glass.open", "break_glass.close"].contains(&entry.said.action.as_str()))
        .collect();
    let told: Vec<_> =
        of_glass.iter().map(|entry| (entry.said.outcome, entry.said.reason.as_deref())).collect();
    assert_eq!(
        told,
        [
            (Outcome::Failed, Some("MAY_HAVE_HAPPENED")),
            (Outcome::Success, Some("Collapsed in the waiting room")),
            (Outcome::Success, Some("lock")),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_changes_is_nobody_at_the_window() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data, hands) = (Clinic::patient().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = bench(&settings, &hands);
    bench.desk.start().await;
    bench.desk.sign_in(MENSAH).await.unwrap();
    bench.until_online().await;
    clinic.stop().await;
    clinic.sessions_say("$.delegatesFor", "physician-13");
    bench.until_offline().await;
    hands.move_by(250);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    clinic.start_again().await;
    let other = |state: &ProgramState| {
        matches!(&state.stage, Stage::Ready { person }
            if person.delegates_for.as_ref().is_some_and(|id| id.as_str() == "physician-13"))
    };
    bench.until("acts for the other one", other).await;
    hands.move_by(51);
    bench.until("locked", is_locked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_asked_for_while_the_files_get_another_key_comes_after_it() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data, hands) = (Clinic::open().await, TempDir::new().unwrap(), SetClock::default());
    let settings = clinic.settings(data.path());
    let bench = with_pin(&settings, &hands).await;
    for by_desktop in [true, false] {
        let desk = bench.desk.clone();
        let replacing = tokio::spawn(async move { desk.replace_records_key().await });
        bench.until("closed for it", |state| matches!(state.stage, Stage::Starting)).await;
        if by_desktop {
            bench.desk.lock_with_session().await;
        } else {
            bench.desk.lock_now().await.unwrap();
        }
        replacing.await.unwrap().unwrap();
        let state = bench.desk.state().await;
        assert!(is_locked(&state), "{:?}", state.stage);
        unlock(&bench, PIN).await.unwrap();
        bench.until_online().await;
    }
}
