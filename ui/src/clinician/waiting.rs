//! What a person can still do with something that waits: change it, take it back, send it again.
//!
//! Promises: a button is shown only where it can work; words that are being changed are kept by the host while typing,
//! so neither a lock nor another consultation loses them, and nothing is sent meanwhile.

use std::{cell::RefCell, rc::Rc};

use chatehr_contract::{
    Delivery, EditMessage, EnvelopeId, ErrorCode, KeepEdit, MAX_MESSAGE_CHARS, MessageBody, MessageView,
    OutboxRef, command::clinician as command,
};
use gloo_timers::callback::Timeout;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::{
    ask::use_doing,
    confirm::Confirm,
    notice::ErrorNotice,
    shell::{Dispatch, Step},
    timeline::stuck,
};
use crate::{
    backend::{Backend, use_backend},
    dom,
    icon::{Glyph, Icon},
};

/// How long typing must rest before the words are kept, in milliseconds.
const REST: u32 = 400;

/// What stands under something that waits.
#[derive(PartialEq, Properties)]
pub struct WaitingProps {
    /// What waits.
    pub message: MessageView,
    /// Told when something was done.
    pub dispatch: Dispatch,
}

#[derive(Clone, Copy)]
enum Wish {
    Again,
    Edit,
    TakeBack,
}

/// Whether the record stands otherwise by now, or is out of reach.
const fn is_overtaken(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Conflict | ErrorCode::AlreadyTaken | ErrorCode::NotFound | ErrorCode::Forbidden)
}

fn words(message: &MessageView) -> String {
    match &message.body {
        MessageBody::Clear { text } => text.clone(),
        _ => String::new(),
    }
}

/// See the module.
#[component]
pub fn Waiting(props: &WaitingProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let asking = use_state(|| false);
    let message = &props.message;
    let is_stuck = stuck(&message.delivery).is_some();
    let waits = matches!(message.delivery, Delivery::Queued);
    let can_edit = message.changeable && message.step.is_none() && (waits || is_stuck);
    let can_repeat = stuck(&message.delivery).is_some_and(|error| {
        // A step that somebody else's has overtaken does not succeed by being repeated.
        message.step.is_none() || !is_overtaken(error.code)
    });
    let can_take_back = is_stuck || (waits && message.changeable);
    let wish = {
        let (doing, dispatch, backend) = (doing.clone(), props.dispatch.clone(), backend.clone());
        let (id, words) = (message.envelope_id.clone(), words(message));
        move |wish: Wish| {
            let Some(envelope_id) = id.clone() else { return };
            let (backend, dispatch, words) = (backend.clone(), dispatch.clone(), words.clone());
            let ask = async move {
                match wish {
                    Wish::Again => backend.call::<command::RetryMessage>(&OutboxRef { envelope_id }).await,
                    Wish::TakeBack => {
                        backend.call::<command::DiscardMessage>(&OutboxRef { envelope_id }).await
                    }
                    Wish::Edit => {
                        let text = Some(words);
                        backend.call::<command::KeepEdit>(&KeepEdit { envelope_id, text }).await
                    }
                }
            };
            doing.run(ask, move |()| dispatch.dispatch(Step::Did));
        }
    };
    let press = |what: Wish| {
        let wish = wish.clone();
        Callback::from(move |_: MouseEvent| wish(what))
    };
    // Words that were typed are not thrown away by one press; a step is no loss.
    let take_back = if message.step.is_none() {
        let asking = asking.setter();
        Callback::from(move |_: MouseEvent| asking.set(true))
    } else {
        press(Wish::TakeBack)
    };
    let error = doing.error().map(|error| {
        let doing = doing.clone();
        html! { <ErrorNotice {error} on_dismiss={Callback::from(move |()| doing.dismiss())} /> }
    });
    if let Some(edit) = message.edit.clone() {
        let id = message.envelope_id.clone();
        return html! {
            <EditForm key="edit" {id} {edit} before={words(message)} dispatch={props.dispatch.clone()} />
        };
    }
    html! {
        <>
            if let Some(error) = stuck(&message.delivery) {
                <p class="bubble-next">{ error.code.next_step() }</p>
            }
            if can_edit || can_take_back {
                <div class="bubble-actions">
                    if can_repeat {
                        <button type="button" class="button small" disabled={doing.busy()} onclick={press(Wish::Again)} data-test="retry">
                            <Icon glyph={Glyph::Again} />{ "Send again" }
                        </button>
                    }
                    if can_edit {
                        <button type="button" class="button small" disabled={doing.busy()} onclick={press(Wish::Edit)} data-test="edit">
                            { "Edit" }
                        </button>
                    }
                    <button type="button" class={classes!("button", "small", is_stuck.then_some("danger"))}
                        disabled={doing.busy()} onclick={take_back} data-test="discard">
                        { "Take back" }
                    </button>
                </div>
            }
            { error }
            if *asking {
                <Confirm name="take-back" title="Take this message back?" lines={TAKE_BACK} go_on="Take back" act="Take back"
                    on_yes={{ let (asking, wish) = (asking.setter(), wish.clone()); move |()| { asking.set(false); wish(Wish::TakeBack); } }}
                    on_no={{ let asking = asking.setter(); move |()| asking.set(false) }} />
            }
        </>
    }
}

