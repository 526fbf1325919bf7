//! Programs that we start, and that never outlive us.
//!
//! Promises: a program started here ends when its owner is dropped, and on Linux also when we are killed. Refuses:
//! endless waits; whatever is waited for has a limit and a sentence for when it does not come.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{Failure, Outcome};

/// The longest that any one thing may take to come true. Generous: a loaded machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const SETPRIV: &str = "/usr/bin/setpriv";

/// A command whose process the kernel ends when ours does, where the kernel can (Linux, with Debian's `setpriv`).
pub fn tied(program: impl AsRef<OsStr>) -> Command {
    if cfg!(target_os = "linux") && Path::new(SETPRIV).is_file() {
        let mut command = Command::new(SETPRIV);
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// A running program with its log; ended when dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Running {
    /// Starts a program. What it says on standard error goes to `log`; standard output too, unless `command` has
    /// another use for it (see [`Running::start_and_read`]).
    pub fn start(name: &str, mut command: Command, log: &Path) -> Outcome<Self> {
        let (out, err) = open_log(log)?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        Self::spawn(name, command, log)
    }

    /// Starts a program and returns the first line that it writes; what follows is added to its log.
    pub fn start_and_read(name: &str, mut command: Command, log: &Path) -> Outcome<(Self, String)> {
        let (mut rest, err) = open_log(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(err);
        let mut running = Self::spawn(name, command, log)?;
        let out = running.child.stdout.take().ok_or_else(|| Failure::new(format!("{name} has no output")))?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = String::new();
            if out.read_line(&mut line).is_ok_and(|length| length > 0) && sender.send(line).is_ok() {
                std::io::copy(&mut out, &mut rest).ok();
            }
        });
        match receiver.recv_timeout(PATIENCE) {
            Ok(line) => Ok((running, line.trim().to_owned())),
            Err(_) => Err(running.did_not_come_up()),
        }
    }

    /// Starts a program that reads `input` and then runs on.
    pub fn start_with_input(name: &str, mut command: Command, log: &Path, input: &[u8]) -> Outcome<Self> {
        let (out, err) = open_log(log)?;
        command.stdin(Stdio::piped()).stdout(out).stderr(err);
        let mut running = Self::spawn(name, command, log)?;
        if let Some(mut stdin) = running.child.stdin.take() {
            std::io::Write::write_all(&mut stdin, input)
                .map_err(|error| Failure::new(format!("{name} did not read its input: {error}")))?;
        }
        Ok(running)
    }

    fn spawn(name: &str, mut command: Command, log: &Path) -> Outcome<Self> {
        let child = command.spawn().map_err(|error| {
            Failure::new(format!(
                "{name} could not be started ({}): {error}",
                command.get_program().display()
            ))
        })?;
        Ok(Self { name: name.to_owned(), log: log.to_owned(), child })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until `ready`, and says what the program wrote when that does not happen or the program ends.
    pub fn until(&mut self, mut ready: impl FnMut() -> bool) -> Outcome<()> {
        let began = Instant::now();
        while !ready() {
            if self.has_ended() || began.elapsed() > PATIENCE {
                return Err(self.did_not_come_up());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Kills it now and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    fn did_not_come_up(&mut self) -> Failure {
        // A program that ends lets go of its output a moment before it is gone.
        let began = Instant::now();
        while !self.has_ended() && began.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_millis(10));
        }
        let ended = if self.has_ended() { "ended at once" } else { "did not come up in 20 s" };
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let mut last: Vec<&str> = said.lines().rev().take(5).collect();
        last.reverse();
        let said = if last.is_empty() { "nothing".to_owned() } else { last.join("\n  ") };
        Failure::new(format!("{} {ended}. Its last words ({}):\n  {said}", self.name, self.log.display()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn open_log(log: &Path) -> Outcome<(File, File)> {
    let open = || {
        if let Some(directory) = log.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = File::options().create(true).append(true).open(log)?;
        Ok((file.try_clone()?, file))
    };
    open().map_err(|error: std::io::Error| {
        Failure::new(format!("the log {} cannot be written: {error}", log.display()))
    })
}

/// Asks again and again until there is an answer; a failure on the way is kept and told only if none comes.
pub(crate) fn wait_for<T>(what: &str, ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    wait_at_most(PATIENCE, what, ask)
}

/// The same with a limit of its own, for what takes its time by design.
pub(crate) fn wait_at_most<T>(
    limit: Duration,
    what: &str,
    mut ask: impl FnMut() -> Outcome<Option<T>>,
) -> Outcome<T> {
    let began = Instant::now();
    loop {
        let last = match ask() {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => None,
            Err(failure) => Some(failure),
        };
        if began.elapsed() > limit {
            let because = last.map_or_else(String::new, |failure| format!(" ({failure})"));
            return Err(Failure::new(format!("waited {} s in vain: {what}{because}", limit.as_secs())));
        }
        thread::sleep(Duration::from_millis(80));
    }
}

/// The processes that a process has started, and theirs.
pub(crate) fn descendants(id: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let mut all: Vec<u32> = children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
    for child in all.clone() {
        all.extend(descendants(child));
    }
    all
}

/// Where a program is on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(&name))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Running, tied, wait_for};
    use crate::Outcome;

    fn alive(id: u32) -> bool {
        Path::new("/proc").join(id.to_string()).exists()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_ends_with_its_owner() {
        let log = std::env::temp_dir().join(format!("chatehr-process-{}.log", std::process::id()));
        let mut command = tied("sleep");
        command.arg("600");
        let running = Running::start("sleep", command, &log).unwrap();
        let id = running.id();
        assert!(alive(id));
        drop(running);
        assert!(!alive(id));
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_that_ends_at_once_is_quoted() {
        let log = std::env::temp_dir().join(format!("chatehr-quoted-{}.log", std::process::id()));
        let mut command = tied("sh");
        command.args(["-c", "echo no room on the shelf >&2; exit 3"]);
        let failure = Running::start_and_read("shelf", command, &log).unwrap_err().to_string();
        assert!(
            failure.contains("shelf ended at once") && failure.contains("no room on the shelf"),
            "{failure}"
        );
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn waiting_ends_with_the_first_answer() {
        let mut asked = 0;
        let answer: Outcome<i32> = wait_for("three", || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(answer.unwrap(), 3);
    }
}
