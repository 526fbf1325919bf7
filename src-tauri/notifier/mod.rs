//! Shows alerts on the desktop, through notify-rust and with the handle kept, so that a click reaches the program.
//!
//! Promises: what is urgent is critical and stays until it is answered or handled; a click opens its consultation, a button
//! acknowledges it; a repeat takes the place of what it repeats; one that was handled elsewhere is taken away; where the
//! desktop says that its service has gone or come, that is told. Refuses to be the only channel: desktops swallow
//! notifications, and a failure is reported, so that the window can say so.

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod freedesktop;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
mod other;

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub use freedesktop::DesktopNotifier;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub use other::DesktopNotifier;

use chatehr_engine::{Alert, Notifier, OnResponse, Showing, Shown};

/// For a program that shows no notifications, such as the kiosk.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Notifier for Silent {
    fn show(&self, _alert: Alert, _respond: OnResponse) -> Showing {
        Box::pin(std::future::ready(Ok(Shown { sounds: false })))
    }

    fn ready(&self) -> Showing {
        Box::pin(std::future::ready(Ok(Shown { sounds: false })))
    }

    fn close(&self, _number: u64) {}
}
