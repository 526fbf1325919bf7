//! The commands in the built program, without a display: as an administrator would run them over SSH.
//!
//! What needs a keyring runs with CHATEHR_TEST_KEYRING=1, as `cargo xtask test` sets it in its private session.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use chatehr_audit::{Criteria, NewEntry, Outcome};
use chatehr_contract::{PersonId, Role, Timestamp};
use chatehr_engine::directory_name;
use chatehr_vault::{
    Vault, VaultKey,
    keyring::{Keyring, restore_keyring_slot},
    slots::{self, Passphrase},
};
use rusqlite::Connection;

const KEY: [u8; 32] = *b"the key of an invented person 02";
const PASSPHRASE: &str = "four wooden ducks swim";
/// Nobody answers there; the doctor says so.
const SERVER: &str = "http://127.0.0.1:9/v1";
const OTHER_SERVER: &str = "http://127.0.0.1:9/other/v1";
/// The namespace of a development build.
const SERVICE: &str = "chatehr-desktop-dev";

fn has_keyring() -> bool {
    let asked = std::env::var("CHATEHR_TEST_KEYRING").is_ok_and(|value| value == "1");
    if !asked {
        eprintln!("not run: needs CHATEHR_TEST_KEYRING=1 in a session with an unlocked keyring");
    }
    asked
}

/// A machine of its own: a home, and a server to which its people belong.
struct Machine {
    home: tempfile::TempDir,
    server: &'static str,
}

impl Machine {
    fn new(server: &'static str) -> Self {
        Self { home: tempfile::tempdir().unwrap(), server }
    }

    /// Somebody who is on no other machine and in no other run of this test.
    fn person(&self) -> String {
        format!("physician-of-{}", self.home.path().file_name().unwrap().display())
    }

    fn dir_of(&self, person: &str) -> PathBuf {
        let name = directory_name(self.server, &PersonId::new(person));
        self.home.path().join("data/people").join(name)
    }

    fn run(&self, arguments: &[&str], typed: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatehr-desktop"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHATEHR_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(arguments)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env("XDG_CONFIG_HOME", self.home.path())
            .env("CHATEHR_DATA_DIR", self.home.path().join("data"))
            .env("CHATEHR_API_URL", self.server)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that asks for nothing has closed its end by now.
        drop(child.stdin.take().unwrap().write_all(format!("{typed}\n").as_bytes()));
        child.wait_with_output().unwrap()
    }
}

#[track_caller]
fn told(run: &Output, code: i32) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(code), "{said}");
    said
}

fn entry(second: i64) -> NewEntry {
    NewEntry {
        at: Timestamp::from_millis(1_795_600_800_000).plus_seconds(second),
        actor: Some("physician-1".to_owned()),
        role: Role::Physician,
        session: "s-1".to_owned(),
        workstation: "desk-7".to_owned(),
        action: "consultation.read".to_owned(),
        objects: vec![format!("c-{second}")],
        patient: None,
        outcome: Outcome::Success,
        reason: None,
    }
}

/// Files with five entries in their log, a passphrase and a recovery code, which is returned.
fn make_files(dir: &Path) -> String {
    let key = VaultKey::from_bytes(KEY);
    let vault = Vault::open(dir, &key).unwrap();
    vault.record(&(1..=5).map(entry).collect::<Vec<_>>()).unwrap();
    drop(vault);
    let now = entry(0).at;
    slots::add_passphrase(dir, &key, &Passphrase::new(PASSPHRASE), "Office", now, [1; 32]).unwrap();
    slots::add_recovery(dir, &key, "Safe", now, [2; 32]).unwrap().to_text().to_string()
}

fn actions(dir: &Path) -> Vec<String> {
    let vault = Vault::open(dir, &VaultKey::from_bytes(KEY)).unwrap();
    let found = vault.search_audit(&Criteria::default(), None, 100).unwrap();
    found.into_iter().rev().map(|entry| entry.said.action).skip(5).collect()
}

