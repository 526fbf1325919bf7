//! The question before a consultation is completed, with room for a closing note.

use chatehr_contract::MAX_DESCRIPTION_CHARS;
use yew::prelude::*;

use super::{dialog::Dialog, kept::Words};

/// What the question is made of.
#[derive(PartialEq, Properties)]
pub struct CompleteProps {
    /// The note, as typed.
    pub words: Words,
    /// Whom it is about.
    pub whom: Html,
    /// It will wait.
    pub offline: bool,
    /// Not yet.
    pub on_close: Callback<()>,
    /// With a note or without.
    pub on_complete: Callback<Option<String>>,
}

/// The note as recorded: nothing typed is no note.
fn note(typed: &str) -> Option<String> {
    let typed = typed.trim();
    (!typed.is_empty()).then(|| typed.to_owned())
}

/// See the module.
#[component]
pub fn CompleteDialog(props: &CompleteProps) -> Html {
    let Words { text: typed, .. } = &props.words;
    let left = MAX_DESCRIPTION_CHARS as i64 - typed.trim().chars().count() as i64;
    let onsubmit = {
        let (on_complete, note) = (props.on_complete.clone(), note(typed));
        move |event: SubmitEvent| {
            event.prevent_default();
            if left >= 0 {
                on_complete.emit(note.clone());
            }
        }
    };
    let close = {
        let on_close = props.on_close.clone();
        move |_: MouseEvent| on_close.emit(())
    };
    html! {
        <Dialog title="Complete this consultation?" on_close={props.on_close.clone()}>
            <form {onsubmit}>
                { props.whom.clone() }
                <p>{ "It cannot be reopened. It stays readable under Closed." }</p>
                <label class="label" for="complete-note">{ "Closing note, if there is one" }</label>
                <textarea id="complete-note" class="field" rows="3" dir="auto" value={typed.clone()} oninput={props.words.typing()} onblur={props.words.leaving()}
                    data-test="complete-note" aria-describedby="complete-left" />
                <p id="complete-left" class={classes!("hint", (left < 0).then_some("over"))}>
                    if left < 0 { { format!("{} characters too many", -left) } }
                    else if props.offline { { "Offline: it waits here, after what you have written, and is sent by itself." } }
                    else { { "The note goes into the consultation’s history, for you, your colleagues and the patient." } }
                </p>
                <div class="dialog-actions">
                    <button type="button" class="button" onclick={close}>{ "Not yet" }</button>
                    <button type="submit" class="button primary" disabled={left < 0} data-test="complete-confirm">{ "Complete" }</button>
                </div>
            </form>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::note;

    #[test]
    fn nothing_typed_is_no_note() {
        assert_eq!(note(" \n"), None);
        assert_eq!(note(" Seen again on Friday. ").as_deref(), Some("Seen again on Friday."));
    }
}
