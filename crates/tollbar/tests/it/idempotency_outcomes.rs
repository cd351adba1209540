//! What becomes of a key when the execution ends badly, is interrupted, or is not known to have ended.

use serde_json::json;

use crate::support::{
    BODY, Connection, Gate, Platform, Reply, Response, SHOP, Shop, begin, hold, is_replay, post,
};

/// "Executed perhaps": a 500 that says so and asks not to be repeated.
fn assert_unknown(response: &Response) {
    assert_eq!((response.status, response.code().as_str()), (500, "internal_error"), "{response:?}");
    assert!(response.message().contains("outcome") && response.message().contains("unknown"), "{response:?}");
    assert_eq!(response.header("x-should-retry"), Some("false"));
    assert!(!is_replay(response) && response.header("retry-after").is_none());
}

#[test]
fn final_statuses_are_stored_and_those_that_promise_nothing_happened_release_the_key() {
    let shop = Shop::open();
    for on_5xx in ["store", "release"] {
        shop.import(&json!({ "on_upstream_5xx": on_5xx }));
        for status in
            [200, 201, 204, 303, 400, 401, 404, 408, 409, 413, 422, 425, 429, 500, 501, 502, 503, 504]
        {
            shop.live.answer(move |_| Reply::json(status, r#"{"detail":"first"}"#));
            let (key, sent) = (format!("{on_5xx}-{status}"), shop.live.count());
            let first = post(&shop, &key);
            shop.live.answer(|_| Reply::json(200, r#"{"detail":"second"}"#));
            let second = post(&shop, &key);
            let releases = [408, 425, 429, 503].contains(&status) || (status >= 500 && on_5xx == "release");
            assert_eq!(is_replay(&second), !releases, "{key}");
            if releases {
                assert_eq!((second.status, shop.live.count() - sent), (200, 2), "{key}");
                continue;
            }
            assert_eq!(
                (second.status, second.text(), shop.live.count() - sent),
                (first.status, first.text(), 1),
                "{key}"
            );
            for name in ["x-error-code", "x-error-source", "content-type", "via"] {
                assert_eq!(first.header(name), second.header(name), "{key}: {name}");
            }
            assert_eq!(second.header("x-original-request-id"), Some(first.request_id().as_str()), "{key}");
            assert_ne!(first.request_id(), second.request_id(), "{key}");
            let should_retry = (first.status >= 500).then_some("false");
            assert_eq!(second.header("x-should-retry"), should_retry, "{key}");
        }
    }
}

#[test]
fn refusals_before_sending_leave_no_record() {
    let shop = Shop::open();
    let path = format!("/clients/{}", shop.client.id);
    shop.platform.change("PATCH", &path, &json!({ "allowance": 0 }));
    assert_eq!(post(&shop, "k").code(), "api_usage_allowance_exceeded");
    shop.platform.change("PATCH", &path, &json!({ "allowance": 10, "write_enabled": false }));
    assert_eq!(post(&shop, "k").code(), "api_write_scope_not_commercially_enabled");
    shop.platform.change("PATCH", &path, &json!({ "write_enabled": true }));
    // Not reached: nothing was executed.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    shop.import(&json!({ "upstream": format!("http://{nowhere}") }));
    let response = post(&shop, "k");
    assert_eq!(response.code(), "internal_error");
    assert_eq!(response.header("x-should-retry"), None, "a retry with the same key is safe");
    shop.import(&json!({}));
    let response = post(&shop, "k");
    assert!(response.status == 200 && !is_replay(&response), "{response:?}");
    assert_eq!((shop.live.count(), shop.used(&shop.client.id)), (1, 1));
}

#[test]
fn a_request_whose_client_left_runs_to_its_end_and_a_repeat_gets_the_answer() {
    let shop = Shop::open();
    let gate = hold(&shop, Reply::json(201, r#"{"id":"o_1"}"#));
    drop(begin(&shop, "left"));
    shop.live.wait_for(1);
    gate.open();
    let repeat = post(&shop, "left");
    assert_eq!((repeat.status, repeat.text().as_str()), (201, r#"{"id":"o_1"}"#));
    assert_eq!(repeat.header("x-original-request-id"), shop.live.last().header("x-request-id"));
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn after_a_kill_while_the_upstream_works_the_outcome_is_unknown_and_nothing_is_sent_again() {
    let shop = Shop::open();
    let gate = hold(&shop, Reply::json(201, "{}"));
    let first = begin(&shop, "killed");
    shop.live.wait_for(1);
    let executed = shop.live.last().header("x-request-id").unwrap().to_owned();
    let shop = shop.kill_and_restart();
    gate.open();
    for _ in 0..3 {
        let repeat = post(&shop, "killed");
        assert_unknown(&repeat);
        assert!(repeat.message().contains(&executed), "it names the first request: {repeat:?}");
    }
    let other = shop.call("POST", "/v1/orders", &[("Idempotency-Key", "killed")], b"{}");
    assert_eq!(other.code(), "idempotency_conflict");
    assert_eq!(shop.live.count(), 1);
    let again = shop.stop_and_restart();
    assert_unknown(&post(&again, "killed"));
    assert_eq!(again.live.count(), 1);
    drop(first);
}

#[test]
fn an_answer_that_the_client_got_survives_a_kill() {
    let shop = Shop::open();
    let firsts: Vec<Response> = (0..10).map(|n| post(&shop, &format!("k{n}"))).collect();
    let shop = shop.kill_and_restart();
    for (n, first) in firsts.iter().enumerate() {
        let repeat = post(&shop, &format!("k{n}"));
        assert_eq!((repeat.status, repeat.text()), (first.status, first.text()));
        assert_eq!(repeat.header("x-original-request-id"), Some(first.request_id().as_str()));
    }
    assert_eq!((shop.live.count(), shop.used(&shop.client.id)), (10, 10));
}

#[test]
fn kills_in_the_middle_of_many_never_make_a_second_execution() {
    let mut shop = Shop::open();
    shop.live.answer(|received| Reply::json(201, received.header("idempotency-key").unwrap()));
    for round in 1..=5 {
        let count = 30;
        let seen = shop.live.count();
        let callers: Vec<Connection> = (0..count).map(|n| begin(&shop, &format!("{round}-{n}"))).collect();
        shop.live.wait_for(seen + round * 4);
        shop = shop.kill_and_restart();
        drop(callers);
        for n in 0..count {
            let key = format!("{round}-{n}");
            let repeat = post(&shop, &key);
            if repeat.status == 201 {
                assert_eq!(repeat.text(), key);
            } else {
                assert_unknown(&repeat);
            }
        }
    }
    let mut keys: Vec<_> = shop.live.requests();
    keys.sort_by_key(|received| received.header("idempotency-key").map(str::to_owned));
    for pair in keys.windows(2) {
        assert_ne!(pair[0].header("idempotency-key"), pair[1].header("idempotency-key"), "executed twice");
    }
}

#[test]
fn when_no_complete_answer_comes_the_outcome_is_unknown() {
    let shop = Shop::open_with(
        Platform::with()
            .set("upstream.response_timeout_seconds", "1")
            .set("upstream.idle_timeout_seconds", "1"),
    );
    let head = "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\n";
    for (key, reply) in [
        ("closed", Reply::Close),
        ("silent", Reply::Silence),
        ("garbage", Reply::Raw(b"nonsense\r\n\r\n".to_vec())),
        ("cut", Reply::Raw(format!("{head}Content-Length: 10\r\n\r\nabc").into_bytes())),
        (
            "cut-chunks",
            Reply::Raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").into_bytes()),
        ),
        ("stalls", Reply::Chunks(vec![(Gate::opened(), b"abc".to_vec()), (Gate::default(), b"d".to_vec())])),
    ] {
        let sent = shop.live.count();
        shop.live.answer(move |_| reply.clone());
        assert_unknown(&post(&shop, key));
        shop.live.answer(|_| Reply::json(200, "{}"));
        assert_unknown(&post(&shop, key));
        assert_eq!(shop.live.count() - sent, 1, "{key}");
    }
    assert_eq!(shop.used(&shop.client.id), 0);
}

#[test]
fn an_answer_that_is_too_large_to_keep_is_delivered_and_never_executed_again() {
    let shop = Shop::open_with(Platform::with().set("idempotency.answer_limit_bytes", "2000"));
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let large = body.clone();
    shop.live.answer(move |_| Reply::Full { status: 201, headers: vec![], body: large.clone() });
    let first = post(&shop, "large");
    assert!(first.status == 201 && first.body == body && !first.truncated);
    // Its client leaves in the middle: it is taken to its end all the same.
    drop(begin(&shop, "left"));
    shop.live.wait_for(2);
    let shop = shop.kill_and_restart();
    let repeat = post(&shop, "large");
    assert_eq!((repeat.status, repeat.code().as_str()), (500, "internal_error"));
    assert!(repeat.message().contains("too large to replay"), "{repeat:?}");
    assert_eq!(repeat.header("x-should-retry"), Some("false"));
    assert_eq!(shop.live.count(), 2);
    // One that breaks off after that is seen as broken off, and stays executed.
    let part = format!("HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n{}", "a".repeat(50_000));
    shop.live.answer(move |_| Reply::Raw(part.clone().into_bytes()));
    let cut = post(&shop, "cut");
    assert!(cut.status == 201 && cut.truncated, "{} bytes", cut.body.len());
    assert!(post(&shop, "cut").message().contains("too large to replay"));
    assert_eq!(shop.live.count(), 3);
    shop.live.answer(|_| Reply::Full { status: 201, headers: vec![], body: vec![b'a'; 2000] });
    assert_eq!(post(&shop, "just").status, 201);
    assert!(is_replay(&post(&shop, "just")));
}

#[test]
fn an_endpoint_whose_upstream_tells_repeats_apart_may_be_sent_to_again() {
    let shop = Shop::open();
    let flag = "x-tollbar-idempotency-required: true";
    shop.import(&json!({ "document": SHOP.replace(flag, "x-tollbar-resend-unknown: true") }));
    let pay = || shop.call("POST", "/v1/payments", &[("Idempotency-Key", "k")], BODY);
    shop.live.answer(|_| Reply::Close);
    assert_eq!(pay().code(), "internal_error");
    shop.live.answer(|_| Reply::json(201, "{}"));
    let second = pay();
    assert!(second.status == 201 && !is_replay(&second), "{second:?}");
    let third = pay();
    assert!(third.status == 201 && is_replay(&third));
    let received = shop.live.requests();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|received| received.header("idempotency-key") == Some("k")));
}

#[test]
fn an_operator_goes_through_the_unknown_outcomes_page_by_page() {
    let shop = Shop::open();
    shop.live.answer(|_| Reply::Close);
    for key in ["order-1", "order-2", "order-3"] {
        assert_unknown(&post(&shop, key));
    }
    let run = |arguments: &[&str]| {
        let output = shop.platform.run(&[&["idempotency", "list", "--client", "acme"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let first = run(&["--limit", "2"]);
    assert!(first.contains("order-3") && first.contains("order-2") && !first.contains("order-1"), "{first}");
    let place = first.split("--before ").nth(1).unwrap().split(' ').next().unwrap();
    let second = run(&["--limit", "2", "--before", place]);
    assert!(second.contains("order-1") && !second.contains("order-2"), "{second}");
    assert!(!second.contains("--before"), "it is the last page: {second}");
    let page: serde_json::Value = serde_json::from_str(&run(&["--limit", "2", "--json"])).unwrap();
    assert_eq!((page["next"].as_str(), page["unknown"].as_array().unwrap().len()), (Some(place), 2));
    let wrong = shop.platform.run(&["idempotency", "list", "--before", "order-1"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("before: `order-1` is no place in this list"), "{said}");
}
