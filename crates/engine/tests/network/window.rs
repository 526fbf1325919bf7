//! What the window asks is answered from the files: no network holds it up, and what does wait for the server holds up
//! nothing else.

use std::time::Duration;

use chatehr_contract::*;
use chatehr_network::{Fault, Link, What};
use tokio::time::{sleep, timeout};

use super::{
    Trouble,
    support::{waits::Sampling, *},
    world::World,
};

const PIN: &str = "402917";

macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident => $marker:ident ($request:ty) -> $response:ty;)+) => {
        const COMMANDS: &[&str] = &[$(stringify!($name)),+];
    };
}
chatehr_contract::clinician_commands!(names);

/// Need the server's word, or a person's elsewhere, and say so while they wait.
const NEEDS_THE_SERVER: &[&str] = &[
    "sign_in",
    "accept_consultation",
    "acknowledge_consultation",
    "decline_consultation",
    "hand_off_consultation",
    "add_note",
    "break_glass",
    "broken_glass",
];

/// Are for a stage at which nothing is open, or for keys alone: none of them has a network to wait for.
const OF_KEYS_AND_STAGES: &[&str] = &[
    "begin_sign_in",
    "cancel_sign_in",
    "rebuild_cache",
    "unlock_records",
    "sign_in_without_keyring",
    "add_passphrase",
    "add_recovery_code",
    "test_key_slot",
    "rotate_passphrase",
    "rotate_recovery_code",
    "remove_key_slot",
    "restore_to_keyring",
    "start_key_file_anew",
    "replace_records_key",
    "back_up_records",
];

/// Half of what a request may take: whoever waits for the network waits longer, and nobody else nearly so long.
const FAR_TOO_LONG: Duration = Duration::from_secs(15);

