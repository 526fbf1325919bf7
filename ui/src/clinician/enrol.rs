//! The first sign-in on a workstation: a recovery code to print, which can be put off.
//!
//! It stands where the work will be, with the rail and the alerts around it, so that an urgent request is seen here too.

use std::rc::Rc;

use chatehr_contract::{AddRecoveryCode, NewRecoveryCode, command::clinician as command};
use yew::prelude::*;

use super::{
    ask::use_doing,
    code_sheet::CodeSheet,
    notice::ErrorNotice,
    shell::{Dispatch, Step, View},
};
use crate::{
    backend::use_backend,
    icon::{Glyph, Icon},
};

/// What the view is made of.
#[derive(PartialEq, Properties)]
pub struct EnrolProps {
    /// The code that was made and not yet typed back. It is told once, so it outlives a look at something urgent.
    pub made: UseStateHandle<Option<Rc<NewRecoveryCode>>>,
    /// Where it goes on.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn Enrol(props: &EnrolProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let made = props.made.clone();
    let make = {
        let (doing, made) = (doing.clone(), made.setter());
        move |_| {
            let (backend, made) = (backend.clone(), made.clone());
            let request = AddRecoveryCode { label: String::new() };
            let work = async move { backend.call::<command::AddRecoveryCode>(&request).await };
            doing.run(work, move |code| made.set(Some(Rc::new(code))));
        }
    };
    let on_done = {
        let (dispatch, made) = (props.dispatch.clone(), made.setter());
        Callback::from(move |()| {
            made.set(None);
            dispatch.dispatch(Step::Go(View::Queue));
        })
    };
    let later = on_done.reform(|_: MouseEvent| ());
    html! {
        <main class="page settings" aria-labelledby="enrol-title" data-test="enrol">
            <section class="card enrol">
                <span class="gate-sign calm" aria-hidden="true"><Icon glyph={Glyph::Key} /></span>
                <h1 id="enrol-title">{ "Print a recovery code" }</h1>
                if let Some(made) = &*made {
                    <CodeSheet code={made.code.clone()} {on_done} />
                } else {
                    <p>{ "Your records on this workstation are encrypted. The one key to them is in this computer’s keyring, and keyrings get lost: with a reset password, or a new account." }</p>
                    <p>{ "A printed code opens your records then. Without it, messages that were not sent yet would be lost." }</p>
                    if let Some(error) = doing.error() { <ErrorNotice {error} /> }
                    <div class="gate-actions">
                        <button type="button" class="button primary" disabled={doing.busy()} onclick={make} data-test="make-code">
                            if doing.busy() { <span class="spinner" /> }
                            { "Make the code" }
                        </button>
                        <button type="button" class="button quiet" disabled={doing.busy()} onclick={later} data-test="enrol-later">
                            { "Later" }
                        </button>
                    </div>
                    <p class="hint">{ "Settings reminds you until there is one." }</p>
                }
            </section>
        </main>
    }
}

/// While a code waits to be written down and something else is on the screen.
#[component]
pub fn CodeWaits(props: &EnrolProps) -> Html {
    if props.made.is_none() {
        return Html::default();
    }
    let show = {
        let dispatch = props.dispatch.clone();
        move |_| dispatch.dispatch(Step::Go(View::Enrol))
    };
    html! {
        <div class="offline-banner key-banner" role="status" data-test="code-waits">
            <Icon glyph={Glyph::Key} />
            <p><strong>{ "Your recovery code waits to be written down. " }</strong>{ "It is shown until then, or until the screen locks." }</p>
            <button type="button" class="button small" onclick={show} data-test="show-code">{ "Show it" }</button>
        </div>
    }
}
