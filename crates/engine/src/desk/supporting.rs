//! The support bundle of an open desk: put together, shown, and saved as it was shown.
//!
//! Promises: what is saved is the text that was shown last; that it was saved is on record before it is. Refuses both while
//! nobody is signed in (an administrator has a command of their own) and to whom the access table refuses it.

use std::{
    path::{Path, PathBuf},
    sync::PoisonError,
};

use chatehr_contract::{
    Connection, ErrorCode, ErrorReport, Figures, Lapse, ProgramState, SaveSupportBundle, Stage,
    SupportPreview, Timestamp, access::Action,
};

use super::{Desk, Open};
use crate::support::{Scrub, bundle, figures_in_words, in_columns, save};

/// What the program around the engine knows of the machine.
#[derive(Clone, Default)]
pub struct HostReport {
    /// What was looked at and how it stands, as lines.
    pub doctor: String,
    /// The last lines of the log.
    pub log: Vec<String>,
    /// The person's home directory, which is not told.
    pub home: Option<PathBuf>,
    /// The operating system and what draws the window.
    pub system: String,
}

impl std::fmt::Debug for HostReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostReport").field("system", &self.system).finish_non_exhaustive()
    }
}

impl Desk {
    /// Puts it together, and keeps it for saving.
    ///
    /// # Errors
    /// Nobody is signed in; not this role's to do; the files do not answer.
    pub async fn support_bundle(&self, host: HostReport) -> Result<SupportPreview, ErrorReport> {
        let open = self.inner.open()?;
        self.inner.may_at_all(&open, Action::SupportExport).await?;
        let workstation = self.inner.workstation()?;
        let (state, figures, now) = (self.state().await, self.figures().await?, self.inner.now());
        let audit = audit_in_words(&open).await?;
        let log = if host.log.is_empty() { "nothing".to_owned() } else { host.log.join("\n") };
        let sections = [
            ("Versions", versions(&figures, &host.system)),
            ("How things stand", standing(&state)),
            ("Connection and data", figures_in_words(&figures)),
            ("Settings", workstation.settings.in_words()),
            ("Doctor", host.doctor),
            ("Record of actions", audit),
            ("Log, the last lines", log),
        ];
        let secrets = workstation.settings.secrets().chain([open.session.token.as_str()]);
        let name = &open.person.name;
        let names = name.given.iter().chain([&name.family]).map(String::as_str);
        let scrub = Scrub::new(host.home.as_deref().and_then(Path::to_str), secrets).and_names(names);
        let text = bundle(now, &sections, &scrub);
        *self.inner.bundle.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        let file = file_name(now);
        let file = workstation
            .settings
            .backup_dir
            .as_ref()
            .map_or_else(|| file.clone(), |dir| dir.join(&file).display().to_string());
        Ok(SupportPreview { text, file })
    }

    /// Saves what was shown last.
    ///
    /// # Errors
    /// Not this role's to do; nothing was shown; there is such a file; it cannot be written there; it cannot be put on record.
    pub async fn save_support_bundle(&self, request: SaveSupportBundle) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        self.inner.may_at_all(&open, Action::SupportExport).await?;
        let text = self.inner.bundle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = text.ok_or_else(|| ErrorReport::new(ErrorCode::Internal))?;
        let to = PathBuf::from(request.file.trim());
        if !to.is_absolute() || to.file_name().is_none() {
            return Err(ErrorReport::new(ErrorCode::PlaceUnfit));
        }
        let writing = async move {
            let written = tokio::task::spawn_blocking(move || save(&to, &text)).await;
            match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => {
                    tracing::warn!(error = %error.kind(), "The support bundle was not saved.");
                    Err(ErrorReport::new(match error.kind() {
                        std::io::ErrorKind::AlreadyExists => ErrorCode::BackupOccupied,
                        std::io::ErrorKind::StorageFull => ErrorCode::DiskFull,
                        _ => ErrorCode::PlaceUnfit,
                    }))
                }
                Err(error) => Err(crate::report::internal(&error)),
            }
        };
        self.on_record(&open, Action::SupportExport.as_str(), writing).await
    }
}

/// "chatehr-support-20261126-001530.txt".
fn file_name(now: Timestamp) -> String {
    let digits: Vec<char> = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    format!("chatehr-support-{}-{}.txt", String::from_iter(day), String::from_iter(time))
}

fn versions(figures: &Figures, system: &str) -> String {
    let server = figures
        .server
        .as_ref()
        .map_or_else(|| "not known".to_owned(), |server| format!("{} {}", server.service, server.version));
    in_columns(&[("program", figures.version.clone()), ("server", server), ("system", system.to_owned())])
}

fn standing(state: &ProgramState) -> String {
    let code = |error: &Option<ErrorReport>| {
        error.as_ref().map_or_else(|| "well".to_owned(), |error| error.code.as_str().to_owned())
    };
    let connection = match &state.connection {
        Connection::Connecting => String::new(),
        Connection::Online { since } | Connection::SignedOut { since } => format!(" since {since}"),
        Connection::Offline { since, error, .. } => format!(" since {since}, {}", error.code.as_str()),
    };
    let clock = match state.clock.server_ahead_millis {
        0 => "as the server’s".to_owned(),
        millis => format!("the server’s is {} s ahead", millis / 1000),
    };
    let keyring = if state.keys.not_in_keyring { "does not have the key" } else { "has the key" };
    in_columns(&[
        ("stage", stage_word(&state.stage).to_owned()),
        ("connection", format!("{}{connection}", connection_word(&state.connection))),
        ("clock", clock),
        ("notifications", code(&state.notifications)),
        ("record of actions", code(&state.integrity)),
        ("keyring", keyring.to_owned()),
        ("other keys", if state.keys.only_keyring { "none" } else { "there are" }.to_owned()),
        ("PIN", if state.pin_set { "set" } else { "not set" }.to_owned()),
    ])
}

/// The stage in a word, for support: nothing of what is in it.
const fn stage_word(stage: &Stage) -> &'static str {
    match stage {
        Stage::Starting => "starting",
        Stage::SignIn { .. } => "sign-in",
        Stage::Ready { .. } => "ready",
        Stage::Locked { .. } => "locked",
        Stage::Blocked { .. } => "blocked",
    }
}

const fn connection_word(connection: &Connection) -> &'static str {
    match connection {
        Connection::Connecting => "connecting",
        Connection::Online { .. } => "online",
        Connection::SignedOut { .. } => "signed out",
        Connection::Offline { lapse: Lapse::Reconnecting, .. } => "reconnecting",
        Connection::Offline { lapse: Lapse::Offline, .. } => "offline",
        Connection::Offline { lapse: Lapse::Unfit, .. } => "unfit",
    }
}

async fn audit_in_words(open: &Open) -> Result<String, ErrorReport> {
    let device = open.vault(chatehr_vault::Vault::device).await?;
    Ok(in_columns(&[
        ("entries", device.head.count.to_string()),
        ("head", device.head.hash.to_string()),
        ("vouched for", format!("up to {} by the server", device.anchored)),
    ]))
}

#[cfg(test)]
mod tests {
    use chatehr_contract::Timestamp;

    #[test]
    fn a_bundle_is_named_by_its_time() {
        let at = Timestamp::from_millis(1_795_426_920_000);
        assert_eq!(super::file_name(at), "chatehr-support-20261123-094200.txt");
    }
}
