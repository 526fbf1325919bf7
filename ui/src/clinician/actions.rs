//! What this person may do with the consultation now, and the words when it cannot be done, or nobody knows whether it
//! has been.

use std::rc::Rc;

use chatehr_contract::{
    Action, CompleteConsultation, ConsultationRef, ConsultationStatus, ConsultationView, DeclineConsultation,
    DraftOf, ErrorCode, ErrorReport, HandOffConsultation, MAX_REASON_CHARS, PersonId,
    command::clinician as command,
};
use yew::prelude::*;

use super::{
    ask::use_doing,
    complete::CompleteDialog,
    dialog::Dialog,
    due::{overdue, pressing, urgency_class},
    hand_off::HandOffDialog,
    kept::{Words, use_words},
    notice::ErrorNotice,
    row::{urgency_tag, who},
    shell::{Dispatch, Step},
};
use crate::{
    backend::{Backend, use_backend},
    dom::use_server_clock,
    icon::{Glyph, Icon},
    time, words,
};

/// What the bar is made of.
#[derive(PartialEq, Properties)]
pub struct ActionsProps {
    /// Whose.
    pub view: Rc<ConsultationView>,
    /// The connection is lost, so nothing can be done that is the server's to confirm.
    pub offline: bool,
    /// It has left this person's view: what is shown is how it stood, and nothing can be done with it.
    pub left: bool,
    /// What else is wrong, shown unless the last action went wrong: that is what the person wants to know first.
    pub notice: Option<Html>,
    /// Who is signed in.
    pub me: PersonId,
    /// Told when something was done.
    pub dispatch: Dispatch,
}

/// Reasons that fit most days.
const REASONS: [&str; 4] = [
    "I am with another emergency",
    "Not my specialty",
    "I am off duty soon",
    "I know this patient privately",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    Nothing,
    Decline,
    Complete,
    HandOff,
}

async fn perform(backend: Backend, action: Action, id: ConsultationRef) -> Result<(), ErrorReport> {
    match action {
        Action::Accept => backend.call::<command::Accept>(&id).await,
        Action::Acknowledge => backend.call::<command::Acknowledge>(&id).await,
        Action::Start => backend.call::<command::Start>(&id).await,
        // What they need is asked for first; see the dialogs.
        Action::Complete | Action::Decline | Action::HandOff => Ok(()),
    }
}

