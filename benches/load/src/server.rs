//! A server under test: a process on a processor of its own, with a directory of its own, that says where it listens.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use crate::{Failure, memory, system::terminate};

/// The processor of the servers. The load generator is started on the other one, so that neither takes the other's time.
const PROCESSOR: &str = "0";
/// A stopping server has its last records to write.
const STOPPING: Duration = Duration::from_secs(30);

/// What starts a server, given the directory for its files.
pub(crate) struct Recipe {
    /// As it stands in the table.
    pub(crate) name: &'static str,
    /// The program with its arguments and environment.
    pub(crate) command: Box<dyn Fn(&Path) -> Command>,
    /// What stands before the address in the first line of its output.
    pub(crate) announces: &'static str,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server whose output is closed may not like it.
    _output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    directory: PathBuf,
}

impl Server {
    /// Starts it twice on one directory: the first start makes the records, and what that leaves in memory is not to
    /// be measured.
    pub(crate) fn start(recipe: &Recipe, directory: &Path, log: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(directory)?;
        Self::start_once(recipe, directory, log)?.stop()?;
        Self::start_once(recipe, directory, log)
    }

    fn start_once(recipe: &Recipe, directory: &Path, log: &Path) -> Result<Self, Failure> {
        let inner = (recipe.command)(directory);
        let mut command = Command::new("taskset");
        command.args(["-c", PROCESSOR]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let log_file = File::options().create(true).append(true).open(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(|error| Failure::new(format!("taskset could not be started: {error}")))?;
        let mut output =
            BufReader::new(child.stdout.take().ok_or_else(|| Failure::new("the server has no output"))?);
        let mut line = String::new();
        let read = output.read_line(&mut line);
        let address = line
            .trim()
            .strip_prefix(recipe.announces)
            .and_then(|rest| rest.split('/').next())
            .and_then(|address| address.parse().ok());
        match (read, address) {
            (Ok(_), Some(address)) => {
                Ok(Self { child, _output: output, address, directory: directory.to_owned() })
            }
            _ => {
                end(&mut child);
                Err(Failure::new(format!(
                    "{} did not say where it listens, but {line:?}; see {}",
                    recipe.name,
                    log.display()
                )))
            }
        }
    }

    fn stop(mut self) -> Result<(), Failure> {
        terminate(&self.child)?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > STOPPING {
                return Err(Failure::new("the server does not stop when it is told to"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Bytes that it holds in memory, children included.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        memory::of_tree(self.child.id())
    }

    /// The files it has written.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            files.push(entry?.path());
        }
        files.sort();
        Ok(files)
    }

    /// How long they are and when each was written last.
    pub(crate) fn state_of_files(&self) -> Result<Vec<(PathBuf, u64, SystemTime)>, Failure> {
        self.files()?
            .into_iter()
            .map(|path| {
                let about = path.metadata()?;
                Ok((path, about.len(), about.modified()?))
            })
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends it at once. One that has ended already needs nothing.
fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}
