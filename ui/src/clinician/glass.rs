//! Break-glass in the window: the question before a record is opened in an emergency, the banner while it is, and what an
//! administrator sees of it afterwards.
//!
//! Promises: the banner stands above everything for as long as the record is open, with the time that is left and a way to
//! end it. Refuses to offer it to who may not: the access table says who.

use chatehr_contract::{
    BreakGlass, ConsultationId, ConsultationRow, MAX_REASON_CHARS, OpenGlass, Person, SecretText,
    access::{Access, Action, Party, Relation, decide},
    command::clinician as command,
    is_reason,
};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::{
    ask::{Read, use_doing, use_reading},
    dialog::Dialog,
    notice::ErrorNotice,
    shell::{Dispatch, Step, View},
};
use crate::{
    backend::use_backend,
    dom::{self, use_clock},
    icon::{Glyph, Icon},
    time,
};

/// Whether this person opens somebody else's records in an emergency.
pub fn may_break(person: &Person) -> bool {
    decide(Action::BreakGlass, Party::from(&person.role), Relation::Other) == Access::Granted
}

/// Whether this person sees who has.
pub fn may_list(person: &Person) -> bool {
    decide(Action::GlassList, Party::from(&person.role), Relation::None) == Access::Granted
}

/// What the banner is made of.
#[derive(PartialEq, Properties)]
pub struct GlassBannerProps {
    /// What is open.
    pub glass: OpenGlass,
    /// Whether it is before the person's eyes.
    pub shown: bool,
    /// Where buttons go.
    pub dispatch: Dispatch,
}

/// "Emergency access: 28 min left".
#[component]
pub fn GlassBanner(props: &GlassBannerProps) -> Html {
    let backend = use_backend();
    let closing = use_doing();
    let left = use_clock(props.glass.until, |now, until| until.seconds_since(now).max(0));
    let close = {
        let (closing, dispatch, backend) = (closing.clone(), props.dispatch.clone(), backend.clone());
        move |_| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            closing.run(async move { backend.call::<command::CloseGlass>(&()).await }, move |()| {
                dispatch.dispatch(Step::CloseConsultation);
                dispatch.dispatch(Step::ReadAll);
            });
        }
    };
    let show = {
        let (dispatch, id) = (props.dispatch.clone(), props.glass.id.clone());
        move |_| dispatch.dispatch(Step::Open(id.clone()))
    };
    html! {
        <div class="glass-banner" role="status" data-test="glass-banner">
            <Icon glyph={Glyph::Warning} />
            <p>
                <strong>{ "Emergency access: " }<span role="timer" aria-live="off">{ time::span_words(left) }</span>{ " left" }</strong>
                <span class="glass-reason" dir="auto">{ format!("What you look at is on record, with your reason: {}", props.glass.reason) }</span>
            </p>
            if !props.shown {
                <button type="button" class="button small" onclick={show} data-test="glass-show">{ "Show it" }</button>
            }
            <button type="button" class="button small danger" disabled={closing.busy()} onclick={close} data-test="glass-close">
                { "Close now" }
            </button>
        </div>
    }
}

/// What the question is made of.
#[derive(PartialEq, Properties)]
pub struct BreakDialogProps {
    /// The record's number, where it is known.
    pub id: String,
    /// Whether a PIN unlocks the screen: it is asked for here as well.
    pub pin_set: bool,
    /// Whether one can sign in anew with a clinic account instead.
    pub clinic: bool,
    /// Whether the connection is lost.
    pub offline: bool,
    /// Where buttons go.
    pub dispatch: Dispatch,
}

