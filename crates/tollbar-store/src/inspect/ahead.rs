//! What is of a time that has not come: either the clock was ahead when it was written, or it is behind now.

use rusqlite::Connection;
use tollbar_core::Timestamp;

use crate::database::{column, from_column};

/// What stands ahead of a point in time.
#[derive(Debug, Default)]
pub struct Ahead {
    /// The newest time that stands anywhere.
    pub newest: Timestamp,
    /// Whether the last entry of the audit trail, or of the journal, is ahead.
    is_last: bool,
    /// Whether one of them shows that work went on by the clock that was asked.
    went_on: bool,
    /// Entries of the audit trail.
    pub changes: u64,
    /// Idempotency records.
    pub keys: u64,
    /// When the last of these ends.
    pub keys_until: Timestamp,
    /// Files of the usage journal.
    pub journal_files: u64,
}

impl Ahead {
    /// Whether nothing shows that work went on by this clock since.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.is_last && !self.went_on
    }

    /// Adds what stands in the tables.
    pub(super) fn read(&mut self, connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
        let now = column(now.as_millis());
        let time = |at: Option<i64>| Timestamp::from_millis(from_column(at.unwrap_or(0)));
        let last = connection
            .query_row("SELECT at FROM audit ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
            .unwrap_or(0_i64);
        self.is_last |= last > now;
        let audit = "SELECT max(at), count(*) FILTER (WHERE at > ?1) FROM audit";
        let (newest, changes) = connection.query_row(audit, [now], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.newest = self.newest.max(time(newest));
        self.changes = from_column(changes);
        // The order is that of writing. A last one that has none ahead before it may be from long ago.
        self.went_on |= changes > 0 && last <= now;
        let keys = "SELECT max(started_at), count(*) FILTER (WHERE started_at > ?1),
               max(expires_at) FILTER (WHERE started_at > ?1) FROM idempotency";
        let (newest, keys, until) =
            connection.query_row(keys, [now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        self.newest = self.newest.max(time(newest));
        self.keys = from_column(keys);
        self.keys_until = time(until);
        Ok(())
    }

    /// Adds what stands in the journal: each file's newest time, the files in the order in which they were begun.
    pub(super) fn add_journal(&mut self, newest: &[Timestamp], now: Timestamp) {
        self.newest = self.newest.max(newest.iter().copied().max().unwrap_or_default());
        let written = newest.iter().filter(|at| **at > Timestamp::default());
        if let Some(last) = written.clone().next_back() {
            self.is_last |= *last > now;
            // Files go minutes after a start: those that are there are of the last ones.
            self.went_on |= *last <= now;
        }
        let files = written.filter(|at| **at > now).count();
        self.journal_files = u64::try_from(files).unwrap_or(u64::MAX);
    }
}
