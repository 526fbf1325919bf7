//! The freedesktop notification service on the session bus.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chatehr_engine::{Alert, Notifier, NotifyError, OnResponse, OnService, Response, Showing, Shown};
use futures_util::StreamExt as _;
use notify_rust::{Hint, Notification, NotificationResponse, Timeout, Urgency};
use tokio::{sync::oneshot, time::timeout};
use zbus::{Connection, MatchRule, MessageStream, message::Type};

/// A bus whose service is being started, or hangs, is given so long before the alert counts as not shown.
const PATIENCE: Duration = Duration::from_secs(5);
/// The button that acknowledges.
const ACKNOWLEDGE: &str = "acknowledge";
/// The service's name on the bus (Desktop Notifications Specification).
const SERVICE: &str = "org.freedesktop.Notifications";
/// The bus itself.
const BUS: &str = "org.freedesktop.DBus";

/// The desktop's notifications.
#[derive(Debug, Default)]
pub struct DesktopNotifier {
    here: Arc<Here>,
}

#[derive(Debug, Default)]
struct Here {
    /// Those on the screen, by our number.
    on_screen: Mutex<HashMap<u64, OnScreen>>,
    /// Whether the service makes sounds; unknown before it was asked, and again after it has failed.
    sounds: Mutex<Option<bool>>,
}

#[derive(Debug)]
struct OnScreen {
    /// The service's number for it.
    id: u32,
    /// Takes it away, or lets another take its place.
    end: oneshot::Sender<End>,
}

#[derive(Debug)]
enum End {
    Close,
    Replaced,
}

impl Notifier for DesktopNotifier {
    fn show(&self, alert: Alert, respond: OnResponse) -> Showing {
        let here = self.here.clone();
        Box::pin(async move {
            let before = here.lock().get(&alert.number).map(|shown| shown.id);
            let notification = notification(&alert, before);
            let handle = match timeout(PATIENCE, notification.show_async()).await {
                Ok(Ok(handle)) => handle,
                Ok(Err(error)) => return Err(here.failed(&alert, error.to_string())),
                Err(_) => {
                    return Err(here.failed(&alert, "the notification service does not answer".to_owned()));
                }
            };
            let (end, ended) = oneshot::channel();
            let (id, number) = (handle.id(), alert.number);
            if let Some(before) = here.lock().insert(number, OnScreen { id, end }) {
                // Nobody listens any more when a person has closed it meanwhile.
                drop(before.end.send(End::Replaced));
            }
            let listening = here.clone();
            // The task holds the handle: without it the connection closes and the click has nowhere to go.
            tokio::spawn(async move {
                let mut response = None;
                tokio::select! {
                    () = handle.wait_for_action_async(|heard: &NotificationResponse| {
                        response = Some(match heard {
                            NotificationResponse::Closed(_) => Response::Closed,
                            NotificationResponse::Action(action) if action == ACKNOWLEDGE => Response::Acknowledged,
                            _ => Response::Opened,
                        });
                    }) => {}
                    how = ended => {
                        if matches!(how, Ok(End::Close)) {
                            handle.close_async().await;
                        }
                        return;
                    }
                }
                listening.forget(number, id);
                if response != Some(Response::Closed) {
                    // Not every desktop takes a clicked notification away by itself.
                    handle.close_async().await;
                }
                respond(response.unwrap_or(Response::Closed));
            });
            Ok(Shown { sounds: here.sounds().await })
        })
    }

    fn ready(&self) -> Showing {
        let here = self.here.clone();
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(notify_rust::get_server_information);
            match timeout(PATIENCE, asked).await {
                Ok(Ok(Ok(_service))) => Ok(Shown { sounds: here.sounds().await }),
                Ok(Ok(Err(error))) => Err(NotifyError(error.to_string())),
                Ok(Err(error)) => Err(NotifyError(error.to_string())),
                Err(_) => Err(NotifyError("the notification service does not answer".to_owned())),
            }
        })
    }

    fn close(&self, number: u64) {
        let shown = self.here.lock().remove(&number);
        // Nobody listens any more when the person has closed it already.
        if let Some(Err(_)) = shown.map(|shown| shown.end.send(End::Close)) {
            tracing::debug!("The notification had been closed already.");
        }
    }

    fn follow(&self, told: OnService) {
        let here = self.here.clone();
        tokio::spawn(async move {
            if let Err(error) = here.follow(told).await {
                tracing::info!(%error, "Nobody says whether there is a notification service.");
            }
        });
    }
}

