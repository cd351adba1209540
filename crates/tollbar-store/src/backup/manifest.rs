//! The manifest: what makes a backup complete, and what it is checked by.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
};

use tollbar_core::port::{Manifest, StoreFailure};

use super::target::Target;
use crate::{
    database::{self, open_for_inspection},
    fault::Fault,
    files::{JOURNAL, MAIN_DATABASE, REQUEST_DATABASE, describe, sync_folder},
    schema,
};

pub(crate) const FILE: &str = "manifest.json";
pub(super) const PART: &str = "manifest.json.part";
pub(super) const FORMAT: u32 = 1;
pub(super) const MASTER_SECRET: &str = "the one that was in force at made_at; it is not in this folder";
/// No manifest is longer: a journal has a file for each 64 MiB.
const LIMIT_BYTES: u64 = 4 << 20;

/// From now on the backup is complete.
pub(super) fn write(target: &mut Target, manifest: &Manifest) -> Result<(), Fault> {
    let file = target.manifest();
    file.write_all(serde_json::to_string_pretty(manifest)?.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(target.folder().join(PART), target.folder().join(FILE))?;
    target.is_complete();
    Ok(sync_folder(target.folder())?)
}

/// Reads a manifest; what it names is not looked at.
pub(crate) fn read(folder: &Path) -> Result<Manifest, StoreFailure> {
    let path = folder.join(FILE);
    let refused = |why: String| Err(StoreFailure::new(format!("{}: {why}", path.display())));
    let length = match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return refused("it is no file; take another backup".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            let name = match folder.parent() {
                Some(parent) if parent.join(FILE).exists() => format!(": {}", parent.display()),
                _ => ", in which its manifest.json is".to_owned(),
            };
            return Err(StoreFailure::new(format!(
                "{} is a file: name the folder of the backup{name}",
                folder.display()
            )));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return refused("there is none, so this is no backup, or one that was not finished".to_owned());
        }
        Err(error) => return refused(error.to_string()),
    };
    if length > LIMIT_BYTES {
        return refused("it is too long for a manifest".to_owned());
    }
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return refused(error.to_string()),
    };
    let manifest: Manifest = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => return refused(format!("it is damaged ({error}); take another backup")),
    };
    if manifest.format > FORMAT {
        return refused(format!(
            "it has format {}, and this version of Tollbar knows up to {FORMAT}: use the version that made it",
            manifest.format
        ));
    }
    if let Some(file) = manifest.files.iter().find(|file| !is_known(&file.name)) {
        return refused(format!("it names `{}`, which is no file of a backup", file.name.escape_debug()));
    }
    if !manifest.files.iter().any(|file| file.name == MAIN_DATABASE) {
        return refused(format!("it names no {MAIN_DATABASE}; take another backup"));
    }
    Ok(manifest)
}

/// Everything that the manifest says, and that the databases are whole and not newer than this program.
pub fn verify_backup(folder: &Path) -> Result<Manifest, StoreFailure> {
    let manifest = read(folder)?;
    for file in &manifest.files {
        let path = folder.join(&file.name);
        let damaged = |why: String| {
            StoreFailure::new(format!(
                "{}: {why}; this backup cannot be used, take another one",
                path.display()
            ))
        };
        let found = match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(damaged("it is no file".to_owned())),
            Ok(_) => describe(&path, &file.name),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(damaged("it is missing".to_owned()));
            }
            Err(error) => Err(error),
        };
        // That says nothing of the backup.
        let found = found
            .map_err(|error| StoreFailure::new(format!("{} cannot be read: {error}", path.display())))?;
        if found != *file {
            return Err(damaged(format!(
                "it is not as it was when the backup was made ({} bytes, {} then; its SHA-256 differs)",
                found.bytes, file.bytes
            )));
        }
    }
    for (name, known) in [(MAIN_DATABASE, schema::MAIN.len()), (REQUEST_DATABASE, schema::REQUEST_LOG.len())]
    {
        let path = folder.join(name);
        if manifest.files.iter().any(|file| file.name == name) {
            verify_database(&path, known)
                .map_err(|Fault(cause)| StoreFailure::new(format!("{}: {cause}", path.display())))?;
        }
    }
    Ok(manifest)
}

fn verify_database(file: &Path, known: usize) -> Result<(), Fault> {
    let connection = open_for_inspection(file)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(known).unwrap_or(i64::MAX);
    if found > known {
        return Err(Fault(format!(
            "it has schema {found}, and this version of Tollbar knows up to {known}: restore it with the version that made it"
        )));
    }
    match database::problems(&connection, true)?.first() {
        None => Ok(()),
        Some(problem) => Err(Fault(format!("it is damaged ({problem}); take another backup"))),
    }
}

/// A path that leaves the folder is no file of a backup.
fn is_known(name: &str) -> bool {
    let journal = name.split_once('/').filter(|(folder, _)| *folder == JOURNAL);
    name == MAIN_DATABASE
        || name == REQUEST_DATABASE
        || journal.is_some_and(|(_, file)| is_journal_name(file))
}

/// `000000000001-0.log`.
pub(super) fn is_journal_name(name: &str) -> bool {
    name.strip_suffix(".log").is_some_and(|stem| {
        !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}
