//! Locks the window when the desktop locks its session, or the machine goes to sleep: who leaves the one has left the
//! other, long before the window would have noticed by itself.
//!
//! Promises: to lock, and never to unlock: that the desktop was opened again says who knows its password, not who reads
//! these records. Refuses to be relied on: where the desktop tells nothing, the window's own time without input locks.

#[cfg(target_os = "linux")]
mod freedesktop;
#[cfg(windows)]
mod windows;

/// Calls `locked` each time, for as long as the program runs.
pub fn follow(locked: impl Fn() + Clone + Send + 'static) {
    #[cfg(target_os = "linux")]
    freedesktop::follow(locked);
    #[cfg(windows)]
    windows::follow(locked);
    #[cfg(not(any(target_os = "linux", windows)))]
    drop(locked);
}
