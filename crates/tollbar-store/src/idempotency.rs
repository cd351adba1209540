//! Idempotency records.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use tollbar_contract::RequestId;
use tollbar_core::{
    EndpointId, Timestamp,
    idempotency::{Answer, Fingerprint, Record, RecordState, Slot},
    outcome::WhyUnknown,
    port::{IdempotencyStore, PortFuture, StoreFailure},
};

use crate::{
    Store,
    database::{column, environment_column},
    fault::Fault,
    outcome,
};

/// Expired records that one transaction takes away, and the answers that they hold, but for the last one: other writes
/// wait for that.
const EXPIRY_BATCH: Portion = Portion { records: 100, bytes: 4 << 20 };
/// The same for each record that is added: what is added never outruns what goes, however slow the disk.
const EXPIRY_PER_START: Portion = Portion { records: 2, bytes: 64 << 10 };

/// Answers that wait for the disk, all together.
const WAITING_ANSWERS_LIMIT_BYTES: usize = 256 << 20;

/// Also written out in the statements and indexes that look for it.
pub(crate) const STARTED: i64 = 0;
pub(crate) const STORED: i64 = 1;
pub(crate) const TOO_LARGE: i64 = 2;
/// As an operator says, without an answer.
pub(crate) const EXECUTED: i64 = 3;

impl IdempotencyStore for Store {
    fn find(&self, slot: Slot, now: Timestamp) -> PortFuture<'_, Option<Record>> {
        self.inner.latest.saw(now);
        Box::pin(self.inner.reader.run(move |connection| find(connection, &slot, now)))
    }

    /// Takes the place of an expired record, and of one that is `Started`: whether that may be sent again is the
    /// caller's to know. Fails where a live answer stands: that write has happened.
    fn start(
        &self,
        slot: Slot,
        fingerprint: Fingerprint,
        request_id: RequestId,
        endpoint: EndpointId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> PortFuture<'_, ()> {
        self.inner.latest.saw(now);
        let beginning = Beginning { slot, fingerprint, request_id, endpoint, now, expires_at };
        Box::pin(self.inner.writer.run(move |connection| start(connection, &beginning)))
    }

    fn answer(
        &self,
        slot: Slot,
        request_id: RequestId,
        answer: Answer,
        expires_at: Timestamp,
    ) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let room = self.inner.answers.reserve(&answer)?;
            let store = move |connection: &Connection| {
                let (state, sealed) = match answer {
                    Answer::Stored { sealed } => (STORED, Some(sealed)),
                    Answer::TooLarge => (TOO_LARGE, None),
                };
                let answered = connection
                    .prepare_cached(
                        "UPDATE idempotency SET state = ?5, sealed = ?6, expires_at = ?8
                     WHERE client = ?1 AND environment = ?2 AND key = ?3 AND request_id = ?4 AND state = ?7",
                    )?
                    .execute(params![
                        slot.client.number().cast_signed(),
                        environment_column(slot.environment),
                        slot.key,
                        request_id.as_str(),
                        state,
                        sealed,
                        STARTED,
                        column(expires_at.as_millis()),
                    ])?;
                if answered == 0 {
                    return Err("no record was started by this request".into());
                }
                drop(room);
                Ok(())
            };
            self.inner.writer.run(store).await
        })
    }

    fn note_unknown(
        &self,
        slot: Slot,
        request_id: RequestId,
        why: WhyUnknown,
        expires_at: Timestamp,
    ) -> PortFuture<'_, ()> {
        let note =
            move |connection: &Connection| outcome::note(connection, &slot, request_id, &why, expires_at);
        Box::pin(self.inner.writer.run(note))
    }

    /// In whatever state the record is; what another request has put there stays.
    fn release(&self, slot: Slot, request_id: RequestId) -> PortFuture<'_, ()> {
        Box::pin(self.inner.writer.run(move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM idempotency
                     WHERE client = ?1 AND environment = ?2 AND key = ?3 AND request_id = ?4",
                )?
                .execute(params![
                    slot.client.number().cast_signed(),
                    environment_column(slot.environment),
                    slot.key,
                    request_id.as_str(),
                ])?;
            Ok(())
        }))
    }
}

