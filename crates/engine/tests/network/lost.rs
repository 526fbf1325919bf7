//! Decisions whose answers are lost happen once, and the desk never says more than anybody knows.

use std::time::Duration;

use chatehr_contract::*;
use chatehr_network::{Fault, Link, Pace, What};
use tokio::time::{Instant, sleep};

use super::{support::*, world::World};

const DECISIONS: [&str; 4] = ["accept", "acknowledge", "decline", "hand off"];

/// The first line of the request.
fn request(decision: &str) -> &'static str {
    if decision == "accept" { "PUT /v1/consultations/" } else { "POST /v1/consultations/" }
}

pub(crate) async fn decide(world: &World, decision: &str, id: &ConsultationId) -> Result<(), ErrorReport> {
    let (desk, reason) = (&world.bench.desk, "Off duty soon".to_owned());
    match decision {
        "accept" => desk.accept(id).await,
        "acknowledge" => desk.acknowledge(id).await,
        "decline" => desk.decline(&DeclineConsultation { id: id.clone(), reason }).await,
        _ => {
            let specialty = Some(SpecialtyCode::PrimaryCare);
            let hand_off = HandOffConsultation { id: id.clone(), physician_id: None, specialty, reason };
            desk.hand_off(&hand_off).await
        }
    }
}

/// One on which this can be decided, and its version.
async fn ready(world: &World, decision: &str) -> (ConsultationId, u64) {
    let id = match decision {
        "hand off" => world.mine().await,
        _ => world.clinic.request(Urgency::Urgent, "a cough").await.id,
    };
    world.bench.until_known(&id).await;
    let version = version(world, &id).await;
    (id, version)
}

/// As the patient sees it, who sees it in whosever hands it is.
async fn version(world: &World, id: &ConsultationId) -> u64 {
    let (marta, _) = world.clinic.as_person(MARTA).await;
    marta.consultation(id).await.unwrap().version
}

