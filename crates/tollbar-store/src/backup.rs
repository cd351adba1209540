//! Backups: a copy of one moment, made while the store serves or while it is stopped.
//!
//! A read transaction holds the moment; the journal is copied right after it began, so that every charge that the database
//! does not have yet is in the copied journal. The next start adds up the rest, as it does after every end.

pub(crate) mod copy;
pub(crate) mod manifest;
mod target;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot;
use tollbar_core::port::{BackupOrder, Manifest, PortFuture, StoreFailure, Upkeep};

use self::target::Target;
use crate::{
    OpenError, Store, damage, fault::Fault, files::MAIN_DATABASE, lock::FolderLock, restore, store::spawn,
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
                return Err(StoreFailure::new(
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
                let made = make(&folder, &order, Source::Serving, None, &goes_on);
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
        return Err(StoreFailure::new(format!(
            "there is no store in {}: name the data folder with --data",
            folder.display()
        ))
        .into());
    }
    let lock = FolderLock::take(folder, std::time::Duration::ZERO).map_err(|error| match error {
        OpenError::File { path, cause } if cause.kind() == ErrorKind::ReadOnlyFilesystem => {
            OpenError::Refused(StoreFailure::new(format!(
                "{}: {cause}; `cp -a` of the whole data folder to another disk is as good a copy",
                path.display()
            )))
        }
        other => other,
    })?;
    if restore::is_unfinished(folder) {
        return Err(StoreFailure::new(
            "a restored copy is half in place here: start the server once, which takes it up, and back up then".to_owned(),
        )
        .into());
    }
    // Opened, SQLite would take what can be read of its log for all of it, and the rest away.
    damage::check_before_opening(&folder.join(MAIN_DATABASE))?;
    let made = make(folder, order, Source::Stopped, Some(lock), &|| true);
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

/// Whole, or nothing of it. A lock is let go as soon as all is copied: a server that starts meanwhile gets the folder.
fn make(
    data: &Path,
    order: &BackupOrder,
    source: Source,
    lock: Option<FolderLock>,
    goes_on: &dyn Fn() -> bool,
) -> Result<Manifest, Fault> {
    let mut target = Target::claim(data, &order.folder)?;
    let made = copy::all(data, order, source, lock, goes_on, &mut target)
        .and_then(|manifest| manifest::write(&mut target, &manifest).map(|()| manifest));
    made.map_err(|Fault(cause)| {
        target.clear();
        Fault(format!("no backup was made in {}: {cause}", order.folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs, time::Duration};

    use tollbar_core::Timestamp;

    use super::*;
    use crate::is_in_use;

    fn order(folder: PathBuf) -> BackupOrder {
        let made_at = Timestamp::default();
        BackupOrder { folder, with_requests: true, made_at, version: "1".to_owned() }
    }

    #[test]
    fn a_stopped_folder_is_let_go_before_the_copy_is_checked() {
        let outside = tempfile::tempdir().unwrap();
        let data = outside.path().join("data");
        Store::open(&data).unwrap().close().unwrap();
        let seen = RefCell::new(Vec::new());
        let goes_on = || {
            seen.borrow_mut().push(is_in_use(&data));
            true
        };
        let lock = FolderLock::take(&data, Duration::ZERO).unwrap();
        make(&data, &order(outside.path().join("copy")), Source::Stopped, Some(lock), &goes_on).unwrap();
        let seen = seen.into_inner();
        assert_eq!(seen.first(), Some(&true), "while it is copied");
        assert_eq!(seen.last(), Some(&false), "while the copy is checked");
        assert!(fs::exists(outside.path().join("copy/manifest.json")).unwrap());
    }
}
