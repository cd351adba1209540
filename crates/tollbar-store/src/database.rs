//! Opening a database file: access rights, durability, migrations.

use std::{
    fs::{File, OpenOptions},
    io::Read as _,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior};
use tollbar_contract::Environment;

use crate::{
    OpenError,
    fault::{Fault, is_damage},
};

/// When a commit has reached the disk.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// When it returns.
    Synced,
    /// At the next checkpoint: the last commits may be lost with the power, and nothing else.
    Deferred,
}

/// The file may not grow beyond this between checkpoints when it is truncated.
const WAL_LIMIT_BYTES: u32 = 64 << 20;
const STATEMENT_CACHE: usize = 64;
const INSPECTION_PATIENCE: Duration = Duration::from_secs(5);

/// Opens for writing, and brings the schema up to date.
pub(crate) fn open_writer(
    file: &Path,
    durability: Durability,
    busy_timeout: Duration,
    migrations: &[&str],
) -> Result<Connection, OpenError> {
    let mut connection = open_unmigrated(file, durability, busy_timeout)?;
    migrate(&mut connection, file, migrations, |_, _| Ok(()))?;
    Ok(connection)
}

/// The same with the schema as it is.
pub(crate) fn open_unmigrated(
    file: &Path,
    durability: Durability,
    busy_timeout: Duration,
) -> Result<Connection, OpenError> {
    // SQLite gives the files beside the database (-wal, -shm) the database's own access rights.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(file)
        .map_err(OpenError::file(file))?;
    let connection = connect(file, busy_timeout).map_err(refused(file))?;
    configure(&connection, durability).map_err(refused(file))?;
    Ok(connection)
}

/// Opens for reading only.
pub(crate) fn open_reader(file: &Path, busy_timeout: Duration) -> Result<Connection, OpenError> {
    let connection = connect(file, busy_timeout).map_err(refused(file))?;
    connection.pragma_update(None, "query_only", true).map_err(refused(file))?;
    Ok(connection)
}

/// Opens for looking at what may be damaged, or another process's: no byte of it is changed.
pub(crate) fn open_for_inspection(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(INSPECTION_PATIENCE)?;
    Ok(connection)
}

/// The schema of a database that nobody has open, as its header says: nothing is made beside it. `None`: it is none.
pub(crate) fn schema_in_header(file: &Path) -> Option<i64> {
    let mut header = [0; 64];
    File::open(file).ok()?.read_exact(&mut header).ok()?;
    let schema: [u8; 4] = header.get(60..64)?.try_into().ok()?;
    header.starts_with(b"SQLite format 3\0").then_some(i32::from_be_bytes(schema).into())
}

/// What is wrong with a database, a sentence for each; `full`: each index is held against its table too.
pub(crate) fn problems(connection: &Connection, full: bool) -> rusqlite::Result<Vec<String>> {
    let check = if full { "PRAGMA integrity_check(20)" } else { "PRAGMA quick_check(20)" };
    let mut statement = connection.prepare(check)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut problems = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    problems.retain(|problem| problem != "ok");
    Ok(problems)
}

fn connect(file: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

fn configure(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    if matches!(durability, Durability::Deferred) {
        // What is taken away there can make the file smaller. In a file that has tables this changes nothing.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!(
            "write-ahead logging is not possible here (mode {mode}); is this a network file system?"
        )));
    }
    let synchronous = match durability {
        Durability::Synced => "FULL",
        Durability::Deferred => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is replaced is not left behind in a page: a signing key that was retired, a secret under an old master secret.
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT_BYTES, |_| Ok(()))
}

/// All that are missing run in one transaction with the new version number: what is broken off or not accepted leaves no
/// trace, and whoever had the database before can open it again. `accept` sees the database as it is to be, before that is
/// committed, and is told whether it is of an earlier version.
pub(crate) fn migrate<T>(
    connection: &mut Connection,
    file: &Path,
    migrations: &[&str],
    accept: impl FnOnce(&Connection, bool) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(refused(file))?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let Some(missing) = usize::try_from(found).ok().and_then(|done| migrations.get(done..)) else {
        return Err(OpenError::NewerSchema { file: file.to_owned(), found, known });
    };
    if missing.is_empty() {
        return accept(connection, false);
    }
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(refused(file))?;
    for migration in missing {
        transaction.execute_batch(migration).map_err(refused(file))?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(refused(file))?;
    let accepted = accept(&transaction, found > 0)?;
    transaction.commit().map_err(refused(file))?;
    Ok(accepted)
}

fn refused(file: &Path) -> impl FnOnce(rusqlite::Error) -> OpenError {
    move |error| {
        let (file, reason) = (file.to_owned(), error.to_string());
        if is_damage(&error) {
            OpenError::Damaged { file, reason }
        } else {
            OpenError::Database { file, reason }
        }
    }
}

/// A number for a column. What is beyond SQLite's integers is cut: no time or count comes near.
pub(crate) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An environment for a column.
pub(crate) fn environment_column(environment: Environment) -> u8 {
    match environment {
        Environment::Live => 0,
        Environment::Sandbox => 1,
    }
}

/// An environment from a column.
pub(crate) fn environment_from_column(row: &Row<'_>, column: usize) -> Result<Environment, Fault> {
    let number: u8 = row.get(column)?;
    Environment::from_index(number.into()).ok_or_else(|| "a row has an unknown environment".into())
}

/// A number from a column.
pub(crate) fn from_column(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> String {
        let text = |row: &Row<'_>| {
            Ok(row
                .get_ref(0)?
                .as_str()
                .map(str::to_owned)
                .or_else(|_| row.get::<_, i64>(0).map(|number| number.to_string())))
        };
        connection.pragma_query_value(None, name, text).unwrap().unwrap()
    }

    #[test]
    fn commits_are_synced_where_it_counts() {
        for (durability, synchronous) in [(Durability::Synced, "2"), (Durability::Deferred, "1")] {
            let folder = tempfile::tempdir().unwrap();
            let connection = open_writer(&folder.path().join("db"), durability, Duration::ZERO, &[]).unwrap();
            assert_eq!(pragma(&connection, "synchronous"), synchronous);
            assert_eq!(pragma(&connection, "journal_mode"), "wal");
        }
    }

    #[test]
    fn an_interrupted_migration_leaves_no_trace_and_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        let open = |migrations: &[&str]| open_writer(&file, Durability::Synced, Duration::ZERO, migrations);
        let first = "CREATE TABLE a (id INTEGER)";
        let refused = open(&[first, "CREATE TABLE b (id INTEGER); CREATE TABLE a (id INTEGER)"]);
        assert!(refused.map(drop).unwrap_err().to_string().contains("already exists"));
        let connection = open(&[first, "CREATE TABLE b (id INTEGER)"]).unwrap();
        assert_eq!(pragma(&connection, "user_version"), "2");
        drop(connection);
        assert!(matches!(open(&[first]).map(drop), Err(OpenError::NewerSchema { found: 2, known: 1, .. })));
    }

    #[test]
    fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        let _writer =
            open_writer(&file, Durability::Synced, Duration::ZERO, &["CREATE TABLE a (id)"]).unwrap();
        let reader = open_reader(&file, Duration::ZERO).unwrap();
        assert!(reader.execute("INSERT INTO a VALUES (1)", []).is_err());
    }
}