#[test]
fn the_program_answers_without_a_display_and_opens_no_window() {
    let machine = Machine::new(SERVER);
    assert!(told(&machine.run(&["--help"], ""), 0).contains("Without arguments the window opens"));
    assert!(told(&machine.run(&["--version"], ""), 0).contains(env!("CARGO_PKG_VERSION")));
    assert!(told(&machine.run(&["--fullscreen"], ""), 2).contains("--fullscreen"));
    let doctor = told(&machine.run(&["doctor"], ""), 1);
    for line in ["the server cannot be reached", "there is none in this session", "ok       web view"] {
        assert!(doctor.contains(line), "{doctor}");
    }
    let json = machine.run(&["doctor", "--json"], "");
    let all: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(all["state"], "fault");
    assert!(told(&machine.run(&["vault", "list"], ""), 0).contains("Nobody has files"));
}

#[test]
fn a_tampered_ledger_names_the_entry() {
    let machine = Machine::new(SERVER);
    let dir = machine.dir_of(&machine.person());
    make_files(&dir);
    let ledger = dir.join("ledger.db").display().to_string();
    let verify = ["audit", "verify", ledger.as_str(), "--passphrase"];
    assert!(told(&machine.run(&verify, PASSPHRASE), 0).contains("5, from 1 to 5"));
    let connection = Connection::open(&ledger).unwrap();
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    connection
        .execute_batch(&format!("PRAGMA key = \"x'{key}'\"; PRAGMA cipher_compatibility = 4;"))
        .unwrap();
    let guard: String = connection
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'audit_entry_no_delete'", [], |row| row.get(0))
        .unwrap();
    connection
        .execute_batch(&format!(
            "DROP TRIGGER audit_entry_no_delete; DELETE FROM audit_entry WHERE seq = 3; {guard};"
        ))
        .unwrap();
    drop(connection);
    let said = told(&machine.run(&verify, PASSPHRASE), 1);
    assert!(said.contains("the audit entry 3 is missing"), "{said}");
}

#[test]
fn files_go_to_another_machine_and_back_into_a_keyring_that_has_lost_them() {
    if !has_keyring() {
        return;
    }
    let (here, there) = (Machine::new(SERVER), Machine::new(OTHER_SERVER));
    let person = here.person();
    let (from, to) = (here.dir_of(&person), there.dir_of(&person));
    let code = make_files(&from);
    let keyring = Keyring::new(SERVICE);
    let entry_of = |dir: &Path| format!("vault:{}", dir.file_name().unwrap().display());
    restore_keyring_slot(&keyring, &entry_of(&from), &from, &VaultKey::from_bytes(KEY), None, entry(0).at)
        .unwrap();
    let (dir, backup) = (from.display().to_string(), here.home.path().join("backup").display().to_string());

    // The keyring opens it, so nothing is typed.
    told(&here.run(&["vault", "backup", &dir, "--to", &backup], ""), 0);
    assert!(told(&here.run(&["doctor"], ""), 1).contains("open with the key in the keyring"));
    let restore = ["vault", "restore", &backup, "--data-dir", &person, "--recovery-code"];
    let said = told(&there.run(&restore, &code), 0);
    assert!(said.contains("is what was written") && said.contains("in this machine's keyring"), "{said}");
    assert!(told(&there.run(&["doctor"], ""), 1).contains("open with the key in the keyring"));
    assert_eq!(actions(&to), ["vault.backup", "vault.restore"]);

    // The keyring is lost, and then holds something else.
    let there_dir = to.display().to_string();
    keyring.delete(&entry_of(&to)).unwrap();
    let search = ["audit", "search", there_dir.as_str(), "--limit", "1"];
    assert!(told(&there.run(&search, ""), 1).contains("The keyring has no key to these files"));
    keyring.set(&entry_of(&to), &"07".repeat(32)).unwrap();
    let recover = ["vault", "recover", there_dir.as_str(), "--passphrase"];
    let said = told(&there.run(&recover, PASSPHRASE), 1);
    let check = said.split("--replace ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    told(&there.run(&[&recover[..], &["--replace", &check]].concat(), PASSPHRASE), 0);
    let found = told(&there.run(&search, ""), 0);
    assert!(found.contains("\"vault.recover\""), "{found}");

    // Another key for all of it; the code of the first day still opens it, and the keyring by itself.
    told(&there.run(&["vault", "rekey", &there_dir], ""), 0);
    assert!(told(&there.run(&["audit", "verify", &there_dir], ""), 0).contains("is what was written"));
    told(&there.run(&["audit", "verify", &there_dir, "--recovery-code"], &code), 0);
    for dir in [&from, &to] {
        keyring.delete(&entry_of(dir)).unwrap();
    }
    fs::remove_dir_all(here.home.path()).unwrap();
}
