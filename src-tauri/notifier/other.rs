//! Windows and macOS toasts.
//!
//! The system takes a toast away by itself after a while, so the window's own alert is what stays.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use chatehr_contract::ConsultationId;
use chatehr_engine::{Alert, Notifier, NotifyError, Showing};
use notify_rust::{Notification, NotificationResponse, Timeout};

/// The desktop's notifications.
#[derive(Debug, Default)]
pub struct DesktopNotifier {
    wanted: Arc<Mutex<HashSet<ConsultationId>>>,
}

impl Notifier for DesktopNotifier {
    fn show(&self, alert: Alert, clicked: Box<dyn FnOnce() + Send>) -> Showing {
        let wanted = self.wanted.clone();
        if let Some(consultation) = &alert.consultation {
            wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(consultation.clone());
        }
        Box::pin(async move {
            let shown = tokio::task::spawn_blocking(move || {
                Notification::new()
                    .appname("ChatEHR")
                    .summary(&alert.title)
                    .body(&alert.body)
                    .timeout(Timeout::Never)
                    .show()
                    .map(|handle| (handle, alert.consultation))
            });
            let (handle, consultation) = match shown.await {
                Ok(Ok(shown)) => shown,
                Ok(Err(error)) => return Err(NotifyError(error.to_string())),
                Err(error) => return Err(NotifyError(error.to_string())),
            };
            tokio::task::spawn_blocking(move || {
                let waited = handle.wait_for_response(|response: &NotificationResponse| {
                    let still_wanted = consultation
                        .is_none_or(|id| wanted.lock().unwrap_or_else(PoisonError::into_inner).remove(&id));
                    if still_wanted && !matches!(response, NotificationResponse::Closed(_)) {
                        clicked();
                    }
                });
                if let Err(error) = waited {
                    tracing::debug!(%error, "The toast's answer was lost.");
                }
            });
            Ok(())
        })
    }

    /// The system's own notifications are always there; that a person has silenced them cannot be asked.
    fn ready(&self) -> Showing {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self, consultation: &ConsultationId) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).remove(consultation);
    }
}
