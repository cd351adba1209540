//! Putting a backup in the place of a store.
//!
//! It is copied into the data folder first (`restore-staged`), checked, and onto the disk. It is taken by whoever opens
//! the store next, under the folder's lock, in steps that can be broken off anywhere and are gone on with by the next start:
//!
//! | folder | what is so |
//! |---|---|
//! | `restore-staged.part` | being copied; worth nothing |
//! | `restore-staged` | complete; the store is the old one |
//! | `restore-moving` | the old store's files are being moved to `replaced-...` |
//! | `restore-applying` | the old ones are gone from their places; the new ones are being moved there |

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tollbar_core::{
    Timestamp,
    port::{Manifest, ManifestFile, StoreFailure},
};

use crate::{
    OpenError,
    backup::manifest::{self, verify_backup},
    database::schema_in_header,
    fault::Fault,
    files::{BESIDE, JOURNAL, MAIN_DATABASE, REQUEST_DATABASE, beside, check_room, copy_file, sync_folder},
    lock::{FolderLock, create_folder, is_locked},
    schema,
};

const PART: &str = "restore-staged.part";
const OLDER: &str = "restore-staged.older";
const STAGED: &str = "restore-staged";
const MOVING: &str = "restore-moving";
const APPLYING: &str = "restore-applying";
/// In a staged copy: what the next start has to know. In the data folder: what it did, until that is on the audit trail.
const NOTE: &str = "restored.json";
/// Who stages holds it.
const LOCK: &str = "restore.lock";

/// Moves a file; in tests it breaks off somewhere.
type Rename<'a> = &'a dyn Fn(&Path, &Path) -> io::Result<()>;

/// What becomes of a backup that is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It is in place; what was there is in this folder, if anything was.
    InPlace(Option<String>),
    /// A server runs: the next start takes it.
    Staged,
}

/// What was restored, and what became of the store before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreNote {
    /// When the backup was made, in RFC 3339.
    pub made_at: String,
    /// When it was restored (staged), in RFC 3339.
    pub restored_at: String,
    /// Where in the data folder the files are that were there before.
    pub replaced: String,
    /// What the copy consists of. An earlier version did not say.
    #[serde(default)]
    pub files: Vec<ManifestFile>,
}

/// Restores a backup: checks it whole, copies it into the data folder, and takes it if no server has that. `may_replace`
/// must be said where a store is; it is moved aside, never deleted.
pub fn restore(
    backup: &Path,
    data: &Path,
    may_replace: bool,
    now: Timestamp,
) -> Result<Restored, StoreFailure> {
    let manifest = verify_backup(backup)?;
    create_folder(data).map_err(StoreFailure::from)?;
    if !may_replace && (has_store(data) || is_pending(data) || newer(data).is_some()) {
        return Err(StoreFailure::new(format!(
            "there is a store in {} already, or a restored copy that the next start takes; to put this backup in its place, \
             say --replace: what is there is moved aside, and not deleted",
            data.display()
        )));
    }
    let _staging = FolderLock::take_named(data, LOCK, Duration::ZERO).map_err(|error| match error {
        OpenError::InUse { .. } => StoreFailure::new("another `tollbar restore` is at work in this folder"),
        other => other.into(),
    })?;
    stage(backup, data, &manifest, now).map_err(|Fault(cause)| {
        let _ = fs::remove_dir_all(data.join(PART));
        StoreFailure::new(format!("the backup could not be copied into {}: {cause}", data.display()))
    })?;
    match FolderLock::take(data, Duration::ZERO) {
        Ok(_lock) => {
            let note = take_staged(data).map_err(StoreFailure::from)?;
            let replaced = note.map(|note| note.replaced).filter(|name| data.join(name).exists());
            Ok(Restored::InPlace(replaced))
        }
        Err(OpenError::InUse { .. }) => Ok(Restored::Staged),
        Err(other) => Err(other.into()),
    }
}

/// Whether a restored copy waits for the next start.
pub fn is_pending(data: &Path) -> bool {
    is_whole(&data.join(STAGED)) && newer(data).is_none() || is_unfinished(data)
}

