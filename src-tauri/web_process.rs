//! Loads a window's page anew when the process behind it has died.
//!
//! The page of a dead process stays on the screen as a picture: with a green "Connected" at a physician's desk, or with
//! a patient's words in a waiting room whose idle reset died with it. A new page asks the host for everything, and
//! the kiosk's begins by having whoever was there forgotten.

use tauri::{App, Manager, Runtime};

/// Watches over the window with this label.
pub fn revive<R: Runtime>(app: &App<R>, label: &'static str) {
    let Some(window) = app.get_webview_window(label) else { return };
    let watching = window.with_webview(move |web_view| {
        #[cfg(target_os = "linux")]
        {
            use webkit2gtk::WebViewExt;
            web_view.inner().connect_web_process_terminated(move |view, reason| {
                tracing::error!(
                    label,
                    ?reason,
                    "The window's web process has ended; its page is loaded anew."
                );
                view.reload();
            });
        }
        // WebView2 shows a page of its own that offers to load anew.
        #[cfg(not(target_os = "linux"))]
        let _ = (&web_view, label);
    });
    if let Err(error) = watching {
        tracing::warn!(%error, "Nobody watches over the window's web process.");
    }
}
