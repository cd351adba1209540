//! Usage reports, and the corrections that make them add up.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tollbar_core::{
    ChangeId, ClientId, ClientRecord, Correction, CorrectionKind, EndpointId, Month, Outcomes, Terms,
    Timestamp,
    port::{Book, UsageRow},
};

use crate::{
    allowance::MAY_BE_SHORT,
    database::{column, environment_column, environment_from_column, from_column},
    fault::Fault,
};

/// What one report reads, so that other reads need not wait for long.
const ROWS_MAX: usize = 10_000;

const BY_ACCOUNT_MANAGER: u8 = 0;
const BY_POWER_FAILURE: u8 = 1;

/// Month, client, environment and units, from a month on.
pub(crate) const SUMS_OF_ACCOUNT_MANAGERS: &str =
    "SELECT month, client, environment, sum(units) FROM corrections
     WHERE kind = 0 AND month >= ?1 GROUP BY month, client, environment";

const CORRECTION: &str =
    "SELECT client, environment, month, units, kind, reason, at, change FROM corrections";

/// Books of the first of these clients, as many as the rows allow, all of one moment.
pub(crate) fn read_books(
    connection: &Connection,
    month: Month,
    clients: &[ClientId],
) -> Result<Vec<Book>, Fault> {
    let snapshot = connection.unchecked_transaction()?;
    let mut books = Vec::new();
    let mut read = 0;
    for client in clients {
        let rows = read_usage(&snapshot, *client, month)?;
        let corrections = read_corrections(&snapshot, *client, month)?;
        read += 1 + rows.len() + corrections.len();
        let terms = read_terms(&snapshot, *client, month)?;
        books.push(Book { client: *client, rows, corrections, terms });
        if read >= ROWS_MAX {
            break;
        }
    }
    Ok(books)
}

/// Newest first.
pub(crate) fn list_corrections(
    connection: &Connection,
    client: ClientId,
    month: Option<Month>,
    limit: u32,
) -> Result<Vec<Correction>, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "{CORRECTION} WHERE client = ?1 AND (?2 IS NULL OR month = ?2) ORDER BY id DESC LIMIT ?3"
    ))?;
    let rows = statement.query(params![client.number().cast_signed(), month.map(Month::number), limit])?;
    read_all(rows)
}

pub(crate) fn insert_correction(connection: &Connection, correction: &Correction) -> Result<(), Fault> {
    let kind = match correction.kind {
        CorrectionKind::AccountManager => BY_ACCOUNT_MANAGER,
        CorrectionKind::PowerFailure => {
            return Err("a power failure is recorded by the store itself".into());
        }
    };
    connection
        .prepare_cached(
            "INSERT INTO corrections (client, month, environment, kind, units, reason, at, change)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            correction.client.number().cast_signed(),
            correction.month.number(),
            environment_column(correction.environment),
            kind,
            correction.units,
            correction.reason,
            correction.at.map(|at| column(at.as_millis())),
            correction.change.map(|change| column(change.0)),
        ])?;
    Ok(())
}

/// Keeps the terms that a client has, before it is replaced by one with others: they were those of all months that ended
/// since they were made, and are those of this month no more.
pub(crate) fn keep_terms(connection: &Connection, new: &ClientRecord, month: Month) -> Result<(), Fault> {
    let old = connection
        .prepare_cached("SELECT body FROM clients WHERE id = ?1")?
        .query_row([new.id.to_string()], |row| row.get::<_, String>(0))
        .optional()?;
    let Some(old) = old else { return Ok(()) };
    let old: Terms = serde_json::from_str(&old)?;
    if old != new.terms() {
        // A clock that was ahead has left what never was.
        connection
            .prepare_cached("DELETE FROM past_terms WHERE client = ?1 AND month > ?2")?
            .execute(params![new.id.number().cast_signed(), month.number()])?;
        // Only the first change in a month replaces what was in force when the month before it ended.
        connection
            .prepare_cached("INSERT OR IGNORE INTO past_terms (client, month, body) VALUES (?1, ?2, ?3)")?
            .execute(params![new.id.number().cast_signed(), month.number(), serde_json::to_string(&old)?])?;
    }
    Ok(())
}

