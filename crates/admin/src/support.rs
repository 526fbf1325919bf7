//! `support-bundle`: how a workstation stands, in one text, for who helps. It may be asked while a person works: files that
//! are open elsewhere, or whose key the keyring does not have, are left closed and said to be.
//!
//! That it was made stands in each audit log that it could open. What the window knows beside it, its log and the figures of
//! its connection, is in the bundle that the window saves.

use std::path::Path;

use chatehr_engine::support::{Scrub, bundle, in_columns, save};
use chatehr_vault::{Vault, VaultKey, keyring::load_or_create_key};

use crate::{
    cli::SupportBundle,
    doctor,
    entry::entry,
    fault::Fault,
    files::{entry_of, name_of, people, random},
    terminal::Terminal,
    workstation::Workstation,
};

pub(crate) fn run(
    asked: &SupportBundle,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    if !asked.show && asked.file.exists() {
        return Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists).into());
    }
    let doctor = doctor::report(workstation);
    let sections = [
        ("Versions", in_columns(&[("program", env!("CARGO_PKG_VERSION").to_owned()), ("system", system())])),
        ("Settings", workstation.settings.clone()),
        ("Doctor", doctor),
        ("Records of actions", logs(workstation, !asked.show)?),
    ];
    let key = workstation.server.as_ref().ok().and_then(|config| config.api_key.as_deref());
    let home = workstation.home.as_deref().and_then(Path::to_str);
    let scrub = Scrub::new(home, key).and_names(workstation.user.as_deref());
    let text = bundle(workstation.clock.now(), &sections, &scrub);
    if asked.show {
        terminal.say(text.trim_end())?;
    } else {
        save(&asked.file, &text)?;
        terminal.complain("Written. Read it before you hand it on: it is yours to decide.")?;
    }
    Ok(true)
}

fn system() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// How far each person's log goes, by directory.
fn logs(workstation: &Workstation, on_record: bool) -> Result<String, Fault> {
    let Some(data_dir) = &workstation.data_dir else {
        return Ok("no place is known for the files".to_owned());
    };
    let mut lines = Vec::new();
    for dir in people(data_dir)? {
        let name: String = name_of(&dir).chars().take(8).collect();
        let said = log_of(&dir, workstation, on_record).unwrap_or_else(|fault| fault.says);
        lines.push((name, said));
    }
    if lines.is_empty() {
        return Ok("nobody has files on this workstation yet".to_owned());
    }
    let lines: Vec<(&str, String)> = lines.iter().map(|(name, said)| (name.as_str(), said.clone())).collect();
    Ok(in_columns(&lines))
}

fn log_of(dir: &Path, workstation: &Workstation, on_record: bool) -> Result<String, Fault> {
    if Vault::is_in_use(dir)? {
        return Ok("open in a program now".to_owned());
    }
    // There are files, so none is made.
    let key = load_or_create_key(
        &workstation.keyring,
        &entry_of(dir),
        dir,
        VaultKey::from_bytes(random(workstation)?),
        workstation.clock.now(),
    )?;
    let vault = Vault::open(dir, &key)?;
    if on_record {
        vault.record(&[entry(workstation, "support.export", &[])?])?;
    }
    let device = vault.device()?;
    Ok(format!(
        "{} entries, head {}, vouched for up to {}",
        device.head.count, device.head.hash, device.anchored
    ))
}
