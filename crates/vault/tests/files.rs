//! Files that do not open say why and stay as they are; what is on the disk is readable to nobody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chatehr_contract::ConsultationStatus;
use chatehr_vault::{CacheChange, DamagedFile, OpenError, Vault, VaultError, VaultKey};
use common::{
    appointment, at, bytes_of, c, consultation, entry, key, message, mine, opened, outgoing, patient,
    physician, spoil, vault,
};

/// Files with enough in them to have a middle, closed.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let (home, vault) = vault();
    let messages: Vec<_> =
        (0..300).map(|n| opened(message(&format!("m-{n}"), "c-1", n), &"cough ".repeat(40))).collect();
    vault.apply(&[CacheChange::Consultation(mine("c-1", ConsultationStatus::Assigned))]).unwrap();
    vault.apply(&messages).unwrap();
    for n in 0..60 {
        let mut row = outgoing(&format!("e-{n}"), "c-1");
        row.text = "take rest ".repeat(30);
        vault.enqueue(&row, &entry("message.create")).unwrap();
    }
    drop(vault);
    let dir = home.path().join("person");
    assert!(!dir.join("cache.db-wal").exists() && !dir.join("ledger.db-wal").exists());
    (home, dir)
}

/// Opening fails in this way, and changes nothing.
fn refuses(dir: &Path, key: &VaultKey, is: impl Fn(&OpenError) -> bool) {
    let before = bytes_of(dir);
    let error = Vault::open(dir, key).unwrap_err();
    assert!(is(&error), "{error:?}");
    assert!(before == bytes_of(dir), "refused, and yet changed");
}

fn raw(dir: &Path, file: &str) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(dir.join(file)).unwrap();
    connection.execute_batch(&format!("PRAGMA key = \"x'{}'\"", *key().to_text())).unwrap();
    connection
}

/// Makes the file one that has had steps which we do not know, and that is not for us.
fn from_a_newer_program(dir: &Path, file: &str) {
    let statements = "PRAGMA user_version = 99; UPDATE compatibility SET opens_from = 99";
    raw(dir, file).execute_batch(statements).unwrap();
}

#[test]
fn nothing_is_readable_on_the_disk() {
    let (home, vault) = vault();
    let mut request = consultation("canary-consultation");
    request.description = "canary-description".to_owned();
    let mut letter = message("canary-message", "canary-consultation", 1);
    letter.content = "canary-content".to_owned();
    let mut row = outgoing("canary-envelope", "canary-consultation");
    row.text = "canary-outgoing".to_owned();
    let mut visit = appointment("canary-appointment", 1);
    visit.notes = "canary-notes".to_owned();
    let mut doctor = physician("canary-physician");
    doctor.name.family = "canary-doctor".to_owned();
    vault
        .apply(&[
            CacheChange::Consultation(request),
            opened(letter, "canary-text"),
            CacheChange::Appointment(visit),
            CacheChange::Patient(patient("canary-patient", "canary-name")),
            CacheChange::Physicians(vec![doctor]),
            CacheChange::MessageKey {
                consultation: c("c-1"),
                kid: "canary-kid".to_owned(),
                key: b"canary-key-canary-key-canary-key".to_vec().into(),
            },
            CacheChange::LastEvent(Some("canary-event".to_owned())),
        ])
        .unwrap();
    vault.enqueue(&row, &entry("message.create")).unwrap();
    vault.save_draft(&c("c-2"), "canary-draft", at(1)).unwrap();
    let dir = home.path().join("person");
    let clear = |bytes: &[u8]| {
        let key_text = key().to_text();
        [b"canary".as_slice(), b"penicillin", b"outbox", b"SQLite", key_text.as_bytes(), b"golden key"]
            .into_iter()
            .any(|word| bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word)))
    };
    let scan = |moment: &str| {
        for (name, bytes) in bytes_of(&dir) {
            assert!(!clear(&bytes), "{name} {moment}");
        }
    };
    assert!(bytes_of(&dir).contains_key("cache.db-wal"));
    scan("while open");
    drop(vault);
    scan("when closed");
    // And the search itself can fail: the same scan finds what is in the clear.
    assert!(clear(b"..CANARY.."));
}

