//! The data folder and the lock that keeps a second process out.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt, fchown},
    path::Path,
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::OpenError;

const FILE: &str = "lock";
/// Whoever looks whether a folder is in use has its lock for a moment.
const LOOK: Duration = Duration::from_millis(200);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Held while this process may write. The operating system drops it with the process, however that ends.
pub(crate) struct FolderLock {
    /// The file, and the folder itself: a file can be deleted and made anew while it is locked.
    locked: Vec<File>,
}

impl FolderLock {
    /// Waits for so long where another process has it.
    pub(crate) fn take(folder: &Path, patience: Duration) -> Result<Self, OpenError> {
        let mut lock = Self::take_named(folder, FILE, patience)?;
        // Where a folder cannot be locked, as on some network file systems, the file has to do.
        match File::open(folder).map(|itself| lock_file(itself, patience)) {
            Ok(Ok(Some(itself))) => lock.locked.push(itself),
            Ok(Ok(None)) => return Err(OpenError::InUse { folder: folder.to_owned() }),
            Ok(Err(error)) | Err(error) => {
                tracing::debug!(folder = %folder.display(), %error, "the folder itself cannot be locked");
            }
        }
        Ok(lock)
    }

    /// The same with a lock of another name, for another purpose.
    pub(crate) fn take_named(folder: &Path, name: &str, patience: Duration) -> Result<Self, OpenError> {
        let path = folder.join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(OpenError::file(&path))?;
        own_as_folder(&file, folder).map_err(OpenError::file(&path))?;
        match lock_file(file, patience).map_err(OpenError::file(&path))? {
            Some(file) => Ok(Self { locked: vec![file] }),
            None => Err(OpenError::InUse { folder: folder.to_owned() }),
        }
    }

    /// Another process may write from now on; this one must not.
    pub(crate) fn release(&self) -> io::Result<()> {
        self.locked.iter().try_for_each(File::unlock)
    }
}

/// Whether a process has the folder. One that takes it just now waits for as long as this looks.
pub fn is_in_use(folder: &Path) -> bool {
    is_locked(&folder.join(FILE)) || is_locked(folder)
}

pub(crate) fn is_locked(path: &Path) -> bool {
    // Shared, and let go at once.
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// `None`: another process has it.
fn lock_file(file: File, patience: Duration) -> io::Result<Option<File>> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOOK => std::thread::park_timeout(LOOK_AGAIN),
            Err(TryLockError::WouldBlock) if patience.is_zero() => return Ok(None),
            Err(TryLockError::WouldBlock) => break,
        }
    }
    wait_for(file, patience).transpose()
}

/// Where root takes it in another user's folder, that one's server must be able to take it too.
fn own_as_folder(file: &File, folder: &Path) -> io::Result<()> {
    let (own, owner) = (file.metadata()?, std::fs::metadata(folder)?);
    if rustix::process::geteuid().is_root() && (own.uid(), own.gid()) != (owner.uid(), owner.gid()) {
        return fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
    Ok(())
}

/// Waits until the other process lets go; `None` if it does not in time. Who waits then still gets the lock some day, and
/// lets go of it at once: nobody takes the file any more.
fn wait_for(file: File, patience: Duration) -> Option<io::Result<File>> {
    let (taken, waiting) = mpsc::channel();
    let waiter = std::thread::Builder::new().name("folder-lock".to_owned()).spawn(move || {
        let locked = file.lock().map(|()| file);
        let _ = taken.send(locked);
    });
    match waiter {
        Ok(_) => waiting.recv_timeout(patience).ok(),
        Err(error) => Some(Err(error)),
    }
}

/// Creates a folder that only its owner may enter, unless it is there. Its name is on the disk when this returns, and the
/// names of the folders that were made on the way: without them, everything that is synced beneath would be lost with the power.
pub(crate) fn create_folder(folder: &Path) -> Result<(), OpenError> {
    let mut missing = Vec::new();
    let mut there = folder;
    while !there.exists() {
        missing.push(there);
        match parent(there) {
            Some(parent) => there = parent,
            None => break,
        }
    }
    // A former start may have ended between making a folder and syncing its name. It may also be somebody else's, in a
    // place where it cannot be synced.
    if let Some(parent) = parent(there)
        && let Err(error) = sync_folder(parent)
    {
        tracing::debug!(folder = %parent.display(), %error, "a folder's names are not synced");
    }
    for folder in missing.into_iter().rev() {
        // There may be another process that makes it too: the one that is not given the lock.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(OpenError::file(folder))?;
        if let Some(parent) = parent(folder) {
            sync_folder(parent).map_err(OpenError::file(parent))?;
        }
    }
    if folder.is_dir() { Ok(()) } else { not_a_folder(folder) }
}

/// The names in a folder are on the disk when this returns.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn parent(folder: &Path) -> Option<&Path> {
    let parent = folder.parent()?;
    Some(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

fn not_a_folder(path: &Path) -> Result<(), OpenError> {
    Err(OpenError::File { path: path.to_owned(), cause: io::ErrorKind::NotADirectory.into() })
}
