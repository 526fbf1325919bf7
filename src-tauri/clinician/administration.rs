//! Hands the machine to an administrator's commands: its settings, clock, keyring and terminal. No window is made.

use std::{env, process::ExitCode, sync::Arc, time::Duration};

use chatehr_admin::{Desktop, SystemTerminal, Workstation};
use chatehr_client::Config;
use chatehr_desktop::{
    log,
    notifier::DesktopNotifier,
    settings,
    surroundings::{MachineClock, MachineRandom},
    tray,
};
use chatehr_engine::{HostReport, Notifier};
use chatehr_vault::keyring::Keyring;

use crate::console;

/// Somebody at a terminal waits longer for a keyring than a start of the window may, and answers its prompt.
const READ_WITHIN: Duration = Duration::from_secs(5);
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Does what the arguments say.
pub(crate) fn run() -> ExitCode {
    console::attach();
    // A command answers in sentences; the log beside them is for who asks.
    if env::var_os("CHATEHR_LOG").is_some() {
        log::start();
    }
    ExitCode::from(chatehr_admin::run(env::args_os(), &workstation(), &mut SystemTerminal::new()))
}

/// What the window adds to a support bundle. Asks the keyring, the server and the desktop, and waits for each.
pub(crate) fn host_report() -> HostReport {
    let workstation = workstation();
    let web_view = tauri::webview_version().unwrap_or_else(|_| "none".to_owned());
    HostReport {
        doctor: chatehr_admin::doctor_report(&workstation),
        log: log::recent(),
        home: workstation.home,
        system: format!("{} {}, web view {web_view}", env::consts::OS, env::consts::ARCH),
    }
}

fn workstation() -> Workstation {
    let places = settings::places();
    let settings = settings::gather(&chatehr_start::Secrets::default());
    let server = settings.as_ref().map_err(ToString::to_string).map(|settings| {
        let mut config = Config::new(&settings.api_url);
        config.api_key.clone_from(&settings.api_key);
        config.timeout = settings.timeout;
        config
    });
    Workstation {
        clock: Arc::new(MachineClock),
        random: Arc::new(MachineRandom),
        keyring: Keyring::new(places.keyring_service).within(READ_WITHIN, WRITE_WITHIN),
        name: settings
            .as_ref()
            .map_or_else(|_| settings::host_name(), |settings| settings.workstation.clone()),
        settings: settings.as_ref().map_or_else(ToString::to_string, chatehr_engine::Settings::in_words),
        data_dir: settings.ok().map(|settings| settings.data_dir).or(places.data_dir),
        server,
        home: settings::home(),
        settings_file: places.file,
        user: whoami::username().ok(),
        room: chatehr_admin::room,
        desktop: Box::new(desktop),
    }
}

fn desktop() -> Desktop {
    let web_view = tauri::webview_version().map_err(|error| format!("there is none ({error})"));
    Desktop { display: display(), web_view, notifications: notifications(), tray: tray::is_shown() }
}

/// What the window system would be asked for; whether it lets a window in, only a window finds out.
fn display() -> Result<String, String> {
    if cfg!(not(target_os = "linux")) {
        return Ok("the system's".to_owned());
    }
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .find_map(|name| {
            Some(format!("{name} is {}", env::var(name).ok().filter(|value| !value.is_empty())?))
        })
        .ok_or_else(|| "there is none in this session".to_owned())
}

fn notifications() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("not asked ({error})"))?;
    let ready = runtime.block_on(async { DesktopNotifier::default().ready().await });
    // A thread that waits for a service which never answers is left behind.
    runtime.shutdown_background();
    ready.map(drop).map_err(|error| error.to_string())
}
