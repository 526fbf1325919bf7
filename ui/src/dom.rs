//! The few things asked of the browser itself: listening on the window, the shared second, and placing an element.
//!
//! Placing goes through the style object, never through a `style` attribute, which the content security policy
//! forbids.

use std::cell::RefCell;

use chatehr_contract::Timestamp;
use gloo_timers::callback::Interval;
use wasm_bindgen::{JsCast, closure::Closure};
use yew::prelude::*;

use crate::time;

/// Listens on a target for as long as it is kept.
pub struct Listener {
    target: web_sys::EventTarget,
    name: &'static str,
    heard: Closure<dyn Fn(web_sys::Event)>,
}

impl Listener {
    /// Begins to listen; `None` outside a browser.
    pub fn on_window(name: &'static str, heard: impl Fn(web_sys::Event) + 'static) -> Option<Self> {
        Self::on(web_sys::window()?.into(), name, heard)
    }

    /// Begins to listen on `target`.
    pub fn on(
        target: web_sys::EventTarget,
        name: &'static str,
        heard: impl Fn(web_sys::Event) + 'static,
    ) -> Option<Self> {
        let heard = Closure::<dyn Fn(web_sys::Event)>::new(heard);
        target.add_event_listener_with_callback(name, heard.as_ref().unchecked_ref()).ok()?;
        Some(Self { target, name, heard })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The target outlives the listener; if it does not, there is nothing left to remove.
        drop(self.target.remove_event_listener_with_callback(self.name, self.heard.as_ref().unchecked_ref()));
    }
}

/// Sets a property of an element's own style.
pub fn place(node: &NodeRef, property: &str, value: &str) {
    if let Some(element) = node.cast::<web_sys::HtmlElement>() {
        // A property name that the browser does not know is ignored by it, and so here.
        drop(element.style().set_property(property, value));
    }
}

/// Puts the theme on the root element: "light", "dark", or what the system says.
pub fn set_theme(theme: Option<&str>) {
    let Some(root) = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element()) else {
        return;
    };
    drop(match theme {
        Some(theme) => root.set_attribute("data-theme", theme),
        None => root.remove_attribute("data-theme"),
    });
}

/// Keeps in `state` what is typed into the field that tells of it.
pub fn typing(state: &UseStateHandle<String>) -> impl Fn(InputEvent) + use<> {
    let state = state.clone();
    move |event| {
        if let Some(text) = typed(&event) {
            state.set(text);
        }
    }
}

/// What the field holds that tells of it.
pub fn typed(event: &InputEvent) -> Option<String> {
    let field = event.target();
    let area = field.clone().and_then(|field| field.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
    let line = field.and_then(|field| field.dyn_into::<web_sys::HtmlInputElement>().ok());
    area.map(|area| area.value()).or_else(|| line.map(|line| line.value()))
}

/// Moves the keyboard's focus.
pub fn focus(node: &NodeRef) {
    if let Some(element) = node.cast::<web_sys::HtmlElement>() {
        drop(element.focus());
    }
}

/// Moves the keyboard's focus to the first control of a row, for when what stood in its place is gone.
pub fn focus_first(row: &NodeRef) {
    let first = row.cast::<web_sys::Element>().and_then(|row| row.query_selector("button").ok().flatten());
    if let Some(control) = first.and_then(|first| first.dyn_into::<web_sys::HtmlElement>().ok()) {
        drop(control.focus());
    }
}

/// Scrolls as little as it takes to see all of an element.
pub fn reveal(node: &NodeRef) {
    if let Some(element) = node.cast::<web_sys::Element>() {
        let nearest = web_sys::ScrollIntoViewOptions::new();
        nearest.set_block(web_sys::ScrollLogicalPosition::Nearest);
        element.scroll_into_view_with_scroll_into_view_options(&nearest);
    }
}

type Reader = (u32, std::rc::Rc<dyn Fn()>);

thread_local! {
    static READERS: RefCell<Vec<Reader>> = const { RefCell::new(Vec::new()) };
    static SECOND: RefCell<Option<Interval>> = const { RefCell::new(None) };
    static NEXT: RefCell<u32> = const { RefCell::new(0) };
}

/// One interval for the whole window, running only while something reads it, so that all clocks on the screen turn
/// over together.
fn subscribe(reader: std::rc::Rc<dyn Fn()>) -> impl FnOnce() {
    let id = NEXT.with_borrow_mut(|next| {
        *next = next.wrapping_add(1);
        *next
    });
    READERS.with_borrow_mut(|readers| readers.push((id, reader)));
    SECOND.with_borrow_mut(|second| {
        second.get_or_insert_with(|| {
            Interval::new(1_000, || {
                let readers = READERS.with_borrow(Clone::clone);
                readers.iter().for_each(|(_, reader)| reader());
            })
        });
    });
    move || {
        READERS.with_borrow_mut(|readers| readers.retain(|(other, _)| *other != id));
        if READERS.with_borrow(Vec::is_empty) {
            SECOND.with_borrow_mut(|second| drop(second.take()));
        }
    }
}

/// What `read` says of the present, read each second. The component is drawn again only when it says something else,
/// so "3 min" costs one drawing a minute. `deps` are what `read` depends on.
#[hook]
pub fn use_clock<T, D>(deps: D, read: fn(Timestamp, &D) -> T) -> T
where
    T: PartialEq + Clone + 'static,
    D: PartialEq + Clone + 'static,
{
    use_clock_of(time::now, deps, read)
}

/// The same by the server's clock, for times that the server has set.
#[hook]
pub fn use_server_clock<T, D>(deps: D, read: fn(Timestamp, &D) -> T) -> T
where
    T: PartialEq + Clone + 'static,
    D: PartialEq + Clone + 'static,
{
    use_clock_of(time::server_now, deps, read)
}

#[hook]
fn use_clock_of<T, D>(now: fn() -> Timestamp, deps: D, read: fn(Timestamp, &D) -> T) -> T
where
    T: PartialEq + Clone + 'static,
    D: PartialEq + Clone + 'static,
{
    let current = read(now(), &deps);
    let seen = use_mut_ref(|| current.clone());
    seen.replace(current.clone());
    let update = use_force_update();
    use_effect_with(deps, move |deps| {
        let deps = deps.clone();
        subscribe(std::rc::Rc::new(move || {
            if read(now(), &deps) != *seen.borrow() {
                update.force_update();
            }
        }))
    });
    current
}
