//! `doctor`: a look at everything that the program needs. It opens no files and changes nothing, so it may be asked
//! while a person works.
//!
//! A fault is what keeps the program from its work; a warning is what will, or what may be meant so (a session over
//! SSH has no display).

use std::{path::Path, time::Duration};

use chatehr_client::{Client, ClientError, Config, Health};
use chatehr_contract::Timestamp;
use chatehr_vault::{
    Obstacle,
    keyring::KeyringError,
    slots::{self, SlotKind},
};
use serde::Serialize;

use crate::{
    cli::Doctor,
    fault::Fault,
    files::{name_of, people},
    terminal::Terminal,
    vault::list::{Standing, in_bytes, standing},
    workstation::Workstation,
};

/// Below this the program will soon not be able to write what a person says.
const LITTLE_ROOM: u64 = 100_000_000;
/// Below this there is no room for the copies that a backup or a re-key makes.
const SOME_ROOM: u64 = 1_000_000_000;
/// Clocks farther apart than this make due times wrong by what a person notices; sign-in allows for as much.
const SKEW: i64 = 60;
/// Farther than this and sessions are taken for ended, or for not begun.
const MUCH_SKEW: i64 = 300;
/// A doctor does not wait as long as a sync may.
const PATIENCE: Duration = Duration::from_secs(10);

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    what: String,
    state: State,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    way_on: Option<String>,
}

impl Finding {
    fn ok(what: &str, says: impl Into<String>) -> Self {
        Self { what: what.to_owned(), state: State::Ok, says: says.into(), way_on: None }
    }

    fn of(state: State, what: &str, says: impl Into<String>, way_on: impl Into<String>) -> Self {
        Self { what: what.to_owned(), state, says: says.into(), way_on: Some(way_on.into()) }
    }
}

#[derive(Debug, Serialize)]
struct Findings {
    version: &'static str,
    at: Timestamp,
    state: State,
    findings: Vec<Finding>,
}

/// Whether there is no fault.
pub(crate) fn run(
    asked: &Doctor,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    let findings = examine(workstation);
    let worst = |state| findings.iter().any(|finding| finding.state == state);
    let state = match () {
        () if worst(State::Fault) => State::Fault,
        () if worst(State::Warning) => State::Warning,
        () => State::Ok,
    };
    if asked.json {
        let version = env!("CARGO_PKG_VERSION");
        let all = Findings { version, at: workstation.clock.now(), state, findings };
        let text = serde_json::to_string_pretty(&all).map_err(std::io::Error::from)?;
        terminal.say(&text)?;
    } else {
        terminal.say(&in_words(&findings))?;
    }
    Ok(state != State::Fault)
}

fn examine(workstation: &Workstation) -> Vec<Finding> {
    let mut findings = vec![settings(workstation)];
    findings.extend(disk(workstation));
    findings.push(keyring(workstation));
    findings.extend(files(workstation));
    findings.extend(server(workstation));
    findings.extend(desktop(workstation));
    findings
}

/// The same as lines, for a support bundle.
pub(crate) fn report(workstation: &Workstation) -> String {
    in_words(&examine(workstation))
}

