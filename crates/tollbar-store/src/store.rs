//! Opening, the threads, and the end.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use tollbar_core::{PolicyState, port::StoreFailure};

use crate::{
    JournalWriter, OpenError, RestoreNote,
    backup::Backups,
    damage,
    database::{self, Durability},
    files::check_start_room,
    idempotency::WaitingAnswers,
    journal::{Damage, Fold, JournalFolder},
    keeper::Keeper,
    latest::LatestTime,
    liveness::Liveness,
    lock::{FolderLock, create_folder, is_in_use, sync_folder},
    policy,
    reader::Reader,
    request_log::{self, LogThread},
    restore, schema,
    writer::Writer,
};

/// The store of one process. Clones are the same store.
///
/// Dropping the last clone ends the threads as they stand; only [`Store::close`] says that nothing can be missing.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// Whether what an earlier version stored can be gone on with.
pub type Accept<'a> = &'a mut dyn FnMut(PolicyState) -> Result<(), StoreFailure>;

/// What a store depends on beside its folder.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Names this start of the machine; another one after an end that was not clean means that the power may have
    /// failed. `None`: not known, every end that was not clean is taken for that.
    pub boot_id: Option<String>,
    /// By how much this process's time is ahead of the time since the machine's start, in milliseconds: what its clock was
    /// anchored to. Where the last process of the same start had another one, the wall clock was set in between, and what
    /// stands in the journal about the last minute is moved by as much.
    pub clock_offset_millis: Option<u64>,
    /// How long to wait where another process still has the folder.
    pub lock_patience: Duration,
    /// How long a write waits for another program that has the database locked.
    pub busy_timeout: Duration,
    /// When a journal file is full.
    pub journal_file_bytes: u64,
    /// What the request log may take on the disk; the oldest entries make room.
    pub request_log_bytes: u64,
}

pub(crate) struct Inner {
    pub(crate) writer: Arc<Writer>,
    pub(crate) reader: Reader,
    pub(crate) keeper: Keeper,
    pub(crate) liveness: Liveness,
    pub(crate) log: LogThread,
    pub(crate) journal: Arc<JournalFolder>,
    pub(crate) latest: Arc<LatestTime>,
    damage: Arc<Damage>,
    /// How far the clock was set since the last run, in milliseconds.
    pub(crate) clock_step_millis: i64,
    /// The start of the machine and the clock's offset, until they are noted.
    clock: Mutex<Option<(String, u64)>>,
    pub(crate) answers: WaitingAnswers,
    pub(crate) backups: Backups,
    folder: PathBuf,
}

