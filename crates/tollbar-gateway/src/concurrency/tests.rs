use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tollbar_core::EndpointId;

use super::{
    Baselines, ConcurrencyBounds, Entered, Limiter, Rise, is_short,
    simulation::{Endpoint, Outcome, Phase, Report, Work, World, run},
};

const BOUNDS: ConcurrencyBounds = ConcurrencyBounds { min: 8, max: 1024, short: Duration::from_millis(200) };
const HERE: EndpointId = EndpointId(1);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn load(from: u64, per_second: u32) -> Phase {
    Phase { from: secs(from), per_second, delay: Duration::ZERO, hangs: false }
}

const fn one(work: Work) -> Endpoint {
    Endpoint { weight: 1, work }
}

/// Ten servers, 50 ms each: 200 requests a second. Callers wait for one.
fn world(phases: &[Phase]) -> World {
    World {
        seed: 1,
        servers: 10,
        endpoints: vec![one(Work::Between(ms(25), ms(75)))],
        phases: phases.to_vec(),
        patience: secs(1),
        leaving_is_noticed: false,
        response_timeout: secs(30),
        threads: 1,
        bounds: BOUNDS,
        backlog: 0,
        until: secs(62),
    }
}

/// Threads with a limiter each, the minimum divided between them.
fn on_threads(threads: usize, world: World) -> World {
    let short = BOUNDS.short / u32::try_from(threads).unwrap();
    World { threads, bounds: ConcurrencyBounds { min: (8 / threads).max(2), short, ..BOUNDS }, ..world }
}

/// Half the capacity, then five times, then half.
fn overload() -> World {
    world(&[load(0, 100), load(10, 1000), load(40, 100)])
}

/// In the seconds given, at least so many of a hundred that the upstream could have answered were answered in time.
#[track_caller]
fn assert_goodput(report: &Report, percent: usize, capacity: usize, from: u64, to: u64) {
    let (good, could) = (report.good(from, to), capacity * usize::try_from(to - from).unwrap());
    assert!(good * 100 >= could * percent, "{good} of {could} in {from} s to {to} s");
}

#[test]
fn five_times_the_load_is_answered_at_capacity_and_quickly_and_afterwards_all_is_as_before() {
    let noticed = World { leaving_is_noticed: true, ..overload() };
    let worlds = [
        ("one thread", overload(), ms(300)),
        ("callers' leaving is noticed", noticed, ms(300)),
        ("another seed", World { seed: 2, ..overload() }, ms(300)),
        ("long tail", World { endpoints: vec![one(Work::Exponential(ms(50)))], ..overload() }, ms(400)),
        (
            "hits and misses",
            World { endpoints: vec![one(Work::Either(ms(5), ms(95)))], ..overload() },
            ms(400),
        ),
        ("four threads", on_threads(4, overload()), ms(300)),
        ("eight threads", on_threads(8, overload()), ms(500)),
    ];
    for (name, world, p95) in worlds {
        let report = run(&world);
        assert_eq!((report.refused(0, 10), report.late(0, 10)), (0, 0), "{name}: half the capacity");
        // The change itself, in which it has to be found (several threads hear less each), and what comes after.
        assert_goodput(&report, if world.threads == 1 { 70 } else { 50 }, 200, 10, 14);
        assert_goodput(&report, 90, 200, 14, 40);
        let seen = report.percentile(95, 14, 40);
        assert!(seen < p95, "{name}: {seen:?}");
        assert!(report.late(14, 40) <= 20, "{name}: {} in vain", report.late(14, 40));
        assert!(report.refused(40, 41) <= 30, "{name}: {} just after it", report.refused(40, 41));
        // Of nearly two thousand. The levels of several threads are small numbers, and arrivals are uneven.
        let refused_max = if world.threads == 1 { 0 } else { 10 };
        assert!(report.refused(41, 60) <= refused_max, "{name}: {}", report.refused(41, 60));
        assert_eq!(report.late(41, 60), 0, "{name}");
    }
}

/// What it is all for: without a limiter the upstream works for callers who have gone.
#[test]
fn without_a_limit_hardly_anybody_is_served() {
    let bounds = ConcurrencyBounds { min: usize::MAX, max: usize::MAX, short: Duration::ZERO };
    let report = run(&World { bounds, ..overload() });
    assert!(report.good(14, 40) < 200 * 26 / 10, "{}", report.good(14, 40));
}

#[test]
fn a_large_quick_upstream_and_a_small_slow_one_keep_their_goodput() {
    let large = World {
        servers: 60,
        endpoints: vec![one(Work::Between(ms(10), ms(30)))],
        until: secs(22),
        ..world(&[load(0, 1500), load(5, 15_000)])
    };
    let report = run(&large);
    assert_eq!(report.refused(0, 5), 0);
    assert_goodput(&report, 90, 3000, 8, 20);
    let seen = report.percentile(95, 8, 20);
    assert!(seen < ms(150), "{seen:?}");
    // Five a second. The minimum of eight is more than its servers: a little queue, no more.
    let small = World {
        servers: 5,
        endpoints: vec![one(Work::Between(ms(500), ms(1500)))],
        patience: secs(10),
        until: secs(130),
        ..world(&[load(0, 2), load(30, 25)])
    };
    let report = run(&small);
    assert_eq!(report.refused(0, 30), 0);
    assert_goodput(&report, 85, 5, 50, 120);
    let seen = report.percentile(95, 50, 120);
    assert!(seen < secs(5), "{seen:?}");
}

