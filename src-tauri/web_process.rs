//! The process that draws a window's page: loaded anew when it has died, and ended when its person has left.
//!
//! The page of a dead process stays on the screen as a picture: with a green "Connected" at a physician's desk, or with
//! a patient's words in a waiting room whose idle reset died with it. A new page asks the host for everything, and
//! the kiosk's begins by having whoever was there forgotten.
//!
//! A browser's engine wipes nothing that it frees, so what a page has shown could be read in its memory for as long as
//! its process runs. When a screen locks or a session ends, that process ends too.

use std::{sync::Arc, time::Duration};

use chatehr_contract::{Stage, command::CHANGED_EVENT};
use chatehr_engine::Desk;
use tauri::{App, Listener, Manager, Runtime, WebviewWindow};
use tokio::{sync::Notify, time};

use crate::automation;

/// How long a page has to hand in its last words when its screen locks; the engine takes them for twice as long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Watches over the window with this label.
pub fn revive<R: Runtime>(app: &App<R>, label: &'static str) {
    let Some(window) = app.get_webview_window(label) else { return };
    let watching = window.with_webview(move |web_view| {
        #[cfg(target_os = "linux")]
        {
            use webkit2gtk::{WebProcessTerminationReason, WebViewExt};
            web_view.inner().connect_web_process_terminated(move |view, reason| {
                if reason != WebProcessTerminationReason::TerminatedByApi {
                    tracing::error!(
                        label,
                        ?reason,
                        "The window's web process has ended; its page is loaded anew."
                    );
                }
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

/// From now on the page forgets with the desk: a new process draws the locked screen, and the one after a sign-out.
pub fn end_with_session<R: Runtime>(app: &App<R>, label: &'static str, desk: Desk) {
    let (changed, app) = (Arc::new(Notify::new()), app.handle().clone());
    let heard = changed.clone();
    app.listen_any(CHANGED_EVENT, move |_| heard.notify_one());
    tauri::async_runtime::spawn(async move {
        let mut was_open = false;
        loop {
            changed.notified().await;
            let stage = desk.state().await.stage;
            if was_open && matches!(stage, Stage::Locked { .. }) {
                time::sleep(LAST_WORDS).await;
            }
            let is_open = matches!(desk.state().await.stage, Stage::Ready { .. });
            if was_open
                && !is_open
                && let Some(window) = app.get_webview_window(label)
            {
                end(&window);
            }
            was_open = is_open;
        }
    });
}

fn end<R: Runtime>(window: &WebviewWindow<R>) {
    // WebView2 cannot be told to, and a driver does not outlive the process: there a page that is loaded anew lets go of
    // what the last one held.
    let ended = if cfg!(target_os = "linux") && !automation::is_asked() {
        window.with_webview(|web_view| {
            #[cfg(target_os = "linux")]
            webkit2gtk::WebViewExt::terminate_web_process(&web_view.inner());
            #[cfg(not(target_os = "linux"))]
            drop(web_view);
        })
    } else {
        window.reload()
    };
    if let Err(error) = ended {
        tracing::warn!(%error, "The window's page goes on in the process of whoever has left.");
    }
}