/// How much memory the answers take that wait for the disk.
#[derive(Clone, Default)]
pub(crate) struct WaitingAnswers(Arc<AtomicUsize>);

/// One answer's part of that, until it is dropped.
struct Room {
    waiting: WaitingAnswers,
    bytes: usize,
}

impl WaitingAnswers {
    fn reserve(&self, answer: &Answer) -> Result<Room, StoreFailure> {
        let bytes = match answer {
            Answer::Stored { sealed } => sealed.len(),
            Answer::TooLarge => 0,
        };
        // The room gives itself back, also when it is refused.
        let room = Room { waiting: self.clone(), bytes };
        if self.0.fetch_add(bytes, Ordering::Relaxed) + bytes > WAITING_ANSWERS_LIMIT_BYTES {
            return Err(StoreFailure::new("the store is behind: too many answers wait to be stored"));
        }
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Beginning {
    slot: Slot,
    fingerprint: Fingerprint,
    request_id: RequestId,
    endpoint: EndpointId,
    now: Timestamp,
    expires_at: Timestamp,
}

fn start(connection: &Connection, beginning: &Beginning) -> Result<(), Fault> {
    let Beginning { slot, fingerprint, request_id, endpoint, now, expires_at } = beginning;
    remove(connection, *now, EXPIRY_PER_START)?;
    let started = connection
        .prepare_cached(
            "INSERT INTO idempotency
               (client, environment, key, fingerprint, request_id, state, sealed, started_at, expires_at, endpoint)
             VALUES (:client, :environment, :key, :fingerprint, :request_id, :started, NULL, :now, :expires, :endpoint)
             ON CONFLICT DO UPDATE SET fingerprint = :fingerprint, request_id = :request_id,
               state = :started, sealed = NULL, started_at = :now, expires_at = :expires,
               endpoint = :endpoint, why = NULL, cause = NULL, settled_by = NULL
             WHERE state = :started OR expires_at <= :now",
        )?
        .execute(named_params! {
            ":client": slot.client.number().cast_signed(),
            ":environment": environment_column(slot.environment),
            ":key": slot.key,
            ":fingerprint": fingerprint.0,
            ":request_id": request_id.as_str(),
            ":endpoint": endpoint.0,
            ":started": STARTED,
            ":now": column(now.as_millis()),
            ":expires": column(expires_at.as_millis()),
        })?;
    if started == 0 {
        return Err("the idempotency key has been used: an answer is stored under it".into());
    }
    Ok(())
}

/// Takes away some expired records; how many.
pub(crate) fn remove_expired(connection: &Connection, now: Timestamp) -> Result<usize, Fault> {
    remove(connection, now, EXPIRY_BATCH)
}

#[derive(Clone, Copy)]
struct Portion {
    records: u32,
    bytes: u32,
}

fn remove(connection: &Connection, now: Timestamp, portion: Portion) -> Result<usize, Fault> {
    let now = column(now.as_millis());
    let mut any = connection.prepare_cached("SELECT 1 FROM idempotency WHERE expires_at <= ?1 LIMIT 1")?;
    if !any.exists([now])? {
        return Ok(0);
    }
    Ok(connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE rowid IN
               (SELECT id FROM
                 (SELECT id, bytes, sum(bytes) OVER (ORDER BY expires_at, id) AS upto FROM
                   (SELECT rowid AS id, expires_at, coalesce(length(sealed), 0) AS bytes FROM idempotency
                    WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2))
                WHERE upto - bytes < ?3)",
        )?
        .execute(params![now, portion.records, portion.bytes])?)
}

fn find(connection: &Connection, slot: &Slot, now: Timestamp) -> Result<Option<Record>, Fault> {
    connection
        .prepare_cached(
            "SELECT fingerprint, request_id, state, sealed FROM idempotency
             WHERE client = ?1 AND environment = ?2 AND key = ?3 AND expires_at > ?4",
        )?
        .query_row(
            params![
                slot.client.number().cast_signed(),
                environment_column(slot.environment),
                slot.key,
                column(now.as_millis())
            ],
            |row| Ok(read_record(row)),
        )
        .optional()?
        .transpose()
}

fn read_record(row: &Row<'_>) -> Result<Record, Fault> {
    let state = match row.get(2)? {
        STARTED => RecordState::Started,
        STORED => RecordState::Answered(Answer::Stored { sealed: row.get(3)? }),
        TOO_LARGE => RecordState::Answered(Answer::TooLarge),
        EXECUTED => RecordState::Executed,
        other => return Err(Fault(format!("an idempotency record has the unknown state {other}"))),
    };
    let request_id = row.get_ref(1)?.as_str().ok().and_then(RequestId::parse);
    Ok(Record {
        fingerprint: Fingerprint(row.get(0)?),
        request_id: request_id.ok_or("an idempotency record has an unreadable request id")?,
        state,
    })
}

#[cfg(test)]
mod tests {
    use tollbar_contract::Environment;
    use tollbar_core::ClientId;

