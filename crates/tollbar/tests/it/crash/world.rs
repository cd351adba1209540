//! The upstream's side: what it was sent and did, and the hand that kills.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::{Gate, Received, Reply, Upstream, wait_until};

/// Answers that are held back at a time, so that requests are at every stage when a kill comes.
const HELD_MAX: usize = 3;

/// A request that reached the upstream whole: it was executed.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) request_id: String,
    pub(super) client: String,
    pub(super) key: Option<String>,
    /// What it was answered with, or would have been.
    pub(super) status: u16,
}

/// When a kill comes, counted from the last start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// When so many requests have arrived at the upstream: this one is executed and not answered.
    Arrival(usize),
    /// When callers have so many answers: what comes after an answer is under way.
    Answer(usize),
    /// Some time after so many have arrived.
    After(usize, Duration),
}

/// Answers that wait.
#[derive(Default)]
struct Held {
    /// Whether any are held back at all.
    is_holding: bool,
    gates: Vec<Gate>,
}

/// The upstream, and the kill that is planned.
pub(super) struct World {
    pub(super) upstream: Upstream,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    arrivals: Mutex<Vec<Arrival>>,
    held: Mutex<Held>,
    kill: Mutex<Option<(Moment, u32)>>,
    arrived: AtomicUsize,
    answered: AtomicUsize,
}

impl World {
    pub(super) fn start() -> Self {
        let state = Arc::new(State::default());
        let shared = state.clone();
        Self { upstream: Upstream::answering(move |received| shared.execute(received)), state }
    }

    /// From now on the process is killed at this moment.
    pub(super) fn plan_kill(&self, moment: Moment, pid: u32) {
        self.state.arrived.store(0, Ordering::SeqCst);
        self.state.answered.store(0, Ordering::SeqCst);
        *self.state.kill.lock().unwrap() = Some((moment, pid));
    }

    /// A caller has an answer.
    pub(super) fn note_answer(&self) {
        let count = self.state.answered.fetch_add(1, Ordering::SeqCst) + 1;
        self.state.kill_when(|moment| matches!(moment, Moment::Answer(at) if at <= count));
    }

    /// From now on some answers are held back, until [`World::release`].
    pub(super) fn hold(&self) {
        self.state.held.lock().unwrap().is_holding = true;
    }

    /// Lets everything go that is held back, and holds nothing back any more.
    pub(super) fn release(&self) {
        let held = std::mem::take(&mut *self.state.held.lock().unwrap());
        held.gates.iter().for_each(Gate::open);
    }

    /// After the end of the gateway's process: what it had sent has arrived, and is taken.
    pub(super) fn take_arrivals(&self) -> Vec<Arrival> {
        self.release();
        wait_until("the upstream has read everything that was sent", || self.upstream.serving() == 0);
        self.take_arrivals_so_far()
    }

    /// The same while the process lives, when nothing is under way.
    pub(super) fn take_arrivals_so_far(&self) -> Vec<Arrival> {
        self.upstream.forget();
        std::mem::take(&mut self.state.arrivals.lock().unwrap())
    }
}

impl State {
    fn execute(&self, received: &Received) -> Reply {
        let header = |name: &str| received.header(name).map(str::to_owned);
        let wanted = Wanted::of(&received.target);
        let arrival = Arrival {
            request_id: header("x-request-id").unwrap(),
            client: header("x-tollbar-client").unwrap(),
            key: header("idempotency-key"),
            status: wanted.status,
        };
        let key = arrival.key.clone().unwrap_or_default();
        self.arrivals.lock().unwrap().push(arrival);
        let count = self.arrived.fetch_add(1, Ordering::SeqCst) + 1;
        self.kill_when(|moment| matches!(moment, Moment::Arrival(at) | Moment::After(at, _) if at <= count));
        let reply = Reply::json(wanted.status, &body_of(&key, wanted.number));
        let mut held = self.held.lock().unwrap();
        if !wanted.is_held || !held.is_holding {
            return reply;
        }
        let gate = Gate::default();
        held.gates.push(gate.clone());
        if held.gates.len() > HELD_MAX {
            held.gates.remove(0).open();
        }
        Reply::After(gate, Box::new(reply))
    }

    fn kill_when(&self, is_due: impl Fn(Moment) -> bool) {
        let due = self.kill.lock().unwrap().take_if(|(moment, _)| is_due(*moment));
        let Some((moment, pid)) = due else { return };
        if let Moment::After(_, rest) = moment {
            let began = Instant::now();
            while began.elapsed() < rest {
                std::hint::spin_loop();
            }
        }
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

/// What a request asks the upstream for, at the end of its target: `/orders/<status>-<number>`, with an `h` if the answer
/// is to be held back.
pub(super) struct Wanted {
    pub(super) status: u16,
    pub(super) number: u64,
    pub(super) is_held: bool,
}

impl Wanted {
    /// The other way round is `Display`.
    fn of(target: &str) -> Self {
        let last = target.rsplit(['/', '=']).next().unwrap();
        let is_held = last.ends_with('h');
        let (status, number) = last.trim_end_matches('h').split_once('-').unwrap();
        Self { status: status.parse().unwrap(), number: number.parse().unwrap(), is_held }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}{}", self.status, self.number, if self.is_held { "h" } else { "" })
    }
}

/// What the upstream answers to that.
pub(super) fn body_of(key: &str, number: u64) -> String {
    format!(r#"{{"key":"{key}","number":{number}}}"#)
}
