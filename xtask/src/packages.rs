//! What the system must bring: found out, installed where we may, and otherwise told in one line.

use chatehr_journey::{Failure, on_path};

use crate::{
    Outcome,
    step::{ask, step, succeed},
};

/// To build (Debian and Ubuntu).
pub(crate) const BUILD: &[&str] = &[
    "build-essential",
    "libayatana-appindicator3-dev",
    "libdbus-1-dev",
    "libgtk-3-dev",
    "librsvg2-dev",
    "libssl-dev",
    "libwebkit2gtk-4.1-dev",
    "pkg-config",
];

/// For the private desktop session of the tests.
pub(crate) const SESSION: &[&str] = &[
    "dbus",
    "dunst",
    "fonts-dejavu-core",
    "fonts-inter",
    "fonts-noto-core",
    "gnome-keyring",
    "imagemagick",
    "libsecret-tools",
    "openbox",
    "webkit2gtk-driver",
    "x11-utils",
    "xdotool",
    "xvfb",
];

/// To ask the server whatever its description allows.
pub(crate) const CONTRACT: &[&str] = &["python3", "python3-venv"];

/// To let calls of the system fail.
pub(crate) const FAULTS: &[&str] = &["strace"];

/// To compile for Windows from here.
pub(crate) const WINDOWS: &[&str] = &["g++-mingw-w64-x86-64", "gcc-mingw-w64-x86-64", "nasm"];

/// Makes sure that the packages are there.
pub(crate) fn require(packages: &[&str]) -> Outcome<()> {
    if !cfg!(target_os = "linux") {
        return elsewhere(packages);
    }
    if on_path("dpkg-query").is_none() {
        return other_linux(packages);
    }
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let Some(mut prefix) = privilege() else {
        return Err(Failure::new(format!(
            "Some system packages are missing. Paste this line, then try again:\n\n  sudo apt-get install -y {list}"
        )));
    };
    step(&format!("system packages ({})", missing.len()), || {
        eprintln!("    {list}");
        prefix.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q=2"]);
        let apt = |arguments: &[&str]| {
            let (program, first) = prefix.split_first().ok_or_else(|| Failure::new("no apt-get"))?;
            succeed(std::process::Command::new(program).args(first).args(arguments))
        };
        apt(&["update"])?;
        let mut install = vec!["install", "-y", "--no-install-recommends"];
        install.extend(&missing);
        apt(&install)
    })
}

/// Words to put before a command that changes the system; nothing when we may not.
fn privilege() -> Option<Vec<&'static str>> {
    if ask("id", &["-u"]).as_deref() == Some("0") {
        Some(Vec::new())
    } else {
        ask("sudo", &["-n", "true"]).map(|_| vec!["sudo", "-n"])
    }
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &&str| {
        ask("dpkg-query", &["-W", "-f", "${db:Status-Status}", package])
            .is_some_and(|status| status.contains("installed") && !status.contains("not-installed"))
    };
    packages.iter().filter(|package| !installed(package)).copied().collect()
}

fn other_linux(packages: &[&str]) -> Outcome<()> {
    let libraries =
        ["webkit2gtk-4.1", "gtk+-3.0", "librsvg-2.0", "ayatana-appindicator3-0.1", "openssl", "dbus-1"];
    let built_with = libraries.iter().all(|library| ask("pkg-config", &["--exists", library]).is_some());
    let programs = chatehr_journey::SESSION_PROGRAMS.iter().all(|(program, _)| on_path(program).is_some());
    let mingw = on_path("x86_64-w64-mingw32-g++").is_some() && on_path("nasm").is_some();
    let needs = |list: &[&str]| packages.iter().any(|package| list.contains(package));
    let python = on_path("python3").is_some();
    if (needs(CONTRACT) && !python)
        || (needs(FAULTS) && on_path("strace").is_none())
        || (needs(BUILD) && !built_with)
        || (needs(SESSION) && !programs)
        || (needs(WINDOWS) && !mingw)
    {
        return Err(Failure::new(words(packages)));
    }
    Ok(())
}

fn elsewhere(packages: &[&str]) -> Outcome<()> {
    if packages.iter().any(|package| CONTRACT.contains(package)) {
        return if on_path("python3").is_some() { Ok(()) } else { Err(Failure::new("Python 3 is needed.")) };
    }
    if packages.iter().any(|package| SESSION.contains(package)) {
        return Err(Failure::new(
            "The private desktop session needs Linux. Elsewhere: `cargo xtask run` and `cargo test --workspace`.",
        ));
    }
    Ok(())
}

fn words(packages: &[&str]) -> String {
    let mut text =
        "This is not a Debian system, so nothing was installed. Needed, under your system's names:\n"
            .to_owned();
    if packages.iter().any(|package| BUILD.contains(package)) {
        text.push_str(
            "\n  - a C and C++ compiler, pkg-config\n  - with development files: WebKitGTK 4.1, GTK 3, librsvg 2, Ayatana AppIndicator 3, OpenSSL, D-Bus",
        );
    }
    if packages.iter().any(|package| SESSION.contains(package)) {
        text.push_str(
            "\n  - Xvfb, openbox, dbus, gnome-keyring, secret-tool, dunst, WebKitWebDriver, xprop, xdotool, ImageMagick\n  - the fonts Inter and Noto Sans",
        );
    }
    if packages.iter().any(|package| CONTRACT.contains(package)) {
        text.push_str("\n  - Python 3 with its venv module");
    }
    if packages.iter().any(|package| FAULTS.contains(package)) {
        text.push_str("\n  - strace");
    }
    if packages.iter().any(|package| WINDOWS.contains(package)) {
        text.push_str("\n  - MinGW-w64 for x86-64 (gcc, g++) and nasm");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{BUILD, CONTRACT, FAULTS, SESSION, WINDOWS, words};

    #[test]
    fn what_is_needed_is_told_in_words() {
        let all: Vec<&str> = [BUILD, CONTRACT, FAULTS, SESSION, WINDOWS].concat();
        let text = words(&all);
        for name in ["WebKitGTK 4.1", "gnome-keyring", "Python 3", "strace", "MinGW"] {
            assert!(text.contains(name), "{name}");
        }
        assert!(!words(BUILD).contains("Xvfb"));
    }

    #[test]
    fn every_program_of_the_session_has_its_package() {
        for (program, package) in chatehr_journey::SESSION_PROGRAMS {
            assert!(SESSION.contains(package), "{program} needs {package}");
        }
    }
}