#[test]
fn several_threads_read_while_one_writes() {
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let (_home, vault) = vault();
    is_shared(&vault);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                // A batch is there as a whole or not at all, at whatever moment one looks.
                while vault.messages(&c("c-1"), 500).unwrap().0.len() < 200 {
                    let (seen, _) = vault.messages(&c("c-1"), 500).unwrap();
                    assert_eq!(seen.len() % 20, 0);
                }
            });
        }
        for batch in 0..10 {
            let batch: Vec<_> =
                (0..20).map(|n| opened(message(&format!("m-{batch}-{n}"), "c-1", n), "text")).collect();
            vault.apply(&batch).unwrap();
        }
    });
}

#[cfg(unix)]
#[test]
fn only_their_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let (home, vault) = vault();
    vault.apply(&[CacheChange::Consultation(consultation("c-1"))]).unwrap();
    let dir = home.path().join("person");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn what_was_written_is_there_at_the_next_start() {
    let (_home, dir) = filled();
    assert!(Vault::exists(&dir));
    let vault = Vault::open(&dir, &key()).unwrap();
    assert_eq!(vault.messages(&c("c-1"), 500).unwrap().0.len(), 300);
    assert_eq!(vault.outbox(None).unwrap().len(), 60);
    vault.check().unwrap();
}

#[test]
fn a_first_start_is_told_from_lost_files() {
    let home = tempfile::tempdir().unwrap();
    assert!(!Vault::exists(home.path()));
    assert!(!Vault::exists(&home.path().join("nowhere")));
}

#[test]
fn a_wrong_key_is_told_from_damage() {
    let (_home, dir) = filled();
    let wrong = VaultKey::from_bytes([9; 32]);
    refuses(&dir, &wrong, |error| matches!(error, OpenError::WrongKey));
    // Also where the header is lost, and both files could as well be damaged.
    let header = fs::read(dir.join("vault.json")).unwrap();
    fs::write(dir.join("vault.json"), b"{").unwrap();
    refuses(&dir, &wrong, |error| matches!(error, OpenError::WrongKey));
    fs::remove_file(dir.join("vault.json")).unwrap();
    refuses(&dir, &wrong, |error| matches!(error, OpenError::WrongKey));
    drop(Vault::open(&dir, &key()).unwrap());
    assert_eq!(fs::read(dir.join("vault.json")).unwrap(), header);
}

#[test]
fn a_damaged_cache_is_put_aside_and_nothing_unsent_is_touched() {
    let (_home, dir) = filled();
    let ledger = fs::read(dir.join("ledger.db")).unwrap();
    spoil(&dir.join("cache.db"));
    let spoiled = fs::read(dir.join("cache.db")).unwrap();
    refuses(&dir, &key(), |error| matches!(error, OpenError::CacheDamaged));
    Vault::set_cache_aside(&dir, at(1)).unwrap();
    assert_eq!(fs::read(dir.join("ledger.db")).unwrap(), ledger);
    let aside = dir.join(format!("cache.db.damaged-{}", at(1).millis()));
    assert!(fs::read(aside).unwrap() == spoiled);
    let vault = Vault::open(&dir, &key()).unwrap();
    assert_eq!(vault.outbox(None).unwrap().len(), 60);
    assert_eq!(vault.consultation(&c("c-1")).unwrap(), None);
    assert_eq!(vault.last_event().unwrap(), None);
}

#[test]
fn a_damaged_ledger_is_named_and_left_alone() {
    let (_home, dir) = filled();
    spoil(&dir.join("ledger.db"));
    refuses(&dir, &key(), |error| matches!(error, OpenError::LedgerDamaged));
    // Putting the cache aside does not make a way around it.
    Vault::set_cache_aside(&dir, at(1)).unwrap();
    refuses(&dir, &key(), |error| matches!(error, OpenError::LedgerDamaged));
}

