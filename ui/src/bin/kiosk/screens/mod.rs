//! Drawing. Each screen is a function of the flow and its words; it says what a hand did and decides nothing.

mod frame;
mod mine;
mod request;
mod review;
mod sign_in;
mod start;

use chatehr_ui::icon::{Glyph, Icon};
use yew::prelude::*;

use crate::{
    flow::{Flow, Input, Notice, Screen},
    words::{Pair, Words},
};

/// What every screen draws with.
struct Draw<'a> {
    flow: &'a Flow,
    words: &'static Words,
    clinic: &'a str,
    say: &'a Callback<Input>,
}

/// The whole window.
pub(crate) fn draw(flow: &Flow, clinic: &str, say: &Callback<Input>) -> Html {
    let draw = Draw { flow, words: flow.language.words(), clinic, say };
    let screen = match &flow.screen {
        Screen::Start => draw.start(),
        Screen::SignIn { code, waiting, notice } => draw.sign_in(code, *waiting, *notice),
        Screen::Menu => draw.menu(),
        Screen::About => draw.about(),
        Screen::HowSoon => draw.how_soon(),
        Screen::Emergency => draw.emergency(),
        Screen::Describe { notice } => draw.describe(*notice),
        Screen::Review { sending, notice } => draw.review(*sending, *notice),
        Screen::Receipt(receipt) => draw.receipt(receipt),
        Screen::Appointments(reading) => draw.appointments(reading),
        Screen::Messages(reading) => draw.messages(reading),
    };
    draw.frame(screen)
}

/// A screen's name, for the focus, the style sheet and the tests.
pub(crate) const fn name(screen: &Screen) -> &'static str {
    match screen {
        Screen::Start => "start",
        Screen::SignIn { .. } => "sign-in",
        Screen::Menu => "menu",
        Screen::About => "about",
        Screen::HowSoon => "how-soon",
        Screen::Emergency => "emergency",
        Screen::Describe { .. } => "describe",
        Screen::Review { .. } => "review",
        Screen::Receipt(_) => "receipt",
        Screen::Appointments(_) => "appointments",
        Screen::Messages(_) => "messages",
    }
}

impl Draw<'_> {
    /// Says `input` when pressed.
    fn on_press(&self, input: Input) -> Callback<MouseEvent> {
        self.say.reform(move |_| input.clone())
    }

    /// Title and what to do, at the head of a screen.
    fn heading(&self, text: Pair) -> Html {
        html! {
            <header class="heading">
                <h1 tabindex="-1">{ text.head }</h1>
                if !text.more.is_empty() { <p class="lead">{ text.more }</p> }
            </header>
        }
    }

    /// What went wrong, spoken at once by a screen reader.
    fn notice(&self, notice: Option<Notice>, words: fn(crate::flow::Trouble) -> Pair) -> Html {
        let Some(notice) = notice else { return Html::default() };
        let text = words(notice.trouble);
        html! {
            <div class="notice error" role="alert" data-test="error-notice" data-code={notice.code.as_str()}>
                <Icon glyph={Glyph::Warning} />
                <div class="words">
                    <strong>{ text.head }</strong>
                    <p>{ text.more }</p>
                    if notice.trouble == crate::flow::Trouble::OutOfOrder {
                        <p class="support">{ (self.words.support_code)(notice.code.as_str()) }</p>
                    }
                </div>
            </div>
        }
    }

    /// A large card to choose.
    fn card(&self, test: &str, class: &'static str, glyph: Glyph, text: Pair, input: Input) -> Html {
        html! {
            <button type="button" class={classes!("card", class)} data-test={test.to_owned()}
                onclick={self.on_press(input)}>
                <span class="tile"><Icon {glyph} /></span>
                <span class="words"><strong>{ text.head }</strong><span>{ text.more }</span></span>
            </button>
        }
    }
}
