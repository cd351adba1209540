//! The names of the store's files, and what is done with files.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use tollbar_core::{port::ManifestFile, secret::Sha256};

pub(crate) const MAIN_DATABASE: &str = "tollbar.db";
pub(crate) const REQUEST_DATABASE: &str = "requests.db";
pub(crate) const JOURNAL: &str = "journal";
/// What stands beside a database.
pub(crate) const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

const PIECE_BYTES: usize = 1 << 20;

/// `tollbar.db-wal`, of `tollbar.db`.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What a copy leaves free on its disk: a platform that serves from there must go on.
const ROOM_LEFT_BYTES: u64 = 16 << 20;

/// What a start writes, with much to spare.
const START_BYTES: u64 = 2 << 20;

/// Whether a folder has room for a start; if not, why.
pub(crate) fn check_start_room(folder: &Path) -> io::Result<()> {
    let free = free_bytes(folder)?;
    if free >= START_BYTES {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::StorageFull,
        format!("its disk has {free} bytes free, and a start needs {START_BYTES}: make space"),
    ))
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether so many bytes can be copied into a folder; if not, why.
pub(crate) fn check_room(folder: &Path, bytes: u64) -> io::Result<()> {
    let free = free_bytes(folder)?;
    if free >= bytes.saturating_add(ROOM_LEFT_BYTES) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::StorageFull,
        format!("the copy takes {bytes} bytes, and the disk of {} has {free} free", folder.display()),
    ))
}

/// What was written into the folder stays there, also when the power fails.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Copies a file to one that must not be there yet, onto the disk; says what was copied.
pub(crate) fn copy_file(from: &Path, to: &Path, name: &str) -> io::Result<ManifestFile> {
    let mut target = File::options().create_new(true).write(true).mode(0o600).open(to)?;
    let copied = read_through(from, name, |piece| target.write_all(piece))?;
    target.sync_all()?;
    Ok(copied)
}

/// Length and digest of a file.
pub(crate) fn describe(file: &Path, name: &str) -> io::Result<ManifestFile> {
    read_through(file, name, |_| Ok(()))
}

/// The same, and each piece is handed on; what fails there ends it.
pub(crate) fn read_through(
    file: &Path,
    name: &str,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<ManifestFile> {
    let (mut file, mut digest, mut bytes) = (File::open(file)?, Sha256::default(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = piece.get(..read).unwrap_or_default();
        digest.update(piece);
        each(piece)?;
        bytes += u64::try_from(read).unwrap_or(0);
    }
    Ok(ManifestFile { name: name.to_owned(), bytes, sha256: digest.finish_hex() })
}
