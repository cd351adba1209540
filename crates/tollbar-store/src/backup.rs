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
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
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

/// Whether somebody still wants the backup.
type GoesOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// How long the end of a store waits for a backup that is given up: what is there of it is taken away.
const GIVE_UP: Duration = Duration::from_secs(2);

/// The backup that is being made, if there is one.
pub(crate) struct Backups {
    folder: PathBuf,
    busy: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    /// Ends with the thread of the last one.
    working: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Backups {
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            busy: Arc::default(),
            ended: Arc::default(),
            working: Mutex::default(),
        }
    }

    /// The store ends: a backup under way is given up.
    pub(crate) fn stop(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Waits until nothing is left of one that was given up. Its disk may hang: not for ever.
    pub(crate) fn wait(&self) {
        let working = self.working.lock().unwrap_or_else(PoisonError::into_inner).take();
        if working.is_some_and(|working| working.recv_timeout(GIVE_UP) == Err(RecvTimeoutError::Timeout)) {
            tracing::warn!("a backup that was given up has not ended yet: delete what it leaves");
        }
    }
}

impl Upkeep for Store {
    fn back_up(&self, order: BackupOrder) -> PortFuture<'_, Manifest> {
        Box::pin(async move {
            let backups = &self.inner.backups;
            if backups.busy.swap(true, Ordering::Relaxed) {
                return Err(StoreFailure::new("a backup is being made already; wait until that is done"));
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
            let (work, working) = mpsc::channel();
            *backups.working.lock().unwrap_or_else(PoisonError::into_inner) = Some(working);
            spawn("store-backup", move || {
                let _work: mpsc::Sender<()> = work;
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
    let lock = FolderLock::take(folder, Duration::ZERO).map_err(|error| match error {
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
            "a restored copy is half in place here: start the server once, which takes it up, and back up then",
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
    goes_on: GoesOn<'_>,
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
    use std::{fs, os::unix::fs::FileExt as _, task::Poll};

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
        let seen = Mutex::new(Vec::new());
        let goes_on = || {
            seen.lock().unwrap().push(is_in_use(&data));
            true
        };
        let lock = FolderLock::take(&data, Duration::ZERO).unwrap();
        make(&data, &order(outside.path().join("copy")), Source::Stopped, Some(lock), &goes_on).unwrap();
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.first(), Some(&true), "while it is copied");
        assert_eq!(seen.last(), Some(&false), "while the copy is checked");
        assert!(fs::exists(outside.path().join("copy/manifest.json")).unwrap());
    }

    #[test]
    fn damage_is_told_by_what_is_damaged() {
        let overwrite = |file: &str, at_end: bool| {
            let outside = tempfile::tempdir().unwrap();
            let (data, copy) = (outside.path().join("data"), outside.path().join("copy"));
            Store::open(&data).unwrap().close().unwrap();
            let file = data.join(file);
            let at = if at_end { fs::metadata(&file).unwrap().len() - 4096 } else { 0 };
            fs::File::options().write(true).open(&file).unwrap().write_all_at(&[0x55; 4096], at).unwrap();
            let told = make(&data, &order(copy.clone()), Source::Stopped, None, &|| true).unwrap_err().0;
            assert!(!copy.exists(), "nothing is left of it");
            told
        };
        let log = overwrite("requests.db", false);
        for word in
            ["requests.db: the database is damaged", "move requests.db* out", "without --with-requests"]
        {
            assert!(log.contains(word) && !log.contains("tollbar restore"), "`{word}` in: {log}");
        }
        // What only the check of the copy finds may be the disk of the copy.
        for file in ["requests.db", "tollbar.db"] {
            let copy = overwrite(file, true);
            for word in [file, "the copy is damaged", "tollbar doctor --full", "the disk of the copy"] {
                assert!(copy.contains(word) && !copy.contains("tollbar restore"), "`{word}` in: {copy}");
            }
        }
    }

    #[test]
    fn the_end_of_the_store_leaves_no_half_backup() {
        let outside = tempfile::tempdir().unwrap();
        let (data, copy) = (outside.path().join("data"), outside.path().join("copy"));
        let store = Store::open(&data).unwrap();
        let large = rusqlite::Connection::open(data.join("requests.db")).unwrap();
        let sql = "CREATE TABLE large (text); INSERT INTO large VALUES (zeroblob(20000000))";
        large.execute_batch(sql).unwrap();
        large.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asked = store.clone();
        let mut made = asked.back_up(order(copy.clone()));
        runtime.block_on(async {
            // It begins with the first look, and goes on by itself.
            while fs::metadata(copy.join("requests.db")).map_or(0, |copied| copied.len()) < 20_000_000 {
                let looked =
                    std::future::poll_fn(|context| Poll::Ready(made.as_mut().poll(context).is_pending()));
                assert!(looked.await);
            }
        });
        store.close().unwrap();
        assert!(!copy.exists() || copy.join("manifest.json").exists(), "nothing, or all of it");
        assert_eq!(runtime.block_on(made).is_ok(), copy.exists());
    }
}
