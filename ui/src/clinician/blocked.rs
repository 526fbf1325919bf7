//! The files cannot be opened: what happened, what to do, and never a wipe without a clear question.

use chatehr_contract::{ErrorCode, ErrorReport, WayIn, command::clinician as command};
use yew::prelude::*;

use super::{
    ask::use_doing,
    confirm::Confirm,
    notice::ErrorNotice,
    secret_form::{Ask, SecretForm},
    shell::{Dispatch, Step},
    ways::{self, Offer},
};
use crate::{
    backend::use_backend,
    dom,
    icon::{Glyph, Icon},
};

/// What the blocked screen is made of.
#[derive(PartialEq, Properties)]
pub struct BlockedProps {
    /// What is in the way.
    pub error: ErrorReport,
    /// Other keys that this person has.
    #[prop_or_default]
    pub ways: Vec<WayIn>,
    /// Told when something was tried.
    pub dispatch: Dispatch,
}

/// What is being asked on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Secret(Ask),
    Rebuild,
    StartAnew,
}

/// See the module.
#[component]
pub fn Blocked(props: &BlockedProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let asking = use_state(|| None::<Asking>);
    {
        // Another obstacle is another screen: a question about the one before is over.
        let asking = asking.setter();
        use_effect_with(props.error.code, move |_| asking.set(None));
    }
    let act = {
        let (doing, asking, dispatch) = (doing.clone(), asking.setter(), props.dispatch.clone());
        Callback::from(move |offer: Offer| {
            let ask = match offer {
                Offer::Passphrase => Some(Asking::Secret(Ask::Passphrase)),
                Offer::RecoveryCode => Some(Asking::Secret(Ask::RecoveryCode)),
                Offer::Rebuild => Some(Asking::Rebuild),
                Offer::StartAnew => Some(Asking::StartAnew),
                Offer::TryAgain | Offer::SignIn | Offer::SomebodyElse => None,
            };
            doing.dismiss();
            asking.set(ask);
            if ask.is_none() {
                let (backend, dispatch) = (backend.clone(), dispatch.clone());
                let work = async move {
                    match offer {
                        Offer::SignIn => backend.call::<command::SignInWithoutKeyring>(&()).await,
                        Offer::SomebodyElse => backend.call::<command::SignOut>(&()).await,
                        _ => backend.call::<command::TryAgain>(&()).await,
                    }
                };
                doing.run(work, move |()| dispatch.dispatch(Step::ReadAll));
            }
        })
    };
    let (row, was_asking) = (use_node_ref(), use_mut_ref(|| false));
    use_effect_with((row.clone(), asking.is_some()), move |(row, asking)| {
        if was_asking.replace(*asking) && !asking {
            dom::focus_first(row);
        }
    });
    let stop_asking = {
        let (asking, doing) = (asking.setter(), doing.clone());
        Callback::from(move |()| {
            doing.dismiss();
            asking.set(None);
        })
    };
    let error = &props.error;
    html! {
        <main class="gate" data-test="blocked" data-code={error.code.as_str()}>
            <div class="gate-card">
                <span class="gate-sign" aria-hidden="true"><Icon glyph={Glyph::Lock} /></span>
                <h1>{ error.sentence() }</h1>
                <p>{ ways::next_step(error.code, &props.ways) }</p>
                if let Some(Asking::Secret(ask)) = *asking {
                    <Unlock {ask} dispatch={props.dispatch.clone()} on_back={stop_asking.clone()} />
                } else {
                    if let Some(error) = doing.error().filter(|again| again.code != props.error.code) {
                        <ErrorNotice {error} />
                    }
                    <div ref={row} class="gate-actions">
                        { for ways::offers(error.code, &props.ways).into_iter().enumerate().map(|(place, offer)| {
                            button(offer, place == 0, doing.busy(), &act)
                        }) }
                    </div>
                }
                <p class="hint gate-foot">
                    { format!("For your administrator: {}", error.code.as_str()) }
                    if let Some(reference) = &error.correlation_id { { format!(", reference {reference}") } }
                </p>
            </div>
            if let Some(which @ (Asking::Rebuild | Asking::StartAnew)) = *asking {
                <Question {which} doing={doing.clone()} dispatch={props.dispatch.clone()} on_no={stop_asking} />
            }
        </main>
    }
}

