//! Reads the settings: environment, then the settings file, then defaults.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use chatehr_engine::{Settings, SettingsError};
use chatehr_start::Secrets;

/// Development builds keep their keys and files apart from those of a released program.
const CHANNEL: &str = if cfg!(debug_assertions) { "chatehr-desktop-dev" } else { "chatehr-desktop" };

/// Those variables that hold secrets, and leave the environment when a window opens.
pub const SECRETS: &[&str] = &["CHATEHR_API_KEY", "CHATEHR_CLIENT_SECRET"];

/// The settings of this workstation, with what has left the environment.
///
/// # Errors
/// The first setting that is missing or cannot be used; the program shows it instead of starting.
pub fn gather(secrets: &Secrets) -> Result<Settings, SettingsError> {
    let file = match config_file().map(fs::read) {
        Some(Ok(bytes)) => serde_json::from_slice::<BTreeMap<String, String>>(&bytes).map_err(|error| {
            tracing::error!(line = error.line(), "The settings file cannot be read.");
            SettingsError::Unusable("settings.json", "must be a JSON object of names and texts")
        })?,
        _ => BTreeMap::new(),
    };
    let data_dir = data_home().map(|home| home.join(CHANNEL));
    let variable = |name: &str| secrets.get(name).map(str::to_owned).or_else(|| env::var(name).ok());
    Settings::gather(variable, &file, data_dir, &host_name(), CHANNEL)
}

/// What the machine calls itself.
pub fn host_name() -> String {
    whoami::hostname().unwrap_or_else(|_| "unknown".to_owned())
}

/// The person's own folder.
pub fn home() -> Option<PathBuf> {
    folder(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
}

/// Where things are on this workstation, for whoever asks why the settings cannot be used.
#[derive(Clone, Debug)]
pub struct Places {
    /// The settings file, there or not.
    pub file: Option<PathBuf>,
    /// The encrypted files, as far as the settings can be read.
    pub data_dir: Option<PathBuf>,
    /// The namespace in the keyring.
    pub keyring_service: &'static str,
}

/// Finds the places, whatever is wrong with the settings.
pub fn places() -> Places {
    let file = config_file();
    let named = || -> Option<PathBuf> {
        if let Some(place) = folder("CHATEHR_DATA_DIR") {
            return Some(place);
        }
        let entries: BTreeMap<String, String> =
            serde_json::from_slice(&fs::read(file.as_ref()?).ok()?).ok()?;
        entries.get("CHATEHR_DATA_DIR").filter(|place| !place.trim().is_empty()).map(PathBuf::from)
    };
    let data_dir = named().or_else(|| Some(data_home()?.join(CHANNEL)));
    Places { file, data_dir, keyring_service: CHANNEL }
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
