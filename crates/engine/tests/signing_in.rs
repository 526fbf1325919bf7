//! Signing in with a clinic account: a real provider, the real server, real files and a real keyring; the browser is a
//! small HTTP client that fills in the provider's forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may"
)]
#![allow(clippy::disallowed_methods, reason = "a test has no clock to be given")]

#[path = "../../sign-in/tests/it/agent.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the sign-in's own tests")]
mod agent;
#[path = "support/provider.rs"]
mod provider;
mod support;

use std::time::{Duration, Instant};

use chatehr_audit::{Criteria, Outcome};
use chatehr_contract::*;
use chatehr_engine::Settings;
use chatehr_network::Link;
use chatehr_vault::keyring::{Keyring, KeyringError};
use provider::{Place, World};
use support::*;
use tempfile::TempDir;

/// What the keyring has of whoever is signed in: the session, and the refresh token.
fn kept(settings: &Settings) -> (Option<String>, Option<String>) {
    let ring = Keyring::new(&settings.keyring_service);
    let place = entry_name(&settings.api_url);
    let get = |kind: &str| {
        let mut asked = (0..10).map(|_| ring.get(&format!("{kind}:{place}")));
        // A keyring that is busy answers a moment later.
        let answer = asked.find(|answer| !matches!(answer, Err(KeyringError::Locked)));
        answer.expect("the keyring answers").unwrap().map(|text| text.to_string())
    };
    (get("session"), get("refresh"))
}

