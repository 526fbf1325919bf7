//! `cargo xtask windows`: most physicians sit at Windows, so it must compile there, checked from here.

use crate::{
    Outcome, front_end, packages,
    step::{cargo, step, succeed, target},
    tools,
};

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Checks the windows and the server for Windows. The first time builds SQLCipher and OpenSSL, some minutes.
pub(crate) fn check() -> Outcome<()> {
    if cfg!(target_os = "linux") {
        packages::require(packages::WINDOWS)?;
    }
    tools::require_target(TARGET)?;
    front_end::placeholders()?;
    step("check for Windows", || {
        let mut command =
            cargo(&["check", "-p", "chatehr-desktop", "-p", "chatehr-server", "--target", TARGET]);
        succeed(command.arg("--target-dir").arg(target().join("windows")))
    })
}
