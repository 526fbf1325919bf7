//! Walks the whole path in the real windows: a patient asks at the kiosk, a physician is told, answers, loses the
//! connection, and nothing readable is left on the disk.
//!
//! Promises: real programs, a real desktop session and a real server; every check waits for a condition, never for
//! time. Refuses: reaching into a program; what a person cannot see or another program cannot ask is not checked
//! here. `cargo xtask run --headless` and `cargo xtask test` call [`walk`].

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod canary;
mod clinic_account;
mod emergency;
#[cfg(target_os = "linux")]
mod forgetting;
mod hostile;
mod http;
mod keyring;
mod leaving;
mod meddler;
#[cfg(target_os = "linux")]
mod memory;
mod misfortunes;
mod notices;
mod notification;
mod person;
mod process;
mod record;
mod relay;
mod scene;
mod server;
mod session;
mod steps;
mod stranger;
mod tray;
mod webdriver;
mod workplace;

use std::{fmt, path::PathBuf};

pub use clinic_account::sign_in_at_clinic;
pub use emergency::emergency;
#[cfg(target_os = "linux")]
pub use forgetting::forget;
pub use leaving::leave;
pub use misfortunes::suffer;
pub use notices::notices;
pub use process::{Running, on_path, tied};
pub use record::{Step, StepOutcome};
pub use server::{Neighbour, Server};
pub use session::{PROGRAMS as SESSION_PROGRAMS, Session};
pub use steps::walk;
pub use tray::{Shelf, tray};

/// Why something did not happen, as a sentence for a person. Nothing branches on it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// What may fail, with the sentence why.
pub type Outcome<T> = Result<T, Failure>;

/// Where the built programs are and where the pictures go.
#[derive(Clone, Debug)]
pub struct Places {
    /// Holds `chatehr-desktop`, `chatehr-kiosk` and `chatehr-server`.
    pub programs: PathBuf,
    /// Pictures, `journey.json` and the programs' logs; emptied first.
    pub pictures: PathBuf,
    /// Holds the session's throw-away home.
    pub session: PathBuf,
}

impl Places {
    /// The usual ones below a target directory.
    pub fn below(target: &std::path::Path, profile: &str) -> Self {
        Self {
            programs: target.join(profile),
            pictures: target.join("journey"),
            session: target.join("session"),
        }
    }

    /// A program's file, or a sentence on how to get it.
    pub fn program(&self, name: &str) -> Outcome<PathBuf> {
        let file = self.programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if file.is_file() {
            Ok(file)
        } else {
            Err(Failure::new(format!(
                "{} is not built; `cargo xtask run --headless` builds it",
                file.display()
            )))
        }
    }
}
