//! "Screen lock" in Settings: locking now, and the PIN that unlocks.

use chatehr_contract::{SecretText, SetPin, command::clinician as command};
use yew::prelude::*;

use super::{
    ask::use_doing,
    digits_form::DigitsForm,
    here,
    notice::ErrorNotice,
    shell::{Dispatch, Step},
};
use crate::{
    backend::use_backend,
    icon::{Glyph, Icon},
};

/// What the card is made of.
#[derive(PartialEq, Properties)]
pub struct PinCardProps {
    /// Whether there is a PIN.
    pub pin_set: bool,
    /// Told when that has changed.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn PinCard(props: &PinCardProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let (asking, said) = (use_state(|| false), use_state(|| None::<&'static str>));
    let ask = |open: bool| {
        let (asking, said, doing) = (asking.setter(), said.setter(), doing.clone());
        Callback::from(move |()| {
            doing.dismiss();
            said.set(None);
            asking.set(open);
        })
    };
    let done = {
        let (asking, said, dispatch) = (asking.setter(), said.setter(), props.dispatch.clone());
        move |words: &'static str| {
            asking.set(false);
            said.set(Some(words));
            dispatch.dispatch(Step::ReadAll);
        }
    };
    let on_pin = {
        let (backend, doing, done) = (backend.clone(), doing.clone(), done.clone());
        Callback::from(move |pin: String| {
            let (backend, done) = (backend.clone(), done.clone());
            let ask = SetPin { pin: SecretText::new(pin) };
            let work = async move { backend.call::<command::SetPin>(&ask).await };
            doing.run(work, move |()| done(" The PIN is set."));
        })
    };
    let remove = {
        let (backend, doing) = (backend.clone(), doing.clone());
        move |_: MouseEvent| {
            let (backend, done) = (backend.clone(), done.clone());
            let work = async move { backend.call::<command::RemovePin>(&()).await };
            doing.run(work, move |()| done(" The PIN is removed."));
        }
    };
    let lock = move |_: MouseEvent| here::lock(&backend);
    let open = ask(true);
    html! {
        <section class="card" data-test="pin-card">
            <h2>{ "Screen lock" }</h2>
            <p class="hint">
                { "The screen locks by itself when nobody uses it, after the time that your clinic sets. Drafts are kept, and what you have sent goes out." }
            </p>
            if *asking {
                <DigitsForm id="new-pin" label={if props.pin_set { "New PIN" } else { "PIN" }} act="Set the PIN" most=12
                    hint={Some(AttrValue::from("6 to 12 digits. After five wrong tries only signing in unlocks."))} busy={doing.busy()}
                    error={doing.error()} on_digits={on_pin} on_back={ask(false)} />
            } else {
                if let Some(error) = doing.error() { <ErrorNotice {error} /> }
                <div class="card-line">
                    <button type="button" class="button" onclick={lock} data-test="lock-from-settings">
                        <Icon glyph={Glyph::Lock} />{ "Lock now" }<kbd class="key" aria-hidden="true">{ "Ctrl L" }</kbd>
                    </button>
                    <button type="button" class="button" disabled={doing.busy()} onclick={move |_| open.emit(())} data-test="set-pin">
                        { if props.pin_set { "Change the PIN…" } else { "Set a PIN…" } }
                    </button>
                    if props.pin_set {
                        <button type="button" class="button quiet" disabled={doing.busy()} onclick={remove} data-test="remove-pin">
                            { "Remove the PIN" }
                        </button>
                    }
                    <span role="status" data-test="pin-result">
                        if let Some(words) = *said { <span class="good"><Icon glyph={Glyph::Check} />{ words }</span> }
                    </span>
                </div>
            }
        </section>
    }
}
