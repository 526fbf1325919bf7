//! Files for their owner's eyes alone. Windows keeps a person's directory to that person by itself.

use std::{fs, io, path::Path};

/// Makes the directory, and closes it to everybody else.
#[cfg(unix)]
pub(crate) fn own_directory(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if fs::metadata(dir)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
pub(crate) fn own_directory(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Opens the file for writing, making it where it is not there; its content stays as it is. SQLite gives its side
/// files the same permissions.
#[cfg(unix)]
pub(crate) fn own_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(not(unix))]
pub(crate) fn own_file(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// Makes a rename or a new file in the directory last through a power cut.
#[cfg(unix)]
pub(crate) fn sync_directory(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Windows has no such call; NTFS logs its directory changes.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_dir: &Path) -> io::Result<()> {
    Ok(())
}
