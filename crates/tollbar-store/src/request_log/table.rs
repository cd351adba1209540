//! The request log's table.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use tollbar_contract::RequestId;
use tollbar_core::{
    Timestamp,
    port::{RequestEntry, RequestLogExtent},
};

use crate::{
    database::{column, from_column},
    fault::Fault,
};

/// Old entries that are taken away at a time: few enough that what is to be written does not wait for long.
const PRUNE_BATCH: u64 = 1000;
/// How much more a transaction takes away than it adds, at most, so that a backlog shrinks.
const PRUNE_RATIO: u64 = 2;
/// What an entry takes beside its text: its row, and its place in four indexes.
const ENTRY_OVERHEAD_BYTES: u64 = 300;
/// Free pages that are given back to the disk at a time, where the file is larger than it may be.
const SHRINK_PAGES: u64 = 256;

/// Adds entries; where they would take more than the log may, the oldest make room.
pub(super) fn insert(
    connection: &mut Connection,
    entries: &[RequestEntry],
    keep_bytes: u64,
) -> Result<(), Fault> {
    let texts = entries.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    let page_bytes = page_bytes(connection)?;
    let incoming = texts.iter().map(|text| taken_bytes(text, page_bytes)).sum();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        make_room(&transaction, incoming, keep_bytes)?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO requests (id, at, client, code, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET at = excluded.at, client = excluded.client, code = excluded.code,
               body = excluded.body",
        )?;
        for (entry, text) in entries.iter().zip(texts) {
            insert.execute(params![
                entry.request_id.0.as_str(),
                column(entry.at.as_millis()),
                entry.client.map(|client| client.to_string()),
                entry.code,
                text,
            ])?;
        }
    }
    transaction.commit()?;
    shrink(connection, keep_bytes)
}

/// Touches what every write touches: damage there is better found at the start.
pub(super) fn try_out(connection: &Connection) -> Result<(), Fault> {
    for read in
        ["SELECT min(seq), max(seq) FROM requests", "SELECT body FROM requests ORDER BY seq DESC LIMIT 1"]
    {
        connection.prepare_cached(read)?.query_row([], |_| Ok(())).optional()?;
    }
    Ok(())
}

pub(super) fn find(connection: &Connection, id: RequestId) -> Result<Option<RequestEntry>, Fault> {
    connection
        .prepare_cached("SELECT body FROM requests WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok(read_entry(row, 0)))
        .optional()?
        .transpose()
}

pub(super) fn extent(connection: &Connection) -> Result<RequestLogExtent, Fault> {
    let oldest: Option<i64> =
        connection.prepare_cached("SELECT min(at) FROM requests")?.query_row([], |row| row.get(0))?;
    let entries = span(connection)?.map_or(0, |(oldest, newest)| from_column(newest - oldest + 1));
    let bytes = pages(connection)?.in_file * page_bytes(connection)?;
    Ok(RequestLogExtent { entries, oldest: oldest.map(|at| Timestamp::from_millis(from_column(at))), bytes })
}

/// Takes away entries from before then, a batch of them at most; says whether more are left. What a clock that was far ahead
/// has left among them stays, and is in nobody's way.
pub(super) fn forget(connection: &mut Connection, before: Timestamp) -> Result<bool, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let forgotten = transaction
        .prepare_cached(
            "DELETE FROM requests WHERE seq IN (SELECT seq FROM requests WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute(params![column(before.as_millis()), column(PRUNE_BATCH)])?;
    transaction.commit()?;
    Ok(u64::try_from(forgotten).unwrap_or(u64::MAX) == PRUNE_BATCH)
}

/// What an entry will take on the disk: two do not share a page if they do not fit into it.
fn taken_bytes(text: &str, page_bytes: u64) -> u64 {
    let bytes = text.len() as u64 + ENTRY_OVERHEAD_BYTES;
    if bytes > page_bytes / 2 { bytes.next_multiple_of(page_bytes) } else { bytes }
}

/// Entries may be larger than the oldest are: what was freed is looked at, and not how many went. Rows are added at one end and
/// taken away at the other, so that their number is the span of theirs (or less, after a clock was set).
fn make_room(connection: &Connection, incoming: u64, keep_bytes: u64) -> Result<(), Fault> {
    let page_bytes = page_bytes(connection)?;
    let used = || Ok::<_, Fault>(pages(connection)?.used() * page_bytes);
    let before = used()?;
    loop {
        let used = used()?;
        let surplus = (used + incoming).saturating_sub(keep_bytes);
        let freed = before.saturating_sub(used);
        if surplus == 0 || freed >= incoming * PRUNE_RATIO {
            return Ok(());
        }
        let Some((oldest, newest)) = span(connection)? else { return Ok(()) };
        let entry_bytes = (used / from_column(newest - oldest + 1).max(1)).max(1);
        let count = (surplus / entry_bytes + 1).min(PRUNE_BATCH);
        connection
            .prepare_cached("DELETE FROM requests WHERE seq < ?1")?
            .execute([oldest.saturating_add(column(count))])?;
    }
}

/// Gives free pages back to the disk, where the file is larger than it may be: what it may be was made less.
fn shrink(connection: &Connection, keep_bytes: u64) -> Result<(), Fault> {
    let pages = pages(connection)?;
    let page_bytes = page_bytes(connection)?;
    let surplus = pages.in_file.saturating_sub(keep_bytes / page_bytes).min(pages.free).min(SHRINK_PAGES);
    if surplus > 0 {
        // Each step gives one page back.
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
        let mut steps = vacuum.query([])?;
        while steps.next()?.is_some() {}
    }
    Ok(())
}

struct Pages {
    in_file: u64,
    free: u64,
}

impl Pages {
    fn used(&self) -> u64 {
        self.in_file.saturating_sub(self.free)
    }
}

fn pages(connection: &Connection) -> Result<Pages, Fault> {
    Ok(Pages { in_file: pragma(connection, "page_count")?, free: pragma(connection, "freelist_count")? })
}

fn page_bytes(connection: &Connection) -> Result<u64, Fault> {
    Ok(pragma(connection, "page_size")?.max(1))
}

fn pragma(connection: &Connection, name: &str) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA {name}"))?;
    Ok(from_column(statement.query_row([], |row| row.get(0))?))
}

fn span(connection: &Connection) -> Result<Option<(i64, i64)>, Fault> {
    let both: (Option<i64>, Option<i64>) = connection
        .prepare_cached("SELECT (SELECT min(seq) FROM requests), (SELECT max(seq) FROM requests)")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(both.0.zip(both.1))
}

pub(super) fn read_entry(row: &Row<'_>, column: usize) -> Result<RequestEntry, Fault> {
    Ok(serde_json::from_str(row.get_ref(column)?.as_str().unwrap_or_default())?)
}
