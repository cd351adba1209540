//! Blocks of the request-id counter.

use rusqlite::{Connection, OptionalExtension};
use tollbar_core::port::{PortFuture, RequestIdStore};

use crate::{
    Store,
    database::{column, from_column},
    fault::Fault,
};

impl RequestIdStore for Store {
    fn lease_request_ids(&self, count: u64, not_below: u64) -> PortFuture<'_, u64> {
        Box::pin(self.inner.writer.run(move |connection| lease(connection, count, not_below)))
    }

    fn leased_request_ids(&self) -> PortFuture<'_, u64> {
        Box::pin(self.inner.reader.run(next))
    }
}

fn lease(connection: &Connection, count: u64, not_below: u64) -> Result<u64, Fault> {
    let first = next(connection)?.max(not_below);
    let end = first.checked_add(count).ok_or("the request-id counter is used up")?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('request_ids', ?1)")?
        .execute([column(end)])?;
    Ok(first)
}

fn next(connection: &Connection) -> Result<u64, Fault> {
    let next: Option<i64> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'request_ids'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(from_column(next.unwrap_or(0)))
}
