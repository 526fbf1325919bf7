//! Windows and macOS toasts.
//!
//! The system takes a toast away by itself after a while and knows no place that another could take, so a repeat is a new
//! toast, one that was handled stays until then, and the window's own alert is what counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chatehr_engine::{Alert, Notifier, NotifyError, OnResponse, Response, Showing, Shown};
use notify_rust::{Notification, NotificationResponse, Timeout};

/// The button that acknowledges.
const ACKNOWLEDGE: &str = "acknowledge";

/// The desktop's notifications.
#[derive(Debug, Default)]
pub struct DesktopNotifier {
    /// Which toast is the latest with a number: an older one is not listened to any more.
    latest: Arc<Mutex<HashMap<u64, u64>>>,
}

impl Notifier for DesktopNotifier {
    fn show(&self, alert: Alert, respond: OnResponse) -> Showing {
        let latest = self.latest.clone();
        let turn = {
            let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = latest.entry(alert.number).or_insert(0);
            *turn = turn.wrapping_add(1);
            *turn
        };
        Box::pin(async move {
            let (number, sounds) = (alert.number, alert.sound);
            let shown = tokio::task::spawn_blocking(move || notification(&alert).show());
            let handle = match shown.await {
                Ok(Ok(shown)) => shown,
                Ok(Err(error)) => return Err(NotifyError(error.to_string())),
                Err(error) => return Err(NotifyError(error.to_string())),
            };
            tokio::task::spawn_blocking(move || {
                let waited = handle.wait_for_response(|heard: &NotificationResponse| {
                    let is_latest =
                        latest.lock().unwrap_or_else(PoisonError::into_inner).get(&number) == Some(&turn);
                    if is_latest {
                        respond(match heard {
                            NotificationResponse::Closed(_) => Response::Closed,
                            NotificationResponse::Action(action) if action == ACKNOWLEDGE => {
                                Response::Acknowledged
                            }
                            _ => Response::Opened,
                        });
                    }
                });
                if let Err(error) = waited {
                    tracing::debug!(%error, "The toast's answer was lost.");
                }
            });
            // A toast makes the system's sound unless it is silenced there.
            Ok(Shown { sounds })
        })
    }

    /// The system's own notifications are always there; that a person has silenced them cannot be asked.
    fn ready(&self) -> Showing {
        Box::pin(std::future::ready(Ok(Shown { sounds: true })))
    }

    fn close(&self, number: u64) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

fn notification(alert: &Alert) -> Notification {
    let mut notification = Notification::new();
    notification
        .appname("ChatEHR")
        .summary(&alert.title)
        .body(&alert.body)
        .timeout(if alert.critical { Timeout::Never } else { Timeout::Default })
        .action("open", "Open");
    if alert.may_acknowledge {
        notification.action(ACKNOWLEDGE, "Acknowledge");
    }
    #[cfg(target_os = "windows")]
    if alert.critical {
        notification.urgency(notify_rust::Urgency::Critical);
    }
    notification
}
