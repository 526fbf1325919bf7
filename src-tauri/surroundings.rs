//! The machine's clock and randomness, and the window as the engine's listener.

use std::{
    sync::{Arc, OnceLock},
    time::{SystemTime, UNIX_EPOCH},
};

use chatehr_contract::{ChangeNotice, Timestamp, command::CHANGED_EVENT};
use chatehr_engine::{Clock, Listener, Notifier, Random, Surroundings};
use tauri::{AppHandle, Emitter, Manager, Runtime, UserAttentionType};

use crate::browser::SystemBrowser;

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct MachineClock;

impl Clock for MachineClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the time comes from")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn ahead_of_utc(&self, at: Timestamp) -> i32 {
        // A time that no calendar has is in no zone.
        jiff::Timestamp::from_millisecond(at.millis())
            .map_or(0, |at| jiff::tz::TimeZone::system().to_offset(at).seconds())
    }
}

/// The machine's randomness.
#[derive(Clone, Copy, Debug)]
pub struct MachineRandom;

impl Random for MachineRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        getrandom::fill(bytes).map_err(|error| error.to_string())
    }
}

/// The window that is told of changes; empty until the program has made it, and notices before that are not
/// missed, because a window asks for everything when it starts.
pub type WindowSlot<R> = Arc<OnceLock<AppHandle<R>>>;

/// What the engine is given on this machine. Notices go to the window with this label.
pub fn surroundings<R: Runtime>(
    label: &'static str,
    window: WindowSlot<R>,
    notifier: Arc<dyn Notifier>,
) -> Surroundings {
    let listener: Listener = Arc::new(move |notice| {
        if let Some(app) = window.get() {
            tell(app, label, &notice);
        }
    });
    Surroundings {
        clock: Arc::new(MachineClock),
        random: Arc::new(MachineRandom),
        notifier,
        listener,
        browser: Arc::new(SystemBrowser),
    }
}

fn tell<R: Runtime>(app: &AppHandle<R>, label: &str, notice: &ChangeNotice) {
    if notice.open.is_some() {
        raise(app, label);
    }
    if notice.front {
        come_forward(app, label);
    }
    if let Err(error) = app.emit_to(label, CHANGED_EVENT, notice) {
        tracing::warn!(%error, "The window was not told of a change.");
    }
}

/// Shows a window that was minimised or hidden and asks for a look at it; the keyboard stays where somebody is typing.
fn come_forward<R: Runtime>(app: &AppHandle<R>, label: &str) {
    let Some(window) = app.get_webview_window(label) else { return };
    let attention = window.request_user_attention(Some(UserAttentionType::Critical));
    for outcome in [window.unminimize(), window.show(), attention] {
        if let Err(error) = outcome {
            tracing::warn!(%error, "The window did not come forward.");
        }
    }
}

/// Brings the window in front of the others.
pub fn raise<R: Runtime>(app: &AppHandle<R>, label: &str) {
    let Some(window) = app.get_webview_window(label) else { return };
    for outcome in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = outcome {
            tracing::warn!(%error, "The window could not be raised.");
        }
    }
}