#[test]
fn damage_of_every_kind_is_noticed() {
    type Spoil = fn(&mut Vec<u8>);
    let kinds: [(&str, Spoil); 5] = [
        ("the first page", |bytes| bytes[20] ^= 1),
        ("one bit of the last page", |bytes| {
            let last = bytes.len() - 100;
            bytes[last] ^= 1;
        }),
        ("cut within a page", |bytes| bytes.truncate(bytes.len() - 1000)),
        ("cut between pages", |bytes| bytes.truncate(bytes.len() / 4096 / 2 * 4096)),
        ("two pages swapped", |bytes| {
            let (left, right) = bytes.split_at_mut(3 * 4096);
            left[4096..2 * 4096].swap_with_slice(&mut right[..4096]);
        }),
    ];
    for (what, spoil) in kinds {
        for file in ["cache.db", "ledger.db"] {
            let (_home, dir) = filled();
            let mut bytes = fs::read(dir.join(file)).unwrap();
            spoil(&mut bytes);
            fs::write(dir.join(file), bytes).unwrap();
            let is_named = |error: &OpenError| match file {
                "cache.db" => matches!(error, OpenError::CacheDamaged),
                _ => matches!(error, OpenError::LedgerDamaged),
            };
            let error = Vault::open(&dir, &key()).unwrap_err();
            assert!(is_named(&error), "{what} of {file}: {error:?}");
        }
    }
}

#[test]
fn a_ledger_that_vanished_is_not_replaced_by_an_empty_one() {
    let (_home, dir) = filled();
    for emptied in [false, true] {
        fs::remove_file(dir.join("ledger.db")).unwrap();
        if emptied {
            fs::write(dir.join("ledger.db"), b"").unwrap();
        } else {
            refuses(&dir, &key(), |error| matches!(error, OpenError::LedgerDamaged));
            fs::write(dir.join("ledger.db"), b"").unwrap();
        }
        refuses(&dir, &key(), |error| matches!(error, OpenError::LedgerDamaged));
    }
}

#[test]
fn damage_that_comes_while_the_program_runs_is_named() {
    let (_home, dir) = filled();
    let vault = Vault::open(&dir, &key()).unwrap();
    spoil(&dir.join("cache.db"));
    let error = vault.messages(&c("c-1"), 500).unwrap_err();
    assert!(matches!(error, VaultError::Damaged { file: DamagedFile::Cache }), "{error:?}");
    let error = vault.check().unwrap_err();
    assert!(matches!(error, VaultError::Damaged { file: DamagedFile::Cache }), "{error:?}");
    // The other file goes on.
    vault.save_draft(&c("c-1"), "still here", at(1)).unwrap();
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "still here");
}

