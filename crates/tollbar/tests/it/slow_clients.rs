//! A thousand slow connections at once, and floods of what is begun and taken back: they are cut off in time, cost little
//! memory, and honest clients notice nothing.

use std::{
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use serde_json::json;

use crate::support::{
    Ending, Platform, Reply, Shop, connect_from, connect_narrowly, get, own_address, raise_file_limit,
    resident_kib, wait_until,
};

mod crowd;
mod floods;
mod honest;
mod http2;
mod tls;

use crowd::{Outcome, Reads, Slow};
use honest::WAYS;

/// A thousand connections, those of the upstreams, and what is opened and closed meanwhile.
const FILES: u64 = 4096;
/// Honest requests that are made at least.
const REQUESTS_MIN: usize = 400;
const GROWTH_KIB_MAX: u64 = 50 * 1024;
/// Larger than what the system takes off our hands for a reader that takes little.
const LARGE: usize = 8 * 1024 * 1024;
/// All time limits are 2 s; some follow one another, and a busy machine is late.
const AGE_MAX: Duration = Duration::from_secs(10);
/// By then a slow reader is cut off, though it cannot know it.
const READER_AGE_MAX: Duration = Duration::from_secs(6);
const READERS: usize = 200;
/// Slow clients come from several addresses: one alone may not have so many connections.
const SOURCES: usize = 8;

/// Time limits that a test can wait for, and no limit of requests that honest ones reach.
fn shop() -> Shop {
    let shop = Shop::open_with(
        Platform::with()
            .set("gateway.http2_prior_knowledge", "true")
            .set("gateway.head_timeout_seconds", "2")
            .set("gateway.idle_timeout_seconds", "5")
            .set("gateway.body_timeout_seconds", "2")
            .set("gateway.write_timeout_seconds", "2"),
    );
    shop.platform.change("PUT", "/tiers/enterprise", &json!({ "rate_per_minute": 1_000_000 }));
    // Those who abuse it call another upstream than the honest: what is tried is the gateway, not an upstream that all share.
    shop.sandbox.answer(|received| match received.target.as_str() {
        "/events" => Reply::Zeros(LARGE),
        _ => Reply::json(200, r#"{"ok":true}"#),
    });
    shop
}

fn source(number: usize) -> std::net::IpAddr {
    own_address(u8::try_from(2 + number % SOURCES).unwrap())
}

/// The thousand.
fn kinds(shop: &Shop, key: &str) -> Vec<Slow> {
    let gateway = shop.platform.gateway;
    let slow = |name, count, first: &[u8], drip| Slow {
        name,
        count,
        open: Box::new(move |number| connect_from(source(number), gateway).unwrap()),
        first: first.to_vec(),
        drip,
        reads: Reads::All,
        age_max: AGE_MAX,
    };
    let head = |line: &str, fields: &str| {
        format!("{line} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{fields}\r\n").into_bytes()
    };
    let body = head("POST /sandbox/v1/orders", "Content-Type: application/json\r\nContent-Length: 5000\r\n");
    let half_block = http2::frame(http2::HEADERS, 0, 1, &[0x82]);
    vec![
        slow("silent", 150, b"", b""),
        slow("head", 150, b"GET /v1/orders HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n"),
        slow("request line", 100, b"", b"GET /v1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        slow("body", 250, &body, b" "),
        slow("half an HTTP/2 preface", 50, &http2::PREFACE[..20], b""),
        slow("idle HTTP/2", 50, &http2::opening(), b""),
        slow("half an HTTP/2 head", 50, &[http2::opening(), half_block].concat(), b""),
        Slow {
            open: Box::new(move |number| connect_narrowly(source(number), gateway, 4096).unwrap()),
            reads: Reads::Slowly { until: READER_AGE_MAX },
            ..slow("reader", READERS, &head("GET /sandbox/v1/events", ""), b"")
        },
    ]
}

#[test]
fn a_thousand_slow_clients_and_floods_of_resets_are_cut_off_and_nobody_else_notices() {
    raise_file_limit(FILES);
    let shop = shop();
    let abuser = shop.client("abuser", &json!({ "allowance": 10_000_000 }));
    // Sold an ordinary rate: what floods beyond that is refused before it reaches an upstream.
    let flooder = shop.client("flooder", &json!({ "tier": "standard" }));
    let kinds = kinds(&shop, &abuser.sandbox_key);
    assert_eq!(kinds.iter().map(|slow| slow.count).sum::<usize>(), 1000);
    let (is_full, is_over, made) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0));
    let has_ended = || is_over.load(SeqCst);
    let made_before = AtomicUsize::new(0);
    let memory = AtomicUsize::new(0);
    let measure = || {
        let now = resident_kib(shop.platform.pid());
        memory.fetch_max(usize::try_from(now).unwrap(), Relaxed);
        now
    };
    // What is loaded once for all is not the crowd's.
    for way in WAYS {
        let count = AtomicUsize::new(0);
        honest::call(way, &shop.platform, &shop.client, &count, &|| count.load(SeqCst) >= 50);
    }
    let before = measure();
    let gateway = shop.platform.gateway;
    let (outcomes, kept) = std::thread::scope(|scope| {
        let honest = WAYS.map(|way| {
            let (shop, made, has_ended) = (&shop, &made, &has_ended);
            scope.spawn(move || (way, honest::call(way, &shop.platform, &shop.client, made, has_ended)))
        });
        let streams =
            scope.spawn(|| floods::reset_streams(own_address(20), gateway, &flooder.sandbox_key, &has_ended));
        let connections = scope.spawn(|| floods::reset_connections(own_address(21), gateway, &has_ended));
        let enough = || {
            measure();
            if is_full.load(SeqCst) && made_before.load(SeqCst) == 0 {
                made_before.store(made.load(SeqCst).max(1), SeqCst);
            }
            made.load(SeqCst) - made_before.load(SeqCst) >= REQUESTS_MIN
        };
        let ending = Ending(&is_over);
        let outcomes = crowd::run(&kinds, &is_full, &enough);
        drop(ending);
        for thread in honest {
            let (way, took) = thread.join().unwrap();
            let (half, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
            println!(
                "{way:?}: half of {} within {half:?}, 99 % within {most:?}, {:?}",
                took.len(),
                took.last()
            );
        }
        let (streams, connections) = (streams.join().unwrap(), connections.join().unwrap());
        println!("{streams} connections ended for resets of streams, {connections} resets of connections");
        assert!(streams > 5 && connections > 100);
        outcomes
    });
    let grown = u64::try_from(memory.load(SeqCst)).unwrap() - before;
    println!("{} honest requests; {grown} KiB more than {before} KiB; {outcomes:#?}", made.load(SeqCst));
    assert_all_cut(&outcomes);
    assert_none_left(&shop.platform);
    assert!(kept.len() >= READERS, "they were still there for us");
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more than {before} KiB");
    assert_eq!(shop.used(&shop.client.id), u64::try_from(made.load(SeqCst) + 200).unwrap());
}

/// Nor does the server keep any of them.
fn assert_none_left(platform: &Platform) {
    wait_until("all connections have ended", || {
        let metrics = get(platform.ops, "/metrics", &[]).text();
        metrics.lines().any(|line| line == "tollbar_connections 0")
    });
}

fn assert_all_cut(outcomes: &std::collections::BTreeMap<&str, Outcome>) {
    for (name, outcome) in outcomes {
        assert!(outcome.cut > 0 && outcome.cut == outcome.opened, "{name}: {outcome:?}");
    }
}
