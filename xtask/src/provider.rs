//! A real OpenID provider for the tests, from npm, below the target directory.

use std::{fs, path::PathBuf, process::Command};

use chatehr_journey::{Failure, on_path};

use crate::{
    Outcome, packages,
    step::{root, step, succeed, target},
};

/// npm's own packages, where the system has no npm at all.
const NPM: &[&str] = &["nodejs", "npm"];

/// Installs it once for each state of its lock file. Where it is then.
pub(crate) fn installed() -> Outcome<PathBuf> {
    if on_path("npm").is_none() {
        packages::require(NPM)?;
    }
    let place = target().join("oidc-provider");
    let from = root().join("tests/oidc-provider");
    let cannot = |error: std::io::Error| Failure::new(format!("{}: {error}", place.display()));
    fs::create_dir_all(&place).map_err(cannot)?;
    let lock = fs::read(from.join("package-lock.json")).map_err(cannot)?;
    let stamp = place.join("installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(place);
    }
    step("OpenID provider", || {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(from.join(name), place.join(name)).map_err(cannot)?;
        }
        succeed(Command::new("npm").args(["ci", "--no-fund", "--no-audit", "--silent"]).current_dir(&place))?;
        fs::write(&stamp, &lock).map_err(cannot)
    })?;
    Ok(place)
}
