//! Reads the settings: environment, then the settings file, then defaults.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use chatehr_engine::{Settings, SettingsError};

/// Development builds keep their keys and files apart from those of a released program.
const CHANNEL: &str = if cfg!(debug_assertions) { "chatehr-desktop-dev" } else { "chatehr-desktop" };

/// The settings of this workstation.
///
/// # Errors
/// The first setting that is missing or cannot be used; the program shows it instead of starting.
pub fn gather() -> Result<Settings, SettingsError> {
    let file = match config_file().map(fs::read) {
        Some(Ok(bytes)) => serde_json::from_slice::<BTreeMap<String, String>>(&bytes).map_err(|error| {
            tracing::error!(line = error.line(), "The settings file cannot be read.");
            SettingsError::Unusable("settings.json", "must be a JSON object of names and texts")
        })?,
        _ => BTreeMap::new(),
    };
    let data_dir = data_home().map(|home| home.join(CHANNEL));
    Settings::gather(|name| env::var(name).ok(), &file, data_dir, &host_name(), CHANNEL)
}

/// What the machine calls itself.
#[cfg(not(windows))]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(windows)]
fn host_name() -> String {
    env::var("COMPUTERNAME").unwrap_or_default()
}

/// `settings.json` in the person's configuration folder.
fn config_file() -> Option<PathBuf> {
    let home = if cfg!(windows) { folder("APPDATA") } else { xdg("XDG_CONFIG_HOME", ".config") };
    Some(home?.join(CHANNEL).join("settings.json"))
}

fn data_home() -> Option<PathBuf> {
    if cfg!(windows) { folder("LOCALAPPDATA") } else { xdg("XDG_DATA_HOME", ".local/share") }
}

fn xdg(variable: &str, below_home: &str) -> Option<PathBuf> {
    folder(variable).or_else(|| Some(folder("HOME")?.join(below_home)))
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
