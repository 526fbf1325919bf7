//! The locked screen: whose it is, since when, what still waits, and the ways back in. Nothing of a patient is here, and
//! nothing of it in the window's memory: all that showed it was taken down.

use chatehr_contract::{
    ClinicSignIn, ErrorCode, PersonName, SecretText, SignIn, Timestamp, UnlockWithPin,
    command::clinician as command,
};
use yew::prelude::*;

use super::{
    ask::use_doing,
    clinic_sign_in::ClinicSignInForm,
    digits_form::DigitsForm,
    rail::{initials, outbox_words},
    shell::{Dispatch, Step},
};
use crate::{
    backend::use_backend,
    icon::{Glyph, Icon},
    time,
};

/// What the screen is made of.
#[derive(PartialEq, Properties)]
pub struct LockedProps {
    /// Who.
    pub person: PersonName,
    /// Since when.
    pub since: Timestamp,
    /// Messages that wait to be sent.
    pub waiting: u32,
    /// Whether there is no connection.
    pub offline: bool,
    /// Urgent requests that have come meanwhile.
    pub urgent: u32,
    /// How often a PIN may be tried.
    pub pin_tries: u32,
    /// Signing in with a clinic account.
    pub clinic: ClinicSignIn,
    /// Told when it is open again.
    pub dispatch: Dispatch,
}

/// Who signs in with a code.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Same,
    Other,
}

/// See the module.
#[component]
pub fn Locked(props: &LockedProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let chosen = use_state(|| None::<Who>);
    let name = props.person.spoken();
    let choose = |who: Option<Who>| {
        let (chosen, doing) = (chosen.setter(), doing.clone());
        Callback::from(move |()| {
            doing.dismiss();
            chosen.set(who);
        })
    };
    let on_pin = {
        let (backend, doing, dispatch) = (backend.clone(), doing.clone(), props.dispatch.clone());
        Callback::from(move |pin: String| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let ask = UnlockWithPin { pin: SecretText::new(pin) };
            let work = async move { backend.call::<command::UnlockWithPin>(&ask).await };
            doing.run(work, move |()| dispatch.dispatch(Step::ReadAll));
        })
    };
    let on_code = {
        let (doing, dispatch) = (doing.clone(), props.dispatch.clone());
        Callback::from(move |code: String| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let work = async move { backend.call::<command::SignIn>(&SignIn { code }).await };
            doing.run(work, move |()| dispatch.dispatch(Step::ReadAll));
        })
    };
    let has_pin = props.pin_tries > 0;
    let who = match *chosen {
        None if !has_pin || props.clinic.waiting.is_some() => Some(Who::Same),
        chosen => chosen,
    };
    let error = doing.error();
    let spent = error.as_ref().is_some_and(|error| error.code == ErrorCode::PinSpent);
    let form = match who {
        None => html! {
            <DigitsForm key="pin" id="unlock-pin" label="PIN" act="Unlock" most=12 busy={doing.busy()} {error} on_digits={on_pin} />
        },
        Some(who) if props.clinic.offered => html! {
            <>
                if who == Who::Other { <p class="hint">{ others_records(&name) }</p> }
                <ClinicSignInForm key="clinic" clinic={props.clinic.clone()} dispatch={props.dispatch.clone()}
                    act={if who == Who::Same { "Sign in again" } else { "Sign in with your clinic account" }} />
            </>
        },
        Some(who) => {
            let (label, hint) = match who {
                Who::Same => (
                    format!("Six-digit code of {name}"),
                    (!has_pin && !spent)
                        .then(|| AttrValue::from("A PIN makes this shorter: set one in Settings.")),
                ),
                Who::Other => ("Your six-digit code".to_owned(), Some(others_records(&name).into())),
            };
            html! {
                <DigitsForm key="code" id="unlock-code" {label} {hint} act="Sign in" most=6 busy={doing.busy()} {error} on_digits={on_code} />
            }
        }
    };
    let other = |to: Option<Who>, words: &'static str, test: &'static str| {
        let go = choose(to);
        html! {
            <button type="button" class="button quiet" disabled={doing.busy()} onclick={move |_| go.emit(())} data-test={test}>
                { words }
            </button>
        }
    };
    let today = time::local(time::now());
    let waits = if props.waiting > 0 {
        let when = if props.offline { ", as soon as there is a connection" } else { "" };
        format!("{}{when}.", outbox_words(props.waiting, 0))
    } else {
        "Nothing is waiting to be sent. Drafts are kept.".to_owned()
    };
    html! {
        <main class="gate" aria-labelledby="gate-title" data-test="locked">
            <div class="gate-card">
                <p class="gate-brand"><span class="avatar" aria-hidden="true"><Icon glyph={Glyph::Lock} /></span>{ "ChatEHR Desktop" }</p>
                <div class="locked-who">
                    <span class="avatar" aria-hidden="true">{ initials(&props.person) }</span>
                    <div>
                        <h1 id="gate-title">{ name.clone() }</h1>
                        <p class="hint">{ format!("Locked since {}", time::local(props.since).when(today)) }</p>
                    </div>
                </div>
                <div role="status" data-test="locked-urgent">
                    if props.urgent > 0 {
                        <p class="locked-urgent"><Icon glyph={Glyph::Urgent} />
                            <strong>{ urgent_words(props.urgent) }</strong>
                        </p>
                    }
                </div>
                { form }
                <p class="hint" role="status" data-test="locked-outbox">{ waits }</p>
                if props.clinic.waiting.is_none() {
                    <div class="gate-actions gate-foot">
                        if who.is_some() && has_pin { { other(None, "Use the PIN", "unlock-by-pin") } }
                        if who != Some(Who::Same) { { other(Some(Who::Same), "Sign in again", "unlock-by-code") } }
                        if who != Some(Who::Other) { { other(Some(Who::Other), "Sign in as somebody else", "unlock-other") } }
                    </div>
                }
            </div>
        </main>
    }
}

fn others_records(name: &str) -> String {
    format!("You see your own records. Those of {name} stay closed, with every draft.")
}

fn urgent_words(urgent: u32) -> String {
    match urgent {
        1 => "An urgent request waits. Unlock to see it.".to_owned(),
        more => format!("{more} urgent requests wait. Unlock to see them."),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn urgent_requests_are_counted_and_not_described() {
        assert_eq!(super::urgent_words(1), "An urgent request waits. Unlock to see it.");
        assert_eq!(super::urgent_words(3), "3 urgent requests wait. Unlock to see them.");
    }
}
