//! `cargo xtask lint`: what a reviewer should not have to say.

use std::{collections::BTreeSet, env, fs, path::Path};

use chatehr_journey::Failure;

use crate::{
    Outcome, compliance, front_end, packages,
    step::{ask, cargo, root, step, succeed, target},
    tools,
};

/// A file longer than this should be two.
const LONGEST: usize = 600;

/// Runs every check, and fails if one does.
pub(crate) fn lint(flags: &[&str]) -> Outcome<()> {
    packages::require(packages::BUILD)?;
    tools::require_component("fmt", "rustfmt")?;
    tools::require_component("clippy", "clippy")?;
    tools::require_target(tools::WASM)?;
    front_end::placeholders()?;

    let mut checks = vec![
        step("formatting", || succeed(&mut cargo(&["fmt", "--all", "--check"]))),
        step("our own checks", own),
        step("clippy", || {
            let arguments =
                ["clippy", "--workspace", "--exclude", "chatehr-ui", "--all-targets", "--", "-D", "warnings"];
            succeed(&mut cargo(&arguments))
        }),
        step("clippy (front end)", || {
            let mut command =
                cargo(&["clippy", "--package", "chatehr-ui", "--lib", "--bins", "--target", tools::WASM]);
            succeed(command.arg("--target-dir").arg(target().join("ui")).args(["--", "-D", "warnings"]))
        }),
    ];
    checks.push(deny(flags.contains(&"--deny") || env::var_os("CI").is_some_and(|ci| ci == "true")));
    let failures: Vec<String> =
        checks.into_iter().filter_map(Result::err).map(|failure| failure.to_string()).collect();
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
}

fn deny(install: bool) -> Outcome<()> {
    if ask("cargo", &["deny", "--version"]).is_none() {
        if !install {
            eprintln!(
                "  · licences, bans, sources: left out, cargo-deny is not installed (--deny installs it)"
            );
            return Ok(());
        }
        step("cargo-deny", || succeed(&mut cargo(&["install", "cargo-deny", "--locked", "--quiet"])))?;
    }
    step("licences, bans, sources", || {
        succeed(&mut cargo(&[
            "deny",
            "--all-features",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ]))
    })
}

/// Rules of this repository that no other tool knows.
fn own() -> Outcome<()> {
    let files = ask("git", &["ls-files", "--cached", "--others", "--exclude-standard"])
        .ok_or_else(|| Failure::new("git does not list this repository's files"))?;
    let mut broken = Vec::new();
    let mut tests = BTreeSet::new();
    for name in
        files.lines().filter(|name| name.ends_with(".rs") || name.ends_with(".js") || name.ends_with(".html"))
    {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        broken.extend(second_door(name, &text));
        tests.extend(compliance::tests_in(&text).map(str::to_owned));
        let lines = text.lines().count();
        if lines > LONGEST {
            eprintln!("    warning: {name} has {lines} lines; a file over {LONGEST} should be two");
        }
    }
    let page = fs::read_to_string(root().join(compliance::PAGE)).unwrap_or_default();
    broken.extend(compliance::missing(&page, &tests));
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(broken.join("\n"))) }
}

/// The window speaks with its host through one door, so that one place can be read to know all that is asked.
fn second_door(name: &str, text: &str) -> Option<String> {
    let door = concat!("__TA", "URI");
    let is_front_end = Path::new(name).starts_with("ui") && name != "ui/src/backend.rs";
    (is_front_end && text.contains(door)).then(|| format!("{name} names {door}; only ui/src/backend.rs may"))
}

#[cfg(test)]
mod tests {
    use super::second_door;

    #[test]
    fn only_one_file_speaks_with_the_host() {
        let text = concat!("window.__TA", "URI__.invoke()");
        assert!(second_door("ui/src/clinician/queue.rs", text).is_some());
        assert!(second_door("ui/src/backend.rs", text).is_none());
        assert!(second_door("ui/src/dom.rs", "nothing").is_none());
    }
}
