//! Ends a run that hangs, with everything it started: one test that waits for ever would otherwise take all the others'
//! figures with it.

use std::{
    fs,
    process::{Child, Command},
    sync::mpsc::{Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Far beyond what any run takes, building included, on two busy processors.
pub(crate) const LIMIT: Duration = Duration::from_secs(25 * 60);

/// Watches a process until it is told that it ended.
pub(crate) struct Watch {
    over: Sender<()>,
    watching: JoinHandle<bool>,
}

impl Watch {
    /// Kills `child` and what it started when it still runs after `limit`.
    pub(crate) fn over(child: &Child, limit: Duration) -> Self {
        let (over, ended) = channel();
        let root = child.id();
        let watching = thread::spawn(move || {
            if ended.recv_timeout(limit).is_ok() {
                return false;
            }
            let mut kill = vec!["-KILL".to_owned()];
            kill.extend(family(root).iter().map(u32::to_string));
            // The shell's own: no package is needed for it.
            Command::new("sh").args(["-c", "kill \"$@\"", "kill"]).args(kill).status().ok();
            true
        });
        Self { over, watching }
    }

    /// The process ended; whether it had to be killed.
    pub(crate) fn was_killed(self) -> bool {
        self.over.send(()).ok();
        self.watching.join().unwrap_or(false)
    }
}

/// A process and all that came of it, as far as their parents still live.
fn family(root: u32) -> Vec<u32> {
    let processes: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name before it may have any character in it.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    let mut family = vec![root];
    let mut seen = 0;
    while let Some(&parent) = family.get(seen) {
        seen += 1;
        family.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
    }
    family
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, process::Stdio};

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_hangs_is_ended_with_everything_it_started() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 1000 & sh -c 'sleep 1000; true'; true"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let watch = Watch::over(&child, Duration::from_millis(200));
        // Only over when nobody holds the pipe any more.
        child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(watch.was_killed());
    }

    #[test]
    fn what_ends_by_itself_is_left_alone() {
        let mut child = Command::new("sh").args(["-c", "exit 0"]).spawn().unwrap();
        let watch = Watch::over(&child, LIMIT);
        assert!(child.wait().unwrap().success());
        assert!(!watch.was_killed());
    }
}
