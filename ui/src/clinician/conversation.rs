//! The conversation drawn: days, bubbles, how far each message has come.

use std::rc::Rc;

use chatehr_contract::{Action, ConsultationView, Conversation, Delivery, MessageView, Person};
use yew::prelude::*;

use super::{
    rail::title_and_name,
    shell::Dispatch,
    timeline::{Item, body_words, delivery_kind, delivery_words, sender, timeline},
    waiting::Waiting,
};
use crate::{
    icon::{Glyph, Icon},
    time, words,
};

/// What the conversation is made of.
#[derive(PartialEq, Properties)]
pub struct ConversationProps {
    /// Whose.
    pub view: Rc<ConsultationView>,
    /// Its messages; of the same consultation.
    pub conversation: Rc<Conversation>,
    /// Who is signed in.
    pub person: Person,
    /// Asks for older messages.
    pub on_older: Callback<()>,
    /// Where buttons go.
    pub dispatch: Dispatch,
}

/// How near the end counts as reading the end, in pixels.
const NEAR: i32 = 160;

/// See the module.
#[component]
pub fn ConversationPane(props: &ConversationProps) -> Html {
    let ConversationProps { view, conversation, person, .. } = props;
    let today = time::local(time::now());
    let items = timeline(view, conversation, &person.id, time::local);
    let scroller = use_node_ref();
    let at_end = use_mut_ref(|| true);
    {
        let (scroller, at_end) = (scroller.clone(), at_end.clone());
        let last_is_mine = conversation.messages.last().is_some_and(|message| message.mine);
        // A request without an answer is read from its first word.
        let unanswered = conversation.messages.is_empty();
        use_effect_with((conversation.messages.len(), items.len()), move |_| {
            let element = scroller
                .cast::<web_sys::Element>()
                .filter(|_| !unanswered && (*at_end.borrow() || last_is_mine));
            if let Some(element) = element {
                element.set_scroll_top(element.scroll_height());
            }
        });
    }
    let onscroll = {
        let scroller = scroller.clone();
        move |_: Event| {
            if let Some(element) = scroller.cast::<web_sys::Element>() {
                let below = element.scroll_height() - element.scroll_top() - element.client_height();
                at_end.replace(below < NEAR);
            }
        }
    };
    let older = {
        let on_older = props.on_older.clone();
        move |_| on_older.emit(())
    };
    html! {
        <div class="conversation" ref={scroller} {onscroll} role="log" aria-live="polite" aria-label="Conversation" tabindex="0">
            { for items.iter().enumerate().map(|(place, item)| match item {
                Item::Day(day) => html! { <p class="day" key={format!("day {place}")}>{ day.day_words(today) }</p> },
                Item::First => html! {
                    <key="first">
                        { first(view) }
                        if conversation.has_older {
                            <button type="button" class="button quiet small older" onclick={older.clone()}>
                                { "Show earlier messages" }
                            </button>
                        }
                    </>
                },
                Item::Event(words, at) => html! {
                    <p class="event" key={format!("event {} {words}", at.millis())}><span>{ format!("{} · {}", words::apart(words), time::local(*at).clock()) }</span></p>
                },
                Item::Message(index) => conversation.messages.get(*index).map(|message| {
                    let key = message.envelope_id.as_ref().map(ToString::to_string)
                        .or_else(|| message.id.as_ref().map(ToString::to_string)).unwrap_or_default();
                    html! {
                        <Bubble {key} message={message.clone()} view={view.clone()}
                            name={title_and_name(person)} dispatch={props.dispatch.clone()} />
                    }
                }).unwrap_or_default(),
            }) }
        </div>
    }
}

fn first(view: &ConsultationView) -> Html {
    let who = view
        .row
        .patient
        .as_ref()
        .map_or_else(|| view.row.patient_id.to_string(), |patient| patient.name.spoken());
    html! {
        <article class="bubble theirs first" data-test="request">
            <p class="bubble-words" dir="auto">{ view.description.clone() }</p>
            <p class="bubble-foot">{ format!("{} · {} · the request", words::apart(&who), time::local(view.row.created_at).clock()) }</p>
        </article>
    }
}

#[derive(PartialEq, Properties)]
struct BubbleProps {
    message: MessageView,
    view: Rc<ConsultationView>,
    name: String,
    dispatch: Dispatch,
}

#[component]
fn Bubble(props: &BubbleProps) -> Html {
    let BubbleProps { message, view, .. } = props;
    let clock = time::local(message.at).clock();
    let (words, is_message) = body_words(message);
    let foot = if message.mine {
        delivery_words(message, &clock)
    } else {
        format!("{} · {clock}", words::apart(&sender(view, message)))
    };
    let sign = match (&message.delivery, message.mine) {
        (Delivery::Queued, _) => Some(Glyph::Clock),
        (Delivery::Stuck { .. }, _) => Some(Glyph::Warning),
        (Delivery::Sent, true) => Some(Glyph::Check),
        _ => None,
    };
    html! {
        <article class={classes!("bubble", if message.mine { "mine" } else { "theirs" }, delivery_kind(&message.delivery),
                message.edit.is_some().then_some("changing"))}
            data-test="message" data-delivery={delivery_kind(&message.delivery)} data-mine={message.mine.to_string()}
            aria-label={message.mine.then(|| props.name.clone())}>
            if let Some(step) = message.step {
                <p class="bubble-step"><strong>{ step_words(step) }</strong></p>
                if !words.is_empty() { <p class="bubble-words" dir="auto">{ words }</p> }
            } else if message.edit.is_none() {
                <p class={classes!("bubble-words", (!is_message).then_some("unread-body"))} dir="auto">
                    if !is_message { <Icon glyph={Glyph::Lock} />{ " " } }
                    { words }
                </p>
            }
            if message.edit.is_none() {
                <p class="bubble-foot">
                    if let Some(glyph) = sign { <Icon {glyph} /> }
                    { foot }
                </p>
            }
            if message.mine && message.delivery != Delivery::Sent {
                <Waiting message={message.clone()} dispatch={props.dispatch.clone()} />
            }
        </article>
    }
}

/// What a step that waits does.
const fn step_words(step: Action) -> &'static str {
    match step {
        Action::Complete => "Completing the consultation",
        _ => "Starting work",
    }
}

/// Why nothing can be written, in words.
pub fn cannot_write(view: &ConsultationView) -> String {
    use chatehr_contract::ConsultationStatus as Status;
    if let Some(why) = &view.may_not_write {
        return why.clone();
    }
    match (&view.row.status, view.mine) {
        _ if view.waiting.last() == Some(&Action::Complete) => {
            "You have completed it. To write more, take that back while it waits.".to_owned()
        }
        // Who may not accept is told so where the others accept.
        (Status::Pending, _) if !view.actions.contains(&Action::Accept) => {
            "Nobody has accepted it yet, so nobody can write here.".to_owned()
        }
        (Status::Pending, _) => "Accept the consultation to write to the patient.".to_owned(),
        (Status::Completed | Status::Cancelled, _) => {
            format!("{}. Nothing more can be written here.", words::consultation_status(&view.row.status))
        }
        (_, false) => "Only the physician who has accepted it can write here.".to_owned(),
        _ => "Nothing can be written here at the moment.".to_owned(),
    }
}
