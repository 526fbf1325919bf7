//! A full disk, a directory that cannot be written, and two programs at once: told, and nothing lost.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use chatehr_vault::{
    Obstacle, OpenError, RekeyError, SlotError, Vault, VaultError, VaultKey,
    backup::{BackupError, backup},
    rekey, slots,
};
use common::{at, c, key};

/// A disk of its own, so small that it is soon full.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where one may not mount.
    fn new(home: &Path, size: &str) -> Option<Self> {
        let place = home.join("disk");
        fs::create_dir(&place).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "none"])
            .arg(&place)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        eprintln!("not run: may not mount a file system");
        None
    }

    /// To the last page: the system counts them on each processor apart, so each has to find that there is none left.
    fn fill(&self) {
        for round in 0..2 {
            for processor in 0..thread::available_parallelism().unwrap().get() {
                let file = self.0.join(format!("filling-{round}-{processor}"));
                let filled = Command::new("taskset")
                    .args(["-c", &processor.to_string(), "dd", "if=/dev/zero", "bs=4096"])
                    .arg(format!("of={}", file.display()))
                    .stderr(Stdio::null())
                    .status();
                assert!(!filled.unwrap().success(), "a full disk is what ends it");
            }
        }
    }

    /// Until there is room again, for the same reason.
    fn clear(&self) {
        for entry in fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.file_name().unwrap().to_string_lossy().starts_with("filling") {
                fs::remove_file(entry).unwrap();
            }
        }
        let probe = self.0.join("probe");
        while fs::write(&probe, vec![1; 512 * 1024]).is_err() {}
        fs::remove_file(&probe).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_stops_a_change_and_costs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::new(home.path(), "2m") else { return };
    let dir = disk.0.join("person");
    let vault = Vault::open(&dir, &key()).unwrap();
    vault.save_draft(&c("c-1"), "half a sentence", at(1)).unwrap();
    drop(vault);
    let code = slots::add_recovery(&dir, &key(), "", at(1), [1; 32]).unwrap();
    let header = fs::read(dir.join("vault.json")).unwrap();
    disk.fill();
    match Vault::open(&dir, &key()) {
        // It may have all the room that reading needs.
        Ok(vault) => {
            assert_eq!(vault.draft(&c("c-1")).unwrap(), "half a sentence");
            let refused = vault.save_draft(&c("c-1"), &"more ".repeat(100_000), at(1));
            assert!(matches!(refused, Err(VaultError::DiskFull)), "{refused:?}");
        }
        refused => assert!(matches!(refused, Err(OpenError::DiskFull)), "{refused:?}"),
    }
    let refused = slots::add_recovery(&dir, &key(), "", at(1), [2; 32]).unwrap_err();
    assert!(matches!(refused, SlotError::DiskFull), "{refused:?}");
    let refused = rekey(&dir, &key(), &VaultKey::from_bytes([2; 32]), None, at(1), [3; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::Files(OpenError::DiskFull)), "{refused:?}");
    for (from, to) in [(&dir, home.path().join("elsewhere.tar")), (&dir, disk.0.join("here.tar"))] {
        let refused = backup(from, &key(), &to, true, at(1)).unwrap_err();
        assert!(matches!(refused, BackupError::Files(OpenError::DiskFull)), "{refused:?}");
        assert!(!to.exists());
    }
    assert_eq!(fs::read(dir.join("vault.json")).unwrap(), header);
    disk.clear();
    let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| {
        !name.to_string_lossy().ends_with("-wal") && !name.to_string_lossy().ends_with("-shm")
    });
    names.sort();
    assert_eq!(names, ["cache.db", "ledger.db", "vault.json", "vault.json.lock", "vault.lock"]);
    let unlocked = slots::unlock_with_recovery(&dir, &code).unwrap();
    assert_eq!(Vault::open(&dir, &unlocked).unwrap().draft(&c("c-1")).unwrap(), "half a sentence");
    // With room again everything works without a restart.
    rekey(&dir, &unlocked, &VaultKey::from_bytes([2; 32]), None, at(1), [3; 32]).unwrap();
    backup(&dir, &VaultKey::from_bytes([2; 32]), &home.path().join("elsewhere.tar"), true, at(1)).unwrap();
}

#[test]
fn a_disk_that_cannot_be_written_still_unlocks_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::new(home.path(), "2m") else { return };
    let dir = disk.0.join("person");
    drop(Vault::open(&dir, &key()).unwrap());
    let code = slots::add_recovery(&dir, &key(), "", at(1), [1; 32]).unwrap();
    let remount = |how: &str| {
        let status = Command::new("mount").args(["-o", how]).arg(&disk.0).status().unwrap();
        assert!(status.success());
    };
    remount("remount,ro");
    let unlocked = slots::unlock_with_recovery(&dir, &code).unwrap();
    assert!(matches!(Vault::open(&dir, &unlocked), Err(OpenError::ReadOnly)));
    let refused = slots::add_recovery(&dir, &key(), "", at(1), [2; 32]).unwrap_err();
    assert!(matches!(refused, SlotError::ReadOnly), "{refused:?}");
    let refused = rekey(&dir, &key(), &VaultKey::from_bytes([2; 32]), None, at(1), [3; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::Files(OpenError::ReadOnly)), "{refused:?}");
    remount("remount,rw");
    drop(Vault::open(&dir, &unlocked).unwrap());
}

/// Holds the files open until it is told to end, or killed.
#[test]
fn a_second_program_is_told_that_the_files_are_in_use_until_the_first_is_gone() {
    const TOLD: &str = "CHATEHR_TEST_HELD_DIR";
    if let Some(dir) = std::env::var_os(TOLD) {
        let _vault = Vault::open(Path::new(&dir), &key()).unwrap();
        eprintln!("open");
        std::thread::park();
    }
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("person");
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_second_program_is_told_that_the_files_are_in_use_until_the_first_is_gone"])
        .arg("--nocapture")
        .env(TOLD, &dir)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(other.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert_eq!(said, "open");
    let refused = Vault::open(&dir, &key()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse), "{refused:?}");
    assert_eq!(Obstacle::from(&refused), Obstacle::InUse);
    let refused = rekey(&dir, &key(), &VaultKey::from_bytes([2; 32]), None, at(1), [3; 32]).unwrap_err();
    assert!(matches!(refused, RekeyError::Files(OpenError::InUse)), "{refused:?}");
    other.kill().unwrap();
    other.wait().unwrap();
    let vault = Vault::open(&dir, &key()).unwrap();
    // Within one program as well: a clone shares, a second opening waits for the last to go.
    let last = vault.clone();
    drop(vault);
    assert!(matches!(Vault::open(&dir, &key()), Err(OpenError::InUse)));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            drop(last);
        });
        drop(Vault::open(&dir, &key()).unwrap());
    });
}
