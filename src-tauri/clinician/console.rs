//! Gives a command the terminal that it was started from.
//!
//! A released program is of Windows' subsystem "windows", so that no black box opens with the window; its price is that
//! the program starts without a console even from one, and what it says would go nowhere. Attaching to the parent's
//! console gives it back. Where output goes into a file or a pipe it has arrived there all along. A console does not wait
//! for such a program: `start /wait chatehr-desktop doctor` does, and has the exit code.

/// Attaches to the console of whoever started us; where there is none, nothing is seen and nothing else is different.
#[cfg(windows)]
pub(crate) fn attach() {
    winsafe::AttachConsole(winsafe::PidParent::Parent).ok();
}

/// Elsewhere a program has its terminal.
#[cfg(not(windows))]
pub(crate) const fn attach() {}
