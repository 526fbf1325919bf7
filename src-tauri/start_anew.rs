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
            return;
        }
        tracing::info!(?missing, "Starting anew with what must be set before.");
        let error =
            std::process::Command::new(program).args(std::env::args_os().skip(1)).envs(missing).exec();
        tracing::warn!(%error, "Could not start anew.");
    }
}
