//! The desktop's keyring, there or not, answers in time, and no key is ever made over files of another.
//!
//! The tests with a real daemon run with CHATEHR_TEST_KEYRING=1 in a session of their own:
//! `dbus-run-session -- sh -c 'echo "" | gnome-keyring-daemon --unlock --components=secrets;
//!  CHATEHR_TEST_KEYRING=1 cargo test -p chatehr-vault --test keyring'`
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod common;

use common::at;
use std::{
    process::{Command, Output},
    time::Duration,
};

use chatehr_vault::{
    Vault, VaultKey,
    keyring::{KeyError, Keyring, KeyringError, load_or_create_key},
};

/// Set in a child whose session this test has prepared.
const PREPARED: &str = "CHATEHR_TEST_PREPARED_SESSION";

fn is_prepared() -> bool {
    std::env::var_os(PREPARED).is_some()
}

/// A keyring whose bounds no slow machine meets: the tests wait for answers, not for times.
fn patient_keyring(service: &str) -> Keyring {
    Keyring::new(service).within(Duration::from_secs(60), Duration::from_secs(60))
}

fn has_daemon() -> bool {
    let asked = std::env::var("CHATEHR_TEST_KEYRING").is_ok_and(|value| value == "1");
    if !asked {
        eprintln!("not run: needs CHATEHR_TEST_KEYRING=1 in a session with an unlocked keyring");
    }
    asked
}

