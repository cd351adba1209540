//! Request bodies: small ones are checked before anything is sent, large ones stream.

use serde_json::{Value, json};

use crate::support::{Connection, Platform, Shop, ShopClient, wait_until};

fn head(shop: &Shop, fields: &str) -> String {
    format!("POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n{fields}\r\n", shop.client.key)
}

/// Bytes that differ from place to place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

fn chunked(body: &[u8], chunk_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(chunk_bytes) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    [bytes, b"0\r\n\r\n".to_vec()].concat()
}

#[test]
fn a_small_chunked_body_goes_on_whole_and_a_large_one_streams() {
    let shop = Shop::open();
    let large = pattern(300_000);
    let table: &[(Vec<u8>, &[u8], bool)] = &[
        (b"0\r\n\r\n".to_vec(), b"", false),
        (b"2\r\n{}\r\n0\r\n\r\n".to_vec(), b"{}", false),
        (b"1;ext=1;other\r\n{\r\n01\r\n}\r\n000\r\nX-Trailer: 1\r\n\r\n".to_vec(), b"{}", false),
        (chunked(&large[..64 * 1024], 1000), &large[..64 * 1024], false),
        (chunked(&large, 9999), &large, true),
    ];
    for (sent, expected, streams) in table {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(head(&shop, "Transfer-Encoding: chunked\r\n"));
        connection.send(sent);
        let response = connection.receive();
        assert_eq!(response.status, 200, "{response:?}");
        let received = shop.live.last();
        assert!(received.body == *expected);
        assert_eq!(received.header("x-trailer"), None);
        if *streams {
            assert_eq!(received.header("transfer-encoding"), Some("chunked"));
            assert_eq!(received.header("content-length"), None);
        } else {
            assert_eq!(received.header("content-length"), Some(expected.len().to_string().as_str()));
            assert_eq!(received.header("transfer-encoding"), None);
        }
        connection.send(head(&shop, "Content-Length: 0\r\n"));
        assert_eq!(connection.receive().status, 200, "the connection is in step");
    }
    let response = shop.call("POST", "/v1/orders", &[], &large);
    assert_eq!(response.status, 200);
    let received = shop.live.last();
    assert!(received.header("content-length") == Some("300000") && received.body == large);
}

#[test]
fn a_fault_in_a_streamed_body_leaves_the_upstream_with_an_unfinished_message() {
    let shop = Shop::open();
    let (large, gateway) = (pattern(200_000), shop.platform.gateway);
    let part = chunked(&large, 50_000);
    let part = &part[..part.len() - "0\r\n\r\n".len()];
    for (count, fault) in
        [&b"zz\r\n"[..], b"2\r\n{}XX", b"0\r\nContent-Length: 3\r\n\r\n"].into_iter().enumerate()
    {
        let mut connection = Connection::open(gateway);
        connection.send(head(&shop, "Transfer-Encoding: chunked\r\n"));
        connection.send([part, fault].concat());
        let response = connection.receive();
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{fault:?}");
        assert!(connection.is_closed(), "{fault:?}");
        shop.live.wait_for(count + 1);
        assert!(!shop.live.last().complete, "{fault:?}");
    }
    // The client goes away in the middle.
    for (count, fields) in
        ["Transfer-Encoding: chunked\r\n", "Content-Length: 1000000\r\n"].into_iter().enumerate()
    {
        let mut connection = Connection::open(gateway);
        connection.send(head(&shop, fields));
        connection.send(part);
        drop(connection);
        shop.live.wait_for(count + 4);
        assert!(!shop.live.last().complete, "{fields}");
    }
}

#[test]
fn a_body_is_invited_when_it_will_be_read_and_not_otherwise() {
    let shop = Shop::open();
    let mut connection = Connection::open(shop.platform.gateway);
    for body in [pattern(10), pattern(100_000)] {
        connection.send(head(&shop, &format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len())));
        assert_eq!(connection.receive_head(), (100, vec![]));
        connection.send(&body);
        assert_eq!(connection.receive().status, 200);
        let received = shop.live.last();
        assert!(received.body == body && received.header("expect").is_none());
    }
    let seen = shop.live.bytes_seen();
    let refused =
        head(&shop, "Expect: 100-continue\r\nContent-Length: 10\r\n").replace("/v1/orders", "/v1/nothing");
    connection.send(refused);
    let (status, headers) = connection.receive_head();
    assert_eq!(status, 404, "the first thing that comes is the refusal");
    assert!(headers.contains(&("connection".to_owned(), "close".to_owned())));
    connection.receive_rest();
    // A body that cannot be used with a key is refused before it is sent.
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(head(&shop, "Idempotency-Key: a\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n"));
    assert_eq!(connection.receive_head().0, 400);
    assert_eq!(shop.live.bytes_seen(), seen);
}

