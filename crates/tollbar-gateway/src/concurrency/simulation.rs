//! An upstream, its callers and limiters, simulated event by event: no clock, no threads, the same each time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    rc::Rc,
    time::{Duration, Instant},
};

use tollbar_core::EndpointId;

use super::{ConcurrencyBounds, Entered, Limiter};

/// How long an endpoint works on a request.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// Always as long.
    Fixed(Duration),
    /// Anything from the first to the second.
    Between(Duration, Duration),
    /// Mostly short, with a long tail.
    Exponential(Duration),
    /// A cache hit or a miss, as often the one as the other.
    Either(Duration, Duration),
}

/// One of the endpoints that callers ask for.
#[derive(Clone, Copy)]
pub(super) struct Endpoint {
    /// How often, in relation to the others.
    pub(super) weight: u32,
    pub(super) work: Work,
}

/// From a moment on things are so.
#[derive(Clone, Copy)]
pub(super) struct Phase {
    pub(super) from: Duration,
    /// Arrivals.
    pub(super) per_second: u32,
    /// Added to every answer, and takes no server: the network, or somebody whom the upstream waits for.
    pub(super) delay: Duration,
    /// Nothing is answered.
    pub(super) hangs: bool,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) servers: usize,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) phases: Vec<Phase>,
    /// How long callers wait.
    pub(super) patience: Duration,
    /// The gateway hears that they have gone.
    pub(super) leaving_is_noticed: bool,
    /// How long the gateway waits.
    pub(super) response_timeout: Duration,
    /// Threads, each with a limiter of its own.
    pub(super) threads: usize,
    pub(super) bounds: ConcurrencyBounds,
    /// Requests that the upstream has in its queue at the beginning, from another life of the gateway.
    pub(super) backlog: usize,
    pub(super) until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Refused,
    /// Answered while the caller was still there.
    Good(Duration),
    /// The caller had gone.
    Late,
}

/// What became of each request, by its arrival.
pub(super) struct Report {
    outcomes: Vec<(Duration, Outcome)>,
    /// The limits of all threads together, ten times a second.
    pub(super) limits: Vec<(Duration, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    /// A server is free, and its answer is on the way.
    Served,
    Answer(usize),
    CallerLeaves(usize),
    TimeOut(usize),
    Watch,
}

struct Request {
    arrived: Duration,
    work: Duration,
    entered: Option<Entered>,
    outcome: Option<Outcome>,
}

struct Run<'w> {
    world: &'w World,
    random: Random,
    start: Instant,
    now: Duration,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    scheduled: u64,
    limiters: Vec<Rc<Limiter>>,
    next_thread: usize,
    requests: Vec<Request>,
    queue: VecDeque<usize>,
    free: usize,
    limits: Vec<(Duration, usize)>,
}

pub(super) fn run(world: &World) -> Report {
    let start = Instant::now();
    let limiters = (0..world.threads).map(|_| Limiter::new(world.bounds, start, start)).collect();
    let mut run = Run {
        world,
        random: Random(world.seed),
        start,
        now: Duration::ZERO,
        events: BinaryHeap::new(),
        scheduled: 0,
        limiters,
        next_thread: 0,
        requests: Vec::new(),
        queue: VecDeque::new(),
        free: world.servers,
        limits: Vec::new(),
    };
    for _ in 0..world.backlog {
        let (_, work) = run.choose_work();
        run.requests.push(Request {
            arrived: Duration::ZERO,
            work,
            entered: None,
            outcome: Some(Outcome::Late),
        });
        run.queue.push_back(run.requests.len() - 1);
    }
    run.serve();
    run.schedule(Duration::ZERO, Event::Arrival);
    run.schedule(Duration::ZERO, Event::Watch);
    while let Some(Reverse((at, _, event))) = run.events.pop()
        && at < world.until
    {
        run.now = at;
        run.happen(event);
    }
    let outcomes =
        run.requests.iter().skip(world.backlog).filter_map(|r| Some((r.arrived, r.outcome?))).collect();
    Report { outcomes, limits: run.limits }
}

