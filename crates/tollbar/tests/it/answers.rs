//! What stands on every answer: the request id, and the headers of rate and allowance.

use std::collections::HashSet;

use serde_json::json;

use crate::support::{Connection, Platform, Response, Shop, get, send_raw};

/// So many requests, on a few connections at once; returns the ids on the answers.
fn ask_many(platform: &Platform, count: usize) -> Vec<String> {
    let one_connection = |count: usize| {
        let mut connection = Connection::open(platform.gateway);
        let ask = |_| {
            connection.send("GET /v1/orders HTTP/1.1\r\nHost: api\r\nX-Request-Id: 0123456789ab\r\n\r\n");
            let response = connection.receive();
            assert_eq!(response.code(), "missing_credentials");
            response.request_id()
        };
        (0..count).map(ask).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| one_connection(count / 8))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_request_id_is_never_given_twice_nor_taken_from_the_caller() {
    let mut platform = Platform::start();
    let mut seen = HashSet::from(["0123456789ab".to_owned()]);
    let mut check = |ids: Vec<String>| {
        for id in ids {
            assert!(seen.insert(id.clone()), "{id} was there before");
        }
    };
    check(ask_many(&platform, 2000));
    for _ in 0..3 {
        platform = platform.kill_and_restart();
        check(ask_many(&platform, 400));
    }
    platform = platform.stop_and_restart();
    check(ask_many(&platform, 400));
}

#[test]
fn every_kind_of_answer_has_a_request_id_of_ours() {
    let shop = Shop::open();
    let key = format!("X-API-Key: {}\r\n", shop.client.key);
    for (request, status) in [
        (format!("GET /v1/orders HTTP/1.1\r\nHost: a\r\n{key}X-Request-Id: mine\r\n\r\n"), 200),
        (
            format!("GET /v1/orders HTTP/1.1\r\nHost: a\r\n{key}X-Request-Id: a\r\nX-Request-Id: b\r\n\r\n"),
            200,
        ),
        (
            format!("GET /v1/orders HTTP/1.1\r\nHost: a\r\n{key}X-Request-Id: {}\r\n\r\n", "9".repeat(9000)),
            200,
        ),
        (format!("GET /v1/orders HTTP/1.1\r\nHost: a\r\n{key}X-Request-Id: \u{1}\r\n\r\n"), 400),
        (format!("OPTIONS /v1/orders HTTP/1.1\r\nHost: a\r\n{key}\r\n"), 204),
        ("GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200),
        ("GET /v1/oauth/jwks HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200),
        ("GET /.well-known/oauth-authorization-server/v1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200),
        ("garbage\r\n\r\n".to_owned(), 400),
        ("GET /v1/orders HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "p".repeat(9000)), 400),
    ] {
        let response = send_raw(shop.platform.gateway, &request);
        assert_eq!(response.status, status, "{request}: {response:?}");
        response.request_id();
        if status >= 400 {
            assert_eq!(response.code(), "invalid_request");
        }
    }
    for received in shop.live.requests() {
        assert_eq!(received.header("x-request-id").map(str::len), Some(12));
    }
}

fn rate(response: &Response) -> [u64; 3] {
    ["limit", "remaining", "reset"].map(|name| response.number(&format!("x-ratelimit-{name}")))
}

#[test]
fn the_rate_headers_count_what_was_admitted_and_say_when_all_is_back() {
    let shop = Shop::open();
    shop.platform.change("PUT", "/tiers/three", &json!({ "rate_per_minute": 3 }));
    let client = shop.client("three", &json!({ "tier": "three" }));
    let call = |target: &str| shop.call_as(&client.key, "GET", target, &[], b"");
    let now = || u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    // Refused before stage 13: shown, not counted.
    let [limit, remaining, reset] = rate(&call("/v1/nothing"));
    assert_eq!([limit, remaining], [3, 3]);
    assert!(reset <= now() + 1, "nothing is used: the whole limit is admitted now");
    let mut resets = Vec::new();
    for (remaining, status, target) in [
        (2, 200, "/v1/orders"),
        (1, 200, "/v1/account"),
        (0, 400, "/v1/orders?limit=0"),
        (0, 429, "/v1/orders"),
    ] {
        let before = now();
        let response = call(target);
        assert_eq!(response.status, status, "{response:?}");
        let [limit, left, reset] = rate(&response);
        assert_eq!([limit, left], [3, remaining], "{target}");
        assert!(reset <= now() + 61, "{reset} at {before}");
        assert!(status == 429 || reset >= before + 60, "{reset} at {before}");
        resets.push(reset);
    }
    assert!(resets.is_sorted(), "{resets:?}");
    assert_eq!(resets[2], resets[3], "a refusal by the rate does not push the window out");
    // The other environment has a window of its own.
    let sandbox = shop.call_as(&client.sandbox_key, "GET", "/sandbox/v1/orders", &[], b"");
    assert_eq!(rate(&sandbox)[..2], [3, 2]);
    // Another tier holds at once, and the count is kept.
    let path = format!("/clients/{}", client.id);
    shop.platform.change("PUT", "/tiers/five", &json!({ "rate_per_minute": 5 }));
    shop.platform.change("PATCH", &path, &json!({ "tier": "five" }));
    assert_eq!(rate(&call("/v1/orders"))[..2], [5, 1]);
}

#[test]
fn the_allowance_headers_count_what_was_sent_and_end_with_the_month() {
    let shop = Shop::open();
    let client = shop.client("small", &json!({ "allowance": 3, "sandbox_allowance": 7 }));
    let call = |target: &str| shop.call_as(&client.key, "GET", target, &[], b"");
    let allowance = |response: &Response| {
        ["limit", "remaining"].map(|name| response.number(&format!("x-allowance-{name}")))
    };
    for (target, status, remaining) in [
        ("/v1/orders", 200, 2),
        ("/v1/nothing", 404, 2),
        ("/v1/orders?limit=0", 400, 2),
        ("/v1/account", 200, 2),
        ("/v1/orders", 200, 1),
        ("/v1/orders", 200, 0),
        ("/v1/orders", 429, 0),
    ] {
        let response = call(target);
        assert_eq!(response.status, status, "{target}: {response:?}");
        assert_eq!(allowance(&response), [3, remaining], "{target}");
        let month_end = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().last_of_month();
        let next = month_end.tomorrow().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let next = u64::try_from(next.timestamp().as_second()).unwrap();
        assert_eq!(response.number("x-allowance-reset"), next);
    }
    let sandbox = shop.call_as(&client.sandbox_key, "GET", "/sandbox/v1/orders", &[], b"");
    assert_eq!(allowance(&sandbox), [7, 6]);
    // More allowance holds at once, and the count is kept.
    shop.platform.change("PATCH", &format!("/clients/{}", client.id), &json!({ "allowance": 5 }));
    assert_eq!(allowance(&call("/v1/orders")), [5, 1]);
    // Less than what is used: nothing is left, and nothing underflows.
    shop.platform.change("PATCH", &format!("/clients/{}", client.id), &json!({ "allowance": 2 }));
    let response = call("/v1/orders");
    assert_eq!((response.code().as_str(), allowance(&response)), ("api_usage_allowance_exceeded", [2, 0]));
}

#[test]
fn answers_before_stage_8_and_those_without_a_client_show_no_meters() {
    let shop = Shop::open();
    for target in ["/v1/health", "/v1/orders", "/v1/oauth/jwks", "/v1/account"] {
        let response = get(shop.platform.gateway, target, &[]);
        let meters = response
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-ratelimit-") || name.starts_with("x-allowance-"));
        assert_eq!(meters.count(), 0, "{target}: {response:?}");
    }
    // On another environment's path, the meters shown would be those of the wrong environment.
    let response = get(shop.platform.gateway, "/v1/orders", &[("X-API-Key", &shop.client.sandbox_key)]);
    assert_eq!(response.code(), "credential_environment_mismatch");
    assert_eq!(response.header("x-ratelimit-limit"), None);
}
