//! The conversation as one line of time: days, the patient's first words, messages, and what happened in between.

use chatehr_contract::{
    ConsultationView, Conversation, Delivery, ErrorReport, MessageBody, MessageKind, MessageView, PersonId,
    Timestamp,
};

use super::context::{history_actor, history_words};
use crate::{time::Local, words};

/// One thing in the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A new day begins.
    Day(Local),
    /// The words that the request was made with.
    First,
    /// The message at this place of [`Conversation::messages`].
    Message(usize),
    /// Something happened: the words, and when.
    Event(String, Timestamp),
}

/// Puts everything into the order of time. What waits in the outbox stays last, as the host gives it, whatever the
/// clocks say.
pub fn timeline(
    view: &ConsultationView,
    conversation: &Conversation,
    me: &PersonId,
    local: impl Fn(Timestamp) -> Local,
) -> Vec<Item> {
    let asked = view.row.created_at;
    let mut dated: Vec<(Timestamp, Item)> = vec![(asked, Item::First)];
    let mut waiting = Vec::new();
    for (index, message) in conversation.messages.iter().enumerate() {
        if matches!(message.delivery, Delivery::Sent) {
            dated.push((message.at, Item::Message(index)));
        } else {
            waiting.push((message.at, Item::Message(index)));
        }
    }
    for line in view.history.iter().filter(|line| line.entry.action != "created") {
        let words = deed(history_words(line), history_actor(line, me, &view.row.patient_id).as_deref());
        dated.push((line.entry.at, Item::Event(words, line.entry.at)));
    }
    if conversation.has_older {
        // Earlier messages are missing: what lies before the first one shown would stand in a false order.
        let first_shown = conversation.messages.first().map_or(asked, |message| message.at);
        dated.retain(|(at, item)| matches!(item, Item::First) || *at >= first_shown);
    }
    dated.sort_by_key(|(at, _)| *at);
    let mut items = Vec::with_capacity(dated.len() + waiting.len() + 2);
    let mut day: Option<Local> = None;
    for (at, item) in dated.into_iter().chain(waiting) {
        let here = local(at);
        if !day.is_some_and(|day| day.same_day(here)) {
            items.push(Item::Day(here));
            day = Some(here);
        }
        items.push(item);
    }
    items
}

/// "Accepted, by you"; a note ends as its writer ended it.
fn deed(words: String, actor: Option<&str>) -> String {
    match actor {
        Some(actor) if words.ends_with(|sign: char| sign.is_ascii_punctuation()) => {
            format!("{words} · by {actor}")
        }
        Some(actor) => format!("{words}, by {actor}"),
        None => words,
    }
}

/// "Sent 10:42", "Waiting to be sent".
pub fn delivery_words(message: &MessageView, at: &str) -> String {
    match &message.delivery {
        Delivery::Sent => format!("Sent {at}"),
        Delivery::Queued if message.edit.is_some() => "Being changed: not sent meanwhile".to_owned(),
        Delivery::Queued if !message.changeable => {
            "Waiting for ChatEHR’s answer: it may have arrived already".to_owned()
        }
        Delivery::Queued => "Waiting to be sent".to_owned(),
        Delivery::Sending => "Sending…".to_owned(),
        Delivery::Stuck { error } if message.step.is_some() => format!("Not done: {}", error.sentence()),
        Delivery::Stuck { error } => format!("Not sent: {}", error.sentence()),
    }
}

/// The word for tests and styles.
pub const fn delivery_kind(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Sent => "sent",
        Delivery::Queued => "queued",
        Delivery::Sending => "sending",
        Delivery::Stuck { .. } => "stuck",
    }
}

/// What stands in the bubble, and whether it is the message itself.
pub fn body_words(message: &MessageView) -> (String, bool) {
    match (&message.body, &message.kind) {
        (MessageBody::Clear { .. }, MessageKind::Attachment) => {
            ("A file. This program does not open files yet.".to_owned(), false)
        }
        (MessageBody::Clear { text }, _) => (text.clone(), true),
        (MessageBody::Sealed, _) => {
            ("Sealed. Its key is not on this workstation; it opens once it is.".to_owned(), false)
        }
        (MessageBody::Unreadable, _) => (
            "This message cannot be opened: it was altered, or is not meant for this place. It is kept as it came."
                .to_owned(),
            false,
        ),
    }
}

/// Why a stuck message is stuck.
pub const fn stuck(delivery: &Delivery) -> Option<&ErrorReport> {
    match delivery {
        Delivery::Stuck { error } => Some(error),
        _ => None,
    }
}

