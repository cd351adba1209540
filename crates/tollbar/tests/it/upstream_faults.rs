//! What upstreams do wrong: the client hears of it in time, and nothing unsafe is sent again.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use crate::support::{Connection, Gate, Platform, Reply, Shop};

#[test]
fn an_upstream_that_cannot_be_reached_is_our_error_and_costs_nothing() {
    let shop = Shop::open();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    shop.import(&json!({ "upstream": format!("http://{unused}") }));
    for method in ["GET", "POST"] {
        let response = shop.call(method, "/v1/orders", &[], b"");
        assert_eq!((response.status, response.code().as_str()), (500, "internal_error"));
        assert_eq!(response.header("x-error-source"), Some("gateway"));
        assert!(!response.text().contains(&unused.port().to_string()), "the inside is hidden: {response:?}");
        assert_eq!(response.number("x-allowance-remaining"), 100_000, "{method}");
        let entry = shop.look_up(&response.request_id());
        assert_eq!(entry["upstream_status"], serde_json::Value::Null);
        let last = entry["steps"].as_array().unwrap().last().unwrap();
        assert!(last["detail"].as_str().unwrap().contains("cannot be reached"), "{entry}");
    }
    assert_eq!(shop.used(&shop.client.id), 0);
}

#[test]
fn no_answer_at_all_becomes_an_internal_error_and_is_not_asked_for_again() {
    let shop = Shop::open_with(Platform::with().set("upstream.response_timeout_seconds", "1"));
    let mut sent = 0;
    for reply in [Reply::Close, Reply::Silence, Reply::Open(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec())] {
        shop.live.answer(move |_| reply.clone());
        for method in ["GET", "POST"] {
            let response = shop.call(method, "/v1/orders", &[], b"");
            assert_eq!((response.status, response.code().as_str()), (500, "internal_error"), "{response:?}");
            sent += 1;
        }
    }
    assert_eq!(shop.live.count(), sent, "each once");
    assert_eq!(shop.used(&shop.client.id), 0);
}

#[test]
fn a_body_that_stops_coming_is_seen_as_broken_off() {
    let shop = Shop::open_with(Platform::with().set("upstream.idle_timeout_seconds", "1"));
    shop.live
        .answer(|_| Reply::Chunks(vec![(Gate::opened(), b"abc".to_vec()), (Gate::default(), b"d".to_vec())]));
    let response = shop.get("/v1/orders");
    assert!(response.text() == "abc" && response.truncated, "{response:?}");
    // One that ends with the connection is whole, and the client can tell.
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nabc";
    shop.live.answer(|_| Reply::Raw(answer.to_vec()));
    let response = shop.get("/v1/orders");
    assert!(response.text() == "abc" && !response.truncated);
    assert_eq!(response.header("transfer-encoding"), Some("chunked"));
}

/// Two requests on one connection, so that both come to the same upstream connection, which the upstream closes
/// when the second arrives.
fn statuses_of_two(shop: &Shop, method: &str, body: &str) -> [u16; 2] {
    let seen = AtomicUsize::new(0);
    shop.live.answer(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
        1 => Reply::Close,
        _ => Reply::json(200, "{}"),
    });
    let key = &shop.client.key;
    let length = body.len();
    let mut connection = Connection::open(shop.platform.gateway);
    [1, 2].map(|_| {
        connection.send(format!(
            "{method} /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        connection.receive().status
    })
}

#[test]
fn when_an_idle_connection_is_closed_as_it_is_used_only_what_is_safe_is_sent_again() {
    for (method, body, statuses, sent) in
        [("GET", "", [200, 200], 3), ("POST", "{}", [200, 500], 2), ("POST", "", [200, 500], 2)]
    {
        let shop = Shop::open();
        assert_eq!(statuses_of_two(&shop, method, body), statuses, "{method}");
        assert_eq!(shop.live.count(), sent, "{method}");
        assert_eq!(shop.live.connections(), if method == "GET" { 2 } else { 1 });
        assert_eq!(shop.used(&shop.client.id), if method == "GET" { 2 } else { 1 });
    }
}
