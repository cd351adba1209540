//! What became of keyed requests, for operators; and settling what is not known.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};
use tollbar_contract::RequestId;
use tollbar_core::{
    AuditEntry, ChangeId, ClientId, EndpointId, Timestamp,
    idempotency::Slot,
    outcome::{
        KeyedRequest, Outcome, OutcomeStore, Settled, Settlement, UnderWay, UnknownFilter, UnknownPage,
        UnknownPlace, WhyUnknown,
    },
    port::PortFuture,
};

use crate::{
    Store,
    database::{column, environment_column, environment_from_column, from_column},
    fault::Fault,
    idempotency::{EXECUTED, STARTED, STORED, TOO_LARGE},
    policy::insert_audit,
};

/// What one list looks at, at most: keyed requests wait for the same thread.
const SCAN_LIMIT: usize = 20_000;
/// A cause beyond that is cut.
const CAUSE_CHARACTERS_MAX: usize = 500;

const NO_ANSWER: i64 = 1;
const NOT_STORED: i64 = 2;

/// What [`read`] reads.
const COLUMNS: &str =
    "i.client, i.environment, i.key, i.request_id, i.endpoint, e.method || ' ' || e.base || e.path,
    i.state, i.why, i.cause, i.started_at, i.expires_at, i.settled_by";

impl OutcomeStore for Store {
    /// A request may end between being read here and being looked for among those under way. So those that are not
    /// under way are read once more: what is still unknown then, is.
    fn list_unknown(
        &self,
        filter: UnknownFilter,
        under_way: Arc<dyn UnderWay>,
    ) -> PortFuture<'_, UnknownPage> {
        self.inner.latest.saw(filter.now);
        Box::pin(self.inner.reader.run(move |connection| {
            let page = list(connection, &filter, &*under_way)?;
            let mut confirm = connection.prepare_cached(
                "SELECT 1 FROM idempotency
                 WHERE client = ?1 AND environment = ?2 AND key = ?3 AND request_id = ?4 AND state = 0",
            )?;
            let mut unknown = Vec::with_capacity(page.requests.len());
            for request in page.requests {
                let slot = &request.slot;
                if confirm.exists(params![
                    slot.client.number().cast_signed(),
                    environment_column(slot.environment),
                    slot.key,
                    request.request_id.as_str(),
                ])? {
                    unknown.push(request);
                }
            }
            Ok(UnknownPage { requests: unknown, ..page })
        }))
    }

    fn find_keyed(&self, slot: Slot, now: Timestamp) -> PortFuture<'_, Option<KeyedRequest>> {
        self.inner.latest.saw(now);
        Box::pin(self.inner.reader.run(move |connection| find(connection, &slot, now)))
    }

    fn find_unknown(&self, request_id: RequestId, now: Timestamp) -> PortFuture<'_, Option<KeyedRequest>> {
        self.inner.latest.saw(now);
        Box::pin(self.inner.reader.run(move |connection| {
            for condition in ["i.state = 0", "i.settled_by IS NOT NULL"] {
                let found = connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM idempotency i INDEXED BY idempotency_by_request
                         LEFT JOIN endpoints e ON e.id = i.endpoint
                         WHERE i.request_id = ?1 AND {condition} AND i.expires_at > ?2"
                    ))?
                    .query_row(params![request_id.as_str(), column(now.as_millis())], |row| Ok(read(row)))
                    .optional()?;
                if found.is_some() {
                    return found.transpose();
                }
            }
            Ok(None)
        }))
    }

    fn settle(
        &self,
        slot: Slot,
        request_id: RequestId,
        settlement: Settlement,
        audit: AuditEntry,
    ) -> PortFuture<'_, Settled> {
        self.inner.latest.saw(audit.at);
        Box::pin(self.inner.writer.run(move |connection| {
            let now = audit.at;
            let found = find(connection, &slot, now)?;
            let is_it = |found: &KeyedRequest| {
                found.request_id == request_id && matches!(found.outcome, Outcome::Unknown(_))
            };
            if !found.as_ref().is_some_and(is_it) {
                return Ok(Settled::NotUnknown(found.map(Box::new)));
            }
            settle(connection, &slot, settlement, audit.id)?;
            insert_audit(connection, &audit)?;
            Ok(Settled::Done)
        }))
    }
}

/// Notes why an outcome is unknown, and until when.
pub(crate) fn note(
    connection: &Connection,
    slot: &Slot,
    request_id: RequestId,
    why: &WhyUnknown,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    let (why, cause) = match why {
        WhyUnknown::NoAnswer { cause } => (NO_ANSWER, cause),
        WhyUnknown::NotStored { cause } => (NOT_STORED, cause),
    };
    let cause: String = cause.chars().take(CAUSE_CHARACTERS_MAX).collect();
    connection
        .prepare_cached(
            "UPDATE idempotency SET why = ?5, cause = ?6, expires_at = ?7
             WHERE client = ?1 AND environment = ?2 AND key = ?3 AND request_id = ?4 AND state = 0",
        )?
        .execute(params![
            slot.client.number().cast_signed(),
            environment_column(slot.environment),
            slot.key,
            request_id.as_str(),
            why,
            cause,
            column(expires_at.as_millis()),
        ])?;
    Ok(())
}