/// What has answered.
#[derive(Default)]
struct Answered(Vec<&'static str>);

impl Answered {
    async fn of<T>(&mut self, what: &'static str, asked: impl Future<Output = T>) -> T {
        let answer = timeout(FAR_TOO_LONG, asked).await;
        self.0.push(what);
        answer.unwrap_or_else(|_| panic!("{what} waits for the network"))
    }
}

fn set_a_pin() -> SetPin {
    SetPin { pin: SecretText::new(PIN), present: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_window_asks_waits_for_a_network_that_swallows_everything() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open_as_a_person().await;
    let (desk, mut answered) = (world.bench.desk.clone(), Answered::default());
    answered.of("set_pin", desk.set_pin(set_a_pin())).await.unwrap();
    let (id, another) = (world.mine().await, world.mine().await);
    let waits = world.clinic.request(Urgency::Routine, "a cough").await.id;
    world.bench.until_known(&waits).await;
    let theirs = world.clinic.request(Urgency::Routine, "a cough").await.id;
    world.bench.until_known(&theirs).await;
    world.clinic.taken_by(LINDQVIST, &theirs).await;
    world.bench.until_gone(&theirs).await;
    let reason = "Brought in unconscious".to_owned();
    desk.break_glass(BreakGlass { id: theirs.clone(), reason, pin: SecretText::new(PIN) }).await.unwrap();

    world.network.set_link(Link::BlackHole);
    // What does wait holds up nothing else.
    let (asking, asked) = (desk.clone(), waits.clone());
    let accepting = tokio::spawn(async move { asking.accept(&asked).await });
    answered.of("still_here", async { desk.still_here() }).await;
    let state = answered.of("program_state", desk.state()).await;
    assert!(matches!(state.connection, Connection::Online { .. }), "nobody has noticed anything yet");
    let queue = ConsultationList { scope: ListScope::Queue, limit: 50, ..ConsultationList::default() };
    assert!(!answered.of("consultation_list", desk.list(queue)).await.unwrap().rows.is_empty());
    answered.of("consultation", desk.consultation(&id)).await.unwrap();
    answered.of("consultation through glass", desk.consultation(&theirs)).await.unwrap();
    let conversation = || ConversationRequest { id: id.clone(), limit: 50 };
    answered.of("conversation", desk.conversation(conversation())).await.unwrap();
    let through_glass = ConversationRequest { id: theirs.clone(), limit: 50 };
    answered.of("conversation through glass", desk.conversation(through_glass)).await.unwrap();
    for text in ["on its way", "behind it"] {
        let send = SendMessage { consultation_id: id.clone(), text: text.to_owned() };
        answered.of("send_message", desk.send(&send)).await.unwrap();
    }
    let draft =
        SaveDraft { consultation_id: id.clone(), of: DraftOf::Message, text: "being typed".to_owned() };
    answered.of("save_draft", desk.save_draft(draft)).await.unwrap();
    let waiting = desk.conversation(conversation()).await.unwrap().messages;
    let envelope = waiting.last().unwrap().envelope_id.clone().unwrap();
    let keep = KeepEdit { envelope_id: envelope.clone(), text: Some("behind".to_owned()) };
    answered.of("keep_edit", desk.keep_edit(keep)).await.unwrap();
    let edit = EditMessage { envelope_id: envelope.clone(), text: "behind all".to_owned() };
    answered.of("edit_message", desk.edit_message(&edit)).await.unwrap();
    let renamed = desk.conversation(conversation()).await.unwrap().messages;
    let envelope = renamed.last().unwrap().envelope_id.clone().unwrap();
    drop(answered.of("retry_message", desk.retry_message(&envelope)).await);
    answered.of("discard_message", desk.discard_message(&envelope)).await.unwrap();
    answered.of("start_consultation", desk.start_work(&another)).await.unwrap();
    answered.of("complete_consultation", desk.complete(&completing(&another))).await.unwrap();
    let now = SetClock::default();
    let now = chatehr_engine::Clock::now(&now);
    let range = AppointmentRange { from: now.plus_seconds(-86_400), to: now.plus_seconds(86_400) };
    answered.of("appointments", desk.appointments(range)).await.unwrap();
    answered.of("colleagues", desk.colleagues(&SpecialtyCode::Cardiology)).await.unwrap();
    answered.of("connection_figures", desk.figures()).await.unwrap();
    answered.of("key_slots", desk.key_slots()).await.unwrap();
    let bundle = desk.support_bundle(chatehr_engine::HostReport::default());
    answered.of("support_bundle", bundle).await.unwrap();
    let file = world.settings.data_dir.join("bundle.txt").display().to_string();
    let save = desk.save_support_bundle(SaveSupportBundle { file });
    answered.of("save_support_bundle", save).await.unwrap();
    answered.of("test_alert", desk.test_alert()).await.unwrap();
    let note = AlertNote { id: id.clone(), deed: AlertDeed::Shown };
    answered.of("note_alert", desk.note_alert(note)).await.unwrap();
    answered.of("try_again", desk.try_again()).await.unwrap();
    answered.of("close_glass", desk.close_glass()).await.unwrap();
    assert!(!accepting.is_finished(), "it is the server's to say, and nobody hears it");
    let remove = RemovePin { present: Some(SecretText::new(PIN)) };
    answered.of("remove_pin", desk.remove_pin(remove)).await.unwrap();
    desk.set_pin(set_a_pin()).await.unwrap();
    answered.of("lock_now", desk.lock_now()).await.unwrap();
    let pin = UnlockWithPin { pin: SecretText::new(PIN) };
    answered.of("unlock_with_pin", desk.unlock_with_pin(pin)).await.unwrap();
    let state = desk.state().await;
    assert!(matches!(state.stage, Stage::Ready { .. }), "it is open again: {state:?}");
    let unheard = accepting.await.unwrap().unwrap_err();
    assert_eq!(unheard.code, ErrorCode::MayHaveHappened);
    assert_eq!(desk.consultation(&waits).await.unwrap().unsure, Some(Action::Accept));
    answered.of("sign_out", desk.sign_out()).await.unwrap();

    for command in COMMANDS {
        let lists = [answered.0.as_slice(), NEEDS_THE_SERVER, OF_KEYS_AND_STAGES];
        let named = lists.iter().filter(|list| list.contains(command)).count();
        assert_eq!(named, 1, "{command}: whether it waits for the network stands in one of the lists");
    }
}

/// `cargo test --package chatehr-engine --test network -- --ignored --nocapture how_long_the_window_waits`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_the_window_waits_while_each_trouble_lasts() {
    if !keyring_is_here() {
        return;
    }
    let lasting = Duration::from_secs(8);
    for trouble in [
        None,
        Some(Trouble::Link(Link::Refusing)),
        Some(Trouble::Link(Link::Stalled)),
        Some(Trouble::Link(Link::BlackHole)),
        Some(Trouble::ResetOnce),
        Some(Trouble::Slow),
        Some(Trouble::HalfOpenStream),
        Some(Trouble::HalfOpenMessage),
        Some(Trouble::Restart),
        Some(Trouble::Faults(r#"{"errorRate":1.0}"#)),
        Some(Trouble::Faults(r#"{"storm":true}"#)),
        Some(Trouble::Faults(r#"{"dropRate":1.0}"#)),
    ] {
        let mut world = World::open_as_a_person().await;
        let id = world.mine().await;
        let sampling = Sampling::begin(&world.bench.desk, &id);
        if let Some(trouble) = trouble {
            trouble.begin(&mut world).await;
        }
        sleep(lasting).await;
        if let Some(trouble) = trouble {
            trouble.end(&mut world).await;
        }
        sleep(Duration::from_secs(4)).await;
        let waits = sampling.end().await;
        let name = trouble.map_or_else(|| "no trouble".to_owned(), |trouble| format!("{trouble:?}"));
        println!("{name}: longest {:.0} ms: {waits}", waits.longest().as_secs_f64() * 1000.0);
        world.bench.desk.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fetched_after_a_decision_holds_no_files_of_a_desk_that_is_opened_again() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open_as_a_person().await;
    let desk = world.bench.desk.clone();
    desk.set_pin(set_a_pin()).await.unwrap();
    let id = world.clinic.request(Urgency::Routine, "a cough").await.id;
    world.bench.until_known(&id).await;
    world.network.take();
    for _ in 0..20 {
        world.network.plan("GET /v1/messages", Fault::in_request(0, What::Silence));
    }
    let (deciding, asked) = (desk.clone(), id.clone());
    let deciding = tokio::spawn(async move { deciding.accept(&asked).await });
    while world.network.traffic().faults == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    desk.lock_now().await.unwrap();
    desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new(PIN) }).await.unwrap();
    let state = desk.state().await;
    assert!(matches!(state.stage, Stage::Ready { .. }), "{:?}", state.stage);
    timeout(FAR_TOO_LONG, deciding).await.unwrap().unwrap().unwrap();
    world.network.heal();
    world.bench.until_status(&id, &ConsultationStatus::Assigned).await;
}
