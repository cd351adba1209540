//! Looking at a data folder, whether or not a server has it. Nothing is changed.

mod ahead;
mod trouble;

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use tollbar_core::{SigningKeyRecord, Timestamp, secret::keyring::KeyringRecord};

use crate::{
    OpenError, allowance, damage,
    database::{self, column, from_column, open_for_inspection},
    fault::Fault,
    files::{JOURNAL, MAIN_DATABASE, REQUEST_DATABASE},
    journal::{RECORD_BYTES, parse_record},
    lock::is_in_use,
    restore, schema,
};

pub use self::ahead::Ahead;
use self::trouble::Trouble;
pub use self::trouble::{Hindrance, Unreadable};

/// What was found.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Whether a process has the folder.
    pub is_locked: bool,
    /// `tollbar.db`, then `requests.db`. None while a restored copy is half in place.
    pub databases: Vec<DatabaseReport>,
    /// The usage journal.
    pub journal: JournalReport,
    /// What is of a time after the one that was given.
    pub ahead: Ahead,
    /// The secrets, wrapped.
    pub keyring: Vec<KeyringRecord>,
    /// The keys that sign tokens, sealed.
    pub signing_keys: Vec<SigningKeyRecord>,
    /// Executions whose outcome is unknown for longer than asked.
    pub unknown_outcomes: u64,
    /// Whether a restored copy waits for the next start.
    pub is_restore_pending: bool,
    /// Whether one waited, and files of it are missing now.
    pub is_restore_torn: bool,
    /// Whether one waits that this version could not open.
    pub is_restore_newer: bool,
    /// Whether one that was broken off has left something.
    pub has_left_restore: bool,
    /// What was looked at, of which the rest here says something.
    pub looked_at: LookedAt,
}

/// What could be looked at. Where there is no store yet that is everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// The usage journal, and how far it is added up.
    pub journal: bool,
    /// The secrets and the keys that sign tokens.
    pub secrets: bool,
    /// The tables, which those of another schema are not.
    pub tables: bool,
}

impl LookedAt {
    const EVERYTHING: Self = Self { journal: true, secrets: true, tables: true };
}

/// One database.
#[derive(Debug, Default, Serialize)]
pub struct DatabaseReport {
    /// Its file.
    pub name: &'static str,
    /// Whether it is there.
    pub is_there: bool,
    /// Its schema, if that can be read.
    pub schema: Option<i64>,
    /// The newest schema that is known here.
    pub known_schema: i64,
    /// How it is damaged.
    pub problems: Vec<String>,
    /// What keeps from reading it, which says nothing about damage.
    pub unreadable: Option<Unreadable>,
}

/// The usage journal's files.
#[derive(Debug, Default, Serialize)]
pub struct JournalReport {
    /// How many files there are.
    pub files: u64,
    /// How long they are in all.
    pub bytes: u64,
    /// What of it is not added up in the tables yet.
    pub unfolded_bytes: u64,
    /// Files with records that cannot be read, and how many.
    pub damaged: Vec<(String, u64)>,
    /// Something of it was lost since the last start: the next one raises counts to what was leased.
    pub has_gaps: bool,
    /// What could not be read at all.
    pub problems: Vec<String>,
}

/// Each with the number of its newest schema.
const DATABASES: [(&str, usize); 2] =
    [(MAIN_DATABASE, schema::MAIN.len()), (REQUEST_DATABASE, schema::REQUEST_LOG.len())];

/// Looks at everything. `full`: each index against its table too, which takes longer. `unknown_since`: outcomes that were
/// unknown by then are counted. `now`: what is of a later time is counted.
pub fn inspect(folder: &Path, unknown_since: Timestamp, now: Timestamp, full: bool) -> Inspection {
    let mut found = Inspection {
        is_locked: is_in_use(folder),
        is_restore_pending: restore::is_pending(folder),
        is_restore_torn: restore::is_torn(folder),
        is_restore_newer: restore::newer(folder).is_some(),
        has_left_restore: restore::has_left_over(folder),
        ..Inspection::default()
    };
    // Files of two stores are in it; the next start ends that before it opens any.
    let looked_into = if restore::is_unfinished(folder) { &[][..] } else { &DATABASES };
    for &(name, known) in looked_into {
        let mut report = DatabaseReport {
            name,
            known_schema: i64::try_from(known).unwrap_or(i64::MAX),
            ..DatabaseReport::default()
        };
        let file = folder.join(name);
        report.is_there = file.exists();
        // What a server has open it has read itself; its log may be in the middle of being written.
        let mut look = || -> Result<(), Trouble> {
            let is_main = name == MAIN_DATABASE;
            if is_main && !found.is_locked {
                damage::check_before_opening(&file)?;
            }
            if !report.is_there {
                if is_main {
                    found.looked_at = LookedAt::EVERYTHING;
                }
                return Ok(());
            }
            let connection = look_into(&file, full, &mut report)?;
            if is_main {
                look_at_journal(&connection, folder, now, &mut found);
                found.looked_at.journal = true;
                // The first start was broken off.
                if report.schema == Some(0) {
                    found.looked_at = LookedAt::EVERYTHING;
                }
            }
            if is_main && report.schema.is_some_and(|schema| (1..=report.known_schema).contains(&schema)) {
                found.keyring = keyring(&connection)?;
                found.signing_keys = bodies(&connection, "SELECT body FROM signing_keys")?;
                found.looked_at.secrets = true;
            }
            // The tables of another schema may be others.
            if is_main && report.schema == Some(report.known_schema) {
                read_main(&connection, unknown_since, now, &mut found)?;
            }
            Ok(())
        };
        match look() {
            Err(trouble) if trouble.is_damage => report.problems.push(trouble.cause),
            Err(trouble) => report.unreadable = Some(trouble.at(&file)),
            Ok(()) => {}
        }
        found.databases.push(report);
    }
    found
}

