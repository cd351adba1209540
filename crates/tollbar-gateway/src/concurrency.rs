//! How many requests one upstream is sent at a time: as many as it answers without queueing, found by its latency.
//!
//! An upstream that is asked for more than it can do queues, and what it then answers comes too late for its callers: it
//! works and nobody is served. Refusing the part that is too much keeps the rest quick. There is no queue on our
//! side: a second one would add delay without adding capacity.
//!
//! One limiter belongs to one upstream and one thread. A place is held until the head of the answer: latency is
//! what the upstream takes to think, while a body goes at the pace of its reader, and an event stream would hold its
//! place for hours.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    time::{Duration, Instant},
};

use tollbar_core::EndpointId;

mod baselines;
mod level;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use baselines::{Baselines, Rise, target};
use level::{Level, Sample};

/// What a request to an endpoint that is not known yet may take: before that, silence means nothing.
const UNKNOWN_TARGET: Duration = Duration::from_secs(5);
/// ...but a caller who left after this long had waited in vain.
const UNKNOWN_PATIENCE: Duration = Duration::from_millis(500);

/// Between which numbers the level is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConcurrencyBounds {
    /// Never fewer: so few do not overload anything, and a wrong judgement must not cut an upstream off.
    pub(crate) min: usize,
    /// Never more; where it starts, so that a cold burst is not refused.
    pub(crate) max: usize,
    /// A queue that one server would work off in so long is short, and never refused.
    pub(crate) short: Duration,
}

/// The limiter of one upstream on one thread.
pub(crate) struct Limiter {
    state: RefCell<State>,
    in_flight: Cell<usize>,
    refused: Cell<u64>,
    short: Duration,
}

struct State {
    level: Level,
    baselines: Baselines,
    /// What all requests in flight together are expected to take.
    expected: Duration,
    /// The last point in time that was heard of.
    now: Instant,
}

/// A place at the upstream, held by a request until the head of its answer.
pub(crate) struct Entered {
    limiter: Rc<Limiter>,
    endpoint: EndpointId,
    at: Instant,
    expected: Duration,
    is_settled: bool,
}

impl Limiter {
    /// `epoch` is the same for all threads: they look at the upstream's bare latency at the same moments, since one
    /// alone would see the others' queue.
    pub(crate) fn new(bounds: ConcurrencyBounds, epoch: Instant, now: Instant) -> Rc<Self> {
        let state = State {
            level: Level::new(bounds, epoch, now),
            baselines: Baselines::default(),
            expected: Duration::ZERO,
            now,
        };
        Rc::new(Self {
            state: RefCell::new(state),
            in_flight: Cell::new(0),
            refused: Cell::new(0),
            short: bounds.short,
        })
    }

    /// A place for a request, if there is one.
    pub(crate) fn try_enter(self: &Rc<Self>, endpoint: EndpointId, now: Instant) -> Option<Entered> {
        let state = &mut *self.state.borrow_mut();
        state.now = now;
        let in_flight = self.in_flight.get();
        let has_place = state.level.admit(in_flight, state.expected, now);
        if let Some(by) = state.level.take_rescale() {
            state.baselines.rescale(by);
        }
        let usual = state.baselines.usual(endpoint);
        if !has_place && !is_short(in_flight, usual, self.short) {
            self.refused.set(self.refused.get() + 1);
            return None;
        }
        let expected = usual.map_or(UNKNOWN_TARGET, target);
        state.expected += expected;
        self.in_flight.set(in_flight + 1);
        Some(Entered { limiter: self.clone(), endpoint, at: now, expected, is_settled: false })
    }

    /// How many may be under way at a time, as found so far.
    pub(crate) fn limit(&self) -> usize {
        self.state.borrow().level.limit()
    }

    /// How many are under way.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// How many were refused since the start.
    #[cfg(test)]
    pub(crate) const fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Nothing would be lost with it: as good as a new one.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.in_flight.get() == 0 && self.state.borrow_mut().level.is_recovered(now)
    }

    fn leave(&self, entered: &Entered) {
        self.in_flight.set(self.in_flight.get() - 1);
        let mut state = self.state.borrow_mut();
        state.expected = state.expected.saturating_sub(entered.expected);
    }
}

/// Whether a queue of so many would be worked off soon by one server alone: then it is no overload, however late a busy
/// machine makes the answers.
fn is_short(in_flight: usize, usual: Option<Duration>, short: Duration) -> bool {
    let count = u32::try_from(in_flight).unwrap_or(u32::MAX);
    usual.is_some_and(|usual| usual.saturating_mul(count) < short)
}

impl Entered {
    /// The head of the answer has come, `latency` after the last byte of the request went up. Gives the place back.
    pub(crate) fn answered(mut self, latency: Duration, now: Instant) {
        self.is_settled = true;
        let state = &mut *self.limiter.state.borrow_mut();
        state.now = now;
        let usual = state.baselines.usual(self.endpoint);
        let target = usual.map(target);
        let sample = Sample {
            entered: self.at,
            is_late: target.is_some_and(|target| latency > target),
            target: target.unwrap_or(latency),
            ratio: usual.map(|usual| latency.as_secs_f64() / usual.as_secs_f64()),
        };
        let rise = state.level.answered(&sample, self.limiter.in_flight(), now);
        state.baselines.learn(self.endpoint, latency, rise, now);
    }

    /// It did not answer in time, or could not be reached. Gives the place back.
    pub(crate) fn failed(mut self, now: Instant) {
        self.is_settled = true;
        let state = &mut *self.limiter.state.borrow_mut();
        state.now = now;
        state.level.missed(self.at, self.limiter.in_flight(), now);
    }
}

impl Drop for Entered {
    /// Whoever asked has gone. That says something of the upstream only where it was late already.
    fn drop(&mut self) {
        if !self.is_settled {
            let state = &mut *self.limiter.state.borrow_mut();
            let target = state.baselines.usual(self.endpoint).map_or(UNKNOWN_PATIENCE, target);
            if state.now.saturating_duration_since(self.at) >= target {
                state.level.missed(self.at, self.limiter.in_flight(), state.now);
            }
        }
        self.limiter.leave(self);
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter({} of {})", self.in_flight(), self.limit())
    }
}
