//! `cargo xtask`: run, test and check ChatEHR Desktop.
//!
//! Promises: from a fresh clone each command finds out what is missing, gets it where it may, and otherwise says in
//! one line what to paste. Refuses: to guess; an argument that it does not know is an error.

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
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks on the terminal"
)]

mod front_end;
mod lint;
mod packages;
mod run;
mod step;
mod test;
mod tools;
mod windows;

use std::process::ExitCode;

/// What may fail, with the sentence why.
type Outcome<T> = Result<T, chatehr_journey::Failure>;

const HELP: &str = "\
cargo xtask <command>

  run        build everything, start a demonstration server and open the window
  test       every test, with the journey through the real windows; ends with one line of figures
  lint       formatting, clippy, licences and a few checks of our own
  windows    check that everything compiles for Windows
  front-end  build the two front ends alone, so that cargo can build the windows that embed them

cargo xtask <command> --help tells more.";

const RUN: &str = "\
cargo xtask run [--kiosk | --headless] [--release]

Builds the front ends, the windows and the server, starts a demonstration server on a free local port with
invented people and records, and opens the physician's window. Closing the window ends the server.

  --kiosk      opens the waiting room's kiosk instead
  --headless   opens no window on this desktop: walks the whole journey in a private one and leaves pictures
               in target/journey. Chosen by itself where there is no display
  --release    builds optimised";

const TEST: &str = "\
cargo xtask test

Builds everything, then runs all tests in a private desktop session (display, keyring, notifications), and the
journey through the real windows. The last line is `N passed, N failed`.";

const LINT: &str = "\
cargo xtask lint [--deny]

rustfmt, clippy for this machine and for the front end, and checks of our own. cargo-deny checks licences, bans
and sources where it is installed; with --deny, or when CI=true, it is installed first (two minutes).";

const WINDOWS: &str = "\
cargo xtask windows

Checks that the windows and the server compile for x86_64-pc-windows-gnu, with MinGW from this system.";

const FRONT_END: &str = "\
cargo xtask front-end

Builds both front ends into target/ui/dist, which the windows embed: after it, plain cargo commands work.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (command, flags) = words.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    let help = flags.iter().any(|flag| matches!(*flag, "--help" | "-h"));
    let outcome = match command {
        "run" if help => say(RUN),
        "test" if help => say(TEST),
        "lint" if help => say(LINT),
        "windows" if help => say(WINDOWS),
        "front-end" if help => say(FRONT_END),
        "run" => allow(flags, &["--kiosk", "--headless", "--release"], RUN).and_then(|()| run::run(flags)),
        "test" => allow(flags, &[], TEST).and_then(|()| test::test()),
        "lint" => allow(flags, &["--deny"], LINT).and_then(|()| lint::lint(flags)),
        "windows" => allow(flags, &[], WINDOWS).and_then(|()| windows::check()),
        "front-end" => allow(flags, &[], FRONT_END).and_then(|()| front_end::build()),
        "" | "help" | "--help" | "-h" => say(HELP),
        other => Err(chatehr_journey::Failure::new(format!("there is no command {other}\n\n{HELP}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stands beside commands that can fail")]
fn say(text: &str) -> Outcome<()> {
    println!("{text}");
    Ok(())
}

fn allow(flags: &[&str], known: &[&str], help: &str) -> Outcome<()> {
    match flags.iter().find(|flag| !known.contains(flag)) {
        None => Ok(()),
        Some(flag) => Err(chatehr_journey::Failure::new(format!("{flag} is not known here\n\n{help}"))),
    }
}
