//! Putting the key back into the keyring after a passphrase or a code has opened the files.
//!
//! Refuses: writing over what the keyring holds in the key's place unless that was asked for twice.

use chatehr_contract::{KeyStanding, RestoreToKeyring, RestoredToKeyring, command::clinician as command};
use yew::prelude::*;

use super::{
    ask::use_doing,
    confirm::Confirm,
    notice::ErrorNotice,
    shell::{Dispatch, Step, View},
};
use crate::{
    backend::use_backend,
    icon::{Glyph, Icon},
};

/// What the button is made of.
#[derive(PartialEq, Properties)]
pub struct RestoreProps {
    /// Told when the keyring has the key.
    pub dispatch: Dispatch,
}

/// The button, its question and its error.
#[component]
pub fn Restore(props: &RestoreProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let occupied = use_state(|| None::<String>);
    let ask = {
        let (doing, occupied, dispatch) = (doing.clone(), occupied.setter(), props.dispatch.clone());
        Callback::from(move |replacing: Option<String>| {
            let (backend, occupied, dispatch) = (backend.clone(), occupied.clone(), dispatch.clone());
            let work = async move {
                backend.call::<command::RestoreToKeyring>(&RestoreToKeyring { replacing }).await
            };
            doing.run(work, move |answer| match answer {
                RestoredToKeyring::Done => dispatch.dispatch(Step::ReadAll),
                RestoredToKeyring::Occupied { check } => occupied.set(Some(check)),
            });
        })
    };
    let on_no = {
        let occupied = occupied.setter();
        Callback::from(move |()| occupied.set(None))
    };
    let on_yes = {
        let (ask, on_no, check) = (ask.clone(), on_no.clone(), (*occupied).clone());
        move |()| {
            on_no.emit(());
            ask.emit(check.clone());
        }
    };
    html! {
        <>
            <button type="button" class="button small" disabled={doing.busy()} onclick={ask.reform(|_: MouseEvent| None)}
                data-test="restore-to-keyring">
                if doing.busy() { <span class="spinner" /> }
                { "Put the key back" }
            </button>
            if let Some(error) = doing.error() { <ErrorNotice {error} next="Your records stay open. Try again when the keyring is there." /> }
            if occupied.is_some() {
                <Confirm name="occupied" title="Replace what the keyring holds?" lines={OCCUPIED} go_on="Go on…"
                    sure="Is this really what you want?" act="Replace it" {on_yes} {on_no} />
            }
        </>
    }
}

const OCCUPIED: &[&str] = &[
    "The keyring holds something else in the place of your key. It may be the key to other records of yours.",
    "Replaced, it cannot be had back. If you are not sure, leave it and ask your administrator.",
    "Your records are open and stay open either way.",
];

/// What the banner is made of.
#[derive(PartialEq, Properties)]
pub struct KeyBannerProps {
    /// How the keys stand.
    pub keys: KeyStanding,
    /// Settings say the same.
    pub hidden: bool,
    /// Where its buttons go.
    pub dispatch: Dispatch,
}

/// What should be known of the keys while working: the next start would ask for the code again, or the key file is
/// damaged. Can be put away until the next start.
#[component]
pub fn KeyBanner(props: &KeyBannerProps) -> Html {
    let away = use_state(|| false);
    let KeyStanding { not_in_keyring, header_damaged, .. } = props.keys;
    if *away || props.hidden || !(not_in_keyring || header_damaged) {
        return Html::default();
    }
    let put_away = {
        let away = away.setter();
        move |_| away.set(true)
    };
    let look = {
        let dispatch = props.dispatch.clone();
        move |_| dispatch.dispatch(Step::Go(View::Settings))
    };
    html! {
        <div class="offline-banner key-banner" role="status" data-test="key-banner">
            <Icon glyph={Glyph::Key} />
            if header_damaged {
                <p><strong>{ "The key file beside your records is damaged. " }</strong>{ "Your records are not affected. Settings says what to do." }</p>
                <button type="button" class="button small" onclick={look} data-test="key-banner-settings">{ "Settings" }</button>
            } else {
                <p><strong>{ "The keyring does not have your key. " }</strong>{ "Without it, the next start asks for your passphrase or code again." }</p>
                <Restore dispatch={props.dispatch.clone()} />
            }
            <button type="button" class="button quiet small" onclick={put_away} data-test="key-banner-later">{ "Not now" }</button>
        </div>
    }
}
