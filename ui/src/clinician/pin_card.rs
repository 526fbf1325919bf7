//! "Screen lock" in Settings: locking now, and the PIN that unlocks.

use chatehr_contract::{RemovePin, SetPin, command::clinician as command};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::{
    ask::use_doing,
    here,
    notice::ErrorNotice,
    pin_form::{Change, PinForm, Typed},
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
    /// Whether people sign in with a clinic account.
    pub clinic: bool,
    /// Told when that has changed.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn PinCard(props: &PinCardProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let (asking, said) = (use_state(|| None::<Change>), use_state(|| None::<&'static str>));
    let ask = |change: Option<Change>| {
        let (asking, said, doing) = (asking.setter(), said.setter(), doing.clone());
        move |_: MouseEvent| {
            doing.dismiss();
            said.set(None);
            asking.set(change);
        }
    };
    let on_back = {
        let (asking, doing, backend) = (asking.setter(), doing.clone(), backend.clone());
        Callback::from(move |()| {
            if doing.busy() {
                // The answer to what was asked says so, and the form stays for another attempt.
                let backend = backend.clone();
                spawn_local(async move { drop(backend.call::<command::CancelSignIn>(&()).await) });
                return;
            }
            doing.dismiss();
            asking.set(None);
        })
    };
    let done = {
        let (asking, said, dispatch) = (asking.setter(), said.setter(), props.dispatch.clone());
        move |words: &'static str| {
            asking.set(None);
            said.set(Some(words));
            dispatch.dispatch(Step::ReadAll);
        }
    };
    let on_typed = {
        let (backend, doing, change) = (backend.clone(), doing.clone(), *asking);
        Callback::from(move |Typed { present, pin }: Typed| {
            let (backend, done) = (backend.clone(), done.clone());
            match change {
                Some(Change::Remove) => {
                    let ask = RemovePin { present };
                    let work = async move { backend.call::<command::RemovePin>(&ask).await };
                    doing.run(work, move |()| done(" The PIN is removed."));
                }
                _ => {
                    let ask = SetPin { pin, present };
                    let work = async move { backend.call::<command::SetPin>(&ask).await };
                    doing.run(work, move |()| done(" The PIN is set."));
                }
            }
        })
    };
    let lock = move |_: MouseEvent| here::lock(&backend);
    html! {
        <section class="card" data-test="pin-card">
            <h2>{ "Screen lock" }</h2>
            <p class="hint">
                { "The screen locks by itself when nobody uses it, after the time that your clinic sets. Drafts are kept, and what you have sent goes out." }
            </p>
            if let Some(change) = *asking {
                <PinForm key={format!("{change:?}")} {change} pin_set={props.pin_set} clinic={props.clinic} busy={doing.busy()} error={doing.error()}
                    {on_typed} {on_back} />
            } else {
                if let Some(error) = doing.error() { <ErrorNotice {error} /> }
                <div class="card-line">
                    <button type="button" class="button" onclick={lock} data-test="lock-from-settings">
                        <Icon glyph={Glyph::Lock} />{ "Lock now" }<kbd class="key" aria-hidden="true">{ "Ctrl L" }</kbd>
                    </button>
                    <button type="button" class="button" disabled={doing.busy()} onclick={ask(Some(Change::Set))} data-test="set-pin">
                        { if props.pin_set { "Change the PIN…" } else { "Set a PIN…" } }
                    </button>
                    if props.pin_set {
                        <button type="button" class="button quiet" disabled={doing.busy()} onclick={ask(Some(Change::Remove))} data-test="remove-pin">
                            { "Remove the PIN…" }
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
