//! One data-plane thread: accepts, serves, drains or hands over.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::MissedTickBehavior,
};
use tollbar_core::{
    Claims,
    port::{JournalRecord, StoreFailure, UsageJournal},
    secret,
};

use crate::{
    Shared, connection,
    door::{Accepted, Door},
    listen::{Queued, Stop},
    log_budget::SuccessBudget,
    loop_lag::{self, LoopLag},
    observe::Observer,
    owed::Owed,
    request_ids::ThreadRequestIds,
    settings::TOKEN_CACHE_MAX,
    upstream::{self, Upstreams},
};

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What belongs to one thread alone. Nothing here is locked.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// Until nothing needs it any more.
    journal: RefCell<Option<Box<dyn UsageJournal>>>,
    pub(crate) ids: ThreadRequestIds,
    pub(crate) upstreams: Upstreams,
    pub(crate) success_budget: SuccessBudget,
    pub(crate) observer: Observer,
    pub(crate) health: tokio::sync::Mutex<Option<(Instant, bool)>>,
    /// Outcomes that the journal could not take yet.
    pub(crate) owed: Owed,
    /// Whether the last append to the journal failed.
    pub(crate) journal_fails: Cell<bool>,
    lag: RefCell<LoopLag>,
    verified_tokens: RefCell<HashMap<secret::Digest, Arc<Claims>>>,
    /// Under which signing keys they were verified.
    verified_epoch: Cell<u64>,
    stopped: watch::Receiver<Stop>,
    tasks: Cell<usize>,
    /// How many of them only deliver an answer: they need no store.
    delivering: Cell<usize>,
    tasks_changed: Notify,
}

/// Counts a task that a drain must wait for.
pub(crate) struct Task(Rc<Worker>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.tasks.set(self.0.tasks.get() - 1);
        self.0.tasks_changed.notify_one();
    }
}

/// Counts a task that needs the store no more.
pub(crate) struct Delivering(Rc<Worker>);

