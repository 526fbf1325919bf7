//! ChatEHR Desktop: the physician's window, and with arguments an administrator's commands.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod administration;
mod commands;
mod console;

use std::{process::ExitCode, sync::Arc, time::Duration};

use chatehr_desktop::{
    alert_test, automation, log,
    notifier::DesktopNotifier,
    session_lock, settings, start_anew,
    surroundings::{WindowSlot, surroundings},
    tray::Tray,
    web_process,
};
use chatehr_engine::Desk;
use chatehr_start::core_image;

/// The window's label, in tauri.conf.json and in its capability.
const WINDOW: &str = "clinician";

/// How long the desktop has to take notifications back when the program ends.
const TAKEN_BACK: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    // Before anything that needs a display.
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        None => {}
        Some((first, rest)) if first == alert_test::NAME => return alert_test::run(rest),
        Some(_) => return administration::run(),
    }
    log::start();
    core_image::forbid();
    let secrets = start_anew::if_needed();
    let slot = WindowSlot::default();
    let desk = Desk::new(
        settings::gather(&secrets),
        surroundings(WINDOW, slot.clone(), Arc::new(DesktopNotifier::default())),
    );
    let (starting, ending, behind, leaving) = (desk.clone(), desk.clone(), desk.clone(), desk.clone());
    let left = desk.clone();
    let tray = Tray::default();
    let closing = tray.clone();
    let outcome = tauri::Builder::default()
        .invoke_handler(commands::handler(desk))
        .on_window_event(move |window, event| closing.on_window_event(window, event))
        .setup(move |app| {
            if slot.set(app.handle().clone()).is_err() {
                tracing::error!("The program was set up twice.");
            }
            web_process::revive(app, WINDOW);
            web_process::end_with_session(app, WINDOW, left);
            tray.begin(app.handle(), &behind, WINDOW);
            tauri::async_runtime::spawn(async move { starting.start().await });
            session_lock::follow(move || {
                let desk = leaving.clone();
                tauri::async_runtime::spawn(async move { desk.lock_with_session().await });
            });
            Ok(())
        })
        .build(automation::allow_if_asked(tauri::generate_context!()));
    match outcome {
        Ok(app) => {
            // Not `run`, which ends the process where it stands: nothing would be closed or taken back.
            let code = app.run_return(|_, _| {});
            tauri::async_runtime::block_on(async {
                ending.close().await;
                // Notifications are taken back by tasks of their own; one that stays would answer to nobody.
                tokio::time::sleep(TAKEN_BACK).await;
            });
            u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => {
            tracing::error!(%error, "The window could not be opened.");
            ExitCode::FAILURE
        }
    }
}