#[test]
fn a_request_that_waited_for_its_body_is_checked_again_before_it_is_sent() {
    let shop = Shop::open();
    let change = |method: &str, path: &str, fields: Value| drop(shop.platform.change(method, path, &fields));
    let patch =
        |client: &ShopClient, fields: Value| change("PATCH", &format!("/clients/{}", client.id), fields);
    let switch = |target: Value| change("POST", "/switches", json!({ "target": target }));
    let endpoint = json!({ "kind": "endpoint", "method": "POST", "path": "/v1/orders" });
    let platform = json!({ "kind": "platform" });
    type Change<'a> = &'a dyn Fn(&ShopClient);
    let changes: [(&str, Change<'_>); 10] = [
        ("revoked_api_key", &|c| change("POST", &format!("/keys/{}/revoke", c.key_id), json!({}))),
        ("revoked_api_key", &|c| drop(shop.platform.admin("DELETE", &format!("/clients/{}", c.id), None))),
        ("client_suspended", &|c| change("POST", &format!("/clients/{}/suspend", c.id), json!({}))),
        ("ip_not_allowed", &|c| patch(c, json!({ "allow_ips": ["203.0.113.7"] }))),
        ("api_access_disabled", &|c| patch(c, json!({ "access_enabled": false }))),
        ("scope_missing", &|c| patch(c, json!({ "remove_scopes": ["orders:write"] }))),
        ("api_write_scope_not_commercially_enabled", &|c| patch(c, json!({ "write_enabled": false }))),
        ("api_usage_allowance_exceeded", &|c| patch(c, json!({ "allowance": 0 }))),
        ("endpoint_disabled", &|_| switch(endpoint.clone())),
        ("api_platform_disabled", &|_| switch(platform.clone())),
    ];
    for (number, (code, make)) in changes.iter().enumerate() {
        for key in ["", "Idempotency-Key: k\r\n"] {
            let client = shop.client(&format!("client-{number}-{}", key.len()), &json!({}));
            let mut connection = Connection::open(shop.platform.gateway);
            let fields = format!("Expect: 100-continue\r\nContent-Length: 2\r\n{key}");
            connection.send(head(&shop, &fields).replace(&shop.client.key, &client.key));
            assert_eq!(connection.receive_head().0, 100, "{code}: all checks passed");
            make(&client);
            connection.send("{}");
            assert_eq!(connection.receive().code(), *code, "{key}");
            for target in [&endpoint, &platform] {
                shop.platform.admin("POST", "/switches/on", Some(&json!({ "target": target })));
            }
        }
    }
    assert_eq!(shop.live.bytes_seen(), 0);
}

#[test]
fn a_slow_body_is_cut_off_in_the_envelope() {
    let shop = Shop::open_with(Platform::with().set("gateway.body_timeout_seconds", "1"));
    let fields = [
        "Content-Length: 10\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 10\r\nIdempotency-Key: a\r\n",
        "Content-Length: 100000\r\n",
    ];
    let mut slow = fields.map(|fields| {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(head(&shop, fields) + "5\r\n{}");
        (fields, connection)
    });
    // A large one streams; when it stalls, the upstream is left with a part.
    let mut streamed = Connection::open(shop.platform.gateway);
    streamed.send(head(&shop, "Content-Length: 1000000\r\n"));
    streamed.send(pattern(200_000));
    for (fields, connection) in &mut slow {
        let response = connection.receive();
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{fields}");
        assert_eq!(response.header("connection"), Some("close"), "{fields}");
        assert!(connection.is_closed(), "{fields}");
    }
    assert_eq!(streamed.receive().code(), "invalid_request");
    assert!(streamed.is_closed());
    shop.live.wait_for(1);
    let received = shop.live.requests();
    assert!(received.len() == 1 && !received[0].complete, "only the streamed one, and not whole");
}

#[test]
fn a_body_that_drips_is_cut_off_as_well() {
    let shop = Shop::open_with(Platform::with().set("gateway.body_timeout_seconds", "1"));
    let mut dripping =
        ["Content-Length: 60000\r\n", "Content-Length: 60000\r\nIdempotency-Key: a\r\n"].map(|fields| {
            let mut connection = Connection::open(shop.platform.gateway);
            connection.send(head(&shop, fields));
            connection
        });
    wait_until("the connections are closed", || {
        dripping.iter_mut().filter_map(|connection| connection.try_send("a").err()).count() == 2
    });
    assert_eq!(shop.live.bytes_seen(), 0);
}
