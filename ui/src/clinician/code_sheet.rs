//! A recovery code on its way to paper: shown once, printed, and typed back from the paper.
//!
//! Promises: the printed page holds the code and what it is for, and nothing else of the window; leaving the screen takes
//! both away. Refuses: copying to the clipboard, which other programs read.

use chatehr_contract::{KeySecret, SecretText, command::clinician as command};
use yew::prelude::*;

use super::{
    ask::use_doing,
    secret_form::{Ask, SecretForm},
};
use crate::{
    backend::use_backend,
    dom,
    icon::{Glyph, Icon},
    time,
};

/// What the sheet is made of.
#[derive(PartialEq, Properties)]
pub struct CodeSheetProps {
    /// The code.
    pub code: SecretText,
    /// It is on paper and was typed back, or the person knows what they leave out.
    pub on_done: Callback<()>,
}

/// See the module.
#[component]
pub fn CodeSheet(props: &CodeSheetProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let proven = use_state(|| false);
    let printed = use_state(|| false);
    let print = {
        let printed = printed.setter();
        move |_: MouseEvent| {
            printed.set(true);
            if let Some(window) = web_sys::window() {
                // A desktop without a printer says so itself.
                drop(window.print());
            }
        }
    };
    let print_button = use_node_ref();
    use_effect_with(print_button.clone(), dom::focus);
    let on_secret = {
        let (doing, proven) = (doing.clone(), proven.setter());
        move |secret: KeySecret| {
            let (backend, proven) = (backend.clone(), proven.clone());
            let work = async move { backend.call::<command::TestKeySlot>(&secret).await };
            doing.run(work, move |_| proven.set(true));
        }
    };
    let done = props.on_done.reform(|_: MouseEvent| ());
    html! {
        <div class="code-sheet">
            <p>{ "This is the one time that the code is shown. Print it, or write it down, and keep the paper away from this computer: whoever has both can read your records." }</p>
            <p class="code-shown" data-test="recovery-code" aria-label="Recovery code">
                { for groups(&props.code).map(|group| html! { <span>{ group }</span> }) }
            </p>
            <div class="card-line">
                <button ref={print_button} type="button" class={classes!("button", (!*printed).then_some("primary"))} onclick={print}
                    data-test="print-code"><Icon glyph={Glyph::Print} />{ "Print…" }</button>
            </div>
            if *proven {
                <p class="good" role="status" data-test="code-proven"><Icon glyph={Glyph::Check} />{ " The code works. Keep the paper safe." }</p>
                <div class="card-line">
                    <button type="button" class="button primary" onclick={done} data-test="code-done">{ "Done" }</button>
                </div>
            } else {
                <SecretForm ask={Ask::RecoveryCode} id="type-code" label="Now type the code that you printed" act="Check it"
                    busy={doing.busy()} error={doing.error()} next_up={*printed} {on_secret} />
                <div class="card-line">
                    <button type="button" class="button quiet small" onclick={done} data-test="code-unchecked">{ "Finish without checking" }</button>
                </div>
            }
            { paper(&props.code) }
        </div>
    }
}

fn groups(code: &SecretText) -> impl Iterator<Item = String> {
    code.expose().split('-').map(str::to_owned)
}

/// The page that goes to the printer, outside the window's own page so that all else can be left out.
fn paper(code: &SecretText) -> Html {
    let Some(body) = web_sys::window().and_then(|window| window.document()).and_then(|page| page.body())
    else {
        return Html::default();
    };
    let today = time::local(time::now());
    let day = format!("{} {} {}", today.day, time::month_name(today.month), today.year);
    let sheet = html! {
        <section class="print-sheet" aria-hidden="true">
            <h1>{ "ChatEHR Desktop: recovery code" }</h1>
            <p class="code-shown">{ for groups(code).map(|group| html! { <span>{ group }</span> }) }</p>
            <p>{ "If the keyring of your computer is lost, this code opens your saved records and unsent messages there: choose “Use your recovery code” on the screen that says so." }</p>
            <p>{ "Keep it where you keep your passport, not beside the computer. If somebody else may have seen it, make a new one in Settings." }</p>
            <p>{ format!("Made on {day}. Belongs to: ______________________________") }</p>
        </section>
    };
    create_portal(sheet, body.into())
}
