//! What the session bus carried to the notification service, read from the log of `dbus-monitor`.

use std::{fs, path::Path};

use crate::{Failure, Outcome};

/// One call of `Notify`, as printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Notification(String);

impl Notification {
    /// Whether it stays until somebody looks (urgency 2 of the Desktop Notifications Specification).
    pub(crate) fn is_critical(&self) -> bool {
        let mut lines = self.0.lines().map(str::trim);
        lines.by_ref().any(|line| line == r#"string "urgency""#)
            && lines.next().is_some_and(|line| line.split_whitespace().last() == Some("2"))
    }

    /// Whether a click on it can be answered.
    pub(crate) fn can_be_clicked(&self) -> bool {
        self.0.contains(r#"string "default""#)
    }

    /// Everything in it, for looking for what must not be there.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// All notifications so far.
pub(crate) fn all(log: &Path) -> Outcome<Vec<Notification>> {
    let log = fs::read(log).map_err(|error| Failure::new(format!("no notification log: {error}")))?;
    Ok(read(&String::from_utf8_lossy(&log)))
}

fn read(log: &str) -> Vec<Notification> {
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    for line in log.lines() {
        // A message begins at the line's start; what belongs to it is indented.
        if !line.starts_with(' ') {
            inside = line.contains("member=Notify") && line.starts_with("method call");
            if inside {
                found.push(String::new());
            }
        }
        if let (true, Some(notification)) = (inside, found.last_mut()) {
            notification.push_str(line);
            notification.push('\n');
        }
    }
    found.into_iter().map(Notification).collect()
}

/// What passed between a program and the notification service, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `Notify`, in the place of the one with this number; 0 is in nobody's.
    Shown(u32),
    /// `CloseNotification`.
    Close(u32),
    /// `ActionInvoked`: somebody has pressed a button, or the notification itself.
    Invoked(u32, String),
}

/// All calls so far, in their order.
pub(crate) fn calls(log: &Path) -> Outcome<Vec<Call>> {
    let log = fs::read(log).map_err(|error| Failure::new(format!("no notification log: {error}")))?;
    Ok(read_calls(&String::from_utf8_lossy(&log)))
}

fn read_calls(log: &str) -> Vec<Call> {
    let mut found = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((_, member)) = line.rsplit_once("member=").filter(|_| !line.starts_with(' ')) else {
            continue;
        };
        let (mut number, mut text) = (None, None);
        while let Some(argument) = lines.next_if(|line| line.starts_with(' ')) {
            let argument = argument.trim();
            if let Some(value) = argument.strip_prefix("uint32 ") {
                number = number.or(value.parse().ok());
            } else if let Some(value) = argument.strip_prefix("string ") {
                text = text.or(Some(value.trim_matches('"').to_owned()));
            }
        }
        found.extend(match (member, number, text) {
            ("Notify", Some(replaces), _) => Some(Call::Shown(replaces)),
            ("CloseNotification", Some(id), _) => Some(Call::Close(id)),
            ("ActionInvoked", Some(id), Some(action)) => Some(Call::Invoked(id, action)),
            _ => None,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Call, read, read_calls};

    const LOG: &str = r#"method call time=1 sender=:1.3 -> destination=:1.1 serial=5 path=/o; interface=org.freedesktop.Notifications; member=Notify
   string "ChatEHR"
   string "Urgent cardiology consultation"
   array [
      string "default"
      string "Open"
   ]
   array [
      dict entry(
         string "urgency"
         variant             byte 2
      )
   ]
   int32 0
signal time=2 sender=:1.1 -> destination=(null destination) serial=9 path=/o; interface=org.freedesktop.Notifications; member=ActionInvoked
   string "urgency"
"#;

    #[test]
    fn a_critical_notification_is_recognised() {
        let all = read(LOG);
        assert_eq!(all.len(), 1);
        assert!(all[0].is_critical() && all[0].can_be_clicked());
        assert!(!all[0].text().contains("ActionInvoked"));
    }

    #[test]
    fn what_is_replaced_closed_and_pressed_is_read() {
        let log = LOG.replacen("   string \"ChatEHR\"\n", "   string \"ChatEHR\"\n   uint32 7\n", 1);
        let log = log.replace("   string \"urgency\"\n", "   uint32 8\n   string \"acknowledge\"\n");
        let close = "method call sender=:1.3 -> destination=:1.1; member=CloseNotification\n   uint32 9\n";
        let all = read_calls(&format!("{log}{close}"));
        assert_eq!(all, [Call::Shown(7), Call::Invoked(8, "acknowledge".to_owned()), Call::Close(9)]);
    }

    #[test]
    fn an_ordinary_one_is_not_critical() {
        assert!(!read(&LOG.replace("byte 2", "byte 1"))[0].is_critical());
    }
}
