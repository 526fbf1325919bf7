//! Keeps the window from staying blank on Linux machines with NVIDIA's driver.
//!
//! WebKitGTK's DMABUF renderer shows nothing there (tauri#9304). It is switched off only on such a machine and only
//! where the person has not decided: elsewhere, doing without costs every frame.

/// Variables to set before the window system starts; the program starts itself anew with them, because setting
/// a variable in a running program is not safe.
pub fn workaround() -> Option<(&'static str, &'static str)> {
    const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    let nvidia = cfg!(target_os = "linux") && std::path::Path::new("/proc/driver/nvidia/version").exists();
    (nvidia && std::env::var_os(VARIABLE).is_none()).then_some((VARIABLE, "1"))
}

/// Starts the program anew with the workaround where it is needed. Returns where it is not, or where starting
/// anew fails: a window that may be blank is better than none.
pub fn start_anew_if_needed() {
    #[cfg(target_os = "linux")]
    if let Some((variable, value)) = workaround() {
        use std::os::unix::process::CommandExt;
        tracing::info!(variable, "Starting anew: this machine's graphics driver needs it.");
        let Ok(program) = std::env::current_exe() else { return };
        let error =
            std::process::Command::new(program).args(std::env::args_os().skip(1)).env(variable, value).exec();
        tracing::warn!(%error, "Could not start anew.");
    }
}