impl Drop for Delivering {
    fn drop(&mut self) {
        self.0.delivering.set(self.0.delivering.get() - 1);
    }
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        journal: Box<dyn UsageJournal>,
        stopped: watch::Receiver<Stop>,
        observer: Observer,
    ) -> Self {
        let settings = &shared.settings;
        Self {
            journal: RefCell::new(Some(journal)),
            ids: ThreadRequestIds::new(),
            upstreams: Upstreams::default(),
            success_budget: SuccessBudget::new(settings.log_successes_per_second, settings.threads),
            observer,
            health: tokio::sync::Mutex::default(),
            owed: Owed::default(),
            journal_fails: Cell::new(false),
            lag: RefCell::default(),
            verified_tokens: RefCell::default(),
            verified_epoch: Cell::new(0),
            stopped,
            tasks: Cell::new(0),
            delivering: Cell::new(0),
            tasks_changed: Notify::new(),
            shared,
        }
    }

    /// Serves until told to stop, then until everything accepted is answered or the drain time is over. Drops
    /// `settling` when it needs the store no more.
    pub(crate) async fn run(self: Rc<Self>, mut door: Door, settling: mpsc::Sender<()>) -> io::Result<()> {
        let mut stopped = self.stopped.clone();
        let mut sweep = tokio::time::interval(SWEEP);
        let mut tick = tokio::time::interval(loop_lag::TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::task::spawn_local(upstream::care(self.clone()));
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(Stop::is_asked) => break,
                due = tick.tick() => self.note_lag(due.into_std()),
                _ = sweep.tick() => {
                    self.upstreams.sweep();
                    self.pay_owed();
                }
                accepted = door.accept() => accepted.into_iter().for_each(|accepted| self.serve(accepted)),
            }
        }
        match self.queued() {
            Queued::Taken => door.close()?.into_iter().for_each(|accepted| self.serve(accepted)),
            Queued::Left => door.leave().into_iter().for_each(|connection| self.send_away(connection)),
        }
        let all_done = async {
            if self.hands_over() {
                self.wait_until(|| self.tasks.get() == self.delivering.get()).await;
                self.pay_owed();
                self.journal.take();
                drop(settling);
            }
            self.wait_until(|| self.tasks.get() == 0).await;
        };
        let paying = async {
            loop {
                sweep.tick().await;
                self.pay_owed();
            }
        };
        tokio::select! {
            biased;
            done = tokio::time::timeout(self.shared.settings.drain, all_done) => if done.is_err() {
                tracing::warn!(cut = self.tasks.get(), "the drain time is over; what is still under way is cut");
            },
            () = paying => {}
        }
        Ok(())
    }

    fn note_lag(&self, due: Instant) {
        let mut lag = self.lag.borrow_mut();
        if lag.tick(due, Instant::now()) {
            let late = lag.last();
            if lag.is_overloaded() {
                tracing::warn!(
                    ?late,
                    "a data-plane thread has more to do than it can; new requests are refused"
                );
            } else {
                tracing::info!(?late, "a data-plane thread is in time again");
            }
        }
    }

    /// New requests are better refused than begun.
    pub(crate) fn is_overloaded(&self) -> bool {
        // Lag is looked at only while there is something to accept.
        self.lag.borrow().is_overloaded() && !self.is_stopping()
    }

    async fn wait_until(&self, is_true: impl Fn() -> bool) {
        while !is_true() {
            self.tasks_changed.notified().await;
        }
    }

    fn serve(self: &Rc<Self>, accepted: Accepted) {
        let Accepted { stream, peer, permit, is_new } = accepted;
        let (worker, task) = (self.clone(), self.task());
        tokio::task::spawn_local(async move {
            worker.shared.metrics.connections.inc();
            connection::serve(&worker, stream, peer, is_new).await;
            worker.shared.metrics.connections.dec();
            drop((task, permit));
        });
    }

    /// Appends to this thread's journal.
    pub(crate) fn append(&self, records: &[JournalRecord]) -> Result<(), StoreFailure> {
        match &*self.journal.borrow() {
            Some(journal) => journal.append(records),
            None => Err(StoreFailure::new("the journal was handed over")),
        }
    }

    /// Appends outcomes that the journal could not take when they came.
    fn pay_owed(&self) {
        self.owed.pay(|record| self.append(&[record]));
    }

    /// A task that a drain waits for.
    pub(crate) fn task(self: &Rc<Self>) -> Task {
        self.tasks.set(self.tasks.get() + 1);
        Task(self.clone())
    }

    /// From here on the task only delivers an answer, and ends.
    pub(crate) fn delivering(self: &Rc<Self>) -> Delivering {
        self.delivering.set(self.delivering.get() + 1);
        self.tasks_changed.notify_one();
        Delivering(self.clone())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopped.borrow().is_asked()
    }

    /// Whether a successor goes on with idle connections.
    pub(crate) fn hands_over(&self) -> bool {
        matches!(&*self.stopped.borrow(), Stop::HandOver(..))
    }

    /// Gives an idle connection to the successor.
    pub(crate) fn send_away(&self, connection: std::net::TcpStream) {
        if let Stop::HandOver(_, idle) = &*self.stopped.borrow() {
            // If nobody is there, it is closed.
            let _ = idle.send(connection);
        }
    }

    fn queued(&self) -> Queued {
        match &*self.stopped.borrow() {
            Stop::No => Queued::Taken,
            Stop::Drain(queued) | Stop::HandOver(queued, _) => *queued,
        }
    }

    pub(crate) async fn stopping(&self) {
        // An error means that the sender is gone: then we stop as well.
        let _ = self.stopped.clone().wait_for(Stop::is_asked).await;
    }

    /// A token's claims if this platform signed it. An Ed25519 verification costs more than all other checks
    /// together, so what was verified is remembered by the token's SHA-256.
    pub(crate) fn verify_token(&self, token: &str) -> Option<Arc<Claims>> {
        let digest = secret::sha256(&[token.as_bytes()]);
        let epoch = self.shared.directory.signing_epoch();
        if self.verified_epoch.replace(epoch) != epoch {
            self.verified_tokens.borrow_mut().clear();
        }
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

/// When the last of what was under way has ended, or was cut.
impl Drop for Worker {
    fn drop(&mut self) {
        self.pay_owed();
        if self.owed.count() > 0 {
            tracing::error!(
                outcomes = self.owed.count(),
                "outcomes could not be recorded: what was given back for them counts again"
            );
        }
    }
}
