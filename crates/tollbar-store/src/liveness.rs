//! Whether the database answers, within a bound: a disk that hangs must not make the health check hang.

use std::{
    sync::{
        Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;
use tollbar_core::port::StoreFailure;

use crate::{
    fault::Fault,
    reader::ReadQueue,
    store::{join, spawn},
    writer::closed,
};

/// How long a trivial read may take. An answer takes at most twice that: a check joins the next read.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Checks that wait.
const QUEUE_LIMIT: usize = 64;

type Reply = oneshot::Sender<Result<(), StoreFailure>>;

pub(crate) struct Liveness {
    queue: SyncSender<Option<Reply>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Liveness {
    pub(crate) fn start(reads: ReadQueue) -> Result<Self, StoreFailure> {
        let (queue, requests) = sync_channel(QUEUE_LIMIT);
        let thread = spawn("store-liveness", move || serve(&requests, &reads))?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) async fn check(&self) -> Result<(), StoreFailure> {
        let (reply, outcome) = oneshot::channel();
        self.queue
            .try_send(Some(reply))
            .map_err(|_| StoreFailure::new("the store does not answer health checks"))?;
        outcome.await.map_err(|_| closed())?
    }

    pub(crate) fn stop(&self) {
        let _ = self.queue.send(None);
        join(&self.thread);
    }
}

fn serve(requests: &Receiver<Option<Reply>>, reads: &ReadQueue) {
    while let Ok(Some(first)) = requests.recv() {
        let mut replies = vec![first];
        let mut stopping = false;
        for request in requests.try_iter() {
            match request {
                Some(reply) => replies.push(reply),
                None => stopping = true,
            }
        }
        let outcome = read_once(reads);
        for reply in replies {
            let _ = reply.send(outcome.clone());
        }
        if stopping {
            break;
        }
    }
}

fn read_once(reads: &ReadQueue) -> Result<(), StoreFailure> {
    let (reply, outcome) = sync_channel(1);
    reads.submit(move |connection| {
        let read = connection.query_row("SELECT count(*) FROM (SELECT 1 FROM meta LIMIT 1)", [], |_| Ok(()));
        let _ = reply.send(read.map_err(|error| StoreFailure::from(Fault::from(error))));
    })?;
    outcome.recv_timeout(ANSWER_LIMIT).unwrap_or_else(|_| {
        Err(StoreFailure::new(format!("the database does not answer within {} s", ANSWER_LIMIT.as_secs())))
    })
}
