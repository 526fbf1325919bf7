//! What waits is changed or taken back as long as the server cannot have it, and a decision that comes too late says so.

use std::time::Duration;

use chatehr_contract::*;
use chatehr_network::{Fault, Link, Pace, What};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    MESSAGE,
    support::*,
    world::{World, words},
};

impl World {
    /// What waits in a conversation, in order.
    async fn waiting(&self, id: &ConsultationId) -> Vec<MessageView> {
        let request = ConversationRequest { id: id.clone(), limit: 100 };
        let messages = self.bench.desk.conversation(request).await.unwrap().messages;
        messages.into_iter().filter(|message| message.delivery != Delivery::Sent).collect()
    }

    async fn until_faults(&self, count: u64) {
        let began = Instant::now();
        while self.network.traffic().faults < count {
            assert!(began.elapsed() < Duration::from_secs(20), "nothing broke");
            sleep(Duration::from_millis(2)).await;
        }
    }

    async fn offline(&self) {
        self.network.set_link(Link::Refusing);
        self.bench.until_offline().await;
    }
}

fn envelope(message: &MessageView) -> EnvelopeId {
    message.envelope_id.clone().unwrap()
}

fn change(message: &MessageView, text: &str) -> EditMessage {
    EditMessage { envelope_id: envelope(message), text: text.to_owned() }
}

