//! Whatever the keyring does, the start ends within two seconds in a state of its own, the files stay as they are to
//! the byte, and the recovery code brings everything back.
//!
//! Each test runs in a session of its own, with a bus of its own and a Secret Service that follows a script.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
mod service;

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use chatehr_vault::{
    Obstacle, OpenError, RekeyError, SlotError, Vault, VaultKey,
    keyring::{KeyError, Keyring, load_or_create_key, restore_keyring_slot},
    rekey,
    slots::{self, RecoveryCode},
};
use common::{at, bytes_of, c, key};
use service::{Mood, SecretService};

const ENTRY: &str = "vault:person";
/// Set in a child that has a session of its own.
const INSIDE: &str = "CHATEHR_TEST_SCRIPTED_SESSION";
/// The aim is two seconds until the screen; what the machine adds under load is not the program's.
const WITHIN: Duration = Duration::from_secs(2);

/// Runs the rest of this test in a session of its own; true inside it.
fn in_a_session(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let home = tempfile::tempdir().unwrap();
    let settings = home.path().join("session.conf");
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
    let run = Command::new("dbus-run-session")
        .arg(format!("--config-file={}", settings.display()))
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    false
}

/// A person whose key is in the keyring, with something unsent and a code in the safe.
struct Person {
    _home: tempfile::TempDir,
    dir: PathBuf,
    keyring: Keyring,
    service: SecretService,
    code: RecoveryCode,
}

impl Person {
    fn new() -> Self {
        let service = SecretService::start("login");
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("person");
        let keyring = Keyring::new("chatehr-test");
        let patient = keyring.clone().within(Duration::from_secs(60), Duration::from_secs(60));
        let new_key = *b"golden key of the vault's tests!";
        let key = load_or_create_key(&patient, ENTRY, &dir, VaultKey::from_bytes(new_key), at(0)).unwrap();
        let vault = Vault::open(&dir, &key).unwrap();
        vault.save_draft(&c("c-1"), "half a sentence", at(1)).unwrap();
        drop(vault);
        let code = slots::add_recovery(&dir, &key, "in the safe", at(2), [2; 32]).unwrap();
        Self { _home: home, dir, keyring, service, code }
    }

    /// Starts as the program does.
    fn start(&self) -> Result<Vault, Obstacle> {
        // The file must not be made over, so any key will do that is none.
        let key = load_or_create_key(&self.keyring, ENTRY, &self.dir, VaultKey::from_bytes([9; 32]), at(3));
        let key = key.map_err(|error| Obstacle::from(&error))?;
        Vault::open(&self.dir, &key).map_err(|error| Obstacle::from(&error))
    }

    /// The start ends in this state and in time, nothing has changed, and the code gives everything back.
    fn is_stopped_by(&self, expected: Obstacle) {
        let (before, held) = (bytes_of(&self.dir), self.service.held(ENTRY));
        let started = Instant::now();
        let found = self.start().unwrap_err();
        let took = started.elapsed();
        assert_eq!(found, expected);
        assert!(found.yields_to_another_slot());
        assert!(took < WITHIN, "{expected:?} took {took:?}");
        assert!(before == bytes_of(&self.dir), "{expected:?} changed the files");
        assert_eq!(held, self.service.held(ENTRY));
        self.opens(&slots::unlock_with_recovery(&self.dir, &self.code).unwrap());
    }

    fn opens(&self, key: &VaultKey) {
        let vault = Vault::open(&self.dir, key).unwrap();
        assert_eq!(vault.draft(&c("c-1")).unwrap(), "half a sentence");
    }

    /// The keyring is well again: the key goes back into it, and the next start needs no code.
    fn is_restored(&self, replacing: Option<&str>) {
        self.service.is(Mood::Willing);
        let key = slots::unlock_with_recovery(&self.dir, &self.code).unwrap();
        restore_keyring_slot(&self.keyring, ENTRY, &self.dir, &key, replacing, at(4)).unwrap();
        assert_eq!(self.start().unwrap().draft(&c("c-1")).unwrap(), "half a sentence");
    }
}

#[test]
fn the_first_start_notes_which_keyring_has_the_key() {
    if !in_a_session("the_first_start_notes_which_keyring_has_the_key") {
        return;
    }
    let person = Person::new();
    assert_eq!(slots::list(&person.dir).unwrap()[0].backend.as_deref(), Some("secret-service:login"));
    assert_eq!(person.service.held(ENTRY).as_deref(), Some(key().to_text().as_str()));
    drop(person.start().unwrap());
}

#[test]
fn a_keyring_that_hangs_counts_as_locked_in_time() {
    if !in_a_session("a_keyring_that_hangs_counts_as_locked_in_time") {
        return;
    }
    let person = Person::new();
    for mood in [Mood::Hung, Mood::HungAtTheSecret] {
        person.service.is(mood);
        person.is_stopped_by(Obstacle::KeyringLocked);
    }
    person.is_restored(None);
}

#[test]
fn a_keyring_whose_prompt_nobody_answers_is_locked() {
    if !in_a_session("a_keyring_whose_prompt_nobody_answers_is_locked") {
        return;
    }
    let person = Person::new();
    for mood in [Mood::Locked, Mood::Dismissed] {
        person.service.is(mood);
        person.is_stopped_by(Obstacle::KeyringLocked);
    }
    person.is_restored(None);
}

#[test]
fn a_keyring_that_fails_is_told_from_one_that_is_locked() {
    if !in_a_session("a_keyring_that_fails_is_told_from_one_that_is_locked") {
        return;
    }
    let person = Person::new();
    person.service.is(Mood::FailingAtTheSecret);
    person.is_stopped_by(Obstacle::KeyringFailed);
    person.service.is(Mood::Failing);
    // One that fails at the first word cannot be told from none.
    person.is_stopped_by(Obstacle::NoKeyring);
    person.is_restored(None);
}