fn button(offer: Offer, first: bool, busy: bool, act: &Callback<Offer>) -> Html {
    let (label, test) = match offer {
        Offer::TryAgain => ("Try again", "try-again"),
        Offer::Passphrase => ("Use your passphrase", "use-passphrase"),
        Offer::RecoveryCode => ("Use your recovery code", "use-recovery-code"),
        Offer::SignIn => ("Sign in first", "sign-in-without-keyring"),
        Offer::Rebuild => ("Rebuild…", "rebuild"),
        Offer::StartAnew => ("Start the key file anew…", "start-anew"),
        Offer::SomebodyElse => ("Sign in as somebody else", "somebody-else"),
    };
    let weight = match offer {
        _ if first => Some("primary"),
        Offer::SomebodyElse => Some("quiet"),
        _ => None,
    };
    let act = act.clone();
    html! {
        <button key={test} type="button" class={classes!("button", weight)} disabled={busy} data-test={test}
            onclick={move |_| act.emit(offer)}>
            if busy && offer == Offer::TryAgain { <span class="spinner" /> }
            { label }
        </button>
    }
}

#[derive(PartialEq, Properties)]
struct UnlockProps {
    ask: Ask,
    dispatch: Dispatch,
    on_back: Callback<()>,
}

/// Another key than the keyring's.
#[component]
fn Unlock(props: &UnlockProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let on_secret = {
        let (doing, dispatch) = (doing.clone(), props.dispatch.clone());
        move |secret| {
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let work = async move { backend.call::<command::UnlockRecords>(&secret).await };
            doing.run(work, move |()| dispatch.dispatch(Step::ReadAll));
        }
    };
    // Settings are not to be had here.
    let next = doing.error().filter(|error| error.code == ErrorCode::HeaderDamaged).map(|_| {
        "Restore the keyring, or try another passphrase or code; if none opens, tell your administrator. Do not delete anything."
    });
    html! {
        <SecretForm ask={props.ask} id="unlock" act="Open my records" busy={doing.busy()} error={doing.error()} {next}
            {on_secret} on_back={props.on_back.clone()} />
    }
}

#[derive(PartialEq, Properties)]
struct QuestionProps {
    which: Asking,
    doing: super::ask::Doing,
    dispatch: Dispatch,
    on_no: Callback<()>,
}

/// What is done only after a clear answer.
#[component]
fn Question(props: &QuestionProps) -> Html {
    let backend = use_backend();
    let anew = props.which == Asking::StartAnew;
    let on_yes = {
        let (doing, dispatch, on_no) = (props.doing.clone(), props.dispatch.clone(), props.on_no.clone());
        move |()| {
            on_no.emit(());
            let (backend, dispatch) = (backend.clone(), dispatch.clone());
            let work = async move {
                if anew {
                    // The keyring has the key, so there is no code to tell.
                    backend.call::<command::StartKeyFileAnew>(&()).await.map(drop)
                } else {
                    backend.call::<command::RebuildCache>(&()).await
                }
            };
            doing.run(work, move |()| dispatch.dispatch(Step::ReadAll));
        }
    };
    if anew {
        html! {
            <Confirm name="start-anew" title="Start the key file anew?" lines={ANEW} go_on="Go on…" sure="Is this really what you want?"
                act="Start it anew" {on_yes} on_no={props.on_no.clone()} />
        }
    } else {
        html! {
            <Confirm name="rebuild" title="Rebuild the saved copy?" lines={REBUILD} go_on="Rebuild" act="Rebuild" {on_yes}
                on_no={props.on_no.clone()} />
        }
    }
}

const REBUILD: &[&str] = &[
    "The damaged file is put aside, not deleted.",
    "Your consultations, messages and appointments are fetched from ChatEHR again; this needs a connection.",
    "Unsent messages and drafts are in another file and are not touched.",
];

/// What starting the key file anew means, here and in Settings.
pub const ANEW: &[&str] = &[
    "The present key file is put aside, not deleted. Your records are not touched.",
    "Passphrases and recovery codes made so far no longer open your records here.",
    "Print a new recovery code right after it.",
];
