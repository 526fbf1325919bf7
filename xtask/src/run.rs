//! `cargo xtask run`: everything built, a demonstration server, and a window on this desktop or a private one.

use std::{env, fs, process::Stdio};

use chatehr_journey::{Failure, Neighbour, Places, Server, Session, Step, tied, walk};

use crate::{
    Outcome, front_end, packages,
    step::{cargo, root, step, succeed, target},
};

/// What to try, and who one can be. The people are invented.
const GUIDE: &str = "
  Sign in with your clinic account: the browser shows who there is (invented people, no passwords). Physicians are
  Dr Amara Okafor and Dr Elin Lindqvist. At the kiosk, Marta Szymańska has the code 205117.

  Try: open the first request of the queue, accept it, start, and write to the patient. Ask for an urgent
  consultation with `cargo xtask run --kiosk` in another terminal: it opens in the same clinic. Ctrl-C here ends all;
  Alt+F4 closes the kiosk's full screen.
";

/// Builds and runs.
pub(crate) fn run(flags: &[&str]) -> Outcome<()> {
    let release = flags.contains(&"--release");
    let asked = flags.contains(&"--headless");
    let no_display = cfg!(target_os = "linux")
        && env::var_os("DISPLAY").is_none()
        && env::var_os("WAYLAND_DISPLAY").is_none();
    if no_display && !asked {
        println!(
            "There is no display here, so this walks the journey in a private one (as with --headless)."
        );
    }
    let headless = asked || no_display;
    if headless && release {
        return Err(Failure::new(
            "The walk without a display drives the windows by WebDriver, and optimised ones do not let it: leave \
             --release out, or run this on a display.",
        ));
    }
    if asked && flags.contains(&"--kiosk") {
        return Err(Failure::new("--headless walks through both windows: leave --kiosk out."));
    }
    packages::require(packages::BUILD)?;
    if headless {
        packages::require(packages::SESSION)?;
    }
    build(release)?;
    if headless { in_private(release) } else { on_desktop(flags.contains(&"--kiosk"), release) }
}

/// Builds the front ends, then what embeds them.
pub(crate) fn build(release: bool) -> Outcome<()> {
    front_end::build()?;
    let profile = if release { "release" } else { "dev" };
    step("windows and server", || {
        succeed(&mut cargo(&[
            "build",
            "-p",
            "chatehr-desktop",
            "-p",
            "chatehr-server",
            "--bins",
            "--profile",
            profile,
        ]))
    })
}

fn places(release: bool) -> Places {
    Places::below(&target(), if release { "release" } else { "debug" })
}

fn on_desktop(kiosk: bool, release: bool) -> Outcome<()> {
    let places = places(release);
    let name = if kiosk { "chatehr-kiosk" } else { "chatehr-desktop" };
    let data = target().join("demo/data");
    fs::create_dir_all(&data).map_err(|error| Failure::new(format!("{}: {error}", data.display())))?;
    let note = target().join("demo/clinic");
    // The kiosk belongs to the clinic whose desk is open, so that a request made there arrives here.
    let neighbour = Neighbour::find(&note);
    let clinic = match neighbour.clone().filter(|_| kiosk) {
        Some(neighbour) => {
            println!(
                "{GUIDE}\n  This is the clinic that is open already, at {}.\n",
                Server::url(neighbour.port)
            );
            Clinic::Open(neighbour)
        }
        None => {
            let log = target().join(format!("demo/{name}-server.log"));
            fs::remove_file(&log).ok();
            let server = step("demonstration server", || {
                Server::start(&places.program("chatehr-server")?, &["--live"], &log)
            })?;
            println!("{GUIDE}\n  server   {} (log: {})", Server::url(server.port()), log.display());
            println!("  offline  kill {}  takes the server away: see what stays", server.process());
            println!("  records  {}\n", data.display());
            if neighbour.is_none() {
                Neighbour::announce(&server, &note)?;
            }
            Clinic::Own(server)
        }
    };
    let (port, key) = match &clinic {
        Clinic::Open(neighbour) => (neighbour.port, neighbour.key.as_str()),
        Clinic::Own(server) => (server.port(), server.key()),
    };
    let status = tied(places.program(name)?)
        .env("CHATEHR_API_URL", Server::url(port))
        .env("CHATEHR_API_KEY", key)
        .env("CHATEHR_DATA_DIR", &data)
        .env("CHATEHR_OIDC_ISSUER", Server::issuer(port))
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::new(format!("{name} could not be started: {error}")))?;
    drop(clinic);
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{name} ended with {status}"))) }
}

/// Where a window belongs.
enum Clinic {
    /// To the one that another `run` has opened.
    Open(Neighbour),
    /// To its own, which ends with it.
    Own(Server),
}

fn in_private(release: bool) -> Outcome<()> {
    let places = places(release);
    let session = step("private desktop session", || Session::start(&places.session))?;
    println!();
    let steps = walk(&session, &places, &mut |step: &Step| println!("{}", step.line()))?;
    let passed = steps.iter().filter(|step| step.passed()).count();
    println!("\n{passed} of {} steps. Pictures and journey.json: {}", steps.len(), shown(&places.pictures));
    if passed == steps.len() { Ok(()) } else { Err(Failure::new("the journey was not completed")) }
}

fn shown(path: &std::path::Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
