//! A copy of a person's files for another disk, and the way back, also on another machine.
//!
//! A backup is a tar archive of three members, in this order: `backup.json` (what is in it, and the slots that open
//! it), `ledger.db`, and `cache.db` if asked for. The files are under the vault's key, so the archive needs no
//! encryption of its own, and what says what is in it carries a code that only the key's holder can make.
//!
//! Promises: each file as it was at one moment, while the program goes on; restoring checks every byte before the
//! directory gets its name, so there is a whole restored directory or none. Refuses: writing over anything, a backup
//! that no passphrase or code would open, and members it does not know.
//!
//! A backup keeps the key and the slots of its day: re-keying does not reach it. What a restored ledger still holds as
//! unsent may have been sent since; it goes out again under the same envelope id, which the server knows. Its audit log
//! goes on under another name, because under the former one the server has seen it longer.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use chatehr_contract::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    connection::{self, Condition},
    error::OpenError,
    header::{self, Found, Header},
    key::VaultKey,
    lock::{self, Lock},
    permissions,
    schema::Kind,
    slots::{self, Secret, SlotError, SlotKind},
    store::beside,
    vault::Vault,
};

const FORMAT: u32 = 1;
const MANIFEST: &str = "backup.json";
/// A manifest larger than this is none of ours.
const MOST_BYTES: u64 = 128 * 1024;

