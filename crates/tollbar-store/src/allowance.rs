//! Counts, leases and usage reports.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use tollbar_contract::Environment;
use tollbar_core::{
    ClientId, EndpointId, Month, Timestamp,
    port::{AllowanceStore, CountState, MonthCount, PortFuture, UsageRow},
};

use crate::{
    Store,
    database::{column, environment_column, environment_from_column, from_column},
    fault::Fault,
};

impl AllowanceStore for Store {
    fn load_counts(&self, now: Timestamp) -> PortFuture<'_, CountState> {
        self.inner.latest.saw(now);
        let journal = self.inner.journal.clone();
        Box::pin(async move {
            self.inner.keeper.fold().await?;
            let read = move |connection: &Connection| {
                Ok(CountState {
                    months: read_months(connection, Month::of(now))?,
                    recent: crate::journal::read_recent(&journal, now)?,
                })
            };
            self.inner.reader.run(read).await
        })
    }

    fn lease(
        &self,
        client: ClientId,
        environment: Environment,
        month: Month,
        leased: u64,
    ) -> PortFuture<'_, ()> {
        Box::pin(self.inner.writer.run(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO month_leases (month, client, environment, leased) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET leased = max(leased, excluded.leased)",
                )?
                .execute(params![
                    month.number(),
                    client.number().cast_signed(),
                    environment_column(environment),
                    column(leased)
                ])?;
            Ok(())
        }))
    }

    /// What the journal proves. After a power loss the month's count may be above the sum: the difference was
    /// charged to be safe, and cannot be told by endpoint and day.
    fn usage(&self, client: ClientId, month: Month) -> PortFuture<'_, Vec<UsageRow>> {
        Box::pin(async move {
            self.inner.keeper.fold().await?;
            self.inner.reader.run(move |connection| read_usage(connection, client, month)).await
        })
    }
}

/// Takes note of a start: until [`end_run`], an end is not clean. After a power loss the end of the journal may be
/// missing, and `has_gaps` says that some of it is; then every charge that a lease allowed is taken to have happened.
pub(crate) fn begin_run(connection: &Connection, boot_id: Option<&str>, has_gaps: bool) -> Result<(), Fault> {
    let read_meta = |key: &str| -> Result<Option<String>, Fault> {
        let value = connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()?;
        Ok(value.flatten())
    };
    let clean = read_meta("clean_end")?;
    let same_boot = boot_id.is_some() && read_meta("boot_id")?.as_deref() == boot_id;
    if (clean.as_deref() == Some("no") && !same_boot) || has_gaps {
        // What belongs to earlier months was written back by the operating system long ago.
        let corrected = connection.execute(
            "INSERT INTO month_counts (month, client, environment, used)
             SELECT month, client, environment, leased FROM month_leases
             WHERE month + 1 >= (SELECT max(month) FROM month_leases)
             ON CONFLICT DO UPDATE SET used = excluded.used WHERE used < excluded.used",
            [],
        )?;
        tracing::warn!(
            corrected,
            "the power may have failed, or the journal is damaged: counts were raised to what was leased"
        );
    }
    let write_meta = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
    connection.execute(write_meta, params!["boot_id", boot_id])?;
    connection.execute(write_meta, params!["clean_end", "no"])?;
    Ok(())
}

/// Says that nothing is missing.
pub(crate) fn end_run(connection: &Connection) -> Result<(), Fault> {
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('clean_end', 'yes')", [])?;
    Ok(())
}

fn read_months(connection: &Connection, from: Month) -> Result<Vec<MonthCount>, Fault> {
    let mut months: BTreeMap<(Month, ClientId, Environment), MonthCount> = BTreeMap::new();
    let mut read = |sql: &str, put: fn(&mut MonthCount, u64)| -> Result<(), Fault> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([from.number()])?;
        while let Some(row) = rows.next()? {
            let month = Month::from_number(row.get(0)?);
            let client = ClientId::from_number(row.get::<_, i64>(1)?.cast_unsigned());
            let environment = environment_from_column(row, 2)?;
            let count = months.entry((month, client, environment)).or_insert(MonthCount {
                client,
                environment,
                month,
                used: 0,
                leased: 0,
            });
            // An outcome may be folded before its charge, from another writer's file: below zero is zero.
            put(count, from_column(row.get(3)?));
        }
        Ok(())
    };
    read("SELECT month, client, environment, used FROM month_counts WHERE month >= ?1", |count, used| {
        count.used = used;
    })?;
    read(
        "SELECT month, client, environment, leased FROM month_leases WHERE month >= ?1",
        |count, leased| {
            count.leased = leased;
        },
    )?;
    Ok(months.into_values().collect())
}

fn read_usage(connection: &Connection, client: ClientId, month: Month) -> Result<Vec<UsageRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT u.environment, u.endpoint, u.day, u.charged, u.given_back,
           coalesce(e.method || ' ' || e.base || e.path, 'endpoint ' || u.endpoint)
         FROM usage u LEFT JOIN endpoints e ON e.id = u.endpoint
         WHERE u.client = ?1 AND u.month = ?2 ORDER BY u.environment, u.day, u.endpoint",
    )?;
    let mut rows = statement.query(params![client.number().cast_signed(), month.number()])?;
    let mut usage = Vec::new();
    while let Some(row) = rows.next()? {
        usage.push(UsageRow {
            environment: environment_from_column(row, 0)?,
            endpoint: EndpointId(row.get(1)?),
            day: row.get(2)?,
            charged: from_column(row.get(3)?),
            given_back: from_column(row.get(4)?),
            endpoint_name: row.get(5)?,
        });
    }
    Ok(usage)
}
