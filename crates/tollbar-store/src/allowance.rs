//! Counts and leases.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use tollbar_contract::Environment;
use tollbar_core::{
    ClientId, Correction, Month, Timestamp,
    port::{AllowanceStore, Book, CountState, MonthCount, PortFuture},
};

use crate::{
    Store, books,
    database::{column, environment_column, environment_from_column, from_column},
    fault::Fault,
};

impl AllowanceStore for Store {
    fn load_counts(&self, now: Timestamp) -> PortFuture<'_, CountState> {
        self.inner.latest.saw(now);
        let (journal, step) = (self.inner.journal.clone(), self.inner.clock_step_millis);
        Box::pin(async move {
            self.inner.keeper.fold().await?;
            self.inner.writer.run(move |connection| books::date_power_failures(connection, now)).await?;
            // From here on charges may run up to leases of these months without asking.
            self.inner.writer.run(move |connection| note_charged_month(connection, Month::of(now))).await?;
            let read = move |connection: &Connection| {
                Ok(CountState {
                    months: read_months(connection, Month::of(now))?,
                    recent: crate::journal::read_recent(&journal, now, step)?,
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
            note_charged_month(connection, month)?;
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

    fn books(&self, month: Month, clients: Vec<ClientId>) -> PortFuture<'_, Vec<Book>> {
        Box::pin(async move {
            self.inner.keeper.fold().await?;
            self.inner.reader.run(move |connection| books::read_books(connection, month, &clients)).await
        })
    }

    fn corrections(
        &self,
        client: ClientId,
        month: Option<Month>,
        limit: u32,
    ) -> PortFuture<'_, Vec<Correction>> {
        let read = move |connection: &Connection| books::list_corrections(connection, client, month, limit);
        Box::pin(self.inner.reader.run(read))
    }
}

/// The months whose counts may be short after a power loss: from the one before the first that the last run may have charged
/// to; of a run of an older version, which took no note, the newest two that were leased in.
pub(crate) const MAY_BE_SHORT: &str = "month + 1 >=
    coalesce((SELECT value FROM meta WHERE key = 'charged_from'), (SELECT max(month) FROM month_leases))";

/// Takes note of a start: until [`end_run`], an end is not clean. After a power loss the end of the journal may be
/// missing; and some of it is where [`note_gaps`] was called. Then every charge that a lease allowed is taken to have
/// happened.
///
/// Returns by how many milliseconds the wall clock was set since the last process on this start of the machine counted.
pub(crate) fn begin_run(
    connection: &Connection,
    boot_id: Option<&str>,
    clock_offset_millis: Option<u64>,
) -> Result<i64, Fault> {
    let read_meta = |key: &str| -> Result<Option<String>, Fault> {
        let value = connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()?;
        Ok(value.flatten())
    };
    let clean = read_meta("clean_end")?;
    let same_boot = boot_id.is_some() && read_meta("boot_id")?.as_deref() == boot_id;
    if (clean.as_deref() == Some("no") && !same_boot) || read_meta("journal_gaps")?.is_some() {
        books::insert_power_failures(connection)?;
        let corrected = connection.execute(
            &format!(
                "INSERT INTO month_counts (month, client, environment, used)
                 SELECT month, client, environment, leased FROM month_leases WHERE {MAY_BE_SHORT}
                 ON CONFLICT DO UPDATE SET used = excluded.used WHERE used < excluded.used"
            ),
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
    connection.execute("DELETE FROM meta WHERE key = 'journal_gaps'", [])?;
    // Nothing yet: a start that ends before it has counts charges nothing, and leaves nothing short.
    connection.execute(write_meta, params!["charged_from", i64::MAX])?;
    let was = read_meta("clock_offset")?;
    let step = boot_id.zip(clock_offset_millis).zip(was).and_then(|((boot_id, offset), was)| {
        let was: i64 = was.strip_prefix(boot_id)?.trim_start().parse().ok()?;
        Some(column(offset).saturating_sub(was))
    });
    Ok(step.unwrap_or(0))
}

/// Takes note of the clock by which the journal is written from now on, for the next [`begin_run`].
pub(crate) fn note_clock(connection: &Connection, boot_id: &str, offset_millis: u64) -> Result<(), Fault> {
    let value = format!("{boot_id} {offset_millis}");
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('clock_offset', ?1)", [value])?;
    Ok(())
}

/// Takes note of records that were stepped over since they are damaged, for the next [`begin_run`].
pub(crate) fn note_gaps(connection: &Connection) -> Result<(), Fault> {
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('journal_gaps', 'yes')", [])?;
    Ok(())
}

/// Whether there was something to note.
pub(crate) fn has_gaps(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM meta WHERE key = 'journal_gaps'")?.exists([])
}

/// Takes note of the earliest month that this run may charge to.
fn note_charged_month(connection: &Connection, month: Month) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES ('charged_from', ?1)
             ON CONFLICT DO UPDATE SET value = excluded.value WHERE excluded.value < value",
        )?
        .execute([month.number()])?;
    Ok(())
}

/// Says that nothing is missing.
pub(crate) fn end_run(connection: &Connection) -> Result<(), Fault> {
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('clean_end', 'yes')", [])?;
    Ok(())
}

fn read_months(connection: &Connection, from: Month) -> Result<Vec<MonthCount>, Fault> {
    let mut months: BTreeMap<(Month, ClientId, Environment), MonthCount> = BTreeMap::new();
    let mut read = |sql: &str, put: fn(&mut MonthCount, i64)| -> Result<(), Fault> {
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
                corrected: 0,
                leased: 0,
            });
            put(count, row.get(3)?);
        }
        Ok(())
    };
    read("SELECT month, client, environment, used FROM month_counts WHERE month >= ?1", |count, used| {
        // An outcome may be folded before its charge, from another writer's file: below zero is zero.
        count.used = from_column(used);
    })?;
    read(
        "SELECT month, client, environment, leased FROM month_leases WHERE month >= ?1",
        |count, leased| {
            count.leased = from_column(leased);
        },
    )?;
    read(books::SUMS_OF_ACCOUNT_MANAGERS, |count, corrected| count.corrected = corrected)?;
    Ok(months.into_values().collect())
}
