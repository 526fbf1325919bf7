//! A backup brings everything back on another machine, by the code alone, or says why not and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chatehr_contract::ConsultationStatus;
use chatehr_vault::{
    CacheChange, SlotError, Vault, VaultKey,
    backup::{BackupError, backup, restore},
    rekey,
    slots::{self, Passphrase, RecoveryCode, Secret},
};
use common::{at, bytes_of, c, entry, key, message, mine, opened, outgoing};

struct Person {
    home: tempfile::TempDir,
    dir: PathBuf,
    code: RecoveryCode,
}

impl Person {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("person");
        let vault = Vault::open(&dir, &key()).unwrap();
        vault.apply(&[CacheChange::Consultation(mine("c-1", ConsultationStatus::Assigned))]).unwrap();
        let messages: Vec<_> =
            (0..50).map(|n| opened(message(&format!("m-{n}"), "c-1", n), &"cough ".repeat(40))).collect();
        vault.apply(&messages).unwrap();
        for n in 0..20 {
            vault.enqueue(&outgoing(&format!("e-{n}"), "c-1"), &entry("message.create")).unwrap();
        }
        vault.save_draft(&c("c-1"), "half a sentence", at(1)).unwrap();
        drop(vault);
        let code = slots::add_recovery(&dir, &key(), "in the safe", at(2), [2; 32]).unwrap();
        Self { home, dir, code }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn by_code(&self) -> Secret<'_> {
        Secret::Recovery(&self.code)
    }

    /// Restoring fails in this way, and leaves nothing.
    fn refuses(&self, from: &Path, secret: Secret<'_>, is: impl Fn(&BackupError) -> bool) {
        let before = names_in(self.home.path());
        let error = restore(from, &self.place("nowhere"), secret).unwrap_err();
        assert!(is(&error), "{error:?}");
        assert_eq!(before, names_in(self.home.path()), "refused, and yet something is there");
    }
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn holds_everything(dir: &Path, key: &VaultKey, with_cache: bool) {
    let vault = Vault::open(dir, key).unwrap();
    assert_eq!(vault.outbox(None).unwrap().len(), 20);
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "half a sentence");
    let (messages, _) = vault.messages(&c("c-1"), 500).unwrap();
    assert_eq!(messages.len(), if with_cache { 50 } else { 0 });
    assert_eq!(vault.search("cough", 99).unwrap().len(), messages.len());
    vault.check().unwrap();
}

#[test]
fn a_backup_comes_back_on_another_machine_by_the_code_alone() {
    let person = Person::new();
    for with_cache in [false, true] {
        let (file, dir) =
            (person.place(&format!("backup-{with_cache}.tar")), person.place(&format!("{with_cache}/dir")));
        backup(&person.dir, &key(), &file, with_cache, at(9)).unwrap();
        let restored = restore(&file, &dir, person.by_code()).unwrap();
        holds_everything(&dir, &restored, with_cache);
        // The slots came along, and nothing was left beside the directory.
        slots::test(&dir, person.by_code()).unwrap();
        assert_eq!(names_in(dir.parent().unwrap()), ["dir"]);
    }
    assert_eq!(
        names_in(&person.dir),
        ["cache.db", "ledger.db", "vault.json", "vault.json.lock", "vault.lock"]
    );
}

#[test]
fn a_backup_is_made_while_the_files_are_open_and_written() {
    let person = Person::new();
    let vault = Vault::open(&person.dir, &key()).unwrap();
    let file = person.place("backup.tar");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for n in 100..160 {
                vault.enqueue(&outgoing(&format!("e-{n}"), "c-2"), &entry("message.create")).unwrap();
            }
        });
        backup(&person.dir, &key(), &file, true, at(9)).unwrap();
        writing.join().unwrap();
    });
    let dir = person.place("restored");
    let restored = Vault::open(&dir, &restore(&file, &dir, person.by_code()).unwrap()).unwrap();
    // A moment: the first so many of them, and no gap.
    let there: Vec<_> = restored.outbox(Some(&c("c-2"))).unwrap();
    for (n, row) in (100..).zip(&there) {
        assert_eq!(row.envelope_id.as_str(), format!("e-{n}"));
    }
    assert_eq!(vault.outbox(None).unwrap().len(), 80);
}