    use super::*;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        crate::schema::MAIN.iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection
    }

    fn beginning(number: u64, now: u64) -> Beginning {
        Beginning {
            slot: Slot {
                client: ClientId::from_number(1),
                environment: Environment::Live,
                key: number.to_string(),
            },
            fingerprint: Fingerprint([0; 32]),
            request_id: RequestId::from_number(number),
            endpoint: EndpointId(1),
            now: Timestamp::from_millis(now),
            expires_at: Timestamp::from_millis(now + 1000),
        }
    }

    /// How many records there are, and how many have expired by then.
    fn counted(connection: &Connection, now: u32) -> (u32, u32) {
        let counted = "SELECT count(*), count(*) FILTER (WHERE expires_at <= ?1) FROM idempotency";
        connection.query_row(counted, [now], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    #[test]
    fn what_is_added_does_not_outrun_what_goes() {
        let connection = database();
        for number in 0..300 {
            start(&connection, &beginning(number, 1000)).unwrap();
        }
        assert_eq!(counted(&connection, 2000), (300, 300));
        for number in 300..450 {
            start(&connection, &beginning(number, 2000)).unwrap();
        }
        assert_eq!(counted(&connection, 2000), (150, 0));
        // Of large ones, as many as are added.
        connection.execute("UPDATE idempotency SET sealed = zeroblob(100000)", []).unwrap();
        for number in 450..500 {
            start(&connection, &beginning(number, 3000)).unwrap();
        }
        assert_eq!(counted(&connection, 3000), (150, 100));
    }

    #[test]
    fn expired_records_go_in_small_batches() {
        let connection = database();
        let add =
            "INSERT INTO idempotency (client, environment, key, fingerprint, request_id, state, started_at,
                     expires_at) VALUES (1, 0, ?1, x'', '', 0, 0, ?1)";
        for expiry in 1..=250 {
            connection.execute(add, [expiry]).unwrap();
        }
        let batches = [(); 4].map(|()| remove_expired(&connection, Timestamp::from_millis(240)).unwrap());
        assert_eq!(batches, [100, 100, 40, 0]);
        let left: i64 =
            connection.query_row("SELECT min(expires_at) FROM idempotency", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 241);
    }

    #[test]
    fn large_answers_make_a_batch_smaller() {
        let connection = database();
        let add = "INSERT INTO idempotency (client, environment, key, fingerprint, request_id, state, sealed,
                     started_at, expires_at) VALUES (1, 0, ?1, x'', '', 1, zeroblob(?2), 0, 7)";
        for key in 0..10 {
            connection.execute(add, [key, 1 << 20]).unwrap();
        }
        connection.execute(add, [10, 20 << 20]).unwrap();
        let batches = [(); 5].map(|()| remove_expired(&connection, Timestamp::from_millis(7)).unwrap());
        assert_eq!(batches, [4, 4, 3, 0, 0], "the last one of a batch may be of any size");
    }

    #[test]
    fn answers_that_wait_are_bounded() {
        let waiting = WaitingAnswers::default();
        let half = Answer::Stored { sealed: vec![0; WAITING_ANSWERS_LIMIT_BYTES / 2] };
        let first = waiting.reserve(&half).unwrap();
        let second = waiting.reserve(&half).unwrap();
        let one = Answer::Stored { sealed: vec![0] };
        assert!(waiting.reserve(&one).is_err());
        drop(first);
        assert!(waiting.reserve(&one).is_ok());
        drop(second);
        assert_eq!(waiting.0.load(Ordering::Relaxed), 0);
    }
}
