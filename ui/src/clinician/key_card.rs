//! "Keys to your records" in Settings: what opens the encrypted files, and what can be done about it.

use std::rc::Rc;

use chatehr_contract::{
    AddRecoveryCode, KeyList, KeySlot, KeySlotKind, KeySlotRef, KeyStanding, NewRecoveryCode, access::Action,
    command::clinician as command,
};
use yew::prelude::*;

use super::{
    ask::{Doing, Read, use_doing, use_reading},
    blocked::ANEW,
    code_sheet::CodeSheet,
    confirm::Confirm,
    key_panels::{BackUp, NewPassphrase, Test},
    notice::ErrorNotice,
    restore::Restore,
    secret_form::Ask,
    shell::{Dispatch, Step},
};
use crate::{
    backend::use_backend,
    dom,
    icon::{Glyph, Icon},
    time,
};

/// What the card is made of.
#[derive(PartialEq, Properties)]
pub struct KeyCardProps {
    /// How the keys stand.
    pub keys: KeyStanding,
    /// Whether the clinic's policy lets this person take records away.
    pub may_export: bool,
    /// Replacing the key, which closes this very card meanwhile.
    pub replacing: Doing,
    /// Replace it.
    pub on_replace: Callback<()>,
    /// Told when something has changed.
    pub dispatch: Dispatch,
}

/// What stands open below the list.
#[derive(Clone, PartialEq)]
enum Panel {
    Passphrase(Option<String>),
    Test(Ask),
    Code(Rc<NewRecoveryCode>),
    BackUp(String),
}

/// What is asked in a dialog.
#[derive(Clone, PartialEq)]
enum Question {
    RotateCode(String),
    Remove(String),
    StartAnew,
    Replace,
}

