//! Locks the window when the desktop locks its session, or the machine goes to sleep: who leaves the one has left the
//! other, long before the window would have noticed by itself.
//!
//! Promises: to lock, and never to unlock: that the desktop was opened again says who knows its password, not who reads
//! these records. Refuses to be relied on: where the desktop tells nothing, the window's own time without input locks.

#[cfg(target_os = "linux")]
mod freedesktop;

/// Calls `locked` each time, for as long as the program runs.
#[cfg(target_os = "linux")]
pub fn follow(locked: impl Fn() + Clone + Send + 'static) {
    freedesktop::follow(locked);
}

/// Windows tells it to a window's own procedure, which is not ours to replace.
#[cfg(not(target_os = "linux"))]
pub fn follow(_locked: impl Fn() + Clone + Send + 'static) {}