fn in_words(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { what, state, says, way_on } in findings {
        let state = match state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Fault => "fault",
        };
        text.push_str(&format!("{state:<7}  {what:<width$}  {says}\n"));
        if let Some(way_on) = way_on {
            text.push_str(&format!("{:<7}  {:<width$}  -> {way_on}\n", "", ""));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    text.push_str(&match (count(State::Fault), count(State::Warning)) {
        (0, 0) => "All is well.".to_owned(),
        (faults, warnings) => format!("{faults} to be put right, {warnings} to be looked at."),
    });
    text
}

fn settings(workstation: &Workstation) -> Finding {
    let what = "settings";
    let place = workstation.settings_file.as_ref().map_or_else(
        || "the environment".to_owned(),
        |file| format!("the environment or {}", file.display()),
    );
    let checked =
        workstation.server.as_ref().map_err(Clone::clone).and_then(|config| {
            Client::new(config.clone()).map(|_| config).map_err(|error| error.to_string())
        });
    match checked {
        Ok(config) => Finding::ok(what, format!("the server is {}", config.base_url)),
        Err(why) => Finding::of(State::Fault, what, why, format!("Put it right in {place}.")),
    }
}

fn disk(workstation: &Workstation) -> Vec<Finding> {
    let what = "disk";
    let Some(data_dir) = &workstation.data_dir else {
        return vec![Finding::of(
            State::Fault,
            what,
            "no place is known for the files",
            "Set CHATEHR_DATA_DIR, or HOME.",
        )];
    };
    // Before the first start only what it will be made in is there.
    let there = data_dir.ancestors().find(|place| place.exists()).unwrap_or_else(|| Path::new("/"));
    let finding = match (workstation.room)(there) {
        Err(error) => Finding::of(
            State::Warning,
            what,
            format!("how much room there is cannot be told ({})", error.kind()),
            format!("Look at the disk that holds {}.", data_dir.display()),
        ),
        Ok(room) => {
            let says = format!("{} free for {}", in_bytes(room), data_dir.display());
            let make_room =
                "Make room: what people write here needs it, and a backup or a new key a copy of it.";
            match room {
                room if room < LITTLE_ROOM => Finding::of(State::Fault, what, says, make_room),
                room if room < SOME_ROOM => Finding::of(State::Warning, what, says, make_room),
                _ => Finding::ok(what, says),
            }
        }
    };
    vec![finding]
}

fn keyring(workstation: &Workstation) -> Finding {
    let what = "keyring";
    // Any entry will do: that there is none of this name is an answer.
    let obstacle = match workstation.keyring.get("doctor") {
        Ok(_) => return Finding::ok(what, "answers"),
        Err(KeyringError::Missing) => Obstacle::NoKeyring,
        Err(KeyringError::Locked) => Obstacle::KeyringLocked,
        Err(KeyringError::Other(_)) => Obstacle::KeyringFailed,
    };
    let way_on = match obstacle {
        Obstacle::NoKeyring => {
            "Install and start one, such as gnome-keyring or KWallet, and run this in the person's own session."
        }
        Obstacle::KeyringLocked => "Unlock it: signing in at the desktop does, with the same password.",
        _ => "Restart the keyring service.",
    };
    Finding::of(State::Fault, what, in_a_line(&Fault::from(obstacle).says), way_on)
}

fn files(workstation: &Workstation) -> Vec<Finding> {
    let Some(data_dir) = &workstation.data_dir else { return Vec::new() };
    let found = match people(data_dir) {
        Ok(found) => found,
        Err(Fault { says, way_on }) => {
            return vec![Finding::of(State::Fault, "files", in_a_line(&says), way_on)];
        }
    };
    if found.is_empty() {
        return vec![Finding::ok("files", "nobody has any on this workstation yet")];
    }
    found.iter().map(|dir| files_of(dir, workstation)).collect()
}

fn files_of(dir: &Path, workstation: &Workstation) -> Finding {
    // The name is a hash; its beginning tells one person's from another's.
    let what = format!("files {}", name_of(dir).chars().take(8).collect::<String>());
    let slots = slots::list(dir);
    let others = slots.as_ref().is_ok_and(|slots| slots.iter().any(|slot| slot.kind != SlotKind::Keyring));
    match standing(dir, &workstation.keyring) {
        Standing::Obstacle(obstacle) => {
            let Fault { says, way_on } = obstacle.into();
            let way_on = match (obstacle.yields_to_another_slot(), others) {
                (true, true) => format!(
                    "`chatehr-desktop vault recover {}` with --passphrase or --recovery-code puts the key back.",
                    dir.display()
                ),
                (true, false) => {
                    "Nothing but the keyring opens these files: bring back the keyring that has the key, or \
                                  restore a backup (`chatehr-desktop vault restore`)."
                        .to_owned()
                }
                _ => way_on,
            };
            Finding::of(State::Fault, &what, in_a_line(&says), way_on)
        }
        standing => match slots {
            Err(error) => {
                let Fault { says, way_on } = error.into();
                Finding::of(State::Warning, &what, in_a_line(&says), way_on)
            }
            Ok(_) if !others => Finding::of(
                State::Warning,
                &what,
                "nothing but this machine's keyring opens them: whoever loses it loses what was not sent",
                "Make a passphrase or print a recovery code, in the window.",
            ),
            Ok(_) => Finding::ok(
                &what,
                match standing {
                    Standing::InUse => "open in a program now",
                    _ => "open with the key in the keyring",
                },
            ),
        },
    }
}

fn server(workstation: &Workstation) -> Vec<Finding> {
    let Ok(config) = &workstation.server else { return Vec::new() };
    let before = workstation.clock.now();
    let answer = ask(config);
    let after = workstation.clock.now();
    match answer {
        Err(Fault { says, way_on }) => vec![Finding::of(State::Fault, "server", says, way_on)],
        Ok(health) => {
            let says = format!("{} {} answers", health.service, health.version);
            vec![Finding::ok("server", says), clock(&health, before, after)]
        }
    }
}

fn ask(config: &Config) -> Result<Health, Fault> {
    let mut config = config.clone();
    config.timeout = config.timeout.min(PATIENCE);
    let client = Client::new(config).map_err(|_| Fault::new("not asked", "Put the settings right first."))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| Fault::new("not asked: the system gives no way to", "Try again."))?;
    runtime.block_on(client.health()).map_err(|error| {
        let says = match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        let way_on = match error {
            ClientError::Unreachable(chatehr_client::ConnectionFault::NotSecure) => {
                "Check the server's certificate, this machine's root certificates and its clock."
            }
            ClientError::Unreachable(_) | ClientError::Timeout => {
                "Check the network, CHATEHR_API_URL, and whether the server runs. Until then people read what was \
                 loaded, and what they write waits."
            }
            ClientError::NotChatEhr { .. } => {
                "Check CHATEHR_API_URL, and whether a proxy answers in the server's place."
            }
            _ => "Ask whoever runs the server: its log says more.",
        };
        Fault::new(says, way_on)
    })
}

