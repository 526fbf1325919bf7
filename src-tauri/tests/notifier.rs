//! The desktop's notifications with a real service: dunst, on the session bus of whoever runs this.
//!
//! Left out by default, because it has the screen to itself: `cargo xtask test` runs it in its session.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may"
)]

use std::{sync::mpsc, time::Duration};

use chatehr_desktop::notifier::DesktopNotifier;
use chatehr_engine::{Alert, Notifier as _, OnResponse, Response};

/// How many notifications dunst has on the screen.
fn displayed() -> u32 {
    let counted = std::process::Command::new("dunstctl").args(["count", "displayed"]).output().unwrap();
    String::from_utf8(counted.stdout).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dunst on the session bus"]
async fn a_repeat_takes_the_place_of_what_it_repeats_and_only_the_latest_is_listened_to() {
    assert!(std::process::Command::new("dunstctl").arg("close-all").status().unwrap().success());
    let notifier = DesktopNotifier::default();
    let (tell, told) = mpsc::channel();
    let show = async |number: u64, title: &str| {
        let (tell, name) = (tell.clone(), title.to_owned());
        let alert = Alert { number, title: title.to_owned(), may_acknowledge: true, ..Alert::test() };
        let respond: OnResponse = Box::new(move |response| tell.send((name, response)).unwrap());
        notifier.show(alert, respond).await.unwrap();
    };
    show(7, "First").await;
    show(7, "Again").await;
    assert_eq!(displayed(), 1);
    show(8, "Another").await;
    assert_eq!(displayed(), 2);
    notifier.close(8);
    while displayed() != 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(std::process::Command::new("dunstctl").args(["action", "0"]).status().unwrap().success());
    let heard = told.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(heard, ("Again".to_owned(), Response::Opened));
    assert!(told.recv_timeout(Duration::from_millis(500)).is_err(), "one click is one answer");
    assert_eq!(displayed(), 0);
    // Its place is free: the next one is another notification.
    show(7, "Once more").await;
    assert_eq!(displayed(), 1);
    notifier.close(7);
    tokio::time::sleep(Duration::from_millis(300)).await;
}
