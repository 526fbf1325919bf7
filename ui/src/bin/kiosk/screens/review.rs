//! Everything once more before it is sent, and the receipt afterwards.

use chatehr_contract::{KioskReceipt, Urgency};
use chatehr_ui::{
    icon::{Glyph, Icon},
    time,
};
use yew::prelude::*;

use super::{Draw, request::urgency_class};
use crate::{
    flow::{Input, Notice, Step, Trouble},
    page,
    words::Pair,
};

impl Draw<'_> {
    pub(super) fn review(&self, sending: bool, notice: Option<Notice>) -> Html {
        let (draft, words) = (&self.flow.draft, self.words);
        // What may have been filed is not changed into another.
        let unsure = notice.is_some_and(|notice| notice.trouble == Trouble::Unsure);
        let fixed = sending || unsure;
        // Once it was sent, what became of it says the rest.
        let lead = if notice.is_some() { "" } else { words.review.more };
        let specialty = draft.specialty.as_ref().map(|code| (words.specialty)(code).head).unwrap_or_default();
        html! {
            <>
                { self.heading(Pair { more: lead, ..words.review }) }
                { self.notice(notice, words.not_taken) }
                <dl class="answers-given">
                    { self.answer(words.review_about, html! { { specialty } }, Step::About, fixed) }
                    { self.answer(words.review_how_soon, self.urgency_words(), Step::HowSoon, fixed) }
                    { self.answer(words.review_describe, html! { { draft.description.trim() } }, Step::Describe, fixed) }
                </dl>
            </>
        }
    }

    fn urgency_words(&self) -> Html {
        let Some(urgency) = self.flow.draft.urgency.as_ref() else { return Html::default() };
        html! {
            <span class={classes!("sign", urgency_class(urgency))}>
                <Icon glyph={Glyph::of(urgency)} />{ (self.words.urgency)(urgency).head }
            </span>
        }
    }

    fn answer(&self, question: &'static str, answer: Html, step: Step, disabled: bool) -> Html {
        html! {
            <div>
                <dt>{ question }</dt>
                <dd>{ answer }</dd>
                <button type="button" class="change" {disabled} aria-label={format!("{}: {question}", self.words.change)}
                    data-test={format!("change-{}", step_name(step))} onclick={self.on_press(Input::Change(step))}>
                    { self.words.change }
                </button>
            </div>
        }
    }

    pub(super) fn send_button(&self, sending: bool) -> Html {
        let press = self.say.clone();
        let press = Callback::from(move |_: MouseEvent| {
            if let Some(id) = page::fresh_id() {
                press.emit(Input::Send(id));
            }
        });
        html! {
            <button type="button" class="main-action" data-test="review-send" disabled={sending} onclick={press}>
                if sending {
                    <span class="spinner" /><span role="status">{ self.words.sending }</span>
                } else {
                    { self.words.send }<Icon glyph={Glyph::Send} />
                }
            </button>
        }
    }

    pub(super) fn receipt(&self, receipt: &KioskReceipt) -> Html {
        let words = self.words;
        let next = (words.next_step)(&receipt.urgency);
        let at = time::local(receipt.received_at);
        let class = match receipt.urgency {
            Urgency::Routine => "accent",
            ref urgency => urgency_class(urgency),
        };
        html! {
            <section class="taken" data-test="receipt">
                <header class="heading">
                    <p class="done"><Icon glyph={Glyph::Check} /></p>
                    <h1 tabindex="-1">{ words.receipt }</h1>
                </header>
                <div class={classes!("next-step", class)}>
                    <Icon glyph={Glyph::of(&receipt.urgency)} />
                    <div><strong>{ next.head }</strong><p>{ next.more }</p></div>
                </div>
                <dl class="facts">
                    <div><dt>{ words.received }</dt><dd>{ format!("{}, {}", (words.day)(at), (words.clock)(at)) }</dd></div>
                    <div><dt>{ words.review_about }</dt><dd>{ (words.specialty)(&receipt.specialty).head }</dd></div>
                    <div>
                        <dt>{ words.reference }</dt>
                        <dd title={receipt.id.to_string()}>
                            <span class="read-aloud">{ short_reference(receipt.id.as_str()) }</span>
                            <span class="visually-hidden" aria-hidden="true" data-test="reference">{ receipt.id.to_string() }</span>
                        </dd>
                    </div>
                </dl>
            </section>
        }
    }
}

/// The end of a reference, short enough to be read aloud at the desk; the whole of it stays with the element.
fn short_reference(id: &str) -> String {
    let from = id.char_indices().rev().nth(5).map_or(0, |(at, _)| at);
    id.get(from..).unwrap_or(id).to_uppercase()
}

const fn step_name(step: Step) -> &'static str {
    match step {
        Step::About => "about",
        Step::HowSoon => "how-soon",
        Step::Describe => "describe",
    }
}

#[cfg(test)]
mod tests {
    use super::short_reference;

    #[test]
    fn a_reference_is_read_aloud_by_its_last_six_characters() {
        assert_eq!(short_reference("00000000-0000-4000-8000-0000009af3c1"), "9AF3C1");
        assert_eq!(short_reference("c7"), "C7");
        assert_eq!(short_reference(""), "");
    }
}
