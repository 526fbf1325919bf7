//! What the kiosk is made of: nothing of the clinician's program, neither in its front end nor in what it may ask.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::{fs, path::Path};

use chatehr_contract::command::{clinician, kiosk};

fn front_end(window: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ui/dist").join(window).join("app_bg.wasm");
    fs::read(file).unwrap()
}

fn names(wasm: &[u8], name: &str) -> bool {
    wasm.windows(name.len()).any(|window| window == name.as_bytes())
}

#[test]
fn no_clinician_command_is_compiled_into_the_kiosks_front_end() {
    // Only names that stand in no name of the kiosk's own and in no word of a language.
    let telling = clinician::NAMES
        .iter()
        .filter(|name| name.contains('_') && !kiosk::NAMES.iter().any(|own| own.contains(*name)));
    let (desk, waiting_room) = (front_end("clinician"), front_end("kiosk"));
    for name in telling {
        assert!(
            names(&desk, name),
            "the clinician's front end does not ask {name}: this test would see nothing"
        );
        assert!(!names(&waiting_room, name), "the kiosk's front end can ask {name}");
    }
}

#[test]
fn the_kiosks_window_is_permitted_its_own_commands_alone() {
    let text = include_str!("../src-tauri/capabilities/kiosk.json");
    let capability: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(capability["windows"], serde_json::json!(["kiosk"]));
    for permission in capability["permissions"].as_array().unwrap() {
        assert!(permission.as_str().unwrap().starts_with("allow-kiosk-"), "{permission}");
    }
}
