//! `cargo xtask test`: every test there is, and one line of figures at the end.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use chatehr_journey::{Failure, Places, Session};

use crate::{
    Outcome, contract_check, faults,
    limit::{LIMIT, Watch},
    packages, provider, run,
    step::{cargo, step, target},
};

/// Walks through the real windows, and the test programs that they are.
const WALKS: &[(&str, &str)] = &[
    ("the journey", "journey"),
    ("signing in with a clinic account", "clinic_account"),
    ("the misfortunes", "misfortunes"),
    ("an emergency, and a nurse's day", "emergency"),
    ("a workstation that is left", "leaving"),
    ("the tray", "tray"),
    ("what a locked screen leaves in memory", "forgetting"),
    ("the desktop's notifications", "notices"),
];

/// Tests that have the session's bus and notification service to themselves.
const ON_THE_BUS: &[(&str, &str)] = &[("the notifier on the bus", "notifier")];

/// Tests that passed and failed, over all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// Builds everything and runs every test, in a private desktop session.
pub(crate) fn test() -> Outcome<()> {
    let began = Instant::now();
    packages::require(packages::BUILD)?;
    packages::require(packages::SESSION)?;
    let mut figures = Figures::default();
    let complete = all(&mut figures);
    if let Err(why) = &complete {
        eprintln!("\n{why}");
        figures.failed += 1;
    }
    eprintln!("\n  everything took {:.0} s", began.elapsed().as_secs_f64());
    println!("{} passed, {} failed", figures.passed, figures.failed);
    if figures.failed > 0 {
        // The figures are the last line, so nothing is said after them.
        std::process::exit(1);
    }
    Ok(())
}

fn all(figures: &mut Figures) -> Outcome<()> {
    run::build(false)?;
    let provider = provider::installed()?;
    let session =
        step("private desktop session", || Session::start(&Places::below(&target(), "debug").session))?;
    let mut run_all = |name: &str, arguments: &[&str]| {
        eprintln!("\n  {name}");
        let mut command = cargo(&["test"]);
        command.args(arguments);
        session.enter(&mut command);
        // A snapshot that differs is a failure here, never a new file.
        command.env("CHATEHR_TEST_KEYRING", "1").env("INSTA_UPDATE", "no");
        command.env("CHATEHR_TEST_OIDC", &provider);
        step(name, || count(&mut command, figures))
    };
    run_all("tests of every part", &["--workspace", "--exclude", "chatehr-ui", "--no-fail-fast"])?;
    run_all("tests of the front ends", &["--package", "chatehr-ui", "--lib", "--bins"])?;
    for (name, test) in ON_THE_BUS {
        run_all(name, &["--package", "chatehr-desktop", "--test", test, "--", "--ignored"])?;
    }
    for (name, walk) in WALKS {
        run_all(name, &["--package", "chatehr-journey", "--test", walk, "--", "--ignored", "--nocapture"])?;
    }
    // The tests that belong to them have been run above.
    faults::program(&["--quick"], figures)?;
    // One test, whatever it asked: it keeps its description's word or it does not.
    match step("the contract", contract_check::quick) {
        Ok(()) => figures.passed += 1,
        Err(why) => {
            eprintln!("\n{why}");
            figures.failed += 1;
        }
    }
    Ok(())
}

/// Runs cargo, shows what it says and adds up its results. A run that fails without a failed test (it did not
/// compile, or a test program crashed) counts as one failure.
pub(crate) fn count(command: &mut Command, figures: &mut Figures) -> Outcome<()> {
    let failed = |error| Failure::new(format!("cargo could not be run: {error}"));
    let before = figures.failed;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let watch = Watch::over(&child, LIMIT);
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            if let Some(result) = read(&line) {
                figures.passed += result.passed;
                figures.failed += result.failed;
            }
        }
    }
    let status = child.wait().map_err(failed)?;
    if watch.was_killed() {
        figures.failed += 1;
        eprintln!("  ended after {} minutes: a test hangs", LIMIT.as_secs() / 60);
    } else if !status.success() && figures.failed == before {
        figures.failed += 1;
        eprintln!("  cargo ended with {status} without naming a failed test");
    }
    Ok(())
}

/// `test result: ok. 12 passed; 0 failed; …`
fn read(line: &str) -> Option<Figures> {
    let figures = line.trim().strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |word: &str| {
        figures.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
    };
    Some(Figures { passed: number("passed")?, failed: number("failed")? })
}

#[cfg(test)]
mod tests {
    use super::{Figures, count, read};

    #[test]
    fn results_are_read_off_cargos_line() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(read(line), Some(Figures { passed: 12, failed: 3 }));
        assert_eq!(read("test engine::tests::result ... ok"), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_run_that_dies_without_a_result_is_a_failure() {
        let mut figures = Figures::default();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; exit 101"]);
        count(&mut command, &mut figures).unwrap();
        assert_eq!(figures, Figures { passed: 2, failed: 1 });
    }
}
