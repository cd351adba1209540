//! The folder that a backup is made in: claimed for one at a time, and cleared of what that one made if it fails.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::manifest;
use crate::{
    fault::Fault,
    files::{BESIDE, beside, sync_folder},
};

/// A folder that nobody else makes a backup in.
pub(super) struct Target {
    folder: PathBuf,
    was_there: bool,
    /// What this backup has made, the claim first: that goes last.
    made: Vec<PathBuf>,
    manifest: File,
}

impl Target {
    /// Makes the folder, or takes an empty one.
    pub(super) fn claim(data: &Path, folder: &Path) -> Result<Self, Fault> {
        let was_there = prepare(data, folder)?;
        let claim = folder.join(manifest::PART);
        let busy = || Fault(format!("{}: another backup is being made there", folder.display()));
        let manifest = match File::options().create_new(true).write(true).mode(0o600).open(&claim) {
            Ok(manifest) => manifest,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(busy()),
            Err(error) => {
                if !was_there {
                    let _ = fs::remove_dir(folder);
                }
                return Err(Fault(format!("{}: it cannot be written to: {error}", folder.display())));
            }
        };
        let target = Self { folder: folder.to_owned(), was_there, made: vec![claim], manifest };
        // Another one may have come and ended between the look and the claim.
        if fs::read_dir(folder)?.count() != 1 {
            target.clear();
            return Err(busy());
        }
        Ok(target)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The manifest while it is not whole.
    pub(super) fn manifest(&mut self) -> &mut File {
        &mut self.manifest
    }

    /// The manifest has its name.
    pub(super) fn is_complete(&mut self) {
        if let Some(claim) = self.made.first_mut() {
            *claim = self.folder.join(manifest::FILE);
        }
    }

    /// This backup has made a file or a folder.
    pub(super) fn has_made(&mut self, path: PathBuf) {
        self.made.push(path);
    }

    /// Takes away what this backup has made, and nothing else.
    pub(super) fn clear(&self) {
        for path in self.made.iter().rev() {
            if path.is_dir() {
                let _ = fs::remove_dir_all(path);
                continue;
            }
            for suffix in BESIDE {
                let _ = fs::remove_file(beside(path, suffix));
            }
            let _ = fs::remove_file(path);
        }
        if !self.was_there {
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// Whether the folder was there; it is empty, and nobody else may enter it.
fn prepare(data: &Path, folder: &Path) -> Result<bool, Fault> {
    // `link/` would be what the link leads to.
    let folder = folder.components().as_path();
    let cannot = |why: &str| Err(Fault(format!("{}: {why}", folder.display())));
    if !folder.is_absolute() {
        return cannot("the path must be absolute: it is on the machine of the server");
    }
    let data = match data.canonicalize() {
        Ok(data) => data,
        Err(error) => return Err(Fault(format!("the data folder {}: {error}", data.display()))),
    };
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
            check_existing(folder)?;
            true
        }
        Err(error) => return cannot(&format!("it cannot be made: {error}")),
    };
    sync_folder(&parent)?;
    Ok(was_there)
}

/// Nothing is changed about a folder that somebody else has made.
fn check_existing(folder: &Path) -> Result<(), Fault> {
    let cannot = |why: &str| Err(Fault(format!("{}: {why}", folder.display())));
    let found = match fs::symlink_metadata(folder) {
        Ok(found) => found,
        Err(error) => return cannot(&error.to_string()),
    };
    if found.is_symlink() {
        return cannot(
            "it is a symbolic link: name the folder that it leads to, or one that does not exist yet",
        );
    }
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) if folder.join(manifest::PART).exists() => {
            return cannot(
                "it is not empty: a backup is being made there, or one was broken off; delete that one, or name another folder",
            );
        }
        Ok(false) => {
            return cannot("it is not empty: name a folder that does not exist yet, or an empty one");
        }
        Err(error) => return cannot(&error.to_string()),
    }
    if found.permissions().mode() & 0o077 != 0 {
        return cannot(&format!(
            "other users may enter it: close it with `chmod 700 {}`, or name a folder that does not exist yet",
            folder.display()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn refusal(data: &Path, folder: &Path) -> String {
        Target::claim(data, folder).map(drop).unwrap_err().0
    }

    #[test]
    fn one_backup_has_a_folder_and_a_failing_one_takes_only_its_own_away() {
        let outside = tempfile::tempdir().unwrap();
        let (data, folder) = (outside.path().join("data"), outside.path().join("copy"));
        fs::create_dir(&data).unwrap();
        let mut first = Target::claim(&data, &folder).unwrap();
        assert!(
            refusal(&data, &folder)
                .contains("not empty: a backup is being made there, or one was broken off")
        );
        let own = folder.join("tollbar.db");
        fs::write(&own, "own").unwrap();
        first.has_made(own.clone());
        // Not by this one, in its place or not.
        fs::create_dir(folder.join("journal")).unwrap();
        fs::write(folder.join("requests.db"), "another's").unwrap();
        first.clear();
        assert!(!own.exists() && folder.join("requests.db").exists() && folder.join("journal").exists());
        fs::remove_file(folder.join("requests.db")).unwrap();
        fs::remove_dir(folder.join("journal")).unwrap();
        // All of it was this one's: the folder goes too.
        fs::remove_dir(&folder).unwrap();
        Target::claim(&data, &folder).unwrap().clear();
        assert!(!folder.exists());
    }

    #[test]
    fn of_many_at_once_one_has_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        let (data, folder) = (outside.path().join("data"), outside.path().join("copy"));
        fs::create_dir(&data).unwrap();
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        let all = std::sync::Barrier::new(8);
        let claim = || {
            all.wait();
            Target::claim(&data, &folder).is_ok()
        };
        let claimed = std::thread::scope(|scope| {
            let each: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
            each.into_iter().map(|each| each.join().unwrap()).filter(|is| *is).count()
        });
        assert_eq!(claimed, 1);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "the claim of the one");
    }

    #[test]
    fn a_folder_that_is_there_is_not_changed() {
        let outside = tempfile::tempdir().unwrap();
        let (data, folder) = (outside.path().join("data"), outside.path().join("copy"));
        fs::create_dir(&data).unwrap();
        fs::create_dir(&folder).unwrap();
        for mode in [0o755, 0o710, 0o1777] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            let told = refusal(&data, &folder);
            assert!(told.contains(&format!("chmod 700 {}", folder.display())), "{told}");
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o7777, mode);
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let link = outside.path().join("link");
        symlink(&folder, &link).unwrap();
        for link in [link.clone(), link.join("")] {
            let told = refusal(&data, &link);
            assert!(told.contains("symbolic link"), "{told}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        Target::claim(&data, &folder).unwrap().clear();
        assert!(folder.exists(), "it was there before");
    }
}
