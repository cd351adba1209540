//! The request log's table.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, named_params, params};
use tollbar_contract::RequestId;
use tollbar_core::{
    Timestamp,
    port::{RequestEntry, RequestFilter},
};

use crate::{
    database::{column, from_column},
    fault::Fault,
};

/// Old entries that one transaction takes away: more than it adds, so that a backlog shrinks.
const PRUNE_BATCH: u64 = 1000;
/// What one listing gives at most.
const LIST_LIMIT: u32 = 1000;

/// Adds entries, and takes away the oldest beyond what is retained.
pub(super) fn insert(
    connection: &mut Connection,
    entries: &[RequestEntry],
    retained: u64,
) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO requests (id, at, client, code, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET at = excluded.at, client = excluded.client, code = excluded.code,
               body = excluded.body",
        )?;
        for entry in entries {
            insert.execute(params![
                entry.request_id.0.as_str(),
                column(entry.at.as_millis()),
                entry.client.map(|client| client.to_string()),
                entry.code,
                serde_json::to_string(entry)?,
            ])?;
        }
        prune(&transaction, retained)?;
    }
    Ok(transaction.commit()?)
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
        .query_row([id.as_str()], |row| Ok(read_entry(row)))
        .optional()?
        .transpose()
}

/// The database chooses the index: a filter that is left out is not in the statement.
pub(super) fn list(connection: &Connection, filter: &RequestFilter) -> Result<Vec<RequestEntry>, Fault> {
    let of_client = if filter.client.is_some() { "client = :client" } else { ":client IS NULL" };
    let of_code = if filter.code.is_some() { "code = :code" } else { ":code IS NULL" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT body FROM requests WHERE {of_client} AND {of_code} AND at >= :since
         ORDER BY at DESC, seq DESC LIMIT :limit"
    ))?;
    let mut rows = statement.query(named_params! {
        ":client": filter.client.map(|client| client.to_string()),
        ":code": filter.code,
        ":since": column(filter.since.map_or(0, Timestamp::as_millis)),
        ":limit": filter.limit.min(LIST_LIMIT),
    })?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read_entry(row)?);
    }
    Ok(entries)
}

fn prune(connection: &Connection, retained: u64) -> Result<(), Fault> {
    let (oldest, newest): (i64, i64) = connection
        .prepare_cached("SELECT (SELECT min(seq) FROM requests), (SELECT max(seq) FROM requests)")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // Rows are added at one end and taken away at the other, so the span is their number.
    let count = from_column(newest - oldest + 1);
    let surplus = count.saturating_sub(retained).min(PRUNE_BATCH);
    if surplus > 0 {
        connection
            .prepare_cached("DELETE FROM requests WHERE seq < ?1")?
            .execute([oldest.saturating_add(column(surplus))])?;
    }
    Ok(())
}

fn read_entry(row: &Row<'_>) -> Result<RequestEntry, Fault> {
    Ok(serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?)
}