/// The index says of each whose it is, and when it was started; what matches is looked up.
fn list(
    connection: &Connection,
    filter: &UnknownFilter,
    under_way: &dyn UnderWay,
) -> Result<UnknownPage, Fault> {
    let mut walk = connection.prepare_cached(
        "SELECT rowid, started_at, client, environment FROM idempotency INDEXED BY idempotency_unknown
         WHERE state = 0 AND started_at BETWEEN :since AND :at AND (started_at, rowid) < (:at, :row)
         ORDER BY started_at DESC, rowid DESC",
    )?;
    let mut look = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM idempotency i LEFT JOIN endpoints e ON e.id = i.endpoint
         WHERE i.rowid = ?1 AND i.expires_at > ?2"
    ))?;
    let behind = filter
        .before
        .map_or((i64::MAX, i64::MAX), |place| (column(place.started_at.as_millis()), column(place.row)));
    let mut rows = walk.query(named_params! {
        ":since": column(filter.since.unwrap_or_default().as_millis()),
        ":at": behind.0,
        ":row": behind.1,
    })?;
    let client = filter.client.map(|client| client.number().cast_signed());
    let environment = filter.environment.map(environment_column);
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut page = UnknownPage::default();
    let (mut looked_at, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if looked_at == SCAN_LIMIT {
            page.next = last;
            page.stopped_at = last.filter(|_| page.requests.len() < limit).map(|place| place.started_at);
            break;
        }
        looked_at += 1;
        let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        if client.is_none_or(|asked| row.get(2) == Ok(asked))
            && environment.is_none_or(|asked| row.get(3) == Ok(asked))
            && let Some(found) =
                look.query_row([id, column(filter.now.as_millis())], |row| Ok(read(row))).optional()?
        {
            let found = found?;
            if !under_way.is_executing(&found.slot) {
                if page.requests.len() == limit {
                    page.next = last;
                    break;
                }
                page.requests.push(found);
            }
        }
        last =
            Some(UnknownPlace { started_at: Timestamp::from_millis(from_column(at)), row: from_column(id) });
    }
    Ok(page)
}

fn find(connection: &Connection, slot: &Slot, now: Timestamp) -> Result<Option<KeyedRequest>, Fault> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM idempotency i LEFT JOIN endpoints e ON e.id = i.endpoint
             WHERE i.client = ?1 AND i.environment = ?2 AND i.key = ?3 AND i.expires_at > ?4"
        ))?
        .query_row(
            params![
                slot.client.number().cast_signed(),
                environment_column(slot.environment),
                slot.key,
                column(now.as_millis()),
            ],
            |row| Ok(read(row)),
        )
        .optional()?
        .transpose()
}

fn settle(
    connection: &Connection,
    slot: &Slot,
    settlement: Settlement,
    change: ChangeId,
) -> Result<(), Fault> {
    let (client, environment) = (slot.client.number().cast_signed(), environment_column(slot.environment));
    let changed = match settlement {
        Settlement::NotExecuted => connection
            .prepare_cached(
                "DELETE FROM idempotency WHERE client = ?1 AND environment = ?2 AND key = ?3 AND state = 0",
            )?
            .execute(params![client, environment, slot.key])?,
        Settlement::Executed { sealed, until } => {
            let state = if sealed.is_some() { STORED } else { EXECUTED };
            connection
                .prepare_cached(
                    "UPDATE idempotency SET state = ?4, sealed = ?5, settled_by = ?6,
                       expires_at = max(expires_at, ?7)
                     WHERE client = ?1 AND environment = ?2 AND key = ?3 AND state = 0",
                )?
                .execute(params![
                    client,
                    environment,
                    slot.key,
                    state,
                    sealed,
                    column(change.0),
                    column(until.as_millis()),
                ])?
        }
    };
    if changed == 1 { Ok(()) } else { Err("an unknown outcome was not settled".into()) }
}

fn read(row: &Row<'_>) -> Result<KeyedRequest, Fault> {
    let cause = || -> Result<String, Fault> { Ok(row.get::<_, Option<String>>(8)?.unwrap_or_default()) };
    let outcome = match row.get(6)? {
        STARTED => Outcome::Unknown(match row.get(7)? {
            None => None,
            Some(NO_ANSWER) => Some(WhyUnknown::NoAnswer { cause: cause()? }),
            Some(NOT_STORED) => Some(WhyUnknown::NotStored { cause: cause()? }),
            Some(other) => {
                return Err(Fault(format!("an outcome is unknown for the unknown reason {other}")));
            }
        }),
        STORED => Outcome::Answered,
        TOO_LARGE => Outcome::TooLarge,
        EXECUTED => Outcome::Executed,
        other => return Err(Fault(format!("an idempotency record has the unknown state {other}"))),
    };
    let request_id = row.get_ref(3)?.as_str().ok().and_then(RequestId::parse);
    let time = |index: usize| -> Result<Timestamp, Fault> {
        Ok(Timestamp::from_millis(from_column(row.get(index)?)))
    };
    Ok(KeyedRequest {
        slot: Slot {
            client: ClientId::from_number(row.get::<_, i64>(0)?.cast_unsigned()),
            environment: environment_from_column(row, 1)?,
            key: row.get(2)?,
        },
        request_id: request_id.ok_or("an idempotency record has an unreadable request id")?,
        endpoint: row.get::<_, Option<u32>>(4)?.map(EndpointId),
        endpoint_name: row.get(5)?,
        outcome,
        started_at: time(9)?,
        expires_at: time(10)?,
        settled_by: row.get::<_, Option<i64>>(11)?.map(|change| ChangeId(from_column(change))),
    })
}
