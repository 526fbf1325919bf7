//! The start and the menu.

use chatehr_ui::icon::{Glyph, Icon};
use yew::prelude::*;

use super::Draw;
use crate::{
    flow::{Input, Need, Readiness},
    words::LANGUAGES,
};

impl Draw<'_> {
    pub(super) fn start(&self) -> Html {
        let action = match self.flow.house.readiness {
            Readiness::Closed(code) => self.problem(code),
            _ if self.flow.is_ready() => html! {
                <button type="button" class="start-button" data-test="start"
                    onclick={self.on_press(Input::Begin)}>
                    <strong>{ self.words.touch_to_start }</strong>
                    { for self.other_languages() }
                </button>
            },
            _ => {
                html! { <p class="start-button waiting" aria-live="polite"><strong>{ self.words.one_moment }</strong></p> }
            }
        };
        html! {
            <>
                <div class="welcome">
                    <h1 tabindex="-1">{ self.words.welcome }</h1>
                    <p class="lead">{ self.words.purpose }</p>
                    { action }
                    { self.languages("language") }
                </div>
                <p class="danger"><Icon glyph={Glyph::Emergency} /><span>{ self.words.in_danger }</span></p>
            </>
        }
    }

    /// The invitation in the languages that are not chosen, for somebody who reads none but theirs.
    fn other_languages(&self) -> impl Iterator<Item = Html> {
        let chosen = self.flow.language;
        LANGUAGES.into_iter().filter(move |language| *language != chosen).map(|language| {
            html! { <span lang={language.short()}>{ language.words().touch_to_start }</span> }
        })
    }

    pub(super) fn menu(&self) -> Html {
        let given = self.flow.person.as_ref().and_then(|person| person.name.given.first().cloned());
        let words = self.words;
        let card = |test, class, glyph, text, need| self.card(test, class, glyph, text, Input::Need(need));
        html! {
            <>
                <header class="heading">
                    <p class="hello">{ (words.hello)(&given.unwrap_or_default()) }</p>
                    <h1 tabindex="-1">{ words.need }</h1>
                </header>
                <div class="cards">
                    { card("need-request", "accent", Glyph::Chat, words.need_request, Need::Request) }
                    { card("need-appointments", "calm", Glyph::Calendar, words.need_appointments, Need::Appointments) }
                    { card("need-messages", "calm", Glyph::Queue, words.need_messages, Need::Messages) }
                </div>
            </>
        }
    }
}
