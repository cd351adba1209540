//! Five times as many requests as the upstream can do: as many are served as ever, the others are told quickly, and those
//! who look after it all are not kept waiting.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{Ending, Platform, Shop, Ticker, get, resident_kib};

mod callers;
mod upstream;

use callers::{Call, Outcome, PATIENCE, come};

/// What the upstream does at once, and for how long.
pub(crate) const WORKERS: u32 = 12;
pub(crate) const WORK: Duration = Duration::from_millis(40);
/// So many a second.
const CAPACITY: u32 = 300;
const OVERLOAD: u32 = 5;
/// What comes at first does not count: connections are made, and it is found out how much is too much.
const WARMING_UP: Duration = Duration::from_secs(2);
const SETTLING: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(5);
/// Of what is served at the best of times.
const GOODPUT_MIN: f64 = 0.9;
/// A refusal that takes longer could as well have been an answer.
const REFUSAL_MAX: Duration = Duration::from_millis(250);
const GROWTH_KIB_MAX: u64 = 50 * 1024;
/// How often those are asked who look after it...
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// ...and within what time they answer; 1 in 100 may come when this machine, which plays everybody, is busy.
const LOOK_MAX: Duration = Duration::from_millis(100);
const LOOK_EVER_MAX: Duration = Duration::from_secs(1);

/// What was seen in one stretch of time.
struct Seen {
    /// Answers in time, a second.
    goodput: f64,
    calls: Vec<Call>,
}

impl Seen {
    fn of(calls: Vec<Call>, settling: Duration) -> Self {
        let calls: Vec<Call> = calls.into_iter().filter(|call| call.at >= settling).collect();
        let is_served = |call: &&Call| call.outcome == Outcome::Served && call.took <= PATIENCE;
        let served = u32::try_from(calls.iter().filter(is_served).count()).unwrap();
        Self { goodput: f64::from(served) / MEASURED.as_secs_f64(), calls }
    }

    /// How many there are of each outcome, and how long they took: half of them, and 99 %.
    fn summary(&self) -> String {
        let mut took: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        for call in &self.calls {
            let name = match &call.outcome {
                Outcome::Refused(status, _) => format!("refused with {status}"),
                other => format!("{other:?}"),
            };
            took.entry(name).or_default().push(call.took);
        }
        let lines = took.into_iter().map(|(name, mut took)| {
            took.sort();
            format!("{} {name} ({:?}, {:?})", took.len(), took[took.len() / 2], took[took.len() * 99 / 100])
        });
        format!("{:.0}/s in time: {}", self.goodput, lines.collect::<Vec<_>>().join(", "))
    }

    fn refusals(&self) -> impl Iterator<Item = (&Call, u16, &str)> {
        self.calls.iter().filter_map(|call| match &call.outcome {
            Outcome::Refused(status, head) => Some((call, *status, head.as_str())),
            _ => None,
        })
    }
}

/// Asks those who look after it, until it is over; how long they took: 99 % of them, and all.
fn look_after(platform: &Platform, is_over: &AtomicBool) -> BTreeMap<&'static str, [Duration; 2]> {
    let bearer = format!("Bearer {}", platform.token);
    let (mut ticker, _stop) = Ticker::every(LOOK_EVERY);
    let mut took: BTreeMap<_, Vec<Duration>> = BTreeMap::new();
    while !is_over.load(SeqCst) && ticker.tick() {
        for (path, address) in
            [("/livez", platform.ops), ("/metrics", platform.ops), ("/admin/v1/clients", platform.admin)]
        {
            let began = Instant::now();
            let status = get(address, path, &[("Authorization", &bearer)]).status;
            assert_eq!(status, 200, "{path}");
            took.entry(path).or_default().push(began.elapsed());
        }
    }
    let most = |mut took: Vec<Duration>| {
        took.sort();
        [took[took.len() * 99 / 100], took[took.len() - 1]]
    };
    took.into_iter().map(|(path, took)| (path, most(took))).collect()
}

#[test]
fn five_times_too_much_serves_as_many_as_ever_and_tells_the_others_quickly() {
    assert_eq!(WORK * CAPACITY, Duration::from_secs(1) * WORKERS);
    let shop = Shop::open();
    shop.platform.change("PUT", "/tiers/enterprise", &json!({ "rate_per_minute": 1_000_000 }));
    shop.import(&json!({ "upstream": format!("http://{}", upstream::start()) }));
    let (gateway, key) = (shop.platform.gateway, shop.client.key.as_str());

    let peak = Seen::of(come(gateway, key, CAPACITY, WARMING_UP + MEASURED), WARMING_UP);
    println!("as much as it can do: {}", peak.summary());
    assert!(peak.goodput > 0.7 * f64::from(CAPACITY), "the machine is too slow to say anything");

    let is_over = AtomicBool::new(false);
    let before = resident_kib(shop.platform.pid());
    let highest = Mutex::new(before);
    let (over, looked) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| look_after(&shop.platform, &is_over));
        scope.spawn(|| {
            let (mut ticker, _stop) = Ticker::every(LOOK_EVERY);
            while !is_over.load(SeqCst) && ticker.tick() {
                let mut highest = highest.lock().unwrap();
                *highest = resident_kib(shop.platform.pid()).max(*highest);
            }
        });
        let ending = Ending(&is_over);
        let calls = come(gateway, key, CAPACITY * OVERLOAD, SETTLING + MEASURED);
        drop(ending);
        (Seen::of(calls, SETTLING), looking.join().unwrap())
    });
    let grown = highest.into_inner().unwrap() - before;
    println!("{OVERLOAD} times as much: {}; {grown} KiB more; {looked:?}", over.summary());

    let ratio = over.goodput / peak.goodput;
    assert!(ratio >= GOODPUT_MIN, "{ratio:.2} of the best; {}", over.summary());
    let failed = over.calls.iter().find(|call| matches!(call.outcome, Outcome::Failed(_)));
    assert!(failed.is_none(), "{failed:?}");
    let mut took: Vec<Duration> = Vec::new();
    for (call, status, head) in over.refusals() {
        assert_eq!(status, 500, "{head}");
        assert!(head.contains("\r\nx-error-code: internal_error\r\n"), "{head}");
        assert!(head.contains("\r\nretry-after: "), "{head}");
        took.push(call.took);
    }
    took.sort();
    assert!(took.len() > over.calls.len() / 2, "{}", over.summary());
    assert!(took[took.len() * 99 / 100] <= REFUSAL_MAX, "{}", over.summary());
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more than {before} KiB");
    assert!(looked.values().all(|[most, all]| *most <= LOOK_MAX && *all <= LOOK_EVER_MAX), "{looked:?}");
}
