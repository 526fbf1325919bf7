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

mod bench;
mod compliance;
mod contract_check;
mod faults;
mod front_end;
mod limit;
mod lint;
mod packages;
mod provider;
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
  contract   ask the server whatever its own description allows, and hold it to that
  faults     kill the program, let disks fail and damage the files; ends with one line of figures
  lint       formatting, clippy, licences and a few checks of our own
  windows    check that everything compiles for Windows
  bench      our figures beside another's, measured on this machine: bench gateway, bench vault
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

const CONTRACT: &str = "\
cargo xtask contract [--quick | --cases N]

Starts a demonstration clinic and has schemathesis (from PyPI, in target/contract) ask both surfaces whatever their
OpenAPI descriptions allow and what they forbid, as a physician, a patient, an administrator and a machine. Each answer
must be what the description says. Reports are left in target/contract.

  --quick     the two minutes that are part of `cargo xtask test`, the same questions every time
  --cases N   so many for each route of each surface, shared among the four callers (1000)";

const FAULTS: &str = "\
cargo xtask faults [--quick] [--seed N] [--only kill|calls|full|damage] [--kills N] [--place DIRECTORY]

Kills a program that fills a person's files, a thousand times at a random moment; lets every n-th call of the system on
those files fail; fills the disk; damages every page; then runs the tests that belong to it (keyring, audit log, sealed
messages, planted words). What was acknowledged before must be there after. One line for each fault; docs/reliability.md
says what each means. Needs strace, and takes a quarter of an hour.

  --quick            a sample of what comes from outside, as in `cargo xtask test`: half a minute of it
  --seed N           the same moments and places as in the run that printed this seed
  --only PART        one part of what comes from outside
  --kills N          how often to kill (1000)
  --place DIRECTORY  where the files are made (in memory, where there is /dev/shm)";

const LINT: &str = "\
cargo xtask lint [--deny]

rustfmt, clippy for this machine and for the front end, and checks of our own. cargo-deny checks licences, bans
and sources where it is installed; with --deny, or when CI=true, it is installed first (two minutes).";

const WINDOWS: &str = "\
cargo xtask windows

Checks that the windows and the server compile for x86_64-pc-windows-gnu, with MinGW from this system.";

const BENCH: &str = "\
cargo xtask bench gateway [--pairs N] [--quick] [--noise]
cargo xtask bench vault [--pairs N] [--quick] [--noise]

gateway: the gateway beside one written with Express (benches/peers/gateway): both are first seen to do the same work on the
same records, then run in turn. Prints the median of the pairs' ratios with least and most, beside the aims, and
writes it to target/bench/gateway.md. Needs Node 20 with npm, taskset and two processors that do nothing else: servers
run on processor 0, the load generator on processor 1.

vault: the encrypted files beside plain SQLite with the same tables, rows and page cache (pages, sending, storing, search,
the audit log), into target/bench/vault.md. Makes a million messages first, and keeps them for the next time: minutes,
and 5 GB.

  --pairs N    pairs of runs in each scenario (11)
  --quick      3 pairs of shorter runs: to see that it works, not to quote
  --noise      the peer against itself: how far from 1 this machine alone puts a ratio";

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
        "contract" if help => say(CONTRACT),
        "faults" if help => say(FAULTS),
        "lint" if help => say(LINT),
        "windows" if help => say(WINDOWS),
        "bench" if help => say(BENCH),
        "front-end" if help => say(FRONT_END),
        "run" => allow(flags, &["--kiosk", "--headless", "--release"], RUN).and_then(|()| run::run(flags)),
        "test" => allow(flags, &[], TEST).and_then(|()| test::test()),
        "contract" if flags == ["--quick"] => contract_check::quick(),
        "contract" => cases(flags).and_then(contract_check::contract),
        "faults" => faults::faults(flags),
        "lint" => allow(flags, &["--deny"], LINT).and_then(|()| lint::lint(flags)),
        "windows" => allow(flags, &[], WINDOWS).and_then(|()| windows::check()),
        "bench" => match flags.split_first() {
            Some((&"gateway", flags)) => bench::gateway(flags),
            Some((&"vault", flags)) => bench::vault(flags),
            _ => Err(chatehr_journey::Failure::new(BENCH)),
        },
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

/// `--cases N`, or the thousand.
fn cases(flags: &[&str]) -> Outcome<u32> {
    match flags {
        [] => Ok(1000),
        ["--cases", number] => number.parse().ok().filter(|cases| *cases > 0).ok_or_else(|| {
            chatehr_journey::Failure::new(format!("{number} is no number of cases\n\n{CONTRACT}"))
        }),
        _ => allow(flags, &[], CONTRACT).map(|()| 0),
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
