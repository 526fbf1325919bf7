//! Generates the permissions of the two command tables, and checks the capability files against them.

use std::{env, path::Path, process};

use chatehr_contract::command::{clinician, kiosk};

fn main() {
    for front_end in ["clinician", "kiosk"] {
        let index = format!("target/ui/dist/{front_end}/index.html");
        println!("cargo:rerun-if-changed={index}");
        let root = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
        if !Path::new(&root).join(&index).exists() {
            println!("cargo:warning=The front end is not built: `cargo xtask run` builds it first.");
            println!("cargo:warning=To check the host alone: `cargo xtask front-end`, then cargo as usual.");
            process::exit(1);
        }
    }
    let names: Vec<&'static str> = clinician::NAMES.iter().chain(kiosk::NAMES).copied().collect();
    let attributes = tauri_build::Attributes::new()
        .app_manifest(tauri_build::AppManifest::new().commands(Vec::leak(names)))
        .capabilities_path_pattern("./src-tauri/capabilities/**/*");
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo:warning={error:#}");
        process::exit(1);
    }
}
