//! The thread that keeps house: folds the journal each second, and takes away what has expired.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tollbar_core::{Timestamp, port::StoreFailure};

use crate::{
    idempotency,
    journal::Fold,
    policy,
    store::{join, spawn},
    writer::{Writer, closed},
};

const INTERVAL: Duration = Duration::from_secs(1);
/// Callers that wait for a fold.
const QUEUE_LIMIT: usize = 4096;
/// For how long, and for how many transactions at least, a round takes away what has expired: a backlog is worked off over
/// many rounds, and other writes come between the transactions.
const EXPIRY_TIME: Duration = Duration::from_millis(250);
const EXPIRY_TRANSACTIONS_MIN: usize = 5;

enum Message {
    Fold(oneshot::Sender<Result<(), StoreFailure>>),
    FoldAndStop(SyncSender<Result<(), StoreFailure>>),
    Stop,
}

pub(crate) struct Keeper {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    pub(crate) fn start(fold: Fold, writer: Arc<Writer>) -> Result<Self, StoreFailure> {
        let (queue, messages) = sync_channel(QUEUE_LIMIT);
        let mut house = House { fold, writer, failing: false };
        let thread = spawn("store-keeper", move || house.serve(&messages))?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Completes when everything appended before the call is in the tables.
    pub(crate) async fn fold(&self) -> Result<(), StoreFailure> {
        let (reply, outcome) = oneshot::channel();
        self.queue.try_send(Message::Fold(reply)).map_err(|error| match error {
            TrySendError::Full(_) => StoreFailure::new("the store is behind: too many reports wait"),
            TrySendError::Disconnected(_) => closed(),
        })?;
        outcome.await.map_err(|_| closed())?
    }

    /// Folds a last time. Blocks.
    pub(crate) fn fold_and_stop(&self) -> Result<(), StoreFailure> {
        let (reply, outcome) = sync_channel(1);
        self.queue.send(Message::FoldAndStop(reply)).map_err(|_| closed())?;
        let outcome = outcome.recv().map_err(|_| closed())?;
        join(&self.thread);
        outcome
    }

    pub(crate) fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
        join(&self.thread);
    }
}

struct House {
    fold: Fold,
    writer: Arc<Writer>,
    failing: bool,
}

impl House {
    fn serve(&mut self, messages: &Receiver<Message>) {
        let mut next = Instant::now() + INTERVAL;
        loop {
            match messages.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Message::Fold(first)) => {
                    // Whoever asked by now is served by the same fold.
                    let mut replies = vec![first];
                    let mut last = None;
                    for message in messages.try_iter() {
                        match message {
                            Message::Fold(reply) => replies.push(reply),
                            other => {
                                last = Some(other);
                                break;
                            }
                        }
                    }
                    let outcome = self.fold.run(&self.writer);
                    for reply in replies {
                        let _ = reply.send(outcome.clone());
                    }
                    match last {
                        Some(Message::FoldAndStop(reply)) => return drop(reply.send(outcome)),
                        Some(_) => return,
                        None => {}
                    }
                }
                Ok(Message::FoldAndStop(reply)) => return drop(reply.send(self.fold.run(&self.writer))),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= next {
                self.round();
                next = Instant::now() + INTERVAL;
            }
        }
    }

    fn round(&mut self) {
        let folded = self.fold.run(&self.writer).and_then(|()| self.fold.remove_finished(&self.writer));
        // A journal that cannot be folded keeps no expired record.
        let outcome = folded.and(self.remove_expired(self.fold.latest()));
        match (&outcome, self.failing) {
            (Err(failure), false) => {
                tracing::error!(%failure, "the journal is not folded, or old records stay")
            }
            (Ok(()), true) => tracing::info!("the journal is folded again"),
            _ => {}
        }
        self.failing = outcome.is_err();
    }

    fn remove_expired(&self, now: Timestamp) -> Result<(), StoreFailure> {
        let began = Instant::now();
        for done in 0.. {
            if done >= EXPIRY_TRANSACTIONS_MIN && began.elapsed() >= EXPIRY_TIME {
                break;
            }
            let removed = self.writer.run_blocking(move |connection| {
                Ok(idempotency::remove_expired(connection, now)?
                    + policy::remove_expired_tokens(connection, now)?)
            })?;
            if removed == 0 {
                break;
            }
        }
        Ok(())
    }
}
