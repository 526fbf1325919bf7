//! `cargo xtask bench`: our figures beside another's, taken on this machine in one run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chatehr_journey::{Failure, on_path};

use crate::{
    Outcome,
    step::{ask, cargo, root, step, succeed, target},
};

/// The processor of the load generator; the servers have processor 0.
const PROCESSOR: &str = "1";

/// The gateway against the one in benches/peers/gateway.
pub(crate) fn gateway(flags: &[&str]) -> Outcome<()> {
    let asked = read(flags)?;
    ready()?;
    let peer = root().join("benches/peers/gateway");
    step("packages of the peer", || install(&peer))?;
    let mut build = vec!["build", "--release", "-p", "chatehr-load"];
    if !asked.noise {
        build.extend(["-p", "chatehr-server"]);
    }
    step("load generator and server, optimised", || succeed(&mut cargo(&build)))?;
    let programs = target().join("release");
    let output = target().join(if asked.noise { "bench/noise.md" } else { "bench/gateway.md" });
    let mut command = Command::new("taskset");
    command
        .args(["-c", PROCESSOR])
        .arg(programs.join("chatehr-load"))
        .args(["gateway", "--pairs", &asked.pairs.to_string()])
        .arg("--peer")
        .arg(&peer)
        .arg("--output")
        .arg(&output);
    if asked.quick {
        command.arg("--quick");
    }
    if !asked.noise {
        command.arg("--server").arg(programs.join("chatehr-server"));
    }
    step("measuring", || succeed(&mut command))?;
    println!("The table: {}", output.strip_prefix(root()).unwrap_or(&output).display());
    Ok(())
}

/// The encrypted files against plain SQLite. The two take turns within one program, so no processor is set aside.
pub(crate) fn vault(flags: &[&str]) -> Outcome<()> {
    let asked = read(flags)?;
    step("the files' measurements, optimised", || {
        succeed(&mut cargo(&["build", "--release", "-p", "chatehr-bench-files"]))
    })?;
    let output = target().join(if asked.noise { "bench/vault-noise.md" } else { "bench/vault.md" });
    let mut command = Command::new(target().join("release/chatehr-bench-files"));
    command.args(["--pairs", &asked.pairs.to_string()]).arg("--output").arg(&output);
    command.args(asked.quick.then_some("--quick")).args(asked.noise.then_some("--noise"));
    step("measuring", || succeed(&mut command))?;
    println!("The table: {}", output.strip_prefix(root()).unwrap_or(&output).display());
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Asked {
    pairs: u32,
    quick: bool,
    noise: bool,
}

fn read(flags: &[&str]) -> Outcome<Asked> {
    let mut asked = Asked { pairs: 0, quick: false, noise: false };
    let mut words = flags.iter();
    while let Some(word) = words.next() {
        match *word {
            "--quick" => asked.quick = true,
            "--noise" => asked.noise = true,
            "--pairs" => {
                asked.pairs = words
                    .next()
                    .and_then(|number| number.parse().ok())
                    .filter(|pairs| *pairs > 0)
                    .ok_or_else(|| Failure::new("--pairs takes a number, 1 or more"))?;
            }
            other => return Err(Failure::new(format!("{other} is not known here\n\n{}", crate::BENCH))),
        }
    }
    if asked.pairs == 0 {
        asked.pairs = if asked.quick { 3 } else { 11 };
    }
    Ok(asked)
}

/// What has to be there and is not ours to install.
fn ready() -> Outcome<()> {
    if !cfg!(target_os = "linux") || on_path("taskset").is_none() {
        return Err(Failure::new(
            "Measuring needs Linux and taskset (package util-linux): servers and load generator each get a processor.",
        ));
    }
    if ask("taskset", &["-c", PROCESSOR, "true"]).is_none() {
        return Err(Failure::new(
            "Measuring needs two processors, one for the server and one for the load generator.",
        ));
    }
    let version = ask("node", &["--version"]).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    match major {
        Some(20_u32..) if on_path("npm").is_some() => Ok(()),
        _ => Err(Failure::new("The peer needs Node 20 or later with npm (https://nodejs.org).")),
    }
}

/// Exactly what package-lock.json says; not again while that is what is there.
fn install(peer: &Path) -> Outcome<()> {
    let installed = peer.join("node_modules/.bench-lock.json");
    let lock: PathBuf = peer.join("package-lock.json");
    let unreadable = |error| Failure::new(format!("{}: {error}", lock.display()));
    let wanted = fs::read(&lock).map_err(unreadable)?;
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    succeed(Command::new("npm").args(["ci", "--no-fund", "--no-audit"]).current_dir(peer))?;
    fs::write(&installed, wanted).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::{Asked, read};

    #[test]
    fn pairs_are_eleven_unless_said_otherwise() {
        let asked = |flags: &[&str]| read(flags).ok();
        assert_eq!(asked(&[]), Some(Asked { pairs: 11, quick: false, noise: false }));
        assert_eq!(asked(&["--quick"]), Some(Asked { pairs: 3, quick: true, noise: false }));
        assert_eq!(
            asked(&["--pairs", "5", "--quick", "--noise"]),
            Some(Asked { pairs: 5, quick: true, noise: true })
        );
        for wrong in [&["--pairs"][..], &["--pairs", "0"], &["--pairs", "x"], &["--fast"]] {
            assert_eq!(asked(wrong), None, "{wrong:?}");
        }
    }
}
