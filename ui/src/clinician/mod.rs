//! The clinician's window: rail, list, conversation, context, and the screens before them.
//!
//! Promises: every action has a key and a visible control; what belongs to a patient stands under that patient's
//! banner and changes with it. Refuses: showing as sent what the server has not confirmed; the words for that come
//! from the host.

pub mod actions;
pub mod appointments;
pub mod ask;
pub mod banner;
pub mod blocked;
pub mod clinic_sign_in;
pub mod code_sheet;
pub mod complete;
pub mod composer;
pub mod confirm;
pub mod connection;
pub mod consultation;
pub mod context;
pub mod conversation;
pub mod data_card;
pub mod dialog;
pub mod digits_form;
pub mod due;
pub mod enrol;
#[cfg(feature = "fixtures")]
pub mod fixtures;
#[cfg(feature = "fixtures")]
mod fixtures_glass;
#[cfg(feature = "fixtures")]
mod fixtures_keys;
#[cfg(feature = "fixtures")]
mod fixtures_lock;
#[cfg(feature = "fixtures")]
mod fixtures_sign_in;
#[cfg(feature = "fixtures")]
mod fixtures_standing;
pub mod gate;
pub mod glass;
pub mod grid;
pub mod hand_off;
pub mod here;
pub mod kept;
pub mod key_card;
pub mod key_panels;
pub mod keys;
pub mod list;
pub mod locked;
pub mod long_list;
pub mod notice;
pub mod pin_card;
pub mod pin_form;
pub mod rail;
pub mod restore;
pub mod row;
pub mod secret_form;
pub mod settings;
pub mod shell;
pub mod timeline;
pub mod waiting;
pub mod ways;

use std::{cell::Cell, rc::Rc};

use chatehr_contract::{Connection, ErrorReport, Person, ProgramState, Stage, command::clinician as command};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::{
    backend::{Backend, use_backend},
    dom::{self, Listener},
    sound, time,
};
use ask::{Doing, Read, use_doing, use_reading};
use keys::Shortcut;
use shell::{Dispatch, Shell, Step, View};

/// What the program is made of.
#[derive(PartialEq, Properties)]
pub struct AppProps {
    /// What answers.
    pub backend: Backend,
}

/// The whole window.
#[component]
pub fn App(props: &AppProps) -> Html {
    html! {
        <ContextProvider<Backend> context={props.backend.clone()}><Window /></ContextProvider<Backend>>
    }
}

#[component]
fn Window() -> Html {
    let backend = use_backend();
    let shell = use_reducer(Shell::default);
    let deaf = use_state(|| None::<ErrorReport>);
    let dispatch = shell.dispatcher();
    {
        let (dispatch, deaf) = (dispatch.clone(), deaf.setter());
        use_effect_with((), move |()| {
            spawn_local(async move {
                let heard = backend.listen(move |notice| {
                    if notice.sound {
                        sound::alert();
                    }
                    dispatch.dispatch(Step::Notice(notice));
                });
                let heard = heard.await;
                if let Err(error) = heard {
                    deaf.set(Some(error));
                }
            });
        });
    }
    let state = use_reading::<command::State>((), shell.revisions.program);
    let ready = matches!(&state, Read::Here(state) if matches!(state.stage, Stage::Ready { .. }));
    let first = matches!(&state, Read::Here(state) if state.keys.first);
    {
        let dispatch = dispatch.clone();
        use_effect_with((ready, first), move |(ready, first)| match (ready, first) {
            (false, _) => dispatch.dispatch(Step::Forget),
            (true, true) => dispatch.dispatch(Step::Go(View::Enrol)),
            (true, false) => {}
        });
    }
    let replacing = use_replacing(dispatch.clone());
    let state = match state {
        Read::Waiting => return gate::starting(),
        Read::Failed(error) => return html! { <blocked::Blocked {error} {dispatch} /> },
        Read::Here(state) => state,
    };
    time::set_server_ahead(state.clock.server_ahead_millis);
    match &state.stage {
        Stage::Starting => gate::starting(),
        Stage::SignIn { accounts, error } => html! {
            <gate::SignIn server={state.server.clone()} accounts={accounts.clone()} error={error.clone()}
                connection={state.connection.clone()} clinic={state.clinic_sign_in.clone()} {dispatch} />
        },
        Stage::Locked { person, since, outbox_waiting, urgent, pin_tries } => html! {
            <locked::Locked person={person.clone()} since={*since} waiting={*outbox_waiting} urgent={*urgent}
                pin_tries={*pin_tries} clinic={state.clinic_sign_in.clone()} offline={matches!(state.connection, Connection::Offline { .. })} {dispatch} />
        },
        Stage::Blocked { error, ways } => {
            html! { <blocked::Blocked error={error.clone()} ways={ways.clone()} {dispatch} /> }
        }
        Stage::Ready { person } => html! {
            <Work shell={(*shell).clone()} state={state.clone()} person={person.clone()} deaf={(*deaf).clone()} {replacing} {dispatch} />
        },
    }
}

