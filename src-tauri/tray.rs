//! The icon in the tray: who is signed in (beside the icon where the desktop lets it, else in its tooltip), how many wait, and a way back to the window, to the lock and out.
//!
//! Promises: nothing of a patient; a window that is closed while somebody is signed in goes on behind the icon, and says so
//! once; where the desktop shows no icon, closing the window ends the program, as it always did. When the session ends
//! behind a closed window, the window comes back: who relies on being told must know that nobody is told any more.
//! Refuses to be needed: whatever the tray does or lacks, the rest works.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatehr_contract::{Connection, ProgramState, Role, Stage, command::CHANGED_EVENT};
use chatehr_engine::{Alert, Desk, Notifier};
use tauri::{
    AppHandle, Listener, Manager, Runtime, Window, WindowEvent,
    menu::{Menu, MenuItem, PredefinedMenuItem},
    tray::{TrayIcon, TrayIconBuilder},
};
use tokio::{sync::Notify, time};

use crate::{notifier::DesktopNotifier, surroundings::raise};

/// At most so often the icon is brought up to date.
const PACE: Duration = Duration::from_secs(1);
/// How often it is looked whether the desktop shows icons.
const LOOK: Duration = Duration::from_secs(5);
/// The number of the one notification from here; those of requests count up from 1.
const SAYING: u64 = u64::MAX;

/// What the window's closing depends on.
#[derive(Clone, Debug, Default)]
pub struct Tray(Arc<Standing>);

#[derive(Debug, Default)]
struct Standing {
    /// The desktop shows the icon.
    shown: AtomicBool,
    signed_in: AtomicBool,
    /// It was said that the program goes on.
    said: AtomicBool,
}

/// What the icon's menu says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// "Dr Amara Okafor".
    pub who: String,
    /// The same without opening the menu: "Dr Amara Okafor", "Locked", "Nobody signed in".
    pub at_a_glance: String,
    /// "3 waiting, 1 urgent".
    pub waiting: String,
    /// Whether there is something to lock.
    pub may_lock: bool,
    /// Whether the program goes on without its window.
    pub signed_in: bool,
}

/// Says it.
pub fn words(state: &ProgramState) -> Words {
    let urgent = |count: u32| if count == 0 { String::new() } else { format!(", {count} urgent") };
    let (who, waiting, may_lock, signed_in) = match &state.stage {
        Stage::Ready { person } => {
            let name = person.name.spoken();
            let who = if person.role == Role::Physician { format!("Dr {name}") } else { name };
            let counts = state.counts;
            (who, format!("{} waiting{}", counts.queue, urgent(counts.queue_urgent)), true, true)
        }
        Stage::Locked { person, urgent, .. } => {
            (format!("{}, locked", person.spoken()), format!("{urgent} urgent"), false, true)
        }
        Stage::SignIn { .. } => ("Nobody is signed in".to_owned(), String::new(), false, false),
        Stage::Starting => ("Opening…".to_owned(), String::new(), false, false),
        Stage::Blocked { .. } => ("Your records are closed".to_owned(), String::new(), false, false),
    };
    let lost = signed_in && matches!(state.connection, Connection::Offline { .. });
    let waiting = match (waiting.is_empty(), lost) {
        (true, _) => "Nothing is told".to_owned(),
        (false, true) => format!("{waiting}, as last known (offline)"),
        (false, false) => waiting,
    };
    let at_a_glance = match &state.stage {
        Stage::Locked { .. } => "Locked".to_owned(),
        Stage::SignIn { .. } => "Nobody signed in".to_owned(),
        _ => who.clone(),
    };
    Words { who, at_a_glance, waiting, may_lock, signed_in }
}

struct Items<R: Runtime> {
    icon: TrayIcon<R>,
    who: MenuItem<R>,
    waiting: MenuItem<R>,
    lock: MenuItem<R>,
}