/// Which record, why, and who asks.
#[component]
pub fn BreakDialog(props: &BreakDialogProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let id = use_state(|| props.id.clone());
    let reason = use_state(String::new);
    let pin = use_state(String::new);
    let over = reason.trim().chars().count().saturating_sub(MAX_REASON_CHARS);
    let by_browser = !props.pin_set && props.clinic;
    let ready =
        !id.trim().is_empty() && is_reason(&reason) && (by_browser || pin.len() >= 6) && !props.offline;
    let close = {
        let (dispatch, backend, waits) =
            (props.dispatch.clone(), backend.clone(), by_browser && doing.busy());
        Callback::from(move |()| {
            if waits {
                let backend = backend.clone();
                spawn_local(async move { drop(backend.call::<command::CancelSignIn>(&()).await) });
            }
            dispatch.dispatch(Step::Emergency(None));
        })
    };
    let onsubmit = {
        let (doing, dispatch) = (doing.clone(), props.dispatch.clone());
        let (id, reason, pin) = (id.clone(), reason.clone(), pin.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if !ready || doing.busy() {
                return;
            }
            let request = BreakGlass {
                id: ConsultationId::new(id.trim()),
                reason: reason.trim().to_owned(),
                pin: SecretText::new(pin.as_str()),
            };
            pin.set(String::new());
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            doing.run(async move { backend.call::<command::BreakGlass>(&request).await }, move |()| {
                dispatch.dispatch(Step::Emergency(None));
                dispatch.dispatch(Step::ReadAll);
            });
        }
    };
    html! {
        <Dialog title="Open a record in an emergency" on_close={close.clone()}>
            <form {onsubmit} class="glass-form">
                <ul class="plain-list">
                    <li>{ "For a patient of somebody else, when it cannot wait." }</li>
                    <li>{ "It opens for a limited time, to be read. Nothing of it is kept on this workstation." }</li>
                    <li>{ "Your name, your reason and what you look at go on record, and the administrators are told at once." }</li>
                </ul>
                if let Some(error) = doing.error() { <ErrorNotice {error} /> }
                if by_browser && doing.busy() {
                    <p class="hint" role="status" data-test="glass-browser">{ "Your browser asks you to sign in once more. The record opens when you have." }</p>
                } else if by_browser {
                    <p class="hint">{ "Your browser will ask you to sign in once more." }</p>
                } else if !props.pin_set {
                    <p class="hint over" data-test="glass-no-pin">{ "This asks for your PIN, and none is set. Set one in Settings first; if it cannot wait, call the physician in charge." }</p>
                }
                <label class="label" for="glass-id">{ "Number of the consultation" }</label>
                <input id="glass-id" class="field" autocomplete="off" spellcheck="false" value={(*id).clone()} oninput={dom::typing(&id)} data-test="glass-id" />
                <label class="label" for="glass-reason">{ "Why it cannot wait" }</label>
                <textarea id="glass-reason" class="field" rows="3" value={(*reason).clone()} oninput={dom::typing(&reason)}
                    aria-describedby="glass-hint" data-test="glass-reason" />
                <p id="glass-hint" class={classes!("hint", (over > 0).then_some("over"))}>
                    if over > 0 { { format!("{over} characters too many") } }
                    else if props.offline { { "This needs the connection." } }
                    else { { "In words, at least 8 characters. It is recorded as you write it." } }
                </p>
                if !by_browser {
                    <label class="label" for="glass-pin">{ "Your PIN" }</label>
                    <input id="glass-pin" class="field code" type="password" inputmode="numeric" autocomplete="off" maxlength="12"
                        value={(*pin).clone()} oninput={dom::typing(&pin)} disabled={!props.pin_set} data-test="glass-pin" />
                }
                <div class="dialog-actions">
                    <button type="button" class="button" onclick={move |_| close.emit(())}>{ "Not now" }</button>
                    <button type="submit" class="button danger" disabled={!ready || doing.busy()} data-test="glass-open">
                        if doing.busy() { <span class="spinner" /> }
                        { "Open it" }
                    </button>
                </div>
            </form>
        </Dialog>
    }
}

/// The way to the question, where a record is somebody else's.
pub fn way_in(row: Option<&ConsultationRow>, id: &ConsultationId, dispatch: &Dispatch) -> Html {
    let (dispatch, id) = (dispatch.clone(), row.map_or_else(|| id.clone(), |row| row.id.clone()));
    html! {
        <button type="button" class="button small" data-test="glass-ask"
            onclick={move |_| dispatch.dispatch(Step::Emergency(Some(id.to_string())))}>
            { "Open in an emergency…" }
        </button>
    }
}

/// What an administrator is told when somebody has opened a record, until they have looked at the list.
#[derive(PartialEq, Properties)]
pub struct GlassNewsProps {
    /// Where buttons go.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn GlassNews(props: &GlassNewsProps) -> Html {
    let show = {
        let dispatch = props.dispatch.clone();
        move |_| dispatch.dispatch(Step::Go(View::Settings))
    };
    html! {
        <div class="notice caution" role="alert" data-test="glass-news">
            <Icon glyph={Glyph::Warning} />
            <p class="words">
                <strong>{ "A record was opened in an emergency." }</strong>
                <span>{ "Settings shows by whom, whose, and why." }</span>
            </p>
            <button type="button" class="button small" onclick={show} data-test="glass-news-show">{ "Show it" }</button>
        </div>
    }
}

/// For an administrator's Settings.
#[derive(PartialEq, Properties)]
pub struct GlassCardProps {
    /// Goes up when there is something new.
    pub revision: u32,
}

/// "Opened in an emergency" in an administrator's Settings.
#[component]
pub fn GlassCard(props: &GlassCardProps) -> Html {
    let list = use_reading::<command::BrokenGlass>((), props.revision);
    let today = time::local(time::now());
    html! {
        <section class="card" data-test="glass-card">
            <h2>{ "Opened in an emergency" }</h2>
            <p class="hint">{ "Records that somebody outside the consultation has opened, latest first." }</p>
            { match &list {
                Read::Here(list) if list.is_empty() => html! { <p>{ "None so far." }</p> },
                Read::Here(list) => html! {
                    <ul class="key-list">
                        { for list.iter().map(|glass| html! {
                            <li class="key-row">
                                <Icon glyph={Glyph::Warning} />
                                <span class="key-words">
                                    <strong dir="auto">{ glass.reason.clone() }</strong>
                                    <span class="hint">{ format!("{} opened {} of {}, {} to {}", glass.person_id, glass.consultation_id,
                                        glass.patient_id, time::local(glass.at).when(today), time::local(glass.until).when(today)) }</span>
                                </span>
                            </li>
                        }) }
                    </ul>
                },
                Read::Failed(error) => html! { <ErrorNotice error={error.clone()} /> },
                Read::Waiting => html! { <p aria-busy="true">{ "…" }</p> },
            } }
        </section>
    }
}
