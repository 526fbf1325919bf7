//! The three questions of a request, and what stands before an emergency.

use chatehr_contract::{MAX_DESCRIPTION_CHARS, SpecialtyCode, Urgency};
use chatehr_ui::icon::{Glyph, Icon};
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use super::Draw;
use crate::flow::{Input, Notice};

/// Characters left from which on they are counted aloud; before, a number would only be in the way.
const COUNT_FROM: usize = 500;

impl Draw<'_> {
    pub(super) fn about(&self) -> Html {
        let first = SpecialtyCode::PrimaryCare;
        let others = SpecialtyCode::ALL.iter().filter(|code| **code != first);
        html! {
            <>
                { self.heading(self.words.about) }
                <div class="choices">{ self.specialty(&first) }{ for others.map(|code| self.specialty(code)) }</div>
            </>
        }
    }

    fn specialty(&self, code: &SpecialtyCode) -> Html {
        let text = (self.words.specialty)(code);
        let chosen = self.flow.draft.specialty.as_ref() == Some(code);
        let first = (*code == SpecialtyCode::PrimaryCare).then_some("first");
        html! {
            <button type="button" class={classes!("choice", first)} aria-pressed={chosen.to_string()}
                data-test={format!("specialty-{code}")} onclick={self.on_press(Input::About(code.clone()))}>
                <strong>{ text.head }</strong><span>{ text.more }</span>
            </button>
        }
    }

    pub(super) fn how_soon(&self) -> Html {
        html! {
            <>
                { self.heading(self.words.how_soon) }
                <div class="cards">{ for Urgency::ALL.iter().map(|urgency| self.urgency(urgency)) }</div>
            </>
        }
    }

    fn urgency(&self, urgency: &Urgency) -> Html {
        let class = urgency_class(urgency);
        let text = (self.words.urgency)(urgency);
        self.card(
            &format!("urgency-{urgency}"),
            class,
            Glyph::of(urgency),
            text,
            Input::HowSoon(urgency.clone()),
        )
    }

    pub(super) fn emergency(&self) -> Html {
        let words = self.words;
        html! {
            <section class="alarm" role="alert">
                <div class="sign"><Icon glyph={Glyph::Emergency} /><h1 tabindex="-1">{ words.emergency.head }</h1></div>
                <p class="lead">{ words.emergency.more }</p>
                <p>{ words.emergency_signs }</p>
                <div class="answers">
                    <button type="button" class="main-action" data-test="emergency-continue"
                        onclick={self.on_press(Input::ToldStaff)}>{ words.told_staff }</button>
                    <button type="button" class="plain" data-test="back" onclick={self.on_press(Input::Back)}>
                        { words.go_back }
                    </button>
                </div>
            </section>
        }
    }

    pub(super) fn describe(&self, notice: Option<Notice>) -> Html {
        let words = self.words;
        let typed = self.say.reform(|event: InputEvent| {
            let field = event.target_dyn_into::<HtmlTextAreaElement>();
            Input::Describe(field.map(|field| field.value()).unwrap_or_default())
        });
        html! {
            <>
                { self.heading(words.describe) }
                { self.notice(notice, words.trouble) }
                <div class="writing">
                    <div class="paper">
                        <textarea data-focus="" data-test="description" aria-label={words.describe_label}
                            aria-describedby="examples" autocomplete="off" autocorrect="off" spellcheck="false"
                            value={self.flow.draft.description.clone()} oninput={typed} />
                        { self.counter() }
                    </div>
                    <aside id="examples" class="examples">
                        <h2>{ words.examples_head }</h2>
                        <ul>{ for words.examples.iter().map(|text| html! { <li>{ *text }</li> }) }</ul>
                    </aside>
                </div>
            </>
        }
    }

    fn counter(&self) -> Html {
        let written = self.flow.draft.description.trim().chars().count();
        let (class, text) = match (MAX_DESCRIPTION_CHARS.checked_sub(written), self.words) {
            (Some(left), _) if left > COUNT_FROM => return Html::default(),
            (Some(left), words) => ("counter", (words.left)(left)),
            (None, words) => ("counter over", (words.over)(written - MAX_DESCRIPTION_CHARS)),
        };
        html! { <p {class} aria-live="polite">{ text }</p> }
    }
}

/// The class that colours an urgency; shape and words say the same.
pub(super) const fn urgency_class(urgency: &Urgency) -> &'static str {
    match urgency {
        Urgency::Emergency => "emergency",
        Urgency::Urgent | Urgency::Other(_) => "urgent",
        Urgency::Routine => "accent",
    }
}
