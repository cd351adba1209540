//! Heads and connections on the wire: what is garbled is refused in the envelope, and nothing gets out of step.

use crate::support::{Connection, Platform, Shop, send_raw};

/// A request of the client, complete.
fn whole(shop: &Shop, start: &str, fields: &str, body: &str) -> String {
    format!("{start} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n{fields}\r\n{body}", shop.client.key)
}

#[test]
fn a_garbled_head_is_answered_in_the_envelope_and_the_connection_closed() {
    let shop = Shop::open();
    let key = format!("X-API-Key: {}\r\n", shop.client.key);
    let start_lines = [
        "GET /v1/orders",
        "GET  /v1/orders HTTP/1.1",
        "GET /v1/orders  HTTP/1.1",
        "GET /v1/orders HTTP/1.1 ",
        "GET\t/v1/orders HTTP/1.1",
        " GET /v1/orders HTTP/1.1",
        "\r\n\r\nGET /v1/orders HTTP/1.1",
        "GET /v1/orders x HTTP/1.1",
        "GET /v1/orders HTTP/2.0",
        "GET /v1/orders HTTP/1.2",
        "GET /v1/orders HTTP/1.10",
        "GET /v1/orders http/1.1",
        "GE(T /v1/orders HTTP/1.1",
        "G\u{c9}T /v1/orders HTTP/1.1",
        "GETGETGETGETGETGETGETGETGETGETGETGET /v1/orders HTTP/1.1",
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02",
    ];
    let fields = [
        "",
        "Host: x\r\nHost: x\r\n",
        "Host: x\r\nHost: y\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: user@a\r\n",
        "Host: a:99999\r\n",
        "Host : x\r\n",
        "Host: x\r\nX-A : b\r\n",
        "Host: x\r\nX A: b\r\n",
        "Host: x\r\n: b\r\n",
        "Host: x\r\nX-A\r\n",
        "Host: x\r\nX-A: b\r\n folded\r\n",
        "Host: x\r\n\tX-A: b\r\n",
        "Host: x\nX-A: b\r\n",
        "Host: x\r\nX-A: b\n\r\n",
        "Host: x\r\nX-A: b\rX-B: c\r\n",
        "Host: x\r\nX-A: b\0c\r\n",
        "Host: x\r\nX-A: b\x7fc\r\n",
        "Host: x\r\nX-\u{e9}: b\r\n",
        "Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n",
        "Host: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        "Host: x\r\nContent-Length: 2, 2\r\n",
        "Host: x\r\nContent-Length: 2,2\r\n",
        "Host: x\r\nContent-Length: +2\r\n",
        "Host: x\r\nContent-Length: -2\r\n",
        "Host: x\r\nContent-Length: 02\r\n",
        "Host: x\r\nContent-Length: 0x2\r\n",
        "Host: x\r\nContent-Length: 2 2\r\n",
        "Host: x\r\nContent-Length:\r\n",
        "Host: x\r\nContent-Length: 18446744073709551618\r\n",
        "Host: x\r\nContent-Length: 9223372036854775808\r\n",
        "Host: x\r\nContent_Length: 2\r\n",
        "Host: x\r\nTransfer_Encoding: chunked\r\n",
        "Host: x\r\nTransfer-Encoding: chunked, identity\r\n",
        "Host: x\r\nTransfer-Encoding: identity\r\n",
        "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n",
        "Host: x\r\nTransfer-Encoding: xchunked\r\n",
        "Host: x\r\nTransfer-Encoding: chunked,\r\n",
        "Host: x\r\nTransfer-Encoding: \x0bchunked\r\n",
        "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Host: x\r\nTransfer-Encoding:\r\n",
        "Host: x\r\nExpect: 200-ok\r\n",
        "Host: x\r\nConnection: a b\r\n",
    ];
    let by_start = start_lines.map(|line| format!("{line}\r\nHost: x\r\n{key}\r\n"));
    let by_field = fields.map(|fields| format!("POST /v1/orders HTTP/1.1\r\n{fields}{key}\r\n{{}}"));
    let http_1_0 = format!("POST /v1/orders HTTP/1.0\r\n{key}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    for request in by_start.into_iter().chain(by_field).chain([http_1_0]) {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(&request);
        let response = connection.receive();
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{request:?}");
        assert_eq!(response.header("connection"), Some("close"), "{request:?}");
        assert!(connection.is_closed(), "{request:?}");
    }
    assert_eq!(shop.live.bytes_seen(), 0);
}

#[test]
fn a_head_may_be_as_large_as_the_limits_and_no_larger() {
    let shop = Shop::open();
    let empty = whole(&shop, "GET /v1/orders?", "", "").len();
    let target = |bytes: usize| {
        let start = format!("GET /v1/orders?{}", "a".repeat(bytes - "/v1/orders?".len()));
        whole(&shop, &start, "", "")
    };
    let fields = |count: usize| whole(&shop, "GET /v1/orders", &"X-A: b\r\n".repeat(count - 2), "");
    let head = |bytes: usize| {
        let field = format!("X-A: {}\r\n", "a".repeat(bytes - empty - "X-A: \r\n".len()));
        whole(&shop, "GET /v1/orders?", &field, "")
    };
    assert_eq!(head(32 * 1024).len(), 32 * 1024);
    for request in [target(8 * 1024), fields(100), head(32 * 1024)] {
        let response = send_raw(shop.platform.gateway, request);
        assert_eq!(response.status, 200, "{response:?}");
    }
    let seen = shop.live.bytes_seen();
    for request in [
        target(8 * 1024 + 1),
        fields(101),
        head(32 * 1024 + 1),
        target(30 * 1024),
        fields(100_000),
        format!("GET /{}", "a".repeat(1 << 20)),
        format!("GET /v1/orders HTTP/1.1\r\nX-API-Key: {}", "a".repeat(64 * 1024)),
    ] {
        let mut connection = Connection::open(shop.platform.gateway);
        let _ = connection.try_send(&request);
        let response = connection.receive();
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"));
        assert!(connection.is_closed());
    }
    assert_eq!(shop.live.bytes_seen(), seen);
}

#[test]
fn a_head_that_breaks_off_is_answered_and_silence_is_not() {
    let shop = Shop::open();
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send("GET /v1/orders HTTP/1.1\r\nHost");
    connection.finish_sending();
    assert_eq!(connection.receive().code(), "invalid_request");
    let mut silent = Connection::open(shop.platform.gateway);
    silent.finish_sending();
    assert!(silent.is_closed());
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
fn a_good_request_before_a_garbled_one_is_answered() {
    let shop = Shop::open();
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(whole(&shop, "GET /v1/orders", "", "nonsense\r\n\r\n"));
    assert_eq!(connection.receive().status, 200);
    assert_eq!(connection.receive().code(), "invalid_request");
    assert!(connection.is_closed());
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