fn entry_name(api_url: &str) -> String {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    hash.update(api_url.len().to_be_bytes());
    hash.update(api_url.as_bytes());
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn refresh_token(settings: &Settings) -> String {
    let stored: serde_json::Value = serde_json::from_str(&kept(settings).1.unwrap()).unwrap();
    stored["token"].as_str().unwrap().to_owned()
}

/// The keyring has nothing of anybody any more.
async fn until_forgotten(settings: &Settings) {
    for _ in 0..200 {
        if kept(settings) == (None, None) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the keyring still has {:?}", kept(settings).0.is_some());
}

fn who(state: &ProgramState) -> Option<&str> {
    match &state.stage {
        Stage::Ready { person } => Some(person.id.as_str()),
        _ => None,
    }
}

/// What the one person's log has of sessions, in order.
async fn session_entries(bench: Bench, settings: &Settings) -> Vec<(String, Outcome, Option<String>)> {
    let entries = files(bench, settings).await.search_audit(&Criteria::default(), None, 1000).unwrap();
    let of_sessions = entries.into_iter().rev().filter(|entry| entry.said.action.starts_with("session."));
    of_sessions.map(|entry| (entry.said.action, entry.said.outcome, entry.said.reason)).collect()
}

fn is_locked(state: &ProgramState) -> bool {
    matches!(state.stage, Stage::Locked { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_physician_signs_in_in_the_browser_stays_signed_in_over_a_restart_and_signs_out() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::new(settings.clone()).await;
    let state = place.bench.until("asked", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    assert_eq!(state.clinic_sign_in, ClinicSignIn { offered: true, ..ClinicSignIn::default() });
    place.begin(SignInWay::Browser);
    let form = place.address().await;
    assert!(!form.contains("max_age"), "nobody was here before: {form}");
    place
        .bench
        .until("in the browser", |state| state.clinic_sign_in.waiting == Some(SignInWait::Browser))
        .await;
    let form = place.agent.open(&form).await;
    let last = place.agent.submit(&form, &[("login", "okafor")]).await;
    assert!(last.body.contains("You are signed in"), "{}", last.body);
    let state = place.bench.until("open", |state| who(state).is_some()).await;
    let Stage::Ready { person } = &state.stage else { panic!() };
    assert_eq!((person.id.as_str(), person.name.family.as_str()), ("physician-12", "Okafor"));
    assert_eq!(person.specialties.first(), Some(&SpecialtyCode::Cardiology));
    place.bench.until_online().await;
    assert_eq!(place.bench.desk.state().await.clinic_sign_in.waiting, None);

    // The session's entry opens nothing, and no token of an hour is in the keyring at all.
    let (session, refresh) = kept(&settings);
    let (session, refresh) = (session.unwrap(), refresh.unwrap());
    assert!(
        session.contains("\"token\":\"clinic:") && !session.contains(&refresh_token(&settings)),
        "{session}"
    );
    assert!(!refresh.contains("eyJ") && !session.contains("eyJ"), "an access token is kept");

    place.bench.desk.close().await;
    drop(place);
    let place = Place::new(settings.clone()).await;
    place.bench.until_ready().await;
    place.bench.until_online().await;
    assert_eq!(who(&place.bench.desk.state().await), Some("physician-12"));
    assert_ne!(kept(&settings).1.unwrap(), refresh, "the session was taken up by a refresh");

    let last = refresh_token(&settings);
    place.bench.desk.sign_out().await.unwrap();
    assert!(matches!(place.bench.desk.state().await.stage, Stage::SignIn { .. }));
    until_forgotten(&settings).await;
    // What the keyring held last opens nothing any more, as soon as the provider has been told.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form =
        [("grant_type", "refresh_token"), ("client_id", "chatehr-desktop"), ("refresh_token", last.as_str())];
    for _ in 0..100 {
        let answer = http.post(format!("{}/token", world.issuer)).form(&form).send().await.unwrap();
        if answer.status() == 400 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the refresh token still opens something");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_is_offered_to_sign_out_of_the_browser_too() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::signed_in(settings.clone(), "okafor").await;
    place.bench.desk.sign_out().await.unwrap();
    let goodbye = place.address().await;
    assert!(goodbye.contains("/session/end") && goodbye.contains("client_id=chatehr-desktop"), "{goodbye}");
    assert!(!goodbye.contains("id_token_hint"), "who it was stands in no browser's history");
    // Nobody has confirmed that page, so the browser still knows her; the next to sign in is asked all the same, also
    // after a restart.
    place.bench.desk.close().await;
    let agent = std::mem::replace(&mut place.agent, agent::Agent::new());
    drop(place);
    let mut place = Place::new(settings.clone()).await;
    place.agent = agent;
    place.bench.until("asked", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    assert!(address.contains("prompt=login+consent") && address.contains("max_age=0"), "{address}");
    let form = place.agent.open(&address).await;
    assert!(form.body.contains("data-asks=\"login\""), "{}", form.body);
    place.agent.submit(&form, &[("login", "okafor")]).await;
    place.bench.until_ready().await;
    place.bench.until_online().await;
    place.bench.desk.close().await;
    drop(place);
    let mut place = Place::new(settings).await;
    place.bench.until_ready().await;
    place.bench.until_online().await;
    place.bench.desk.sign_out().await.unwrap();
    assert!(place.address().await.contains("/session/end"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_after_a_sign_out_with_a_dead_network() {
    let Some(mut world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::signed_in(settings.clone(), "okafor").await;
    world.stop_provider();
    world.stop_clinic().await;
    let began = Instant::now();
    place.bench.desk.sign_out().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(matches!(place.bench.desk.state().await.stage, Stage::SignIn { .. }));
    until_forgotten(&settings).await;
    assert!(place.opened_nothing(), "a page that cannot open is not opened");
    place.bench.desk.close().await;
    drop(place);
    let place = Place::new(settings).await;
    place.bench.until("nobody", |state| matches!(state.stage, Stage::SignIn { .. })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_place_here_is_told_why_and_leaves_nothing_behind() {
    let Some(world) = World::open(3600).await else { return };
    for (login, code) in [
        ("marta", ErrorCode::WrongRole),
        ("norecord", ErrorCode::AccountNotLinked),
        ("norole", ErrorCode::AccountNotLinked),
        ("tworoles", ErrorCode::AccountNotLinked),
        ("nobody", ErrorCode::SignInDeclined),
    ] {
        let data = TempDir::new().unwrap();
        let settings = world.settings(data.path());
        let mut place = Place::new(settings.clone()).await;
        place.sign_in(login).await;
        assert_eq!(place.refusal().await, code, "{login}");
        assert!(matches!(place.bench.desk.state().await.stage, Stage::SignIn { .. }), "{login}");
        assert_eq!(kept(&settings), (None, None), "{login}");
        assert!(!data.path().join("people").exists(), "{login}");
        // And the next one comes in.
        place.agent = agent::Agent::new();
        place.sign_in("okafor").await;
        // The wait ends just after the desk has opened.
        let is_in = |state: &ProgramState| {
            who(state) == Some("physician-12") && state.clinic_sign_in.waiting.is_none()
        };
        let state = place.bench.until("open", is_in).await;
        assert_eq!(state.clinic_sign_in.error, None, "{login}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_locked_screen_opens_for_the_same_person_and_for_somebody_else_with_their_own_records() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::signed_in(settings.clone(), "okafor").await;
    let first = refresh_token(&settings);
    place.bench.desk.lock_now().await.unwrap();
    place.bench.until("locked", is_locked).await;
    // The browser still knows her, and is told to ask all the same.
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    assert!(address.contains("prompt=login+consent") && address.contains("max_age=0"), "{address}");
    let form = place.agent.open(&address).await;
    assert!(form.body.contains("Account"), "{}", form.body);
    place.agent.submit(&form, &[("login", "okafor")]).await;
    place.bench.until("open again", |state| who(state) == Some("physician-12")).await;
    place.bench.until_online().await;
    assert_ne!(refresh_token(&settings), first);
    // The new session is not ended with the old one.
    tokio::time::sleep(Duration::from_secs(1)).await;
    place.bench.until_online().await;

    place.bench.desk.lock_now().await.unwrap();
    place.bench.until("locked", is_locked).await;
    // Somebody who has no place here changes nothing for who is behind the lock.
    let before = refresh_token(&settings);
    place.agent = agent::Agent::new();
    place.sign_in("marta").await;
    assert_eq!(place.refusal().await, ErrorCode::WrongRole);
    assert!(is_locked(&place.bench.desk.state().await));
    assert_eq!(refresh_token(&settings), before);

    place.agent = agent::Agent::new();
    place.sign_in("lindqvist").await;
    place.bench.until("hers", |state| who(state) == Some("physician-13")).await;
    place.bench.until_online().await;
    assert!(kept(&settings).1.unwrap().contains("physician-13"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_at_the_locked_screen_is_on_record() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::signed_in(settings.clone(), "okafor").await;
    place.bench.desk.lock_now().await.unwrap();
    place.bench.until("locked", is_locked).await;
    place.agent = agent::Agent::new();
    place.sign_in("marta").await;
    assert_eq!(place.refusal().await, ErrorCode::WrongRole);
    // By now nothing waits in the ledger, which has closed: what comes later is told when it opens again.
    tokio::time::sleep(Duration::from_secs(4)).await;
    place.agent = agent::Agent::new();
    place.sign_in("nobody").await;
    assert_eq!(place.refusal().await, ErrorCode::SignInDeclined);
    place.agent = agent::Agent::new();
    place.sign_in("okafor").await;
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    let entries = session_entries(place.bench, &settings).await;
    let refused: Vec<_> = entries
        .iter()
        .filter(|(action, outcome, _)| action == "session.sign-in" && *outcome == Outcome::Refused)
        .map(|(_, _, reason)| reason.as_deref().unwrap())
        .collect();
    assert_eq!(refused, ["WRONG_ROLE", "SIGN_IN_DECLINED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_on_another_device_signs_in() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::new(settings.clone()).await;
    let enter = async |place: &mut Place| {
        place.begin(SignInWay::Device);
        let state = place
            .bench
            .until("a code", |state| matches!(state.clinic_sign_in.waiting, Some(SignInWait::Device { .. })))
            .await;
        let Some(SignInWait::Device { user_code, address, .. }) = state.clinic_sign_in.waiting else {
            panic!()
        };
        let entry = place.agent.open(&address).await;
        let confirm = place.agent.submit(&entry, &[("user_code", &user_code)]).await;
        let form = place.agent.submit(&confirm, &[]).await;
        place.agent.submit(&form, &[("login", "okafor")]).await;
    };
    enter(&mut place).await;
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    assert!(kept(&settings).1.is_some());
    // At the locked screen it is not enough that some browser knows her, and this provider does not say when it asked.
    place.bench.desk.lock_now().await.unwrap();
    place.bench.until("locked", is_locked).await;
    enter(&mut place).await;
    assert_eq!(place.refusal().await, ErrorCode::NotShownByCode);
    assert!(ErrorCode::NotShownByCode.next_step().contains("browser"));
    assert!(is_locked(&place.bench.desk.state().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_can_be_given_up_and_ends_by_itself() {
    let Some(mut world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let mut settings = world.settings(data.path());
    if let Some(oidc) = &mut settings.oidc {
        oidc.patience = Duration::from_secs(2);
    }
    let mut place = Place::new(settings).await;
    place.begin(SignInWay::Browser);
    let late = place.address().await;
    place.bench.desk.cancel_sign_in();
    let state = place.bench.desk.state().await.clinic_sign_in;
    assert_eq!((state.waiting, state.error), (None, None));
    // Whoever comes back all the same finds nobody waiting: the port is closed.
    let form = place.agent.open(&late).await;
    let back = place.agent.submit_until_callback(&form, &[("login", "okafor")]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(http.get(back).send().await.is_err());
    // A browser that was closed.
    place.begin(SignInWay::Browser);
    place.address().await;
    assert_eq!(place.refusal().await, ErrorCode::SignInTimedOut);
    place.sign_in("okafor").await;
    place.bench.until("open", |state| who(state).is_some()).await;
    place.bench.desk.sign_out().await.unwrap();
    world.stop_provider();
    place.begin(SignInWay::Browser);
    assert_eq!(place.refusal().await, ErrorCode::SignInUnavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_browser_the_way_by_code_is_named() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let bench = Bench::new(world.settings(data.path()), Desktop::default());
    bench.desk.start().await;
    bench.desk.begin_sign_in(BeginSignIn { way: SignInWay::Browser }).unwrap();
    let state = bench.until("told", |state| state.clinic_sign_in.error.is_some()).await;
    let error = state.clinic_sign_in.error.unwrap();
    assert_eq!(error.code, ErrorCode::NoBrowser);
    assert!(error.code.next_step().contains("another device"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_while_the_desk_was_locked_is_renewed_when_it_opens() {
    let Some(world) = World::open(4).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::signed_in(settings.clone(), "okafor").await;
    place.set_pin("402917", "okafor").await.unwrap();
    place.bench.desk.lock_now().await.unwrap();
    place.bench.until("locked", is_locked).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    place.bench.desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new("402917") }).await.unwrap();
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    place.bench.until_online().await;
    // And it goes on: token after token, without anybody being asked.
    tokio::time::sleep(Duration::from_secs(10)).await;
    place.bench.until_online().await;
    assert_eq!(who(&place.bench.desk.state().await), Some("physician-12"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_for_a_token_goes_once_there_is_one() {
    let Some(world) = World::open(4).await else { return };
    let data = TempDir::new().unwrap();
    let place = Place::signed_in(world.settings(data.path()), "okafor").await;
    let mut first = None;
    for _ in 0..100 {
        first = place.bench.queue().await.into_iter().next();
        if first.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let id = first.unwrap().id;
    place.bench.desk.accept(&id).await.unwrap();
    let say = async |text: &str| {
        let send = SendMessage { consultation_id: id.clone(), text: text.to_owned() };
        place.bench.desk.send(&send).await.unwrap();
    };
    let is_sent = |text: &'static str| {
        move |messages: &[MessageView]| {
            messages.iter().any(|message| {
                message.delivery == Delivery::Sent
                    && matches!(&message.body, MessageBody::Clear { text: said } if said == text)
            })
        }
    };
    say("before").await;
    place.bench.conversation_until(&id, is_sent("before")).await;

    world.way.set_link(Link::Refusing);
    tokio::time::sleep(Duration::from_secs(5)).await;
    say("while there is no token").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let state = place.bench.desk.state().await;
    assert_eq!((who(&state), state.outbox_waiting), (Some("physician-12"), 1), "{state:?}");
    world.way.set_link(Link::Up);
    let messages = place.bench.conversation_until(&id, is_sent("while there is no token")).await;
    let said = |message: &&MessageView| matches!(&message.body, MessageBody::Clear { text } if text == "while there is no token");
    assert_eq!(messages.iter().filter(said).count(), 1);
    assert_eq!(place.bench.desk.state().await.outbox_stuck, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_refresh_token_that_is_used_ends_the_session_with_a_sentence() {
    let Some(world) = World::open(4).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let place = Place::signed_in(settings.clone(), "okafor").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // The desk may use it up first; then the thief's use is the second one.
    let stolen = refresh_token(&settings);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "chatehr-desktop"),
        ("refresh_token", stolen.as_str()),
    ];
    http.post(format!("{}/token", world.issuer)).form(&form).send().await.unwrap();
    let state = place
        .bench
        .until("signed out", |state| matches!(&state.stage, Stage::SignIn { error: Some(_), .. }))
        .await;
    let Stage::SignIn { error: Some(error), .. } = state.stage else { panic!() };
    assert_eq!(error.code, ErrorCode::SignInTakenBack);
    assert!(error.code.next_step().contains("administrator"));
    until_forgotten(&settings).await;
    let entries = session_entries(place.bench, &settings).await;
    assert_eq!(
        entries[entries.len() - 2..],
        [
            ("session.refresh".to_owned(), Outcome::Refused, Some("INVALID_GRANT".to_owned())),
            ("session.end".to_owned(), Outcome::Success, Some("SIGN_IN_TAKEN_BACK".to_owned())),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workstation_with_another_days_clock_signs_nobody_in_and_says_so() {
    let Some(world) = World::open(3600).await else { return };
    for day in [-1, 1] {
        let data = TempDir::new().unwrap();
        let mut place = Place::new(world.settings(data.path())).await;
        place.clock.move_by(day * 86_400);
        place.sign_in("okafor").await;
        assert_eq!(place.refusal().await, ErrorCode::SignInNotTrusted);
        assert!(ErrorCode::SignInNotTrusted.next_step().contains("clock"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_is_set_and_forgotten_by_the_person_at_the_window_after_signing_in_once_more() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let mut place = Place::signed_in(world.settings(data.path()), "okafor").await;
    place.agent = agent::Agent::new();
    assert_eq!(place.set_pin("402917", "lindqvist").await.unwrap_err().code, ErrorCode::OtherPerson);
    assert!(!place.bench.desk.state().await.pin_set);

    let desk = place.bench.desk.clone();
    let request = SetPin { pin: SecretText::new("402917"), present: None };
    let asked = tokio::spawn(async move { desk.set_pin(request).await });
    let address = place.address().await;
    assert!(address.contains("prompt=login") && address.contains("max_age=0"), "{address}");
    assert!(!address.contains("offline_access"), "it is no second session: {address}");
    place.bench.desk.cancel_sign_in();
    assert_eq!(asked.await.unwrap().unwrap_err().code, ErrorCode::SignInDeclined);
    assert!(!place.bench.desk.state().await.pin_set);

    place.agent = agent::Agent::new();
    place.set_pin("402917", "okafor").await.unwrap();
    assert!(place.bench.desk.state().await.pin_set);
    // Whoever knows it needs no browser; whoever forgot it does.
    let request = SetPin { pin: SecretText::new("918273"), present: Some(SecretText::new("402917")) };
    place.bench.desk.set_pin(request).await.unwrap();
    assert!(place.opened_nothing());
    place.set_pin("402917", "okafor").await.unwrap();
    place.bench.desk.lock_now().await.unwrap();
    place.bench.desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new("402917") }).await.unwrap();
    place.bench.until_online().await;
    assert_eq!(who(&place.bench.desk.state().await), Some("physician-12"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_that_lets_nobody_stay_signed_in_is_obeyed_at_the_first_contact_and_asked_for_nothing_after()
{
    let policy = Policy { stay_signed_in: false, ..Policy::default() };
    let Some(world) = World::with_policy(3600, policy).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let mut place = Place::new(settings.clone()).await;
    // A new workstation does not know it yet.
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    assert!(address.contains("offline_access"), "{address}");
    let form = place.agent.open(&address).await;
    place.agent.submit(&form, &[("login", "okafor")]).await;
    place.bench.until_ready().await;
    place.bench.until_online().await;
    until_forgotten(&settings).await;
    assert_eq!(who(&place.bench.desk.state().await), Some("physician-12"), "nobody is sent away for it");

    place.bench.desk.close().await;
    drop(place);
    let mut place = Place::new(settings.clone()).await;
    let state = place.bench.until("nobody", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    assert!(matches!(state.stage, Stage::SignIn { error: None, .. }), "and nothing went wrong: {state:?}");
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    assert!(!address.contains("offline_access") && !address.contains("consent"), "{address}");
    let form = place.agent.open(&address).await;
    place.agent.submit(&form, &[("login", "okafor")]).await;
    place.bench.until_ready().await;
    place.bench.until_online().await;
    assert_eq!(kept(&settings), (None, None));
    // The same on another day, with the screen locked in between.
    place.bench.desk.lock_now().await.unwrap();
    place.sign_in("okafor").await;
    place.bench.until("open again", |state| who(state) == Some("physician-12")).await;
    place.bench.until_online().await;
    assert_eq!(kept(&settings), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workstation_may_be_stricter_than_its_clinic_and_lets_go_of_what_it_kept() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let place = Place::signed_in(settings.clone(), "okafor").await;
    assert!(kept(&settings).0.is_some() && kept(&settings).1.is_some());
    place.bench.desk.close().await;
    drop(place);

    let strict = Settings { stay_signed_in: false, ..settings.clone() };
    let mut place = Place::new(strict).await;
    place.bench.until("nobody", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    assert_eq!(kept(&settings), (None, None));
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    assert!(!address.contains("offline_access"), "{address}");
    let form = place.agent.open(&address).await;
    place.agent.submit(&form, &[("login", "okafor")]).await;
    place.bench.until_ready().await;
    place.bench.until_online().await;
    // The clinic's own word, which would allow it, has come meanwhile.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(kept(&settings), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_goes_to_no_other_provider() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let place = Place::signed_in(settings.clone(), "okafor").await;
    place.bench.desk.close().await;
    drop(place);
    let other = World::open(3600).await.unwrap();
    let elsewhere = Settings { oidc: other.settings(data.path()).oidc, ..settings.clone() };
    let place = Place::new(elsewhere).await;
    place.bench.until("nobody", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    until_forgotten(&settings).await;
    let asked = other.way.traffic().requests;
    assert!(!asked.iter().any(|line| line.starts_with("POST")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_is_pressed_twice_opens_one_page() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let mut place = Place::new(world.settings(data.path())).await;
    place.begin(SignInWay::Browser);
    place.begin(SignInWay::Browser);
    place.go_through("okafor").await;
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    assert!(place.opened_nothing());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_workstation_asks_everybody_anew() {
    let Some(world) = World::open(3600).await else { return };
    let data = TempDir::new().unwrap();
    let settings = Settings { shared: true, ..world.settings(data.path()) };
    let mut place = Place::new(settings).await;
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    assert!(address.contains("max_age=0"), "{address}");
}

/// The demonstration's own provider, on the server itself.
fn demonstration(clinic: &Clinic, data: &std::path::Path) -> Settings {
    let issuer = format!("{}/issuer", clinic.url().strip_suffix("/v1").unwrap());
    let mut oidc = chatehr_engine::SignInSettings::new(issuer, "chatehr-desktop");
    oidc.scopes = vec!["profile".into()];
    Settings { oidc: Some(oidc), ..clinic.settings(data) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_signs_in_as_a_hospital_does() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let data = TempDir::new().unwrap();
    let settings = demonstration(&clinic, data.path());
    let mut place = Place::new(settings.clone()).await;
    let state = place.bench.until("asked", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    assert!(state.clinic_sign_in.offered);
    let choose = async |place: &mut Place, account: &str| {
        let address = place.address().await;
        let page = place.agent.open(&address).await;
        assert!(page.body.contains("Dr Amara Okafor") && !page.body.contains("<script"), "{}", page.body);
        place.agent.submit(&page, &[("account", account)]).await
    };
    place.begin(SignInWay::Browser);
    choose(&mut place, "patient-2041").await;
    assert_eq!(place.refusal().await, ErrorCode::WrongRole);
    place.begin(SignInWay::Browser);
    choose(&mut place, "").await;
    assert_eq!(place.refusal().await, ErrorCode::SignInDeclined);
    place.begin(SignInWay::Browser);
    let last = choose(&mut place, "physician-12").await;
    assert!(last.body.contains("You are signed in"), "{}", last.body);
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    place.bench.until_online().await;
    // No test account is offered beside it.
    place.bench.desk.lock_now().await.unwrap();
    place.bench.until("locked", is_locked).await;
    // Its word says when somebody showed who they are, on another device too.
    place.begin(SignInWay::Device);
    let state = place
        .bench
        .until("a code", |state| matches!(state.clinic_sign_in.waiting, Some(SignInWait::Device { .. })))
        .await;
    let Some(SignInWait::Device { user_code, address, .. }) = state.clinic_sign_in.waiting else { panic!() };
    let page = place.agent.open(&address).await;
    let page = place.agent.submit(&page, &[("user_code", &user_code.to_lowercase())]).await;
    assert!(page.body.contains(&user_code), "{}", page.body);
    let done = place.agent.submit(&page, &[("account", "physician-12")]).await;
    assert!(done.body.contains("You are signed in"), "{}", done.body);
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    place.bench.desk.close().await;
    drop(place);
    let place = Place::new(settings.clone()).await;
    place.bench.until_ready().await;
    place.bench.until_online().await;
    place.bench.desk.sign_out().await.unwrap();
    let state = place.bench.desk.state().await;
    assert!(matches!(state.stage, Stage::SignIn { ref accounts, .. } if accounts.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_that_starts_again_has_forgotten_its_sessions_and_says_so() {
    if !keyring_is_here() {
        return;
    }
    let mut clinic = Clinic::open().await;
    let data = TempDir::new().unwrap();
    let mut place = Place::new(demonstration(&clinic, data.path())).await;
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    let page = place.agent.open(&address).await;
    place.agent.submit(&page, &[("account", "physician-12")]).await;
    place.bench.until("open", |state| who(state).is_some()).await;
    place.bench.until_online().await;
    clinic.stop().await;
    place.bench.until_offline().await;
    clinic.start_again().await;
    // Its keys are new, so the token is nobody's, and so is what would bring another.
    let state = place
        .bench
        .until("signed out", |state| matches!(&state.stage, Stage::SignIn { error: Some(_), .. }))
        .await;
    let Stage::SignIn { error: Some(error), .. } = state.stage else { panic!() };
    assert_eq!(error.code, ErrorCode::SignInTakenBack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_opens_in_an_emergency_after_signing_in_once_more_and_not_for_a_colleague() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let data = TempDir::new().unwrap();
    let id = clinic.request(Urgency::Routine, "Swollen ankle").await.id;
    clinic.taken_by(LINDQVIST, &id).await;
    let mut place = Place::new(demonstration(&clinic, data.path())).await;
    let choose = async |place: &mut Place, account: &str| {
        let address = place.address().await;
        let page = place.agent.open(&address).await;
        place.agent.submit(&page, &[("account", account)]).await;
        address
    };
    place.begin(SignInWay::Browser);
    choose(&mut place, "physician-12").await;
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    place.bench.until_online().await;
    for (account, refused) in [("physician-13", Some(ErrorCode::OtherPerson)), ("physician-12", None)] {
        let desk = place.bench.desk.clone();
        let reason = "Collapsed in the waiting room".to_owned();
        let request = BreakGlass { id: id.clone(), reason, pin: SecretText::new("") };
        let asked = tokio::spawn(async move { desk.break_glass(request).await });
        let address = choose(&mut place, account).await;
        assert!(address.contains("max_age=0"), "{address}");
        assert_eq!(asked.await.unwrap().err().map(|error| error.code), refused);
        assert_eq!(place.bench.desk.state().await.glass.is_some(), refused.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_gives_up_what_an_emergency_waited_for_and_nothing_opens_behind_it() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let data = TempDir::new().unwrap();
    let id = clinic.request(Urgency::Routine, "Swollen ankle").await.id;
    clinic.taken_by(LINDQVIST, &id).await;
    let mut place = Place::new(demonstration(&clinic, data.path())).await;
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    let page = place.agent.open(&address).await;
    place.agent.submit(&page, &[("account", "physician-12")]).await;
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    place.bench.until_online().await;
    let desk = place.bench.desk.clone();
    let reason = "Collapsed in the waiting room".to_owned();
    let request = BreakGlass { id: id.clone(), reason, pin: SecretText::new("") };
    let asked = tokio::spawn(async move { desk.break_glass(request).await });
    place.address().await;
    place.bench.desk.lock_now().await.unwrap();
    let state = place.bench.desk.state().await;
    assert!(is_locked(&state) && state.clinic_sign_in.waiting.is_none(), "{:?}", state.clinic_sign_in);
    let told = tokio::time::timeout(Duration::from_secs(5), asked).await.unwrap().unwrap();
    assert_eq!(told.unwrap_err().code, ErrorCode::SignInDeclined);
    assert!(place.bench.desk.state().await.glass.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_the_screen_by_pin_is_no_longer_waited_for_in_the_browser() {
    let Some(world) = World::open(4).await else { return };
    let data = TempDir::new().unwrap();
    let mut place = Place::signed_in(world.settings(data.path()), "okafor").await;
    let pin = || SecretText::new("402917");
    place.set_pin("402917", "okafor").await.unwrap();
    place.bench.desk.lock_now().await.unwrap();
    place.begin(SignInWay::Browser);
    let late = place.address().await;
    place.bench.desk.unlock_with_pin(UnlockWithPin { pin: pin() }).await.unwrap();
    place.bench.until_online().await;
    assert_eq!(place.bench.desk.state().await.clinic_sign_in.waiting, None);
    let form = place.agent.open(&late).await;
    let back = place.agent.submit_until_callback(&form, &[("login", "okafor")]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(http.get(back).send().await.is_err(), "nobody waits");
    assert_eq!(who(&place.bench.desk.state().await), Some("physician-12"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_fails_behind_the_lock_leaves_the_persons_own_session_as_it_was() {
    let Some(world) = World::open(4).await else { return };
    let data = TempDir::new().unwrap();
    let settings = world.settings(data.path());
    let server = settings.api_url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    let way = chatehr_network::Network::to(server.parse().unwrap(), 1).await.unwrap();
    let settings = Settings { api_url: url(way.address()), ..settings };
    let mut place = Place::signed_in(settings, "okafor").await;
    let pin = || SecretText::new("402917");
    place.set_pin("402917", "okafor").await.unwrap();
    place.bench.desk.lock_now().await.unwrap();
    way.set_link(Link::Refusing);
    place.sign_in("okafor").await;
    assert_eq!(place.refusal().await, ErrorCode::ServerUnreachable);
    tokio::time::sleep(Duration::from_secs(6)).await;
    way.heal();
    place.bench.desk.unlock_with_pin(UnlockWithPin { pin: pin() }).await.unwrap();
    let settled = |state: &ProgramState| {
        matches!(state.stage, Stage::SignIn { .. })
            || (who(state).is_some() && matches!(state.connection, Connection::Online { .. }))
    };
    let state = place.bench.until("online or signed out", settled).await;
    assert_eq!(who(&state), Some("physician-12"), "{:?}", state.stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_waits_for_nobody_in_the_browser_and_the_next_sign_in_begins_anew() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let data = TempDir::new().unwrap();
    let mut place = Place::new(demonstration(&clinic, data.path())).await;
    place.begin(SignInWay::Browser);
    let address = place.address().await;
    let page = place.agent.open(&address).await;
    place.agent.submit(&page, &[("account", "physician-12")]).await;
    place.bench.until("open", |state| who(state) == Some("physician-12")).await;
    place.bench.until_online().await;
    let desk = place.bench.desk.clone();
    let request = SetPin { pin: SecretText::new("402917"), present: None };
    let asked = tokio::spawn(async move { desk.set_pin(request).await });
    place.address().await;
    place.clock.move_by(12 * 3600 + 1);
    let over = |state: &ProgramState| matches!(state.stage, Stage::SignIn { .. });
    let state = place.bench.until("over", over).await;
    assert_eq!(state.clinic_sign_in.waiting, None);
    let told = tokio::time::timeout(Duration::from_secs(5), asked).await.unwrap().unwrap();
    told.unwrap_err();
    place.begin(SignInWay::Browser);
    place.address().await;
}
