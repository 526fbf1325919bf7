//! Whether somebody is at the window: says so to the host on a person's own input, warns before the screen locks, and
//! locks it on Ctrl+L.
//!
//! What counts is input that the browser vouches for: a pointer that has really moved, a press, a key, a wheel. What
//! the program does by itself never keeps a screen open.

use std::cell::Cell;

use chatehr_contract::{Timestamp, command::clinician as command};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::dialog::Dialog;
use crate::{
    backend::{Backend, use_backend},
    dom::{Listener, use_clock},
    icon::{Glyph, Icon},
    time,
};

/// Seconds between two words to the host.
const EVERY: i64 = 10;

/// When the screen locks or the session ends, if that is near.
#[derive(Clone, Copy, PartialEq, Properties)]
pub struct HereProps {
    /// See [`ProgramState::locks_at`](chatehr_contract::ProgramState::locks_at).
    pub locks_at: Option<Timestamp>,
    /// See [`ProgramState::session_ends_at`](chatehr_contract::ProgramState::session_ends_at).
    pub session_ends_at: Option<Timestamp>,
    /// It is being asked which record to open in an emergency.
    pub emergency: bool,
}

/// What becomes of what is being typed. A reason for an emergency is not kept: it is somebody else's patient's, and nothing
/// of such a record stays on a workstation.
const fn kept(emergency: bool) -> &'static str {
    if emergency {
        "Messages, notes and reasons that you have typed are kept, but not what stands in the emergency question: nothing of such a record stays on this workstation."
    } else {
        "Messages, notes and reasons that you have typed are kept."
    }
}

/// See the module.
#[component]
pub fn Here(props: &HereProps) -> Html {
    let backend = use_backend();
    let warned = props.locks_at.is_some();
    {
        let backend = backend.clone();
        use_effect_with(warned, move |warned| {
            let heard = listen(backend, *warned);
            move || drop(heard)
        });
    }
    let left = use_clock((props.locks_at, props.session_ends_at), |now, (locks, ends)| {
        locks.or(*ends).map_or(0, |at| at.seconds_since(now).max(0))
    });
    let here = Callback::from(move |()| say_here(&backend));
    if warned {
        let press = here.reform(|_: MouseEvent| ());
        return html! {
            <Dialog title={format!("Locking in {}", time::span_words(left))} on_close={here}>
                <p>{ "Nobody has used this window for a while. " }{ kept(props.emergency) }</p>
                <div class="dialog-actions">
                    <button type="button" class="button primary" onclick={press} data-test="still-here">{ "I’m still here" }</button>
                </div>
            </Dialog>
        };
    }
    if props.session_ends_at.is_some() {
        return html! {
            <div class="notice caution" data-test="session-ends">
                <Icon glyph={Glyph::Clock} />
                <p class="words">
                    <strong>{ format!("Your session ends in {}.", time::span_words(left)) }</strong>
                    <span>{ "You were signed in for as long as your clinic allows. Sign in again then. " }{ kept(props.emergency) }</span>
                </p>
            </div>
        };
    }
    Html::default()
}

/// Locks the screen. Only somebody who is not signed in any more is told otherwise, and they see that.
pub fn lock(backend: &Backend) {
    let backend = backend.clone();
    spawn_local(async move { drop(backend.call::<command::LockNow>(&()).await) });
}

fn say_here(backend: &Backend) {
    let backend = backend.clone();
    spawn_local(async move { drop(backend.call::<command::StillHere>(&()).await) });
}

fn listen(backend: Backend, warned: bool) -> Vec<Option<Listener>> {
    let said = std::rc::Rc::new(Cell::new(None::<i64>));
    let names = ["pointermove", "pointerdown", "keydown", "wheel"];
    names
        .into_iter()
        .map(|name| {
            let (backend, said, place) = (backend.clone(), said.clone(), Cell::new(None));
            Listener::on_window(name, move |event| {
                if !event.is_trusted() {
                    return;
                }
                if let Some(key) = event.dyn_ref::<web_sys::KeyboardEvent>()
                    && is_lock(key)
                {
                    event.prevent_default();
                    return lock(&backend);
                }
                // A browser also tells of a pointer at rest when what lies under it has changed.
                if let Some(pointer) =
                    event.dyn_ref::<web_sys::MouseEvent>().filter(|_| name == "pointermove")
                {
                    let at = (pointer.screen_x(), pointer.screen_y());
                    if place.replace(Some(at)).is_none_or(|before| before == at) {
                        return;
                    }
                }
                let now = time::now().millis() / 1000;
                let lately = said.get().is_some_and(|at| (0..EVERY).contains(&(now - at)));
                // While warned each input counts: the first one ends the warning.
                if !lately || warned {
                    said.set(Some(now));
                    say_here(&backend);
                }
            })
        })
        .collect()
}

fn is_lock(key: &web_sys::KeyboardEvent) -> bool {
    key.ctrl_key() && !key.alt_key() && !key.shift_key() && key.key().eq_ignore_ascii_case("l")
}
