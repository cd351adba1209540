//! The request log: a database of its own, written in batches by a thread of its own.

mod list;
mod table;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::oneshot;
use tollbar_contract::RequestId;
use tollbar_core::{
    Timestamp,
    port::{
        PortFuture, RequestEntry, RequestFilter, RequestLog, RequestLogExtent, RequestPage, StoreFailure,
    },
};

use crate::{
    Store,
    fault::Fault,
    reader::Reader,
    store::{join, spawn},
    writer::closed,
};

/// Entries that wait to be written. Beyond this they are dropped, and counted.
const ENTRY_LIMIT: usize = 10_000;
/// Questions that wait beside them, so that a flood of entries does not keep support from asking.
const QUERY_LIMIT: usize = 256;
/// Entries of one transaction.
const BATCH_LIMIT: usize = 500;
/// How long an entry waits for others.
const BATCH_TIME: Duration = Duration::from_millis(200);

impl RequestLog for Store {
    fn record(&self, entry: RequestEntry) {
        self.inner.log.record(entry);
    }

    /// Also those that the disk did not take.
    fn dropped(&self) -> u64 {
        self.inner.log.counts.dropped.load(Ordering::Relaxed)
    }

    fn find_request(&self, id: RequestId) -> PortFuture<'_, Option<RequestEntry>> {
        Box::pin(self.inner.log.read(move |connection| table::find(connection, id)))
    }

    fn list_requests(&self, filter: RequestFilter) -> PortFuture<'_, RequestPage> {
        Box::pin(self.inner.log.read(move |connection| list::list(connection, &filter)))
    }

    fn request_log_extent(&self) -> PortFuture<'_, RequestLogExtent> {
        Box::pin(self.inner.log.reader.run(table::extent))
    }

    fn forget_requests(&self, before: Timestamp) -> PortFuture<'_, bool> {
        Box::pin(self.inner.log.ask(move |connection| table::forget(connection, before)))
    }
}

type Query = Box<dyn FnOnce(&mut Connection) + Send>;

enum Message {
    Write(Box<RequestEntry>),
    Ask(Query),
    Stop,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

pub(crate) struct LogThread {
    queue: SyncSender<Message>,
    counts: Arc<Counts>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// A look at many entries does not keep others from being written.
    reader: Reader,
}

impl LogThread {
    pub(crate) fn start(
        connection: Connection,
        reading: Connection,
        keep_bytes: u64,
    ) -> Result<Self, StoreFailure> {
        let (queue, messages) = sync_channel(ENTRY_LIMIT + QUERY_LIMIT);
        let counts = Arc::new(Counts::default());
        let mut writing = Writing { connection, keep_bytes, counts: counts.clone(), failing: false };
        let thread = spawn("store-requests", move || writing.serve(&messages))?;
        Ok(Self { queue, counts, thread: Mutex::new(Some(thread)), reader: Reader::start(reading)? })
    }

    /// All that the thread of a request does for the log: a look at a counter, and a place in a queue, or none. What is
    /// written is made of it elsewhere.
    fn record(&self, entry: RequestEntry) {
        let admitted = self.counts.waiting.fetch_add(1, Ordering::Relaxed) < ENTRY_LIMIT;
        if !admitted || self.queue.try_send(Message::Write(Box::new(entry))).is_err() {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sees everything that was recorded before.
    async fn read<T, W>(&self, work: W) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.ask(|_| Ok(())).await?;
        self.reader.run(work).await
    }

    /// Done after everything recorded before was written: the question stands in the same queue.
    async fn ask<T, W>(&self, work: W) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let query: Query = Box::new(move |connection| drop(reply.send(work(connection))));
        self.queue
            .try_send(Message::Ask(query))
            .map_err(|_| StoreFailure("the request log is closed, or behind with its work".to_owned()))?;
        Ok(outcome.await.map_err(|_| closed())??)
    }

    /// Writes what is queued, then ends.
    pub(crate) fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
        join(&self.thread);
        self.reader.stop();
    }
}

struct Writing {
    connection: Connection,
    keep_bytes: u64,
    counts: Arc<Counts>,
    failing: bool,
}

impl Writing {
    fn serve(&mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let mut batch = Vec::new();
            let interruption = match first {
                Message::Write(entry) => {
                    batch.push(*entry);
                    fill(&mut batch, messages)
                }
                other => Some(other),
            };
            if !batch.is_empty() {
                self.write(&batch);
            }
            match interruption {
                Some(Message::Ask(query)) => query(&mut self.connection),
                Some(Message::Stop) => break,
                _ => {}
            }
        }
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the request log was not checkpointed at the end");
        }
    }

    fn write(&mut self, batch: &[RequestEntry]) {
        self.counts.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        match table::insert(&mut self.connection, batch, self.keep_bytes) {
            Ok(()) => self.failing = false,
            Err(Fault(reason)) => {
                let lost = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.counts.dropped.fetch_add(lost, Ordering::Relaxed);
                if !self.failing {
                    tracing::error!(reason, lost, "entries of the request log were not written");
                }
                self.failing = true;
            }
        }
    }
}

/// Collects entries until the batch is full, its time is over, or something else comes, which is returned.
fn fill(batch: &mut Vec<RequestEntry>, messages: &Receiver<Message>) -> Option<Message> {
    let end = Instant::now() + BATCH_TIME;
    while batch.len() < BATCH_LIMIT {
        match messages.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Message::Write(entry)) => batch.push(*entry),
            Ok(other) => return Some(other),
            Err(_) => return None,
        }
    }
    None
}
