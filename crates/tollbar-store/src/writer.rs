//! The one thread that writes: it takes whatever is queued, runs it in one transaction, and commits once.

use std::sync::{
    Mutex,
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;
use tollbar_core::port::StoreFailure;

use crate::{
    fault::Fault,
    store::{join, spawn},
};

/// Commands that wait. Beyond this a command fails at once: the disk does not keep up.
pub(crate) const QUEUE_LIMIT: usize = 4096;
/// Commands that share a commit.
const BATCH_LIMIT: usize = 256;

/// Tells the caller, once it is known whether the transaction was committed.
type Answer = Box<dyn FnOnce(Result<(), StoreFailure>)>;
/// Runs inside the transaction; or is told why there is none.
type Command = Box<dyn FnOnce(Result<&Connection, StoreFailure>) -> Answer + Send>;

enum Message {
    Run(Command),
    Stop,
}

pub(crate) struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Result<Self, StoreFailure> {
        let (queue, commands) = sync_channel(QUEUE_LIMIT);
        let thread = spawn("store-writer", move || serve(&connection, &commands))?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Completes when the work is durable, or failed and left no trace (or said that this is in doubt). It is done although
    /// the future is dropped.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let command = command(work, move |result| drop(reply.send(result)));
        self.queue.try_send(Message::Run(command)).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreFailure::new(format!("the store is behind: {QUEUE_LIMIT} writes wait"))
            }
            TrySendError::Disconnected(_) => closed(),
        })?;
        outcome.await.map_err(|_| closed())?
    }

    /// The same for a thread that may wait, also for room in the queue.
    pub(crate) fn run_blocking<T, W>(&self, work: W) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, outcome) = sync_channel(1);
        let command = command(work, move |result| drop(reply.send(result)));
        self.queue.send(Message::Run(command)).map_err(|_| closed())?;
        outcome.recv().map_err(|_| closed())?
    }

    /// Ends the thread after what is queued.
    pub(crate) fn stop(&self) {
        // The thread has ended already where this fails.
        let _ = self.queue.send(Message::Stop);
        join(&self.thread);
    }
}

/// What everything fails with after the end.
pub(crate) fn closed() -> StoreFailure {
    StoreFailure::new("the store is closed")
}

fn command<T, W, R>(work: W, reply: R) -> Command
where
    T: Send + 'static,
    W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    R: FnOnce(Result<T, StoreFailure>) + Send + 'static,
{
    Box::new(move |connection| {
        let result = connection.and_then(|connection| Ok(in_savepoint(connection, work)?));
        Box::new(move |committed| reply(result.and_then(|value| committed.map(|()| value))))
    })
}

/// One command's failure does not undo the others'.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT command")?;
    let result = work(connection);
    // After some errors (a full disk) SQLite has rolled back everything by itself; the caller sees to that.
    if !connection.is_autocommit() {
        if result.is_err() {
            run("ROLLBACK TO command")?;
        }
        run("RELEASE command")?;
    }
    result
}

fn serve(connection: &Connection, queue: &Receiver<Message>) {
    let mut stopping = false;
    while !stopping {
        let Ok(first) = queue.recv() else { break };
        let mut batch = Vec::new();
        for message in std::iter::once(first).chain(queue.try_iter()) {
            match message {
                Message::Run(command) => batch.push(command),
                Message::Stop => stopping = true,
            }
            if stopping || batch.len() == BATCH_LIMIT {
                break;
            }
        }
        if !batch.is_empty() {
            run_batch(connection, batch);
        }
    }
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        // Nothing is lost: the log is read at the next start.
        tracing::warn!(%error, "the write-ahead log was not checkpointed at the end");
    }
}

fn run_batch(connection: &Connection, batch: Vec<Command>) {
    let mut open = connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| Fault::from(error).into());
    let mut answers: Vec<Answer> = Vec::with_capacity(batch.len());
    for command in batch {
        answers.push(command(open.clone().map(|()| connection)));
        if open.is_ok() && connection.is_autocommit() {
            open = Err(StoreFailure::new(
                "the database gave up the transaction: its disk may be full, or damaged",
            ));
        }
    }
    let mut may_stand = false;
    let committed = open.and_then(|()| {
        connection.execute_batch("COMMIT").map_err(|error| {
            // A disk that was full did not take all of it.
            may_stand = error.sqlite_error_code() != Some(ErrorCode::DiskFull);
            StoreFailure::from(Fault::from(error))
        })
    });
    let committed = committed.map_err(|failure| {
        tracing::error!(%failure, "a transaction failed");
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction was not rolled back");
        }
        let buried = if may_stand { bury(connection) } else { Ok(()) };
        match buried {
            Ok(()) => failure,
            Err(error) => {
                tracing::error!(%error, "a transaction that failed may be there after a crash");
                failure.into_doubt()
            }
        }
    });
    for answer in answers {
        answer(committed.clone());
    }
}

/// A commit that was written, and whose sync failed, stands in the log all the same: who reads that after a crash takes it
/// for a commit. So another one, which changes nothing, is put in its place; what stands behind it is then no part of the log.
fn bury(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)
}

#[cfg(test)]
mod tests;
