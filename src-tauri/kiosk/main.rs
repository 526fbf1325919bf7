//! ChatEHR Kiosk: the window in the waiting room. Nothing of the clinician's program is compiled in.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod commands;

use std::{process::ExitCode, sync::Arc};

use chatehr_desktop::{
    automation, log,
    notifier::Silent,
    settings, start_anew,
    surroundings::{WindowSlot, surroundings},
    web_process,
};
use chatehr_engine::Kiosk;
use chatehr_start::core_image;

/// The window's label, in its tauri.conf.json and in its capability.
const WINDOW: &str = "kiosk";

fn main() -> ExitCode {
    log::start();
    core_image::forbid();
    let secrets = start_anew::if_needed();
    // The kiosk's window asks and is never told: there is nothing to tell it of.
    let kiosk = Kiosk::new(
        settings::gather(&secrets),
        surroundings(WINDOW, WindowSlot::<tauri::Wry>::default(), Arc::new(Silent)),
    );
    let outcome = tauri::Builder::default()
        .invoke_handler(commands::handler(kiosk))
        .setup(|app| {
            web_process::revive(app, WINDOW);
            Ok(())
        })
        .run(automation::allow_if_asked(tauri::generate_context!("src-tauri/kiosk/tauri.conf.json")));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "The window could not be opened.");
            ExitCode::FAILURE
        }
    }
}