/// Whose words: the patient's name, "Dr" and a name, or an id.
pub fn sender(view: &ConsultationView, message: &MessageView) -> String {
    if message.mine {
        return "You".to_owned();
    }
    let name = words::person(&message.from);
    if message.from.id == view.row.patient_id || message.from.name.is_none() {
        name
    } else {
        format!("Dr {name}")
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{
        ConsultationId, ConsultationRow, ConsultationStatus, ConsultationView, Conversation, Delivery,
        DialogWords, EnvelopeId, HistoryEntry, HistoryLine, MessageBody, MessageKind, MessageView, PersonId,
        PersonLabel, SpecialtyCode, Timestamp, Urgency,
    };

    use super::{Item, timeline};
    use crate::time::Local;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn local(at: Timestamp) -> Local {
        let day = u32::try_from(at.millis() / 1_000 / DAY).unwrap() + 1;
        Local { year: 2026, month: 1, day, weekday: 0, hour: 0, minute: 0, second: 0 }
    }

    fn view(history: &[(&str, i64)]) -> ConsultationView {
        let row = ConsultationRow {
            id: ConsultationId::new("c"),
            patient_id: PersonId::new("p"),
            patient: None,
            specialty: SpecialtyCode::Cardiology,
            urgency: Urgency::Urgent,
            status: ConsultationStatus::Assigned,
            summary: String::new(),
            created_at: at(100),
            answer_due: None,
            unread: 0,
        };
        let history = history.iter().map(|(action, seconds)| HistoryLine {
            entry: HistoryEntry {
                at: at(*seconds),
                actor_id: None,
                action: (*action).into(),
                from: None,
                to: Some(ConsultationStatus::Assigned),
                note: None,
            },
            actor: None,
        });
        ConsultationView {
            row,
            description: "words".into(),
            physician: None,
            mine: true,
            acknowledged: None,
            history: history.collect(),
            actions: vec![],
            waiting: vec![],
            unsure: None,
            refused: Vec::new(),
            may_write: true,
            may_note: true,
            may_not_write: None,
            appointments: vec![],
            earlier: vec![],
            draft: String::new(),
            words: DialogWords::default(),
        }
    }

    fn message(seconds: i64, delivery: Delivery) -> MessageView {
        MessageView {
            id: None,
            envelope_id: Some(EnvelopeId::new(seconds.to_string())),
            mine: true,
            from: PersonLabel { id: PersonId::new("me"), name: None },
            kind: MessageKind::Text,
            body: MessageBody::Clear { text: "hello".into() },
            at: at(seconds),
            changeable: delivery == Delivery::Queued,
            delivery,
            step: None,
            edit: None,
        }
    }

    fn items(messages: Vec<MessageView>, has_older: bool, history: &[(&str, i64)]) -> Vec<Item> {
        let conversation = Conversation { consultation_id: ConsultationId::new("c"), messages, has_older };
        timeline(&view(history), &conversation, &PersonId::new("me"), local)
    }

    #[test]
    fn messages_and_deeds_stand_in_the_order_of_time() {
        let items = items(vec![message(300, Delivery::Sent)], false, &[("created", 100), ("status", 200)]);
        assert!(matches!(items.as_slice(), [Item::Day(_), Item::First, Item::Event(..), Item::Message(0)]));
    }

    #[test]
    fn what_waits_stays_last_even_where_the_clock_runs_slow() {
        let items = items(vec![message(500, Delivery::Sent), message(150, Delivery::Queued)], false, &[]);
        assert!(matches!(items.as_slice(), [Item::Day(_), Item::First, Item::Message(0), Item::Message(1)]));
    }

    #[test]
    fn what_waits_says_whether_it_can_have_arrived() {
        let words = |message: &MessageView| super::delivery_words(message, "10:42");
        let waiting = message(1, Delivery::Queued);
        assert_eq!(words(&waiting), "Waiting to be sent");
        let doubtful = MessageView { changeable: false, ..waiting.clone() };
        assert!(words(&doubtful).ends_with("it may have arrived already"));
        let held = MessageView { edit: Some("half".into()), ..waiting };
        assert!(words(&held).ends_with("not sent meanwhile"));
        assert_eq!(words(&message(1, Delivery::Sent)), "Sent 10:42");
    }

    #[test]
    fn a_note_ends_as_its_writer_ended_it() {
        assert_eq!(super::deed("Accepted".into(), Some("you")), "Accepted, by you");
        assert_eq!(super::deed("Note: ECG today.".into(), Some("you")), "Note: ECG today. · by you");
        assert_eq!(super::deed("Cancelled".into(), None), "Cancelled");
    }

    #[test]
    fn each_new_day_is_named_once() {
        let items =
            items(vec![message(DAY + 5, Delivery::Sent), message(DAY + 9, Delivery::Sent)], false, &[]);
        assert_eq!(items.iter().filter(|item| matches!(item, Item::Day(_))).count(), 2);
    }

    #[test]
    fn events_from_before_the_first_shown_message_are_held_back_while_older_ones_are_missing() {
        let items = items(vec![message(300, Delivery::Sent)], true, &[("status", 200), ("status", 400)]);
        assert_eq!(items.iter().filter(|item| matches!(item, Item::Event(..))).count(), 1);
    }
}