#[test]
fn files_of_a_newer_program_are_left_alone() {
    for file in ["cache.db", "ledger.db"] {
        let (_home, dir) = filled();
        from_a_newer_program(&dir, file);
        refuses(&dir, &key(), |error| matches!(error, OpenError::FromNewerVersion));
    }
    let (_home, dir) = filled();
    fs::write(dir.join("vault.json"), br#"{"format":3,"slots":[]}"#).unwrap();
    refuses(&dir, &key(), |error| matches!(error, OpenError::FromNewerVersion));
}

#[test]
fn a_refusal_leaves_an_unfinished_write_ahead_log_alone() {
    let (home, dir) = filled();
    let vault = Vault::open(&dir, &key()).unwrap();
    vault.apply(&[CacheChange::SyncedAt(at(1))]).unwrap();
    from_a_newer_program(&dir, "cache.db");
    let dead = home.path().join("dead");
    fs::create_dir(&dead).unwrap();
    for (name, bytes) in bytes_of(&dir) {
        fs::write(dead.join(name), bytes).unwrap();
    }
    assert!(bytes_of(&dead)["cache.db-wal"].len() > 4096);
    refuses(&dead, &key(), |error| matches!(error, OpenError::FromNewerVersion));
}

#[test]
fn a_change_that_was_cut_off_is_undone_at_the_next_start() {
    let (home, dir) = filled();
    // Another journal mode, in which a change goes into the file itself, and what was there before into a journal.
    let half_done = raw(&dir, "ledger.db");
    half_done.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).unwrap();
    half_done
        .execute_batch("PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE outbox SET text = 'lost'")
        .unwrap();
    let dead = home.path().join("dead");
    fs::create_dir(&dead).unwrap();
    for (name, bytes) in bytes_of(&dir) {
        fs::write(dead.join(name), bytes).unwrap();
    }
    assert!(bytes_of(&dead)["ledger.db-journal"].len() > 4096);
    let vault = Vault::open(&dead, &key()).unwrap();
    let outbox = vault.outbox(None).unwrap();
    assert_eq!(outbox.len(), 60);
    assert!(outbox.iter().all(|row| row.text.starts_with("take rest")));
}

#[test]
fn a_damaged_log_costs_nothing_that_a_person_did() {
    let (home, vault) = vault();
    vault.apply(&[CacheChange::Consultation(mine("c-1", ConsultationStatus::Assigned))]).unwrap();
    for n in 0..3 {
        vault.enqueue(&outgoing(&format!("e-{n}"), "c-1"), &entry("message.create")).unwrap();
    }
    // The program is killed here: its files stay as they are at this moment.
    let dead = home.path().join("dead");
    fs::create_dir(&dead).unwrap();
    for (name, bytes) in bytes_of(&home.path().join("person")) {
        fs::write(dead.join(name), bytes).unwrap();
    }
    // SQLite takes a log that does not add up for one that was never finished, and says nothing.
    if fs::metadata(dead.join("ledger.db-wal")).is_ok_and(|log| log.len() > 0) {
        spoil(&dead.join("ledger.db-wal"));
    }
    let vault = Vault::open(&dead, &key()).unwrap();
    assert_eq!(vault.outbox(None).unwrap().len(), 3);
}

/// The directory belongs to somebody without rights to write in it. An administrator may write anywhere, so there
/// the test hands its own program to `nobody`.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_cannot_be_written_is_named() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    const TOLD: &str = "CHATEHR_TEST_READ_ONLY_DIR";
    let expect_refusal = |dir: &Path| {
        let error = Vault::open(dir, &key()).unwrap_err();
        assert!(matches!(error, OpenError::ReadOnly), "{error:?}");
    };
    if let Some(dir) = std::env::var_os(TOLD) {
        return expect_refusal(Path::new(&dir));
    }
    let (home, dir) = filled();
    let lock = |dir_mode: u32, file_mode: u32| {
        for entry in fs::read_dir(&dir).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(file_mode)).unwrap();
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(dir_mode)).unwrap();
    };
    let administrator = fs::metadata(&dir).unwrap().uid() == 0;
    let program = home.path().join("test");
    if administrator {
        const NOBODY: u32 = 65534;
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for entry in fs::read_dir(&dir).unwrap() {
            chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    for (dir_mode, file_mode) in [(0o500, 0o600), (0o700, 0o400), (0o500, 0o400)] {
        lock(0o700, 0o600);
        let before = bytes_of(&dir);
        lock(dir_mode, file_mode);
        if administrator {
            let run = std::process::Command::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
                .arg(&program)
                .args(["--exact", "a_directory_that_cannot_be_written_is_named"])
                .env(TOLD, &dir)
                .current_dir(home.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && said.contains("1 passed"), "{said}");
        } else {
            expect_refusal(&dir);
        }
        lock(0o700, 0o600);
        assert!(before == bytes_of(&dir), "refused, and yet changed");
    }
}