/// Records by how much each count is about to be raised to its lease. When that is, is not known yet:
/// [`date_power_failures`].
pub(crate) fn insert_power_failures(connection: &Connection) -> Result<(), Fault> {
    connection.execute(
        &format!(
            "INSERT INTO corrections (client, month, environment, kind, units, reason)
             SELECT l.client, l.month, l.environment, ?1, l.leased - coalesce(c.used, 0),
               'the power may have failed, or the usage journal was damaged: what was leased is taken to be used'
             FROM (SELECT * FROM month_leases WHERE {MAY_BE_SHORT}) l LEFT JOIN month_counts c
               ON c.month = l.month AND c.client = l.client AND c.environment = l.environment
             WHERE coalesce(c.used, 0) < l.leased"
        ),
        [BY_POWER_FAILURE],
    )?;
    Ok(())
}

/// The store has no clock: what it recorded by itself is dated by the first who brings one.
pub(crate) fn date_power_failures(connection: &Connection, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached("UPDATE corrections SET at = ?1 WHERE at IS NULL")?
        .execute([column(now.as_millis())])?;
    Ok(())
}

fn read_usage(connection: &Connection, client: ClientId, month: Month) -> Result<Vec<UsageRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT u.environment, u.endpoint, u.day, u.charged, u.given_back,
           coalesce(e.method || ' ' || e.base || e.path, 'endpoint ' || u.endpoint),
           u.ended_2xx, u.ended_3xx, u.ended_4xx, u.ended_5xx, u.not_sent, u.unclassed
         FROM usage u LEFT JOIN endpoints e ON e.id = u.endpoint
         WHERE u.client = ?1 AND u.month = ?2 ORDER BY u.environment, u.day, u.endpoint",
    )?;
    let mut rows = statement.query(params![client.number().cast_signed(), month.number()])?;
    let mut usage = Vec::new();
    while let Some(row) = rows.next()? {
        let charged = from_column(row.get(3)?);
        let mut seen = [0; 5];
        for (index, count) in seen.iter_mut().enumerate() {
            *count = from_column(row.get(6 + index)?);
        }
        usage.push(UsageRow {
            environment: environment_from_column(row, 0)?,
            endpoint: EndpointId(row.get(1)?),
            endpoint_name: row.get(5)?,
            day: row.get(2)?,
            charged,
            given_back: from_column(row.get(4)?),
            outcomes: Outcomes::new(charged, seen, from_column(row.get(11)?)),
        });
    }
    Ok(usage)
}

/// Those at the month's end, if they were changed later.
fn read_terms(connection: &Connection, client: ClientId, month: Month) -> Result<Option<Terms>, Fault> {
    let body = connection
        .prepare_cached(
            "SELECT body FROM past_terms WHERE client = ?1 AND month > ?2 ORDER BY month LIMIT 1",
        )?
        .query_row(params![client.number().cast_signed(), month.number()], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

/// Oldest first.
fn read_corrections(
    connection: &Connection,
    client: ClientId,
    month: Month,
) -> Result<Vec<Correction>, Fault> {
    let mut statement =
        connection.prepare_cached(&format!("{CORRECTION} WHERE client = ?1 AND month = ?2 ORDER BY id"))?;
    read_all(statement.query(params![client.number().cast_signed(), month.number()])?)
}

fn read_all(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Correction>, Fault> {
    let mut corrections = Vec::new();
    while let Some(row) = rows.next()? {
        corrections.push(read_correction(row)?);
    }
    Ok(corrections)
}

fn read_correction(row: &Row<'_>) -> Result<Correction, Fault> {
    let at: Option<i64> = row.get(6)?;
    let change: Option<i64> = row.get(7)?;
    Ok(Correction {
        client: ClientId::from_number(row.get::<_, i64>(0)?.cast_unsigned()),
        environment: environment_from_column(row, 1)?,
        month: Month::from_number(row.get(2)?),
        units: row.get(3)?,
        kind: match row.get(4)? {
            BY_ACCOUNT_MANAGER => CorrectionKind::AccountManager,
            BY_POWER_FAILURE => CorrectionKind::PowerFailure,
            _ => return Err("a correction is of an unknown kind".into()),
        },
        reason: row.get(5)?,
        at: at.map(|at| Timestamp::from_millis(from_column(at))),
        change: change.map(|change| ChangeId(from_column(change))),
    })
}

#[cfg(test)]
mod tests;