#[test]
fn an_emptied_keyring_is_told_from_another_one() {
    if !in_a_session("an_emptied_keyring_is_told_from_another_one") {
        return;
    }
    let person = Person::new();
    person.service.holds(ENTRY, None);
    person.is_stopped_by(Obstacle::KeyMissing);
    person.service.becomes("kdewallet");
    person.is_stopped_by(Obstacle::BackendChanged);
    let told = load_or_create_key(&person.keyring, ENTRY, &person.dir, VaultKey::from_bytes([9; 32]), at(3))
        .unwrap_err();
    assert!(
        matches!(&told, KeyError::BackendChanged { was, now }
            if was == "secret-service:login" && now == "secret-service:kdewallet"),
        "{told:?}"
    );
    person.is_restored(None);
    assert_eq!(slots::list(&person.dir).unwrap()[0].backend.as_deref(), Some("secret-service:kdewallet"));
    // From now on it is this one whose entry may be missing.
    person.service.holds(ENTRY, None);
    person.is_stopped_by(Obstacle::KeyMissing);
}

#[test]
fn a_wrong_entry_is_named_and_replaced_only_when_that_very_entry_is_meant() {
    if !in_a_session("a_wrong_entry_is_named_and_replaced_only_when_that_very_entry_is_meant") {
        return;
    }
    let person = Person::new();
    for wrong in ["not a key", "", &"01".repeat(32)] {
        person.service.holds(ENTRY, Some(wrong));
        person.is_stopped_by(Obstacle::WrongKey);
        let restore = |replacing: Option<&str>| {
            restore_keyring_slot(&person.keyring, ENTRY, &person.dir, &key(), replacing, at(4))
        };
        let Err(KeyError::Occupied { check }) = restore(None) else { panic!("written over") };
        assert!(wrong.is_empty() || !check.contains(wrong));
        assert!(matches!(restore(Some("another check")), Err(KeyError::Occupied { .. })));
        assert_eq!(person.service.held(ENTRY).as_deref(), Some(wrong));
        person.is_restored(Some(&check));
    }
    // And no key of other files gets into this person's entry.
    let stranger = VaultKey::from_bytes([9; 32]);
    let refused = restore_keyring_slot(&person.keyring, ENTRY, &person.dir, &stranger, None, at(4));
    assert!(matches!(refused, Err(KeyError::Header(SlotError::WrongKey))), "{refused:?}");
}

#[test]
fn a_re_key_reaches_the_keyring_and_a_kill_in_between_leaves_the_right_key_to_be_found() {
    if !in_a_session("a_re_key_reaches_the_keyring_and_a_kill_in_between_leaves_the_right_key_to_be_found") {
        return;
    }
    let person = Person::new();
    let (old, new) = (key(), VaultKey::from_bytes([2; 32]));
    let next = format!("{ENTRY}.next");
    let header = std::fs::read(person.dir.join("vault.json")).unwrap();
    let with_keyring = Some((&person.keyring, ENTRY));
    rekey(&person.dir, &old, &new, with_keyring, at(5), [5; 32]).unwrap();
    let held = || [ENTRY, &next].map(|entry| person.service.held(entry));
    assert_eq!(held(), [Some(new.to_text().to_string()), None]);
    drop(person.start().unwrap());

    // Killed when the header was written and the keyring still held both.
    let both = |held: &VaultKey, coming: &VaultKey| {
        person.keyring.set(ENTRY, &held.to_text()).unwrap();
        person.keyring.set(&next, &coming.to_text()).unwrap();
    };
    both(&old, &new);
    drop(person.start().unwrap());
    assert_eq!(held(), [Some(new.to_text().to_string()), None]);
    // The same where somebody else's key is in the entry: it stays, and the files open.
    both(&VaultKey::from_bytes([7; 32]), &new);
    drop(person.start().unwrap());
    assert_eq!(held(), [Some("07".repeat(32)), Some(new.to_text().to_string())]);

    // Killed before the header was written: the old key counts, and the new one is not looked at.
    let third = VaultKey::from_bytes([3; 32]);
    both(&new, &third);
    drop(person.start().unwrap());
    rekey(&person.dir, &new, &old, with_keyring, at(6), [6; 32]).unwrap();
    assert_eq!(held(), [Some(old.to_text().to_string()), None]);
    assert!(header != std::fs::read(person.dir.join("vault.json")).unwrap());
    person.opens(&slots::unlock_with_recovery(&person.dir, &person.code).unwrap());
}

#[test]
fn a_keyring_that_does_not_take_the_new_key_stops_a_re_key() {
    if !in_a_session("a_keyring_that_does_not_take_the_new_key_stops_a_re_key") {
        return;
    }
    let person = Person::new();
    let new = VaultKey::from_bytes([2; 32]);
    for mood in [Mood::Full, Mood::Hung] {
        person.service.is(mood);
        let refused =
            rekey(&person.dir, &key(), &new, Some((&person.keyring, ENTRY)), at(5), [5; 32]).unwrap_err();
        assert!(matches!(refused, RekeyError::Keyring(_)), "{refused:?}");
        assert!(matches!(Vault::open(&person.dir, &new), Err(OpenError::WrongKey)));
        person.opens(&key());
    }
    person.service.is(Mood::Willing);
    drop(person.start().unwrap());
    // Without the keyring the other slots carry the new key, and the keyring's slot goes.
    rekey(&person.dir, &key(), &new, None, at(5), [5; 32]).unwrap();
    person.is_stopped_by(Obstacle::WrongKey);
    assert_eq!(slots::list(&person.dir).unwrap().len(), 1);
}
