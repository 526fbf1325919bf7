//! Parts of the Rust toolchain that rustup adds on request.

use std::path::Path;

use chatehr_journey::{Failure, on_path};

use crate::{
    Outcome,
    step::{ask, step, succeed},
};

/// The front end's target.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Makes sure that a target's standard library is there.
pub(crate) fn require_target(target: &str) -> Outcome<()> {
    let there = ask("rustc", &["--print", "target-libdir", "--target", target])
        .is_some_and(|directory| Path::new(&directory).is_dir());
    if there { Ok(()) } else { rustup(&format!("Rust for {target}"), &["target", "add", target]) }
}

/// Makes sure that `cargo <tool>` is there.
pub(crate) fn require_component(tool: &str, component: &str) -> Outcome<()> {
    if ask("cargo", &[tool, "--version"]).is_some() {
        Ok(())
    } else {
        rustup(component, &["component", "add", component])
    }
}

fn rustup(what: &str, arguments: &[&str]) -> Outcome<()> {
    let line = arguments.join(" ");
    if on_path("rustup").is_none() {
        return Err(Failure::new(format!(
            "{what} is missing and there is no rustup to add it. With rustup (https://rustup.rs): rustup {line}. \
             Without: install your system's package for it."
        )));
    }
    step(what, || {
        succeed(std::process::Command::new("rustup").args(arguments).current_dir(crate::step::root()))
    })
    .map_err(|why| {
        Failure::new(format!("{why}\n{what} is needed. Paste this line, then try again:\n\n  rustup {line}"))
    })
}
