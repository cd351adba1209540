//! Heads and connections on the wire: what is slow is cut off, and nothing gets out of step.

use crate::support::{Connection, Platform, Shop, send_raw};

/// A request of the client, complete.
fn whole(shop: &Shop, start: &str, fields: &str, body: &str) -> String {
    format!("{start} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n{fields}\r\n{body}", shop.client.key)
}

#[test]
fn a_slow_head_is_cut_off_in_the_envelope_and_others_are_served_meanwhile() {
    let shop = Shop::open_with(Platform::with().set("gateway.head_timeout_seconds", "1"));
    let mut slow: Vec<Connection> = (0..50).map(|_| Connection::open(shop.platform.gateway)).collect();
    for connection in &mut slow {
        connection.send("GET /v1/orders HTTP/1.1\r\nHost: x\r\n");
    }
    assert_eq!(shop.get("/v1/orders").status, 200);
    for connection in &mut slow {
        let response = connection.receive();
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"));
        assert!(response.message().contains("within 1 s"), "{}", response.message());
        assert!(connection.is_closed());
    }
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn a_connection_that_is_idle_for_too_long_is_closed_without_a_word() {
    let shop = Shop::open_with(Platform::with().set("gateway.idle_timeout_seconds", "1"));
    let mut unused = Connection::open(shop.platform.gateway);
    let mut used = Connection::open(shop.platform.gateway);
    used.send(whole(&shop, "GET /v1/orders", "", ""));
    assert_eq!(used.receive().status, 200);
    assert!(unused.is_closed() && used.is_closed());
}

#[test]
fn requests_in_one_segment_are_answered_in_order_each_by_its_own_right() {
    let shop = Shop::open();
    let bad = "GET /v1/orders/4 HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\n\r\n";
    let requests = [
        whole(&shop, "GET /v1/orders/1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", ""),
        whole(&shop, "POST /v1/orders", "Content-Length: 2\r\n", "{}"),
        whole(&shop, "POST /v1/orders?3", "Transfer-Encoding: chunked\r\n", "2\r\n[]\r\n0\r\n\r\n"),
        bad.to_owned(),
        whole(&shop, "GET /v1/orders/5", "Connection: close\r\n", ""),
        whole(&shop, "GET /v1/orders/6", "", ""),
    ];
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(requests.concat());
    let responses: Vec<_> = (0..5).map(|_| connection.receive()).collect();
    assert_eq!(responses.iter().map(|r| r.status).collect::<Vec<_>>(), [200, 200, 200, 401, 200]);
    assert!(connection.is_closed(), "nothing is answered after `close`");
    let received = shop.live.requests();
    let targets: Vec<&str> = received.iter().map(|r| r.target.as_str()).collect();
    assert_eq!(targets, ["/orders/1", "/orders", "/orders?3", "/orders/5"]);
    let ids: Vec<_> = received.iter().map(|r| r.header("x-request-id").unwrap().to_owned()).collect();
    let answered: Vec<_> = [0, 1, 2, 4].map(|n: usize| responses[n].request_id()).to_vec();
    assert_eq!(ids, answered);
}

#[test]
fn a_client_that_has_said_all_it_has_to_say_still_gets_its_answers() {
    let shop = Shop::open();
    let large = "a".repeat(200_000);
    for (fields, body) in [
        ("Content-Length: 2\r\n", "{}"),
        ("Content-Length: 2\r\nIdempotency-Key: k\r\n", "{}"),
        ("Content-Length: 200000\r\n", large.as_str()),
    ] {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(whole(&shop, "GET /v1/orders", "", ""));
        connection.send(whole(&shop, "POST /v1/orders", fields, body));
        connection.finish_sending();
        assert_eq!([connection.receive().status, connection.receive().status], [200; 2], "{fields}");
        assert!(connection.is_closed());
    }
    assert_eq!(shop.live.count(), 6);
}

#[test]
fn a_request_hidden_in_a_refused_body_is_never_served() {
    let shop = Shop::open();
    let hidden = whole(&shop, "GET /v1/orders/hidden", "", "");
    let length = hidden.len();
    let refused = "POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\n";
    let padding = "a".repeat(100 * 1024);
    // A small body is read away, and the connection goes on.
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(format!("{refused}Content-Length: {length}\r\n\r\n{hidden}"));
    assert_eq!(connection.receive().code(), "malformed_credentials");
    connection.send(whole(&shop, "GET /v1/orders/next", "", ""));
    assert_eq!(connection.receive().status, 200);
    assert_eq!(shop.live.last().target, "/orders/next");
    // Others are not: one answer, and the end.
    for request in [
        format!("{refused}Content-Length: {}\r\n\r\n{padding}{hidden}", padding.len() + length),
        format!("{refused}Content-Length: 500000000\r\n\r\n{hidden}"),
        format!("{refused}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("{refused}Transfer-Encoding: chunked\r\n\r\n{hidden}"),
        format!("{refused}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{hidden}"),
    ] {
        let mut connection = Connection::open(shop.platform.gateway);
        let _ = connection.try_send(&request);
        let (status, headers) = connection.receive_head();
        let is_close = headers.contains(&("connection".to_owned(), "close".to_owned()));
        assert!(status == 401 && is_close, "{status} {headers:?}");
        let length = &headers.iter().find(|(name, _)| name == "content-length").unwrap().1;
        assert_eq!(connection.receive_rest().len().to_string(), *length, "more than one answer came");
    }
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn http_1_0_is_answered_and_closed_unless_it_asks_to_stay() {
    let shop = Shop::open();
    let key = &shop.client.key;
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(format!("GET /v1/orders HTTP/1.0\r\nX-API-Key: {key}\r\nConnection: keep-alive\r\n\r\n"));
    let response = connection.receive();
    assert_eq!((response.status, response.header("connection")), (200, Some("keep-alive")));
    assert_eq!(shop.live.last().header("via"), Some("1.0 tollbar"));
    connection.send(format!("GET /v1/orders HTTP/1.0\r\nX-API-Key: {key}\r\n\r\n"));
    assert_eq!(connection.receive().status, 200);
    assert!(connection.is_closed());
    // It knows no chunks.
    let open = crate::support::Gate::opened();
    shop.live.answer(move |_| {
        crate::support::Reply::Chunks(vec![(open.clone(), b"one ".to_vec()), (open.clone(), b"two".to_vec())])
    });
    let response =
        send_raw(shop.platform.gateway, format!("GET /v1/orders HTTP/1.0\r\nX-API-Key: {key}\r\n\r\n"));
    assert_eq!((response.text().as_str(), response.header("transfer-encoding")), ("one two", None));
}
