//! The process that draws a window's page: loaded anew when it has died, and ended when its person has left.
//!
//! The page of a dead process stays on the screen as a picture: with a green "Connected" at a physician's desk, or with
//! a patient's words in a waiting room whose idle reset died with it. A new page asks the host for everything, and
//! the kiosk's begins by having whoever was there forgotten.
//!
//! A browser's engine wipes nothing that it frees, so what a page has shown could be read in its memory for as long as
//! its process runs. When a screen locks or a session ends, that process ends too.

use std::{sync::Arc, time::Duration};

use chatehr_contract::{Person, Stage, command::CHANGED_EVENT};
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
        let mut shown = None;
        loop {
            changed.notified().await;
            let stage = desk.state().await.stage;
            if shown.is_some() && matches!(stage, Stage::Locked { .. }) {
                time::sleep(LAST_WORDS).await;
            }
            if has_left(&mut shown, desk.state().await.stage)
                && let Some(window) = app.get_webview_window(label)
            {
                end(&window);
            }
        }
    });
}

/// Whether whoever the page shows has left, or is somebody else by now. Whose files are only opened anew has not: the page
/// waits for what came of it.
fn has_left(shown: &mut Option<Person>, stage: Stage) -> bool {
    let now = match stage {
        Stage::Starting => return false,
        Stage::Ready { person } => Some(person),
        Stage::SignIn { .. } | Stage::Locked { .. } | Stage::Blocked { .. } => None,
    };
    let before = std::mem::replace(shown, now);
    before.is_some() && before != *shown
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

#[cfg(test)]
mod tests {
    use chatehr_contract::{ErrorCode, ErrorReport, PersonId, PersonName, Role, Timestamp};

    use super::*;

    #[test]
    fn a_page_ends_with_its_person_and_not_while_their_files_get_another_key() {
        let name = PersonName { family: "Mensah".to_owned(), given: vec!["Efua".to_owned()] };
        let person = |physician: &str| Person {
            id: PersonId::new("nurse-3"),
            name: name.clone(),
            role: Role::Nurse,
            specialties: Vec::new(),
            delegates_for: Some(PersonId::new(physician)),
        };
        let open = |physician: &str| Stage::Ready { person: person(physician) };
        let signed_out = || Stage::SignIn { accounts: Vec::new(), error: None };
        let since = Timestamp::from_millis(0);
        let locked =
            Stage::Locked { person: name.clone(), since, outbox_waiting: 0, urgent: 0, pin_tries: 0 };
        let blocked = Stage::Blocked { error: ErrorReport::new(ErrorCode::CacheDamaged), ways: Vec::new() };
        let stages = [
            (Stage::Starting, false),
            (signed_out(), false),
            (open("physician-12"), false),
            (open("physician-12"), false),
            (Stage::Starting, false),
            (open("physician-12"), false),
            (locked, true),
            (open("physician-12"), false),
            (Stage::Starting, false),
            (open("physician-13"), true),
            (Stage::Starting, false),
            (signed_out(), true),
            (open("physician-13"), false),
            (blocked, true),
        ];
        let mut shown = None;
        for (number, (stage, left)) in stages.into_iter().enumerate() {
            assert_eq!(has_left(&mut shown, stage), left, "{number}");
        }
    }
}
