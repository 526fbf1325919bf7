//! `vault.json`, beside the files: their format and a check of the key.
//!
//! SQLCipher says "not a database" for a wrong key and for a damaged file alike. A person with the wrong key must
//! restore a keyring; a person with a damaged cache may fetch it again; so the two must be told apart.

use std::{fs, io, io::Write, path::Path};

use serde::{Deserialize, Serialize};

use crate::{error::OpenError, key::VaultKey, permissions};

pub(crate) const NAME: &str = "vault.json";
/// The newest format that this program knows.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    format: u32,
    key_check: String,
}

/// What the header says of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    FromNewerVersion,
    /// No header, or one that does not read: only the files themselves can tell.
    Unknown,
}

pub(crate) fn judge(dir: &Path, key: &VaultKey) -> io::Result<Verdict> {
    let bytes = match fs::read(dir.join(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Unknown),
        Err(error) => return Err(error),
    };
    // The format is read by itself first: a newer header may have nothing else in common with ours.
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return Ok(Verdict::Unknown) };
    if value
        .get("format")
        .and_then(serde_json::Value::as_u64)
        .is_some_and(|format| format > u64::from(FORMAT))
    {
        return Ok(Verdict::FromNewerVersion);
    }
    Ok(match serde_json::from_value::<Header>(value) {
        Ok(header) if header.key_check == key.check() => Verdict::Right,
        Ok(_) => Verdict::Wrong,
        Err(_) => Verdict::Unknown,
    })
}

/// Writes it whole or not at all.
pub(crate) fn write(dir: &Path, key: &VaultKey) -> Result<(), OpenError> {
    let header = Header { format: FORMAT, key_check: key.check() };
    let bytes = serde_json::to_vec(&header).map_err(|error| OpenError::Io(io::Error::other(error)))?;
    let draft = dir.join("vault.json.new");
    let mut file = permissions::own_file(&draft)?;
    file.set_len(0)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&draft, dir.join(NAME))?;
    permissions::sync_directory(dir)?;
    Ok(())
}
