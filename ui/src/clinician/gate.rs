//! The screens before the work: starting and signing in.

use chatehr_contract::{
    Account, ClinicSignIn, Connection, ErrorCode, ErrorReport, Role, SignIn as SignInRequest,
    command::clinician as command,
};
use wasm_bindgen::JsCast;
use yew::prelude::*;

use super::{
    ask::use_doing,
    clinic_sign_in::ClinicSignInForm,
    connection, list,
    notice::ErrorNotice,
    shell::{Dispatch, Step},
};
use crate::{
    backend::use_backend,
    icon::{Glyph, Icon},
    time, words,
};

/// The window's shape while the files open, so that nothing moves when they are.
pub fn starting() -> Html {
    html! {
        <div class="shell" aria-busy="true" data-test="starting">
            <div class="rail"><div class="rail-person">
                <span class="avatar" /><span class="rail-word"><strong>{ "ChatEHR" }</strong><span>{ "Opening…" }</span></span>
            </div></div>
            <main class="panes">
                <section class="list-pane">
                    <header class="list-head"><div class="list-title"><h1>{ "Queue" }</h1></div></header>
                    { list::skeleton(chatehr_contract::ListScope::Queue) }
                </section>
                <section class="centre" />
                <aside class="context" />
            </main>
            <p class="visually-hidden" role="status">{ "Opening your records" }</p>
        </div>
    }
}

/// What the sign-in screen is made of.
#[derive(PartialEq, Properties)]
pub struct SignInProps {
    /// What the server is called.
    pub server: String,
    /// Accounts that a demonstration offers.
    pub accounts: Vec<Account>,
    /// Signing in with a clinic account.
    pub clinic: ClinicSignIn,
    /// What is in the way.
    pub error: Option<ErrorReport>,
    /// How the program and the server stand.
    pub connection: Connection,
    /// Told when somebody has signed in.
    pub dispatch: Dispatch,
}

/// See the module.
#[component]
pub fn SignIn(props: &SignInProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let code = use_state(String::new);
    let submit = {
        let (doing, dispatch, backend) = (doing.clone(), props.dispatch.clone(), backend.clone());
        move |code: String| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let ask = async move { backend.call::<command::SignIn>(&SignInRequest { code }).await };
            doing.run(ask, move |()| dispatch.dispatch(Step::ReadAll));
        }
    };
    let on_again = {
        let (doing, dispatch) = (doing.clone(), props.dispatch.clone());
        Callback::from(move |()| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let ask = async move { backend.call::<command::TryAgain>(&()).await };
            doing.run(ask, move |()| dispatch.dispatch(Step::ReadAll));
        })
    };
    let oninput = {
        let code = code.clone();
        move |event: InputEvent| {
            let typed = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
            if let Some(input) = typed {
                let digits: String = input.value().chars().filter(char::is_ascii_digit).take(6).collect();
                input.set_value(&digits);
                code.set(digits);
            }
        }
    };
    let onsubmit = {
        let (submit, code) = (submit.clone(), code.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if code.len() == 6 {
                submit((*code).clone());
            }
        }
    };
    let accounts: Vec<_> = props.accounts.iter().filter(|account| account.role != Role::Patient).collect();
    let shown = doing.error().map(|error| (error, false)).or_else(|| {
        // What has become of an attempt is newer than why there was need of one.
        let error = props.error.clone().filter(|_| props.clinic.error.is_none())?;
        let again = error.retryable;
        Some((error, again))
    });
    html! {
        <main class="gate" aria-labelledby="gate-title" data-test="sign-in">
            <div class="gate-card">
                <p class="gate-brand"><span class="avatar" aria-hidden="true"><Icon glyph={Glyph::Chat} /></span>{ "ChatEHR Desktop" }</p>
                <h1 id="gate-title">{ "Sign in" }</h1>
                <p class="hint">{ format!("to {}", props.server) }</p>
                if let Some((error, again)) = shown {
                    <ErrorNotice next={next_step(error.code)} {error} on_again={again.then_some(on_again)} />
                }
                { how_it_stands(&props.connection, props.error.as_ref()) }
                if props.clinic.offered {
                    <ClinicSignInForm clinic={props.clinic.clone()} act="Sign in with your clinic account"
                        dispatch={props.dispatch.clone()} />
                } else {
                    if !accounts.is_empty() {
                        <ul class="accounts" aria-label="Demonstration accounts">
                            { for accounts.into_iter().map(|account| account_row(account, &props.accounts, doing.busy(), &submit)) }
                        </ul>
                        <p class="gate-or"><span>{ "or with a code" }</span></p>
                    }
                    <form {onsubmit} class="code-form">
                        <label class="label" for="code">{ "Six-digit code" }</label>
                        <div>
                            <input id="code" class="field code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}"
                                maxlength="6" value={(*code).clone()} {oninput} data-test="sign-in-code"
                                aria-describedby="code-hint" />
                            <button type="submit" class="button primary" data-test="sign-in-submit"
                                disabled={code.len() != 6 || doing.busy()}>
                                if doing.busy() { <span class="spinner" /> }
                                { "Sign in" }
                            </button>
                        </div>
                        <p id="code-hint" class="hint">{ "Your administrator gives you the code." }</p>
                    </form>
                }
            </div>
        </main>
    }
}

