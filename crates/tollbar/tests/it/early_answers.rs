//! Upstreams that answer before, while and after they read, on connections that stay open both ways.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{Connection, Gate, Platform, Reply, SHOP, Shop};

/// Serves one connection by hand; the platform sends live requests to it.
fn by_hand<T: Send + 'static>(
    shop: &Shop,
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> JoinHandle<T> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    shop.platform.change("POST", "/apis", &json!({ "document": SHOP, "base": "/v1", "upstream": url }));
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        serve(stream)
    })
}

/// Reads a head, and says how much of the body came with it.
fn read_head(stream: &mut TcpStream) -> usize {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "closed within a head");
        read.extend_from_slice(&piece[..count]);
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            return read.len() - end - 4;
        }
    }
}

fn read_body(stream: &mut TcpStream, already: usize, length: usize) {
    let mut left = length - already;
    let mut piece = vec![0; 64 * 1024];
    while left > 0 {
        let wanted = left.min(piece.len());
        let count = stream.read(&mut piece[..wanted]).unwrap();
        assert!(count > 0, "the body broke off with {left} bytes to come");
        left -= count;
    }
}

#[test]
fn an_upstream_that_answers_first_and_reads_then_gets_the_whole_body() {
    const LENGTH: usize = 24 << 20;
    let shop = Shop::open_with(Platform::with().set("idempotency.body_limit_bytes", "33554432"));
    let upstream = by_hand(&shop, |mut stream| {
        let already = read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            .unwrap();
        read_body(&mut stream, already, LENGTH);
        stream.write_all(b"5\r\n then\r\n0\r\n\r\n").unwrap();
    });
    let headers = [("Idempotency-Key", "early"), ("Content-Type", "application/json")];
    let first = shop.call("POST", "/v1/orders", &headers, &vec![b'x'; LENGTH]);
    assert_eq!((first.status, first.text()), (201, "first then".to_owned()), "{first:?}");
    upstream.join().unwrap();
    let again = shop.call("POST", "/v1/orders", &headers, &vec![b'x'; LENGTH]);
    assert_eq!((again.status, again.text()), (201, "first then".to_owned()));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[test]
fn an_upload_does_not_close_its_direction_before_the_answer_has_come() {
    const LENGTH: usize = 300_000;
    let shop = Shop::open();
    let upstream = by_hand(&shop, |mut stream| {
        let already = read_head(&mut stream);
        read_body(&mut stream, already, LENGTH);
        // Many servers take the end of this direction for a caller that went away.
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let end = stream.read(&mut [0; 1]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").unwrap();
        end
    });
    let response = shop.call("POST", "/v1/orders", &[], &vec![b'x'; LENGTH]);
    assert_eq!((response.status, response.text()), (200, "done".to_owned()));
    let end = upstream.join().unwrap();
    assert!(matches!(&end, Err(e) if e.kind() == ErrorKind::WouldBlock), "{end:?}");
}

#[test]
fn an_upstream_that_begins_to_fail_is_in_the_log_once_and_so_is_its_return() {
    let shop = Shop::open();
    shop.live.answer(|_| Reply::Close);
    // For longer than unused upstreams are remembered.
    let began = Instant::now();
    let mut failures = 0;
    while began.elapsed() < Duration::from_millis(2500) {
        assert_eq!(shop.get("/v1/orders").code(), "internal_error");
        failures += 1;
    }
    shop.live.answer(|_| Reply::json(200, "{}"));
    // Each thread of the data plane has its own view of an upstream.
    for _ in 0..50 {
        assert_eq!(shop.get("/v1/orders").status, 200);
    }
    let log = shop.platform.log();
    let (begins, ends) =
        (log.matches("an upstream fails").count(), log.matches("an upstream answers again").count());
    assert!(begins >= 1 && begins <= threads(), "{log}");
    assert_eq!(begins, ends, "{log}");
    let metrics = crate::support::get(shop.platform.ops, "/metrics", &[]).text();
    assert!(metrics.contains(&format!("tollbar_upstream_failures_total {failures}\n")), "{metrics}");
}

fn threads() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

#[test]
fn a_connection_that_never_says_anything_is_closed_as_early_as_a_slow_head() {
    let platform = Platform::with().set("gateway.head_timeout_seconds", "1").start();
    let mut silent = Connection::open(platform.gateway);
    assert!(silent.is_closed());
}

#[test]
fn an_answer_that_is_slow_in_coming_is_kept_as_it_came() {
    let shop = Shop::open_with(Platform::with().set("upstream.response_timeout_seconds", "1"));
    let gate = Gate::default();
    let wait = gate.clone();
    shop.live.answer(move |received| match received.method.as_str() {
        "GET" => Reply::Silence,
        _ => Reply::Chunks(vec![(Gate::opened(), b"one ".to_vec()), (wait.clone(), b"two".to_vec())]),
    });
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| shop.call("POST", "/v1/orders", &[("Idempotency-Key", "slow")], b"{}"));
        shop.live.wait_for(1);
        // When a head that never comes has been given up, the body has paused for longer than a head may take.
        assert_eq!(shop.get("/v1/orders").code(), "internal_error");
        gate.open();
        let response = slow.join().unwrap();
        assert_eq!((response.status, response.text()), (200, "one two".to_owned()));
    });
}
