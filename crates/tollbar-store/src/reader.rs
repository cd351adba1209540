//! The thread that reads, so that readers never wait for a commit's sync.

use std::sync::{
    Mutex,
    mpsc::{SyncSender, TrySendError, sync_channel},
};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tollbar_core::port::StoreFailure;

use crate::{
    fault::Fault,
    store::{join, spawn},
    writer::closed,
};

/// Reads that wait.
const QUEUE_LIMIT: usize = 4096;

type Query = Box<dyn FnOnce(&Connection) + Send>;

enum Message {
    Run(Query),
    Stop,
}

/// Cheap to clone: a handle to the queue.
#[derive(Clone)]
pub(crate) struct ReadQueue(SyncSender<Message>);

pub(crate) struct Reader {
    queue: ReadQueue,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Reader {
    pub(crate) fn start(connection: Connection) -> Result<Self, StoreFailure> {
        let (queue, queries) = sync_channel(QUEUE_LIMIT);
        let thread = spawn("store-reader", move || {
            while let Ok(Message::Run(query)) = queries.recv() {
                query(&connection);
            }
        })?;
        Ok(Self { queue: ReadQueue(queue), thread: Mutex::new(Some(thread)) })
    }

    /// Sees everything that was durable before the call.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        self.queue.submit(move |connection| drop(reply.send(work(connection))))?;
        Ok(outcome.await.map_err(|_| closed())??)
    }

    pub(crate) fn queue(&self) -> ReadQueue {
        self.queue.clone()
    }

    pub(crate) fn stop(&self) {
        let _ = self.queue.0.send(Message::Stop);
        join(&self.thread);
    }
}

impl ReadQueue {
    pub(crate) fn submit(
        &self,
        query: impl FnOnce(&Connection) + Send + 'static,
    ) -> Result<(), StoreFailure> {
        self.0.try_send(Message::Run(Box::new(query))).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreFailure::new(format!("the store is behind: {QUEUE_LIMIT} reads wait"))
            }
            TrySendError::Disconnected(_) => closed(),
        })
    }
}