#[derive(PartialEq, Properties)]
struct WorkProps {
    shell: Shell,
    state: Rc<ProgramState>,
    person: Person,
    deaf: Option<ErrorReport>,
    replacing: (Doing, Callback<()>),
    dispatch: Dispatch,
}

/// Replacing the key closes the records and all that stands in the window with them, so what came of it is kept here.
#[hook]
fn use_replacing(dispatch: Dispatch) -> (Doing, Callback<()>) {
    let backend = use_backend();
    let doing = use_doing();
    let replace = {
        let doing = doing.clone();
        Callback::from(move |()| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let work = async move {
                let outcome = backend.call::<command::ReplaceRecordsKey>(&()).await;
                dispatch.dispatch(Step::Go(View::Settings));
                outcome
            };
            doing.run(work, drop);
        })
    };
    (doing, replace)
}

#[component]
fn Work(props: &WorkProps) -> Html {
    let WorkProps { shell, state, person, dispatch, .. } = props;
    let theme = use_state(|| None::<AttrValue>);
    let code = use_state(|| None);
    let offline = matches!(state.connection, Connection::Offline { .. });
    use_keys(shell.clone(), dispatch.clone());
    let close_help = {
        let dispatch = dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Step::Help(false)))
    };
    let on_lock = {
        let backend = use_backend();
        Callback::from(move |_: MouseEvent| here::lock(&backend))
    };
    let shows_one = shell.view.has_list() && shell.selected.is_some();
    html! {
        <div class={classes!("shell", shows_one.then_some("shows-one"))}>
            { rail::rail(&rail::RailProps { state: state.clone(), person: person.clone(), view: shell.view, dispatch: dispatch.clone(), on_lock }) }
            <div class="work">
                // Each in a place of its own: Yew 0.23 may look for a neighbour that is not there when one comes or goes.
                <div class="slot">
                    if let Some(glass) = state.glass.clone() {
                        <glass::GlassBanner shown={shows_one && shell.selected.as_ref() == Some(&glass.id)} {glass} dispatch={dispatch.clone()} />
                    }
                </div>
                <div class="slot">
                    if state.glass_news && glass::may_list(person) { <glass::GlassNews dispatch={dispatch.clone()} /> }
                </div>
                <div class="slot">
                    <here::Here locks_at={state.locks_at} session_ends_at={state.session_ends_at} emergency={shell.emergency.is_some()} />
                </div>
                <div class="slot">
                    <notice::AlertBanner alerts={shell.alerts.clone()} {offline} alone={state.notifications.is_some()}
                        dispatch={dispatch.clone()} />
                </div>
                <div class="slot">
                    if offline {
                        <connection::ConnectionBanner connection={state.connection.clone()} synced_at={state.synced_at} />
                    }
                </div>
                <div class="slot">
                    { connection::first_load(state.loading) }
                </div>
                <div class="slot">
                    if let Some(error) = state.clock.off.clone() { <notice::ErrorNotice {error} caution=true /> }
                </div>
                <div class="slot">
                    <restore::KeyBanner keys={state.keys} hidden={shell.view == View::Settings} dispatch={dispatch.clone()} />
                </div>
                <div class="slot">
                    if shell.view != View::Enrol { <enrol::CodeWaits made={code.clone()} dispatch={dispatch.clone()} /> }
                </div>
                <div class="slot">
                    if let Some(error) = state.integrity.clone() { <notice::ErrorNotice {error} /> }
                </div>
                <div class="slot">
                    if let Some(error) = props.deaf.clone() { <notice::ErrorNotice {error} /> }
                </div>
                <div class="slot">
                    { match shell.view {
                        View::Queue | View::Mine => html! {
                            <div class="panes" key="panes">
                                <list::List key={format!("{:?}", shell.view)} view={shell.view} person={person.clone()}
                                    counts={state.counts} selected={shell.selected.clone()}
                                    revision={shell.revisions.lists} dispatch={dispatch.clone()} />
                                { consultation::consultation(&consultation::ConsultationProps {
                                    id: shell.selected.clone(),
                                    person: person.clone(),
                                    revision: shell.revisions.consultation,
                                    offline,
                                    details: shell.details,
                                    dispatch: dispatch.clone(),
                                }) }
                            </div>
                        },
                        View::Appointments => html! {
                            <appointments::Appointments key="appointments" revision={shell.revisions.appointments} {offline}
                                dispatch={dispatch.clone()} />
                        },
                            View::Enrol => html! { <enrol::Enrol key="enrol" made={code} dispatch={dispatch.clone()} /> },
                        View::Settings => html! {
                            <settings::Settings key="settings" glass={shell.revisions.glass} replacing={props.replacing.clone()} state={state.clone()} person={person.clone()} theme={(*theme).clone()}
                                on_theme={let theme = theme.setter(); move |chosen| theme.set(chosen)}
                                dispatch={dispatch.clone()} />
                        },
                    } }
                </div>
            </div>
            if let Some(id) = shell.emergency.clone() {
                <glass::BreakDialog {id} pin_set={state.pin_set} clinic={state.clinic_sign_in.offered} {offline} dispatch={dispatch.clone()} />
            }
            if shell.help {
                <dialog::Dialog title="Keys" on_close={close_help}>
                    <dl class="keys">
                        { for keys::LIST.iter().map(|(keys, what)| html! {
                            <>
                                <dt>{ for keys.iter().map(|key| html! { <kbd class="key">{ *key }</kbd> }) }</dt>
                                <dd>{ *what }</dd>
                            </>
                        }) }
                    </dl>
                    <form method="dialog" class="dialog-actions"><button class="button">{ "Close" }</button></form>
                </dialog::Dialog>
            }
        </div>
    }
}