#[test]
fn a_backup_shows_nothing_to_who_has_no_code() {
    let person = Person::new();
    let file = person.place("backup.tar");
    backup(&person.dir, &key(), &file, true, at(9)).unwrap();
    let bytes = fs::read(&file).unwrap();
    for word in [b"cough".as_slice(), b"half a sentence", b"outbox", b"SQLite", key().to_text().as_bytes()] {
        assert!(!bytes.windows(word.len()).any(|window| window == word));
    }
    let manifest = b"\"seal\"";
    assert!(bytes.windows(manifest.len()).any(|window| window == manifest), "the search can find something");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn nothing_is_ever_written_over() {
    let person = Person::new();
    let file = person.place("backup.tar");
    fs::write(&file, "something else").unwrap();
    assert!(matches!(backup(&person.dir, &key(), &file, false, at(9)), Err(BackupError::Occupied)));
    assert_eq!(fs::read_to_string(&file).unwrap(), "something else");
    fs::remove_file(&file).unwrap();
    backup(&person.dir, &key(), &file, false, at(9)).unwrap();
    let before = bytes_of(&person.dir);
    let refused = restore(&file, &person.dir, person.by_code()).unwrap_err();
    assert!(matches!(refused, BackupError::Occupied), "{refused:?}");
    assert!(before == bytes_of(&person.dir));
    // Also a directory of which the program knows nothing.
    let foreign = person.place("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("letter.txt"), "hello").unwrap();
    let refused = restore(&file, &foreign, person.by_code()).unwrap_err();
    assert!(matches!(refused, BackupError::Occupied), "{refused:?}");
    assert_eq!(names_in(&foreign), ["letter.txt"]);
    assert!(!person.place("foreign.restoring").exists());
    // An empty one is no hindrance.
    let empty = person.place("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("vault.lock"), "").unwrap();
    holds_everything(&empty, &restore(&file, &empty, person.by_code()).unwrap(), false);
}

#[test]
fn a_backup_that_nothing_would_open_is_not_made() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    drop(Vault::open(&dir, &key()).unwrap());
    let file = home.path().join("backup.tar");
    assert!(matches!(backup(&dir, &key(), &file, false, at(9)), Err(BackupError::NoSlot)));
    let stranger = VaultKey::from_bytes([9; 32]);
    let refused = backup(&dir, &stranger, &file, false, at(9)).unwrap_err();
    assert!(matches!(refused, BackupError::Slots(SlotError::WrongKey)), "{refused:?}");
    assert_eq!(names_in(home.path()), ["person"]);
}

#[test]
fn the_wrong_secret_is_told_from_a_damaged_backup() {
    let person = Person::new();
    let file = person.place("backup.tar");
    backup(&person.dir, &key(), &file, true, at(9)).unwrap();
    let other = RecoveryCode::parse(
        &slots::add_recovery(&Person::new().dir, &key(), "", at(1), [7; 32]).unwrap().to_text(),
    );
    person.refuses(&file, Secret::Recovery(&other.unwrap()), |error| {
        matches!(error, BackupError::Slots(SlotError::WrongCode))
    });
    let passphrase = Passphrase::new("correct horse battery staple");
    person.refuses(&file, Secret::Passphrase(&passphrase), |error| {
        matches!(error, BackupError::Slots(SlotError::NoSuchSlot))
    });
    fs::write(person.place("letter.txt"), "Dear colleague, ".repeat(100)).unwrap();
    person.refuses(&person.place("letter.txt"), person.by_code(), |error| {
        matches!(error, BackupError::Damaged)
    });
    fs::write(person.place("empty"), "").unwrap();
    person.refuses(&person.place("empty"), person.by_code(), |error| matches!(error, BackupError::Damaged));
}

#[test]
fn a_backup_that_was_cut_or_altered_anywhere_is_refused() {
    let person = Person::new();
    let (file, spoiled) = (person.place("backup.tar"), person.place("spoiled.tar"));
    backup(&person.dir, &key(), &file, false, at(9)).unwrap();
    let bytes = fs::read(&file).unwrap();
    for length in (0..bytes.len() - 1024).step_by(1531) {
        fs::write(&spoiled, &bytes[..length]).unwrap();
        person.refuses(&spoiled, person.by_code(), |error| {
            matches!(error, BackupError::Damaged | BackupError::Slots(_))
        });
    }
    let mut noticed = 0;
    // The last 1,024 bytes are the archive's empty end.
    for place in (0..bytes.len() - 1024).step_by(419) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        fs::write(&spoiled, &flipped).unwrap();
        match restore(&spoiled, &person.place("there"), person.by_code()) {
            Err(error) => {
                assert!(!matches!(error, BackupError::Occupied), "{place}: {error:?}");
                noticed += 1;
            }
            // What pads a member to a full block, and a label, mean nothing.
            Ok(key) => {
                holds_everything(&person.place("there"), &key, false);
                fs::remove_dir_all(person.place("there")).unwrap();
            }
        }
    }
    assert!(noticed > 80, "{noticed}");
}

#[test]
fn members_that_do_not_belong_are_refused() {
    let person = Person::new();
    let file = person.place("backup.tar");
    backup(&person.dir, &key(), &file, false, at(9)).unwrap();
    let forged = person.place("forged.tar");
    let forge = |change: &dyn Fn(&mut tar::Header, &str) -> String, extra: bool| {
        let mut archive = tar::Builder::new(fs::File::create(&forged).unwrap());
        let mut original = tar::Archive::new(fs::File::open(&file).unwrap());
        for entry in original.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut header = entry.header().clone();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let name = change(&mut header, &name);
            header.as_ustar_mut().unwrap().name = [0; 100];
            header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, &mut entry).unwrap();
        }
        if extra {
            let mut header = tar::Header::new_ustar();
            header.set_size(2);
            archive.append_data(&mut header, "more.txt", b"hi".as_slice()).unwrap();
        }
        archive.finish().unwrap();
    };
    forge(&|_, name| name.to_owned(), false);
    restore(&forged, &person.place("sound"), person.by_code()).unwrap();
    let outside = |name: &str| name.replace("ledger.db", "../outside.db");
    let is_damaged = |error: &BackupError| matches!(error, BackupError::Damaged);
    forge(&|_, name| outside(name), false);
    person.refuses(&forged, person.by_code(), is_damaged);
    forge(&|_, name| name.to_owned(), true);
    person.refuses(&forged, person.by_code(), is_damaged);
    let link = |header: &mut tar::Header, name: &str| {
        if name == "ledger.db" {
            header.set_entry_type(tar::EntryType::Symlink);
        }
        name.to_owned()
    };
    forge(&link, false);
    person.refuses(&forged, person.by_code(), is_damaged);
    assert!(!person.place("outside.db").exists());
}

#[test]
fn a_backup_from_before_a_re_key_still_opens_by_its_own_slots() {
    let person = Person::new();
    let file = person.place("backup.tar");
    backup(&person.dir, &key(), &file, false, at(9)).unwrap();
    rekey(&person.dir, &key(), &VaultKey::from_bytes([4; 32]), None, at(10), [5; 32]).unwrap();
    let dir = person.place("restored");
    let restored = restore(&file, &dir, person.by_code()).unwrap();
    assert_eq!(*restored.to_text(), *key().to_text());
    holds_everything(&dir, &restored, false);
}