/// See the module.
#[component]
pub fn Actions(props: &ActionsProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let under_way = use_state(|| None::<Action>);
    let asking = use_state(|| Asking::Nothing);
    let view = &props.view;
    let row = &view.row;
    let declining = use_words(&row.id, DraftOf::Decline, &view.words.decline);
    let handing_off = use_words(&row.id, DraftOf::HandOff, &view.words.hand_off);
    let completing = use_words(&row.id, DraftOf::Complete, &view.words.complete);
    let (title, late) = use_server_clock(row.clone(), |now, row| (pressing(now, row), overdue(now, row)));
    let class = if late { "emergency" } else { urgency_class(&row.urgency) };
    let can = |action: Action| !props.left && view.actions.contains(&action);
    let pending = row.status == ConsultationStatus::Pending;
    let needs_word = |action: &Action| !matches!(action, Action::Start | Action::Complete);
    let blocked = props.offline && !props.left && view.actions.iter().any(needs_word);
    // Nobody knows yet: the same is not asked twice.
    let unsure = view.unsure;
    let lost = use_state(|| None::<Action>);
    {
        let lost = lost.clone();
        use_effect_with((unsure, view.actions.clone()), move |(unsure, actions)| {
            // What has happened after all is not missed later, when the record comes back.
            let happened = lost.is_some_and(|lost| unsure.is_none() && !actions.contains(&lost));
            if unsure.is_some() || happened {
                lost.set(*unsure);
            }
        });
    }
    let not_done = lost.filter(|lost| unsure.is_none() && !doing.busy() && view.actions.contains(lost));

    let run = {
        let (doing, dispatch, under_way) = (doing.clone(), props.dispatch.clone(), under_way.clone());
        let (backend, id) = (backend.clone(), row.id.clone());
        move |action: Action| {
            under_way.set(Some(action));
            let dispatch = dispatch.clone();
            doing.run(perform(backend.clone(), action, ConsultationRef { id: id.clone() }), move |()| {
                dispatch.dispatch(Step::Did);
            });
        }
    };
    let decline = {
        let (doing, dispatch, under_way, asking) =
            (doing.clone(), props.dispatch.clone(), under_way.clone(), asking.clone());
        let (backend, id, words) = (backend.clone(), row.id.clone(), declining.clone());
        Callback::from(move |reason: String| {
            asking.set(Asking::Nothing);
            under_way.set(Some(Action::Decline));
            let (backend, dispatch, words) = (backend.clone(), dispatch.clone(), words.clone());
            let ask = DeclineConsultation { id: id.clone(), reason };
            doing.run(async move { backend.call::<command::Decline>(&ask).await }, move |()| {
                words.forget();
                dispatch.dispatch(Step::Did);
                dispatch.dispatch(Step::CloseConsultation);
            });
        })
    };
    let complete = {
        let (doing, dispatch, under_way, asking) =
            (doing.clone(), props.dispatch.clone(), under_way.clone(), asking.clone());
        let (backend, id, words) = (backend.clone(), row.id.clone(), completing.clone());
        Callback::from(move |note: Option<String>| {
            asking.set(Asking::Nothing);
            under_way.set(Some(Action::Complete));
            let (backend, dispatch, words) = (backend.clone(), dispatch.clone(), words.clone());
            let ask = CompleteConsultation { id: id.clone(), note };
            doing.run(async move { backend.call::<command::Complete>(&ask).await }, move |()| {
                words.forget();
                dispatch.dispatch(Step::Did);
            });
        })
    };
    let hand_off = {
        let (doing, dispatch, under_way, asking) =
            (doing.clone(), props.dispatch.clone(), under_way.clone(), asking.clone());
        let (backend, words) = (backend.clone(), handing_off.clone());
        Callback::from(move |ask: HandOffConsultation| {
            asking.set(Asking::Nothing);
            under_way.set(Some(Action::HandOff));
            let (backend, dispatch, words) = (backend.clone(), dispatch.clone(), words.clone());
            doing.run(async move { backend.call::<command::HandOff>(&ask).await }, move |()| {
                words.forget();
                dispatch.dispatch(Step::Did);
                dispatch.dispatch(Step::CloseConsultation);
            });
        })
    };
    let ask = |what: Asking| {
        let asking = asking.setter();
        Callback::from(move |_: MouseEvent| asking.set(what))
    };
    let close = {
        let asking = asking.setter();
        Callback::from(move |()| asking.set(Asking::Nothing))
    };
    let at_once = |action: Action| {
        let run = run.clone();
        Callback::from(move |_: MouseEvent| run(action))
    };
    let button = |action: Action,
                  label: &'static str,
                  key: &'static str,
                  test: &'static str,
                  class: Option<&'static str>,
                  onclick: Callback<MouseEvent>| {
        html! {
            <button type="button" class={classes!("button", class)}
                disabled={doing.busy() || unsure.is_some() || (blocked && needs_word(&action))}
                {onclick} data-test={test} data-key={key.to_lowercase()} aria-keyshortcuts={key}
                aria-describedby={(blocked && needs_word(&action)).then_some("offline-reason")}>
                if doing.busy() && *under_way == Some(action) { <span class="spinner" /> }
                { label }<kbd class="key" aria-hidden="true">{ key }</kbd>
            </button>
        }
    };
    let error = {
        let doing = doing.clone();
        // The bar itself says what nobody knows, for as long as nobody does.
        let error = doing.error().filter(|error| error.code != ErrorCode::MayHaveHappened);
        error.map(|error| {
            html! { <ErrorNotice {error} on_dismiss={Callback::from(move |()| doing.dismiss())} /> }
        })
    };
    let not_done = not_done.map(|action| {
        let forget = lost.setter();
        html! {
            <div class="notice info" role="status" data-test="not-done">
                <Icon glyph={Glyph::Again} />
                <p class="words">
                    <strong>{ format!("ChatEHR answers again: this was not {}.", done_words(action)) }</strong>
                    <span>{ "Look at it as it stands now, and decide again." }</span>
                </p>
                <button type="button" class="button quiet small icon-only" aria-label="Close this notice"
                    onclick={move |_| forget.set(None)}><Icon glyph={Glyph::Close} /></button>
            </div>
        }
    });
    let bar = if props.left {
        html! {
            <section class="action-bar routine" aria-label="Next step">
                <div class="action-words">
                    <strong>{ "No longer in your list" }</strong>
                    <span>{ "What you see is how it stood last." }</span>
                </div>
            </section>
        }
    } else if let Some(action) = unsure {
        html! {
            <section class="action-bar urgent" aria-label="Next step" data-test="unsure">
                <div class="action-words" role="status">
                    <strong class="urgent"><span class="spinner" />{ format!("You may have {} it", done_words(action)) }</strong>
                    <span>{ UNSURE }</span>
                </div>
            </section>
        }
    } else if pending {
        html! {
            <section class={classes!("action-bar", class)} aria-label="Decide">
                <div class="action-words">
                    <strong {class}>
                        if row.urgency.alerts() { <Icon glyph={Glyph::of(&row.urgency)} /> }
                        <span role="timer">{ title }</span>
                    </strong>
                    <span data-test="acknowledged">{ seen_by(view) }</span>
                </div>
                <div class="action-buttons">
                    if can(Action::Decline) { { button(Action::Decline, "Decline", "D", "action-decline", None, ask(Asking::Decline)) } }
                    if can(Action::Acknowledge) { { button(Action::Acknowledge, "Acknowledge", "W", "action-acknowledge", None, at_once(Action::Acknowledge)) } }
                    if can(Action::Accept) { { button(Action::Accept, "Accept", "A", "action-accept", Some("primary"), at_once(Action::Accept)) } }
                </div>
                { refusals(view) }
                { blocked.then(|| offline_reason(OFFLINE_PENDING)) }
            </section>
        }
    } else {
        let (title, text) = standing(view);
        html! {
            <section class="action-bar routine" aria-label="Next step">
                <div class="action-words"><strong>{ title }</strong>if !text.is_empty() { <span>{ text }</span> }</div>
                <div class="action-buttons">
                    if can(Action::HandOff) { { button(Action::HandOff, "Hand off", "H", "action-hand-off", None, ask(Asking::HandOff)) } }
                    if can(Action::Start) { { button(Action::Start, "Start", "S", "action-start", Some("primary"), at_once(Action::Start)) } }
                    if can(Action::Complete) { { button(Action::Complete, "Complete", "C", "action-complete", None, ask(Asking::Complete)) } }
                </div>
                { refusals(view) }
                { blocked.then(|| offline_reason(OFFLINE_TAKEN)) }
            </section>
        }
    };
    html! {
        <>
            { bar }
            { error.or(not_done).or_else(|| props.notice.clone()) }
            if *asking == Asking::Decline {
                <DeclineDialog words={declining} whom={whom(view)} offline={props.offline} on_close={close.clone()} on_decline={decline} />
            }
            if *asking == Asking::Complete {
                <CompleteDialog words={completing} whom={whom(view)} offline={props.offline} on_close={close.clone()} on_complete={complete} />
            }
            if *asking == Asking::HandOff {
                <HandOffDialog words={handing_off} id={row.id.clone()} specialty={row.specialty.clone()} started={row.status == ConsultationStatus::InProgress}
                    me={props.me.clone()} whom={whom(view)} offline={props.offline} on_close={close} on_hand_off={hand_off} />
            }
        </>
    }
}