/// Why one that waits is not taken: a newer version made it, and this one could not open it.
pub(crate) fn newer(data: &Path) -> Option<OpenError> {
    let databases = [(MAIN_DATABASE, schema::MAIN.len()), (REQUEST_DATABASE, schema::REQUEST_LOG.len())];
    databases.into_iter().find_map(|(name, known)| {
        let file = data.join(STAGED).join(name);
        let (found, known) = (schema_in_header(&file)?, i64::try_from(known).unwrap_or(i64::MAX));
        (found > known).then_some(OpenError::NewerSchema { file, found, known })
    })
}

/// Whether somebody has begun to delete one that waited: it is not taken.
pub(crate) fn is_torn(data: &Path) -> bool {
    data.join(STAGED).exists() && !is_whole(&data.join(STAGED))
}

/// Whether one that was broken off while it was copied has left something: worth nothing, but it takes room.
pub(crate) fn has_left_over(data: &Path) -> bool {
    [PART, OLDER].iter().any(|name| data.join(name).exists()) && !is_locked(&data.join(LOCK))
}

/// Everything of a staged copy is there.
fn is_whole(staged: &Path) -> bool {
    let length = |name: &str| fs::metadata(staged.join(name)).ok().map(|file| file.len());
    read_note(staged).is_some_and(|note| note.files.iter().all(|file| length(&file.name) == Some(file.bytes)))
        && length(MAIN_DATABASE).is_some()
}

/// Whether putting one in place was broken off.
pub(crate) fn is_unfinished(data: &Path) -> bool {
    [MOVING, APPLYING].iter().any(|name| data.join(name).exists())
}

/// Takes what was restored while a server ran, or goes on where that broke off. Under the folder's lock, with nothing open.
pub(crate) fn take_staged(data: &Path) -> Result<Option<RestoreNote>, OpenError> {
    take_staged_by(data, &|from, to| fs::rename(from, to))
}

fn take_staged_by(data: &Path, rename: Rename<'_>) -> Result<Option<RestoreNote>, OpenError> {
    let mut taken = None;
    loop {
        let at = |name: &str| data.join(name);
        if !is_unfinished(data) {
            if is_torn(data) {
                tracing::error!(
                    folder = %at(STAGED).display(),
                    "files of the restored copy that waits are missing: it is not taken, and the store is the one of before; \
                     delete the rest of it, or restore again"
                );
                return Ok(taken);
            }
            if let Some(reason) = newer(data) {
                tracing::error!(
                    %reason,
                    "the restored copy that waits is not taken, and the store is the one of before; start the newer version, or \
                     delete the copy"
                );
                return Ok(taken);
            }
            match rename(&at(STAGED), &at(MOVING)) {
                Ok(()) => sync_folder(data).map_err(OpenError::file(data))?,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(taken),
                Err(error) => return Err(OpenError::File { path: at(STAGED), cause: error }),
            }
        }
        if !at(APPLYING).exists() {
            move_old_aside(data, rename).map_err(OpenError::file(data))?;
            rename(&at(MOVING), &at(APPLYING)).map_err(OpenError::file(&at(MOVING)))?;
            sync_folder(data).map_err(OpenError::file(data))?;
        }
        move_new_in(data, rename).map_err(OpenError::file(&at(APPLYING)))?;
        taken = read_note(data);
        if let Some(note) = &taken {
            tracing::warn!(
                made_at = note.made_at,
                replaced = note.replaced,
                "a restored backup was taken; what was there before is in that folder of the data folder"
            );
        }
    }
}

/// What was restored and is not on the audit trail yet.
pub(crate) fn read_note(data: &Path) -> Option<RestoreNote> {
    serde_json::from_slice(&fs::read(data.join(NOTE)).ok()?).ok()
}

/// It is on the audit trail.
pub(crate) fn remove_note(data: &Path) {
    let _ = fs::remove_file(data.join(NOTE));
}

fn has_store(data: &Path) -> bool {
    [MAIN_DATABASE, REQUEST_DATABASE, JOURNAL].iter().any(|name| data.join(name).exists())
}

