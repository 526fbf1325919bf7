//! A field for digits that nobody else may read (a PIN, a sign-in code), with its button.
//!
//! They stay in the browser's own field until they are sent, and the field is emptied with that: the front end keeps no
//! copy to forget.

use chatehr_contract::ErrorReport;
use yew::prelude::*;

use super::notice::ErrorNotice;
use crate::dom;

/// What the form is made of.
#[derive(PartialEq, Properties)]
pub struct DigitsFormProps {
    /// Names the field; one of a kind on the screen.
    pub id: AttrValue,
    /// Above the field.
    pub label: AttrValue,
    /// Below it.
    #[prop_or_default]
    pub hint: Option<AttrValue>,
    /// The button.
    pub act: AttrValue,
    /// The most digits.
    pub most: u32,
    /// Whether they show as they are typed.
    #[prop_or_default]
    pub shown: bool,
    /// Whether it is under way.
    pub busy: bool,
    /// Why it did not do.
    #[prop_or_default]
    pub error: Option<ErrorReport>,
    /// What was typed.
    pub on_digits: Callback<String>,
    /// Goes back, where there is a way back.
    #[prop_or_default]
    pub on_back: Option<Callback<()>>,
}

/// See the module.
#[component]
pub fn DigitsForm(props: &DigitsFormProps) -> Html {
    let field = use_node_ref();
    // Again after each failure, because the field is empty then.
    use_effect_with((field.clone(), props.id.clone(), props.busy), |(field, _, busy)| {
        if !busy {
            dom::focus(field);
        }
    });
    let onsubmit = {
        let (field, on_digits, busy) = (field.clone(), props.on_digits.clone(), props.busy);
        move |event: SubmitEvent| {
            event.prevent_default();
            let Some(input) = field.cast::<web_sys::HtmlInputElement>().filter(|_| !busy) else { return };
            let digits: String = input.value().chars().filter(char::is_ascii_digit).collect();
            input.set_value("");
            on_digits.emit(digits);
        }
    };
    let hint_id = format!("{}-hint", props.id);
    html! {
        <form class="code-form" {onsubmit}>
            if let Some(error) = props.error.clone() { <ErrorNotice {error} /> }
            <label class="label" for={props.id.clone()}>{ props.label.clone() }</label>
            <div>
                <input ref={field} id={props.id.clone()} class="field code" type={if props.shown { "text" } else { "password" }}
                    inputmode="numeric" autocomplete="off" pattern="[0-9]{6,}" minlength="6" maxlength={props.most.to_string()}
                    required=true aria-describedby={props.hint.is_some().then(|| hint_id.clone())} data-test={props.id.clone()} />
                <button type="submit" class="button primary" disabled={props.busy} data-test={format!("{}-submit", props.id)}>
                    if props.busy { <span class="spinner" /> }
                    { props.act.clone() }
                </button>
                if let Some(back) = props.on_back.clone() {
                    <button type="button" class="button quiet" disabled={props.busy} onclick={move |_| back.emit(())}>{ "Back" }</button>
                }
            </div>
            if let Some(hint) = props.hint.clone() { <p id={hint_id} class="hint">{ hint }</p> }
        </form>
    }
}