impl Tray {
    /// Puts the icon up, if the desktop lets it.
    pub fn begin<R: Runtime>(&self, app: &AppHandle<R>, desk: &Desk, label: &'static str) {
        // A library that is missing is told by a panic.
        let built = catch_unwind(AssertUnwindSafe(|| icon(app, desk, label)));
        let items = match built {
            Ok(Ok(items)) => items,
            Ok(Err(error)) => return tracing::warn!(%error, "There is no icon in the tray."),
            Err(_) => return tracing::warn!("There is no icon in the tray: its library is missing."),
        };
        let changed = Arc::new(Notify::new());
        let heard = changed.clone();
        app.listen_any(CHANGED_EVENT, move |_| heard.notify_one());
        let (tray, app, desk) = (self.clone(), app.clone(), desk.clone());
        tauri::async_runtime::spawn(async move {
            let mut before = None;
            loop {
                let _told = time::timeout(LOOK, changed.notified()).await;
                let shown =
                    tauri::async_runtime::spawn_blocking(|| is_shown().is_ok()).await.unwrap_or(false);
                tray.0.shown.store(shown, Ordering::Relaxed);
                let state = desk.state().await;
                if before.is_some() && matches!(state.stage, Stage::Starting) {
                    // Files that are opened anew are still somebody's.
                    continue;
                }
                let now = words(&state);
                tray.0.signed_in.store(now.signed_in, Ordering::Relaxed);
                if before.as_ref() != Some(&now) {
                    if before.is_some_and(|before: Words| before.signed_in) && !now.signed_in {
                        come_back(&app, label);
                    }
                    if let Err(error) = items.say(&now) {
                        tracing::warn!(%error, "The icon in the tray says what was.");
                    }
                    before = Some(now);
                }
                time::sleep(PACE).await;
            }
        });
    }

    /// Keeps the program when its window is closed, if somebody would miss it and can find it.
    pub fn on_window_event<R: Runtime>(&self, window: &Window<R>, event: &WindowEvent) {
        let WindowEvent::CloseRequested { api, .. } = event else { return };
        let standing = &self.0;
        if !(standing.shown.load(Ordering::Relaxed) && standing.signed_in.load(Ordering::Relaxed)) {
            return;
        }
        if let Err(error) = window.hide() {
            return tracing::warn!(%error, "The window could not be hidden, so it is closed.");
        }
        api.prevent_close();
        if !standing.said.swap(true, Ordering::Relaxed) {
            tauri::async_runtime::spawn(async {
                let showing = DesktopNotifier::default().show(goes_on(), Box::new(|_| ()));
                if let Err(error) = showing.await {
                    tracing::warn!(%error, "It could not be said that the program goes on.");
                }
            });
        }
    }
}

fn goes_on() -> Alert {
    Alert {
        number: SAYING,
        consultation: None,
        critical: false,
        emergency: false,
        sound: false,
        may_acknowledge: false,
        title: "ChatEHR goes on in the tray".to_owned(),
        body: "Urgent requests are still told. Open it, lock it or quit it there.".to_owned(),
    }
}

fn icon<R: Runtime>(app: &AppHandle<R>, desk: &Desk, label: &'static str) -> tauri::Result<Items<R>> {
    let item = |id: &str, text: &str, enabled| MenuItem::with_id(app, id, text, enabled, None::<&str>);
    let (who, waiting) = (item("who", "Opening…", false)?, item("waiting", "Nothing is told", false)?);
    let lock = item("lock", "Lock", false)?;
    let line = PredefinedMenuItem::separator(app)?;
    let (open, quit) = (item("open", "Open", true)?, item("quit", "Quit", true)?);
    let menu = Menu::with_items(app, &[&who, &waiting, &line, &open, &lock, &quit])?;
    let desk = desk.clone();
    let builder = TrayIconBuilder::with_id("chatehr").tooltip("ChatEHR").menu(&menu).on_menu_event(
        move |app, event| match event.id().as_ref() {
            "open" => raise(app, label),
            "lock" => {
                let desk = desk.clone();
                tauri::async_runtime::spawn(async move {
                    if let Err(error) = desk.lock_now().await {
                        tracing::warn!(code = error.code.as_str(), "The screen could not be locked.");
                    }
                });
            }
            "quit" => {
                let (desk, app) = (desk.clone(), app.clone());
                tauri::async_runtime::spawn(async move {
                    desk.close().await;
                    app.exit(0);
                });
            }
            _ => {}
        },
    );
    let builder = match app.default_window_icon() {
        Some(icon) => builder.icon(icon.clone()),
        None => builder,
    };
    Ok(Items { icon: builder.build(app)?, who, waiting, lock })
}

