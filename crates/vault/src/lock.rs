//! One program at a time: a lock file that the system lets go of when its holder ends, however it ends.
//!
//! The files stay where they are when they are not held. Removing a lock file would let two programs each hold "the"
//! lock: one of the file that is gone, one of the new one.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::permissions;

/// Held by whoever has the files of a directory open.
pub(crate) const FILES: &str = "vault.lock";
/// Held while the header is read, changed and written.
pub(crate) const HEADER: &str = "vault.json.lock";

/// How long one waits for the other: within one program the last use of files that are being closed takes a moment.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// `None` when somebody else holds it for longer than a second.
    pub(crate) fn take(dir: &Path, name: &str) -> io::Result<Option<Self>> {
        let file = permissions::own_file(&dir.join(name))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}
