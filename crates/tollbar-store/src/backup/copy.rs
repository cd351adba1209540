//! Copying: the journal's files as they are, the databases page by page out of one read transaction.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use rusqlite::{
    Connection, OptionalExtension as _,
    backup::{Backup, StepResult},
};
use tollbar_core::port::{BackupOrder, Manifest, ManifestFile};

use super::{GoesOn, Source, manifest, target::Target};
use crate::{
    allowance,
    database::{from_column, open_for_inspection, open_reader, problems},
    fault::Fault,
    files::{JOURNAL, MAIN_DATABASE, REQUEST_DATABASE, check_room, copy_file, read_through, sync_folder},
    lock::FolderLock,
};

/// Pages of one step, and the rest after it: at most 100 MB a second, and a waiting writer waits for less than a
/// millisecond.
const STEP_PAGES: i32 = 64;
const STEP_REST: Duration = Duration::from_millis(2);
/// How soon a check that is not wanted any more ends.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const BUSY: Duration = Duration::from_secs(5);

/// Everything but the manifest. The lock is held while something is read of the folder, and not while the copy is checked.
pub(super) fn all(
    data: &Path,
    order: &BackupOrder,
    source: Source,
    lock: Option<FolderLock>,
    goes_on: GoesOn<'_>,
    target: &mut Target,
) -> Result<Manifest, Fault> {
    let folder = &target.folder().to_owned();
    let main = hold(data, MAIN_DATABASE)?;
    let with_requests = order.with_requests && data.join(REQUEST_DATABASE).exists();
    let mut bytes = length(&main)? + journal_length(data);
    if with_requests {
        bytes += length(&hold(data, REQUEST_DATABASE)?)?;
    }
    check_room(folder, bytes)?;
    let mut files = copy_journal(&data.join(JOURNAL), &main, goes_on, target)?;
    let mut copied = Vec::new();
    let mut copy = |held: Connection, name: &str| -> Result<(), Fault> {
        let to = folder.join(name);
        OpenOptions::new().create_new(true).write(true).mode(0o600).open(&to)?;
        target.has_made(to.clone());
        // Its log cannot begin anew for as long as somebody looks at an earlier moment: `held` goes before the copy is checked.
        copy_database(&held, &to, source, goes_on).map_err(of(name))?;
        copied.push((to, name.to_owned()));
        Ok(())
    };
    copy(main, MAIN_DATABASE)?;
    if with_requests {
        copy(hold(data, REQUEST_DATABASE)?, REQUEST_DATABASE)?;
    }
    drop(lock);
    let mut schema = BTreeMap::new();
    for (to, name) in copied {
        let is_whole = name == MAIN_DATABASE && source == Source::Serving;
        let schema_of = finish(&to, is_whole, goes_on).map_err(Fault::in_copy).map_err(of(&name))?;
        files.push(read_through(&to, &name, |_| {
            check_wanted(goes_on).map_err(|Fault(cause)| io::Error::other(cause))
        })?);
        schema.insert(name, schema_of);
    }
    sync_folder(folder)?;
    Ok(Manifest {
        format: manifest::FORMAT,
        version: order.version.clone(),
        made_at: order.made_at.to_string(),
        with_requests,
        master_secret: manifest::MASTER_SECRET.to_owned(),
        schema,
        files,
    })
}

/// What a copy of a database takes, with what stands only in its log.
fn length(held: &Connection) -> Result<u64, Fault> {
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    Ok(from_column(held.query_row(sql, [], |row| row.get(0))?))
}

