//! `Upgrade`: another protocol only after the upstream's 101, and never one that hides requests.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::json;

use crate::support::{Connection, Platform, Shop, wait_until};

const OFFER: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
const AGREEMENT: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

/// Heads that arrived at the upstream.
type Heads = Arc<Mutex<Vec<String>>>;

/// An upstream that answers each connection's first head with these bytes, and then sends back what it gets.
fn echo_after(shop: &Shop, answer: &str) -> Heads {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    shop.import(&json!({ "upstream": format!("http://{}", listener.local_addr().unwrap()) }));
    let (heads, answer) = (Heads::default(), answer.to_owned());
    let seen = heads.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, answer) = (seen.clone(), answer.clone());
            std::thread::spawn(move || echo(stream, &seen, &answer));
        }
    });
    heads
}

fn echo(mut stream: TcpStream, seen: &Heads, answer: &str) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(1) = stream.read(&mut byte) else { return };
        head.push(byte[0]);
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    stream.write_all(answer.as_bytes()).unwrap();
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

fn offer(shop: &Shop, fields: &str) -> Connection {
    let mut connection = Connection::open(shop.platform.gateway);
    let key = &shop.client.key;
    connection.send(format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{fields}\r\n"));
    connection
}

fn fields_of(head: &str, name: &str) -> Vec<String> {
    let prefix = format!("{name}: ");
    head.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

#[test]
fn after_the_upstreams_101_bytes_go_both_ways() {
    let shop = Shop::open();
    let heads = echo_after(&shop, &format!("{AGREEMENT}first"));
    let mut connection = offer(&shop, OFFER);
    // A frame that does not wait for the answer is not lost.
    connection.send("early");
    let (status, headers) = connection.receive_head();
    assert_eq!(status, 101);
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!((header("upgrade"), header("connection")), (Some("websocket"), Some("upgrade")));
    assert_eq!(header("sec-websocket-accept"), Some("x"));
    assert!(header("x-request-id").is_some() && header("content-length").is_none(), "{headers:?}");
    let mut received = connection.receive_exactly("firstearly".len());
    for piece in ["one".to_owned(), "\0\r\n\r\nGET / HTTP/1.1".to_owned(), "x".repeat(100_000)] {
        connection.send(&piece);
        received = connection.receive_exactly(piece.len());
        assert_eq!(received, piece.as_bytes());
    }
    assert!(!received.is_empty());
    let head = heads.lock().unwrap()[0].clone();
    assert_eq!(fields_of(&head, "upgrade"), ["websocket"]);
    assert_eq!(fields_of(&head, "connection"), ["upgrade"]);
    assert_eq!(fields_of(&head, "x-tollbar-environment"), ["live"]);
    assert!(fields_of(&head, "x-api-key").is_empty());
    // The client ends; so does the upstream's side.
    connection.finish_sending();
    assert!(connection.is_closed());
    assert_eq!(shop.used(&shop.client.id), 1);
}

#[test]
fn a_request_behind_an_offer_that_was_not_taken_up_is_checked_by_itself() {
    let shop = Shop::open();
    let mut connection = Connection::open(shop.platform.gateway);
    let key = &shop.client.key;
    connection.send(format!(
        "GET /v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{OFFER}\r\nGET /v1/orders HTTP/1.1\r\nHost: x\r\n\r\n"
    ));
    assert_eq!(connection.receive().status, 200);
    assert_eq!(connection.receive().code(), "missing_credentials");
    assert_eq!(shop.live.count(), 1);
    assert_eq!(shop.live.last().header("upgrade"), Some("websocket"));
}

#[test]
fn what_is_not_on_the_list_is_not_offered_to_the_upstream() {
    let shop = Shop::open();
    for fields in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: other\r\n",
        // Not asked for by Connection.
        "Upgrade: websocket\r\n",
        "Connection: keep-alive\r\nUpgrade: websocket\r\n",
    ] {
        let response = offer(&shop, fields).receive();
        assert_eq!(response.status, 200, "{fields:?}");
        let seen = shop.live.last();
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(seen.header(name), None, "{fields:?}");
        }
    }
    // Nor with a body, nor by another method.
    let with_body =
        shop.call("POST", "/v1/orders", &[("Connection", "upgrade"), ("Upgrade", "websocket")], b"{}");
    assert_eq!(with_body.status, 200);
    assert_eq!(shop.live.last().header("upgrade"), None);
}

#[test]
fn a_101_that_nobody_asked_for_is_an_error() {
    let shop = Shop::open();
    let _heads = echo_after(&shop, AGREEMENT);
    assert_eq!(shop.get("/v1/events").code(), "internal_error");
    let other = AGREEMENT.replace("Upgrade: websocket", "Upgrade: other");
    let _heads = echo_after(&shop, &other);
    assert_eq!(offer(&shop, OFFER).receive().code(), "internal_error");
    let unnamed = AGREEMENT.replace("Upgrade: websocket\r\n", "");
    let _heads = echo_after(&shop, &unnamed);
    assert_eq!(offer(&shop, OFFER).receive().code(), "internal_error");
}

#[test]
fn an_operator_can_allow_none() {
    let shop = Shop::open_with(Platform::with().set("gateway.upgrades", ""));
    assert_eq!(offer(&shop, OFFER).receive().status, 200);
    assert_eq!(shop.live.last().header("upgrade"), None);
}

#[test]
fn an_offer_without_a_credential_is_refused_like_any_request() {
    let shop = Shop::open();
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(format!("GET /v1/events HTTP/1.1\r\nHost: x\r\n{OFFER}\r\n"));
    assert_eq!(connection.receive().code(), "missing_credentials");
    assert_eq!(shop.live.bytes_seen(), 0);
}

#[test]
fn a_revoked_key_ends_what_it_began() {
    let shop = Shop::open();
    let _heads = echo_after(&shop, AGREEMENT);
    let mut connection = offer(&shop, OFFER);
    assert_eq!(connection.receive_head().0, 101);
    connection.send("here");
    assert_eq!(connection.receive_exactly(4), b"here");
    shop.platform.change("POST", &format!("/keys/{}/revoke", shop.client.key_id), &json!({}));
    assert!(connection.is_closed());
}

#[test]
fn a_stop_does_not_wait_for_it() {
    let mut shop = Shop::open();
    let _heads = echo_after(&shop, AGREEMENT);
    let mut connection = offer(&shop, OFFER);
    assert_eq!(connection.receive_head().0, 101);
    shop.platform.terminate();
    assert!(connection.is_closed());
    shop.platform.wait_for_end();
}

#[test]
fn an_idle_one_is_closed() {
    let shop = Shop::open_with(Platform::with().set("upstream.idle_timeout_seconds", "1"));
    let _heads = echo_after(&shop, AGREEMENT);
    let mut connection = offer(&shop, OFFER);
    assert_eq!(connection.receive_head().0, 101);
    assert!(connection.is_closed());
    wait_until("the connection is no longer counted", || {
        let metrics = crate::support::get(shop.platform.ops, "/metrics", &[]).text();
        metrics.lines().any(|line| line == "tollbar_connections 0")
    });
}
