//! The person's own browser, opened by what this system has for it.
//!
//! Promises: the browser gets none of the program's settings, whose secrets would otherwise stand in its environment.
//! Refuses addresses that are not of the web. `BROWSER` goes before the system's own choice, as it does for other
//! programs.

use std::{
    process::{Command, Stdio},
    thread,
};

use chatehr_engine::{Browser, NoBrowser};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct SystemBrowser;

impl Browser for SystemBrowser {
    fn open(&self, address: &str) -> Result<(), NoBrowser> {
        if !(address.starts_with("https://") || address.starts_with("http://")) {
            return Err(NoBrowser("the address is not one of the web".to_owned()));
        }
        let mut command = opener();
        command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CHATEHR_") {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().map_err(|error| NoBrowser(error.kind().to_string()))?;
        // It is over in a moment, or when the browser is; either way nobody else collects it.
        thread::spawn(move || match child.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(%status, "The browser may not have started."),
            Err(error) => tracing::warn!(%error, "It is not known whether the browser started."),
        });
        Ok(())
    }
}

fn opener() -> Command {
    match std::env::var_os("BROWSER").filter(|browser| !browser.is_empty()) {
        Some(browser) => Command::new(browser),
        None => system(),
    }
}

#[cfg(windows)]
fn system() -> Command {
    // Unlike `start`, it reads no shell's signs in the address.
    let mut command = Command::new("rundll32.exe");
    command.arg("url.dll,FileProtocolHandler");
    command
}

#[cfg(target_os = "macos")]
fn system() -> Command {
    Command::new("open")
}

#[cfg(not(any(windows, target_os = "macos")))]
fn system() -> Command {
    Command::new("xdg-open")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_opened() {
        for address in ["file:///etc/passwd", "javascript:alert(1)", "-e", "", "chatehr://x"] {
            assert!(SystemBrowser.open(address).is_err(), "{address}");
        }
    }
}
