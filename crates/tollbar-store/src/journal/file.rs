//! The journal's files: names, who writes which, and the end of them.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{
    OpenError,
    lock::{FolderLock, create_folder, sync_folder},
};

const EXTENSION: &str = ".log";

/// The folder of the journal. Files are named `<sequence>-<writer>.log`; a sequence number is never used again
/// while a trace of its file is left.
pub(crate) struct JournalFolder {
    path: PathBuf,
    pub(crate) file_limit_bytes: u64,
    next_sequence: AtomicU64,
    /// Files from here on are of this process.
    own_sequence: AtomicU64,
    written: Mutex<Written>,
    /// A writer keeps the folder locked, even if it outlives its store.
    lock: FolderLock,
}

/// A file that a writer of this process may still append to.
#[derive(Default)]
pub(crate) struct Begun {
    /// What was appended: the file is never shorter.
    appended: AtomicU64,
    /// It was made. Until then nobody misses it.
    is_made: AtomicBool,
    /// It is not what was written.
    is_damaged: AtomicBool,
}

#[derive(Default)]
struct Written {
    files: BTreeMap<String, Arc<Begun>>,
    /// No more files may be begun.
    closed: bool,
}

impl JournalFolder {
    pub(crate) fn open(path: PathBuf, file_limit_bytes: u64, lock: FolderLock) -> Result<Self, OpenError> {
        create_folder(&path)?;
        let folder = Self {
            path,
            file_limit_bytes,
            next_sequence: AtomicU64::new(1),
            own_sequence: AtomicU64::new(1),
            written: Mutex::default(),
            lock,
        };
        folder.reserve(&folder.names().map_err(OpenError::file(&folder.path))?);
        Ok(folder)
    }

    /// Keeps new files from these names, of former runs.
    pub(crate) fn reserve(&self, names: &[String]) {
        let greatest = names.iter().filter_map(|name| sequence(name)).max().unwrap_or(0);
        self.next_sequence.fetch_max(greatest + 1, Ordering::Relaxed);
        self.own_sequence.fetch_max(greatest + 1, Ordering::Relaxed);
    }

    /// Whether a writer of this process began it.
    pub(crate) fn is_own(&self, name: &str) -> bool {
        sequence(name).is_some_and(|sequence| sequence >= self.own_sequence.load(Ordering::Relaxed))
    }

    /// Oldest first.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not text is not one of ours.
            if let Ok(name) = entry?.file_name().into_string()
                && name.ends_with(EXTENSION)
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A new file, which counts as written until [`JournalFolder::end_writing`].
    pub(crate) fn create(&self, writer: usize) -> io::Result<(String, File, Arc<Begun>)> {
        let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
        let name = format!("{sequence:012}-{writer}{EXTENSION}");
        let begun = Arc::new(Begun::default());
        // Before it can be seen in the folder: whoever sees it must know that its end may be torn.
        {
            let mut written = self.written();
            if written.closed {
                return Err(io::Error::other("the store is closed"));
            }
            written.files.insert(name.clone(), begun.clone());
        }
        match OpenOptions::new().create_new(true).append(true).mode(0o600).open(self.file(&name)) {
            Ok(file) => {
                begun.is_made.store(true, Ordering::Release);
                Ok((name, file, begun))
            }
            Err(error) => {
                self.end_writing(&name);
                Err(error)
            }
        }
    }

    /// Nothing will be appended any more.
    pub(crate) fn end_writing(&self, name: &str) {
        self.written().files.remove(name);
    }

    pub(crate) fn is_written(&self, name: &str) -> bool {
        self.written().files.contains_key(name)
    }

    /// What is known of a file that is being written.
    pub(crate) fn begun(&self, name: &str) -> Option<Arc<Begun>> {
        self.written().files.get(name).cloned()
    }

    /// Those files that are being written and have been made.
    pub(crate) fn made(&self) -> Vec<(String, Arc<Begun>)> {
        let written = self.written();
        let made = written.files.iter().filter(|(_, begun)| begun.is_made.load(Ordering::Acquire));
        made.map(|(name, begun)| (name.clone(), begun.clone())).collect()
    }

    /// From now on no file is begun. Whether no file is being written either, so that the journal has ended.
    pub(crate) fn close(&self) -> bool {
        let mut written = self.written();
        written.closed = true;
        written.files.is_empty()
    }

    /// Lets another process have the folder: nothing may be written here any more.
    pub(crate) fn unlock(&self) -> io::Result<()> {
        self.lock.release()
    }

    /// Deletes files so that they stay deleted, also when the power fails.
    pub(crate) fn remove(&self, names: &[String]) -> io::Result<()> {
        for name in names {
            match fs::remove_file(self.file(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.sync_entries()
    }

    /// Everything in the folder is on the disk when this returns.
    pub(crate) fn sync(&self) -> io::Result<()> {
        for name in self.names()? {
            File::open(self.file(&name))?.sync_all()?;
        }
        self.sync_entries()
    }

    fn sync_entries(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sequence(name: &str) -> Option<u64> {
    name.split_once('-')?.0.parse().ok()
}

impl Begun {
    /// Notes what the writer has appended in all.
    pub(crate) fn grew_to(&self, bytes: u64) {
        self.appended.store(bytes, Ordering::Release);
    }

    /// To be asked before the file's length is.
    pub(crate) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Acquire)
    }

    /// Asks the writer to begin another file. Whether nobody has yet.
    pub(crate) fn give_up(&self) -> bool {
        !self.is_damaged.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }
}
