//! `Idempotency-Key`: at most one execution per key, and every repeat gets its answer.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use serde_json::json;

use crate::support::{Connection, Gate, Platform, Reply, Response, Shop, send_raw};

const BODY: &[u8] = br#"{"item":"tea"}"#;

fn post(shop: &Shop, key: &str) -> Response {
    shop.call("POST", "/v1/orders", &[("Idempotency-Key", key)], BODY)
}

fn head(shop: &Shop, key: &str, length: usize) -> String {
    let api_key = &shop.client.key;
    format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {api_key}\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn is_replay(response: &Response) -> bool {
    response.header("idempotent-replayed").is_some()
}

#[test]
fn two_hundred_at_once_are_one_execution_and_two_hundred_equal_answers() {
    let shop = Shop::open();
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| {
        let answer = Reply::json(201, r#"{"id":"o_1"}"#).with_header("Location", "/orders/o_1");
        Reply::After(held.clone(), Box::new(answer))
    });
    let start = Arc::new(Barrier::new(200));
    let request = [head(&shop, "one", BODY.len()).as_bytes(), BODY].concat();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (start, request) = (start.clone(), request.clone());
            let mut connection = Connection::open(shop.platform.gateway);
            thread::spawn(move || {
                start.wait();
                connection.send(request);
                connection.receive()
            })
        })
        .collect();
    shop.live.wait_for(1);
    gate.open();
    let responses: Vec<Response> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    assert_eq!(shop.live.count(), 1);
    let (first, replayed): (Vec<_>, Vec<_>) = responses.iter().partition(|r| !is_replay(r));
    assert_eq!((first.len(), replayed.len()), (1, 199));
    let executed = first[0].request_id();
    assert_eq!(shop.live.last().header("x-request-id"), Some(executed.as_str()));
    let mut ids: Vec<_> = responses.iter().map(Response::request_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200, "each has an id of its own");
    for response in &responses {
        assert_eq!((response.status, response.text().as_str()), (201, r#"{"id":"o_1"}"#));
        assert_eq!(response.header("location"), Some("/orders/o_1"));
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    for response in replayed {
        assert_eq!(response.header("idempotent-replayed"), Some("true"));
        assert_eq!(response.header("x-original-request-id"), Some(executed.as_str()));
    }
    assert_eq!(shop.used(&shop.client.id), 1, "replays are free");
}

#[test]
fn a_key_belongs_to_one_request() {
    let shop = Shop::open();
    let call = |method: &str, target: &str, body: &[u8]| {
        shop.call(method, target, &[("Idempotency-Key", "k")], body)
    };
    let first = call("POST", "/v1/orders?a=1&b=2", BODY);
    assert_eq!(first.status, 200);
    for (method, target, body) in [
        ("POST", "/v1/orders?a=1&b=2", &br#"{"item":"teb"}"#[..]),
        ("POST", "/v1/orders?a=1&b=2", br#"{"item":"tea"} "#),
        ("POST", "/v1/orders?a=1&b=2", b""),
        ("POST", "/v1/orders?a=1&b=3", BODY),
        ("POST", "/v1/orders?a=1", BODY),
        ("POST", "/v1/orders", BODY),
        ("POST", "/v1/payments?a=1&b=2", BODY),
        ("DELETE", "/v1/orders/1?a=1&b=2", BODY),
    ] {
        let response = call(method, target, body);
        assert_eq!(
            (response.status, response.code().as_str()),
            (409, "idempotency_conflict"),
            "{method} {target}"
        );
        assert_eq!(response.header("x-should-retry"), Some("false"));
    }
    // The order of the query does not matter, nor do other headers.
    let same = shop.call("POST", "/v1/orders?b=2&a=1", &[("Idempotency-Key", "\"k\""), ("X-A", "1")], BODY);
    assert!(same.status == 200 && is_replay(&same));
    assert_eq!((shop.live.count(), shop.used(&shop.client.id)), (1, 1));
}

#[test]
fn a_conflict_is_seen_while_the_first_is_under_way() {
    let shop = Shop::open();
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))));
    let mut first = Connection::open(shop.platform.gateway);
    first.send([head(&shop, "k", BODY.len()).as_bytes(), BODY].concat());
    shop.live.wait_for(1);
    let other = shop.call("POST", "/v1/orders", &[("Idempotency-Key", "k")], b"{}");
    assert_eq!(other.code(), "idempotency_conflict");
    gate.open();
    assert_eq!(first.receive().status, 200);
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn clients_and_environments_have_keys_of_their_own() {
    let shop = Shop::open();
    let other = shop.client("other", &json!({}));
    let key = ("Idempotency-Key", "same");
    let calls = [
        (&shop.client.key, "/v1/orders"),
        (&other.key, "/v1/orders"),
        (&shop.client.sandbox_key, "/sandbox/v1/orders"),
        (&other.sandbox_key, "/sandbox/v1/orders"),
    ];
    for (api_key, target) in calls {
        let response = shop.call_as(api_key, "POST", target, &[key], target.as_bytes());
        assert!(response.status == 200 && !is_replay(&response), "{target}: {response:?}");
    }
    assert_eq!((shop.live.count(), shop.sandbox.count()), (2, 2));
    // All credentials of a client share them.
    let token = format!("Bearer {}", shop.token(&shop.oauth(&shop.client.id, "live")));
    let headers = [("Authorization", token.as_str()), key];
    let by_token =
        crate::support::request(shop.platform.gateway, "POST", "/v1/orders", &headers, b"/v1/orders");
    assert!(is_replay(&by_token), "{by_token:?}");
}

#[test]
fn keys_are_read_quoted_and_bare_and_passed_on_and_others_are_refused() {
    let shop = Shop::open();
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    for (key, same) in [
        ("abc", "\"abc\""),
        ("!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "\"!#$%&'()*+,-./:;<=>?@[]^_`{|}~\""),
        (&longest, &format!("\"{longest}\"")),
    ] {
        let response = post(&shop, key);
        assert!(response.status == 200 && !is_replay(&response), "{key}: {response:?}");
        assert_eq!(shop.live.last().header("idempotency-key"), Some(key), "the key is passed on");
        assert!(is_replay(&post(&shop, same)), "{same}");
    }
    let seen = shop.live.bytes_seen();
    for key in [
        "",
        "\"\"",
        "a b",
        "a\tb",
        "caf\u{e9}",
        "\"abc",
        "abc\"",
        "\"",
        "\"a\"b\"",
        &too_long,
        "a\r\nIdempotency-Key: b",
        "a\x01b",
        "a\x7fb",
    ] {
        let response = send_raw(shop.platform.gateway, head(&shop, key, 0));
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{key:?}");
    }
    assert_eq!(shop.live.bytes_seen(), seen);
}

#[test]
fn an_endpoint_can_require_a_key_and_reading_ones_ignore_it() {
    let shop = Shop::open();
    let response = shop.call("POST", "/v1/payments", &[], BODY);
    assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"));
    assert!(response.message().contains("Idempotency-Key"), "{}", response.message());
    assert_eq!(shop.live.bytes_seen(), 0);
    let response = shop.call("POST", "/v1/payments", &[("Idempotency-Key", "p")], BODY);
    assert_eq!(response.status, 200);
    for key in ["r", "r", "not a key"] {
        let response = shop.call("GET", "/v1/orders", &[("Idempotency-Key", key)], b"");
        assert!(response.status == 200 && !is_replay(&response), "{key}");
    }
    assert_eq!(shop.live.count(), 4);
    // Without a key each is a request of its own.
    assert_eq!([0; 2].map(|_| shop.call("POST", "/v1/orders", &[], BODY).status), [200; 2]);
    assert_eq!(shop.live.count(), 6);
}

#[test]
fn an_answer_is_kept_for_as_long_as_is_configured() {
    let shop = Shop::open_with(Platform::with().set("idempotency.keep_seconds", "1"));
    assert_eq!(post(&shop, "k").status, 200);
    crate::support::wait_until("the record has expired", || !is_replay(&post(&shop, "k")));
    assert_eq!(shop.live.count(), 2);
}

#[test]
fn a_body_with_a_key_has_a_limit() {
    let shop = Shop::open_with(Platform::with().set("idempotency.body_limit_bytes", "2000"));
    let call = |body: &[u8]| shop.call("POST", "/v1/orders", &[("Idempotency-Key", "k")], body);
    let response = call(&[b'a'; 2001]);
    assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"));
    assert!(response.message().contains("2000 bytes"), "{}", response.message());
    let chunked = head(&shop, "k", 0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let chunk = "a".repeat(2001);
    let response = send_raw(shop.platform.gateway, format!("{chunked}7d1\r\n{chunk}\r\n0\r\n\r\n"));
    assert_eq!(response.code(), "invalid_request");
    assert_eq!(shop.live.bytes_seen(), 0);
    assert_eq!(call(&[b'a'; 2000]).status, 200, "the refusals left no record");
}

#[test]
fn stored_answers_are_sealed_on_disk() {
    let shop = Shop::open();
    shop.live.answer(|_| {
        let answer = Reply::json(200, r#"{"secret":"marker-in-the-body"}"#);
        answer.with_header("Set-Cookie", "marker-in-1").with_header("Set-Cookie", "marker-in-2")
    });
    assert_eq!(post(&shop, "marker-key").status, 200);
    let shop = shop.stop_and_restart();
    let again = post(&shop, "marker-key");
    assert!(is_replay(&again) && again.text().contains("marker-in-the-body"));
    let cookies = again.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
    assert_eq!(cookies.collect::<Vec<_>>(), ["marker-in-1", "marker-in-2"]);
    let mut folders = vec![shop.platform.data()];
    let mut found_the_key = false;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!has("marker-in"), "an answer stands in {}", path.display());
            found_the_key |= has("marker-key");
        }
    }
    assert!(found_the_key, "the record itself is on disk");
}
