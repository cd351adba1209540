use std::cell::Cell;

use super::*;

const NEW: &[&str] = &["tollbar.db", "requests.db", "journal/000000000002-0.log"];
const OLD: &[&str] =
    &["tollbar.db", "tollbar.db-wal", "tollbar.db-shm", "requests.db", "journal/000000000001-0.log"];
const KEPT: &[&str] = &["master-secret", "operator-token"];

/// A data folder with an old store, and a new one that is staged.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let note = RestoreNote {
        made_at: "then".into(),
        restored_at: "now".into(),
        replaced: "replaced-now".into(),
        files: vec![],
    };
    let staged = folder.path().join(STAGED);
    for (base, names, text) in
        [(folder.path(), OLD, "old"), (&*staged, NEW, "new"), (folder.path(), KEPT, "kept")]
    {
        fs::create_dir_all(base.join(JOURNAL)).unwrap();
        for name in names {
            fs::write(base.join(name), text).unwrap();
        }
    }
    fs::write(staged.join(NOTE), serde_json::to_string(&note).unwrap()).unwrap();
    folder
}

/// Every file below, with what stands in it.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                let bytes = fs::read(&path).unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                found.push((name, if text.starts_with('{') { "note".to_owned() } else { text }));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn wherever_it_breaks_off_the_next_start_ends_it() {
    let expected = {
        let mut expected: Vec<(String, String)> =
            OLD.iter().map(|name| (format!("replaced-now/{name}"), "old".to_owned())).collect();
        expected.extend(NEW.iter().map(|name| ((*name).to_owned(), "new".to_owned())));
        expected.extend(KEPT.iter().map(|name| ((*name).to_owned(), "kept".to_owned())));
        expected.push((NOTE.to_owned(), "note".to_owned()));
        expected.sort();
        expected
    };
    for point in 0.. {
        let folder = folder();
        let left = Cell::new(point);
        let broken = take_staged_by(folder.path(), &|from, to| {
            if !from.exists() {
                return fs::rename(from, to);
            }
            if left.get() == 0 {
                return Err(io::Error::other("killed"));
            }
            left.set(left.get() - 1);
            fs::rename(from, to)
        });
        if let Ok(note) = broken {
            assert!(note.is_some());
            assert_eq!(files(folder.path()), expected, "without a break");
            assert!(point > 8, "every move is one to break off at, not {point} of them");
            return;
        }
        assert_eq!(point == 0, folder.path().join(STAGED).exists());
        // The old store or none is in place, never a mixture: what is half moved nobody opens.
        assert!(is_pending(folder.path()), "broken off at {point}");
        let note = take_staged(folder.path()).unwrap().unwrap();
        assert_eq!(note.replaced, "replaced-now");
        assert_eq!(files(folder.path()), expected, "broken off at {point}");
        assert_eq!(take_staged(folder.path()).unwrap(), None, "only once");
    }
}

/// Every path below that is not its folder's owner's.
fn foreign(folder: &Path) -> Vec<std::path::PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |path: &Path| fs::metadata(path).map(|own| (own.uid(), own.gid())).unwrap();
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if owner(&path) != owner(folder) {
            found.push(path.clone());
        }
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

#[test]
fn what_root_restores_is_the_folders_owners() {
    let folder = tempfile::tempdir().unwrap();
    let ((_, copy), to) = (backed_up(folder.path()), folder.path().join("to"));
    fs::create_dir(&to).unwrap();
    // Another user can only be played by root; for everybody else the owner is who they are.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&to, Some(65_534), Some(65_534)).unwrap();
    }
    for time in 1..3 {
        let restored = restore(&copy, &to, true, Timestamp::from_millis(time)).unwrap();
        assert_eq!(matches!(restored, Restored::InPlace(Some(_))), time == 2);
        assert!(to.join("lock").exists());
        assert_eq!(foreign(&to), Vec::<std::path::PathBuf>::new());
    }
}

/// A data folder with a store, and a backup of it.
fn backed_up(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (data, copy) = (folder.join("data"), folder.join("copy"));
    let order = tollbar_core::port::BackupOrder {
        folder: copy.clone(),
        with_requests: false,
        made_at: Timestamp::from_millis(1),
        version: "1".to_owned(),
    };
    crate::Store::open(&data).unwrap().close().unwrap();
    crate::back_up_stopped(&data, &order).unwrap();
    (data, copy)
}

