//! What opens below the list of keys: a passphrase to set, a key to test, a backup to write.

use chatehr_contract::{
    AddPassphrase, BackUp as BackUpRequest, RotatePassphrase, SecretText, command::clinician as command,
};
use yew::prelude::*;

use super::{
    ask::use_doing,
    notice::ErrorNotice,
    secret_form::{Ask, SecretForm},
};
use crate::{
    backend::use_backend,
    dom,
    icon::{Glyph, Icon},
};

fn typed(node: &NodeRef) -> String {
    node.cast::<web_sys::HtmlInputElement>().map(|input| input.value()).unwrap_or_default()
}

fn actions(act: &'static str, test: &'static str, busy: bool, on_back: &Callback<()>) -> Html {
    html! {
        <div class="gate-actions">
            <button type="submit" class="button primary" disabled={busy} data-test={test}>
                if busy { <span class="spinner" /> }
                { act }
            </button>
            <button type="button" class="button quiet" disabled={busy} onclick={on_back.reform(|_: MouseEvent| ())}>{ "Back" }</button>
        </div>
    }
}

/// What setting a passphrase is made of.
#[derive(PartialEq, Properties)]
pub struct NewPassphraseProps {
    /// The one whose place it takes; a further one without.
    pub replaces: Option<String>,
    /// It is set.
    pub on_done: Callback<()>,
    /// It is not.
    pub on_back: Callback<()>,
}

/// A passphrase, typed twice because it cannot be seen.
#[component]
pub fn NewPassphrase(props: &NewPassphraseProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let differ = use_state(|| false);
    let (first, second, name) = (use_node_ref(), use_node_ref(), use_node_ref());
    use_effect_with(first.clone(), dom::focus);
    let onsubmit = {
        let (doing, differ, replaces, on_done) =
            (doing.clone(), differ.setter(), props.replaces.clone(), props.on_done.clone());
        let (first, second, name) = (first.clone(), second.clone(), name.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            let (passphrase, again) = (SecretText::new(typed(&first)), SecretText::new(typed(&second)));
            let same = passphrase == again;
            differ.set(!same);
            if !same {
                return;
            }
            let (backend, on_done, label, replaces) =
                (backend.clone(), on_done.clone(), typed(&name), replaces.clone());
            let work = async move {
                match replaces {
                    Some(id) => {
                        backend.call::<command::RotatePassphrase>(&RotatePassphrase { id, passphrase }).await
                    }
                    None => {
                        backend.call::<command::AddPassphrase>(&AddPassphrase { passphrase, label }).await
                    }
                }
            };
            doing.run(work, move |()| on_done.emit(()));
        }
    };
    html! {
        <form class="secret-form" {onsubmit}>
            <label class="label" for="new-passphrase">{ if props.replaces.is_some() { "New passphrase" } else { "Passphrase" } }</label>
            <input ref={first} id="new-passphrase" class="field" type="password" required=true minlength="12" maxlength="400"
                autocomplete="new-password" aria-describedby="new-passphrase-hint" data-test="new-passphrase" />
            <p id="new-passphrase-hint" class="hint">{ "At least 12 characters; several words together are best. It is kept nowhere, so it cannot be looked up." }</p>
            <label class="label" for="new-passphrase-again">{ "The same again" }</label>
            <input ref={second} id="new-passphrase-again" class="field" type="password" required=true maxlength="400"
                autocomplete="new-password" data-test="new-passphrase-again" aria-invalid={differ.then_some("true")}
                aria-describedby={differ.then_some("new-passphrase-differs")} />
            if *differ { <p id="new-passphrase-differs" class="over" role="alert">{ "The two are not the same. Type both again." }</p> }
            if props.replaces.is_none() {
                <label class="label" for="new-passphrase-name">{ "Name in the list (may stay empty)" }</label>
                <input ref={name} id="new-passphrase-name" class="field" maxlength="100" autocomplete="off" data-test="new-passphrase-name" />
            }
            if let Some(error) = doing.error() { <ErrorNotice {error} /> }
            { actions("Set it", "new-passphrase-submit", doing.busy(), &props.on_back) }
        </form>
    }
}

/// What testing a key is made of.
#[derive(PartialEq, Properties)]
pub struct TestProps {
    /// Which kind.
    pub ask: Ask,
    /// Enough.
    pub on_back: Callback<()>,
}

/// "Type the code that you printed": for a yearly look into the drawer.
#[component]
pub fn Test(props: &TestProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let works = use_state(|| false);
    let on_secret = {
        let (doing, works) = (doing.clone(), works.setter());
        move |secret| {
            let (backend, works) = (backend.clone(), works.clone());
            works.set(false);
            let work = async move { backend.call::<command::TestKeySlot>(&secret).await };
            doing.run(work, move |_| works.set(true));
        }
    };
    html! {
        <>
            <SecretForm ask={props.ask} id="test-key" act="Test" busy={doing.busy()} error={doing.error()} {on_secret}
                on_back={props.on_back.clone()} />
            if *works && doing.error().is_none() {
                <p class="good" role="status" data-test="key-works"><Icon glyph={Glyph::Check} />{ " It opens your records." }</p>
            }
        </>
    }
}

/// What writing a backup is made of.
#[derive(PartialEq, Properties)]
pub struct BackUpProps {
    /// Where it would go.
    pub path: String,
    /// Enough.
    pub on_back: Callback<()>,
}

/// A file to write the records to.
#[component]
pub fn BackUp(props: &BackUpProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let written = use_state(|| None::<String>);
    let (place, all) = (use_node_ref(), use_node_ref());
    use_effect_with(place.clone(), dom::focus);
    let onsubmit = {
        let (doing, written, place, all) = (doing.clone(), written.setter(), place.clone(), all.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            written.set(None);
            let with_cache = all.cast::<web_sys::HtmlInputElement>().is_some_and(|all| all.checked());
            let request = BackUpRequest { path: typed(&place), with_cache };
            let (backend, written, path) = (backend.clone(), written.clone(), request.path.clone());
            let work = async move { backend.call::<command::BackUpRecords>(&request).await };
            doing.run(work, move |()| written.set(Some(path)));
        }
    };
    html! {
        <form class="secret-form" {onsubmit}>
            <label class="label" for="backup-path">{ "Back up to this file" }</label>
            <input ref={place} id="backup-path" class="field" required=true autocomplete="off" spellcheck="false" value={props.path.clone()}
                aria-describedby="backup-hint" data-test="backup-path" />
            <p id="backup-hint" class="hint">{ "The whole path; nothing is written over. The file is encrypted: your passphrase or recovery code opens it, also on another computer." }</p>
            <label class="tick"><input ref={all} type="checkbox" data-test="backup-all" />{ "Also what ChatEHR has (larger; it can be fetched again)" }</label>
            if let Some(error) = doing.error() { <ErrorNotice {error} /> }
            if let Some(path) = &*written {
                <p class="good" role="status" data-test="backup-written"><Icon glyph={Glyph::Check} />{ format!(" Written to {path}") }</p>
            }
            { actions("Back up", "backup-submit", doing.busy(), &props.on_back) }
        </form>
    }
}
