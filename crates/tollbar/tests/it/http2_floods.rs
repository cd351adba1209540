//! Floods over HTTP/2: the connection ends, memory stays bounded, and a client on another connection is served the whole
//! time. Honest heavy use is not cut: that is in [`honest`].

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{
    Gate, Http2, Outcome, Platform, Reply, Shop,
    frames::{
        END_STREAM, PADDED, PREFACE, block, data, error, frame, headers, kind, last_headers, literal,
        remembered, reset, settings, window_update,
    },
    wait_until,
};

mod ends;
mod honest;

const GROWTH_MAX_BYTES: usize = 30_000_000;

/// A shop that is asked by HTTP/2 too, and has no limit of requests that these tests would meet.
fn shop(set: &[(&str, &str)]) -> Shop {
    let mut builder = Platform::with().set("gateway.http2_prior_knowledge", "true");
    for (name, value) in set {
        builder = builder.set(name, value);
    }
    let shop = Shop::open_with(builder);
    shop.platform.change("PUT", "/tiers/flood", &serde_json::json!({ "rate_per_minute": 1_000_000 }));
    shop.platform.change(
        "PATCH",
        "/clients/acme",
        &serde_json::json!({ "tier": "flood", "allowance": 10_000_000 }),
    );
    shop
}

/// The header block of a request.
fn request(shop: &Shop, method: &str, path: &str) -> Vec<u8> {
    request_as(&shop.client.key, method, path)
}

fn request_as(key: &str, method: &str, path: &str) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "shop.example"),
        (":path", path),
        ("x-api-key", key),
    ];
    block(&fields)
}

/// Memory that the process has now.
fn memory_bytes(shop: &Shop) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", shop.platform.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// Does something bad, while an honest client asks on; checks that it is answered, and what memory it cost.
fn beside_an_honest_client<T>(shop: &Shop, abuse: impl FnOnce() -> T) -> T {
    let get = request(shop, "GET", "/v1/orders");
    let mut honest = Http2::open(shop.platform.gateway);
    let mut next = 1;
    let mut ask = || {
        honest.send(last_headers(next, &get));
        let answer = honest.outcome(next).answer();
        assert_eq!(answer.status, 200, "{answer:?}");
        next += 2;
    };
    (0..20).for_each(|_| ask());
    let before = memory_bytes(shop);
    let is_done = AtomicBool::new(false);
    let (result, peak) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut peak = 0;
            while !is_done.load(Ordering::SeqCst) {
                ask();
                peak = peak.max(memory_bytes(shop));
            }
            ask();
            peak.max(memory_bytes(shop))
        });
        // Also when it panics: the scope waits for the honest client.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(abuse));
        is_done.store(true, Ordering::SeqCst);
        let peak = asking.join().unwrap();
        (result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), peak)
    });
    let grown = peak.saturating_sub(before);
    assert!(grown < GROWTH_MAX_BYTES, "grown by {grown} bytes");
    result
}

/// Sends the same again and again until the other side takes no more; what its GOAWAY said. The last words may be lost
/// with the connection.
fn flood(shop: &Shop, connection: &mut Http2, count: u32, mut next: impl FnMut(u32) -> Vec<u8>) {
    beside_an_honest_client(shop, || {
        for number in 0..count {
            if !connection.try_send(next(number)) {
                break;
            }
        }
        let goodbye = connection.end();
        assert!(matches!(goodbye, Some(error::ENHANCE_YOUR_CALM) | None), "{goodbye:?}");
    });
}

fn abuses(shop: &Shop) -> usize {
    let metrics = crate::support::get(shop.platform.ops, "/metrics", &[]).text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("tollbar_http2_abuses_total "));
    line.unwrap_or_else(|| panic!("{metrics}")).trim().parse().unwrap()
}

#[test]
fn floods_of_frames_end_their_connection() {
    let shop = shop(&[]);
    let open = || Http2::open(shop.platform.gateway);
    let (get, post) = (request(&shop, "GET", "/v1/orders"), request(&shop, "POST", "/v1/orders"));
    let stream = |number: u32| number * 2 + 1;
    let mut floods = 0;
    let mut flood_of = |count: u32, next: &mut dyn FnMut(u32) -> Vec<u8>| {
        flood(&shop, &mut open(), count, next);
        floods += 1;
        wait_until("the flood is counted", || abuses(&shop) == floods);
    };
    // Rapid reset.
    flood_of(10_000, &mut |n| [last_headers(stream(n), &get), reset(stream(n), error::CANCEL)].concat());
    flood_of(10_000, &mut |_| settings(&[(4, 70_000)]));
    flood_of(10_000, &mut |_| settings(&[]));
    flood_of(10_000, &mut |_| frame(kind::PING, 0, 0, [0; 8]));
    flood_of(10_000, &mut |_| frame(kind::PRIORITY, 0, 9, [0, 0, 0, 1, 1]));
    flood_of(10_000, &mut |_| frame(0xfa, 0, 0, [0; 100]));
    flood_of(100_000, &mut |_| window_update(0, 1));
    // Nothing but padding.
    let opened = headers(1, &post);
    flood_of(10_000, &mut |n| match n {
        0 => opened.clone(),
        _ => frame(kind::DATA, PADDED, 1, [0]),
    });
    // Header blocks without an end, in large and in small pieces.
    flood_of(10_000, &mut |n| match n {
        0 => frame(kind::HEADERS, END_STREAM, 1, &get),
        _ => frame(kind::CONTINUATION, 0, 1, literal("x-a", "a".repeat(10_000))),
    });
    flood_of(10_000, &mut |n| match n {
        0 => frame(kind::HEADERS, END_STREAM, 1, &get),
        _ => frame(kind::CONTINUATION, 0, 1, []),
    });
    assert_eq!(shop.sandbox.count(), 0);
}

