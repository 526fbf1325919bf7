//! What stands around every screen: the bar above, the progress, the way back below, and the two dialogs.

use chatehr_ui::icon::{Glyph, Icon};
use yew::prelude::*;

use super::Draw;
use crate::{
    flow::{Input, Readiness, Screen, Trouble},
    words::LANGUAGES,
};

impl Draw<'_> {
    pub(super) fn frame(&self, screen: Html) -> Html {
        let name = super::name(&self.flow.screen);
        let dialog = self.dialog();
        let covered = dialog.is_some();
        html! {
            <>
                <div class={classes!("kiosk", name)} data-screen={name} inert={covered}>
                    { self.top_bar() }
                    { self.progress_bar() }
                    // A key of its own for each screen and visit: no field is ever used again for another one.
                    <main key={format!("{name}-{}", self.flow.visit)}>
                        { self.closed_while_asking() }
                        { screen }
                    </main>
                    { self.footer() }
                </div>
                { dialog.unwrap_or_default() }
            </>
        }
    }

    fn top_bar(&self) -> Html {
        html! {
            <div class="top-bar">
                <span class="clinic">{ self.clinic }</span>
                <div class="tools">
                    if self.flow.screen != Screen::Start {
                        { self.languages("tool") }
                    }
                    { self.text_sizes() }
                </div>
            </div>
        }
    }

    pub(super) fn languages(&self, class: &'static str) -> Html {
        let buttons = LANGUAGES.map(|language| {
            let words = language.words();
            let chosen = language == self.flow.language;
            html! {
                <button type="button" class={class} lang={language.short()} aria-pressed={chosen.to_string()}
                    data-test={format!("language-{}", language.short())}
                    onclick={self.on_press(Input::Speak(language))}>{ words.name }</button>
            }
        });
        html! { <div class="group" role="group" aria-label={self.words.language_label}>{ for buttons }</div> }
    }

    fn text_sizes(&self) -> Html {
        let sizes = [("A", false, self.words.text_normal), ("A+", true, self.words.text_large)];
        let buttons = sizes.map(|(sign, large, label)| {
            html! {
                <button type="button" class={classes!("tool", large.then_some("larger"))} aria-label={label}
                    aria-pressed={(large == self.flow.large).to_string()}
                    data-test={if large { "text-large" } else { "text-normal" }}
                    onclick={self.on_press(Input::Enlarge(large))}>{ sign }</button>
            }
        });
        html! { <div class="group" role="group" aria-label={self.words.text_size_label}>{ for buttons }</div> }
    }

    fn progress_bar(&self) -> Html {
        let Some(done) = self.flow.progress() else { return Html::default() };
        html! {
            <div class="progress" aria-hidden="true">
                { for (1..=5).map(|step| html! { <span class={classes!((step <= done).then_some("done"))} /> }) }
            </div>
        }
    }

    /// Told before the person writes, on every step of a request that cannot be sent now; once it was sent, what became of
    /// it is told instead.
    fn closed_while_asking(&self) -> Html {
        match self.flow.house.readiness {
            Readiness::Closed(code)
                if matches!(self.flow.progress(), Some(1..=4)) && self.flow.trouble().is_none() =>
            {
                self.problem(code)
            }
            _ => Html::default(),
        }
    }

    pub(super) fn problem(&self, code: chatehr_contract::ErrorCode) -> Html {
        let text = (self.words.closed)(Trouble::of(code));
        html! {
            <div class="notice caution" role="alert" data-test="problem" data-code={code.as_str()}>
                <Icon glyph={Glyph::Offline} />
                <div class="words">
                    <strong>{ text.head }</strong>
                    <p>{ text.more }</p>
                    <p class="support">{ (self.words.support_code)(code.as_str()) }</p>
                </div>
            </div>
        }
    }

    fn footer(&self) -> Html {
        match &self.flow.screen {
            Screen::Start | Screen::Emergency => Html::default(),
            Screen::SignIn { .. } => html! { <footer>{ self.back_button() }</footer> },
            Screen::Menu => html! { <footer>{ self.finish("plain") }{ self.not_you() }</footer> },
            Screen::Appointments(_) | Screen::Messages(_) => {
                html! { <footer>{ self.back_button() }{ self.finish("plain") }</footer> }
            }
            Screen::Receipt(_) => html! {
                <footer>
                    <button type="button" class="plain" data-test="more" onclick={self.on_press(Input::Back)}>
                        { self.words.more }
                    </button>
                    { self.finish("main-action") }
                </footer>
            },
            Screen::About | Screen::HowSoon => {
                html! { <footer>{ self.ways_back(false, false) }{ self.where_we_are() }</footer> }
            }
            Screen::Describe { .. } => html! {
                <footer>
                    { self.ways_back(false, false) }
                    { self.where_we_are() }
                    <button type="button" class="main-action" data-test="next"
                        onclick={self.on_press(Input::Review)}>
                        { self.words.next }<Icon glyph={Glyph::Forward} />
                    </button>
                </footer>
            },
            Screen::Review { sending, .. } => html! {
                <footer>
                    { self.ways_back(*sending || self.flow.trouble() == Some(Trouble::Unsure), *sending) }
                    { self.where_we_are() }
                    { self.send_button(*sending) }
                </footer>
            },
        }
    }

    fn back_button(&self) -> Html {
        html! {
            <button type="button" class="plain" data-test="back" onclick={self.on_press(Input::Back)}>
                { self.words.back }
            </button>
        }
    }

    fn ways_back(&self, no_back: bool, no_start_over: bool) -> Html {
        html! {
            <>
                <button type="button" class="plain" data-test="back" disabled={no_back} onclick={self.on_press(Input::Back)}>
                    { self.words.back }
                </button>
                <button type="button" class="plain" data-test="start-over" disabled={no_start_over}
                    onclick={self.on_press(Input::StartOver)}>
                    { self.words.start_over }
                </button>
            </>
        }
    }

    fn where_we_are(&self) -> Html {
        let Some(step) = self.flow.progress() else { return Html::default() };
        // Once Send was pressed, only the server knows.
        let untouched = self.flow.draft.request_id.is_none();
        html! {
            <p class="where">
                <span>{ (self.words.progress)(step) }</span>
                if untouched { <span>{ self.words.not_sent }</span> }
            </p>
        }
    }

    fn finish(&self, class: &'static str) -> Html {
        html! {
            <button type="button" {class} data-test="finish" onclick={self.on_press(Input::Finish)}>
                { self.words.finish }
            </button>
        }
    }

    fn not_you(&self) -> Html {
        let name =
            self.flow.person.as_ref().map(|person| person.name.spoken()).filter(|name| !name.is_empty());
        name.map(|name| html! { <p class="where">{ (self.words.not_you)(&name) }</p> }).unwrap_or_default()
    }

    fn dialog(&self) -> Option<Html> {
        if let Some(left) = self.flow.warning() {
            return Some(self.still_there(left));
        }
        self.flow.asks_to_start_over.then(|| self.start_over())
    }

    /// A touch anywhere on it counts, so that nobody has to aim.
    fn still_there(&self, left: u32) -> Html {
        let sent = matches!(self.flow.screen, Screen::Receipt(_));
        let more = if sent { self.words.still_there_sent } else { self.words.still_there_more };
        html! {
            <div class="dialog" role="alertdialog" aria-modal="true" aria-labelledby="still-head"
                aria-describedby="still-more" data-test="idle-warning" onclick={self.on_press(Input::StillHere)}>
                <div class="sheet">
                    <h2 id="still-head">{ self.words.still_there }</h2>
                    <p id="still-more">{ more }</p>
                    <p class="countdown" role="timer"><strong>{ left }</strong><span>{ self.words.seconds }</span></p>
                    <button type="button" class="main-action" data-focus="" data-test="still-here">
                        { self.words.still_here }
                    </button>
                </div>
            </div>
        }
    }

    fn start_over(&self) -> Html {
        html! {
            <div class="dialog" role="alertdialog" aria-modal="true" aria-labelledby="over-head"
                aria-describedby="over-more">
                <div class="sheet">
                    <h2 id="over-head">{ self.words.erase.head }</h2>
                    <p id="over-more">{ self.words.erase.more }</p>
                    <button type="button" class="main-action" data-focus="" data-test="start-over-no"
                        onclick={self.on_press(Input::StartOverAnswered(false))}>{ self.words.erase_no }</button>
                    <button type="button" class="plain" data-test="start-over-yes"
                        onclick={self.on_press(Input::StartOverAnswered(true))}>{ self.words.erase_yes }</button>
                </div>
            </div>
        }
    }
}