/// How often something was done since that version: each step counts one.
async fn times(world: &World, id: &ConsultationId, before: u64) -> u64 {
    version(world, id).await - before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_and_the_decision_is_one() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    for decision in DECISIONS {
        for fault in [
            Fault::in_answer(0, What::Cut),
            Fault::in_answer(200, What::Reset),
            Fault::in_answer(600, What::Cut),
            Fault::in_request(150, What::Cut),
            Fault::in_answer(20, What::Silence),
            Fault::in_answer(500, What::Garbage(9)),
        ] {
            let why = format!("{decision}: {fault:?}");
            let (id, before) = ready(&world, decision).await;
            world.network.take();
            world.network.plan(request(decision), fault);
            decide(&world, decision, &id).await.unwrap_or_else(|error| panic!("{why}: {error:?}"));
            assert_eq!(times(&world, &id, before).await, 1, "{why}");
            world.network.heal();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_happened_is_called_that_until_the_next_contact_shows_it() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    for decision in DECISIONS {
        // Whether it reached the server: by an answer that is lost, or by a request that is.
        for done in [true, false] {
            let why = format!("{decision}, done: {done}");
            let (id, before) = ready(&world, decision).await;
            let fault = |at| if done { Fault::in_answer(0, at) } else { Fault::in_request(100, at) };
            world.network.take();
            world.network.plan(request(decision), fault(What::Cut));
            world.network.plan(request(decision), Fault::in_request(0, What::Cut));
            // What would clear it up at once is lost as well.
            for _ in 0..40 {
                world.network.plan("GET /v1/consultations/", Fault::in_request(0, What::Cut));
            }
            let told = decide(&world, decision, &id).await.unwrap_err();
            assert_eq!(told.code, ErrorCode::MayHaveHappened, "{why}");
            let puts = world.network.traffic().requests.len();
            let again = decide(&world, decision, &id).await.unwrap_err();
            assert!(
                matches!(again.code, ErrorCode::MayHaveHappened | ErrorCode::NeedsConnection),
                "{again:?}"
            );
            let asked = world.network.traffic().requests.into_iter().skip(puts);
            assert_eq!(asked.filter(|line| line.starts_with(request(decision))).count(), 0, "{why}");
            let view = world.bench.desk.consultation(&id).await;
            if let Ok(view) = view {
                assert!(view.unsure.is_some(), "{why}: it says that it does not know");
            }
            world.network.heal();
            let began = Instant::now();
            loop {
                let view = world.bench.desk.consultation(&id).await.ok();
                if view.as_ref().is_none_or(|view| view.unsure.is_none()) {
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "{why}: never found out");
                sleep(Duration::from_millis(20)).await;
            }
            let happened = times(&world, &id, before).await;
            assert_eq!(happened, u64::from(done), "{why}");
            if !done {
                decide(&world, decision, &id).await.unwrap_or_else(|error| panic!("{why}: {error:?}"));
                assert_eq!(times(&world, &id, before).await, 1, "{why}: then it is done once");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_left_is_not_called_doubtful() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let (id, before) = ready(&world, "accept").await;
    world.network.set_link(Link::Refusing);
    let told = decide(&world, "accept", &id).await.unwrap_err();
    let honest = [ErrorCode::ServerUnreachable, ErrorCode::NeedsConnection, ErrorCode::MayHaveHappened];
    assert!(honest.contains(&told.code), "{told:?}");
    world.bench.until_offline().await;
    let told = decide(&world, "accept", &id).await.unwrap_err();
    assert_eq!(told.code, ErrorCode::NeedsConnection);
    world.network.heal();
    world.bench.until_online().await;
    assert_eq!(times(&world, &id, before).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_happened_is_still_called_that_after_a_lock_and_is_found_out_behind_it() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let desk = &world.bench.desk;
    desk.set_pin(SetPin { pin: SecretText::new("402917"), present: None }).await.unwrap();
    for behind_the_lock in [false, true] {
        let (id, before) = ready(&world, "accept").await;
        world.network.take();
        world.network.plan(request("accept"), Fault::in_answer(0, What::Cut));
        world.network.plan(request("accept"), Fault::in_request(0, What::Cut));
        for _ in 0..100 {
            world.network.plan("GET /v1/consultations/", Fault::in_request(0, What::Cut));
        }
        let told = decide(&world, "accept", &id).await.unwrap_err();
        assert_eq!(told.code, ErrorCode::MayHaveHappened);
        desk.lock_now().await.unwrap();
        if behind_the_lock {
            world.network.heal();
            sleep(Duration::from_secs(10)).await;
        }
        world.network.set_link(Link::Refusing);
        desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new("402917") }).await.unwrap();
        world.bench.until_ready().await;
        let unsure = desk.consultation(&id).await.unwrap().unsure;
        assert_eq!(unsure.is_some(), !behind_the_lock, "{unsure:?}");
        world.network.heal();
        world.bench.until_status(&id, &ConsultationStatus::Assigned).await;
        for _ in 0..200 {
            if desk.consultation(&id).await.unwrap().unsure.is_none() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        assert!(desk.consultation(&id).await.unwrap().unsure.is_none());
        assert_eq!(times(&world, &id, before).await, 1);
    }
    let vault = files(world.bench, &world.settings).await;
    let accepted =
        chatehr_audit::Criteria { action: Some("consultation.accept"), ..chatehr_audit::Criteria::default() };
    let entries = vault.search_audit(&accepted, None, 100).unwrap();
    let done = entries.iter().filter(|entry| entry.said.outcome == chatehr_audit::Outcome::Success);
    assert_eq!(done.count(), 2, "what became of each is on record");
}

/// What the log has of the decisions to accept, in its order: asked, done, failed.
fn on_record(vault: &chatehr_vault::Vault, id: &ConsultationId) -> Vec<(String, chatehr_audit::Outcome)> {
    let told = vault.search_audit(&chatehr_audit::Criteria::default(), None, 200).unwrap();
    let about = |entry: &&chatehr_audit::Entry| {
        entry.said.action.starts_with("consultation.accept") && entry.said.objects.contains(&id.to_string())
    };
    let said = |entry: &chatehr_audit::Entry| (entry.said.action.clone(), entry.said.outcome);
    told.iter().rev().filter(about).map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_happened_is_still_called_that_when_the_program_has_ended_meanwhile() {
    use chatehr_audit::Outcome::{Failed, Success};
    if !keyring_is_here() {
        return;
    }
    let mut world = World::open().await;
    // The program ends after the answer was lost, and while it is still waited for.
    for waited_for in [false, true] {
        for done in [true, false] {
            let why = format!("waited for: {waited_for}, done: {done}");
            let (id, before) = ready(&world, "accept").await;
            let lost = if waited_for { What::Silence } else { What::Cut };
            let fault = if done { Fault::in_answer(0, lost) } else { Fault::in_request(100, lost) };
            world.network.take();
            world.network.plan(request("accept"), fault);
            world.network.plan(request("accept"), Fault::in_request(0, What::Cut));
            for _ in 0..100 {
                world.network.plan("GET /v1/consultations/", Fault::in_request(0, What::Cut));
            }
            if waited_for {
                let (desk, asked) = (world.bench.desk.clone(), id.clone());
                let asking = tokio::spawn(async move { desk.accept(&asked).await });
                while world.network.traffic().faults == 0 || done != (times(&world, &id, before).await == 1) {
                    sleep(Duration::from_millis(10)).await;
                }
                asking.abort();
                assert!(asking.await.unwrap_err().is_cancelled(), "{why}");
                let view = world.bench.desk.consultation(&id).await.unwrap();
                assert_eq!(view.unsure, Some(Action::Accept), "{why}: and nobody waits for it any more");
            } else {
                let told = decide(&world, "accept", &id).await.unwrap_err();
                assert_eq!(told.code, ErrorCode::MayHaveHappened, "{why}");
            }
            world.bench.desk.close().await;
            world.network.set_link(Link::Refusing);

            world.bench = Bench::eager(world.settings.clone(), &world.clock);
            let desk = world.bench.desk.clone();
            desk.start().await;
            world.bench.until_ready().await;
            world.bench.until_offline().await;
            assert_eq!(desk.consultation(&id).await.unwrap().unsure, Some(Action::Accept), "{why}");
            world.network.heal();
            world.bench.until_online().await;
            let began = Instant::now();
            while desk.consultation(&id).await.unwrap().unsure.is_some() {
                assert!(began.elapsed() < Duration::from_secs(20), "{why}: never found out");
                sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(desk.consultation(&id).await.unwrap().mine, done, "{why}");
            assert_eq!(times(&world, &id, before).await, u64::from(done), "{why}");

            // At the next start nothing is in doubt any more, and nothing is written down again.
            desk.close().await;
            world.bench = Bench::eager(world.settings.clone(), &world.clock);
            world.bench.desk.start().await;
            world.bench.until_ready().await;
            world.bench.until_online().await;
            sleep(Duration::from_millis(300)).await;
            assert_eq!(world.bench.desk.consultation(&id).await.unwrap().unsure, None, "{why}");
            world.bench.desk.close().await;
            let known = ("consultation.accept".to_owned(), if done { Success } else { Failed });
            let mut expected = vec![("consultation.accept.ask".to_owned(), Success)];
            expected.extend((!waited_for).then(|| ("consultation.accept".to_owned(), Failed)));
            expected.push(known);
            let vault = files_of(&world.settings).await;
            assert_eq!(on_record(&vault, &id), expected, "{why}");
            drop(vault);
            world.bench = Bench::eager(world.settings.clone(), &world.clock);
            world.bench.desk.start().await;
            world.bench.until_ready().await;
            world.bench.until_online().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_somebody_who_has_left_ends_nobody_elses_session() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open_as_a_person().await;
    let (id, _) = ready(&world, "accept").await;
    let desk = world.bench.desk.clone();
    // On its way for so long that the next person is there when it comes back, of a session that has ended.
    let slowly = Pace { latency: Duration::from_secs(6), ..Pace::default() };
    world.network.set_pace(slowly);
    let asked = tokio::spawn(async move { desk.accept(&id).await });
    sleep(Duration::from_millis(300)).await;
    world.network.set_pace(Pace::default());
    // Which ends the session at the server, so that the answer is a refusal.
    world.bench.desk.sign_out().await.unwrap();
    world.bench.desk.sign_in(LINDQVIST).await.unwrap();
    world.bench.until_ready().await;
    assert_eq!(asked.await.unwrap().unwrap_err().code, ErrorCode::MayHaveHappened);
    sleep(Duration::from_secs(7)).await;
    let stage = world.bench.desk.state().await.stage;
    assert!(matches!(&stage, Stage::Ready { person } if person.id.as_str() == "physician-13"), "{stage:?}");
}