/// Runs one test of this program again, as `command` (which may wrap it in a session) says.
fn again(test: &str, wrapper: &[&str], environment: &[(&str, &str)]) -> Output {
    let program = std::env::current_exe().unwrap();
    let (first, rest) = wrapper.split_first().unwrap_or((&"env", &[]));
    Command::new(first)
        .args(rest)
        .arg(program)
        .args(["--exact", test])
        .env_remove("CHATEHR_TEST_KEYRING")
        .env(PREPARED, "1")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn passed(run: &Output) {
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// Every way to ask says that there is no keyring; no key is made, and no file.
fn nothing_works_without_a_keyring() {
    let keyring = patient_keyring("chatehr-test-none");
    assert!(matches!(keyring.get("entry"), Err(KeyringError::Missing)));
    assert!(matches!(keyring.set("entry", "secret"), Err(KeyringError::Missing)));
    assert!(matches!(keyring.delete("entry"), Err(KeyringError::Missing)));
    let home = tempfile::tempdir().unwrap();
    let result = load_or_create_key(&keyring, "entry", home.path(), VaultKey::from_bytes([1; 32]), at(0));
    assert!(matches!(result, Err(KeyError::Keyring(KeyringError::Missing))), "{result:?}");
    assert!(!Vault::exists(home.path()));
}

#[test]
fn a_desktop_without_a_session_bus_has_no_keyring() {
    if is_prepared() {
        return nothing_works_without_a_keyring();
    }
    let nowhere = tempfile::tempdir().unwrap();
    let address = format!("unix:path={}/bus", nowhere.path().display());
    passed(&again(
        "a_desktop_without_a_session_bus_has_no_keyring",
        &[],
        &[("DBUS_SESSION_BUS_ADDRESS", address.as_str())],
    ));
}

#[test]
fn a_session_bus_without_a_secret_service_has_no_keyring() {
    if is_prepared() {
        return nothing_works_without_a_keyring();
    }
    let home = tempfile::tempdir().unwrap();
    let settings = home.path().join("session.conf");
    // No directory of services, so nothing is started on demand.
    let text = format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={}</listen>
  <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#,
        home.path().display()
    );
    std::fs::write(&settings, text).unwrap();
    let settings = format!("--config-file={}", settings.display());
    passed(&again(
        "a_session_bus_without_a_secret_service_has_no_keyring",
        &["dbus-run-session", &settings, "--"],
        &[],
    ));
}

#[test]
fn a_secret_is_kept_read_back_and_removed() {
    if !has_daemon() {
        return;
    }
    let keyring = patient_keyring("chatehr-test-round-trip");
    keyring.delete("entry").unwrap();
    assert_eq!(keyring.get("entry").unwrap(), None);
    keyring.set("entry", "one").unwrap();
    keyring.set("entry", "two").unwrap();
    assert_eq!(keyring.get("entry").unwrap().as_deref().map(String::as_str), Some("two"));
    assert_eq!(keyring.get("other").unwrap(), None);
    keyring.delete("entry").unwrap();
    assert_eq!(keyring.get("entry").unwrap(), None);
}

#[test]
fn the_first_start_makes_a_key_and_every_other_reads_it() {
    if !has_daemon() {
        return;
    }
    let keyring = patient_keyring("chatehr-test-first-start");
    keyring.delete("person").unwrap();
    let home = tempfile::tempdir().unwrap();
    let first =
        load_or_create_key(&keyring, "person", home.path(), VaultKey::from_bytes([1; 32]), at(0)).unwrap();
    assert_eq!(*first.to_text(), "01".repeat(32));
    drop(Vault::open(home.path(), &first).unwrap());
    let second =
        load_or_create_key(&keyring, "person", home.path(), VaultKey::from_bytes([2; 32]), at(0)).unwrap();
    assert_eq!(*second.to_text(), *first.to_text());
    keyring.delete("person").unwrap();
}

#[test]
fn files_without_their_key_get_no_new_one() {
    if !has_daemon() {
        return;
    }
    let keyring = patient_keyring("chatehr-test-lost");
    keyring.delete("person").unwrap();
    let home = tempfile::tempdir().unwrap();
    drop(Vault::open(home.path(), &common::key()).unwrap());
    let before = common::bytes_of(home.path());
    let result = load_or_create_key(&keyring, "person", home.path(), VaultKey::from_bytes([3; 32]), at(0));
    assert!(matches!(result, Err(KeyError::KeyMissing)), "{result:?}");
    assert_eq!(keyring.get("person").unwrap(), None);
    assert!(before == common::bytes_of(home.path()));
}

#[test]
fn an_entry_that_is_no_key_is_left_as_it_is() {
    if !has_daemon() {
        return;
    }
    let keyring = patient_keyring("chatehr-test-garbled");
    let home = tempfile::tempdir().unwrap();
    for garbled in ["", "not a key", "01"] {
        keyring.set("person", garbled).unwrap();
        let result =
            load_or_create_key(&keyring, "person", home.path(), VaultKey::from_bytes([4; 32]), at(0));
        assert!(matches!(result, Err(KeyError::Garbled)), "{result:?}");
        assert_eq!(keyring.get("person").unwrap().as_deref().map(String::as_str), Some(garbled));
    }
    keyring.delete("person").unwrap();
}

/// A keyring that was made and left locked, in a session of its own where nobody sees a prompt.
#[test]
fn a_locked_keyring_is_named_in_time_and_nothing_is_written_over() {
    const LOCKED: &str = "CHATEHR_TEST_LOCKED";
    let test = "a_locked_keyring_is_named_in_time_and_nothing_is_written_over";
    // Short bounds: this keyring never answers, however long one waits.
    let keyring = Keyring::new("chatehr-test-locked");
    match std::env::var(LOCKED).as_deref() {
        Ok("before") => {
            return patient_keyring("chatehr-test-locked").set("person", &"01".repeat(32)).unwrap();
        }
        Ok("while") => {
            let home = tempfile::tempdir().unwrap();
            let result =
                load_or_create_key(&keyring, "person", home.path(), VaultKey::from_bytes([5; 32]), at(0));
            assert!(matches!(result, Err(KeyError::Keyring(KeyringError::Locked))), "{result:?}");
            assert!(!Vault::exists(home.path()));
            return;
        }
        Ok(_) => {
            let held = patient_keyring("chatehr-test-locked").get("person").unwrap();
            return assert_eq!(held.as_deref(), Some(&"01".repeat(32)));
        }
        Err(_) if !has_daemon() => return,
        Err(_) => {}
    }
    let home = tempfile::tempdir().unwrap();
    let place = home.path().display().to_string();
    for (moment, daemon) in [
        ("before", "echo password | gnome-keyring-daemon --unlock --components=secrets >/dev/null"),
        ("while", "gnome-keyring-daemon --start --components=secrets </dev/null >/dev/null"),
        ("after", "echo password | gnome-keyring-daemon --unlock --components=secrets >/dev/null"),
    ] {
        let script = format!("{daemon}; exec \"$@\"");
        let session = ["dbus-run-session", "--", "sh", "-c", &script, "sh"];
        let places = ["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"].map(|name| (name, place.as_str()));
        let environment = [&places[..], &[(LOCKED, moment)]].concat();
        passed(&again(test, &session, &environment));
    }
}