impl Store {
    /// Opens the store in this folder, which is created if needed. Only one process can have it.
    ///
    /// Takes up what the last run left: the journal is folded, and counts are corrected after a power loss.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, &StoreOptions::of_this_machine())
    }

    /// The same with other options.
    pub fn open_with(folder: &Path, options: &StoreOptions) -> Result<Self, OpenError> {
        Self::open_if(folder, options, &mut |_| Ok(()))
    }

    /// The same, but a store of an earlier version is brought up to date only if this accepts what is in it: where it does
    /// not, the store stays as it was, and the earlier version can go on with it.
    pub fn open_if(folder: &Path, options: &StoreOptions, accept: Accept<'_>) -> Result<Self, OpenError> {
        Self::open_in(folder, options, accept).map_err(|error| error.naming(&folder.join("tollbar.db")))
    }

    fn open_in(folder: &Path, options: &StoreOptions, accept: Accept<'_>) -> Result<Self, OpenError> {
        create_folder(folder)?;
        let lock = FolderLock::take(folder, options.lock_patience)?;
        restore::take_staged(folder)?;
        let main = folder.join("tollbar.db");
        let has_torn_log = damage::check_before_opening(&main)?;
        let busy = options.busy_timeout;
        let mut connection = database::open_unmigrated(&main, Durability::Synced, busy)?;
        if has_torn_log {
            // What is not read of it goes for good, before anything is written over it: neither may be taken for damage
            // after another such end.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        let log_file = folder.join("requests.db");
        let log_connection =
            database::migrate(&mut connection, &main, schema::MAIN, |migrated, is_earlier| {
                if is_earlier {
                    // Beyond this point an earlier version cannot go on, and this one still has to write.
                    check_start_room(folder).map_err(OpenError::file(folder))?;
                    accept(policy::read(migrated).map_err(StoreFailure::from)?)
                        .map_err(OpenError::Refused)?;
                }
                request_log::open(&log_file, busy)
            })?;
        // The databases' names must not be lost either.
        sync_folder(folder).map_err(OpenError::file(folder))?;
        let journal =
            Arc::new(JournalFolder::open(folder.join("journal"), options.journal_file_bytes, lock)?);
        let latest = Arc::new(LatestTime::default());

        let writer = Arc::new(Writer::start(connection)?);
        let mut fold = Fold::start(journal.clone(), latest.clone(), &writer)?;
        let damage = fold.damage();
        fold.run(&writer)?;
        let (boot_id, offset) = (options.boot_id.clone(), options.clock_offset_millis);
        let clock_step_millis = writer.run_blocking(move |connection| {
            crate::allowance::begin_run(connection, boot_id.as_deref(), offset)
        })?;
        let clock = Mutex::new(options.boot_id.clone().zip(options.clock_offset_millis));
        let reader = Reader::start(database::open_reader(&main, busy)?)?;
        let liveness = Liveness::start(reader.queue())?;
        let keeper = Keeper::start(fold, writer.clone())?;
        let log = LogThread::start(log_connection, log_file, options.request_log_bytes)?;
        let answers = WaitingAnswers::default();
        let (backups, folder) = (Backups::of(folder), folder.to_owned());
        let inner = Inner {
            writer,
            reader,
            keeper,
            liveness,
            log,
            journal,
            latest,
            damage,
            clock_step_millis,
            clock,
            answers,
            backups,
            folder,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A usage journal for one thread of the data plane; `writer` numbers the thread, for people.
    pub fn journal(&self, writer: usize) -> Result<JournalWriter, OpenError> {
        // Not before: a start that fails earlier has written nothing by this clock.
        let unnoted = self.inner.clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some((boot_id, offset)) = unnoted {
            let note = move |connection: &rusqlite::Connection| {
                crate::allowance::note_clock(connection, &boot_id, offset)
            };
            self.inner.writer.run_blocking(note)?;
        }
        JournalWriter::open(self.inner.journal.clone(), writer)
    }

    /// How many records of the usage journal could not be read, and files of it were found cut or changed, since the start.
    pub fn journal_damage(&self) -> u64 {
        self.inner.damage.count()
    }

    /// What was restored before this start, or one before it that did not get as far as [`Store::restore_is_noted`].
    pub fn restored(&self) -> Option<RestoreNote> {
        restore::read_note(&self.inner.folder)
    }

    /// It is on the audit trail.
    pub fn restore_is_noted(&self) {
        restore::remove_note(&self.inner.folder);
    }

    /// Ends the store: folds the journal, syncs everything and says so in the database. Blocks. Drop the
    /// [`JournalWriter`]s first: with one that could still write, the end does not count as clean.
    /// Other clones fail from now on. Another process can open the store at once, also while such clones are left here; after
    /// an end that was not clean too, unless a journal writer is left ([`Store::is_locked`]).
    pub fn close(self) -> Result<(), StoreFailure> {
        let inner = &self.inner;
        let journal_ended = inner.journal.close();
        let outcome = inner.keeper.fold_and_stop().and_then(|()| {
            let unsynced = |error| StoreFailure::new(format!("the journal was not synced: {error}"));
            inner.journal.sync().map_err(unsynced)?;
            if !journal_ended {
                return Err(StoreFailure::new("a journal writer is still there: the end is not clean"));
            }
            inner.writer.run_blocking(crate::allowance::end_run)
        });
        inner.stop();
        // Nothing is written here any more, in whatever order that ended.
        let unlocked = if journal_ended { inner.journal.unlock() } else { Ok(()) };
        // The process may end next, and would leave half a backup.
        inner.backups.wait();
        outcome?;
        unlocked.map_err(|error| StoreFailure::new(format!("the folder stays locked: {error}")))
    }

    /// Whether a process has the folder: after an end, this one still.
    pub fn is_locked(&self) -> bool {
        is_in_use(&self.inner.folder)
    }

    /// Whether the disk has room for an end, and for a start of another process; if not, why.
    pub fn check_room(&self) -> Result<(), StoreFailure> {
        let folder = &self.inner.folder;
        Ok(check_start_room(folder).map_err(OpenError::file(folder))?)
    }
}

impl StoreOptions {
    /// What is right outside of tests.
    pub fn of_this_machine() -> Self {
        Self {
            boot_id: fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .ok()
                .map(|id| id.trim().to_owned()),
            clock_offset_millis: None,
            lock_patience: Duration::ZERO,
            busy_timeout: Duration::from_secs(5),
            journal_file_bytes: 64 << 20,
            request_log_bytes: 1 << 30,
        }
    }
}

impl Inner {
    fn stop(&self) {
        self.backups.stop();
        self.log.stop();
        self.keeper.stop();
        self.liveness.stop();
        self.reader.stop();
        self.writer.stop();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts a named thread.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreFailure> {
    let started: io::Result<_> = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| StoreFailure::new(format!("the thread {name} cannot be started: {error}")))
}

/// Waits for a thread's end, once.
pub(crate) fn join(thread: &Mutex<Option<JoinHandle<()>>>) {
    let taken = thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    if let Some(thread) = taken
        && thread.join().is_err()
    {
        tracing::error!("a thread of the store ended by a panic");
    }
}