const OFFLINE_PENDING: &str = "Accepting, acknowledging and declining need the connection: responsibility for a patient changes hands. If it cannot wait, call the clinic’s desk.";
const OFFLINE_TAKEN: &str = "Handing off needs the connection: responsibility for a patient changes hands. What you write, start and complete waits here, and is sent once it is back.";
const UNSURE: &str = "The connection broke before ChatEHR answered. It is asked again by itself; until then, count on neither. If it cannot wait, call the clinic’s desk.";

/// "accepted".
const fn done_words(action: Action) -> &'static str {
    match action {
        Action::Accept => "accepted",
        Action::Decline => "declined",
        Action::Acknowledge => "acknowledged",
        Action::Start => "started",
        Action::Complete => "completed",
        Action::HandOff => "handed off",
    }
}

/// "Acknowledged by you 10:42."
fn seen_by(view: &ConsultationView) -> String {
    let Some(seen) = &view.acknowledged else { return "Nobody has accepted it yet.".to_owned() };
    let at = time::local(seen.at).when(time::local(time::now()));
    if seen.mine {
        format!("Acknowledged by you {at}.")
    } else {
        let who = seen
            .by
            .name
            .as_ref()
            .map_or_else(|| words::person(&seen.by), |_| format!("Dr {}", words::person(&seen.by)));
        format!("Acknowledged by {who} {at}.")
    }
}

/// Why the buttons above cannot be pressed.
fn offline_reason(words: &'static str) -> Html {
    html! { <p class="action-reason" id="offline-reason">{ words }</p> }
}

/// What others could do here, and why this person cannot.
fn refusals(view: &ConsultationView) -> Html {
    let mut whys: Vec<&str> = view.refused.iter().map(|refused| refused.why.as_str()).collect();
    whys.dedup();
    if whys.is_empty() {
        return Html::default();
    }
    html! {
        <p class="action-reason" data-test="refused-actions"><Icon glyph={Glyph::Lock} />{ " " }{ whys.join(" ") }</p>
    }
}

/// Whom a question is about, in the question itself: it lies over the banner that says so.
fn whom(view: &ConsultationView) -> Html {
    html! {
        <p class="dialog-whom"><strong>{ who(&view.row, time::local(time::now())) }</strong>{ urgency_tag(&view.row) }</p>
    }
}

