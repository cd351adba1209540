//! The data folder itself: whose it is, who can read it, who serves from it.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use super::{Check, Patient};
use crate::data_folder::DataFolder;

const SUBJECT: &str = "data folder";

pub(super) fn check(data: &DataFolder) -> Vec<Check> {
    let path = data.path();
    let shown = path.display();
    let folder = match fs::metadata(path) {
        Ok(folder) if folder.is_dir() => folder,
        Ok(_) => {
            return vec![Check::wrong(
                SUBJECT,
                format!("{shown} is no folder"),
                "name the data folder with --data",
            )];
        }
        Err(error) => {
            return vec![Check::wrong(
                SUBJECT,
                format!("{shown}: {error}"),
                "name the data folder with --data; `tollbar serve` makes it at its first start",
            )];
        }
    };
    if !may_read(&folder) {
        let found = format!(
            "{shown} is user {}'s, and this runs as user {}, who may not look into it",
            folder.uid(),
            rustix::process::geteuid().as_raw()
        );
        return vec![Check::wrong(
            SUBJECT,
            found,
            "run this as that user, as whom the server runs, or as root",
        )];
    }
    let mut checks = Vec::new();
    let mut files = Vec::new();
    collect(path, &mut files);
    let open: Vec<String> =
        files.iter().filter(|(_, metadata)| is_open(metadata)).map(|(name, _)| name.clone()).collect();
    if !open.is_empty() {
        checks.push(Check::wrong(
            SUBJECT,
            format!("open to other users: {}", list(&open)),
            format!("chmod -R go= {shown}"),
        ));
    }
    let foreign: Vec<String> = files
        .iter()
        .filter(|(_, metadata)| metadata.uid() != folder.uid())
        .map(|(name, metadata)| format!("{name} (user {})", metadata.uid()))
        .collect();
    if !foreign.is_empty() {
        checks.push(Check::wrong(
            SUBJECT,
            format!("not owned by the folder's user ({}): {}", folder.uid(), list(&foreign)),
            format!("chown -R --reference={shown} {shown}"),
        ));
    }
    if checks.is_empty() {
        let files = files.len();
        checks.push(Check::ok(SUBJECT, format!("{shown}, {files} files and folders, for their owner alone")));
    }
    checks
}

/// Whether what is in it can be looked at: what may not be read looks as if it were not there.
pub(super) fn is_ours(data: &DataFolder) -> bool {
    fs::metadata(data.path()).is_ok_and(|folder| folder.is_dir() && may_read(&folder))
}

fn may_read(folder: &fs::Metadata) -> bool {
    let user = rustix::process::geteuid();
    user.is_root() || user.as_raw() == folder.uid()
}

/// Who has the folder.
pub(super) fn lock(patient: &Patient<'_>) -> Check {
    let subject = "server";
    match (&patient.running, patient.inspection.is_locked) {
        (Some(server), _) if patient.metrics.is_some() => {
            Check::ok(subject, format!("process {} serves at {}", server.pid, server.gateway))
        }
        (Some(server), _) => Check::wrong(
            subject,
            format!("process {} has the folder, and {} does not answer", server.pid, server.ops),
            "look at its log; it may be starting, or hang",
        ),
        (None, true) => Check::warning(
            subject,
            "a process has the folder that does not say where it serves",
            "it is starting or ending, or rotates the master secret or makes a backup; look again",
        ),
        (None, false) => Check::ok(subject, "none runs from this folder"),
    }
}

fn is_open(metadata: &fs::Metadata) -> bool {
    // Who listens on a socket decides who may speak; the folder is closed anyway.
    use std::os::unix::fs::FileTypeExt as _;
    !metadata.file_type().is_socket() && metadata.permissions().mode() & 0o077 != 0
}

/// The folder, and everything in it that is not a link.
fn collect(folder: &Path, files: &mut Vec<(String, fs::Metadata)>) {
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        // What goes away meanwhile is none of ours.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_symlink() && path != folder {
            continue;
        }
        let metadata = if path == folder { fs::metadata(&path).unwrap_or(metadata) } else { metadata };
        if metadata.is_dir() {
            waiting.extend(
                fs::read_dir(&path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())),
            );
        }
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        files.push((if name.is_empty() { ".".to_owned() } else { name }, metadata));
    }
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
}

/// The first few names.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
