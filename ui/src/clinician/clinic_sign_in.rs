//! Signing in with a clinic account, on the sign-in screen and on the locked one: the way through the browser, a code
//! for another device, and what is being waited for meanwhile.

use chatehr_contract::{BeginSignIn, ClinicSignIn, SignInWait, SignInWay, command::clinician as command};
use yew::prelude::*;

use super::{
    ask::use_doing,
    notice::ErrorNotice,
    shell::{Dispatch, Step},
};
use crate::{
    backend::use_backend,
    icon::{Glyph, Icon},
    time,
};

/// What it is made of.
#[derive(PartialEq, Properties)]
pub struct ClinicSignInProps {
    /// How it stands.
    pub clinic: ClinicSignIn,
    /// What the button says.
    pub act: &'static str,
    /// Told when something was begun or given up.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn ClinicSignInForm(props: &ClinicSignInProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let begin = |way: SignInWay| {
        let (backend, doing, dispatch) = (backend.clone(), doing.clone(), props.dispatch.clone());
        move |_: MouseEvent| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let work = async move { backend.call::<command::BeginSignIn>(&BeginSignIn { way }).await };
            doing.run(work, move |()| dispatch.dispatch(Step::ReadAll));
        }
    };
    let on_cancel = {
        let (backend, doing, dispatch) = (backend.clone(), doing.clone(), props.dispatch.clone());
        move |_: MouseEvent| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let work = async move { backend.call::<command::CancelSignIn>(&()).await };
            doing.run(work, move |()| dispatch.dispatch(Step::ReadAll));
        }
    };
    let by_code = html! {
        <button type="button" class="button quiet" disabled={doing.busy()} onclick={begin(SignInWay::Device)}
            data-test="clinic-sign-in-device">{ "Use a code on another device" }</button>
    };
    let cancel = html! {
        <button type="button" class="button" disabled={doing.busy()} onclick={on_cancel}
            data-test="clinic-sign-in-cancel">{ "Cancel" }</button>
    };
    let waits = |title: &'static str, text: &'static str| {
        html! {
            <div class="clinic-wait">
                <span class="spinner" aria-hidden="true" />
                <div><strong>{ title }</strong><p class="hint">{ text }</p></div>
            </div>
        }
    };
    let inside = match &props.clinic.waiting {
        None => html! {
            <>
                <button type="button" class="button primary clinic-begin" disabled={doing.busy()}
                    onclick={begin(SignInWay::Browser)} data-test="clinic-sign-in">
                    <Icon glyph={Glyph::Key} />{ props.act }
                </button>
                <p class="hint">{ "Your web browser opens with your clinic’s own sign-in page." }</p>
                <div class="gate-actions">{ by_code }</div>
            </>
        },
        Some(SignInWait::Provider) => html! {
            <>
                { waits("Asking your clinic’s sign-in service", "This takes a moment.") }
                <div class="gate-actions">{ cancel }</div>
            </>
        },
        Some(SignInWait::Browser) => html! {
            <>
                { waits("Go on in your web browser", "It has opened beside this window. When you are done there, this window follows by itself.") }
                <div class="gate-actions">{ cancel }{ by_code }</div>
            </>
        },
        Some(SignInWait::Device { user_code, address, expires_at }) => {
            let until = time::local(*expires_at).when(time::local(time::now()));
            html! {
                <>
                    <div class="clinic-code">
                        <p>{ "On your telephone or another computer, open" }</p>
                        <p class="clinic-address" data-test="clinic-address">{ address.clone() }</p>
                        <p>{ "and type in this code:" }</p>
                        <p class="clinic-user-code" data-test="clinic-code">{ user_code.clone() }</p>
                        <p class="hint">{ format!("Good until {until}. This window follows by itself.") }</p>
                    </div>
                    <div class="gate-actions">{ cancel }</div>
                </>
            }
        }
        Some(SignInWait::Records) => waits("Opening your records", "You are signed in."),
    };
    let error = doing.error().or_else(|| props.clinic.error.clone());
    html! {
        <div class="clinic-sign-in" data-test="clinic-sign-in-form">
            if let Some(error) = error.filter(|_| props.clinic.waiting.is_none()) { <ErrorNotice {error} /> }
            <div role="status">{ inside }</div>
        </div>
    }
}