impl<R: Runtime> Items<R> {
    fn say(&self, words: &Words) -> tauri::Result<()> {
        // A desktop has either the words beside the icon or a tooltip; of the other nothing is seen there.
        self.icon.set_title(Some(&words.at_a_glance))?;
        self.icon.set_tooltip(Some(format!("ChatEHR: {}", words.at_a_glance)))?;
        self.who.set_text(&words.who)?;
        self.waiting.set_text(&words.waiting)?;
        self.lock.set_enabled(words.may_lock)
    }
}

/// Nobody is signed in any more, and a closed window would not say so.
fn come_back<R: Runtime>(app: &AppHandle<R>, label: &str) {
    if app.get_webview_window(label).is_some_and(|window| !window.is_visible().unwrap_or(true)) {
        raise(app, label);
    }
}

/// Whether the desktop shows icons.
///
/// # Errors
/// Why it does not, in words.
#[cfg(target_os = "linux")]
pub fn is_shown() -> Result<(), String> {
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    let asked = zbus::blocking::Connection::session().and_then(|bus| {
        bus.call_method(
            Some(WATCHER),
            "/StatusNotifierWatcher",
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &(WATCHER, "IsStatusNotifierHostRegistered"),
        )
    });
    let shown = asked.and_then(|answer| {
        let value: zbus::zvariant::OwnedValue = answer.body().deserialize()?;
        Ok(bool::try_from(value)?)
    });
    match shown {
        Ok(true) => Ok(()),
        Ok(false) => Err("the session’s tray shows nothing".to_owned()),
        Err(_) => Err("there is none in this session".to_owned()),
    }
}

/// Every desktop has one there.
///
/// # Errors
/// Never.
#[cfg(not(target_os = "linux"))]
pub fn is_shown() -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{
        Counts, ErrorCode, ErrorReport, Lapse, Person, PersonId, PersonName, SpecialtyCode, Timestamp,
    };

    use super::*;

    fn state(stage: Stage, connection: Connection) -> ProgramState {
        ProgramState {
            stage,
            connection,
            synced_at: None,
            outbox_waiting: 0,
            outbox_stuck: 0,
            counts: Counts { queue: 3, queue_urgent: 1, mine: 2, unread: 4 },
            notifications: None,
            integrity: None,
            server: String::new(),
            keys: chatehr_contract::KeyStanding::default(),
            locks_at: None,
            session_ends_at: None,
            pin_set: false,
            clock: chatehr_contract::ClockStanding::default(),
            loading: None,
            glass: None,
            glass_news: false,
            may_export: false,
            clinic_sign_in: chatehr_contract::ClinicSignIn::default(),
            acts_for: None,
        }
    }

    #[test]
    fn the_icon_says_who_is_signed_in_and_how_many_wait() {
        let name = PersonName { family: "Okafor".to_owned(), given: vec!["Amara".to_owned()] };
        let person = Person {
            id: PersonId::new("physician-1"),
            name: name.clone(),
            role: Role::Physician,
            specialties: vec![SpecialtyCode::Cardiology],
            delegates_for: None,
        };
        let since = Timestamp::from_millis(0);
        let lost = Connection::Offline {
            since,
            retry_at: None,
            error: ErrorReport::new(ErrorCode::ServerUnreachable),
            lapse: Lapse::Offline,
        };
        let online = Connection::Online { since };
        let locked = Stage::Locked { person: name, since, outbox_waiting: 0, urgent: 2, pin_tries: 0 };
        let said = [
            state(Stage::Ready { person: person.clone() }, online.clone()),
            state(Stage::Ready { person }, lost),
            state(locked, online),
            state(Stage::SignIn { accounts: Vec::new(), error: None }, Connection::SignedOut { since }),
        ]
        .map(|state| {
            let Words { who, at_a_glance, waiting, may_lock, signed_in } = words(&state);
            format!("{who} | {at_a_glance} | {waiting} | {may_lock} {signed_in}")
        });
        assert_eq!(
            said,
            [
                "Dr Amara Okafor | Dr Amara Okafor | 3 waiting, 1 urgent | true true",
                "Dr Amara Okafor | Dr Amara Okafor | 3 waiting, 1 urgent, as last known (offline) | true true",
                "Amara Okafor, locked | Locked | 2 urgent | false true",
                "Nobody is signed in | Nobody signed in | Nothing is told | false false",
            ]
        );
    }
}
