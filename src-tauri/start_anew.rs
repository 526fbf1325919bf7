//! Starts the program anew where something must be set before it begins, or has stood in its environment and must not: neither
//! can be changed in a running program. Costs some 20 ms, once.

use chatehr_start::{Secrets, secrets};

use crate::settings;

/// Starts the program anew with what is missing and without secrets in its environment, which it gives back then. Returns
/// as well where starting anew fails: a window without is better than none.
pub fn if_needed() -> Secrets {
    let received = secrets::received().unwrap_or_else(|error| {
        tracing::error!(%error, "What stood in the environment is lost.");
        Secrets::default()
    });
    #[cfg(target_os = "linux")]
    {
        use chatehr_engine::memory;
        use std::{ffi::OsString, os::unix::process::CommandExt};
        let wiping = memory::wiping(std::env::var_os(memory::TUNABLES).as_deref());
        let wiping = wiping.map(|value| (memory::TUNABLES, value));
        let graphics = crate::graphics::workaround().map(|(name, value)| (name, OsString::from(value)));
        let missing: Vec<_> = wiping.into_iter().chain(graphics).collect();
        let Ok(program) = std::env::current_exe() else { return received };
        let mut anew = std::process::Command::new(program);
        let handed = secrets::hand_over(&mut anew, settings::SECRETS).unwrap_or_else(|error| {
            tracing::warn!(%error, "Secrets stay in the environment.");
            false
        });
        if !received.is_empty() || missing.is_empty() && !handed {
            keep_to_ourselves(memory::TUNABLES);
            return received;
        }
        tracing::info!(?missing, handed, "Starting anew with what must be set before.");
        let error = anew.args(std::env::args_os().skip(1)).envs(missing).exec();
        tracing::warn!(%error, "Could not start anew.");
    }
    received
}

/// The C library has read it by now. The web view's own processes, which hold no records once their page is gone, do not
/// get it: in memory that is filled when it is freed, Mesa's software renderer (22.3) reads what it has freed, and crashes.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the environment can be changed in no other way")]
fn keep_to_ourselves(variable: &str) {
    // SAFETY: called at the beginning of main, before anything has started a thread that could read the environment.
    unsafe { std::env::remove_var(variable) };
}
