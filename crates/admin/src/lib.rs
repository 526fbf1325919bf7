//! What an administrator does with a workstation from a terminal: find what is wrong, read and check its audit logs,
//! and keep its encrypted files through a lost keyring, a new machine, a key that became known.
//!
//! Promises: nothing is opened that a program has open; every action that touches files stands in their audit log under
//! the operating system's name for whoever did it, and does not happen where that entry cannot be written; every
//! refusal is a sentence and a way on. Refuses: keys, passphrases and codes as arguments or from the environment, where
//! others can read them; saying what a record holds; writing over anything.
//!
//! Time, randomness, the keyring, the terminal and the machine are passed in ([`Workstation`], [`Terminal`]).
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

mod audit;
mod cli;
mod doctor;
mod entry;
mod fault;
mod files;
mod right;
mod support;
mod terminal;
mod vault;
mod workstation;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};

use crate::cli::{Audit, Cli, Command, Vault};
pub use crate::{
    terminal::{SystemTerminal, Terminal},
    workstation::{Desktop, Workstation, room},
};

/// What `doctor` says, for a support bundle. Asks the keyring, the server and the desktop, and waits for each.
pub fn doctor_report(workstation: &Workstation) -> String {
    doctor::report(workstation)
}

/// What a command leaves behind: 0 where all is well, 1 where something is wrong, 2 for what could not be understood.
pub type ExitCode = u8;

/// Does what the arguments say; the first of them is the program's own name.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> ExitCode {
    let parsed =
        Cli::command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let command = match parsed {
        Ok(Cli { command }) => command,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let text = error.render().to_string();
            let told = if asked { terminal.say(text.trim_end()) } else { terminal.complain(text.trim_end()) };
            return if asked && told.is_ok() { 0 } else { 2 };
        }
    };
    let done = match &command {
        Command::Doctor(asked) => doctor::run(asked, workstation, terminal),
        Command::SupportBundle(asked) => support::run(asked, workstation, terminal),
        Command::Audit(Audit::Verify(asked)) => audit::verify::run(asked, workstation, terminal),
        Command::Audit(Audit::Export(asked)) => audit::export::run(asked, workstation, terminal),
        Command::Audit(Audit::Search(asked)) => audit::search::run(asked, workstation, terminal),
        Command::Vault(Vault::List) => vault::list::run(workstation, terminal),
        Command::Vault(Vault::Backup(asked)) => vault::backup::run(asked, workstation, terminal),
        Command::Vault(Vault::Restore(asked)) => vault::restore::run(asked, workstation, terminal),
        Command::Vault(Vault::Rekey(asked)) => vault::rekey::run(asked, workstation, terminal),
        Command::Vault(Vault::Recover(asked)) => vault::recover::run(asked, workstation, terminal),
    };
    match done {
        Ok(sound) => u8::from(!sound),
        Err(fault) => {
            // Where even this cannot be written, the exit code says it.
            drop(terminal.complain(&format!("chatehr-desktop: {}\n  {}", fault.says, fault.way_on)));
            1
        }
    }
}
