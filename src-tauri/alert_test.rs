//! `chatehr-desktop alert-test`: what this desktop does with a notification, told without a window.
//!
//! Exit code 0: shown, and clicked or closed, or nothing of the kind was asked for; 1: the desktop shows none; 2: shown, and
//! nobody has reacted in time, so nobody knows whether it was seen; 3: called wrongly.

use std::{process::ExitCode, sync::mpsc, time::Duration};

use chatehr_engine::{Alert, Notifier as _, Response};

use crate::notifier::DesktopNotifier;

/// The word after the program's name.
pub const NAME: &str = "alert-test";

const USAGE: &str = "chatehr-desktop alert-test [--wait SECONDS]

Shows a test notification and tells what the desktop did with it.
  --wait SECONDS   how long to wait for a click, 0 to 600 (default 20; 0: do not wait)
";

/// Runs it with the words that follow, and prints what came of it.
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line's answer")]
pub fn run(arguments: &[String]) -> ExitCode {
    let Some(wait) = wait(arguments) else {
        eprint!("{USAGE}");
        return ExitCode::from(3);
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The test could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    print!("{}", service());
    let notifier = DesktopNotifier::default();
    let (tell, told) = mpsc::channel();
    let respond = move |response| {
        if tell.send(response).is_err() {
            tracing::debug!("It was clicked after the test had ended.");
        }
    };
    let showing = notifier.show(Alert::test(), Box::new(respond));
    match runtime.block_on(showing) {
        Err(error) => {
            println!("Shown:         no ({error})");
            println!("{}", chatehr_contract::ErrorCode::NoNotifications.next_step());
            return ExitCode::FAILURE;
        }
        Ok(shown) => {
            println!("Shown:         yes, the desktop has taken it");
            println!(
                "Sound:         {}",
                if shown.sounds { "by the desktop" } else { "by the window; this desktop makes none" }
            );
        }
    }
    if wait.is_zero() {
        return ExitCode::SUCCESS;
    }
    println!("Waiting {} s for a click on it …", wait.as_secs());
    let response = told.recv_timeout(wait);
    println!("Then:          {}", words(response.ok(), wait));
    if response.is_err() {
        notifier.close(Alert::test().number);
        // The service is asked from another thread.
        std::thread::sleep(Duration::from_millis(200));
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn words(response: Option<Response>, wait: Duration) -> String {
    match response {
        Some(Response::Opened | Response::Acknowledged) => "clicked".to_owned(),
        Some(Response::Closed) => "closed, by somebody or by the desktop itself".to_owned(),
        None => format!("nothing within {} s: shown, but nobody knows whether it was seen", wait.as_secs()),
    }
}

fn wait(arguments: &[String]) -> Option<Duration> {
    match arguments {
        [] => Some(Duration::from_secs(20)),
        [flag, seconds] if flag == "--wait" => {
            seconds.parse().ok().filter(|seconds| *seconds <= 600).map(Duration::from_secs)
        }
        _ => None,
    }
}

/// Who shows notifications here, and what they can do.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn service() -> String {
    let service = notify_rust::get_server_information().map_or_else(
        |error| format!("none ({error})"),
        |it| format!("{} {} ({}), specification {}", it.name, it.version, it.vendor, it.spec_version),
    );
    let able = notify_rust::get_capabilities().map_or_else(
        |_| "unknown".to_owned(),
        |able| if able.is_empty() { "none".to_owned() } else { able.join(", ") },
    );
    format!("Service:       {service}\nCapabilities:  {able}\n")
}

/// The system does not say.
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn service() -> String {
    "Service:       the system's own\n".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_a_number_of_seconds_within_reason() {
        let asked = |words: &[&str]| wait(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(asked(&[]), Some(Duration::from_secs(20)));
        assert_eq!(asked(&["--wait", "0"]), Some(Duration::ZERO));
        for wrong in [&["--wait"][..], &["--wait", "x"], &["--wait", "601"], &["5"]] {
            assert_eq!(asked(wrong), None, "{wrong:?}");
        }
    }
}
