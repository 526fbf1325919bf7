//! Who decides on what has changed meanwhile is told so with the facts as they are now, and nobody is held up for what is
//! none of their decision.

use chatehr_contract::*;
use chatehr_network::{Fault, What};

use super::{
    lost::decide,
    steps::{ends_with_a_time, noted},
    support::*,
    world::World,
};

impl World {
    /// From here on the desk hears of no change: what it asks for stays on the way for as long as a request may take.
    fn hear_nothing(&self) {
        self.network.take();
        for _ in 0..40 {
            for request in ["GET /v1/changes", "GET /v1/consultations"] {
                self.network.plan(request, Fault::in_request(0, What::Silence));
            }
        }
    }

    /// The same person does this at another workstation.
    async fn elsewhere(&self, id: &ConsultationId, status: ConsultationStatus) -> Consultation {
        let key = format!("elsewhere {id} {status}");
        let update = ConsultationUpdate { status, physician_id: None, notes: None };
        self.okafor.update_consultation(id, &update, &key).await.unwrap()
    }

    /// The nurse leaves a note.
    async fn noted_by_the_nurse(&self, id: &ConsultationId) -> Consultation {
        let (mensah, _) = self.clinic.as_person(MENSAH).await;
        let note = NewNote { text: "The patient called again.".to_owned() };
        mensah.add_note(id, &note, &format!("noted {id}")).await.unwrap()
    }

    /// What the window was told to look at again since this was asked last.
    fn told_of(&self) -> Vec<ConsultationId> {
        let notices = std::mem::take(&mut *self.bench.notices.lock().unwrap());
        notices.into_iter().flat_map(|notice| notice.consultations).collect()
    }