fn journal_length(data: &Path) -> u64 {
    let files = fs::read_dir(data.join(JOURNAL)).into_iter().flatten();
    files.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

/// A connection that sees the database as it is at this moment, for as long as it lives.
fn hold(data: &Path, name: &str) -> Result<Connection, Fault> {
    let connection = open_reader(&data.join(name), BUSY).map_err(|error| Fault(error.to_string()))?;
    let begun = connection
        .execute_batch("BEGIN")
        .and_then(|()| connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    begun.map_err(Fault::from).map_err(of(name))?;
    Ok(connection)
}

/// Names the database that it is of.
fn of(name: &str) -> impl FnOnce(Fault) -> Fault {
    move |fault| {
        let is_damaged_log = name == REQUEST_DATABASE && fault.is_damage();
        let Fault(cause) = if is_damaged_log { fault.in_request_log() } else { fault };
        let way_out = if is_damaged_log { "; or back up without --with-requests" } else { "" };
        Fault(format!("{name}: {cause}{way_out}"))
    }
}

fn copy_journal(
    from: &Path,
    held: &Connection,
    goes_on: GoesOn<'_>,
    target: &mut Target,
) -> Result<Vec<ManifestFile>, Fault> {
    let to = target.folder().join(JOURNAL);
    fs::DirBuilder::new().mode(0o700).create(&to)?;
    target.has_made(to.clone());
    let mut names = Vec::new();
    match fs::read_dir(from) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry?;
                if let Ok(name) = entry.file_name().into_string()
                    && manifest::is_journal_name(&name)
                {
                    names.push((name, entry.metadata().map_or(1, |metadata| metadata.len())));
                }
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    names.sort_unstable();
    let mut files = Vec::new();
    for (name, length) in names {
        check_wanted(goes_on)?;
        match copy_file(&from.join(&name), &to.join(&name), &format!("{JOURNAL}/{name}")) {
            Ok(copied) => files.push(copied),
            // It went away when it had been folded, two minutes ago at least: the held database has it.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                check_folded(held, &name, length)?;
                fs::remove_file(to.join(&name))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    sync_folder(&to)?;
    Ok(files)
}

/// A backup without what was charged in a file would give it away. It was there after the moment began, and its row in
/// the database goes after the file.
fn check_folded(held: &Connection, name: &str, length: u64) -> Result<(), Fault> {
    let offset = held
        .query_row("SELECT offset FROM journal_files WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    if from_column(offset.unwrap_or(0)) >= length {
        return Ok(());
    }
    Err(Fault(format!(
        "the journal file {name} went away while it was copied, and what was in it is not added up in the copy; back up again"
    )))
}

fn copy_database(from: &Connection, to: &Path, source: Source, goes_on: GoesOn<'_>) -> Result<(), Fault> {
    let mut target = Connection::open(to)?;
    // The whole is synced at the end, and counts only then.
    target.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    target.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(from, &mut target)?;
    loop {
        check_wanted(goes_on)?;
        let step = backup.step(if source == Source::Serving { STEP_PAGES } else { STEP_PAGES * 64 })?;
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More if source == Source::Stopped => {}
            _ => std::thread::park_timeout(STEP_REST),
        }
    }
}

/// Work of one long statement, which is interrupted when it is not wanted any more.
fn while_wanted<T>(
    connection: &Connection,
    goes_on: GoesOn<'_>,
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let statement = connection.get_interrupt_handle();
    let (working, done) = mpsc::channel::<()>();
    let outcome = std::thread::scope(|scope| {
        let watch = move || {
            while done.recv_timeout(LOOK_AGAIN) == Err(RecvTimeoutError::Timeout) {
                // Again and again: the statement may not have begun.
                if !goes_on() {
                    statement.interrupt();
                }
            }
        };
        std::thread::Builder::new().name("store-backup-end".to_owned()).spawn_scoped(scope, watch)?;
        let outcome = work();
        drop(working);
        outcome
    });
    check_wanted(goes_on)?;
    outcome
}

fn check_wanted(goes_on: GoesOn<'_>) -> Result<(), Fault> {
    if goes_on() { Ok(()) } else { Err("it was broken off".into()) }
}

/// One file that stands for itself, whole and on the disk; gives its schema. Where the journal was copied whole, the copy's end
/// is a clean one.
fn finish(file: &Path, is_whole: bool, goes_on: GoesOn<'_>) -> Result<i64, Fault> {
    let connection = Connection::open(file)?;
    connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    if is_whole {
        allowance::end_run(&connection)?;
    }
    drop(connection);
    File::open(file)?.sync_all()?;
    let connection = open_for_inspection(file)?;
    // As a restore looks at it: what that would refuse is no backup.
    let problems = while_wanted(&connection, goes_on, || Ok(problems(&connection, true)?))?;
    if let Some(problem) = problems.first() {
        return Err(Fault::damage(problem));
    }
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_only_in_the_log_takes_room_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Connection::open(&file).unwrap();
        writer.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        writer.execute_batch("CREATE TABLE a (text); INSERT INTO a VALUES (zeroblob(200000))").unwrap();
        assert!(fs::metadata(&file).unwrap().len() < 200_000);
        let held = hold(folder.path(), "db").unwrap();
        let told = length(&held).unwrap();
        drop((held, writer));
        assert_eq!(told, fs::metadata(&file).unwrap().len(), "as large as when all is in it");
    }

    #[test]
    fn a_journal_file_that_went_away_must_be_added_up() {
        let held = Connection::open_in_memory().unwrap();
        held.execute_batch(
            "CREATE TABLE journal_files (name TEXT, offset INTEGER); INSERT INTO journal_files VALUES ('1-0.log', 64)",
        )
        .unwrap();
        assert!(check_folded(&held, "1-0.log", 64).is_ok());
        for (name, length) in [("1-0.log", 65), ("2-0.log", 1)] {
            let told = check_folded(&held, name, length).unwrap_err().0;
            assert!(told.contains(name) && told.contains("back up again"), "{told}");
        }
    }

    #[test]
    fn a_check_that_is_not_wanted_any_more_ends() {
        let connection = Connection::open_in_memory().unwrap();
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let work = || Ok(connection.query_row(endless, [], |row| row.get::<_, i64>(0))?);
        assert_eq!(while_wanted(&connection, &|| false, work).unwrap_err().0, "it was broken off");
    }
}
