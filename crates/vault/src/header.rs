//! `vault.json`, beside the files: their format, a check of the key, the key slots, and whether the key is being
//! replaced.
//!
//! SQLCipher says "not a database" for a wrong key and for a damaged file alike. A person with the wrong key must
//! restore a keyring; a person with a damaged cache may fetch it again; so the two must be told apart.
//!
//! Promises: written whole or not at all; one that does not read is never written over, nor believed. Format 1 (the
//! check alone) keeps opening and becomes format 2 when something is written into it. From format 2 on the last
//! member is a checksum over every byte before it, so that a flipped bit does not pass for a newer format or another
//! key; later formats keep that rule.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{key::VaultKey, permissions, slots::Slot};

pub(crate) const NAME: &str = "vault.json";
/// The newest format that this program knows.
const FORMAT: u32 = 2;
/// A header larger than this is none of ours and is not read into memory.
const MOST_BYTES: u64 = 64 * 1024;
/// What stands between the checked bytes and their checksum.
const CHECKSUM: &str = ",\"checksum\":\"";

/// What is in a header.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    format: u32,
    pub(crate) key_check: String,
    /// Of the key before the last re-key, so that an old key in the keyring is known for what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous_key_check: Option<String>,
    /// The files are being replaced by those under the present key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) rekeying: bool,
    #[serde(default)]
    pub(crate) slots: Vec<Slot>,
}

/// What was found in a header's place.
#[derive(Debug)]
pub(crate) enum Found {
    Absent,
    FromNewerVersion,
    /// It does not read, or is not as it was written. What could be read of it may serve as long as cryptography
    /// vouches for it.
    Damaged(Option<Header>),
    Sound(Header),
}

/// What the header says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// It was right until the files got another.
    Replaced,
    /// No header, or one that cannot be believed: only the files themselves can tell.
    Unknown,
}

impl Header {
    pub(crate) fn new(key: &VaultKey, slots: Vec<Slot>) -> Self {
        Self { format: FORMAT, key_check: key.check(), previous_key_check: None, rekeying: false, slots }
    }

    /// Makes it one of the newest format, in memory.
    pub(crate) fn upgrade(&mut self, key: &VaultKey) {
        if self.format < FORMAT {
            self.format = FORMAT;
            for slot in &mut self.slots {
                slot.seal(key);
            }
        }
    }
}

impl Found {
    pub(crate) fn judge(&self, key: &VaultKey) -> Verdict {
        match self {
            Self::Sound(header) | Self::Damaged(Some(header)) if header.key_check == key.check() => {
                Verdict::Right
            }
            // A flipped bit in format 1 looks like the check of another key.
            Self::Sound(header) if header.format < FORMAT => Verdict::Unknown,
            Self::Sound(header) if header.previous_key_check.as_ref() == Some(&key.check()) => {
                Verdict::Replaced
            }
            Self::Sound(_) => Verdict::Wrong,
            Self::Absent | Self::FromNewerVersion | Self::Damaged(_) => Verdict::Unknown,
        }
    }
}

pub(crate) fn read(dir: &Path) -> io::Result<Found> {
    let file = match fs::File::open(dir.join(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(parse(&bytes))
}

pub(crate) fn parse(bytes: &[u8]) -> Found {
    #[derive(Deserialize)]
    struct Format {
        format: u64,
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Found::Damaged(None);
    }
    let checked = checksum_fits(bytes);
    // The format is read by itself first: a newer header may have nothing else in common with ours.
    let Ok(Format { format }) = serde_json::from_slice(bytes) else { return Found::Damaged(None) };
    if format > u64::from(FORMAT) && checked != Some(false) && !has_shape_of_format_1(bytes) {
        return Found::FromNewerVersion;
    }
    match serde_json::from_slice::<Header>(bytes) {
        Ok(mut header) => match (header.format, checked) {
            (1, None) => {
                // Format 1 knew one way to keep the key, and did not write it down.
                header.slots = vec![Slot::implied_keyring()];
                Found::Sound(header)
            }
            (FORMAT, Some(true)) => Found::Sound(header),
            _ => Found::Damaged(Some(header)),
        },
        Err(_) => Found::Damaged(None),
    }
}

/// Writes it whole or not at all.
pub(crate) fn write(dir: &Path, header: &Header) -> io::Result<()> {
    let draft = dir.join("vault.json.new");
    let bytes = to_bytes(header)?;
    let place = || {
        let mut file = permissions::own_file(&draft)?;
        file.set_len(0)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&draft, dir.join(NAME))
    };
    if let Err(error) = place() {
        fs::remove_file(&draft).ok();
        return Err(error);
    }
    permissions::sync_directory(dir)
}

pub(crate) fn to_bytes(header: &Header) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_string(header)?;
    // The closing brace goes behind the checksum.
    text.pop();
    let sum = hex::encode(Sha256::digest(text.as_bytes()));
    text.push_str(CHECKSUM);
    text.push_str(&sum);
    text.push_str("\"}");
    Ok(text.into_bytes())
}

/// `None` when there is no checksum.
fn checksum_fits(bytes: &[u8]) -> Option<bool> {
    let place = bytes.windows(CHECKSUM.len()).rposition(|window| window == CHECKSUM.as_bytes())?;
    let (checked, rest) = bytes.split_at(place);
    let expected = format!("{CHECKSUM}{}\"}}", hex::encode(Sha256::digest(checked)));
    Some(rest == expected.as_bytes())
}

/// Nothing but a format and a check: a flipped bit may make a newer one of its number.
fn has_shape_of_format_1(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct First {
        #[serde(rename = "format")]
        _format: u64,
        key_check: String,
    }
    serde_json::from_slice::<First>(bytes).is_ok_and(|first| first.key_check.len() == 64)
}
