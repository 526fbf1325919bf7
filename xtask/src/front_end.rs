//! The two front ends: built to wasm, bundled, and laid out where the windows embed them from.
//!
//! Promises: a file that did not change is not written, so cargo rebuilds a window only when its pages changed.
//! Refuses: tools that must be downloaded; wasm-opt is used where it is installed, and never needed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use chatehr_journey::{Failure, on_path};

use crate::{
    Outcome,
    step::{cargo, root, step, succeed, target},
    tools,
};

/// Both front ends, each a binary of `chatehr-ui`.
const WINDOWS: [&str; 2] = ["clinician", "kiosk"];

/// Builds both into `target/ui/dist`, whatever the target directory is: the windows' configuration names that path.
pub(crate) fn build() -> Outcome<()> {
    tools::require_target(tools::WASM)?;
    step("bundler", || succeed(&mut cargo(&["build", "--package", "chatehr-bundle"])))?;
    for window in WINDOWS {
        step(&format!("front end ({window})"), || build_one(window))?;
    }
    Ok(())
}

/// Makes the directories that the windows embed, empty where nothing was built, so that they can be checked.
pub(crate) fn placeholders() -> Outcome<()> {
    for window in WINDOWS {
        let directory = root().join("target/ui/dist").join(window);
        fs::create_dir_all(&directory).map_err(|error| cannot("be made", &directory, &error))?;
        let page = directory.join("index.html");
        if !page.exists() {
            fs::write(&page, "").map_err(|error| cannot("be written", &page, &error))?;
        }
    }
    Ok(())
}

fn build_one(window: &str) -> Outcome<()> {
    let build = target().join("ui");
    let mut command = cargo(&[
        "build",
        "--package",
        "chatehr-ui",
        "--bin",
        window,
        "--target",
        tools::WASM,
        "--profile",
        "wasm",
    ]);
    succeed(command.arg("--target-dir").arg(&build))?;
    let wasm = build.join(tools::WASM).join("wasm").join(format!("{window}.wasm"));
    let bundle = build.join("bundle").join(window);
    if is_older(&bundle.join("app.js"), &wasm) {
        let bundler = target().join("debug").join(format!("chatehr-bundle{}", std::env::consts::EXE_SUFFIX));
        succeed(std::process::Command::new(bundler).arg(&wasm).arg(&bundle))?;
        optimise(&bundle.join("app_bg.wasm"));
    }
    let mut files = BTreeMap::new();
    gather(&bundle, &mut files)?;
    let sheets = build.join("sheets").join(window);
    mark_sheets(window, &sheets)?;
    gather(&sheets, &mut files)?;
    gather(&root().join("ui/static").join(window), &mut files)?;
    lay_out(&files, &root().join("target/ui/dist").join(window))
}

/// Copies a window's style sheets, each with a line that names the window.
///
/// Tauri keeps embedded files under the hash of their content, and both programs are compiled at the same time into
/// one directory: of two equal files, the second compiler can read what the first has half written.
fn mark_sheets(window: &str, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to).map_err(|error| cannot("be made", to, &error))?;
    for sheet in ["tokens.css", "base.css", &format!("{window}.css")] {
        let file = root().join("ui/styles").join(sheet);
        let text = fs::read_to_string(&file).map_err(|error| cannot("be read", &file, &error))?;
        let place = to.join(sheet);
        fs::write(&place, format!("{text}\n/* {window} */\n"))
            .map_err(|error| cannot("be written", &place, &error))?;
    }
    Ok(())
}

/// Debian's wasm-opt is old and may not know a newer instruction: then the file stays as it is.
fn optimise(wasm: &Path) {
    if on_path("wasm-opt").is_none() {
        return;
    }
    let smaller = wasm.with_extension("smaller");
    let done = std::process::Command::new("wasm-opt")
        .args(["-Os", "--all-features"])
        .arg(wasm)
        .arg("-o")
        .arg(&smaller)
        .output()
        .is_ok_and(|output| output.status.success());
    if !done || fs::rename(&smaller, wasm).is_err() {
        eprintln!("    this wasm-opt is too old for the file, which stays as it is");
        fs::remove_file(&smaller).ok();
    }
}

fn is_older(file: &Path, than: &Path) -> bool {
    let modified =
        |file: &Path| fs::metadata(file).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    modified(file) <= modified(than)
}

/// Every file below `directory`, by its path there.
fn gather(directory: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) -> Outcome<()> {
    fn walk(from: &Path, at: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) -> std::io::Result<()> {
        for entry in fs::read_dir(at)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                walk(from, &path, files)?;
            } else if let Ok(name) = path.strip_prefix(from) {
                files.insert(name.to_owned(), path);
            }
        }
        Ok(())
    }
    walk(directory, directory, files).map_err(|error| cannot("be read", directory, &error))
}

/// Makes `directory` hold exactly `files`, touching nothing that is already so.
#[expect(clippy::disallowed_methods, reason = "a file's date is the machine's")]
fn lay_out(files: &BTreeMap<PathBuf, PathBuf>, directory: &Path) -> Outcome<()> {
    fs::create_dir_all(directory).map_err(|error| cannot("be made", directory, &error))?;
    let mut changed = false;
    let mut there = BTreeMap::new();
    gather(directory, &mut there)?;
    for (name, path) in there.iter().filter(|(name, _)| !files.contains_key(*name)) {
        fs::remove_file(path).map_err(|error| cannot("be removed", name, &error))?;
        changed = true;
    }
    for (name, source) in files {
        let wanted = fs::read(source).map_err(|error| cannot("be read", source, &error))?;
        let place = directory.join(name);
        if fs::read(&place).ok().as_ref() != Some(&wanted) {
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent).map_err(|error| cannot("be made", parent, &error))?;
            }
            fs::write(&place, wanted).map_err(|error| cannot("be written", &place, &error))?;
            changed = true;
        }
    }
    let page = directory.join("index.html");
    if changed && page.exists() {
        // The windows' build script watches this one file for all of them.
        fs::File::options()
            .append(true)
            .open(&page)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .map_err(|error| cannot("be marked as new", &page, &error))?;
    }
    Ok(())
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::PathBuf, time::SystemTime};

    #[test]
    fn only_what_changed_is_written_and_what_is_gone_goes() {
        let place = std::env::temp_dir().join(format!("chatehr-layout-{}", std::process::id()));
        fs::create_dir_all(place.join("from")).unwrap();
        fs::create_dir_all(place.join("to")).unwrap();
        fs::write(place.join("from/same"), "1").unwrap();
        fs::write(place.join("from/new"), "2").unwrap();
        fs::write(place.join("to/same"), "1").unwrap();
        fs::write(place.join("to/old"), "0").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        fs::File::options().write(true).open(place.join("to/same")).unwrap().set_modified(long_ago).unwrap();

        let mut files = BTreeMap::new();
        super::gather(&place.join("from"), &mut files).unwrap();
        super::lay_out(&files, &place.join("to")).unwrap();

        let mut there = BTreeMap::new();
        super::gather(&place.join("to"), &mut there).unwrap();
        assert_eq!(there.keys().collect::<Vec<_>>(), [&PathBuf::from("new"), &PathBuf::from("same")]);
        assert_eq!(fs::metadata(place.join("to/same")).unwrap().modified().unwrap(), long_ago);
        fs::remove_dir_all(place).unwrap();
    }
}
