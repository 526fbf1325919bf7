//! What a person does at the desk happens once, and the desk says what is, through a network that fails in every way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod changing;
mod emergency;
mod keyless;
mod killed;
mod lost;
mod model;
mod refused;
mod server_killed;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod window;
mod world;

use std::time::Duration;

use chatehr_contract::*;
use chatehr_network::{Fault, Link, Pace, What};
use support::*;
use tokio::time::{Instant, sleep};
use world::{A_PERSONS, World, patience};

const MESSAGE: &str = "POST /v1/messages HTTP";
/// Between two places where it breaks.
const STEP: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_once_and_in_order_wherever_the_connection_breaks() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let mut words = Vec::new();
    for (side, name) in
        [(Fault::in_request as fn(usize, What) -> Fault, "request"), (Fault::in_answer, "answer")]
    {
        let mut places = 0;
        for after in (0..64 * 1024).step_by(STEP) {
            let what = match places % 3 {
                0 => What::Cut,
                1 => What::Reset,
                _ => What::SlowClose(Duration::from_millis(20)),
            };
            world.network.take();
            world.network.plan(MESSAGE, side(after, what));
            for _ in 0..2 {
                words.push(format!("word {}", words.len()));
                world.write(&id, words.last().unwrap()).await;
            }
            world.until_sent(&id, &words, &format!("{name} {what:?} after {after}")).await;
            if world.network.take().faults == 0 {
                world.network.heal();
                break;
            }
            places += 1;
        }
        println!("message at the desk: {places} places in the {name}");
        assert!(places > 8, "{name}: {places}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_noise_has_spoilt_is_asked_for_again_and_the_message_is_one() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let mut words = Vec::new();
    // In the status line, in a header, and in the record itself.
    for after in [3, 40, 300, 420, 600] {
        world.network.plan(MESSAGE, Fault::in_answer(after, What::Garbage(9)));
        words.push(format!("word {after}"));
        world.write(&id, words.last().unwrap()).await;
        world.until_sent(&id, &words, &format!("noise after {after}")).await;
    }
    assert!(world.network.take().faults >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_is_done_once_or_said_not_to_be() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let mut cases = 0;
    for action in ["accept", "start", "complete", "decline"] {
        for (place, fault) in [
            Fault::in_request(0, What::Cut),
            Fault::in_request(128, What::Reset),
            Fault::in_request(320, What::Cut),
            Fault::in_answer(0, What::Cut),
            Fault::in_answer(192, What::Reset),
            Fault::in_answer(640, What::Cut),
            Fault::in_answer(100, What::Garbage(9)),
            Fault::in_answer(700, What::Garbage(9)),
        ]
        .into_iter()
        .enumerate()
        // All places for one of them; the others take turns, because what they are made of is the same.
        .filter(|(place, _)| action == "accept" || place % 2 == action.len() % 2)
        {
            let id = world.clinic.request(Urgency::Routine, "a cough").await.id;
            world.bench.until_known(&id).await;
            let desk = &world.bench.desk;
            if matches!(action, "start" | "complete") {
                desk.accept(&id).await.unwrap();
            }
            if action == "complete" {
                desk.start_work(&id).await.unwrap();
            }
            if action == "complete" {
                world.bench.until_status(&id, &ConsultationStatus::InProgress).await;
            }
            let before = world.okafor.consultation(&id).await.unwrap();
            let verb = if action == "decline" { "POST /v1/consultations/" } else { "PUT /v1/consultations/" };
            world.network.plan(verb, fault);
            let press = || async {
                let reason = "Away today".to_owned();
                match action {
                    "accept" => desk.accept(&id).await,
                    "start" => desk.start_work(&id).await,
                    "complete" => desk.complete(&completing(&id)).await,
                    _ => desk.decline(&DeclineConsultation { id: id.clone(), reason }).await,
                }
            };
            let why = format!("{action} {place}: {fault:?}");
            let told = press().await;
            let after = world.okafor.consultation(&id).await.ok();
            let done = after.as_ref().is_none_or(|after| after.version > before.version);
            // A step may wait, and is shown as waiting until the server has it.
            let waits = matches!(action, "start" | "complete");
            assert!(done || waits || told.is_err(), "{why}: said to be done and is not");
            if !done && !waits {
                let again = Instant::now();
                while press().await.is_err() {
                    assert!(again.elapsed() < Duration::from_secs(20), "{why}");
                    sleep(Duration::from_millis(50)).await;
                }
            }
            // The desk comes to agree with the server by itself.
            let began = Instant::now();
            loop {
                let there = world.okafor.consultation(&id).await.ok();
                let here = desk.consultation(&id).await.ok();
                let agree = match (&there, &here) {
                    (Some(there), Some(here)) => {
                        let settled = here.waiting.is_empty() && here.unsure.is_none();
                        settled && there.version > before.version && there.status == here.row.status
                    }
                    (None, None) => true,
                    _ => false,
                };
                if agree {
                    if let Some(there) = there {
                        assert_eq!(there.version, before.version + 1, "{why}: one step");
                    }
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(30), "{why}: {there:?} is shown as {here:?}");
                sleep(Duration::from_millis(20)).await;
            }
            cases += 1;
        }
    }
    println!("decisions at the desk: {cases} cases");
}

/// How the network is bad, and what mends it.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Link(Link),
    ResetOnce,
    Slow,
    HalfOpenStream,
    HalfOpenMessage,
    Restart,
    Faults(&'static str),
}

impl Trouble {
    async fn begin(self, world: &mut World) {
        match self {
            Self::Link(link) => world.network.set_link(link),
            Self::ResetOnce => world.network.reset_all(),
            Self::Slow => world.network.set_pace(Pace {
                latency: Duration::from_millis(200),
                jitter: Duration::from_millis(200),
                bandwidth: Some(2_000),
            }),
            Self::HalfOpenStream => {
                world.network.plan("GET /v1/events", Fault::in_answer(0, What::Silence));
                world.network.cut_all();
            }
            Self::HalfOpenMessage => world.network.plan(MESSAGE, Fault::in_answer(30, What::Silence)),
            Self::Restart => world.clinic.stop().await,
            Self::Faults(json) => world.clinic.set_faults(json).await,
        }
    }

    async fn end(self, world: &mut World) {
        match self {
            Self::Restart => world.clinic.start_again().await,
            Self::Faults(_) => world.clinic.set_faults("{}").await,
            _ => world.network.heal(),
        }
    }
}

/// A desk in trouble for so long; what was written before, during and after it arrives. How long after it.
async fn goes_through(mut world: World, trouble: Trouble, lasting: Duration) -> Duration {
    let id = world.mine().await;
    let mut words = vec!["before".to_owned()];
    world.write(&id, "before").await;
    world.until_sent(&id, &words, "before").await;
    trouble.begin(&mut world).await;
    for text in ["during", "and more"] {
        words.push(text.to_owned());
        world.write(&id, text).await;
    }
    sleep(lasting).await;
    trouble.end(&mut world).await;
    let healed = Instant::now();
    words.push("after".to_owned());
    world.write(&id, "after").await;
    world.until_sent(&id, &words, &format!("{trouble:?}")).await;
    world.bench.until_online().await;
    healed.elapsed()
}

/// From the network's return until everything is there.
const HEALED: Duration = Duration::from_secs(5);
/// The same where the server itself fails now and then: the stream's own waits have grown by then, so that a clinic does not
/// come back all at once, and nothing is sent before it stands.
const HEALED_FITFUL: Duration = Duration::from_secs(12);
/// Such a server.
const FITFUL: &str = r#"{"errorRate":0.4,"dropRate":0.3,"latency":30}"#;

/// Whether a request hangs in it of which nobody can know that it will have no answer: it ends with its time-out, or with
/// the event stream where that is as silent. A person's is 30 s; here it is shorter.
const fn hangs(trouble: Trouble) -> bool {
    matches!(trouble, Trouble::Link(Link::BlackHole) | Trouble::HalfOpenStream | Trouble::HalfOpenMessage)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_trouble_all_that_was_written_arrives_once() {
    if !keyring_is_here() {
        return;
    }
    let short = Duration::from_secs(2);
    let long = Duration::from_secs(9);
    let troubles = [
        (Trouble::Link(Link::Refusing), short),
        (Trouble::Link(Link::Refusing), long),
        (Trouble::Link(Link::Stalled), short),
        (Trouble::Link(Link::BlackHole), short),
        (Trouble::Link(Link::BlackHole), long),
        (Trouble::ResetOnce, short),
        (Trouble::Slow, short),
        (Trouble::HalfOpenStream, short),
        (Trouble::HalfOpenMessage, short),
        (Trouble::Restart, short),
        (Trouble::Faults(r#"{"errorRate":1.0}"#), long),
        (Trouble::Faults(r#"{"storm":true}"#), long),
        (Trouble::Faults(r#"{"dropRate":1.0}"#), long),
        (Trouble::Faults(FITFUL), long),
    ];
    let (mut running, mut late) = (Vec::new(), Vec::new());
    for (trouble, lasting) in troubles {
        // One after the other, because the keyring answers one at a time.
        let world = World::open_drawing(if hangs(trouble) { patience() } else { A_PERSONS }).await;
        running.push((trouble, lasting, tokio::spawn(goes_through(world, trouble, lasting))));
    }
    for (trouble, lasting, healing) in running {
        let healed = healing.await.unwrap();
        println!("{trouble:?} for {lasting:?}: healed after {:.1} s", healed.as_secs_f64());
        let most = if matches!(trouble, Trouble::Faults(FITFUL)) { HEALED_FITFUL } else { HEALED };
        late.extend((healed > most).then(|| format!("{trouble:?} for {lasting:?}: {healed:?}")));
    }
    assert!(late.is_empty(), "{late:#?}");
}

/// With a person's time-outs, and no other: the server's sign of life comes every 15 s, and two that fail make a dead
/// connection. `cargo test --package chatehr-engine --test network -- --ignored --nocapture half_open`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes two minutes"]
async fn a_half_open_connection_is_noticed_within_thirty_seconds_and_a_message_in_it_arrives_once() {
    if !keyring_is_here() {
        return;
    }
    // When in the server's rhythm it falls silent makes the difference.
    let quiet = [1, 8, 14].map(Duration::from_secs);
    let mut running = Vec::new();
    for quiet in quiet {
        let world = World::open_as_a_person().await;
        running.push((quiet, tokio::spawn(falls_silent(world, quiet))));
    }
    for (quiet, silent) in running {
        let (noticed, back, sent) = silent.await.unwrap();
        println!(
            "silent {quiet:?} after the last event: noticed after {:.1} s, back {:.1} s after the network, the message {:.1} s after it",
            noticed.as_secs_f64(),
            back.as_secs_f64(),
            sent.as_secs_f64()
        );
        assert!(noticed <= Duration::from_secs(31), "{noticed:?}");
        assert!(back <= Duration::from_secs(15), "{back:?}");
        assert!(sent <= Duration::from_secs(35), "{sent:?}");
    }
}

/// So long after an event everything that stands falls silent, with a message under way. How long it is until that is
/// said, and from the network's return until the desk is in step and the message is there.
async fn falls_silent(world: World, quiet: Duration) -> (Duration, Duration, Duration) {
    let id = world.mine().await;
    world.write(&id, "before").await;
    world.until_sent(&id, &["before".to_owned()], "before").await;
    sleep(quiet).await;
    world.network.set_link(Link::BlackHole);
    let began = Instant::now();
    world.write(&id, "during").await;
    while matches!(world.bench.desk.state().await.connection, Connection::Online { .. }) {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody noticed");
        sleep(Duration::from_millis(50)).await;
    }
    let noticed = began.elapsed();
    sleep(Duration::from_secs(2)).await;
    world.network.heal();
    let healed = Instant::now();
    world.bench.until_online().await;
    let back = healed.elapsed();
    world.until_sent(&id, &["before".to_owned(), "during".to_owned()], "half-open").await;
    (noticed, back, healed.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_server_has_ended_keeps_what_waits_for_the_next_one() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    world.network.set_link(Link::Refusing);
    world.bench.until_offline().await;
    let words = ["first".to_owned(), "second".to_owned()];
    for text in &words {
        world.write(&id, text).await;
    }
    end_sessions(&world.clinic, &world.settings).await;
    world.network.heal();
    world.bench.until("signed out", |state| matches!(state.stage, Stage::SignIn { .. })).await;
    world.bench.desk.sign_in(OKAFOR).await.unwrap();
    world.bench.until_ready().await;
    world.until_sent(&id, &words, "signed in again").await;
}

/// Ends the desk's session at the server, by the token that the keyring has.
async fn end_sessions(clinic: &Clinic, settings: &chatehr_engine::Settings) {
    let keyring = chatehr_vault::keyring::Keyring::new(&settings.keyring_service);
    let entry = session_entry(&settings.api_url);
    let asked = tokio::task::spawn_blocking(move || {
        // One that is busy says that it is locked.
        (0..20).find_map(|_| {
            let got = keyring.get(&entry).ok();
            got.is_none().then(|| std::thread::sleep(Duration::from_millis(100)));
            got
        })
    });
    let text = asked.await.unwrap().expect("the keyring does not answer");
    // Whoever has signed out has none.
    let Some(text) = text else { return };
    let session: Session = serde_json::from_str(&text).unwrap();
    drop(clinic.client().with_session(&session.token).end_session().await);
}

/// The name under which the engine keeps it.
fn session_entry(api_url: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(api_url.len().to_be_bytes());
    hash.update(api_url);
    let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("session:{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_an_hour_keeps_no_message_waiting() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    // The first attempt fails and is to be repeated; then the clock is set back.
    world.network.plan(MESSAGE, Fault::in_request(100, What::Reset));
    world.write(&id, "late").await;
    let began = Instant::now();
    while world.network.traffic().faults == 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(1)).await;
    }
    world.clock.move_by(-3600);
    world.until_sent(&id, &["late".to_owned()], "the clock was set back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_eight_hours_asleep_everything_is_as_it_should_be() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let begun = world.mine().await;
    world.write(&id, "before").await;
    world.until_sent(&id, &["before".to_owned()], "before").await;
    // Asleep: something on the way has forgotten every connection, and nobody says so. A message and a step wait, and
    // the session ends.
    world.network.set_link(Link::BlackHole);
    world.write(&id, "waiting").await;
    world.bench.desk.start_work(&begun).await.unwrap();
    let colleague = world.clinic.request(Urgency::Urgent, "while asleep").await;
    sleep(Duration::from_millis(100)).await;
    end_sessions(&world.clinic, &world.settings).await;
    world.network.heal();
    world.clock.move_by(8 * 3600);
    // Nobody has shown that they are there: it is closed, and whoever signs in finds everything in step.
    let woke = Instant::now();
    world
        .bench
        .until("the session's end is known", |state| matches!(state.stage, Stage::SignIn { .. }))
        .await;
    world.bench.desk.sign_in(OKAFOR).await.unwrap();
    world.bench.until_known(&colleague.id).await;
    println!("asleep for eight hours: in step after {:.1} s", woke.elapsed().as_secs_f64());
    world.write(&id, "after").await;
    let words = ["before", "waiting", "after"].map(str::to_owned);
    world.until_sent(&id, &words, "awake").await;
    world.bench.until_status(&begun, &ConsultationStatus::InProgress).await;
    let record = world.okafor.consultation(&begun).await.unwrap();
    assert_eq!(record.version, 3, "asked for, taken and begun, each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_repeated_as_soon_as_the_stream_has_fallen_silent() {
    if !keyring_is_here() {
        return;
    }
    // A request may take longer than the stream may be silent.
    let world = World::open_drawing(Duration::from_secs(120)).await;
    let id = world.mine().await;
    // What the last event has brought about is over: while its own question hangs, nobody listens to the stream.
    sleep(Duration::from_secs(2)).await;
    world.network.set_link(Link::BlackHole);
    world.write(&id, "during").await;
    world
        .bench
        .until_told("noticed", 800, |state| !matches!(state.connection, Connection::Online { .. }))
        .await;
    world.network.heal();
    let took = world.until_sent(&id, &["during".to_owned()], "half-open").await;
    assert!(took <= HEALED, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_locked_screen_what_waits_goes_out_as_soon_as_the_network_is_back() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open_drawing(A_PERSONS).await;
    let id = world.mine().await;
    world.network.set_link(Link::Refusing);
    world.bench.until_offline().await;
    world.write(&id, "waiting").await;
    world.bench.desk.lock_now().await.unwrap();
    // The waits have grown.
    sleep(Duration::from_secs(12)).await;
    world.network.heal();
    let healed = Instant::now();
    while world.words(&id).await.is_empty() {
        assert!(healed.elapsed() <= HEALED, "it waits on");
        sleep(Duration::from_millis(50)).await;
    }
    println!("behind a locked screen: there after {:.1} s", healed.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_at_any_step_of_sending_sends_once_after_the_next_start() {
    if !keyring_is_here() {
        return;
    }
    let mut world = World::open().await;
    let id = world.mine().await;
    let mut words = Vec::new();
    for step in ["queued", "being sent", "sealed and failed", "there and not answered", "answered by half"] {
        words.push(step.to_owned());
        let seen = world.network.take();
        drop(seen);
        match step {
            "queued" => {
                world.network.set_link(Link::Refusing);
                world.bench.until_offline().await;
            }
            "being sent" => world.network.plan(MESSAGE, Fault::in_request(10, What::Silence)),
            // Each time that it is tried until the program has ended, which takes a busy machine a while.
            "sealed and failed" => {
                (0..20).for_each(|_| world.network.plan(MESSAGE, Fault::in_request(10, What::Cut)));
            }
            "there and not answered" => world.network.plan(MESSAGE, Fault::in_answer(0, What::Silence)),
            _ => world.network.plan(MESSAGE, Fault::in_answer(400, What::Silence)),
        }
        world.write(&id, step).await;
        let began = Instant::now();
        while step != "queued" && world.network.traffic().faults == 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "{step}");
            sleep(Duration::from_millis(1)).await;
        }
        world.bench.desk.close().await;
        let there = world.words(&id).await;
        let expected = if step.contains("answered") { words.len() } else { words.len() - 1 };
        assert_eq!(there.len(), expected, "{step}");
        world.network.heal();
        world.bench = Bench::eager(world.settings.clone(), &world.clock);
        world.bench.desk.start().await;
        world.bench.until_ready().await;
        world.until_sent(&id, &words, step).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_patient_wrote_while_words_waited_is_unread_and_is_said_to_be_read_when_it_was() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    world.network.set_link(Link::Refusing);
    world.bench.until_offline().await;
    world.write(&id, "written before it came").await;
    world.clinic.marta_writes(&id, "physician-12", "It is worse now").await;
    world.network.heal();
    let unread = async || world.bench.desk.consultation(&id).await.unwrap().row.unread;
    let both = async || world.words(&id).await.len() == 2;
    let began = Instant::now();
    while unread().await == 0 || !both().await {
        assert!(began.elapsed() < Duration::from_secs(20), "it counts as answered");
        sleep(Duration::from_millis(20)).await;
    }
    world.bench.until("nothing waits", |state| state.outbox_waiting == 0).await;
    assert_eq!(unread().await, 1, "the words that waited are no answer to it");
    world.shown(&id).await;
    let (marta, _) = world.clinic.as_person(MARTA).await;
    let is_read = async || marta.all_messages(&id).await.unwrap().rows[0].read_at().is_some();
    while !is_read().await {
        assert!(began.elapsed() < Duration::from_secs(20), "the patient is not told");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(unread().await, 0);
}