#[test]
fn at_its_capacity_nearly_everything_is_answered() {
    let report = run(&world(&[load(0, 180)]));
    assert!(report.refused(0, 60) <= 180 * 60 / 100, "{}", report.refused(0, 60));
    assert_eq!(report.late(0, 60), 0);
}

#[test]
fn slow_reports_beside_quick_lookups_refuse_nobody() {
    let endpoints = vec![
        Endpoint { weight: 60, work: Work::Between(ms(3), ms(7)) },
        Endpoint { weight: 40, work: Work::Either(ms(1), ms(300)) },
        Endpoint { weight: 2, work: Work::Between(secs(3), secs(7)) },
    ];
    let world = World { servers: 500, endpoints, patience: secs(20), ..world(&[load(0, 1000)]) };
    let report = run(&world);
    assert_eq!((report.refused(0, 60), report.late(0, 60)), (0, 0));
    assert!(report.limits.iter().all(|(_, limit)| *limit == BOUNDS.max));
}

#[test]
fn jitter_of_a_quick_upstream_is_nothing() {
    let jitter = vec![one(Work::Either(ms(1), ms(20)))];
    let world = World { servers: 100, endpoints: jitter, until: secs(20), ..world(&[load(0, 2000)]) };
    let report = run(&world);
    assert_eq!(report.refused(0, 20), 0);
    assert!(report.limits.iter().all(|(_, limit)| *limit == BOUNDS.max));
}

#[test]
fn an_upstream_that_becomes_slower_for_good_is_accepted() {
    let slower = |per_second, delay| [load(0, per_second), Phase { delay, ..load(10, per_second) }];
    for (name, accepted, world) in [
        ("a little", 10, world(&slower(200, ms(60)))),
        ("tenfold", 25, world(&slower(200, ms(450)))),
        ("tenfold, four threads", 30, on_threads(4, world(&slower(400, ms(450))))),
    ] {
        let report = run(&World { servers: 1000, patience: secs(10), ..world });
        let refused = (report.refused(accepted, 60), report.refused(10, 60));
        assert_eq!(refused.0, 0, "{name}: {refused:?}");
    }
    let endpoints = (0..200).map(|n| one(Work::Fixed(ms(5 + n)))).collect();
    let many = World { servers: 1000, endpoints, patience: secs(10), ..world(&slower(400, ms(1450))) };
    let report = run(&many);
    assert_eq!(report.refused(55, 60), 0, "fifteenfold, many endpoints");
}

#[test]
fn bursts_after_idle_are_let_in() {
    let mut phases = vec![load(0, 20)];
    for burst in 1..6 {
        phases.push(Phase { from: secs(burst * 10), ..load(0, 3000) });
        phases.push(Phase { from: secs(burst * 10) + ms(50), ..load(0, 0) });
    }
    // After an overload, too.
    phases.extend([load(60, 1000), load(70, 0)]);
    phases.push(Phase { from: secs(110), ..load(0, 3000) });
    phases.push(Phase { from: secs(110) + ms(50), ..load(0, 0) });
    let report = run(&World { patience: secs(5), until: secs(130), ..world(&phases) });
    assert_eq!((report.refused(0, 60), report.late(0, 60)), (0, 0));
    assert!(report.good(10, 60) > 500, "{}", report.good(10, 60));
    assert!(report.refused(60, 70) > 5000);
    assert_eq!((report.refused(70, 130), report.late(70, 130)), (0, 0));
    assert!(report.good(110, 130) > 100);
}

#[test]
fn an_upstream_that_hangs_is_soon_let_alone_and_found_again() {
    let hangs = Phase { hangs: true, ..load(10, 100) };
    for noticed in [false, true] {
        let world = world(&[load(0, 100), hangs, load(25, 100)]);
        let report = run(&World { leaving_is_noticed: noticed, ..world });
        assert_eq!(report.refused(0, 10), 0);
        assert!(report.late(14, 24) <= 100, "waited in vain: {}", report.late(14, 24));
        assert_eq!((report.refused(30, 60), report.late(30, 60)), (0, 0), "{noticed}");
    }
}

