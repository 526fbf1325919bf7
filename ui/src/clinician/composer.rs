//! Where a message is written. Nothing typed is lost: the draft goes to the host while typing, and the text leaves the
//! field only once the host has taken the message.

use chatehr_contract::{
    AddNote, ConsultationId, DraftOf, MAX_MESSAGE_CHARS, MAX_NOTE_CHARS, SendMessage,
    command::clinician as command,
};
use gloo_timers::callback::Timeout;
use yew::prelude::*;

use super::{
    ask::use_doing,
    kept::{Desk, REST, keep},
    notice::ErrorNotice,
    shell::{Dispatch, Step},
};
use crate::{
    backend::use_backend,
    dom,
    icon::{Glyph, Icon},
};

/// What the composer is made of. Key it by the consultation's id: one composer never moves to another patient.
#[derive(PartialEq, Properties)]
pub struct ComposerProps {
    /// In which consultation.
    pub id: ConsultationId,
    /// To whom, for the label.
    pub to: String,
    /// What was typed before.
    pub draft: String,
    /// Whether the message will wait.
    pub offline: bool,
    /// It is a note for colleagues, which needs the connection.
    #[prop_or_default]
    pub note: bool,
    /// Told when something was sent.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn Composer(props: &ComposerProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let field = use_node_ref();
    let draft = props.draft.clone();
    let desk = use_mut_ref(move || Desk::with(draft.clone()));
    let redraw = use_force_update();

    let keep_now = {
        let (backend, id, desk) = (backend.clone(), props.id.clone(), desk.clone());
        move || keep(&backend, &id, DraftOf::Message, &desk)
    };
    {
        let keep_now = keep_now.clone();
        use_effect_with(props.id.clone(), move |_| keep_now);
    }
    let text = desk.borrow().text.clone();
    use_effect_with((text.clone(), field.clone()), |(_, field)| grow(field));

    let oninput = {
        let (desk, field, keep_now, redraw) = (desk.clone(), field.clone(), keep_now.clone(), redraw.clone());
        move |_: InputEvent| {
            let Some(area) = field.cast::<web_sys::HtmlTextAreaElement>() else { return };
            let keep_now = keep_now.clone();
            let mut desk = desk.borrow_mut();
            desk.text = area.value();
            desk.timer = Some(Timeout::new(REST, keep_now));
            redraw.force_update();
        }
    };
    let onblur = {
        let keep_now = keep_now.clone();
        move |_: FocusEvent| keep_now()
    };
    let length = text.chars().count();
    let note = props.note;
    let most = if note { MAX_NOTE_CHARS } else { MAX_MESSAGE_CHARS };
    let left = most as i64 - length as i64;
    let waits = note && props.offline;
    let ready = !text.trim().is_empty() && left >= 0 && !doing.busy() && !waits;
    let send = {
        let (desk, doing, dispatch, redraw) =
            (desk.clone(), doing.clone(), props.dispatch.clone(), redraw.clone());
        let (backend, id, field) = (backend.clone(), props.id.clone(), field.clone());
        move || {
            let text = desk.borrow().text.clone();
            if text.trim().is_empty() || text.chars().count() > most || doing.busy() || waits {
                return;
            }
            desk.borrow_mut().sending = Some(text.clone());
            let backend = backend.clone();
            let (to, words) = (id.clone(), text.trim().to_owned());
            let failed = (backend.clone(), id.clone(), desk.clone());
            let work = async move {
                let answer = if note {
                    backend.call::<command::AddNote>(&AddNote { id: to, text: words }).await
                } else {
                    let ask = SendMessage { consultation_id: to, text: words };
                    backend.call::<command::Send>(&ask).await
                };
                if answer.is_err() {
                    let (backend, id, desk) = failed;
                    desk.borrow_mut().sending = None;
                    keep(&backend, &id, DraftOf::Message, &desk);
                }
                answer
            };
            let (desk, dispatch, redraw, field) =
                (desk.clone(), dispatch.clone(), redraw.clone(), field.clone());
            doing.run(work, move |()| {
                desk.borrow_mut().after_sending(&text);
                redraw.force_update();
                dispatch.dispatch(Step::Did);
                dom::focus(&field);
            });
        }
    };
    let onkeydown = {
        let (send, field, keep_now) = (send.clone(), field.clone(), keep_now.clone());
        move |event: KeyboardEvent| match event.key().as_str() {
            "Enter" if event.ctrl_key() || event.meta_key() => {
                event.prevent_default();
                send();
            }
            "Escape" => {
                keep_now();
                if let Some(area) = field.cast::<web_sys::HtmlElement>() {
                    drop(area.blur());
                }
            }
            _ => {}
        }
    };
    let onsubmit = move |event: SubmitEvent| {
        event.prevent_default();
        send();
    };
    let error = doing.error().map(|error| {
        let doing = doing.clone();
        html! { <ErrorNotice {error} on_dismiss={Callback::from(move |()| doing.dismiss())} /> }
    });
    let label = if note { format!("Note for {}", props.to) } else { format!("Message to {}", props.to) };
    html! {
        <div class="composer-dock">
            { error }
            <form class="composer" {onsubmit}>
                <textarea ref={field} rows="1" value={text.clone()} {oninput} {onblur} {onkeydown} data-test="composer"
                    data-key="r" dir="auto" placeholder={label.clone()} aria-label={label}
                    aria-describedby="composer-foot" />
                <div class="composer-foot">
                    <span id="composer-foot" class={classes!("hint", (left < 0).then_some("over"))}>
                        if left < 0 {
                            { format!("{} characters too many", -left) }
                        } else if left < 500 {
                            { format!("{left} characters left") }
                        } else if waits {
                            <Icon glyph={Glyph::Clock} />{ " Offline: what you type is kept" }
                        } else if note {
                            <Icon glyph={Glyph::Lock} />{ " The patient does not read it" }
                        } else if props.offline {
                            <Icon glyph={Glyph::Clock} />{ " Offline: it waits here and is sent by itself" }
                        } else {
                            <Icon glyph={Glyph::Lock} />{ " Encrypted" }
                        }
                    </span>
                    <button type="submit" class="button primary" disabled={!ready} data-test="send">
                        if doing.busy() { <span class="spinner" /> }
                        { if note { "Leave note" } else { "Send" } }<kbd class="key" aria-hidden="true">{ "Ctrl ↵" }</kbd>
                    </button>
                </div>
            </form>
        </div>
    }
}

/// As tall as its text, up to what the style sheet allows.
fn grow(field: &NodeRef) {
    dom::place(field, "height", "auto");
    if let Some(area) = field.cast::<web_sys::Element>() {
        dom::place(field, "height", &format!("{}px", area.scroll_height()));
    }
}