#[test]
fn empty_data_and_provoked_resets_end_their_connection() {
    let shop = shop(&[]);
    let post = headers(1, request(&shop, "POST", "/v1/orders"));
    flood(&shop, &mut Http2::open(shop.platform.gateway), 10_000, |n| match n {
        0 => post.clone(),
        _ => data(1, []),
    });
    // Streams that we have to reset: malformed, or broken after they were begun.
    let (get, open) = (request(&shop, "GET", "/v1/orders"), request(&shop, "POST", "/v1/orders"));
    let malformed = [get, literal("connection", "close")].concat();
    flood(&shop, &mut Http2::open(shop.platform.gateway), 10_000, |n| last_headers(n * 2 + 1, &malformed));
    flood(&shop, &mut Http2::open(shop.platform.gateway), 10_000, |n| {
        [headers(n * 2 + 1, &open), window_update(n * 2 + 1, 0x7fff_ffff)].concat()
    });
}

/// The library beneath counts some things, too, and may be the first to end the connection.
#[test]
fn what_the_library_ends_is_counted_as_well() {
    let shop = shop(&[]);
    let mut connection = Http2::open(shop.platform.gateway);
    let post = headers(1, request(&shop, "POST", "/v1/orders"));
    let empty = (0..150).flat_map(|_| data(1, []));
    connection.send(post.into_iter().chain(empty).collect::<Vec<u8>>());
    assert_eq!(connection.end(), Some(error::ENHANCE_YOUR_CALM));
    wait_until("it is counted", || abuses(&shop) == 1);
}

#[test]
fn bombs_end_their_connection_and_what_is_just_below_costs_little() {
    let shop = shop(&[]);
    let get = request(&shop, "GET", "/v1/orders");
    let bomb = |stream| {
        let fields = [&get[..], &remembered("x-a", "b".repeat(3900)), &[0xbe; 12_000]].concat();
        last_headers(stream, fields)
    };
    let mut connection = Http2::open(shop.platform.gateway);
    flood(&shop, &mut connection, 100, |n| bomb(n * 2 + 1));
    // As many fields as are still taken in, on as many streams as there may be.
    let many = [&get[..], &[0x80 | 18; 5_500]].concat();
    beside_an_honest_client(&shop, || {
        let mut connection = Http2::open(shop.platform.gateway);
        let all: Vec<u8> = (0..100).flat_map(|n| last_headers(n * 2 + 1, &many)).collect();
        connection.send(all);
        for n in 0..100 {
            let answer = connection.outcome(n * 2 + 1).answer();
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
        }
    });
}

#[test]
fn more_streams_than_are_allowed_are_refused_and_in_the_end_the_connection_ends() {
    let shop = shop(&[]);
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |received| {
        let reply = Reply::json(200, "{}");
        match received.target.as_str() {
            "/orders/held" => Reply::After(held.clone(), Box::new(reply)),
            _ => reply,
        }
    });
    let get = request(&shop, "GET", "/v1/orders/held");
    let mut connection = Http2::open(shop.platform.gateway);
    beside_an_honest_client(&shop, || {
        let mut writer = connection.writer();
        std::thread::scope(|scope| {
            let get = &get;
            scope.spawn(move || {
                for n in 0..100_000 {
                    if std::io::Write::write_all(&mut writer, &last_headers(n * 2 + 1, get)).is_err() {
                        break;
                    }
                }
            });
            for n in 100..1_000 {
                let outcome = connection.outcome(n * 2 + 1);
                assert!(matches!(outcome, Outcome::Reset(error::REFUSED_STREAM)), "{n}: {outcome:?}");
            }
            assert!(matches!(connection.end(), Some(error::ENHANCE_YOUR_CALM) | None));
        });
    });
    gate.open();
    assert!(shop.live.requests().iter().filter(|received| received.target == "/orders/held").count() <= 100);
}

