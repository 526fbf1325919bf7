//! `cargo xtask faults`: kills, failing disks, damage, a keyring that is not there, tampering, and words that turn up where
//! they must not; everything that docs/reliability.md names, in its long form.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use chatehr_journey::{Failure, Places, Session};

use crate::{
    Outcome,
    limit::{LIMIT, Watch},
    packages,
    step::{cargo, step, succeed, target},
    test::{Figures, count},
};

/// Tests that prove what no fault from outside can: which, and the arguments to run them.
const TESTS: &[(&str, &[&str])] = &[
    (
        "R4 the keyring",
        &["test", "-p", "chatehr-vault", "--test", "secret_service", "--test", "keyring", "--test", "slots"],
    ),
    (
        "R3, R5 full disks, headers, salvage",
        &[
            "test",
            "-p",
            "chatehr-vault",
            "--test",
            "files",
            "--test",
            "sharing",
            "--test",
            "header",
            "--test",
            "salvage",
            "--test",
            "backup",
            "--test",
            "audit",
        ],
    ),
    ("R6 the audit log", &["test", "-p", "chatehr-audit", "--test", "promises"]),
    ("R7 sealed messages", &["test", "-p", "chatehr-seal"]),
    ("R7 a server that mixes messages up", &["test", "-p", "chatehr-engine", "--test", "mixed_up"]),
    ("R13 words where they must not be", &["test", "-p", "chatehr-engine", "--test", "canaries"]),
];

/// The whole programme.
pub(crate) fn faults(flags: &[&str]) -> Outcome<()> {
    let mut figures = Figures::default();
    program(flags, &mut figures)?;
    packages::require(packages::SESSION)?;
    let session =
        step("private desktop session", || Session::start(&Places::below(&target(), "debug").session))?;
    for (name, arguments) in TESTS {
        let mut command = cargo(arguments);
        session.enter(&mut command);
        command.env("CHATEHR_TEST_KEYRING", "1").env("INSTA_UPDATE", "no");
        step(name, || count(&mut command, &mut figures))?;
    }
    println!("{} passed, {} failed", figures.passed, figures.failed);
    if figures.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

/// The faults that come from outside; with `--quick` a sample of them, in a minute.
pub(crate) fn program(flags: &[&str], figures: &mut Figures) -> Outcome<()> {
    if !cfg!(target_os = "linux") {
        return Err(Failure::new("Making the system's calls fail needs Linux."));
    }
    packages::require(packages::BUILD)?;
    packages::require(packages::FAULTS)?;
    step("the program that faults happen to", || succeed(&mut cargo(&["build", "-p", "chatehr-faults"])))?;
    let mut command = Command::new(target().join("debug/chatehr-faults"));
    command.arg("run").args(flags).stdin(Stdio::null()).stdout(Stdio::piped());
    let quick = flags.contains(&"--quick");
    let failed = |error| Failure::new(format!("chatehr-faults could not be run: {error}"));
    step("kills, failing calls, damage", || {
        let mut child = command.spawn().map_err(failed)?;
        let watch = quick.then(|| Watch::over(&child, LIMIT));
        let mut found = None;
        if let Some(out) = child.stdout.take() {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Its own last line is not ours.
                match figures_in(&line) {
                    Some(end) => found = Some(end),
                    None => println!("{line}"),
                }
            }
        }
        let status = child.wait().map_err(failed)?;
        if watch.is_some_and(Watch::was_killed) {
            return Err(Failure::new(format!(
                "chatehr-faults hung, and was ended after {} minutes",
                LIMIT.as_secs() / 60
            )));
        }
        match found {
            Some(end) => {
                figures.passed += end.passed;
                figures.failed += end.failed;
                Ok(())
            }
            None => Err(Failure::new(format!("chatehr-faults ended with {status} and without its figures"))),
        }
    })
}

/// `12 passed, 0 failed`
fn figures_in(line: &str) -> Option<Figures> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Figures { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{Figures, figures_in};

    #[test]
    fn the_last_line_is_told_from_the_others() {
        assert_eq!(figures_in("12 passed, 3 failed"), Some(Figures { passed: 12, failed: 3 }));
        assert_eq!(figures_in("  ✓ R1 killed at a random moment: 40 times, 0 failed; …"), None);
    }
}