fn stage(backup: &Path, data: &Path, manifest: &Manifest, now: Timestamp) -> Result<(), Fault> {
    let part = data.join(PART);
    // Left over from one that was broken off: they take room, too.
    for name in [PART, OLDER] {
        remove_folder(&data.join(name))?;
    }
    check_room(data, manifest.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add))?;
    let make = |folder: &Path| fs::DirBuilder::new().mode(0o700).create(folder);
    make(&part)?;
    make(&part.join(JOURNAL))?;
    for file in &manifest.files {
        let copied = copy_file(&backup.join(&file.name), &part.join(&file.name), &file.name)?;
        if copied != *file {
            return Err(Fault(format!("{} was changed while it was copied", file.name)));
        }
    }
    let restored_at = now.to_string();
    let replaced = free_name(data, &format!("replaced-{}", restored_at.replace(':', "-")));
    let (made_at, files) = (manifest.made_at.clone(), manifest.files.clone());
    let note = RestoreNote { made_at, restored_at, replaced, files };
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(part.join(NOTE))?;
    file.write_all(serde_json::to_string(&note)?.as_bytes())?;
    file.sync_all()?;
    sync_folder(&part.join(JOURNAL))?;
    sync_folder(&part)?;
    own_as(data, &part)?;
    // One that waits already is superseded; a start that takes it just now comes first.
    match fs::rename(data.join(STAGED), data.join(OLDER)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    fs::rename(&part, data.join(STAGED)).inspect_err(|_| {
        let _ = fs::rename(data.join(OLDER), data.join(STAGED));
    })?;
    sync_folder(data)?;
    // The next one takes it away where this cannot.
    let _ = remove_folder(&data.join(OLDER));
    Ok(())
}

/// A clock that was set back gives the same time twice: what was moved aside then stays as it is.
fn free_name(data: &Path, name: &str) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !data.join(name).exists()).unwrap_or_default()
}

/// The server's user must be able to use what another one (root) has copied.
fn own_as(data: &Path, folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let owner = fs::metadata(data)?;
    let is_foreign =
        |path: &Path| fs::metadata(path).map(|own| (own.uid(), own.gid()) != (owner.uid(), owner.gid()));
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if is_foreign(&path)? {
            chown(&path, Some(owner.uid()), Some(owner.gid()))?;
        }
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
    }
    Ok(())
}

/// Every file of the old store, also where some of them have been moved by an earlier try.
fn move_old_aside(data: &Path, rename: Rename<'_>) -> io::Result<()> {
    let note = fs::read(data.join(MOVING).join(NOTE))?;
    let note: RestoreNote = serde_json::from_slice(&note)?;
    let aside = data.join(&note.replaced);
    let mut old = vec![data.join(JOURNAL)];
    for name in [MAIN_DATABASE, REQUEST_DATABASE] {
        let file = data.join(name);
        old.extend(BESIDE.map(|suffix| beside(&file, suffix)));
        old.push(file);
    }
    old.retain(|file| file.exists());
    if old.is_empty() {
        return Ok(());
    }
    match fs::DirBuilder::new().mode(0o700).create(&aside) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => own_as(data, &aside)?,
    }
    for file in old {
        let name = file.file_name().unwrap_or_default();
        rename(&file, &aside.join(name)).map_err(|error| {
            let cannot = format!("{} cannot be moved to {}: {error}", file.display(), aside.display());
            io::Error::new(error.kind(), cannot)
        })?;
    }
    sync_folder(&aside)?;
    sync_folder(data)
}

fn move_new_in(data: &Path, rename: Rename<'_>) -> io::Result<()> {
    let applying = data.join(APPLYING);
    for name in [JOURNAL, REQUEST_DATABASE, NOTE, MAIN_DATABASE] {
        match rename(&applying.join(name), &data.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_folder(data)?;
    remove_folder(&applying)?;
    sync_folder(data)
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The manifest of a backup; what it names is not looked at.
pub fn read_manifest(backup: &Path) -> Result<Manifest, StoreFailure> {
    manifest::read(backup)
}

#[cfg(test)]
mod tests;
