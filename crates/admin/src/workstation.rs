//! The machine on which a command runs, as it is told.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chatehr_client::Config;
use chatehr_engine::{Clock, Random};
use chatehr_vault::keyring::Keyring;

/// What a command is given from outside.
pub struct Workstation {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for new keys.
    pub random: Arc<dyn Random>,
    /// The keyring that the window uses.
    pub keyring: Keyring,
    /// Where the files of people lie; none where the settings and the operating system name no place.
    pub data_dir: Option<PathBuf>,
    /// How to reach the server, or what is wrong with the settings.
    pub server: Result<Config, String>,
    /// The settings as lines, without secrets.
    pub settings: String,
    /// Of the person who runs the command; it is not told.
    pub home: Option<PathBuf>,
    /// Where the settings file would be.
    pub settings_file: Option<PathBuf>,
    /// Who runs the command, as the operating system says; none where it does not.
    pub user: Option<String>,
    /// What the machine is called in the audit log.
    pub name: String,
    /// Bytes that can still be written in this directory ([`room`], but for a test).
    pub room: fn(&Path) -> io::Result<u64>,
    /// Looks at what a window needs, without making one.
    pub desktop: Box<dyn Fn() -> Desktop>,
}

/// What a window needs of the machine: each there, in words, or why not.
#[derive(Clone, Debug)]
pub struct Desktop {
    /// Where a window would be shown.
    pub display: Result<String, String>,
    /// What draws it.
    pub web_view: Result<String, String>,
    /// Who shows notifications.
    pub notifications: Result<(), String>,
    /// Who shows icons in a tray.
    pub tray: Result<(), String>,
}

impl fmt::Debug for Workstation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workstation").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

/// Asks the file system.
///
/// # Errors
/// Its own.
pub fn room(place: &Path) -> io::Result<u64> {
    fs4::available_space(place)
}