impl Run<'_> {
    fn instant(&self) -> Instant {
        self.start + self.now
    }

    fn phase(&self) -> Phase {
        *self.world.phases.iter().rev().find(|phase| phase.from <= self.now).unwrap()
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((self.now + after, self.scheduled, event)));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival => {
                let phase = self.phase();
                if phase.per_second > 0 {
                    self.arrive();
                    let gap = self.random.exponential(Duration::from_secs(1) / phase.per_second);
                    self.schedule(gap, Event::Arrival);
                } else {
                    self.schedule(Duration::from_millis(10), Event::Arrival);
                }
            }
            Event::Served => {
                self.free += 1;
                self.serve();
            }
            Event::Answer(id) => {
                let (now, instant) = (self.now, self.instant());
                let request = &mut self.requests[id];
                let latency = now - request.arrived;
                if let Some(entered) = request.entered.take() {
                    entered.answered(latency, instant);
                }
                request.outcome.get_or_insert(Outcome::Good(latency));
            }
            Event::CallerLeaves(id) => {
                let request = &mut self.requests[id];
                request.outcome.get_or_insert(Outcome::Late);
                if self.world.leaving_is_noticed {
                    request.entered = None;
                }
            }
            Event::TimeOut(id) => {
                let instant = self.instant();
                if let Some(entered) = self.requests[id].entered.take() {
                    entered.failed(instant);
                }
            }
            Event::Watch => {
                self.limits.push((self.now, self.limiters.iter().map(|l| l.limit()).sum()));
                self.schedule(Duration::from_millis(100), Event::Watch);
                self.serve();
            }
        }
    }

    fn arrive(&mut self) {
        let (endpoint, work) = self.choose_work();
        self.next_thread = (self.next_thread + 1) % self.limiters.len();
        let entered = self.limiters[self.next_thread].try_enter(endpoint, self.instant());
        let is_let_in = entered.is_some();
        let outcome = (!is_let_in).then_some(Outcome::Refused);
        self.requests.push(Request { arrived: self.now, work, entered, outcome });
        if is_let_in {
            let id = self.requests.len() - 1;
            self.queue.push_back(id);
            self.schedule(self.world.patience, Event::CallerLeaves(id));
            self.schedule(self.world.response_timeout, Event::TimeOut(id));
            self.serve();
        }
    }

    /// The upstream works on whatever it was sent, whether somebody still waits for it or not.
    fn serve(&mut self) {
        let phase = self.phase();
        while !phase.hangs && self.free > 0 {
            let Some(id) = self.queue.pop_front() else { return };
            self.free -= 1;
            let work = self.requests[id].work;
            self.schedule(work, Event::Served);
            self.schedule(work + phase.delay, Event::Answer(id));
        }
    }

    fn choose_work(&mut self) -> (EndpointId, Duration) {
        let all: u32 = self.world.endpoints.iter().map(|e| e.weight).sum();
        let mut chosen = u32::try_from(self.random.next() % u64::from(all)).unwrap();
        for (id, endpoint) in (0..).zip(&self.world.endpoints) {
            if chosen < endpoint.weight {
                return (EndpointId(id), self.random.work(endpoint.work));
            }
            chosen -= endpoint.weight;
        }
        unreachable!("the weights are exhausted");
    }
}

impl Report {
    pub(super) fn between(&self, from: u64, to: u64) -> impl Iterator<Item = Outcome> {
        let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
        self.outcomes.iter().filter(move |(at, _)| (from..to).contains(at)).map(|(_, outcome)| *outcome)
    }

    /// Answers in time to what came in these seconds.
    pub(super) fn good(&self, from: u64, to: u64) -> usize {
        self.between(from, to).filter(|o| matches!(o, Outcome::Good(_))).count()
    }

    pub(super) fn refused(&self, from: u64, to: u64) -> usize {
        self.between(from, to).filter(|o| *o == Outcome::Refused).count()
    }

    pub(super) fn late(&self, from: u64, to: u64) -> usize {
        self.between(from, to).filter(|o| *o == Outcome::Late).count()
    }

    /// Of the answers in time: so many of a hundred came within...
    pub(super) fn percentile(&self, percent: usize, from: u64, to: u64) -> Duration {
        let mut all: Vec<Duration> = self
            .between(from, to)
            .filter_map(|o| if let Outcome::Good(latency) = o { Some(latency) } else { None })
            .collect();
        all.sort_unstable();
        all.get(all.len() * percent / 100).copied().unwrap_or_default()
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Above 0, up to 1.
    fn unit(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).unwrap();
        (f64::from(bits) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }

    fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-self.unit().ln())
    }

    fn work(&mut self, work: Work) -> Duration {
        match work {
            Work::Fixed(time) => time,
            Work::Between(from, to) => from + (to - from).mul_f64(self.unit()),
            Work::Exponential(mean) => self.exponential(mean),
            Work::Either(a, b) => {
                if self.next() & 1 == 0 {
                    a
                } else {
                    b
                }
            }
        }
    }
}