#[test]
fn callers_that_read_nothing_are_cut_off_and_cost_little() {
    let shop = shop(&[("gateway.write_timeout_seconds", "1")]);
    let large: Vec<u8> = vec![b'x'; 20_000_000];
    shop.live.answer(move |received| match received.target.as_str() {
        "/orders/large" => Reply::Full { status: 200, headers: vec![], body: large.clone() },
        _ => Reply::json(200, "{}"),
    });
    let get = request(&shop, "GET", "/v1/orders/large");
    // No bytes are read, though windows are as wide as they can be.
    beside_an_honest_client(&shop, || {
        let mut connection = Http2::open_with(shop.platform.gateway, &[(4, 0x7fff_ffff)]);
        connection.send(window_update(0, 0x7fff_0000));
        connection.send((0..20).flat_map(|n| last_headers(n * 2 + 1, &get)).collect::<Vec<u8>>());
        wait_until("the connection is cut", || connections(&shop) == 1);
    });
    // Requests without end, and no answer is read.
    let small = request(&shop, "GET", "/v1/orders");
    beside_an_honest_client(&shop, || {
        let mut connection = Http2::open(shop.platform.gateway);
        let mut n = 0;
        while connection.try_send(last_headers(n * 2 + 1, &small)) {
            n += 1;
            assert!(n < 1_000_000, "never cut");
        }
    });
    // Frames are read, but no window is opened: each stream is given up by itself.
    beside_an_honest_client(&shop, || {
        let mut connection = Http2::open_with(shop.platform.gateway, &[(4, 0)]);
        connection.opens_windows = false;
        connection.send((0..20).flat_map(|n| last_headers(n * 2 + 1, &get)).collect::<Vec<u8>>());
        for n in 0..20 {
            let outcome = connection.outcome(n * 2 + 1);
            assert!(matches!(outcome, Outcome::Reset(_)), "{outcome:?}");
        }
    });
    // One byte at a time.
    let mut slow = Http2::open_with(shop.platform.gateway, &[(4, 1)]);
    slow.opens_windows = false;
    slow.send(last_headers(1, &get));
    flood(&shop, &mut slow, 1_000_000, |_| window_update(1, 1));
}

/// Open connections of callers.
fn connections(shop: &Shop) -> usize {
    let metrics = crate::support::get(shop.platform.ops, "/metrics", &[]).text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("tollbar_connections "));
    line.unwrap_or_else(|| panic!("{metrics}")).trim().parse().unwrap()
}

#[test]
fn a_body_beyond_its_window_is_cut_off() {
    let shop = shop(&[]);
    // An upstream that reads nothing holds the body back.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    shop.import(&serde_json::json!({ "sandbox_upstream": url }));
    let post = request_as(&shop.client.sandbox_key, "POST", "/sandbox/v1/orders");
    let mut connection = Http2::open(shop.platform.gateway);
    connection.send(headers(1, post));
    beside_an_honest_client(&shop, || {
        let piece = data(1, [b'x'; 16_384]);
        let _ = (0..4_000).all(|_| connection.try_send(&piece));
        let outcome = connection.outcome(1);
        assert!(
            matches!(
                outcome,
                Outcome::GoAway(error::FLOW_CONTROL_ERROR) | Outcome::Reset(error::FLOW_CONTROL_ERROR)
            ),
            "{outcome:?}"
        );
    });
    drop(deaf);
}

#[test]
fn slow_beginnings_are_cut_off() {
    let shop = shop(&[("gateway.head_timeout_seconds", "1"), ("gateway.body_timeout_seconds", "1")]);
    let gateway = shop.platform.gateway;
    let (get, post) = (request(&shop, "GET", "/v1/orders"), request(&shop, "POST", "/v1/orders"));
    beside_an_honest_client(&shop, || {
        let mut nothing = Http2::bare(gateway);
        let mut no_request = Http2::open(gateway);
        let mut half_preface = Http2::bare(gateway);
        half_preface.send(&PREFACE[..10]);
        let mut no_end = Http2::open(gateway);
        no_end.send(frame(kind::HEADERS, END_STREAM, 1, &get));
        let mut half_frame = Http2::open(gateway);
        half_frame.send(&last_headers(1, &get)[..20]);
        let mut no_body = Http2::open(gateway);
        no_body.send(headers(1, &post));
        assert_eq!(nothing.end(), None);
        assert!(matches!(no_request.end(), None | Some(error::NO_ERROR)));
        // A warning comes first; our client answers its ping, which must not stand in a header block.
        assert!(matches!(no_end.end(), Some(error::ENHANCE_YOUR_CALM | error::PROTOCOL_ERROR)));
        half_frame.end();
        // An HTTP/1.1 answer: it never became anything else.
        assert!(half_preface.rest().starts_with(b"HTTP/1.1 4"));
        let answer = no_body.outcome(1).answer();
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
    });
    assert!(shop.live.requests().iter().all(|received| received.method == "GET"));
}
