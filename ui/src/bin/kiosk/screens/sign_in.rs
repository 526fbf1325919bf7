//! The code from staff, typed on the screen or on a keyboard.

use chatehr_ui::icon::{Glyph, Icon};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::Draw;
use crate::flow::{Input, Notice};

impl Draw<'_> {
    pub(super) fn sign_in(&self, code: &str, waiting: bool, notice: Option<Notice>) -> Html {
        let words = self.words;
        let typed = self.say.reform(|event: InputEvent| {
            Input::Code(
                event.target_dyn_into::<HtmlInputElement>().map(|field| field.value()).unwrap_or_default(),
            )
        });
        let submit = self.say.reform(|event: SubmitEvent| {
            event.prevent_default();
            Input::SignIn
        });
        html! {
            <form class="sign-in-form" onsubmit={submit}>
                <div class="entry">
                    <header class="heading">
                        <h1 id="code-head" tabindex="-1">{ words.code.head }</h1>
                        <p class="lead" id="code-more">{ words.code.more }</p>
                    </header>
                    { self.notice(notice, words.trouble) }
                    <input class="code" data-focus="" data-test="code" type="text" inputmode="numeric"
                        aria-label={words.code_label} aria-describedby="code-more" autocomplete="off"
                        autocorrect="off" spellcheck="false" disabled={waiting} value={code.to_owned()}
                        oninput={typed} />
                    <button type="submit" class="main-action" data-test="sign-in" disabled={waiting}>
                        if waiting {
                            <span class="spinner" /><span role="status">{ words.signing_in }</span>
                        } else {
                            { words.sign_in }<Icon glyph={Glyph::Forward} />
                        }
                    </button>
                </div>
                <div class="pad" role="group" aria-label={words.number_pad}>
                    { for "123456789".chars().map(|digit| self.digit(digit, waiting)) }
                    // What is ticked lives in the page alone and goes with the screen.
                    <label class="key-cap show-code">
                        <input class="visually-hidden" type="checkbox" data-test="show-code" />
                        <Icon glyph={Glyph::Eye} /><span>{ words.show_code }</span>
                    </label>
                    { self.digit('0', waiting) }
                    <button type="button" class="key-cap" aria-label={words.rub} disabled={waiting} data-test="rub"
                        onclick={self.on_press(Input::Rub)}><Icon glyph={Glyph::Back} /></button>
                </div>
            </form>
        }
    }

    fn digit(&self, digit: char, disabled: bool) -> Html {
        html! {
            <button type="button" class={classes!("key-cap", (digit == '0').then_some("zero"))} {disabled}
                data-test={format!("digit-{digit}")} onclick={self.on_press(Input::Digit(digit))}>{ digit }</button>
        }
    }
}
