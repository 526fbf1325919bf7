//! Lets the tests drive the real window over WebDriver, in development builds alone.
//!
//! A window without storage (`incognito`) lives in a web context of its own that no driver may enter, so a window
//! that asks to be driven gives its storage up to the test's throw-away home. A released program takes no such wish:
//! whoever can set its environment still cannot drive it.

use tauri::{Context, Runtime};

/// What the web view layer reads too.
const VARIABLE: &str = "TAURI_WEBVIEW_AUTOMATION";

/// Whether a test drives this program's windows.
pub fn is_asked() -> bool {
    cfg!(debug_assertions) && std::env::var(VARIABLE).as_deref() == Ok("true")
}

/// Opens the windows to a driver where the environment asks for it.
pub fn allow_if_asked<R: Runtime>(mut context: Context<R>) -> Context<R> {
    if is_asked() {
        tracing::warn!("This window can be driven by a test.");
        for window in &mut context.config_mut().app.windows {
            window.incognito = false;
        }
    }
    context
}
