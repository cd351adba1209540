//! Backups: a copy of one moment, made while the store serves or while it is stopped.
//!
//! A read transaction holds the moment; the journal is copied right after it began, so that every charge that the database
//! does not have yet is in the copied journal. The next start adds up the rest, as it does after every end.

pub(crate) mod copy;
pub(crate) mod manifest;

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot;
use tollbar_core::port::{BackupOrder, Manifest, PortFuture, StoreFailure, Upkeep};

use crate::{
    OpenError, Store,
    fault::Fault,
    files::{JOURNAL, MAIN_DATABASE, REQUEST_DATABASE, sync_folder},
    lock::FolderLock,
    restore,
    store::spawn,
    writer::closed,
};

/// How a copy goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A store that serves: in small steps, so that traffic is not disturbed.
    Serving,
    /// A store that nobody has open.
    Stopped,
}

/// The backup that is being made, if there is one.
pub(crate) struct Backups {
    folder: PathBuf,
    busy: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Backups {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), busy: Arc::default(), ended: Arc::default() }
    }

    /// The store ends: a backup under way is given up.
    pub(crate) fn stop(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Upkeep for Store {
    fn back_up(&self, order: BackupOrder) -> PortFuture<'_, Manifest> {
        Box::pin(async move {
            let backups = &self.inner.backups;
            if backups.busy.swap(true, Ordering::Relaxed) {
                return Err(StoreFailure(
                    "a backup is being made already; wait until that is done".to_owned(),
                ));
            }
            let busy = Busy(backups.busy.clone());
            // What cannot be folded (the disk may be full) is copied with the journal.
            if let Err(failure) = self.inner.keeper.fold().await {
                tracing::warn!(%failure, "the journal could not be folded before a backup; it is copied as it is");
            }
            let left = Left::default();
            let (gone, ended) = (left.0.clone(), backups.ended.clone());
            let folder = backups.folder.clone();
            let (reply, outcome) = oneshot::channel();
            spawn("store-backup", move || {
                let goes_on = || !gone.load(Ordering::Relaxed) && !ended.load(Ordering::Relaxed);
                let made = make(&folder, &order, Source::Serving, &goes_on);
                drop(busy);
                let _ = reply.send(made);
            })?;
            let outcome = outcome.await.map_err(|_| closed());
            drop(left);
            Ok(outcome??)
        })
    }
}

/// Makes a backup of a folder that no server has.
pub fn back_up_stopped(folder: &Path, order: &BackupOrder) -> Result<Manifest, OpenError> {
    if !folder.join(MAIN_DATABASE).exists() {
        return Err(StoreFailure(format!(
            "there is no store in {}: name the data folder with --data",
            folder.display()
        ))
        .into());
    }
    let _lock = FolderLock::take(folder, std::time::Duration::ZERO)?;
    if restore::is_unfinished(folder) {
        return Err(StoreFailure(
            "a restored copy is half in place here: start the server once, which takes it up, and back up then".to_owned(),
        )
        .into());
    }
    let made = make(folder, order, Source::Stopped, &|| true);
    made.map_err(|fault| OpenError::Refused(StoreFailure::from(fault)))
}

/// Frees the place for another backup.
struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Says, when it is dropped, that nobody waits any more.
#[derive(Default)]
struct Left(Arc<AtomicBool>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whole, or nothing of it.
fn make(
    data: &Path,
    order: &BackupOrder,
    source: Source,
    goes_on: &dyn Fn() -> bool,
) -> Result<Manifest, Fault> {
    let was_there = prepare(data, &order.folder)?;
    let made = copy::all(data, order, source, goes_on)
        .and_then(|manifest| manifest::write(&order.folder, &manifest).map(|()| manifest));
    made.map_err(|Fault(cause)| {
        clear(&order.folder, was_there);
        Fault(format!("no backup was made in {}: {cause}", order.folder.display()))
    })
}

/// Makes the folder, or takes an empty one; whether it was there.
fn prepare(data: &Path, folder: &Path) -> Result<bool, Fault> {
    let cannot = |why: &str| Err(Fault(format!("{}: {why}", folder.display())));
    if !folder.is_absolute() {
        return cannot("the path must be absolute: it is on the machine of the server");
    }
    let data = data.canonicalize()?;
    let parent = folder.parent().unwrap_or(folder);
    let parent = match parent.canonicalize() {
        Ok(parent) => parent,
        Err(error) => return cannot(&format!("the folder above it cannot be used: {error}")),
    };
    if parent.starts_with(&data) || folder.canonicalize().is_ok_and(|folder| folder.starts_with(&data)) {
        return cannot(
            "it is in the data folder: what is lost with that would be lost too; choose another disk",
        );
    }
    let was_there = match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => false,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
                Ok(true) => {}
                Ok(false) => {
                    return cannot("it is not empty: name a folder that does not exist yet, or an empty one");
                }
                Err(error) => return cannot(&error.to_string()),
            }
            if let Err(error) = fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
                return cannot(&format!("it cannot be closed to other users: {error}"));
            }
            true
        }
        Err(error) => return cannot(&format!("it cannot be made: {error}")),
    };
    sync_folder(&parent)?;
    Ok(was_there)
}

/// Takes away what a failed backup has written.
fn clear(folder: &Path, was_there: bool) {
    for name in [MAIN_DATABASE, REQUEST_DATABASE] {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.join(format!("{name}{suffix}")));
        }
    }
    let _ = fs::remove_dir_all(folder.join(JOURNAL));
    manifest::remove(folder);
    if !was_there {
        let _ = fs::remove_dir(folder);
    }
}
