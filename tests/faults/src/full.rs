//! A disk that is full at any point of a write: what is typed is kept, the reason is said, and with room again everything
//! goes on in the same program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use chatehr_audit::Expectations;
use chatehr_vault::{OpenError, Vault, VaultError};

use crate::{
    records::{at, batch, c, entry, key, outgoing},
    report::Report,
};

/// A disk of its own, so small that it is soon full.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where one may not mount.
    fn new(place: &Path) -> Option<Self> {
        fs::create_dir(place).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "none"])
            .arg(place)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(place.to_owned()))
    }

    /// Leaves this many pages free.
    fn fill(&self, free: usize) {
        let filling = self.0.join("filling");
        let mut pages = 512;
        // The system's own bookkeeping takes some of it, so it is found out how much there is.
        while fs::write(&filling, vec![1; pages * 4096]).is_err() {
            fs::remove_file(&filling).ok();
            pages -= 1;
        }
        fs::write(&filling, vec![1; pages.saturating_sub(free) * 4096]).unwrap();
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filling")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

pub(crate) fn full(place: &Path, quick: bool, report: &mut Report) {
    let home = tempfile::tempdir_in(place).unwrap();
    let (mut broken, mut times, mut refused) = (Vec::new(), 0, 0);
    for free in (0..40).step_by(if quick { 8 } else { 1 }) {
        let Some(disk) = SmallDisk::new(&home.path().join(free.to_string())) else {
            return report.line(
                "R3 a full disk",
                0,
                Vec::new(),
                "left out: may not mount a file system".to_owned(),
            );
        };
        times += 1;
        match at_the_brim(&disk, free) {
            Ok(count) => refused += count,
            Err(why) => broken.push(format!("{free} pages free: {why}")),
        }
    }
    report.line(
        "R3 a full disk, with 0 to 39 pages free",
        times,
        broken,
        format!(
            "{refused} actions refused as such, drafts kept; all went on in the same program with room again"
        ),
    );
}

/// How many actions were refused for want of room.
fn at_the_brim(disk: &SmallDisk, free: usize) -> Result<u64, String> {
    let words = |error: VaultError| format!("{error:?}");
    let dir = disk.0.join("person");
    let vault = Vault::open(&dir, &key()).map_err(|error| format!("{error:?}"))?;
    vault.apply(&batch(1)).map_err(words)?;
    vault.save_draft(&c(1), "half a sentence", at(1)).map_err(words)?;
    disk.fill(free);
    let mut refused = 0;
    // Until nothing goes any more.
    let (mut sent, mut batches) = (0, 1);
    while refused < 3 {
        let mut attempt = |done: Result<(), VaultError>, count: &mut u64| match done {
            Ok(()) => {
                *count += 1;
                Ok(())
            }
            Err(VaultError::DiskFull) => {
                refused += 1;
                Ok(())
            }
            Err(error) => Err(format!("not called a full disk: {error:?}")),
        };
        let mut row = outgoing(&format!("e-{sent}"), 1);
        row.text = "take rest ".repeat(200);
        attempt(vault.enqueue(&row, &entry("message.create", "e")), &mut sent)?;
        attempt(vault.apply(&batch(batches + 1)), &mut batches)?;
    }
    let held = |sent: u64, batches: u64| -> Result<(), String> {
        let outbox = vault.outbox(None).map_err(words)?.len() as u64;
        let draft = vault.draft(&c(1)).map_err(words)?;
        let kept = if sent == 0 { "half a sentence" } else { "" };
        let log = vault.verify_audit(&Expectations::default()).map_err(|error| format!("{error:?}"))?;
        let place = vault.last_event().map_err(words)?;
        if (outbox, log.head.count, place) == (sent, sent, Some(batches.to_string())) && draft == kept {
            Ok(())
        } else {
            Err(format!("{sent} were taken, {outbox} are there, the draft is {draft:?}"))
        }
    };
    held(sent, batches)?;
    let full = Vault::open(&disk.0.join("another"), &key());
    if !matches!(full, Err(OpenError::DiskFull)) {
        return Err(format!("another person's files: {:?}", full.map(drop)));
    }
    disk.clear();
    vault.enqueue(&outgoing("with-room", 1), &entry("message.create", "e")).map_err(words)?;
    vault.apply(&batch(batches + 1)).map_err(words)?;
    held(sent + 1, batches + 1)?;
    vault.check().map_err(words)?;
    drop(Vault::open(&disk.0.join("another"), &key()).map_err(|error| format!("with room: {error:?}"))?);
    drop(vault);
    let vault = Vault::open(&dir, &key()).map_err(|error| format!("{error:?}"))?;
    if vault.outbox(None).map_err(words)?.len() as u64 == sent + 1 {
        Ok(refused)
    } else {
        Err("lost".to_owned())
    }
}