impl Here {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, OnScreen>> {
        self.on_screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unless another has taken its place.
    fn forget(&self, number: u64, id: u32) {
        let mut shown = self.lock();
        if shown.get(&number).is_some_and(|shown| shown.id == id) {
            shown.remove(&number);
        }
    }

    /// Listens to whose the service's name is (D-Bus Specification, `NameOwnerChanged`).
    async fn follow(&self, told: OnService) -> zbus::Result<()> {
        let connection = Connection::session().await?;
        let rule = MatchRule::builder().msg_type(Type::Signal).sender(BUS)?.interface(BUS)?;
        let rule = rule.member("NameOwnerChanged")?.arg(0, SERVICE)?.build();
        let mut said = MessageStream::for_match_rule(rule, &connection, None).await?;
        while let Some(message) = said.next().await {
            let (_, before, now): (String, String, String) = message?.body().deserialize()?;
            if !before.is_empty() {
                // Its numbers may soon be another program's.
                self.lock().clear();
                self.forget_sounds();
                told(false);
            }
            if !now.is_empty() {
                told(true);
            }
        }
        Ok(())
    }

    fn forget_sounds(&self) {
        *self.sounds.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The service that comes next may be another, which knows none of ours.
    fn failed(&self, alert: &Alert, why: String) -> NotifyError {
        self.lock().remove(&alert.number);
        self.forget_sounds();
        NotifyError(why)
    }

    async fn sounds(&self) -> bool {
        let known = *self.sounds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known {
            return known;
        }
        let asked = tokio::task::spawn_blocking(notify_rust::get_capabilities);
        let Ok(Ok(Ok(able))) = timeout(PATIENCE, asked).await else { return false };
        let sounds = able.iter().any(|one| one == "sound");
        *self.sounds.lock().unwrap_or_else(PoisonError::into_inner) = Some(sounds);
        sounds
    }
}

fn notification(alert: &Alert, replaces: Option<u32>) -> Notification {
    let mut notification = Notification::new();
    notification
        .appname("ChatEHR")
        .summary(&alert.title)
        .body(&alert.body)
        .icon("health.chatehr.desktop")
        .urgency(if alert.critical { Urgency::Critical } else { Urgency::Normal })
        .timeout(if alert.critical { Timeout::Never } else { Timeout::Default })
        .hint(Hint::Category("im.received".to_owned()))
        .hint(Hint::DesktopEntry("health.chatehr.desktop".to_owned()))
        // The action that a click on the notification itself stands for (Desktop Notifications, "default").
        .action("default", "Open");
    if alert.may_acknowledge {
        notification.action("open", "Open").action(ACKNOWLEDGE, "Acknowledge");
    }
    if alert.sound {
        // Sound Naming Specification.
        let name = if alert.emergency { "dialog-warning" } else { "message-new-instant" };
        notification.hint(Hint::SoundName(name.to_owned()));
    } else {
        notification.hint(Hint::SuppressSound(true));
    }
    if let Some(id) = replaces {
        notification.id(id);
    }
    notification
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        Alert { critical: true, sound: true, may_acknowledge: true, ..Alert::test() }
    }

    #[test]
    fn only_what_is_urgent_is_critical_and_only_one_that_can_be_is_acknowledged() {
        let urgent = notification(&alert(), Some(7));
        assert_eq!(urgent.actions, ["default", "Open", "open", "Open", "acknowledge", "Acknowledge"]);
        assert!(urgent.hints.contains(&Hint::Urgency(Urgency::Critical)));
        let routine =
            notification(&Alert { critical: false, sound: false, may_acknowledge: false, ..alert() }, None);
        assert_eq!(routine.actions, ["default", "Open"]);
        assert!(routine.hints.contains(&Hint::SuppressSound(true)));
        assert!(!routine.hints.contains(&Hint::Urgency(Urgency::Critical)));
    }
}