/// The secrets of a database, wrapped: which master secret opens them can be tried. None where it is of the time before
/// they were stored.
pub fn read_keyring(folder: &Path) -> Result<Vec<KeyringRecord>, tollbar_core::port::StoreFailure> {
    let connection = open_for_inspection(&folder.join(MAIN_DATABASE)).map_err(Fault::from)?;
    keyring(&connection).map_err(|trouble| tollbar_core::port::StoreFailure::new(trouble.cause))
}

/// Whether this version knows the schemas of a store that another process may have open. What cannot be read is no answer.
pub fn check_schemas(folder: &Path) -> Result<(), OpenError> {
    for (name, known) in DATABASES {
        let file = folder.join(name);
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        let found = open_for_inspection(&file).and_then(|connection| schema_of(&connection));
        if let Ok(found) = found
            && found > known
        {
            return Err(OpenError::NewerSchema { file, found, known });
        }
    }
    Ok(())
}

fn look_into(file: &Path, full: bool, report: &mut DatabaseReport) -> Result<Connection, Trouble> {
    let connection = open_for_inspection(file)?;
    report.schema = Some(schema_of(&connection)?);
    report.problems.extend(database::problems(&connection, full)?);
    Ok(connection)
}

fn schema_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn keyring(connection: &Connection) -> Result<Vec<KeyringRecord>, Trouble> {
    let is_there = connection.table_exists(None, "keyring")?;
    if is_there { bodies(connection, "SELECT body FROM keyring") } else { Ok(Vec::new()) }
}

fn read_main(
    connection: &Connection,
    unknown_since: Timestamp,
    now: Timestamp,
    found: &mut Inspection,
) -> Result<(), Trouble> {
    found.ahead.read(connection, now)?;
    let unknown = "SELECT count(*) FROM idempotency WHERE state = 0 AND started_at < ?1";
    let unknown: i64 =
        connection.query_row(unknown, [column(unknown_since.as_millis())], |row| row.get(0))?;
    found.unknown_outcomes = from_column(unknown);
    found.journal.has_gaps = allowance::has_gaps(connection)?;
    found.looked_at.tables = true;
    Ok(())
}

fn look_at_journal(connection: &Connection, folder: &Path, now: Timestamp, found: &mut Inspection) {
    let journal = folder.join(JOURNAL);
    let names = match fs::read_dir(&journal) {
        Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()),
        Err(error) => {
            found.journal.problems.push(format!("{}: {error}", journal.display()));
            return;
        }
    };
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".log")).collect();
    names.sort_unstable();
    let mut times = Vec::new();
    for name in names {
        // Before the length: what is written meanwhile is not taken for what is not folded.
        let offset = connection
            .query_row("SELECT offset FROM journal_files WHERE name = ?1", [&name], |row| row.get(0))
            .optional();
        let offset = from_column(offset.ok().flatten().unwrap_or(0));
        match read_journal_file(&journal.join(&name)) {
            Ok((length, damaged, newest)) => {
                found.journal.files += 1;
                found.journal.bytes += length;
                found.journal.unfolded_bytes += length.saturating_sub(offset);
                times.push(newest);
                if damaged > 0 {
                    found.journal.damaged.push((name, damaged));
                }
            }
            // It was folded, and went away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => found.journal.problems.push(format!("{name}: {error}")),
        }
    }
    found.ahead.add_journal(&times, now);
}

/// Length, records that cannot be read, and the newest time. A last one that is not whole is being written, or was torn by
/// the end of a process: it is not counted.
fn read_journal_file(file: &Path) -> io::Result<(u64, u64, Timestamp)> {
    let mut file = io::BufReader::with_capacity(1 << 20, File::open(file)?);
    let (mut bytes, mut length, mut damaged, mut newest) = ([0; RECORD_BYTES], 0, 0, Timestamp::default());
    loop {
        match file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok((length, damaged, newest));
            }
            Err(error) => return Err(error),
        }
        length += RECORD_BYTES as u64;
        match parse_record(&bytes) {
            Some(record) => newest = newest.max(record.at),
            None => damaged += 1,
        }
    }
}

fn bodies<T: serde::de::DeserializeOwned>(connection: &Connection, sql: &str) -> Result<Vec<T>, Trouble> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?);
    }
    Ok(records)
}
