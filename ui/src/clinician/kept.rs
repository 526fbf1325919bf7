//! What is typed about a consultation and not done yet: the draft goes to the host while typing, so that it is there after
//! a lock, a kill or another consultation.

use std::{cell::RefCell, rc::Rc};

use chatehr_contract::{ConsultationId, DraftOf, SaveDraft, command::clinician as command};
use gloo_timers::callback::Timeout;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::{
    backend::{Backend, use_backend},
    dom,
};

/// How long typing must rest before the draft is kept, in milliseconds.
pub const REST: u32 = 400;

/// What is in the field, what of it the host keeps as a draft, and what is on its way as a message.
#[derive(Default)]
pub struct Desk {
    /// In the field.
    pub text: String,
    /// Of the draft.
    pub kept: Option<String>,
    /// On its way.
    pub sending: Option<String>,
    /// Until the draft is kept.
    pub timer: Option<Timeout>,
}

impl Desk {
    /// One on which a draft lies.
    pub fn with(draft: String) -> Self {
        Self { text: draft.clone(), kept: Some(draft), ..Self::default() }
    }

    /// The text to keep as a draft, if it differs from what is kept. What is being sent is no draft any more.
    fn unkept(&mut self) -> Option<String> {
        self.timer = None;
        if self.sending.as_ref() == Some(&self.text) || self.kept.as_ref() == Some(&self.text) {
            return None;
        }
        self.kept = Some(self.text.clone());
        Some(self.text.clone())
    }

    /// What stays in the field once `sent` has been taken: whatever was typed meanwhile.
    pub fn after_sending(&mut self, sent: &str) {
        self.sending = None;
        self.timer = None;
        self.text = self.text.strip_prefix(sent).unwrap_or(&self.text).trim_start().to_owned();
        self.kept = Some(String::new());
    }
}

/// Hands to the host what it has not kept.
pub fn keep(backend: &Backend, id: &ConsultationId, of: DraftOf, desk: &Rc<RefCell<Desk>>) {
    let Some(text) = desk.borrow_mut().unkept() else { return };
    let (backend, desk) = (backend.clone(), desk.clone());
    let ask = SaveDraft { consultation_id: id.clone(), text, of };
    spawn_local(async move {
        if backend.call::<command::SaveDraft>(&ask).await.is_err() {
            // Not kept: the next rest, blur or switch tries again with what is then in the field.
            desk.borrow_mut().kept = None;
        }
    });
}

/// The words of a dialog. They outlive it: a lock takes the dialog away, and what could not be done is tried again.
#[derive(Clone)]
pub struct Words {
    /// As they are drawn.
    pub text: String,
    desk: Rc<RefCell<Desk>>,
    backend: Backend,
    id: ConsultationId,
    of: DraftOf,
    redraw: UseForceUpdateHandle,
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && Rc::ptr_eq(&self.desk, &other.desk)
    }
}

/// The words of this dialog of this consultation; `draft` is what was typed before.
#[hook]
pub fn use_words(id: &ConsultationId, of: DraftOf, draft: &str) -> Words {
    let backend = use_backend();
    let redraw = use_force_update();
    let desk = {
        let draft = draft.to_owned();
        use_mut_ref(move || Desk::with(draft))
    };
    let text = desk.borrow().text.clone();
    let words = Words { text, desk, backend, id: id.clone(), of, redraw };
    {
        let words = words.clone();
        // Taken away, by a lock for one: the last words come behind it.
        use_effect_with((), move |()| move || words.keep());
    }
    words
}

impl Words {
    /// Takes what is typed into the field that tells of it.
    pub fn typing(&self) -> impl Fn(InputEvent) + use<> {
        let words = self.clone();
        move |event| {
            if let Some(text) = dom::typed(&event) {
                words.set(text);
            }
        }
    }

    /// Keeps them at once when the field is left.
    pub fn leaving(&self) -> impl Fn(FocusEvent) + use<> {
        let words = self.clone();
        move |_| words.keep()
    }

    /// Other words in their place.
    pub fn set(&self, text: String) {
        {
            let words = self.clone();
            let mut desk = self.desk.borrow_mut();
            desk.text = text;
            desk.timer = Some(Timeout::new(REST, move || words.keep()));
        }
        self.redraw.force_update();
    }

    /// They have done what they were for; the host forgets them by itself.
    pub fn forget(&self) {
        self.desk.replace(Desk::with(String::new()));
        self.redraw.force_update();
    }

    fn keep(&self) {
        keep(&self.backend, &self.id, self.of, &self.desk);
    }
}

#[cfg(test)]
mod tests {
    use super::Desk;

    fn desk(text: &str, kept: &str) -> Desk {
        Desk { text: text.into(), kept: Some(kept.into()), ..Desk::default() }
    }

    #[test]
    fn a_draft_is_kept_once_per_change() {
        let mut desk = desk("Please stay", "");
        assert_eq!(desk.unkept().as_deref(), Some("Please stay"));
        assert_eq!(desk.unkept(), None);
        desk.text = String::new();
        assert_eq!(desk.unkept().as_deref(), Some(""));
    }

    #[test]
    fn what_is_being_sent_does_not_come_back_as_a_draft() {
        let mut desk = desk("On my way", "");
        desk.sending = Some("On my way".into());
        assert_eq!(desk.unkept(), None);
        desk.after_sending("On my way");
        assert_eq!(desk.unkept(), None);
        assert_eq!(desk.text, "");
    }

    #[test]
    fn words_typed_while_sending_stay_in_the_field() {
        let mut desk = desk("On my way. Room 4", "");
        desk.after_sending("On my way.");
        assert_eq!(desk.text, "Room 4");
        assert_eq!(desk.unkept().as_deref(), Some("Room 4"));
    }

    #[test]
    fn another_text_typed_while_sending_stays_whole() {
        let mut desk = desk("Something else", "");
        desk.after_sending("On my way.");
        assert_eq!(desk.text, "Something else");
    }
}