/// The gateway is started again in the middle of an overload: it has never seen what is usual.
#[test]
fn an_overload_that_was_there_first_is_recognised() {
    for (name, world) in [
        ("a second's queue", World { backlog: 200, ..world(&[load(0, 1000)]) }),
        ("five seconds' queue", World { backlog: 1000, ..world(&[load(0, 1000)]) }),
        ("leaving is noticed", World { backlog: 1000, leaving_is_noticed: true, ..world(&[load(0, 1000)]) }),
        ("four threads", on_threads(4, World { backlog: 200, ..world(&[load(0, 1000)]) })),
    ] {
        let report = run(&world);
        println!("{name}");
        assert_goodput(&report, 85, 200, 45, 60);
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    let outcomes = |seed| run(&World { seed, until: secs(15), ..overload() }).between(0, 15).collect();
    let [first, second, other]: [Vec<Outcome>; 3] = [outcomes(7), outcomes(7), outcomes(8)];
    assert!(first == second && first != other);
}

/// An upstream in hand: requests one by one.
struct Bench {
    limiter: Rc<Limiter>,
    now: Instant,
}

impl Bench {
    fn new(min: usize, max: usize) -> Self {
        let now = Instant::now();
        Self { limiter: Limiter::new(ConcurrencyBounds { min, max, short: Duration::ZERO }, now, now), now }
    }

    fn enter(&self) -> Option<Entered> {
        self.limiter.try_enter(HERE, self.now)
    }

    /// So many at once, answered all together.
    fn answer(&mut self, requests: usize, latency: Duration) {
        let entered: Vec<Entered> = (0..requests).filter_map(|_| self.enter()).collect();
        self.now += latency;
        for entered in entered {
            entered.answered(latency, self.now);
        }
    }
}

#[test]
fn a_place_comes_back_however_it_is_left() {
    let bench = Bench::new(1, 3);
    let [a, b, c] = [(); 3].map(|()| bench.enter().unwrap());
    assert!(bench.enter().is_none());
    assert_eq!((bench.limiter.in_flight(), bench.limiter.refused()), (3, 1));
    a.answered(ms(1), bench.now);
    b.failed(bench.now);
    drop(c);
    assert_eq!(bench.limiter.in_flight(), 0);
    assert_eq!(bench.limiter.state.borrow().expected, Duration::ZERO);
    assert!(bench.enter().is_some());
}

#[test]
fn an_outlier_does_not_lower_the_level_and_timeouts_do() {
    let mut bench = Bench::new(2, 100);
    for _ in 0..50 {
        bench.answer(20, ms(10));
    }
    bench.answer(1, secs(30));
    bench.enter().unwrap().failed(bench.now);
    for _ in 0..50 {
        bench.answer(20, ms(10));
    }
    assert_eq!(bench.limiter.limit(), 100);
    for _ in 0..5 {
        let entered: Vec<Entered> = (0..40).filter_map(|_| bench.enter()).collect();
        bench.now += secs(1);
        for entered in entered {
            entered.failed(bench.now);
        }
    }
    assert_eq!(bench.limiter.limit(), 2, "never below the minimum");
    assert!(!bench.limiter.is_fresh(bench.now));
    bench.now += secs(60);
    assert!(bench.limiter.is_fresh(bench.now), "after a calm time it begins as at first");
}

#[test]
fn callers_who_leave_early_say_nothing() {
    let mut bench = Bench::new(2, 100);
    for _ in 0..20 {
        bench.answer(20, ms(100));
    }
    for _ in 0..200 {
        let entered = bench.enter();
        bench.now += ms(20);
        drop(entered);
    }
    assert_eq!(bench.limiter.limit(), 100);
}

#[test]
fn the_table_of_endpoints_is_bounded_and_keeps_what_is_used() {
    let mut baselines = Baselines::default();
    let now = Instant::now();
    for n in 0..100_000 {
        baselines.learn(HERE, ms(7), Rise::Slow, now);
        baselines.learn(EndpointId(10 + n), ms(1), Rise::Slow, now);
    }
    assert!(baselines.len() <= 4096, "{}", baselines.len());
    assert_eq!(baselines.usual(HERE), Some(ms(7)));
    assert_eq!(baselines.usual(EndpointId(10)), None);
}

#[test]
fn what_is_usual_rises_slowly_and_falls_quickly() {
    let mut baselines = Baselines::default();
    let start = Instant::now();
    let mut learn = |seconds: std::ops::Range<u64>, latency, rise| {
        for second in seconds {
            for n in 0..32 {
                baselines.learn(HERE, latency, rise, start + secs(second) + ms(n * 40));
            }
        }
        baselines.usual(HERE).unwrap()
    };
    assert_eq!(learn(0..2, ms(100), Rise::Slow), ms(100));
    let after = learn(2..12, ms(180), Rise::Slow);
    assert!((ms(105)..ms(115)).contains(&after), "{after:?}");
    assert_eq!(learn(12..40, ms(180), Rise::No), after, "a queue is not the usual");
    let after = learn(40..50, ms(50), Rise::No);
    assert!(after < ms(60), "{after:?}");
    baselines.rescale(10.0);
    let scaled = baselines.usual(HERE).unwrap();
    assert!(scaled > after * 9 && scaled < after * 11, "{scaled:?}");
}

#[test]
fn a_queue_of_quick_requests_is_no_overload() {
    let quick = Some(ms(1));
    assert!(is_short(0, quick, ms(200)) && is_short(199, quick, ms(200)) && !is_short(200, quick, ms(200)));
    assert!(is_short(4, Some(ms(40)), ms(200)) && !is_short(5, Some(ms(40)), ms(200)));
    assert!(!is_short(1, Some(ms(1000)), ms(200)) && !is_short(1, None, ms(200)));
}
