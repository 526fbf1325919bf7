//! This workstation: whether alerts reach the person, how the window looks, who is signed in.

use std::rc::Rc;

use chatehr_contract::{Person, ProgramState, command::clinician as command};
use yew::prelude::*;

use super::{
    ask::{Doing, use_doing},
    data_card::DataCard,
    glass::{GlassCard, may_list},
    key_card::KeyCard,
    notice::ErrorNotice,
    pin_card::PinCard,
    rail::{for_whom, outbox_words, title_and_name, what_they_do},
    shell::{Dispatch, Step},
};
use crate::{
    backend::use_backend,
    dom,
    icon::{Glyph, Icon},
};

/// What the view is made of.
#[derive(PartialEq, Properties)]
pub struct SettingsProps {
    /// Server, outbox, notifications.
    pub state: Rc<ProgramState>,
    /// Who is signed in.
    pub person: Person,
    /// The theme in use: "light", "dark", or what the system says.
    pub theme: Option<AttrValue>,
    /// Another theme.
    pub on_theme: Callback<Option<AttrValue>>,
    /// Replacing the key to the records.
    pub replacing: (Doing, Callback<()>),
    /// Goes up when somebody has opened a record in an emergency.
    pub glass: u32,
    /// Told when somebody has signed out.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn Settings(props: &SettingsProps) -> Html {
    let backend = use_backend();
    let (testing, leaving) = (use_doing(), use_doing());
    let shown = use_state(|| false);
    let test = {
        let (testing, shown, backend) = (testing.clone(), shown.clone(), backend.clone());
        move |_| {
            shown.set(false);
            let (backend, shown) = (backend.clone(), shown.clone());
            testing
                .run(async move { backend.call::<command::TestAlert>(&()).await }, move |()| shown.set(true));
        }
    };
    let sign_out = {
        let (leaving, dispatch) = (leaving.clone(), props.dispatch.clone());
        move |_| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            leaving.run(async move { backend.call::<command::SignOut>(&()).await }, move |()| {
                dispatch.dispatch(Step::ReadAll);
            });
        }
    };
    let theme = |value: Option<&'static str>, label: &'static str| {
        let on_theme = props.on_theme.clone();
        let pressed = props.theme.as_deref() == value;
        html! {
            <button type="button" class="chip" aria-pressed={pressed.to_string()}
                onclick={move |_| {
                    dom::set_theme(value);
                    on_theme.emit(value.map(AttrValue::from));
                }}>{ label }</button>
        }
    };
    let waiting = props.state.outbox_waiting + props.state.outbox_stuck;
    html! {
        <main class="page settings" aria-labelledby="settings-title">
            <h1 id="settings-title">{ "Settings" }</h1>
            <section class="card">
                <h2>{ "Alerts" }</h2>
                <p class="hint">
                    { "Urgent and emergency requests show a notification on your desktop and a banner in this window. Notifications never name a patient." }
                </p>
                if let Some(error) = props.state.notifications.clone().filter(|_| testing.error().is_none()) {
                    <ErrorNotice {error} />
                }
                <div class="card-line">
                    <button type="button" class="button" disabled={testing.busy()} onclick={test} data-test="test-alert">
                        <Icon glyph={Glyph::Bell} />{ "Show a test notification" }
                    </button>
                    <span role="status" data-test="test-alert-result">
                        if *shown && testing.error().is_none() {
                            <span class="good"><Icon glyph={Glyph::Check} />{ " The desktop has taken it. Did you see it?" }</span>
                        }
                    </span>
                </div>
                if let Some(error) = testing.error() { <ErrorNotice {error} /> }
            </section>
            if may_list(&props.person) { <GlassCard revision={props.glass} /> }
            <KeyCard keys={props.state.keys} may_export={props.state.may_export} replacing={props.replacing.0.clone()} on_replace={props.replacing.1.clone()}
                dispatch={props.dispatch.clone()} />
            <PinCard pin_set={props.state.pin_set} clinic={props.state.clinic_sign_in.offered} dispatch={props.dispatch.clone()} />
            <DataCard connection={props.state.connection.clone()} />
            <section class="card">
                <h2>{ "Appearance" }</h2>
                <p class="hint">{ "For as long as this window is open." }</p>
                <div class="chips" role="group" aria-label="Theme">
                    { theme(None, "As the system") }
                    { theme(Some("light"), "Light") }
                    { theme(Some("dark"), "Dark") }
                </div>
            </section>
            <section class="card">
                <h2>{ "Signed in" }</h2>
                <p><strong>{ title_and_name(&props.person) }</strong><br />
                    <span class="hint">{ what_they_do(&props.person) }
                    if let Some(physician) = for_whom(&props.state) { { format!(", {physician}") } }</span></p>
                if waiting > 0 {
                    <p class="hint">
                        { outbox_words(props.state.outbox_waiting, props.state.outbox_stuck) }
                        { ". It stays on this workstation and is sent when you sign in again." }
                    </p>
                }
                if let Some(error) = leaving.error() { <ErrorNotice {error} /> }
                <div class="card-line">
                    <button type="button" class="button" disabled={leaving.busy()} onclick={sign_out} data-test="sign-out">
                        <Icon glyph={Glyph::Leave} />{ "Sign out" }
                    </button>
                </div>
            </section>
            <section class="card">
                <h2>{ "About" }</h2>
                <dl class="facts">
                    <dt>{ "Program" }</dt><dd>{ concat!("ChatEHR Desktop ", env!("CARGO_PKG_VERSION")) }</dd>
                    <dt>{ "Server" }</dt><dd>{ props.state.server.clone() }</dd>
                </dl>
            </section>
        </main>
    }
}
