//! What is asked of the page itself: its title, language and text size, where the focus stands, and a fresh id.

use chatehr_contract::EnvelopeId;
use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, HtmlElement};

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// The clinic's name: the title of the page, so that whoever sets up the kiosk writes it in one place.
pub(crate) fn clinic_name() -> String {
    document().map(|document| document.title()).unwrap_or_default()
}

/// Tells the browser, and so a screen reader, the language; and the style sheet the text size.
pub(crate) fn dress(language_tag: &str, large: bool) {
    let Some(root) = document().and_then(|document| document.document_element()) else { return };
    // Two attributes of an element that is there; the names are constants, so neither call can fail.
    drop(root.set_attribute("lang", language_tag));
    drop(root.set_attribute("data-size", if large { "large" } else { "normal" }));
}

/// Moves the focus to what the screen wants first: in a dialog before anything, else a field, else the heading.
/// The page is scrolled back to its top with it.
pub(crate) fn focus_first() {
    let Some(document) = document() else { return };
    let first = [".dialog [data-focus]", "[data-focus]", "h1"]
        .into_iter()
        .find_map(|selector| document.query_selector(selector).ok().flatten());
    if let Some(element) = first.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // An element that cannot take the focus leaves it where it is; nothing is lost by that.
        drop(element.focus());
    }
}

/// Brings the newest message into sight, its end last.
pub(crate) fn show_newest() {
    let newest = document().and_then(|document| document.query_selector("[data-newest]").ok().flatten());
    if let Some(newest) = newest {
        newest.scroll_into_view_with_bool(false);
    }
}

/// A name for a request. `None` only in a page that has no secure random numbers.
pub(crate) fn fresh_id() -> Option<EnvelopeId> {
    let crypto = Reflect::get(&js_sys::global(), &JsValue::from_str("crypto")).ok()?;
    let make: Function = Reflect::get(&crypto, &JsValue::from_str("randomUUID")).ok()?.dyn_into().ok()?;
    make.call0(&crypto).ok()?.as_string().map(EnvelopeId::new)
}
