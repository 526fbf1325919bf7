//! What desktops say of it on the bus: the screen savers' `ActiveChanged`, and of logind the session's `Lock` and
//! `PrepareForSleep` (<https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html>).
//!
//! Any program of this person's may say so as well, and locks a window.

use futures_util::{StreamExt, stream::select_all};
use zbus::{Connection, MatchRule, Message, MessageStream, Proxy, message::Type, zvariant::OwnedObjectPath};

/// One for each family of desktops; all have the same signal.
const SCREEN_SAVERS: [&str; 5] = [
    "org.freedesktop.ScreenSaver",
    "org.gnome.ScreenSaver",
    "org.mate.ScreenSaver",
    "org.cinnamon.ScreenSaver",
    "org.xfce.ScreenSaver",
];
const LOGIN: &str = "org.freedesktop.login1";

pub(super) fn follow(locked: impl Fn() + Clone + Send + 'static) {
    let also = locked.clone();
    tauri::async_runtime::spawn(async move {
        if let Err(error) = session_bus(locked).await {
            tracing::info!(%error, "No desktop says when its session is locked.");
        }
    });
    tauri::async_runtime::spawn(async move {
        if let Err(error) = system_bus(also).await {
            tracing::info!(%error, "Nobody says when the machine goes to sleep.");
        }
    });
}

async fn session_bus(locked: impl Fn()) -> zbus::Result<()> {
    let connection = Connection::session().await?;
    let mut rules = Vec::new();
    for interface in SCREEN_SAVERS {
        rules.push(signal(interface, "ActiveChanged")?.build());
    }
    heed(&connection, rules, locked).await
}

async fn system_bus(locked: impl Fn()) -> zbus::Result<()> {
    let connection = Connection::system().await?;
    let mut rules = vec![signal("org.freedesktop.login1.Manager", "PrepareForSleep")?.build()];
    // A service, such as one that tests run under, has no session; sleep concerns it all the same.
    if let Ok(session) = session_of_ours(&connection).await {
        rules.push(signal("org.freedesktop.login1.Session", "Lock")?.path(session)?.build());
    }
    heed(&connection, rules, locked).await
}

async fn session_of_ours(connection: &Connection) -> zbus::Result<OwnedObjectPath> {
    let manager =
        Proxy::new(connection, LOGIN, "/org/freedesktop/login1", "org.freedesktop.login1.Manager").await?;
    manager.call("GetSessionByPID", &(std::process::id(),)).await
}

fn signal<'a>(interface: &'a str, member: &'a str) -> zbus::Result<zbus::match_rule::Builder<'a>> {
    MatchRule::builder().msg_type(Type::Signal).interface(interface)?.member(member)
}

async fn heed(connection: &Connection, rules: Vec<MatchRule<'_>>, locked: impl Fn()) -> zbus::Result<()> {
    let mut streams = Vec::new();
    for rule in rules {
        streams.push(MessageStream::for_match_rule(rule.to_owned(), connection, None).await?);
    }
    let mut said = select_all(streams);
    while let Some(message) = said.next().await {
        if message.is_ok_and(|message| means_locked(&message)) {
            locked();
        }
    }
    Ok(())
}

/// `Lock` says nothing more; the others say whether it begins or ends.
fn means_locked(message: &Message) -> bool {
    let body = message.body();
    body.signature() == "" || body.deserialize::<bool>().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use zbus::blocking::Connection;

    use super::SCREEN_SAVERS;

    #[test]
    fn a_desktop_that_locks_is_heard_and_one_that_unlocks_is_not() {
        if std::env::var_os("CHATEHR_TEST_KEYRING").is_none() {
            return;
        }
        let (tell, heard) = mpsc::channel();
        super::follow(move || tell.send(()).unwrap());
        let desktop = Connection::session().unwrap();
        for interface in SCREEN_SAVERS {
            let say = |active: bool| {
                let path = "/org/freedesktop/ScreenSaver";
                desktop.emit_signal(None::<&str>, path, interface, "ActiveChanged", &(active,)).unwrap();
            };
            // It takes a moment to listen; nobody says when it does.
            let mut times = 0;
            loop {
                say(true);
                if heard.recv_timeout(Duration::from_millis(100)).is_ok() {
                    break;
                }
                times += 1;
                assert!(times < 100, "{interface}");
            }
            while heard.recv_timeout(Duration::from_millis(300)).is_ok() {}
            say(false);
            assert!(heard.recv_timeout(Duration::from_millis(300)).is_err(), "{interface}");
        }
    }
}