const NOT_TOLD: &str = "It waits to be sent: ChatEHR and your colleagues do not know yet.";

/// How a consultation that nobody needs to decide on stands.
fn standing(view: &ConsultationView) -> (String, &'static str) {
    match view.waiting.last() {
        Some(Action::Complete) => return ("You have completed it".to_owned(), NOT_TOLD),
        Some(_) => return ("You have started".to_owned(), NOT_TOLD),
        None => {}
    }
    let who = match (&view.physician, view.mine) {
        (_, true) => "you".to_owned(),
        (Some(physician), _) if physician.name.is_some() => format!("Dr {}", words::person(physician)),
        (Some(physician), _) => words::person(physician),
        (None, _) => "somebody else".to_owned(),
    };
    match (&view.row.status, view.mine) {
        (ConsultationStatus::Assigned, true) => {
            ("You have accepted it".to_owned(), "Start when you turn to this patient.")
        }
        (ConsultationStatus::Assigned, false) => (format!("Accepted by {who}"), ""),
        (ConsultationStatus::InProgress, true) => ("In progress, with you".to_owned(), ""),
        (ConsultationStatus::InProgress, false) => (format!("In progress, with {who}"), ""),
        (ConsultationStatus::Other(_), _) => (
            format!("Status: {}", words::consultation_status(&view.row.status)),
            "This program does not know this status, so it offers nothing to do. Ask your administrator for an update.",
        ),
        (status, _) => (words::consultation_status(status), ""),
    }
}

#[derive(PartialEq, Properties)]
struct DeclineProps {
    words: Words,
    whom: Html,
    offline: bool,
    on_close: Callback<()>,
    on_decline: Callback<String>,
}

/// The reason as recorded: the chosen one, the words, or both.
fn reason_text(chosen: Option<&str>, words: &str) -> String {
    let words = words.trim();
    match (chosen, words.is_empty()) {
        (Some(chosen), true) => chosen.to_owned(),
        (Some(chosen), false) => format!("{chosen}: {words}"),
        (None, _) => words.to_owned(),
    }
}

#[component]
fn DeclineDialog(props: &DeclineProps) -> Html {
    let chosen = use_state(|| None::<usize>);
    let words = &props.words;
    let reason = reason_text(chosen.and_then(|index| REASONS.get(index).copied()), &words.text);
    let left = MAX_REASON_CHARS as i64 - reason.chars().count() as i64;
    let ready = !reason.is_empty() && left >= 0 && !props.offline;
    let close = {
        let on_close = props.on_close.clone();
        move |_| on_close.emit(())
    };
    let onsubmit = {
        let (on_decline, reason) = (props.on_decline.clone(), reason.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if ready {
                on_decline.emit(reason.clone());
            }
        }
    };
    html! {
        <Dialog title="Decline this consultation" on_close={props.on_close.clone()}>
            <form {onsubmit}>
                { props.whom.clone() }
                <p class="hint">{ "It stays in the queue for the others. Your reason is recorded." }</p>
                <fieldset class="reasons">
                    <legend class="visually-hidden">{ "Reason" }</legend>
                    { for REASONS.iter().enumerate().map(|(index, label)| {
                        let chosen_now = chosen.clone();
                        html! {
                            <label>
                                <input type="radio" name="reason" checked={*chosen == Some(index)}
                                    onchange={move |_| chosen_now.set(Some(index))} />
                                { *label }
                            </label>
                        }
                    }) }
                </fieldset>
                <label class="label" for="decline-words">{ "In your words" }</label>
                <textarea id="decline-words" class="field" rows="3" value={words.text.clone()} oninput={words.typing()} onblur={words.leaving()}
                    data-test="decline-reason" aria-describedby="decline-left" />
                <p id="decline-left" class={classes!("hint", (left < 0).then_some("over"))}>
                    if left < 0 { { format!("{} characters too many", -left) } }
                    else if props.offline { { "Declining needs the connection." } }
                    else if reason.is_empty() { { "Choose a reason or write one." } }
                    else { { format!("Recorded as: {reason}") } }
                </p>
                <div class="dialog-actions">
                    <button type="button" class="button" onclick={close}>{ "Keep it" }</button>
                    <button type="submit" class="button danger" disabled={!ready} data-test="decline-confirm">{ "Decline" }</button>
                </div>
            </form>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::reason_text;

    #[test]
    fn a_reason_is_what_was_chosen_and_what_was_written() {
        assert_eq!(reason_text(Some("Not my specialty"), "  "), "Not my specialty");
        assert_eq!(reason_text(Some("Not my specialty"), "ask Dr Lee "), "Not my specialty: ask Dr Lee");
        assert_eq!(reason_text(None, " tired"), "tired");
        assert_eq!(reason_text(None, "   "), "");
    }
}
