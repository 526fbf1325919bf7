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
