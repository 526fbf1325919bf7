//! What still reads of a damaged ledger is saved beside it; the damaged one stays as it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{fs, path::PathBuf};

use chatehr_audit::{Criteria, Entry, Expectations, NewEntry};
use chatehr_contract::ErrorCode;
use chatehr_vault::{
    OpenError, OutboxRow, OutboxState, SalvageError, Salvaged, Vault, VaultKey, salvage,
    slots::{self, RecoveryCode},
};
use common::{at, bytes_of, c, doubt, e, entry, key, outgoing};

/// A ledger of some size, and what is in it.
struct Person {
    home: tempfile::TempDir,
    dir: PathBuf,
    code: RecoveryCode,
    outbox: Vec<OutboxRow>,
    entries: Vec<Entry>,
}

impl Person {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("person");
        let vault = Vault::open(&dir, &key()).unwrap();
        for n in 0..40 {
            let mut row = outgoing(&format!("e-{n}"), &format!("c-{}", n % 4));
            row.text = format!("{n}: {}", "take rest ".repeat(60));
            vault.enqueue(&row, &entry("message.create")).unwrap();
        }
        vault.begin_attempt(&e("e-0"), Some("sealed words"), at(1)).unwrap();
        vault.stick(&e("e-1"), ErrorCode::Forbidden, None, false).unwrap();
        for n in 0..20 {
            vault.save_draft(&c(&format!("c-{n}")), &"half a sentence ".repeat(50), at(n)).unwrap();
            vault.mark_read(&c(&format!("c-{n}")), at(n)).unwrap();
        }
        vault.record(&vec![entry("consultation.read"); 100]).unwrap();
        for n in 0..5 {
            vault.begin_asking(&doubt(&format!("d-{n}"), "c-1"), &entry("consultation.decline.ask")).unwrap();
        }
        vault.know_server(&[7; 32]).unwrap();
        let code = slots::add_recovery(&dir, &key(), "in the safe", at(2), [2; 32]).unwrap();
        drop(vault);
        // As it is found at the next start.
        let vault = Vault::open(&dir, &key()).unwrap();
        let outbox = vault.outbox(None).unwrap();
        let mut entries = vault.search_audit(&Criteria::default(), None, 500).unwrap();
        entries.reverse();
        drop(vault);
        Self { home, dir, code, outbox, entries }
    }

    fn pages(&self) -> usize {
        fs::read(self.dir.join("ledger.db")).unwrap().len() / 4096
    }

    /// With this page spoilt; back as it was after.
    fn with_spoilt_page<T>(&self, page: usize, look: impl FnOnce(&Self) -> T) -> T {
        let ledger = self.dir.join("ledger.db");
        let sound = fs::read(&ledger).unwrap();
        let mut spoilt = sound.clone();
        spoilt[page * 4096 + 1000] ^= 4;
        fs::write(&ledger, spoilt).unwrap();
        let found = look(self);
        fs::write(&ledger, sound).unwrap();
        found
    }

    fn salvage(&self) -> Result<(Salvaged, Vec<Entry>, Vault), SalvageError> {
        let (into, before) = (self.home.path().join("saved"), bytes_of(&self.dir));
        fs::remove_dir_all(&into).ok();
        let mut lines = Vec::new();
        let saved = salvage(&self.dir, &key(), &into, &entry("vault.salvage"), &mut lines);
        assert!(before == bytes_of(&self.dir), "the damaged files were touched");
        let saved = saved.inspect_err(|_| assert!(!into.exists(), "something is left of nothing"))?;
        let entries = serde_json::Deserializer::from_slice(&lines).into_iter().map(Result::unwrap).collect();
        // The person's own code opens what was saved.
        let vault = Vault::open(&into, &slots::unlock_with_recovery(&into, &self.code).unwrap()).unwrap();
        let mut names: Vec<_> = bytes_of(&into).into_keys().filter(|name| !name.ends_with("-wal")).collect();
        names.sort();
        assert_eq!(names, ["cache.db", "ledger.db", "vault.json"]);
        vault.check().unwrap();
        assert_eq!(vault.verify_audit(&Expectations::default()).unwrap().head.count, 1);
        Ok((saved, entries, vault))
    }
}

