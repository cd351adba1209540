//! The request log: a database of its own, written in batches by a thread of its own.

mod list;
mod table;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant, UNIX_EPOCH},
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
    OpenError, Store,
    database::{self, Durability},
    fault::Fault,
    files::{BESIDE, beside},
    reader::Reader,
    schema,
    store::{join, spawn},
    writer::closed,
};

/// Entries that wait to be written. Beyond this they are dropped, and counted.
const ENTRY_LIMIT: usize = 10_000;
/// Questions that wait beside them, so that a flood of entries does not keep support from asking.
const QUERY_LIMIT: usize = 256;
/// Entries of one transaction.
const BATCH_LIMIT: usize = 500;
/// How long a write waits for another program.
const BUSY: Duration = Duration::from_secs(5);
/// How long an entry waits for others.
const BATCH_TIME: Duration = Duration::from_millis(200);

/// Opens the log. One that is damaged keeps nothing from starting: it is moved aside, and a new one is begun.
pub(crate) fn open(file: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let open = || {
        let connection = database::open_writer(file, Durability::Deferred, busy, schema::REQUEST_LOG)?;
        table::try_out(&connection).map_err(|fault| OpenError::in_database(file, fault))?;
        Ok(connection)
    };
    match open() {
        Err(OpenError::Damaged { reason, .. }) => {
            move_aside(file, &reason).map_err(OpenError::file(file))?;
            open()
        }
        opened => opened,
    }
}

/// Keeps a damaged log under another name, which says when it was last written.
fn move_aside(file: &Path, reason: &str) -> io::Result<()> {
    let written = fs::metadata(file)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let written = Timestamp::from_seconds(written.as_secs()).to_string().replace(':', "-");
    let mut aside = beside(file, &format!(".damaged-{written}"));
    let mut number = 1;
    while aside.exists() {
        number += 1;
        aside = beside(file, &format!(".damaged-{written}-{number}"));
    }
    for suffix in BESIDE {
        match fs::rename(beside(file, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(file, &aside)?;
    tracing::error!(
        file = %file.display(), reason, kept_as = %aside.display(),
        "the request log is damaged: a new one is begun, and look-ups of the past end here; nothing else depends on it"
    );
    Ok(())
}

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
        Box::pin(self.inner.log.look(table::extent))
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
    file: PathBuf,
}

impl LogThread {
    pub(crate) fn start(
        connection: Connection,
        file: PathBuf,
        keep_bytes: u64,
    ) -> Result<Self, StoreFailure> {
        // What is read is opened for each question: the file may have been begun anew.
        let nothing = Connection::open_in_memory().map_err(Fault::from)?;
        let reader = Reader::start(nothing)?;
        let (queue, messages) = sync_channel(ENTRY_LIMIT + QUERY_LIMIT);
        let counts = Arc::new(Counts::default());
        let mut writing = Writing { connection, keep_bytes, counts: counts.clone(), failing: false };
        let thread = spawn("store-requests", move || writing.serve(&messages))?;
        Ok(Self { queue, counts, thread: Mutex::new(Some(thread)), reader, file })
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
        self.look(work).await
    }

    /// Sees what has been written.
    async fn look<T, W>(&self, work: W) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let file = self.file.clone();
        let read = move |_: &Connection| {
            let opened = database::open_reader(&file, BUSY).map_err(|error| Fault(error.to_string()))?;
            work(&opened).map_err(Fault::in_request_log)
        };
        self.reader.run(read).await
    }

    /// Done after everything recorded before was written: the question stands in the same queue.
    async fn ask<T, W>(&self, work: W) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let query: Query = Box::new(move |connection| {
            let _ = reply.send(work(connection).map_err(Fault::in_request_log));
        });
        self.queue
            .try_send(Message::Ask(query))
            .map_err(|_| StoreFailure::new("the request log is closed, or behind with its work"))?;
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
        match table::insert(&mut self.connection, batch, self.keep_bytes).map_err(Fault::in_request_log) {
            Ok(()) => self.failing = false,
            Err(Fault(reason)) => {
                let lost = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.counts.dropped.fetch_add(lost, Ordering::Relaxed);
                if !self.failing {
                    tracing::error!(reason, lost, "entries of the request log were not written");
                }
                self.failing = true;
                if Fault(reason).is_damage() {
                    self.begin_anew();
                }
            }
        }
    }
}

impl Writing {
    /// Damage that shows only where it is written to: the same as at the start.
    fn begin_anew(&mut self) {
        let Some(file) = self.connection.path().map(PathBuf::from) else { return };
        // The damaged one is let go first: its log beside it belongs to it.
        let Ok(nothing) = Connection::open_in_memory() else { return };
        drop(std::mem::replace(&mut self.connection, nothing));
        let opened = move_aside(&file, "it cannot be written to")
            .map_err(OpenError::file(&file))
            .and_then(|()| open(&file, BUSY));
        match opened {
            Ok(connection) => {
                self.connection = connection;
                self.failing = false;
            }
            Err(error) => tracing::error!(%error, "no new request log could be begun; a restart tries again"),
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
