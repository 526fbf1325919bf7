//! Setting, changing or removing the PIN: the one that is set and the new one in one form, and the other way for whoever
//! has forgotten theirs.
//!
//! The digits stay in the browser's own fields until they are sent, and the fields are emptied with that: the front end
//! keeps no copy to forget.

use chatehr_contract::{ErrorReport, SecretText};
use yew::prelude::*;

use super::notice::ErrorNotice;
use crate::dom;

/// What is to become of the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is none yet, or another takes its place.
    Set,
    /// It goes.
    Remove,
}

/// What was typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// The one that is set; absent where the person shows in another way who they are.
    pub present: Option<SecretText>,
    /// The new one; empty where it goes.
    pub pin: SecretText,
}

/// What the form is made of.
#[derive(PartialEq, Properties)]
pub struct PinFormProps {
    /// What is to become of it.
    pub change: Change,
    /// Whether there is one.
    pub pin_set: bool,
    /// Whether people sign in with a clinic account, and show anew with it who they are.
    pub clinic: bool,
    /// Whether it is under way.
    pub busy: bool,
    /// Why it did not do.
    pub error: Option<ErrorReport>,
    /// What was typed.
    pub on_typed: Callback<Typed>,
    /// Goes back, or waits for the browser no longer.
    pub on_back: Callback<()>,
}

/// See the module.
#[component]
pub fn PinForm(props: &PinFormProps) -> Html {
    let (present, pin) = (use_node_ref(), use_node_ref());
    let forgotten = use_state(|| false);
    let asks_present = props.pin_set && !*forgotten;
    let asks_pin = props.change == Change::Set;
    // Again after each failure, because the fields are empty then.
    use_effect_with((asks_present, props.busy), {
        let (present, pin) = (present.clone(), pin.clone());
        move |(asks_present, busy)| {
            if !busy {
                dom::focus(if *asks_present { &present } else { &pin });
            }
        }
    });
    let onsubmit = {
        let (present, pin, on_typed, busy) =
            (present.clone(), pin.clone(), props.on_typed.clone(), props.busy);
        move |event: SubmitEvent| {
            event.prevent_default();
            if busy {
                return;
            }
            let typed = Typed { present: asks_present.then(|| taken(&present)), pin: taken(&pin) };
            on_typed.emit(typed);
        }
    };
    let forget = {
        let (forgotten, now) = (forgotten.setter(), *forgotten);
        move |_: MouseEvent| forgotten.set(!now)
    };
    let back = {
        let back = props.on_back.clone();
        move |_: MouseEvent| back.emit(())
    };
    let by_browser = !asks_present && props.clinic;
    let (act, id) = match props.change {
        Change::Set => ("Set the PIN", "new-pin"),
        Change::Remove => ("Remove the PIN", "old-pin"),
    };
    let field = |node: &NodeRef, id: &'static str, label: &'static str| {
        html! {
            <div class="pin-field">
                <label class="label" for={id}>{ label }</label>
                <input ref={node.clone()} {id} class="field code" type="password" inputmode="numeric" autocomplete="off" pattern="[0-9]{6,}"
                    minlength="6" maxlength="12" required=true disabled={props.busy} aria-describedby="pin-hint" data-test={id} />
            </div>
        }
    };
    html! {
        <form class="pin-form" {onsubmit}>
            if let Some(error) = props.error.clone() { <ErrorNotice {error} /> }
            if asks_present || asks_pin {
                <div class="pin-fields">
                    if asks_present { { field(&present, "present-pin", "Present PIN") } }
                    if asks_pin { { field(&pin, "new-pin", if props.pin_set { "New PIN" } else { "PIN" }) } }
                </div>
            }
            <div id="pin-hint" class="hint">
                if by_browser && props.busy {
                    <p role="status" data-test="pin-browser">{ "Your browser asks you to sign in once more. It is done when you have." }</p>
                } else if by_browser {
                    <p>{ "Your browser will ask you to sign in once more, so that it is certainly you." }</p>
                } else if !asks_present {
                    <p>{ "This works within five minutes of signing in, so that it is certainly you. Was it longer ago? Lock the screen, sign in there instead of typing a PIN, and come back here." }</p>
                }
                if asks_pin { <p>{ "6 to 12 digits. After five wrong tries only signing in unlocks." }</p> }
            </div>
            <div class="card-line">
                <button type="submit" class={classes!("button", if asks_pin { "primary" } else { "danger" })} disabled={props.busy}
                    data-test={format!("{id}-submit")}>
                    if props.busy { <span class="spinner" /> }
                    { act }
                </button>
                <button type="button" class="button" disabled={props.busy && !by_browser} onclick={back} data-test="pin-back">
                    { if by_browser && props.busy { "Cancel" } else { "Back" } }
                </button>
                if props.pin_set {
                    <button type="button" class="button quiet" disabled={props.busy} onclick={forget} data-test="pin-forgotten">
                        { if *forgotten { "I know my PIN" } else { "I have forgotten my PIN" } }
                    </button>
                }
            </div>
        </form>
    }
}

/// What stands in a field, which is empty then.
fn taken(field: &NodeRef) -> SecretText {
    let Some(input) = field.cast::<web_sys::HtmlInputElement>() else { return SecretText::new("") };
    let digits: String = input.value().chars().filter(char::is_ascii_digit).collect();
    input.set_value("");
    SecretText::new(digits)
}