fn clock(health: &Health, before: Timestamp, after: Timestamp) -> Finding {
    let what = "clock";
    // The server read its own somewhere between the two.
    let ahead = before.seconds_since(health.timestamp).max(0);
    let behind = health.timestamp.seconds_since(after).max(0);
    let (apart, word) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    let says = format!("{apart} s {word} the server's");
    let way_on = "Let this machine keep time with the network (NTP), and the server as well.";
    match apart {
        0 => Finding::ok(what, "as the server's"),
        apart if apart <= SKEW => Finding::ok(what, says),
        apart if apart <= MUCH_SKEW => Finding::of(State::Warning, what, says, way_on),
        _ => Finding::of(State::Fault, what, says, way_on),
    }
}

fn desktop(workstation: &Workstation) -> [Finding; 4] {
    let found = (workstation.desktop)();
    let told = |state, what: &str, found: Result<String, String>, way_on: &str| match found {
        Ok(says) => Finding::ok(what, says),
        Err(why) => Finding::of(state, what, why, way_on),
    };
    [
        told(
            State::Warning,
            "notifications",
            found.notifications.map(|()| "a service shows them".to_owned()),
            "Start a notification service in the person's session: until then the window alone says that a request is \
             urgent.",
        ),
        told(
            State::Warning,
            "tray",
            found.tray.map(|()| "the desktop shows icons in it".to_owned()),
            "Nothing needs it: without one, closing the window ends the program. On GNOME the extension AppIndicator \
             brings one.",
        ),
        told(
            State::Warning,
            "display",
            found.display,
            "In a session over SSH this is as it should be; at the desktop, sign in to a graphical session.",
        ),
        told(State::Fault, "web view", found.web_view, "Install it: without it there is no window."),
    ]
}

/// A sentence as a part of a line.
fn in_a_line(sentence: &str) -> String {
    let mut characters = sentence.trim_end_matches('.').chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
