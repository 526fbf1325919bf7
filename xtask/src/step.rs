//! One line for each step, with its time; cargo's own progress shows in between.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use chatehr_journey::Failure;

use crate::Outcome;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Where cargo builds, as the person has it.
pub(crate) fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(given.unwrap_or_else(|| PathBuf::from("target")))
}

/// The cargo that runs us, in the repository's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Does something and says how long it took.
pub(crate) fn step<T>(name: &str, action: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let began = Instant::now();
    let outcome = action();
    let mark = if outcome.is_ok() { "✓" } else { "✗" };
    eprintln!("  {mark} {name:<44}{:>7.1} s", began.elapsed().as_secs_f64());
    outcome
}

/// Runs a command, its output shown, and fails when it does.
pub(crate) fn succeed(command: &mut Command) -> Outcome<()> {
    let shown = spell(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::new(format!("{shown} could not be started: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{shown} failed ({status})"))) }
}

/// Runs a command unseen; what it printed, if it succeeded.
pub(crate) fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).current_dir(root()).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn spell(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