/// Why there is no backup, or none was restored. Nothing was written over.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something in its place already.
    #[error("there is something in its place")]
    Occupied,
    /// Neither a passphrase nor a recovery code would open it.
    #[error("only the keyring of this machine would open the backup")]
    NoSlot,
    /// The header does not allow it, or the passphrase or code is refused.
    #[error(transparent)]
    Slots(#[from] SlotError),
    /// The backup is cut short, altered, or none.
    #[error("the backup is damaged")]
    Damaged,
    /// A newer program wrote it.
    #[error("the backup is of a newer version")]
    FromNewerVersion,
    /// The files or the disk.
    #[error(transparent)]
    Files(#[from] OpenError),
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Files(error.into())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    format: u32,
    created_at: Timestamp,
    header: Header,
    parts: Vec<Part>,
    #[serde(with = "hex")]
    seal: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Part {
    name: String,
    length: u64,
    #[serde(with = "hex")]
    sha256: [u8; 32],
}

/// Writes the files of `dir` to `to`: the ledger, and the cache if asked for, which the server has as well. The files
/// may be open; needs room for a copy of them beside them.
///
/// # Errors
/// [`BackupError`]; there is then no file `to`.
pub fn backup(
    dir: &Path,
    key: &VaultKey,
    to: &Path,
    with_cache: bool,
    now: Timestamp,
) -> Result<(), BackupError> {
    // Neither the slots nor the key change meanwhile.
    let _held = Lock::take(dir, lock::HEADER)?.ok_or(SlotError::InUse)?;
    let mut header = slots::belonging_to(header::read(dir)?, key)?;
    if header.rekeying {
        return Err(SlotError::InUse.into());
    }
    header.slots.retain(|slot| slot.kind() != SlotKind::Keyring && slot.is_sealed_by(key));
    if header.slots.is_empty() {
        return Err(BackupError::NoSlot);
    }
    if to.exists() {
        return Err(BackupError::Occupied);
    }
    let draft = beside(to, ".part");
    let written = Copies::make(dir, key, with_cache).and_then(|copies| {
        write_archive(&draft, &copies, header, key, now)?;
        fs::rename(&draft, to)?;
        Ok(permissions::sync_directory(parent_of(to))?)
    });
    if written.is_err() {
        fs::remove_file(&draft).ok();
    }
    written
}

/// Makes the directory `dir` from a backup and returns the key, for [`Vault::open`] and for the keyring of this
/// machine ([`restore_keyring_slot`](crate::keyring::restore_keyring_slot)).
///
/// # Errors
/// [`BackupError`]; there is then nothing in `dir` that was not there before.
pub fn restore(from: &Path, dir: &Path, secret: Secret<'_>) -> Result<VaultKey, BackupError> {
    if Vault::exists(dir) {
        return Err(BackupError::Occupied);
    }
    let mut archive = tar::Archive::new(File::open(from)?);
    let mut entries = archive.entries().map_err(in_archive)?;
    let mut next = || entries.next().transpose().map_err(in_archive);
    let manifest = read_manifest(next()?.ok_or(BackupError::Damaged)?)?;
    let found = Found::Sound(manifest.header);
    let (key, _) = slots::unlock(&found, secret)?;
    let Found::Sound(header) = found else { return Err(BackupError::Damaged) };
    let is_ours = manifest.seal == seal(&key, manifest.created_at, &manifest.parts)
        && header.slots.iter().all(|slot| slot.is_sealed_by(&key));
    let names: Vec<_> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
    let (ledger, cache) = (Kind::Ledger.name(), Kind::Cache.name());
    if !is_ours || !(names == [ledger] || names == [ledger, cache]) {
        return Err(BackupError::Damaged);
    }
    let staging = Staging::make(beside(dir, ".restoring"))?;
    for (part, kind) in manifest.parts.iter().zip([Kind::Ledger, Kind::Cache]) {
        let path = staging.0.join(&part.name);
        extract(next()?.ok_or(BackupError::Damaged)?, part, &path)?;
        match connection::examine(&path, &key, kind)? {
            Condition::Sound if connection::is_sound_file(&path, &key)? => {
                connection::adopt(&path, &key, kind)?;
                permissions::own_file(&path)?.sync_all()?;
            }
            Condition::FromNewerVersion => return Err(BackupError::FromNewerVersion),
            _ => return Err(BackupError::Damaged),
        }
    }
    if next()?.is_some() {
        return Err(BackupError::Damaged);
    }
    header::write(&staging.0, &Header::new(&key, header.slots))?;
    staging.take_the_place_of(dir)?;
    Ok(key)
}

fn write_archive(
    to: &Path,
    copies: &Copies,
    header: Header,
    key: &VaultKey,
    now: Timestamp,
) -> Result<(), BackupError> {
    let mut parts = Vec::new();
    for (kind, path) in &copies.0 {
        let mut hash = Sha256::new();
        let length = io::copy(&mut File::open(path)?, &mut Hashing(io::sink(), &mut hash))?;
        parts.push(Part { name: kind.name().to_owned(), length, sha256: hash.finalize().into() });
    }
    let seal = seal(key, now, &parts);
    let manifest = Manifest { format: FORMAT, created_at: now, header, parts, seal };
    let manifest = serde_json::to_vec(&manifest).map_err(io::Error::from)?;
    let file = permissions::own_file(to)?;
    file.set_len(0)?;
    let mut archive = tar::Builder::new(file);
    let mut append = |name: &str, length: u64, content: &mut dyn Read| {
        let mut member = tar::Header::new_ustar();
        member.set_size(length);
        member.set_mode(0o600);
        member.set_mtime(u64::try_from(now.millis() / 1000).unwrap_or_default());
        archive.append_data(&mut member, name, content)
    };
    append(MANIFEST, manifest.len() as u64, &mut manifest.as_slice())?;
    for (kind, path) in &copies.0 {
        let mut content = File::open(path)?;
        append(kind.name(), content.metadata()?.len(), &mut content)?;
    }
    Ok(archive.into_inner()?.sync_all()?)
}

fn read_manifest(entry: tar::Entry<'_, File>) -> Result<Manifest, BackupError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    is_member(&entry, MANIFEST, None)?;
    let mut bytes = Vec::new();
    entry.take(MOST_BYTES).read_to_end(&mut bytes).map_err(in_archive)?;
    let Format { format } = serde_json::from_slice(&bytes).map_err(|_| BackupError::Damaged)?;
    if format > FORMAT {
        return Err(BackupError::FromNewerVersion);
    }
    serde_json::from_slice(&bytes).map_err(|_| BackupError::Damaged)
}

fn extract(mut entry: tar::Entry<'_, File>, part: &Part, path: &Path) -> Result<(), BackupError> {
    is_member(&entry, &part.name, Some(part.length))?;
    let file = permissions::own_file(path)?;
    let mut hash = Sha256::new();
    let length = io::copy(&mut entry, &mut Hashing(&file, &mut hash)).map_err(in_archive)?;
    file.sync_all()?;
    let sha256: [u8; 32] = hash.finalize().into();
    if length == part.length && sha256 == part.sha256 { Ok(()) } else { Err(BackupError::Damaged) }
}

fn is_member(entry: &tar::Entry<'_, File>, name: &str, length: Option<u64>) -> Result<(), BackupError> {
    let is_it = entry.path_bytes().as_ref() == name.as_bytes()
        && entry.header().entry_type().is_file()
        && length.is_none_or(|length| length == entry.size());
    is_it.then_some(()).ok_or(BackupError::Damaged)
}

/// What `tar` cannot make sense of it calls an error of no particular kind.
fn in_archive(error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::Other
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::UnexpectedEof => BackupError::Damaged,
        _ => error.into(),
    }
}

fn seal(key: &VaultKey, created_at: Timestamp, parts: &[Part]) -> [u8; 32] {
    let (created, lengths) =
        (created_at.millis().to_be_bytes(), parts.iter().map(|part| part.length.to_be_bytes()));
    let lengths: Vec<_> = lengths.collect();
    let mut said: Vec<&[u8]> = vec![&created];
    for (part, length) in parts.iter().zip(&lengths) {
        said.extend([part.name.as_bytes(), length, &part.sha256]);
    }
    key.authenticate("chatehr backup 1", &said)
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Passes on what it is given, and hashes it.
struct Hashing<'a, W>(W, &'a mut Sha256);

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.0.write(bytes)?;
        self.1.update(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Copies of the files, beside them and gone with their owner.
struct Copies(Vec<(Kind, PathBuf)>);

impl Copies {
    fn make(dir: &Path, key: &VaultKey, with_cache: bool) -> Result<Self, BackupError> {
        let mut copies = Self(Vec::new());
        for kind in [Kind::Ledger, Kind::Cache].into_iter().take(if with_cache { 2 } else { 1 }) {
            let path = dir.join(kind.name());
            if !path.exists() {
                return Err(kind.damaged().into());
            }
            let copy = beside(&path, ".backup");
            copies.0.push((kind, copy.clone()));
            // SQLite writes into an empty file, and makes one that others may read.
            permissions::own_file(&copy)?.set_len(0)?;
            connection::copy_into(&path, key, kind, &copy)?;
        }
        Ok(copies)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        for (_, copy) in &self.0 {
            fs::remove_file(copy).ok();
        }
    }
}

/// A directory that has not got its name yet; what is in it goes when it never gets it.
struct Staging(PathBuf);

impl Staging {
    fn make(path: PathBuf) -> Result<Self, BackupError> {
        let staging = Self(path);
        staging.clear();
        permissions::own_directory(&staging.0)?;
        Ok(staging)
    }

    fn take_the_place_of(self, dir: &Path) -> Result<(), BackupError> {
        permissions::sync_directory(&self.0)?;
        // A directory without files, that a start has left, may go; anything else in it stays, and the backup waits.
        for lock in [lock::FILES, lock::HEADER] {
            fs::remove_file(dir.join(lock)).ok();
        }
        match fs::remove_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(BackupError::Occupied);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        fs::rename(&self.0, dir)?;
        Ok(permissions::sync_directory(parent_of(dir))?)
    }

    /// Removes what this module puts there, and nothing else.
    fn clear(&self) {
        for name in [Kind::Ledger.name(), Kind::Cache.name(), header::NAME] {
            fs::remove_file(self.0.join(name)).ok();
        }
        fs::remove_dir(&self.0).ok();
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.clear();
    }
}
