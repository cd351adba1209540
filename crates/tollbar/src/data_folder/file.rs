//! Small files for their owner alone, written whole or not at all.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

/// Reads a secret, and refuses one that others could have read.
pub(super) fn read_private(path: &Path) -> Result<Option<String>> {
    let cannot = || format!("{} cannot be read", path.display());
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(fault).with_context(cannot),
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("{0} is open to other users (mode {mode:o}); close it with: chmod 600 {0}", path.display());
    }
    fs::read_to_string(path).map(Some).with_context(cannot)
}

/// Writes a file that must not be there yet.
pub(super) fn write_new(path: &Path, text: &str) -> Result<()> {
    let written = temporary(path, text)?;
    written.persist_noclobber(path).map_err(|fault| fault.error).with_context(|| cannot_write(path))?;
    sync_folder(path)
}

/// Writes a file over what is there.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let written = temporary(path, text)?;
    written.persist(path).map_err(|fault| fault.error).with_context(|| cannot_write(path))?;
    sync_folder(path)
}

/// Puts a file in the place of another.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| cannot_write(to))?;
    sync_folder(to)
}

/// Takes a file away, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(()),
        removed => removed.with_context(|| format!("{} cannot be removed", path.display()))?,
    }
    sync_folder(path)
}

/// Temporary files have mode 0600 from the start.
fn temporary(path: &Path, text: &str) -> Result<NamedTempFile> {
    let write = || {
        let mut file = NamedTempFile::new_in(folder_of(path))?;
        writeln!(file, "{text}")?;
        file.as_file().sync_all()?;
        Ok::<_, std::io::Error>(file)
    };
    write().with_context(|| cannot_write(path))
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).with_context(|| cannot_write(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn cannot_write(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}