/// Since when, and what comes next. Who was not signed in before this screen is not told that they are not.
fn how_it_stands(connection: &Connection, error: Option<&ErrorReport>) -> Html {
    let today = time::local(time::now());
    let title = connection::title(connection, |at| time::local(at).when(today));
    match connection {
        Connection::Offline { .. } => html! {
            <p class="hint" role="status" data-test="gate-connection" data-kind={connection::kind(connection)}>
                { title }{ ". " }<connection::Retry at={connection::retry_at(connection)} />
            </p>
        },
        Connection::SignedOut { .. } if error.is_some() => html! {
            <p class="hint" data-test="gate-connection" data-kind="signed-out">
                { title }{ ". What you wrote is kept, and sent when you sign in again." }
            </p>
        },
        _ => Html::default(),
    }
}

/// Nobody is signed in, so nothing that was loaded can be read: only what helps here is said.
const fn next_step(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::ServerUnreachable => Some(
            "Signing in needs it. We keep trying by ourselves; if it cannot wait, call the clinic’s desk.",
        ),
        _ => None,
    }
}

fn account_row(
    account: &Account,
    all: &[Account],
    busy: bool,
    submit: &(impl Fn(String) + Clone + 'static),
) -> Html {
    let name = account.name.spoken();
    let (name, does) = if account.role == Role::Physician {
        let does = account.specialties.iter().map(words::specialty).collect::<Vec<_>>().join(", ");
        (format!("Dr {name}"), does)
    } else {
        // Two nurses of one clinic may act for different physicians.
        let acts_for = account.delegates_for.as_ref().map(|physician| {
            let known = all.iter().find(|one| one.id == *physician);
            known.map_or_else(|| format!(" for {physician}"), |one| format!(" for Dr {}", one.name.spoken()))
        });
        (name, format!("{}{}", words::as_came(account.role.as_str()), acts_for.unwrap_or_default()))
    };
    let (submit, code) = (submit.clone(), account.code.clone());
    html! {
        <li key={account.id.to_string()}>
            <button type="button" class="account" disabled={busy} onclick={move |_| submit(code.clone())}
                data-test="sign-in-account" data-code={account.code.clone()}>
                <span class="avatar" aria-hidden="true">{ super::rail::initials(&account.name) }</span>
                <span><strong>{ name }</strong><span class="hint">{ does }</span></span>
                <Icon glyph={Glyph::Forward} />
            </button>
        </li>
    }
}
