//! The session's keyring, by Debian's `secret-tool`: what the program keeps there, and one entry changed.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use crate::{Failure, Outcome, Session};

/// Under which name the program keeps its entries when it is built for development.
const SERVICE: &str = "chatehr-desktop-dev";

/// One entry.
pub(crate) struct Entry {
    /// What it is kept under.
    attributes: Vec<(String, String)>,
    /// What is kept.
    pub secret: String,
}

impl Entry {
    fn name(&self) -> &str {
        self.attributes.iter().find(|(name, _)| name == "username").map_or("", |(_, value)| value)
    }
}

/// All entries of the program whose names begin so.
pub(crate) fn entries(session: &Session, beginning: &str) -> Outcome<Vec<Entry>> {
    let output = tool(session, &["search", "--all", "--unlock", "service", SERVICE])
        .output()
        .map_err(|error| Failure::new(format!("the keyring cannot be searched: {error}")))?;
    // Attributes are told apart from the secrets, each item's in the same order.
    let attributes = String::from_utf8_lossy(&output.stderr).into_owned();
    let secrets = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found: Vec<Entry> = Vec::new();
    for secret in secrets.lines().filter_map(|line| line.strip_prefix("secret = ")) {
        found.push(Entry { attributes: Vec::new(), secret: secret.to_owned() });
    }
    let mut turn = 0;
    let mut of_this = Vec::new();
    for line in attributes.lines().filter_map(|line| line.strip_prefix("attribute.")) {
        let Some((name, value)) = line.split_once(" = ") else { continue };
        if of_this.iter().any(|(known, _)| known == name) {
            if let Some(entry) = found.get_mut(turn) {
                entry.attributes = std::mem::take(&mut of_this);
            }
            turn += 1;
        }
        of_this.push((name.to_owned(), value.to_owned()));
    }
    if let Some(entry) = found.get_mut(turn) {
        entry.attributes = of_this;
    }
    found.retain(|entry| entry.name().starts_with(beginning));
    Ok(found)
}

/// Keeps something else in an entry's place.
pub(crate) fn replace(session: &Session, entry: &Entry, secret: &str) -> Outcome<()> {
    let failed = |error| Failure::new(format!("the keyring cannot be written: {error}"));
    let kept_under: Vec<&str> = entry
        .attributes
        .iter()
        .filter(|(name, _)| !name.starts_with("xdg:"))
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .collect();
    tool(session, &[&["clear"], kept_under.as_slice()].concat()).status().map_err(failed)?;
    let mut store = tool(session, &[&["store", "--label=changed"], kept_under.as_slice()].concat());
    let mut store = store.stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut input) = store.stdin.take() {
        input.write_all(secret.as_bytes()).map_err(failed)?;
    }
    let stored = store.wait().map_err(failed)?;
    if stored.success() { Ok(()) } else { Err(Failure::new("the keyring did not take another secret")) }
}

fn tool(session: &Session, arguments: &[&str]) -> Command {
    let mut command = session.command("secret-tool");
    command.args(arguments).stdin(Stdio::null());
    command
}