/// See the module.
#[component]
pub fn KeyCard(props: &KeyCardProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let revision = use_state(|| 0_u32);
    let panel = use_state(|| None::<Panel>);
    let question = use_state(|| None::<Question>);
    let list = use_reading::<command::KeySlots>((), *revision);
    let (row, below, was_open) = (use_node_ref(), use_node_ref(), use_mut_ref(|| false));
    use_effect_with((row.clone(), below.clone(), panel.is_some()), move |(row, below, open)| {
        match (was_open.replace(*open), *open) {
            (_, true) => dom::reveal(below),
            (true, false) => dom::focus_first(row),
            (false, false) => {}
        }
    });
    let open = {
        let (panel, doing) = (panel.setter(), doing.clone());
        Callback::from(move |next: Option<Panel>| {
            doing.dismiss();
            panel.set(next);
        })
    };
    let ask = {
        let question = question.setter();
        Callback::from(move |next: Option<Question>| question.set(next))
    };
    // What a panel or a question has done is read again, here and in the rest of the window.
    let changed = {
        let (revision, open, dispatch) = (revision.clone(), open.clone(), props.dispatch.clone());
        Callback::from(move |next: Option<Panel>| {
            revision.set(*revision + 1);
            open.emit(next);
            dispatch.dispatch(Step::ReadAll);
        })
    };
    let make_code = {
        let (backend, doing, changed) = (backend.clone(), doing.clone(), changed.clone());
        Callback::from(move |_: MouseEvent| {
            let (backend, changed) = (backend.clone(), changed.clone());
            let request = AddRecoveryCode { label: String::new() };
            let work = async move { backend.call::<command::AddRecoveryCode>(&request).await };
            doing.run(work, move |code| changed.emit(Some(Panel::Code(Rc::new(code)))));
        })
    };
    let answered = {
        let (question, ask, doing, changed) = (question.clone(), ask.clone(), doing.clone(), changed.clone());
        let on_replace = props.on_replace.clone();
        Callback::from(move |()| {
            let asked = (*question).clone();
            ask.emit(None);
            let (backend, changed) = (backend.clone(), changed.clone());
            let shown = move |code: Option<NewRecoveryCode>| {
                changed.emit(code.map(|code| Panel::Code(Rc::new(code))));
            };
            match asked {
                Some(Question::Replace) => on_replace.emit(()),
                Some(Question::RotateCode(id)) => {
                    let work = async move {
                        backend.call::<command::RotateRecoveryCode>(&KeySlotRef { id }).await.map(Some)
                    };
                    doing.run(work, shown);
                }
                Some(Question::Remove(id)) => {
                    let work = async move {
                        backend.call::<command::RemoveKeySlot>(&KeySlotRef { id }).await.map(|()| None)
                    };
                    doing.run(work, shown);
                }
                Some(Question::StartAnew) => {
                    doing.run(async move { backend.call::<command::StartKeyFileAnew>(&()).await }, shown);
                }
                None => {}
            }
        })
    };
    let close = open.reform(|()| None);
    let done = changed.reform(|()| None);
    let busy = doing.busy() || props.replacing.busy();
    let backup_path = match &list {
        Read::Here(list) => list.backup_path.clone(),
        _ => String::new(),
    };
    html! {
        <section class="card" data-test="key-card">
            <h2>{ "Keys to your records" }</h2>
            <p class="hint">{ "Your records on this workstation are encrypted. Any one of these keys opens them." }</p>
            { reminders(props.keys, &props.dispatch, &ask) }
            { match &list {
                Read::Here(list) => slots(list, busy, &open, &ask),
                // Said above already.
                Read::Failed(_) if props.keys.header_damaged => Html::default(),
                Read::Failed(error) => html! { <ErrorNotice error={error.clone()} /> },
                Read::Waiting => html! { <ul class="key-list" aria-busy="true"><li class="key-row" /></ul> },
            } }
            if let Some(error) = doing.error().or_else(|| props.replacing.error()) { <ErrorNotice {error} /> }
            if let Some(panel) = &*panel {
                <div ref={below} class="key-panel">
                    { match panel {
                        Panel::Passphrase(id) => html! {
                            <NewPassphrase replaces={id.clone()} on_done={done} on_back={close} />
                        },
                        Panel::Test(ask) => html! { <Test ask={*ask} on_back={close} /> },
                        Panel::Code(made) => html! { <CodeSheet code={made.code.clone()} on_done={close} /> },
                        Panel::BackUp(path) => html! { <BackUp path={path.clone()} on_back={close} /> },
                    } }
                </div>
            } else if !props.keys.header_damaged {
                <div ref={row} class="card-line">
                    <button type="button" disabled={busy} onclick={make_code} data-test="add-recovery-code"
                        class={classes!("button", props.keys.only_keyring.then_some("primary"))}>
                        <Icon glyph={Glyph::Print} />{ "Print a recovery code" }
                    </button>
                    <button type="button" class="button" disabled={busy} onclick={open.reform(|_: MouseEvent| Some(Panel::Passphrase(None)))}
                        data-test="add-passphrase">{ "Add a passphrase" }</button>
                    <button type="button" class="button" disabled={busy || !props.may_export} data-test="back-up"
                        aria-describedby={(!props.may_export).then_some("no-export")}
                        onclick={open.reform(move |_: MouseEvent| Some(Panel::BackUp(backup_path.clone())))}>{ "Back up…" }</button>
                    <button type="button" class="button" disabled={busy} onclick={ask.reform(|_: MouseEvent| Some(Question::Replace))}
                        data-test="replace-key">
                        if props.replacing.busy() { <span class="spinner" /> }
                        { "New key…" }
                    </button>
                </div>
            }
            if !props.may_export {
                <p id="no-export" class="hint" data-test="no-export">
                    { "Backing up is off. " }{ Action::RecordsBackUp.refusal() }{ " Ask your administrator if you need one." }
                </p>
            }
            if let Some(asked) = &*question { { asked_twice(asked, answered, ask.reform(|()| None)) } }
        </section>
    }
}

/// What needs somebody, most pressing first.
fn reminders(keys: KeyStanding, dispatch: &Dispatch, ask: &Callback<Option<Question>>) -> Html {
    let notice = |title: &str, words: &str, action: Html| {
        html! {
            <div class="notice caution" data-test="key-reminder">
                <Icon glyph={Glyph::Warning} />
                <p class="words"><strong>{ title.to_owned() }</strong><span>{ words.to_owned() }</span></p>
                { action }
            </div>
        }
    };
    if keys.header_damaged {
        let anew = ask.reform(|_: MouseEvent| Some(Question::StartAnew));
        let button = html! {
            <button type="button" class="button small" onclick={anew} data-test="start-anew">{ "Start it anew…" }</button>
        };
        return notice(
            "The key file beside your records is damaged.",
            "Your records are not affected, but passphrases and codes in it may not open them any more.",
            button,
        );
    }
    html! {
        <>
            if keys.not_in_keyring {
                { notice("The keyring does not have your key.", "Without it, each start asks for your passphrase or code.",
                    html! { <Restore dispatch={dispatch.clone()} /> }) }
            }
            if keys.only_keyring {
                { notice("There is no second key.", "If the keyring is lost, messages that were not sent yet are lost with it. Print a recovery code.",
                    Html::default()) }
            }
        </>
    }
}

