//! To whom a consultation is given, and why: a colleague, who is in charge at once, or a specialty's pool.

use chatehr_contract::{
    ColleaguesOf, ConsultationId, HandOffConsultation, MAX_REASON_CHARS, PersonId, Physician, SPECIALTIES,
    SpecialtyCode, command::clinician as command,
};
use wasm_bindgen::JsCast;
use yew::prelude::*;

use super::{
    ask::{Read, use_reading},
    dialog::Dialog,
    kept::Words,
    notice::ErrorNotice,
};
use crate::words;

/// What the question is made of.
#[derive(PartialEq, Properties)]
pub struct HandOffProps {
    /// Why, as typed.
    pub words: Words,
    /// Which.
    pub id: ConsultationId,
    /// In whose pool it was.
    pub specialty: SpecialtyCode,
    /// Work has begun: then it goes to a colleague and not into a pool.
    pub started: bool,
    /// Who is signed in.
    pub me: PersonId,
    /// Whom it is about.
    pub whom: Html,
    /// It cannot be done now.
    pub offline: bool,
    /// It stays.
    pub on_close: Callback<()>,
    /// It goes.
    pub on_hand_off: Callback<HandOffConsultation>,
}

/// Reasons that fit most days.
const REASONS: [&str; 4] = [
    "I am off duty soon",
    "I am with an emergency",
    "Needs another specialty",
    "I know this patient privately",
];

fn colleague_words(colleague: &Physician) -> String {
    let name = format!("Dr {}", words::apart(&colleague.name.spoken()));
    if colleague.on_call { format!("{name}, on call") } else { name }
}

/// Who or what was chosen: `p:` and a physician's id, or `s:` and a specialty.
fn chosen(id: &ConsultationId, value: &str, reason: &str) -> Option<HandOffConsultation> {
    let (kind, word) = value.split_once(':')?;
    let (physician_id, specialty) = match kind {
        "p" => (Some(PersonId::new(word)), None),
        "s" => (None, Some(SpecialtyCode::from(word))),
        _ => return None,
    };
    Some(HandOffConsultation { id: id.clone(), physician_id, specialty, reason: reason.trim().to_owned() })
}

/// See the module.
#[component]
pub fn HandOffDialog(props: &HandOffProps) -> Html {
    let colleagues =
        use_reading::<command::Colleagues>(ColleaguesOf { specialty: props.specialty.clone() }, 0);
    let to = use_state(String::new);
    let Words { text: reason, .. } = &props.words;
    let length = reason.trim().chars().count();
    let ready =
        chosen(&props.id, &to, reason).filter(|_| length > 0 && length <= MAX_REASON_CHARS && !props.offline);
    let onchange = {
        let to = to.clone();
        move |event: Event| {
            let select =
                event.target().and_then(|target| target.dyn_into::<web_sys::HtmlSelectElement>().ok());
            if let Some(select) = select {
                to.set(select.value());
            }
        }
    };
    let onsubmit = {
        let (on_hand_off, ready) = (props.on_hand_off.clone(), ready.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(ready) = ready.clone() {
                on_hand_off.emit(ready);
            }
        }
    };
    let close = {
        let on_close = props.on_close.clone();
        move |_: MouseEvent| on_close.emit(())
    };
    let people = match &colleagues {
        Read::Here(colleagues) => {
            html! {
                <optgroup label="A colleague, in charge at once">
                    { for colleagues.iter().filter(|one| one.id != props.me).map(|one| html! {
                        <option value={format!("p:{}", one.id)}>{ colleague_words(one) }</option>
                    }) }
                </optgroup>
            }
        }
        _ => Html::default(),
    };
    html! {
        <Dialog title="Hand off this consultation" on_close={props.on_close.clone()}>
            <form {onsubmit}>
                { props.whom.clone() }
                if let Read::Failed(error) = &colleagues { <ErrorNotice error={error.clone()} caution=true next={if props.started {
                    "Your colleagues cannot be listed now. Close this and try again in a moment."
                } else {
                    "Your colleagues cannot be listed now. A queue can be chosen all the same."
                }} /> }
                <label class="label" for="hand-off-to">{ "To" }</label>
                <select id="hand-off-to" class="field" {onchange} data-test="hand-off-to">
                    <option value="" selected=true>{ "Choose who takes it" }</option>
                    { people }
                    if !props.started {
                        <optgroup label="Back into a queue, for whoever is first">
                            { for SPECIALTIES.iter().map(|(code, name, _)| html! {
                                <option value={format!("s:{}", code.as_str())}>{ *name }</option>
                            }) }
                        </optgroup>
                    }
                </select>
                <label class="label" for="hand-off-reason">{ "Why" }</label>
                <div class="suggestions">
                    { for REASONS.iter().map(|words| {
                        let reason = props.words.clone();
                        html! {
                            <button type="button" class="button small quiet" onclick={move |_| reason.set((*words).to_owned())}>{ *words }</button>
                        }
                    }) }
                </div>
                <textarea id="hand-off-reason" class="field" rows="2" value={reason.clone()} oninput={props.words.typing()} onblur={props.words.leaving()}
                    data-test="hand-off-reason" aria-describedby="hand-off-left" />
                <p id="hand-off-left" class={classes!("hint", (length > MAX_REASON_CHARS).then_some("over"))}>
                    if length > MAX_REASON_CHARS { { format!("{} characters too many", length - MAX_REASON_CHARS) } }
                    else if props.offline { { "Handing off needs the connection." } }
                    else if to.is_empty() || length == 0 { { "Choose who takes it and say why. You stay in charge until ChatEHR has said that it is done." } }
                    else { { "You stay in charge until ChatEHR has said that it is done." } }
                </p>
                <div class="dialog-actions">
                    <button type="button" class="button" onclick={close}>{ "Keep it" }</button>
                    <button type="submit" class="button primary" disabled={ready.is_none()} data-test="hand-off-confirm">{ "Hand off" }</button>
                </div>
            </form>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{ConsultationId, PersonId, SpecialtyCode};

    use super::chosen;

    #[test]
    fn it_goes_to_one_colleague_or_into_one_queue() {
        let id = ConsultationId::new("c");
        let colleague = chosen(&id, "p:physician:2", " off duty ").unwrap();
        assert_eq!(colleague.physician_id, Some(PersonId::new("physician:2")));
        assert_eq!((colleague.specialty, colleague.reason.as_str()), (None, "off duty"));
        let pool = chosen(&id, "s:neurology", "x").unwrap();
        assert_eq!((pool.physician_id, pool.specialty), (None, Some(SpecialtyCode::Neurology)));
        assert!(chosen(&id, "", "x").is_none());
    }
}