#[test]
fn a_sound_ledger_is_saved_whole() {
    let person = Person::new();
    let (saved, entries, vault) = person.salvage().unwrap();
    for (part, rows) in [
        (saved.outbox, 40),
        (saved.drafts, 20),
        (saved.read_marks, 20),
        (saved.doubts, 5),
        (saved.audit, 145),
    ] {
        assert_eq!((part.read, part.whole), (rows, true));
    }
    assert_eq!(vault.outbox(None).unwrap(), person.outbox);
    assert_eq!(entries, person.entries);
    assert_eq!(vault.doubts().unwrap().len(), 5);
    assert_eq!(vault.read_mark(&c("c-7")).unwrap(), Some(at(7)));
    assert_eq!(vault.device().unwrap().server_key, Some([7; 32]), "whom it trusts stays");
    let first = &vault.search_audit(&Criteria::default(), None, 1).unwrap()[0].said;
    assert_eq!(first.action, "vault.salvage");
    assert_eq!(first.objects, ["40 messages", "20 drafts", "20 read marks", "5 doubts", "145 audit entries"]);
}

#[test]
fn whichever_page_is_damaged_what_stands_on_the_others_is_saved() {
    let person = Person::new();
    let (mut nothing, mut lost_somewhere) = (0, 0);
    // `cargo xtask faults` takes every page.
    for page in (0..person.pages()).step_by(4) {
        person.with_spoilt_page(page, |person| {
            assert!(matches!(Vault::open(&person.dir, &key()), Err(OpenError::LedgerDamaged)), "page {page}");
            let (saved, entries, vault) = match person.salvage() {
                Ok(found) => found,
                Err(SalvageError::NothingReads) => return nothing += 1,
                Err(error) => panic!("page {page}: {error:?}"),
            };
            let parts = [saved.outbox, saved.drafts, saved.read_marks, saved.doubts, saved.audit];
            let lossy = parts.iter().filter(|part| !part.whole).count();
            assert!(lossy <= 1, "page {page} belongs to one table: {saved:?}");
            lost_somewhere += lossy;
            assert!(
                saved.audit.whole || saved.audit.read >= 100 || saved.audit.read == 0,
                "page {page}: {saved:?}"
            );
            // What is there is as it was, in its order, and none is there twice.
            let rows = vault.outbox(None).unwrap();
            let mut originals = person.outbox.iter();
            for row in &rows {
                let original = originals.find(|original| original.envelope_id == row.envelope_id).unwrap();
                assert_eq!((&row.text, &row.sealed), (&original.text, &original.sealed));
                let waits = row.state == OutboxState::Stuck { code: ErrorCode::LedgerDamaged, detail: None };
                assert_eq!(waits, !saved.outbox.whole, "what is left of a torn queue waits for a person");
            }
            let mut originals = person.entries.iter();
            assert!(entries.iter().all(|entry| originals.any(|original| original == entry)));
            assert_eq!(entries.len() as u64, saved.audit.read);
        });
    }
    assert!(
        (1..=3).contains(&nothing),
        "only the pages that list the tables take everything along: {nothing}"
    );
    assert!(lost_somewhere >= 5, "some of the pages hold rows: {lost_somewhere}");
}

#[test]
fn several_damaged_pages_are_all_passed_over() {
    let person = Person::new();
    let ledger = person.dir.join("ledger.db");
    let mut bytes = fs::read(&ledger).unwrap();
    // Every third page behind the tables' list.
    for page in (30..person.pages()).step_by(3) {
        bytes[page * 4096 + 9] ^= 1;
    }
    fs::write(&ledger, bytes).unwrap();
    let (saved, entries, vault) = person.salvage().unwrap();
    assert!(saved.outbox.read > 0 && saved.outbox.read < 40 && !saved.outbox.whole, "{saved:?}");
    assert_eq!(vault.outbox(None).unwrap().len() as u64, saved.outbox.read);
    assert_eq!(entries.len() as u64, saved.audit.read);
}

#[test]
fn nothing_is_made_where_it_may_not_be() {
    let person = Person::new();
    let said: NewEntry = entry("vault.salvage");
    let into = person.home.path().join("saved");
    let run = |key: &VaultKey, into: &PathBuf| {
        salvage(&person.dir, key, into, &said, &mut std::io::sink()).unwrap_err()
    };
    assert!(matches!(run(&VaultKey::from_bytes([1; 32]), &into), SalvageError::WrongKey));
    assert!(!into.exists());
    assert!(matches!(run(&key(), &person.dir), SalvageError::Occupied));
    let open = Vault::open(&person.dir, &key()).unwrap();
    assert!(matches!(run(&key(), &into), SalvageError::InUse));
    drop(open);
    fs::remove_file(person.dir.join("ledger.db")).unwrap();
    assert!(matches!(run(&key(), &into), SalvageError::NothingReads));
    assert!(!into.exists());
}

/// Takes nothing.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn where_the_old_entries_cannot_be_kept_nothing_is_saved() {
    let person = Person::new();
    let into = person.home.path().join("saved");
    let refused = salvage(&person.dir, &key(), &into, &entry("vault.salvage"), &mut Full).unwrap_err();
    assert!(matches!(refused, SalvageError::Audit(_)), "{refused:?}");
    assert!(!into.exists());
}
