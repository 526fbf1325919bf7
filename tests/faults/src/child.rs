//! Runs the loading program and holds it to its word.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use crate::promises::Promises;

/// A program that loads the files, and what it says.
pub(crate) struct Loading {
    child: Child,
    to: ChildStdin,
    lines: Receiver<String>,
}

/// How a life ended.
pub(crate) struct Ended {
    /// It said that the files are open.
    pub(crate) opened: bool,
    /// It came to its last step.
    pub(crate) finished: bool,
    /// It did not die of a panic, or of a signal that we did not send.
    pub(crate) sound: bool,
    /// What it said as it refused.
    pub(crate) refusals: Vec<String>,
}

impl Loading {
    /// `wrapper` is put before the command; `arguments` follow the word `load`.
    pub(crate) fn start(wrapper: &[OsString], dir: &Path, arguments: &[&str]) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = match wrapper.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("load").arg(dir).args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let to = child.stdin.take().unwrap();
        let (sender, lines) = channel();
        let from = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in from.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, to, lines }
    }

    /// Hears it until it ends, or for so long, and then kills it.
    pub(crate) fn until_killed(mut self, promises: &mut Promises, after: Duration) -> Ended {
        let until = Instant::now() + after;
        let mut ended = Ended { opened: false, finished: false, sound: true, refusals: Vec::new() };
        let killed = loop {
            // A waiting line is given whatever the limit: who says them faster than they are heard would never be killed.
            let left = until.checked_duration_since(Instant::now());
            match left.map_or(Err(RecvTimeoutError::Timeout), |left| self.lines.recv_timeout(left)) {
                Ok(line) => self.hear(&line, promises, &mut ended),
                Err(RecvTimeoutError::Timeout) => {
                    self.child.kill().unwrap();
                    break true;
                }
                Err(RecvTimeoutError::Disconnected) => break false,
            }
        };
        let status = self.child.wait().unwrap();
        // What it said before it died counts.
        while let Ok(line) = self.lines.recv() {
            self.hear(&line, promises, &mut ended);
        }
        let mut said = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            std::io::Read::read_to_string(stderr, &mut said).unwrap();
        }
        ended.sound = (killed || status.success()) && !said.contains("panicked");
        if !ended.sound {
            ended.refusals.push(format!("{status}: {said}"));
        }
        ended
    }

    fn hear(&mut self, line: &str, promises: &mut Promises, ended: &mut Ended) {
        match line {
            "open" => ended.opened = true,
            "end" => ended.finished = true,
            _ if line.starts_with("failed") || line.starts_with("closed") || line == "blind" => {
                ended.refusals.push(line.to_owned());
            }
            _ => {}
        }
        if let Some(answer) = promises.hears(line) {
            // It may be dead already.
            self.to.write_all(format!("{answer}\n").as_bytes()).ok();
        }
    }
}