    /// How often the server was asked this.
    fn asked(&self, request: &str) -> usize {
        let traffic = self.network.traffic();
        traffic.requests.iter().filter(|line| line.starts_with(request)).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facts_are_the_other_sides_when_a_refusal_is_told() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    // What this person still sees: the refusal has the whole record.
    let id = world.mine().await;
    world.hear_nothing();
    world.elsewhere(&id, ConsultationStatus::InProgress).await;
    let done = world.elsewhere(&id, ConsultationStatus::Completed).await;
    world.told_of();
    let told = decide(&world, "hand off", &id).await.unwrap_err();
    let view = world.view(&id).await;
    assert_eq!(told.code, ErrorCode::Conflict);
    assert!(told.detail.is_some_and(|words| words.starts_with("You completed this at ")));
    assert_eq!(view.row.status, ConsultationStatus::Completed);
    assert_eq!(view.history.len(), done.history.len(), "who did what stands beside it");
    assert!(view.actions.is_empty() && !view.may_write, "{:?}", view.actions);
    assert!(world.told_of().contains(&id), "the window looks at it again");
    assert_eq!(world.asked("GET /v1/consultations/"), 0, "nothing was left to be asked");
    world.network.heal();
    world.bench.until_online().await;

    // What is out of this person's sight: the refusal says whose it is.
    for decision in ["accept", "acknowledge", "decline"] {
        let id = world.clinic.request(Urgency::Urgent, "a cough").await.id;
        world.bench.until_known(&id).await;
        world.hear_nothing();
        world.clinic.taken_by(LINDQVIST, &id).await;
        world.told_of();
        let told = decide(&world, decision, &id).await.unwrap_err();
        let view = world.bench.desk.consultation(&id).await;
        assert_eq!(told.code, ErrorCode::AlreadyTaken, "{decision}");
        assert!(told.detail.is_some_and(|words| words.contains("Lindqvist accepted this at ")), "{decision}");
        assert_eq!(view.unwrap_err().code, ErrorCode::NotFound, "{decision}");
        assert!(world.bench.queue().await.iter().all(|row| row.id != id), "{decision}");
        assert!(world.told_of().contains(&id), "{decision}");
        world.network.heal();
        world.bench.until_online().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_what_has_changed_is_not_carried_out_and_the_change_is_shown() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    // By its rules the server would do both: hand off what has begun, and take a decline for giving back.
    let given = world.mine().await;
    let (_, lindqvist) = world.clinic.as_person(LINDQVIST).await;
    let to_lindqvist = HandOffConsultation {
        id: given.clone(),
        physician_id: Some(lindqvist),
        specialty: None,
        reason: "Off duty soon".to_owned(),
    };
    world.hear_nothing();
    let begun = world.elsewhere(&given, ConsultationStatus::InProgress).await;
    let told = world.bench.desk.hand_off(&to_lindqvist).await.unwrap_err();
    let view = world.view(&given).await;
    assert_eq!(told.code, ErrorCode::Conflict);
    let words = told.detail.unwrap();
    assert!(words.starts_with("You started work on this at ") && ends_with_a_time(&words), "{words}");
    assert_eq!(view.row.status, ConsultationStatus::InProgress);
    assert_eq!(view.actions, [Action::HandOff, Action::Complete], "what makes sense now is offered");
    assert_eq!(world.okafor.consultation(&given).await.unwrap().version, begun.version, "nothing was done");
    // Who has seen it decides on that.
    world.bench.desk.hand_off(&to_lindqvist).await.unwrap();
    world.network.heal();
    world.bench.until_online().await;

    let declined = world.clinic.request(Urgency::Urgent, "a cough").await.id;
    world.bench.until_known(&declined).await;
    world.hear_nothing();
    let taken = world.elsewhere(&declined, ConsultationStatus::Assigned).await;
    let told = decide(&world, "decline", &declined).await.unwrap_err();
    let view = world.view(&declined).await;
    assert_eq!(told.code, ErrorCode::Conflict);
    assert!(told.detail.is_some_and(|words| words.starts_with("You accepted this at ")));
    assert!(view.mine && view.actions.contains(&Action::Start), "{:?}", view.actions);
    assert_eq!(world.okafor.consultation(&declined).await.unwrap().version, taken.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_or_the_next_one_being_asked_holds_up_no_decision() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    world.hear_nothing();
    let noted = world.noted_by_the_nurse(&id).await;
    decide(&world, "hand off", &id).await.unwrap();
    assert_eq!(world.asked(&format!("POST /v1/consultations/{id}/handoff")), 2, "as seen, and as it is now");
    let (marta, _) = world.clinic.as_person(MARTA).await;
    assert_eq!(marta.consultation(&id).await.unwrap().version, noted.version + 1);
    world.network.heal();
    world.bench.until_online().await;

    let id = world.clinic.request(Urgency::Urgent, "a cough").await.id;
    world.bench.until_known(&id).await;
    world.hear_nothing();
    let (lindqvist, _) = world.clinic.as_person(LINDQVIST).await;
    let before = world.okafor.consultation(&id).await.unwrap().version;
    let no = Decline { reason: "away".to_owned() };
    assert!(lindqvist.decline(&id, &no, "away").await.unwrap().version > before);
    decide(&world, "decline", &id).await.unwrap();
    assert_eq!(world.asked(&format!("POST /v1/consultations/{id}/decline")), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waited_is_done_although_a_note_was_left_meanwhile() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let desk = &world.bench.desk;
    let (begun, both) = (world.mine().await, world.mine().await);
    desk.start_work(&begun).await.unwrap();
    world.bench.until_status(&begun, &ConsultationStatus::InProgress).await;
    world.away().await;
    desk.complete(&noted(&begun, "Seen again on Friday.")).await.unwrap();
    desk.start_work(&both).await.unwrap();
    desk.complete(&noted(&both, "Seen again on Monday.")).await.unwrap();
    let before = [world.noted_by_the_nurse(&begun).await, world.noted_by_the_nurse(&both).await];
    world.network.take();
    world.network.heal();
    for (id, before, steps) in [(&begun, &before[0], 1), (&both, &before[1], 2)] {
        world.bench.until_status(id, &ConsultationStatus::Completed).await;
        let after = world.okafor.consultation(id).await.unwrap();
        assert_eq!(after.version, before.version + steps);
        let put = world.asked(&format!("PUT /v1/consultations/{id}"));
        assert_eq!(put as u64, steps + 1, "one was asked of the record as it was seen, before the note");
    }
}