#[test]
fn what_was_moved_aside_stays_also_where_a_time_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = backed_up(folder.path());
    for number in 0..3 {
        fs::write(data.join("requests.db"), number.to_string()).unwrap();
        let restored = restore(&copy, &data, true, Timestamp::from_millis(7)).unwrap();
        let Restored::InPlace(Some(name)) = restored else { panic!("{restored:?}") };
        assert_eq!(name.ends_with("-3"), number == 2, "{name}");
        assert_eq!(fs::read_to_string(data.join(name).join("requests.db")).unwrap(), number.to_string());
    }
}

#[test]
fn a_copy_that_somebody_began_to_delete_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = backed_up(folder.path());
    let of_before = files(&data);
    for missing in [MAIN_DATABASE, NOTE] {
        let lock = FolderLock::take(&data, Duration::ZERO).unwrap();
        assert_eq!(restore(&copy, &data, true, Timestamp::from_millis(2)), Ok(Restored::Staged));
        drop(lock);
        assert!(is_pending(&data) && !is_torn(&data));
        fs::remove_file(data.join(STAGED).join(missing)).unwrap();
        assert!(!is_pending(&data) && is_torn(&data));
        assert_eq!(take_staged(&data).unwrap(), None);
        fs::remove_dir_all(data.join(STAGED)).unwrap();
        let left: Vec<_> = files(&data).into_iter().filter(|(name, _)| name != LOCK).collect();
        assert_eq!(left, of_before, "{missing}");
    }
    // Of a file, only the end is missing.
    let lock = FolderLock::take(&data, Duration::ZERO).unwrap();
    restore(&copy, &data, true, Timestamp::from_millis(2)).unwrap();
    drop(lock);
    File::options().write(true).open(data.join(STAGED).join(MAIN_DATABASE)).unwrap().set_len(100).unwrap();
    assert_eq!(take_staged(&data).unwrap(), None);
    assert!(restore(&copy, &data, true, Timestamp::from_millis(3)).is_ok(), "and another takes its place");
    assert!(!is_pending(&data) && !is_torn(&data));
}

#[test]
fn a_copy_of_a_newer_version_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = backed_up(folder.path());
    for newer_file in [MAIN_DATABASE, REQUEST_DATABASE] {
        let lock = FolderLock::take(&data, Duration::ZERO).unwrap();
        assert_eq!(restore(&copy, &data, true, Timestamp::from_millis(2)), Ok(Restored::Staged));
        drop(lock);
        let staged = data.join(STAGED).join(newer_file);
        // As a newer version, which staged it, would have it.
        let mut bytes = fs::read(copy.join(MAIN_DATABASE)).unwrap();
        bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
        fs::write(&staged, bytes).unwrap();
        let of_before = files(&data);
        assert!(!is_pending(&data) && !is_torn(&data));
        assert!(matches!(newer(&data), Some(OpenError::NewerSchema { found: 999, .. })), "{newer_file}");
        assert_eq!(take_staged(&data).unwrap(), None);
        assert_eq!(files(&data), of_before, "nothing was moved");
        crate::Store::open(&data).unwrap().close().unwrap();
        assert!(staged.exists(), "the newer version takes it");
    }
    let restored = restore(&copy, &data, true, Timestamp::from_millis(3));
    assert!(matches!(restored, Ok(Restored::InPlace(Some(_)))), "another takes its place: {restored:?}");
}

#[test]
fn a_file_of_a_backup_is_not_the_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("tollbar.db"), folder.path().join("data"));
    fs::write(&file, "").unwrap();
    let refusal = || restore(&file, &data, false, Timestamp::default()).unwrap_err().to_string();
    assert!(refusal().contains("tollbar.db is a file: name the folder"), "{}", refusal());
    fs::write(folder.path().join("manifest.json"), "{}").unwrap();
    assert!(refusal().ends_with(&format!("of the backup: {}", folder.path().display())), "{}", refusal());
}

#[test]
fn an_error_is_told_once_and_of_what_it_is() {
    let error = || io::Error::new(ErrorKind::StorageFull, "nothing is free");
    let told = OpenError::file(Path::new("file"))(error());
    assert_eq!(told.to_string(), "file: nothing is free");
    assert!(std::error::Error::source(&told).is_none(), "it would be told again");
    assert_eq!(Fault::from(error()).0, "nothing is free");
    assert_eq!(Fault::in_journal(&error()).0, "the journal's files: nothing is free");
}

#[test]
fn into_an_empty_folder_nothing_is_moved_aside() {
    let folder = folder();
    for name in OLD {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    fs::remove_dir(folder.path().join(JOURNAL)).unwrap();
    assert!(take_staged(folder.path()).unwrap().is_some());
    assert!(!folder.path().join("replaced-now").exists());
    assert!(!is_pending(folder.path()));
}
