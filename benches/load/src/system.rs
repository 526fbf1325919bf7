//! What is asked of the operating system beyond the standard library. Measuring needs Linux; elsewhere this says so.

use std::{fs, thread, time::Duration};

use crate::Failure;

#[cfg(unix)]
pub(crate) use self::unix::{allow_files, terminate, worked};

#[cfg(unix)]
mod unix {
    use std::{io, process::Child, time::Duration};

    use rustix::{
        process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit},
        time::{ClockId, clock_gettime},
    };

    use super::Failure;

    /// Time that the processors have given this program since its start.
    pub(crate) fn worked() -> Duration {
        Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
    }

    /// Asks a program to end, so that it may finish what it writes.
    pub(crate) fn terminate(child: &Child) -> Result<(), Failure> {
        match i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            Some(process) => Ok(kill_process(process, Signal::TERM).map_err(io::Error::from)?),
            None => Err(Failure::new("a process without a number")),
        }
    }

    /// As many open files as the system gives, for this program and, because children inherit it, for the servers.
    pub(crate) fn allow_files(needed: usize) -> Result<(), Failure> {
        let allowed = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, maximum: allowed.maximum })
            .map_err(io::Error::from)?;
        match allowed.maximum {
            Some(most) if most < u64::try_from(needed).unwrap_or(u64::MAX) => {
                Err(Failure::new(format!("{needed} open files are needed, and the system allows {most}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn terminate(_: &std::process::Child) -> Result<(), Failure> {
    Err(Failure::new("measuring needs Linux"))
}

#[cfg(not(unix))]
pub(crate) fn allow_files(_: usize) -> Result<(), Failure> {
    Err(Failure::new("measuring needs Linux"))
}

#[cfg(not(unix))]
pub(crate) fn worked() -> Duration {
    Duration::ZERO
}

/// The share of all processors that was in use during `time`, in which this program only waits.
pub(crate) fn busy(time: Duration) -> Result<f64, Failure> {
    let before = Ticks::now()?;
    thread::sleep(time);
    let after = Ticks::now()?;
    let (idle, all) = (after.idle - before.idle, after.all - before.all);
    Ok(if all > 0.0 { 1.0 - idle / all } else { 0.0 })
}

struct Ticks {
    idle: f64,
    all: f64,
}

impl Ticks {
    fn now() -> Result<Self, Failure> {
        let stat = fs::read_to_string("/proc/stat")?;
        Self::read(&stat).ok_or_else(|| Failure::new("/proc/stat does not read"))
    }

    /// `cpu  user nice system idle iowait …`, over all processors.
    fn read(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { idle: ticks.get(3)? + ticks.get(4)?, all: ticks.iter().sum() })
    }
}

#[cfg(test)]
mod tests {
    use super::Ticks;

    #[test]
    fn waiting_for_a_disk_counts_as_idle() {
        let ticks = Ticks::read("cpu  10 0 20 60 10 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        assert_eq!((ticks.idle, ticks.all), (70.0, 100.0));
        assert!(Ticks::read("intr 1").is_none());
    }
}
