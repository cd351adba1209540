//! The thread that holds answers against their documents, one after the other.

use std::{
    cell::RefCell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tollbar_core::observation::Answered;
use tollbar_openapi::BodyGiven;

use super::{
    Copied, Seen,
    limits::{Rate, Spent},
};
use crate::{
    Shared,
    memory_budget::{MemoryBudget, Reserved},
};

/// What is held of answers to look at them, under way and waiting, by all threads together.
pub(super) const OBSERVED_MEMORY_BYTES: usize = 8 * 1024 * 1024;
/// So many answers wait to be looked at.
const WAITING_MAX: usize = 256;
/// Others' work comes first, where the machine has more than it can do.
const NICENESS: i32 = 10;

/// The thread, as those see it who start and end it.
pub(crate) struct Aside {
    common: Arc<Common>,
    queue: SyncSender<Seen>,
    thread: JoinHandle<()>,
}

/// One data-plane thread's way to it.
#[derive(Clone)]
pub(crate) struct Observer {
    common: Arc<Common>,
    queue: SyncSender<Seen>,
    rate: Rc<RefCell<Rate>>,
}

/// What all threads know.
struct Common {
    memory: Arc<MemoryBudget>,
    spent: Spent,
    is_ending: AtomicBool,
}

impl Aside {
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let common = Arc::new(Common::new());
        let (queue, waiting) = sync_channel(WAITING_MAX);
        let (known, shared) = (common.clone(), shared.clone());
        let thread = std::thread::Builder::new().name("observe".to_owned()).spawn(move || {
            // Of this thread alone. Where it may not be, it has its part of the time like others.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            work(&known, &shared, &waiting);
        })?;
        Ok(Self { common, queue, thread })
    }

    /// For a data-plane thread to make its [`Observer`] of.
    pub(crate) fn entrance(&self) -> impl FnOnce() -> Observer + Send + use<> {
        let (common, queue) = (self.common.clone(), self.queue.clone());
        move || Observer { common, queue, rate: Rc::new(RefCell::new(Rate::new(Instant::now()))) }
    }

    /// Ends it when the data-plane threads have ended: what still waits is not looked at any more.
    pub(crate) fn end(self) -> io::Result<()> {
        self.common.is_ending.store(true, Ordering::Relaxed);
        drop(self.queue);
        self.thread.join().map_err(|_| io::Error::other("the thread that observes answers panicked"))
    }
}

impl Observer {
    /// Whether another one may be copied.
    pub(super) fn admits(&self) -> bool {
        let now = Instant::now();
        self.rate.borrow_mut().admits(now) && !self.common.spent.is_all(now)
    }

    pub(super) fn hold(&self, bytes: usize) -> Option<Reserved> {
        self.common.memory.reserve(bytes)
    }

    /// Hands an answer on. It costs the same however much there is to look at; an error: it was too much.
    pub(super) fn hand_on(&self, seen: Seen) -> Result<(), Answered> {
        let answered = seen.answered;
        self.queue.try_send(seen).map_err(|_| answered)
    }
}

impl Common {
    fn new() -> Self {
        let memory = MemoryBudget::new(OBSERVED_MEMORY_BYTES);
        Self { memory, spent: Spent::new(Instant::now()), is_ending: AtomicBool::new(false) }
    }
}

/// Until nobody is there who could hand on something.
fn work(common: &Common, shared: &Shared, waiting: &Receiver<Seen>) {
    while let Ok(seen) = waiting.recv() {
        if common.is_ending.load(Ordering::Relaxed) || common.spent.is_all(Instant::now()) {
            shared.directory.observations.note(seen.answered, false, &[]);
            continue;
        }
        let began = time_of_this_thread();
        look_at(shared, &seen);
        drop(seen);
        common.spent.add(time_of_this_thread().saturating_sub(began));
    }
}

fn look_at(shared: &Shared, seen: &Seen) {
    let (body, whole) = match &seen.body {
        Copied::None => (BodyGiven::None, true),
        Copied::Needless => (BodyGiven::Unread, true),
        // A body that broke off, or whose client has left.
        Copied::Unseen | Copied::UnderWay(_) => (BodyGiven::Unread, false),
        Copied::Whole(bytes) => (BodyGiven::Whole(bytes), true),
    };
    let find = || seen.operation.differences(seen.status, &seen.headers, body);
    // Whatever happens here, the answer is well, and the next one is looked at.
    match catch_unwind(AssertUnwindSafe(find)) {
        Ok(differences) => {
            if !differences.is_empty() {
                let category = &seen.operation.endpoint().category;
                shared.metrics.count_difference(category, seen.environment);
            }
            shared.directory.observations.note(seen.answered, whole, &differences);
        }
        Err(_) => {
            shared.metrics.panics.inc();
        }
    }
}

/// The time that the machine has given it: where it has to wait for others, nothing is spent.
fn time_of_this_thread() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
