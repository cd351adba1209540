//! What goes on to the upstream and back: addresses, our own headers, hop-by-hop fields, odd bytes.

use crate::support::{Connection, Platform, Reply, Shop};

#[test]
fn connection_cannot_strike_out_the_headers_that_are_ours() {
    let shop = Shop::open();
    let ours = "X-Forwarded-For, X-API-Key, X-Tollbar-Client, X-Tollbar-Environment, X-Tollbar-Scopes, Host, \
                X-Request-Id, Via, Content-Length, X-Custom";
    let response =
        shop.call("POST", "/v1/orders", &[("Connection", ours), ("X-Custom", "1"), ("X-Kept", "1")], b"{}");
    assert_eq!(response.status, 200, "{response:?}");
    let received = shop.live.last();
    for (name, value) in [
        ("host", shop.live.address.to_string()),
        ("x-forwarded-for", "127.0.0.1".to_owned()),
        ("x-tollbar-client", shop.client.id),
        ("x-tollbar-environment", "live".to_owned()),
        ("x-tollbar-scopes", "events:read orders:read orders:write payments:write reports:read".to_owned()),
        ("x-request-id", response.request_id()),
        ("via", "1.1 tollbar".to_owned()),
        ("content-length", "2".to_owned()),
        ("x-kept", "1".to_owned()),
    ] {
        assert_eq!(received.header(name), Some(value.as_str()), "{name}");
    }
    for name in ["x-custom", "x-api-key", "connection"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    assert_eq!(received.body, b"{}");
}

#[test]
fn our_names_are_dropped_when_the_client_sends_them_and_so_are_hop_by_hop_fields() {
    let shop = Shop::open();
    let long = "x".repeat(10 * 1024);
    let dropped = [
        ("X-Tollbar-Client", "cl_forged"),
        ("x-tollbar-anything", "1"),
        ("X_Tollbar_Client", "cl_forged"),
        ("x-tollbar_scopes", "admin"),
        ("X_TOLLBAR_ENVIRONMENT", "sandbox"),
        ("X_Request_Id", "forged"),
        ("X-Request-Id", &long),
        ("X_Api_Key", "forged"),
        ("X_Forwarded_For", "203.0.113.7"),
        ("X_Real_IP", "203.0.113.7"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("TE", "trailers"),
        ("Trailer", "X-Checksum"),
        ("Upgrade", "websocket"),
    ];
    let response = shop.call("GET", "/v1/orders", &dropped, b"");
    assert_eq!(response.status, 200, "{response:?}");
    let received = shop.live.last();
    let ours =
        ["x-tollbar-client", "x-tollbar-environment", "x-tollbar-scopes", "x-request-id", "x-forwarded-for"];
    for (name, sent) in dropped {
        let name = name.to_ascii_lowercase();
        let values: Vec<_> = received.headers.iter().filter(|(n, _)| *n == name).map(|(_, v)| v).collect();
        if ours.contains(&name.as_str()) {
            assert!(values.len() == 1 && values[0] != sent, "{name}: {values:?}");
        } else {
            assert!(values.is_empty(), "{name}: {values:?}");
        }
    }
    assert_eq!(received.header("x-tollbar-client"), Some(shop.client.id.as_str()));
    assert_eq!(received.header("x-request-id"), Some(response.request_id().as_str()));
}

#[test]
fn what_is_not_ours_goes_on_as_it_came() {
    let shop = Shop::open();
    let sent = [
        ("Accept", "text/html, */*;q=0.1"),
        ("X-A", "1"),
        ("Cookie", "a=1; b=2"),
        ("X-A", "2,  3"),
        ("Via", "1.0 inner"),
        ("X-Empty", ""),
        ("Content-Type", "text/plain; charset=\u{e9}"),
        ("Idempotency-Key", "k"),
        ("X-Tollbars", "not ours"),
    ];
    assert_eq!(shop.call("POST", "/v1/payments", &sent, b"abc").status, 200);
    let received = shop.live.last();
    let all = |name: &str| -> Vec<String> {
        received.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    };
    for (name, value) in sent {
        assert!(all(&name.to_ascii_lowercase()).contains(&value.to_owned()), "{name}: {received:?}");
    }
    assert_eq!(all("x-a"), ["1", "2,  3"]);
    assert_eq!(all("via"), ["1.0 inner", "1.1 tollbar"]);
}

#[test]
fn a_request_id_with_odd_bytes_is_dropped_or_refused_and_never_believed() {
    let shop = Shop::open();
    for (value, status) in [
        (&b"a b \"c\" <script>"[..], 200),
        (b"caf\xc3\xa9\xff", 200),
        (b"abcdefabcdef", 200),
        (b"a\x00b", 400),
        (b"a\x1bb", 400),
        (b"a\rX-Tollbar-Client: forged", 400),
    ] {
        let mut connection = Connection::open(shop.platform.gateway);
        let head =
            format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nX-Request-Id: ", shop.client.key);
        connection.send([head.as_bytes(), value, b"\r\n\r\n"].concat());
        let seen = shop.live.count();
        let response = connection.receive();
        assert_eq!(response.status, status, "{value:?}: {response:?}");
        assert_ne!(response.request_id().as_bytes(), value);
        if status == 200 {
            assert_eq!(shop.live.last().header("x-request-id"), response.header("x-request-id"));
        } else {
            assert_eq!(response.code(), "invalid_request");
            assert_eq!(shop.live.count(), seen, "{value:?}");
        }
    }
}

#[test]
fn credentials_stay_here_and_the_configured_one_is_put_in() {
    let shop = Shop::open_with(Platform::with().config(
        r#"
        [[upstream_credential]]
        base = "/v1"
        environment = "live"
        value = "Bearer upstream-live"

        [[upstream_credential]]
        base = "/v1"
        header = "X-Internal-Key"
        value = "both-environments"
        "#,
    ));
    let token = shop.token(&shop.oauth(&shop.client.id, "live"));
    let bearer = format!("Bearer {token}");
    let forged = ("X-Internal-Key", "forged");
    let struck_out = ("Connection", "Authorization, X-Internal-Key");
    let with_key = shop.call("GET", "/v1/orders", &[forged, struck_out], b"");
    let by_token =
        crate::support::get(shop.platform.gateway, "/v1/orders", &[("Authorization", &bearer), forged]);
    let in_sandbox = shop.call_as(&shop.client.sandbox_key, "GET", "/sandbox/v1/orders", &[forged], b"");
    assert_eq!([with_key.status, by_token.status, in_sandbox.status], [200; 3]);
    let (live, sandbox) = (shop.live.requests(), shop.sandbox.requests());
    let secrets = [&shop.client.key, &shop.client.sandbox_key, &token];
    for received in live.iter().chain(&sandbox) {
        assert_eq!(received.header("x-internal-key"), Some("both-environments"));
        assert_eq!(received.header("x-api-key"), None);
        let all = format!("{received:?}");
        assert!(secrets.iter().all(|secret| !all.contains(secret.as_str())), "{all}");
    }
    assert!(live.iter().all(|received| received.header("authorization") == Some("Bearer upstream-live")));
    assert_eq!(sandbox[0].header("authorization"), None);
    assert_eq!(sandbox[0].header("x-tollbar-environment"), Some("sandbox"));
}

#[test]
fn an_answer_keeps_its_own_headers_and_loses_the_hop_by_hop_ones() {
    let shop = Shop::open();
    shop.live.answer(|_| {
        let headers = [
            ("Connection", "X-Private, keep-alive"),
            ("X-Private", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Upgrade", "h2c"),
            ("Trailer", "X-Checksum"),
            ("Via", "1.0 inner"),
            ("ETag", "\"1\""),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("X-Request-Id", "forged"),
            ("X-Error-Code", "forged"),
            ("X-Error-Source", "gateway"),
            ("X-Should-Retry", "true"),
            ("X-RateLimit-Limit", "7"),
            ("X-Allowance-Remaining", "7"),
            ("Idempotent-Replayed", "true"),
            ("X-Original-Request-Id", "abcdefabcdef"),
        ];
        headers.iter().fold(Reply::json(200, "{}"), |reply, (name, value)| reply.with_header(name, value))
    });
    let response = shop.get("/v1/orders");
    assert_eq!(response.status, 200);
    for name in [
        "connection",
        "x-private",
        "keep-alive",
        "proxy-authenticate",
        "upgrade",
        "trailer",
        "x-error-code",
        "x-error-source",
        "x-should-retry",
        "idempotent-replayed",
        "x-original-request-id",
    ] {
        assert_eq!(response.header(name), None, "{name}");
    }
    let all = |name: &str| -> Vec<_> {
        response.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(all("via"), ["1.0 inner", "1.1 tollbar"]);
    assert_eq!(all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(response.request_id(), shop.live.last().header("x-request-id").unwrap());
    assert_eq!(response.number("x-ratelimit-limit"), 6000);
    assert_eq!(response.number("x-allowance-remaining"), 99_999);
}