fn slots(
    list: &KeyList,
    busy: bool,
    open: &Callback<Option<Panel>>,
    ask: &Callback<Option<Question>>,
) -> Html {
    let today = time::local(time::now());
    let row = |slot: &KeySlot| {
        let (glyph, kind) = match slot.kind {
            KeySlotKind::Keyring => (Glyph::Lock, "Keyring"),
            KeySlotKind::Passphrase => (Glyph::Key, "Passphrase"),
            KeySlotKind::RecoveryCode => (Glyph::Print, "Recovery code"),
        };
        let made = slot.created_at.map(|at| {
            format!(
                "{} {}",
                if slot.kind == KeySlotKind::Keyring { "since" } else { "made" },
                time::local(at).date(today)
            )
        });
        let facts: Vec<_> =
            [Some(slot.label.clone()).filter(|label| !label.is_empty()), slot.keyring.clone(), made]
                .into_iter()
                .flatten()
                .collect();
        let tests = match slot.kind {
            KeySlotKind::Keyring => None,
            KeySlotKind::Passphrase => Some(Ask::Passphrase),
            KeySlotKind::RecoveryCode => Some(Ask::RecoveryCode),
        };
        let (id, open, ask) = (slot.id.clone(), open.clone(), ask.clone());
        html! {
            <li key={slot.id.clone()} class="key-row" data-test="key-slot" data-kind={kind}>
                <Icon {glyph} />
                <span class="key-words"><strong>{ kind }</strong><span class="hint">{ facts.join(" · ") }</span></span>
                if let Some(tests) = tests {
                    <span class="key-actions">
                        { small("Test", kind, busy, "test-slot", open.reform(move |_| Some(Panel::Test(tests)))) }
                        { small("Replace", kind, busy, "rotate-slot", {
                            let (id, open, ask) = (id.clone(), open, ask.clone());
                            Callback::from(move |_| match tests {
                                Ask::Passphrase => open.emit(Some(Panel::Passphrase(Some(id.clone())))),
                                Ask::RecoveryCode => ask.emit(Some(Question::RotateCode(id.clone()))),
                            })
                        }) }
                        { small("Remove", kind, busy, "remove-slot", ask.reform(move |_| Some(Question::Remove(id.clone())))) }
                    </span>
                }
            </li>
        }
    };
    html! { <ul class="key-list">{ for list.slots.iter().map(row) }</ul> }
}

fn small(
    word: &'static str,
    of: &'static str,
    busy: bool,
    test: &'static str,
    onclick: Callback<MouseEvent>,
) -> Html {
    html! {
        <button type="button" class="button quiet small" disabled={busy} {onclick} data-test={test}>
            { word }<span class="visually-hidden">{ format!(" {}", of.to_lowercase()) }</span>
        </button>
    }
}

fn asked_twice(question: &Question, on_yes: Callback<()>, on_no: Callback<()>) -> Html {
    match question {
        Question::RotateCode(_) => html! {
            <Confirm name="rotate" title="Replace the recovery code?" lines={ROTATE} go_on="Make a new code" act="Make a new code"
                {on_yes} {on_no} />
        },
        Question::Remove(_) => html! {
            <Confirm name="remove" title="Remove this key?" lines={REMOVE} go_on="Remove" act="Remove" {on_yes} {on_no} />
        },
        Question::StartAnew => html! {
            <Confirm name="start-anew" title="Start the key file anew?" lines={ANEW} go_on="Go on…"
                sure="Is this really what you want?" act="Start it anew" {on_yes} {on_no} />
        },
        Question::Replace => html! {
            <Confirm name="replace" title="Give your records a new key?" lines={REPLACE} go_on="New key" act="New key" {on_yes} {on_no} />
        },
    }
}

const ROTATE: &[&str] = &[
    "The present code stops working here, and a new one is shown once for printing.",
    "Whoever has the old code and an old copy of your files can still open that copy. If the code was seen by somebody else, choose New key after this.",
];
const REMOVE: &[&str] = &[
    "It no longer opens your records on this workstation.",
    "Whoever knows it and has an old copy of your files can still open that copy. If it was seen by somebody else, choose New key after this.",
];
const REPLACE: &[&str] = &[
    "Your records are written anew under another key. They close for a moment, or some minutes if there are many, and open by themselves.",
    "Your passphrases and codes go on working.",
    "Choose this when a passphrase or code, or this computer, was in other hands. Backups made so far keep the former key.",
];
