//! One data-plane thread: accepts, serves, drains.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::TcpListener,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, Semaphore, watch};
use tollbar_core::{Claims, port::UsageJournal, secret};

use crate::{
    Shared, connection,
    log_budget::SuccessBudget,
    request_ids::ThreadRequestIds,
    settings::TOKEN_CACHE_MAX,
    upstream::{self, Upstreams},
};

/// After a failed accept (no file descriptors, say) the listener rests for this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What belongs to one thread alone. Nothing here is locked.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: Box<dyn UsageJournal>,
    pub(crate) ids: ThreadRequestIds,
    pub(crate) upstreams: Upstreams,
    pub(crate) success_budget: SuccessBudget,
    pub(crate) health: tokio::sync::Mutex<Option<(Instant, bool)>>,
    /// Whether the last append to the journal failed.
    pub(crate) journal_fails: Cell<bool>,
    verified_tokens: RefCell<HashMap<secret::Digest, Arc<Claims>>>,
    stopped: watch::Receiver<bool>,
    tasks: Cell<usize>,
    task_ended: Notify,
}

/// Counts a task that a drain must wait for.
pub(crate) struct Task(Rc<Worker>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.tasks.set(self.0.tasks.get() - 1);
        self.0.task_ended.notify_one();
    }
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        journal: Box<dyn UsageJournal>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let settings = &shared.settings;
        Self {
            journal,
            ids: ThreadRequestIds::new(),
            upstreams: Upstreams::default(),
            success_budget: SuccessBudget::new(settings.log_successes_per_second, settings.threads),
            health: tokio::sync::Mutex::default(),
            journal_fails: Cell::new(false),
            verified_tokens: RefCell::default(),
            stopped,
            tasks: Cell::new(0),
            task_ended: Notify::new(),
            shared,
        }
    }

    /// Serves until told to stop, then until everything accepted is answered or the drain time is over.
    pub(crate) async fn run(self: Rc<Self>, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let settings = &self.shared.settings;
        let per_thread = settings.connections_max.div_ceil(settings.threads.max(1)).max(1);
        let room = Arc::new(Semaphore::new(per_thread.min(Semaphore::MAX_PERMITS)));
        let mut stopped = self.stopped.clone();
        let mut sweep = tokio::time::interval(SWEEP);
        tokio::task::spawn_local(upstream::care(self.clone()));
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                _ = sweep.tick() => self.upstreams.sweep(),
                accepted = accept(&listener, &room) => self.serve(accepted),
            }
        }
        // Connections that the system has completed for us are accepted: they may carry requests.
        let listener = listener.into_std()?;
        while let Ok(permit) = room.clone().try_acquire_owned()
            && let Ok((stream, peer)) = listener.accept()
        {
            let stream = stream.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
            self.serve(stream.ok().map(|stream| (stream, peer, permit)));
        }
        drop(listener);
        let all_done = async {
            while self.tasks.get() > 0 {
                self.task_ended.notified().await;
            }
        };
        if tokio::time::timeout(settings.drain, all_done).await.is_err() {
            tracing::warn!(cut = self.tasks.get(), "the drain time is over; what is still under way is cut");
        }
        Ok(())
    }

    fn serve(self: &Rc<Self>, accepted: Option<Accepted>) {
        let Some((stream, peer, permit)) = accepted else { return };
        let (worker, task) = (self.clone(), self.task());
        tokio::task::spawn_local(async move {
            worker.shared.metrics.connections.inc();
            connection::serve(&worker, stream, peer).await;
            worker.shared.metrics.connections.dec();
            drop((task, permit));
        });
    }

    /// A task that a drain waits for.
    pub(crate) fn task(self: &Rc<Self>) -> Task {
        self.tasks.set(self.tasks.get() + 1);
        Task(self.clone())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopped.borrow()
    }

    pub(crate) async fn stopping(&self) {
        // An error means that the sender is gone: then we stop as well.
        let _ = self.stopped.clone().wait_for(|stop| *stop).await;
    }

    /// A token's claims if this platform signed it. An Ed25519 verification costs more than all other checks
    /// together, so what was verified is remembered by the token's SHA-256.
    pub(crate) fn verify_token(&self, token: &str) -> Option<Arc<Claims>> {
        let digest = secret::sha256(&[token.as_bytes()]);
        if let Some(claims) = self.verified_tokens.borrow().get(&digest) {
            return Some(claims.clone());
        }
        let claims = Arc::new(self.shared.directory.signing_keys().verify(token)?);
        let mut verified = self.verified_tokens.borrow_mut();
        if verified.len() >= TOKEN_CACHE_MAX {
            verified.clear();
        }
        verified.insert(digest, claims.clone());
        Some(claims)
    }
}

type Accepted = (tokio::net::TcpStream, std::net::SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection, when there is room for one.
async fn accept(listener: &tokio::net::TcpListener, room: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_REST).await;
            None
        }
    }
}