/// Whether a key belongs to something that is being written or asked, and not to the shortcuts.
fn typing(event: &web_sys::KeyboardEvent) -> bool {
    let elsewhere = event.ctrl_key() || event.alt_key() || event.meta_key() || event.is_composing();
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let field =
        target.is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
    elsewhere || field || query("dialog[open]").is_some()
}

fn query(selector: &str) -> Option<web_sys::HtmlElement> {
    web_sys::window()?.document()?.query_selector(selector).ok()??.dyn_into().ok()
}

/// Listens for the shortcuts; the list listens for its own moves.
#[hook]
fn use_keys(shell: Shell, dispatch: Dispatch) {
    let details = shell.details;
    use_effect_with(details, move |details| {
        let (details, after_g) = (*details, Cell::new(false));
        let heard = Listener::on_window("keydown", move |event| {
            let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
            if typing(event) {
                return;
            }
            match keys::shortcut(&event.key(), after_g.replace(false)) {
                Some(Shortcut::Prefix) => after_g.set(true),
                Some(Shortcut::Go(view)) => dispatch.dispatch(Step::Go(view)),
                Some(Shortcut::Help) => dispatch.dispatch(Step::Help(true)),
                Some(Shortcut::Close) if details => dispatch.dispatch(Step::Details(false)),
                Some(Shortcut::Press(letter)) => {
                    if let Some(control) = query(&format!("[data-key='{letter}']")) {
                        event.prevent_default();
                        if control.tag_name() == "TEXTAREA" { drop(control.focus()) } else { control.click() }
                    }
                }
                _ => {}
            }
        });
        move || drop(heard)
    });
}

/// Puts the window into the page.
pub fn start(backend: Backend) {
    dom::set_theme(None);
    yew::Renderer::<App>::with_props(AppProps { backend }).render();
}
