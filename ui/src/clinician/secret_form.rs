//! A field for a passphrase or a recovery code, with its button.
//!
//! The words stay in the browser's own field until they are sent, and the field is emptied when they did what they were
//! for: the front end keeps no copy to forget.

use chatehr_contract::{ErrorReport, KeySecret, SecretText};
use yew::prelude::*;

use super::notice::ErrorNotice;
use crate::dom;

/// Which of the two is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A passphrase that exists.
    Passphrase,
    /// A printed code.
    RecoveryCode,
}

impl Ask {
    /// What was typed, as it is sent.
    pub fn secret(self, typed: String) -> KeySecret {
        let words = SecretText::new(typed);
        match self {
            Self::Passphrase => KeySecret::Passphrase { passphrase: words },
            Self::RecoveryCode => KeySecret::RecoveryCode { code: words },
        }
    }
}

/// What the form is made of.
#[derive(PartialEq, Properties)]
pub struct SecretFormProps {
    /// Which is asked for.
    pub ask: Ask,
    /// Names the field; one of a kind on the screen.
    pub id: AttrValue,
    /// The label where "Recovery code" or "Passphrase" does not say it.
    #[prop_or_default]
    pub label: Option<AttrValue>,
    /// The button.
    pub act: AttrValue,
    /// Whether it is under way.
    pub busy: bool,
    /// Why it did not do.
    #[prop_or_default]
    pub error: Option<ErrorReport>,
    /// What to do next, where the place knows it better than the code does.
    #[prop_or_default]
    pub next: Option<&'static str>,
    /// Whether this is the next thing to do: then it has the focus and the bright button.
    #[prop_or(true)]
    pub next_up: bool,
    /// What was typed.
    pub on_secret: Callback<KeySecret>,
    /// Goes back, where there is a way back.
    #[prop_or_default]
    pub on_back: Option<Callback<()>>,
}

/// See the module.
#[component]
pub fn SecretForm(props: &SecretFormProps) -> Html {
    let field = use_node_ref();
    use_effect_with((field.clone(), props.ask, props.next_up), |(field, _, next_up)| {
        if *next_up {
            dom::focus(field);
        }
    });
    let onsubmit = {
        let (field, ask, on_secret) = (field.clone(), props.ask, props.on_secret.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(input) = field.cast::<web_sys::HtmlInputElement>() {
                on_secret.emit(ask.secret(input.value()));
            }
        }
    };
    let (label, hint, kind) = match props.ask {
        Ask::Passphrase => ("Passphrase", "As you set it in Settings.", "password"),
        Ask::RecoveryCode => (
            "Recovery code",
            "Eight groups of five, from the paper. Capitals and hyphens do not matter.",
            "text",
        ),
    };
    let hint_id = format!("{}-hint", props.id);
    html! {
        <form class="secret-form" {onsubmit}>
            <label class="label" for={props.id.clone()}>{ props.label.clone().unwrap_or_else(|| label.into()) }</label>
            <input ref={field} id={props.id.clone()} type={kind} required=true
                class={classes!("field", (props.ask == Ask::RecoveryCode).then_some("code-typed"))}
                autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="400"
                aria-describedby={hint_id.clone()} data-test={props.id.clone()} />
            <p id={hint_id} class="hint">{ hint }</p>
            if let Some(error) = props.error.clone() { <ErrorNotice {error} next={props.next} /> }
            <div class="gate-actions">
                <button type="submit" class={classes!("button", props.next_up.then_some("primary"))} disabled={props.busy}
                    data-test={format!("{}-submit", props.id)}>
                    if props.busy { <span class="spinner" /> }
                    { props.act.clone() }
                </button>
                if let Some(back) = props.on_back.clone() {
                    <button type="button" class="button quiet" disabled={props.busy} onclick={move |_| back.emit(())}>{ "Back" }</button>
                }
            </div>
        </form>
    }
}
