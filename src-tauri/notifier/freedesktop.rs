//! The freedesktop notification service on the session bus.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chatehr_contract::ConsultationId;
use chatehr_engine::{Alert, Notifier, NotifyError, Showing};
use notify_rust::{Hint, Notification, NotificationResponse, Timeout, Urgency};
use tokio::{sync::oneshot, time::timeout};

/// A bus whose service is being started, or hangs, is given so long before the alert counts as not shown.
const PATIENCE: Duration = Duration::from_secs(5);

/// Alerts that are on the screen, each with the way to take it away.
type OnScreen = Arc<Mutex<HashMap<ConsultationId, oneshot::Sender<()>>>>;

/// The desktop's notifications.
#[derive(Debug, Default)]
pub struct DesktopNotifier {
    on_screen: OnScreen,
}

impl Notifier for DesktopNotifier {
    fn show(&self, alert: Alert, clicked: Box<dyn FnOnce() + Send>) -> Showing {
        let on_screen = self.on_screen.clone();
        Box::pin(async move {
            let notification = notification(&alert);
            let handle = match timeout(PATIENCE, notification.show_async()).await {
                Ok(Ok(handle)) => handle,
                Ok(Err(error)) => return Err(NotifyError(error.to_string())),
                Err(_) => return Err(NotifyError("the notification service does not answer".to_owned())),
            };
            let (take_away, taken_away) = oneshot::channel();
            if let Some(consultation) = &alert.consultation {
                let mut shown = on_screen.lock().unwrap_or_else(PoisonError::into_inner);
                shown.insert(consultation.clone(), take_away);
            }
            // The task holds the handle: without it the connection closes and the click has nowhere to go.
            tokio::spawn(async move {
                tokio::select! {
                    () = handle.wait_for_action_async(|response: &NotificationResponse| {
                        if !matches!(response, NotificationResponse::Closed(_)) {
                            clicked();
                        }
                    // Not every desktop takes a clicked notification away by itself.
                    }) => handle.close_async().await,
                    // A sender that is gone, as a test alert's, takes nothing away.
                    Ok(()) = taken_away => handle.close_async().await,
                }
            });
            Ok(())
        })
    }

    fn ready(&self) -> Showing {
        Box::pin(async {
            let asked = tokio::task::spawn_blocking(notify_rust::get_server_information);
            match timeout(PATIENCE, asked).await {
                Ok(Ok(Ok(_service))) => Ok(()),
                Ok(Ok(Err(error))) => Err(NotifyError(error.to_string())),
                Ok(Err(error)) => Err(NotifyError(error.to_string())),
                Err(_) => Err(NotifyError("the notification service does not answer".to_owned())),
            }
        })
    }

    fn close(&self, consultation: &ConsultationId) {
        let sender = self.on_screen.lock().unwrap_or_else(PoisonError::into_inner).remove(consultation);
        // Nobody listens any more when the person has closed it already.
        if let Some(Err(())) = sender.map(|sender| sender.send(())) {
            tracing::debug!("The notification had been closed already.");
        }
    }
}

fn notification(alert: &Alert) -> Notification {
    let mut notification = Notification::new();
    notification
        .appname("ChatEHR")
        .summary(&alert.title)
        .body(&alert.body)
        .icon("health.chatehr.desktop")
        .urgency(Urgency::Critical)
        .timeout(Timeout::Never)
        .hint(Hint::Category("im.received".to_owned()))
        .hint(Hint::DesktopEntry("health.chatehr.desktop".to_owned()))
        // The action that a click on the notification itself stands for (Desktop Notifications, "default").
        .action("default", "Open");
    notification
}
