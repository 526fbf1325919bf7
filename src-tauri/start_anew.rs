//! Starts the program anew where something must be set before it begins: setting a variable in a running program is
//! not safe. Costs some 20 ms, once.

/// Starts the program anew with what is missing. Returns where nothing is, or where starting anew fails: a window without
/// is better than none.
pub fn if_needed() {
    #[cfg(target_os = "linux")]
    {
        use chatehr_engine::memory;
        use std::{ffi::OsString, os::unix::process::CommandExt};
        let wiping = memory::wiping(std::env::var_os(memory::TUNABLES).as_deref());
        let wiping = wiping.map(|value| (memory::TUNABLES, value));
        let graphics = crate::graphics::workaround().map(|(name, value)| (name, OsString::from(value)));
        let missing: Vec<_> = wiping.into_iter().chain(graphics).collect();
        let Ok(program) = std::env::current_exe() else { return };
        if missing.is_empty() {
            keep_to_ourselves(memory::TUNABLES);
            return;
        }
        tracing::info!(?missing, "Starting anew with what must be set before.");
        let error =
            std::process::Command::new(program).args(std::env::args_os().skip(1)).envs(missing).exec();
        tracing::warn!(%error, "Could not start anew.");
    }
}

/// The C library has read it by now. The web view's own processes, which hold no records once their page is gone, do not
/// get it: in memory that is filled when it is freed, Mesa's software renderer (22.3) reads what it has freed, and crashes.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the environment can be changed in no other way")]
fn keep_to_ourselves(variable: &str) {
    // SAFETY: called at the beginning of main, before anything has started a thread that could read the environment.
    unsafe { std::env::remove_var(variable) };
}
