//! Beginning and finishing wait in the outbox among the words, in order, each once; who was first is named.

use std::time::Duration;

use chatehr_contract::*;
use chatehr_network::{Fault, Link, What};
use tokio::time::{Instant, sleep};

use super::{STEP, support::*, world::World};

pub(crate) fn noted(id: &ConsultationId, note: &str) -> CompleteConsultation {
    CompleteConsultation { id: id.clone(), note: Some(note.to_owned()) }
}

impl World {
    pub(crate) async fn view(&self, id: &ConsultationId) -> ConsultationView {
        self.bench.desk.consultation(id).await.unwrap()
    }

    async fn unsent(&self, id: &ConsultationId) -> Vec<MessageView> {
        let request = ConversationRequest { id: id.clone(), limit: 100 };
        let messages = self.bench.desk.conversation(request).await.unwrap().messages;
        messages.into_iter().filter(|message| message.delivery != Delivery::Sent).collect()
    }

    /// What is stuck there, once something is, and the words for it.
    async fn until_stuck(&self, id: &ConsultationId) -> (MessageView, ErrorReport) {
        let began = Instant::now();
        loop {
            if let Some(message) = self.unsent(id).await.into_iter().next()
                && let Delivery::Stuck { error } = &message.delivery
            {
                return (message.clone(), error.clone());
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", self.unsent(id).await);
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn away(&self) {
        self.network.set_link(Link::Refusing);
        self.bench.until_offline().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_consultation_done_offline_is_at_the_server_in_order_and_once() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let before = world.okafor.consultation(&id).await.unwrap();
    world.away().await;
    let desk = &world.bench.desk;
    world.write(&id, "before").await;
    desk.start_work(&id).await.unwrap();
    let view = world.view(&id).await;
    assert_eq!(
        (view.row.status.clone(), view.waiting.as_slice()),
        (before.status, [Action::Start].as_slice())
    );
    assert_eq!(view.actions, [Action::Complete], "what waits is taken as done, and not offered twice");
    assert_eq!(desk.start_work(&id).await.unwrap_err().code, ErrorCode::Conflict);
    world.write(&id, "while at it").await;
    desk.complete(&noted(&id, " Seen again on Friday. ")).await.unwrap();
    let view = world.view(&id).await;
    assert_eq!((view.actions.len(), view.may_write), (0, false), "it is finished, as far as this desk goes");
    let late = SendMessage { consultation_id: id.clone(), text: "late".to_owned() };
    assert_eq!(desk.send(&late).await.unwrap_err().code, ErrorCode::Forbidden);
    let unsent = world.unsent(&id).await;
    let steps: Vec<_> = unsent.iter().map(|message| message.step).collect();
    assert_eq!(steps, [None, Some(Action::Start), None, Some(Action::Complete)]);

    world.network.heal();
    world.bench.until_status(&id, &ConsultationStatus::Completed).await;
    let after = world.okafor.consultation(&id).await.unwrap();
    assert_eq!(after.version, before.version + 2, "two steps");
    let notes: Vec<_> = after.notes().map(|(_, words)| words.to_owned()).collect();
    assert_eq!(notes, ["Seen again on Friday."]);
    assert_eq!(world.words(&id).await, ["before", "while at it"]);
    assert!(world.unsent(&id).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_done_once_wherever_the_connection_breaks() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    for (side, name) in
        [(Fault::in_request as fn(usize, What) -> Fault, "request"), (Fault::in_answer, "answer")]
    {
        let mut places = 0;
        for after in (0..64 * 1024).step_by(STEP) {
            let id = world.mine().await;
            let before = world.okafor.consultation(&id).await.unwrap().version;
            let what = if places % 2 == 0 { What::Cut } else { What::Reset };
            world.network.take();
            world.network.plan("PUT /v1/consultations/", side(after, what));
            world.bench.desk.start_work(&id).await.unwrap();
            world.bench.desk.complete(&noted(&id, "done")).await.unwrap();
            world.bench.until_status(&id, &ConsultationStatus::Completed).await;
            let record = world.okafor.consultation(&id).await.unwrap();
            assert_eq!(record.version, before + 2, "{name} {what:?} after {after}");
            assert_eq!(record.notes().count(), 1, "{name} {what:?} after {after}");
            if world.network.take().faults == 0 {
                world.network.heal();
                break;
            }
            places += 1;
        }
        println!("steps at the desk: {places} places in the {name}");
        assert!(places > 3, "{name}: {places}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_can_be_taken_back_and_what_it_hid_is_offered_again() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let before = world.view(&id).await.actions;
    world.away().await;
    world.bench.desk.start_work(&id).await.unwrap();
    let waiting = world.unsent(&id).await.remove(0);
    assert!(waiting.changeable);
    let envelope = waiting.envelope_id.unwrap();
    // A step has no words to change.
    world.bench.desk.discard_message(&envelope).await.unwrap();
    assert_eq!(world.view(&id).await.actions, before);
    world.network.heal();
    world.bench.until_online().await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(world.okafor.consultation(&id).await.unwrap().status, ConsultationStatus::Assigned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_finishing_waits_for_is_not_taken_back_before_it() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    world.away().await;
    let desk = &world.bench.desk;
    desk.start_work(&id).await.unwrap();
    desk.complete(&noted(&id, "all well")).await.unwrap();
    let waiting: Vec<_> = world.unsent(&id).await.into_iter().map(|one| one.envelope_id.unwrap()).collect();
    assert_eq!(desk.discard_message(&waiting[0]).await.unwrap_err().code, ErrorCode::StepFollows);
    assert_eq!(world.unsent(&id).await.len(), 2);
    for envelope in waiting.iter().rev() {
        desk.discard_message(envelope).await.unwrap();
    }
    assert!(world.unsent(&id).await.is_empty());
}

/// "… at 09:42".
pub(crate) fn ends_with_a_time(words: &str) -> bool {
    let clock: Vec<char> = words.chars().rev().take(9).collect::<Vec<_>>().into_iter().rev().collect();
    let clock: String = clock.into_iter().collect();
    clock.starts_with(" at ")
        && clock.get(4..).is_some_and(|time| time.split(':').all(|part| part.parse::<u8>().is_ok()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_overtaken_is_stuck_with_who_did_what_and_when_and_holds_up_no_other() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let (id, handed, other) = (world.mine().await, world.mine().await, world.mine().await);
    world.away().await;
    let desk = &world.bench.desk;
    desk.start_work(&id).await.unwrap();
    desk.complete(&noted(&id, "not to be lost")).await.unwrap();
    desk.start_work(&handed).await.unwrap();
    desk.start_work(&other).await.unwrap();
    // The same person at another workstation, and the record in other hands.
    for status in [ConsultationStatus::InProgress, ConsultationStatus::Completed] {
        let key = format!("elsewhere-{status}");
        let update = ConsultationUpdate { status, physician_id: None, notes: None };
        world.okafor.update_consultation(&id, &update, &key).await.unwrap();
    }
    let (_, lindqvist) = world.clinic.as_person(LINDQVIST).await;
    let handoff = Handoff { physician_id: Some(lindqvist), specialty: None, reason: "off duty".to_owned() };
    world.okafor.hand_off(&handed, &handoff, None, "handed").await.unwrap();

    world.network.heal();
    let (step, error) = world.until_stuck(&id).await;
    assert!(matches!(step.step, Some(Action::Start | Action::Complete)), "{step:?}");
    assert_eq!(error.code, ErrorCode::Conflict);
    let words = error.sentence();
    assert!(
        words.contains("You completed this at ") && ends_with_a_time(words.trim_end_matches('.')),
        "{words}"
    );
    let view = world.view(&id).await;
    assert_eq!(view.row.status, ConsultationStatus::Completed, "as it is now");
    assert!(view.actions.is_empty(), "nothing is offered that makes no sense any more");
    world.bench.until_status(&other, &ConsultationStatus::InProgress).await;
    // The note is there until the person has decided.
    let kept: Vec<_> = world.unsent(&id).await;
    assert!(kept.iter().any(|one| one.body == MessageBody::Clear { text: "not to be lost".to_owned() }));
    // What stood behind it is tried as soon as it is gone, and can be taken back after that.
    let began = Instant::now();
    while let Some(first) = world.unsent(&id).await.into_iter().next() {
        drop(desk.discard_message(&first.envelope_id.unwrap()).await);
        assert!(began.elapsed() < Duration::from_secs(20), "it can be taken back");
        sleep(Duration::from_millis(20)).await;
    }
    let vault = files(world.bench, &world.settings).await;
    let told = vault.search_audit(&chatehr_audit::Criteria::default(), None, 200).unwrap();
    let of_this = told.iter().filter(|entry| entry.said.objects.contains(&id.to_string()));
    let mut actions: Vec<_> = of_this.map(|entry| (entry.said.action.as_str(), entry.said.outcome)).collect();
    actions.retain(|(action, _)| action.starts_with("consultation.start"));
    actions.reverse();
    let (done, refused) = (chatehr_audit::Outcome::Success, chatehr_audit::Outcome::Refused);
    assert_eq!(
        actions,
        [
            ("consultation.start", done),
            ("consultation.start.refuse", refused),
            ("consultation.start.discard", done)
        ],
        "what was decided, what became of it, and what was decided then"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_first_is_named_with_what_they_did_and_when() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let (lindqvist, _) = world.clinic.as_person(LINDQVIST).await;
    for decision in ["accept", "decline", "acknowledge"] {
        let id = world.clinic.request(Urgency::Urgent, "a cough").await.id;
        world.bench.until_known(&id).await;
        let accept =
            ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
        lindqvist.update_consultation(&id, &accept, id.as_str()).await.unwrap();
        let told = super::lost::decide(&world, decision, &id).await.unwrap_err();
        assert_eq!(told.code, ErrorCode::AlreadyTaken, "{decision}");
        let words = told.detail.unwrap();
        assert!(
            words.starts_with("Dr ") && words.contains("Lindqvist accepted this at "),
            "{decision}: {words}"
        );
        assert!(ends_with_a_time(&words), "{words}");
        let began = Instant::now();
        while world.bench.desk.consultation(&id).await.is_ok() {
            assert!(began.elapsed() < Duration::from_secs(10), "{decision}: still shown as it was");
            sleep(Duration::from_millis(20)).await;
        }
    }
    // What this person did at another workstation is done, and no quarrel.
    let id = world.clinic.request(Urgency::Urgent, "a cough").await.id;
    world.bench.until_known(&id).await;
    let accept = ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
    world.okafor.update_consultation(&id, &accept, id.as_str()).await.unwrap();
    world.bench.desk.accept(&id).await.unwrap();
    // And what is finished is not handed on.
    for status in [ConsultationStatus::InProgress, ConsultationStatus::Completed] {
        let key = format!("{id}-{status}");
        let update = ConsultationUpdate { status, physician_id: None, notes: None };
        world.okafor.update_consultation(&id, &update, &key).await.unwrap();
    }
    let told = super::lost::decide(&world, "hand off", &id).await.unwrap_err();
    assert_eq!(told.code, ErrorCode::Conflict);
    assert!(
        told.detail.as_ref().is_some_and(|words| words.starts_with("You completed this at ")),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_is_in_charge_as_soon_as_the_server_has_said_so_and_not_before() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let (lindqvist, colleague) = world.clinic.as_person(LINDQVIST).await;
    let colleagues = world.bench.desk.colleagues(&SpecialtyCode::Cardiology).await.unwrap();
    assert!(colleagues.iter().any(|one| one.id == colleague));
    let (_, me) = world.clinic.as_person(OKAFOR).await;
    assert!(colleagues.iter().all(|one| one.id != me), "nobody hands off to themselves");
    assert!(colleagues.is_sorted_by_key(|one| !one.on_call), "who is on call stands first");
    let hand_off = HandOffConsultation {
        id: id.clone(),
        physician_id: Some(colleague.clone()),
        specialty: None,
        reason: "Off duty soon".to_owned(),
    };
    let nobody = HandOffConsultation { physician_id: None, ..hand_off.clone() };
    assert_eq!(world.bench.desk.hand_off(&nobody).await.unwrap_err().code, ErrorCode::Invalid);
    world.away().await;
    assert_eq!(world.bench.desk.hand_off(&hand_off).await.unwrap_err().code, ErrorCode::NeedsConnection);
    assert!(world.view(&id).await.mine);
    world.network.heal();
    world.bench.until_online().await;
    world.bench.desk.hand_off(&hand_off).await.unwrap();
    assert_eq!(lindqvist.consultation(&id).await.unwrap().physician_id, Some(colleague));
    let began = Instant::now();
    while world.bench.desk.consultation(&id).await.is_ok_and(|view| view.mine) {
        assert!(began.elapsed() < Duration::from_secs(10), "it is shown as this person's still");
        sleep(Duration::from_millis(20)).await;
    }
}