fn code(answer: Result<(), ErrorReport>) -> ErrorCode {
    answer.unwrap_err().code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_is_changed_in_its_place_or_taken_back_and_all_of_it_is_on_record() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    world.offline().await;
    for text in ["first", "seccond", "third"] {
        world.write(&id, text).await;
    }
    let waiting = world.waiting(&id).await;
    assert!(waiting.iter().all(|message| message.changeable));
    let desk = &world.bench.desk;
    desk.edit_message(&change(&waiting[1], "second")).await.unwrap();
    desk.discard_message(&envelope(&waiting[0])).await.unwrap();
    // The former name stands for nothing any more.
    assert_eq!(code(desk.edit_message(&change(&waiting[1], "again")).await), ErrorCode::NotWaiting);
    assert_eq!(code(desk.edit_message(&change(&waiting[2], " ")).await), ErrorCode::Invalid);
    let shown: Vec<_> = world.shown(&id).await.into_iter().map(|(text, _)| text).collect();
    assert_eq!(shown, ["second", "third"]);
    world.network.heal();
    world.until_sent(&id, &["second".to_owned(), "third".to_owned()], "changed").await;

    let vault = files(world.bench, &world.settings).await;
    let told = vault.search_audit(&chatehr_audit::Criteria::default(), None, 100).unwrap();
    let of_words = |action: &str| told.iter().filter(|entry| entry.said.action == action).count();
    let counts = ["message.create", "message.edit", "message.discard"].map(of_words);
    assert_eq!(counts, [3, 1, 1], "what was refused is not in the log as done");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_while_its_words_are_being_changed() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let (id, other) = (world.mine().await, world.mine().await);
    world.offline().await;
    world.write(&id, "half").await;
    world.write(&other, "of another").await;
    let waiting = world.waiting(&id).await.remove(0);
    let keep =
        |text: Option<&str>| KeepEdit { envelope_id: envelope(&waiting), text: text.map(ToOwned::to_owned) };
    world.bench.desk.keep_edit(keep(Some("half a"))).await.unwrap();
    world.network.heal();
    let all_sent = |messages: &[MessageView]| {
        messages.len() == 1 && messages.iter().all(|message| message.delivery == Delivery::Sent)
    };
    // Another conversation is not held up.
    world.bench.conversation_until(&other, all_sent).await;
    world.bench.desk.keep_edit(keep(Some("half a word"))).await.unwrap();
    let held = world.waiting(&id).await.remove(0);
    assert_eq!(held.edit.as_deref(), Some("half a word"));
    assert_eq!(held.body, MessageBody::Clear { text: "half".to_owned() });
    assert!(world.words(&id).await.is_empty());
    world.bench.desk.keep_edit(keep(None)).await.unwrap();
    world.until_sent(&id, &["half".to_owned()], "left as it was").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_or_may_have_arrived_stays_as_it_is_and_arrives_once() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    world.network.take();
    // The server has it, and its answer never comes.
    world.network.plan(MESSAGE, Fault::in_answer(0, What::Silence));
    world.write(&id, "said").await;
    world.until_faults(1).await;
    let message = world.waiting(&id).await.first().cloned();
    if let Some(message) = message.filter(|message| message.delivery == Delivery::Sending) {
        assert!(!message.changeable);
        let desk = &world.bench.desk;
        assert_eq!(code(desk.edit_message(&change(&message, "unsaid")).await), ErrorCode::OnItsWay);
        assert_eq!(code(desk.discard_message(&envelope(&message)).await), ErrorCode::OnItsWay);
    }
    world.network.set_link(Link::Refusing);
    world.bench.until_offline().await;
    if let Some(message) = world.waiting(&id).await.first() {
        assert!(!message.changeable);
        let desk = &world.bench.desk;
        let told = [
            code(desk.edit_message(&change(message, "unsaid")).await),
            code(desk.discard_message(&envelope(message)).await),
        ];
        assert!(
            told.iter().all(|code| matches!(code, ErrorCode::MayHaveArrived | ErrorCode::OnItsWay)),
            "{told:?}"
        );
    }
    world.network.heal();
    world.until_sent(&id, &["said".to_owned()], "once, and as it was").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_surely_never_left_may_be_changed_after_an_attempt() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let key_is_known = world.words(&id).await;
    assert!(key_is_known.is_empty());
    // Nobody takes the connection, and the desk does not know it yet: an attempt is made and finds no way.
    world.network.set_link(Link::Refusing);
    world.write(&id, "once").await;
    world.bench.until_offline().await;
    let began = Instant::now();
    let message = loop {
        let message = world.waiting(&id).await.remove(0);
        if message.delivery == Delivery::Queued {
            break message;
        }
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10)).await;
    };
    if message.changeable {
        world.bench.desk.edit_message(&change(&message, "otherwise")).await.unwrap();
        world.network.heal();
        world.until_sent(&id, &["otherwise".to_owned()], "never left").await;
    } else {
        // The connection that stood broke under it.
        world.network.heal();
        world.until_sent(&id, &["once".to_owned()], "may have left").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_change_and_an_attempt_at_the_same_moment_one_wins_as_a_whole() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let id = world.mine().await;
    let (mut expected, mut changed, mut too_late) = (Vec::new(), 0, 0);
    let pace = Pace { latency: Duration::from_millis(3), ..Pace::default() };
    world.network.set_pace(pace);
    for round in 0..45_u64 {
        let (first, old, new) = (format!("first {round}"), format!("old {round}"), format!("new {round}"));
        world.write(&id, &first).await;
        world.write(&id, &old).await;
        expected.push(first);
        let second = world.waiting(&id).await.pop();
        // The one before it takes some time on its way; how far the second has come by then is different each time.
        sleep(Duration::from_micros(round * 1_600)).await;
        let told = match &second {
            Some(message) if round % 3 == 2 => world.bench.desk.discard_message(&envelope(message)).await,
            Some(message) => world.bench.desk.edit_message(&change(message, &new)).await,
            None => Err(ErrorReport::new(ErrorCode::NotWaiting)),
        };
        match told {
            Ok(()) => {
                changed += 1;
                if round % 3 != 2 {
                    expected.push(new);
                }
            }
            Err(error) => {
                let late = matches!(error.code, ErrorCode::OnItsWay | ErrorCode::NotWaiting);
                assert!(late, "{round}: {error:?}");
                too_late += 1;
                expected.push(old);
            }
        }
        world.until_sent(&id, &expected, &format!("round {round}")).await;
    }
    println!("changed in time: {changed}, too late: {too_late}");
    assert!(changed > 0 && too_late > 0, "both were seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_message_changed_while_it_is_being_sealed_not_a_former_word_leaves() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let BeingSealed { bench, id, was_asked, let_go } =
        BeingSealed::new(&clinic, clinic.settings(data.path())).await;
    let waiting = bench.conversation_until(&id, |messages| messages.len() == 1).await;
    bench.desk.edit_message(&change(&waiting[0], "To the right one")).await.unwrap();
    // Both nonces.
    let_go.send(()).unwrap();
    let_go.send(()).unwrap();
    bench
        .conversation_until(&id, |messages| {
            messages.len() == 1 && messages.iter().all(|message| message.delivery == Delivery::Sent)
        })
        .await;
    let (okafor, _) = clinic.as_person(OKAFOR).await;
    assert_eq!(words(&okafor, &id).await, ["To the right one"]);
    drop(was_asked);
}
