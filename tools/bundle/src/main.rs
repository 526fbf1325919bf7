//! Turns the front end's wasm into the two files that a window loads: `app.js` and `app_bg.wasm`.
//!
//! Promises: the same wasm-bindgen as the crate's, by a pinned version in one lock file, so the two cannot drift
//! apart. Refuses: anything but web modules; the files are loaded by our windows alone.

use std::{env, ffi::OsString, path::Path, process::ExitCode};

use wasm_bindgen_cli_support::Bindgen;

#[expect(clippy::print_stderr, reason = "a command-line program speaks on standard error")]
fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let [input, directory] = arguments.as_slice() else {
        eprintln!(
            "usage: chatehr-bundle <input.wasm> <directory>\nwrites <directory>/app.js and app_bg.wasm"
        );
        return ExitCode::from(2);
    };
    match bundle(Path::new(input), Path::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("chatehr-bundle: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `app.js` and `app_bg.wasm` into `directory`, which is made if it is not there.
fn bundle(input: &Path, directory: &Path) -> Result<(), String> {
    if !input.is_file() {
        return Err(format!("there is no file {}; build the front end first", input.display()));
    }
    let mut bindgen = Bindgen::new();
    // Names of functions are a fifth of the file and shown to nobody: a panic carries its own words.
    bindgen.input_path(input).out_name("app").typescript(false).remove_name_section(true);
    bindgen
        .web(true)
        .and_then(|web| web.generate(directory))
        .map_err(|error| format!("{} into {}: {error:#}", input.display(), directory.display()))
}
