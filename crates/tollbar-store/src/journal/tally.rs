//! What journal records add up to, and how it gets into the tables.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use tollbar_contract::Environment;
use tollbar_core::{
    ClientId, EndpointId, Month, OutcomeClass, Timestamp,
    port::{JournalEvent, JournalRecord},
};

use crate::{
    database::{column, environment_column},
    fault::Fault,
};

const MILLIS_PER_DAY: u64 = 86_400_000;

#[derive(Clone, Copy, Default)]
struct Counts {
    charged: i64,
    given_back: i64,
    /// By [`OutcomeClass::index`].
    outcomes: [i64; 5],
}

/// Sums by client, environment, day and endpoint.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<(ClientId, Environment, u32, EndpointId), Counts>);

impl Tally {
    pub(crate) fn add(&mut self, record: &JournalRecord) {
        let outcome = match record.event {
            JournalEvent::Charged => None,
            JournalEvent::NotSent => Some(OutcomeClass::NotSent),
            JournalEvent::Ended { status } => Some(OutcomeClass::of_status(status)),
            JournalEvent::Rated => return,
        };
        // An outcome's time is its charge's, so both fall on the same day, whenever the outcome came.
        let key = (record.client, record.environment, record.at.day(), record.endpoint);
        let counts = self.0.entry(key).or_default();
        let Some(outcome) = outcome else {
            counts.charged += 1;
            return;
        };
        counts.given_back += i64::from(outcome.gives_back());
        if let Some(count) = counts.outcomes.get_mut(outcome.index()) {
            *count += 1;
        }
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), Fault> {
        let mut usage = connection.prepare_cached(
            "INSERT INTO usage (client, month, environment, day, endpoint, charged, given_back,
               ended_2xx, ended_3xx, ended_4xx, ended_5xx, not_sent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT DO UPDATE SET charged = charged + excluded.charged,
               given_back = given_back + excluded.given_back,
               ended_2xx = ended_2xx + excluded.ended_2xx, ended_3xx = ended_3xx + excluded.ended_3xx,
               ended_4xx = ended_4xx + excluded.ended_4xx, ended_5xx = ended_5xx + excluded.ended_5xx,
               not_sent = not_sent + excluded.not_sent",
        )?;
        let mut months: BTreeMap<(Month, ClientId, Environment), i64> = BTreeMap::new();
        for ((client, environment, day, endpoint), counts) in &self.0 {
            let month = Month::of(Timestamp::from_millis(u64::from(*day) * MILLIS_PER_DAY));
            let [success, redirect, client_error, server_error, not_sent] = counts.outcomes;
            let net = counts.charged - counts.given_back;
            if net != 0 {
                *months.entry((month, *client, *environment)).or_default() += net;
            }
            usage.execute(params![
                client.number().cast_signed(),
                month.number(),
                environment_column(*environment),
                day,
                endpoint.0,
                counts.charged,
                counts.given_back,
                success,
                redirect,
                client_error,
                server_error,
                not_sent,
            ])?;
        }
        let mut used = connection.prepare_cached(
            "INSERT INTO month_counts (month, client, environment, used) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET used = used + excluded.used",
        )?;
        for ((month, client, environment), count) in months {
            used.execute(params![
                month.number(),
                client.number().cast_signed(),
                environment_column(environment),
                count
            ])?;
        }
        Ok(())
    }
}

/// How far a file has been folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Bytes that are in the tables, or will never be.
    pub(crate) offset: u64,
    /// The newest point in time in these bytes.
    pub(crate) newest: Timestamp,
}

impl Position {
    /// Moves a stored position on; fails if it is not where it is thought to be, so that nothing can be counted twice.
    pub(crate) fn advance(&self, connection: &Connection, name: &str, from: u64) -> Result<(), Fault> {
        let moved = connection
            .prepare_cached(
                "INSERT INTO journal_files (name, offset, newest) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET offset = excluded.offset, newest = excluded.newest
                 WHERE offset = ?4",
            )?
            .execute(params![name, column(self.offset), column(self.newest.as_millis()), column(from)])?;
        if moved == 0 {
            return Err(Fault(format!("the journal file {name} has been folded to another place")));
        }
        Ok(())
    }
}
