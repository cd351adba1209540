//! SIGTERM: everything accepted is answered, and the process ends in good order.

use std::{
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::{Connection, Gate, Platform, Reply, Shop, get, wait_until};

fn request(shop: &Shop, method: &str, fields: &str) -> String {
    format!("{method} /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n{fields}\r\n", shop.client.key)
}

fn hold(shop: &Shop) -> Gate {
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))));
    gate
}

fn wait_until_nothing_listens(shop: &Shop) {
    wait_until("new connections are refused", || TcpStream::connect(shop.platform.gateway).is_err());
}

#[test]
fn requests_under_way_are_answered_and_nothing_new_is_taken() {
    let mut shop = Shop::open();
    let mut idle: Vec<Connection> = (0..4).map(|_| Connection::open(shop.platform.gateway)).collect();
    for connection in &mut idle {
        connection.send(request(&shop, "GET", ""));
        let response = connection.receive();
        assert_eq!((response.status, response.header("connection")), (200, None));
    }
    let gate = hold(&shop);
    let mut held: Vec<Connection> = (0..30)
        .map(|n| {
            let mut connection = Connection::open(shop.platform.gateway);
            connection.send(match n % 3 {
                0 => request(&shop, "GET", ""),
                1 => request(&shop, "POST", "Content-Length: 2\r\n") + "{}",
                _ => {
                    request(&shop, "POST", &format!("Idempotency-Key: key-{n}\r\nContent-Length: 2\r\n"))
                        + "{}"
                }
            });
            connection
        })
        .collect();
    shop.live.wait_for(34);
    let mut uploading = Connection::open(shop.platform.gateway);
    uploading.send(request(&shop, "POST", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
    assert_eq!(uploading.receive_head().0, 100);
    assert_eq!(get(shop.platform.ops, "/readyz", &[]).status, 200);
    shop.platform.terminate();
    wait_until_nothing_listens(&shop);
    assert_eq!(get(shop.platform.ops, "/readyz", &[]).status, 503, "load balancers are told");
    for connection in &mut idle {
        assert!(connection.is_closed(), "idle connections are closed");
    }
    uploading.send("{}");
    gate.open();
    held.push(uploading);
    for connection in &mut held {
        let response = connection.receive();
        assert_eq!((response.status, response.header("connection")), (200, Some("close")));
        assert!(connection.is_closed());
    }
    drop((idle, held));
    shop.platform.wait_for_end();
}

#[test]
fn requests_that_had_arrived_when_the_signal_came_are_answered() {
    let mut shop = Shop::open();
    let request = request(&shop, "GET", "");
    let open = |count: usize| -> Vec<Connection> {
        (0..count).map(|_| Connection::open(shop.platform.gateway)).collect()
    };
    let mut connections = open(20);
    for connection in &mut connections {
        connection.send(&request);
        assert_eq!(connection.receive().status, 200);
    }
    // Frozen, the platform can have seen nothing of what follows: neither the connections, nor the requests, nor
    // which of them came first.
    shop.platform.freeze();
    connections.extend(open(50));
    for connection in &mut connections {
        connection.send(&request);
    }
    shop.platform.terminate();
    shop.platform.thaw();
    for connection in &mut connections {
        assert_eq!(connection.receive().status, 200);
    }
    assert_eq!(shop.live.count(), 90);
    drop(connections);
    shop.platform.wait_for_end();
}

#[test]
fn under_load_whatever_reached_the_upstream_is_answered() {
    let mut shop = Shop::open();
    let (gateway, request) = (shop.platform.gateway, Arc::new(request(&shop, "GET", "")));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..16)
        .map(|n| {
            let (request, answered) = (request.clone(), answered.clone());
            std::thread::spawn(move || {
                while let Ok(mut connection) = Connection::try_open(gateway) {
                    // Some keep their connection, some take a new one each time.
                    let most = if n % 2 == 0 { usize::MAX } else { 1 };
                    for _ in 0..most {
                        if connection.try_send(request.as_bytes()).is_err() || !connection.has_more() {
                            break;
                        }
                        let response = connection.receive();
                        assert_eq!(response.status, 200);
                        answered.fetch_add(1, Ordering::SeqCst);
                        if response.header("connection").is_some() {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    wait_until("there is load", || answered.load(Ordering::SeqCst) > 300);
    shop.platform.terminate();
    for caller in callers {
        caller.join().unwrap();
    }
    shop.platform.wait_for_end();
    assert_eq!(answered.load(Ordering::SeqCst), shop.live.count());
}

#[test]
fn a_keyed_request_whose_client_left_still_ends_and_can_be_asked_for_after_the_restart() {
    let mut shop = Shop::open();
    let gate = hold(&shop);
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(request(&shop, "POST", "Idempotency-Key: left\r\nContent-Length: 2\r\n") + "{}");
    shop.live.wait_for(1);
    drop(connection);
    shop.platform.terminate();
    wait_until_nothing_listens(&shop);
    gate.open();
    shop.platform.wait_for_end();
    let shop = Shop { platform: shop.platform.restart(), ..shop };
    let response = shop.call("POST", "/v1/orders", &[("Idempotency-Key", "left")], b"{}");
    assert_eq!((response.status, response.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn what_outlives_the_drain_time_is_cut_and_its_outcome_is_unknown() {
    let mut shop = Shop::open_with(Platform::with().set("gateway.drain_seconds", "1"));
    let gate = hold(&shop);
    let mut held = Connection::open(shop.platform.gateway);
    held.send(request(&shop, "POST", "Idempotency-Key: cut\r\nContent-Length: 2\r\n") + "{}");
    shop.live.wait_for(1);
    shop.platform.terminate();
    shop.platform.wait_for_end();
    assert!(held.is_closed());
    gate.open();
    let shop = Shop { platform: shop.platform.restart(), ..shop };
    let response = shop.call("POST", "/v1/orders", &[("Idempotency-Key", "cut")], b"{}");
    assert_eq!(
        (response.code().as_str(), response.header("x-should-retry")),
        ("internal_error", Some("false"))
    );
    assert_eq!(shop.live.count(), 1);
}