const TAKE_BACK: &[&str] = &["It is not sent, and leaves the conversation.", "Its words are not kept."];

#[derive(PartialEq, Properties)]
struct EditFormProps {
    id: Option<EnvelopeId>,
    edit: String,
    before: String,
    dispatch: Dispatch,
}

/// What is in the field, and what of it the host keeps.
struct Desk {
    text: String,
    kept: String,
    /// Saved or left: nothing more is kept under this name.
    closed: bool,
    timer: Option<Timeout>,
}

impl Desk {
    /// The words to keep, if they differ from what is kept.
    fn unkept(&mut self) -> Option<String> {
        self.timer = None;
        if self.closed || self.kept == self.text {
            return None;
        }
        self.kept.clone_from(&self.text);
        Some(self.text.clone())
    }
}

fn keep(backend: &Backend, id: Option<&EnvelopeId>, desk: &Rc<RefCell<Desk>>) {
    let Some(envelope_id) = id.cloned() else { return };
    let Some(text) = desk.borrow_mut().unkept() else { return };
    let (backend, desk) = (backend.clone(), desk.clone());
    spawn_local(async move {
        let ask = KeepEdit { envelope_id, text: Some(text) };
        if backend.call::<command::KeepEdit>(&ask).await.is_err() {
            // Not kept: the next rest or blur tries again with what is then in the field.
            desk.borrow_mut().kept.clear();
        }
    });
}

#[component]
fn EditForm(props: &EditFormProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let field = use_node_ref();
    let edit = props.edit.clone();
    let desk = use_mut_ref(move || Desk { text: edit.clone(), kept: edit, closed: false, timer: None });
    let redraw = use_force_update();
    let keep_now = {
        let (backend, id, desk) = (backend.clone(), props.id.clone(), desk.clone());
        move || keep(&backend, id.as_ref(), &desk)
    };
    {
        let (keep_now, field) = (keep_now.clone(), field.clone());
        use_effect_with(props.id.clone(), move |_| {
            dom::focus(&field);
            keep_now
        });
    }
    let text = desk.borrow().text.clone();
    let left = MAX_MESSAGE_CHARS as i64 - text.chars().count() as i64;
    let ready = !text.trim().is_empty() && left >= 0 && !doing.busy();
    let oninput = {
        let (desk, field, keep_now, redraw) = (desk.clone(), field.clone(), keep_now.clone(), redraw);
        move |_: InputEvent| {
            let Some(area) = field.cast::<web_sys::HtmlTextAreaElement>() else { return };
            let keep_now = keep_now.clone();
            let mut desk = desk.borrow_mut();
            desk.text = area.value();
            desk.timer = Some(Timeout::new(REST, keep_now));
            redraw.force_update();
        }
    };
    let finish = {
        let (desk, doing, dispatch) = (desk.clone(), doing.clone(), props.dispatch.clone());
        let (backend, id) = (backend.clone(), props.id.clone());
        move |save: bool| {
            let Some(envelope_id) = id.clone() else { return };
            let text = desk.borrow().text.trim().to_owned();
            desk.borrow_mut().closed = true;
            let (backend, dispatch, open_again) = (backend.clone(), dispatch.clone(), desk.clone());
            let work = async move {
                let answer = if save {
                    backend.call::<command::EditMessage>(&EditMessage { envelope_id, text }).await
                } else {
                    backend.call::<command::KeepEdit>(&KeepEdit { envelope_id, text: None }).await
                };
                if answer.is_err() {
                    open_again.borrow_mut().closed = false;
                }
                answer
            };
            doing.run(work, move |()| dispatch.dispatch(Step::Did));
        }
    };
    let onkeydown = {
        let finish = finish.clone();
        move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) && ready {
                event.prevent_default();
                finish(true);
            }
        }
    };
    let onsubmit = {
        let finish = finish.clone();
        move |event: SubmitEvent| {
            event.prevent_default();
            finish(true);
        }
    };
    html! {
        <form class="bubble-edit" {onsubmit}>
            <textarea ref={field} class="field" rows="3" dir="auto" value={text} {oninput} {onkeydown}
                onblur={move |_: FocusEvent| keep_now()} aria-label="The message’s words" data-test="edit-words" />
            <p class={classes!("hint", (left < 0).then_some("over"))}>
                if left < 0 { { format!("{} characters too many", -left) } }
                else { { "Not sent while you change it. It keeps its place." } }
            </p>
            <div class="bubble-actions">
                <button type="submit" class="button small primary" disabled={!ready} data-test="edit-save">{ "Save and send" }</button>
                <button type="button" class="button small" disabled={doing.busy()} data-test="edit-leave"
                    title={props.before.clone()} onclick={move |_| finish(false)}>{ "Leave as it was" }</button>
            </div>
            if let Some(error) = doing.error() { <ErrorNotice {error} /> }
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::Desk;

    #[test]
    fn words_being_changed_are_kept_once_per_change_and_not_after_the_end() {
        let mut desk = Desk { text: "half".into(), kept: "half".into(), closed: false, timer: None };
        assert_eq!(desk.unkept(), None);
        desk.text = "half a".into();
        assert_eq!(desk.unkept().as_deref(), Some("half a"));
        assert_eq!(desk.unkept(), None);
        desk.text = "half a word".into();
        desk.closed = true;
        assert_eq!(desk.unkept(), None, "what was saved is not held back again");
    }
}
