//! What becomes of the upstream's answers: wrapped, or passed on, but for the headers that are ours.

use serde_json::json;

use crate::support::{Reply, Response, SHOP, Shop, Upstream};

/// Headers that an upstream must not be able to set in our name.
const OURS: [&str; 12] = [
    "X-Request-Id",
    "X-Error-Code",
    "X-Error-Source",
    "X-Should-Retry",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Allowance-Limit",
    "X-Allowance-Remaining",
    "X-Allowance-Reset",
    "Idempotent-Replayed",
    "X-Original-Request-Id",
];

fn pretending(reply: Reply) -> Reply {
    OURS.iter().fold(reply, |reply, name| reply.with_header(name, "forged"))
}

fn full(status: u16, content_type: &str, body: &str) -> Reply {
    let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
    Reply::Full { status, headers, body: body.as_bytes().to_vec() }
}

/// A shop whose live upstream answers so.
fn ask(shop: &Shop, reply: Reply) -> Response {
    shop.live.answer(move |_| reply.clone());
    shop.get("/v1/orders")
}

const NO_DETAIL: &str = "The API rejected the request and gave no further detail.";
const PROBLEM: &str = r#"{"type":"about:blank","title":"Bad","status":400,"detail":"The date is past."}"#;
const SECRET: &str = r#"{"message":"db-7.internal said no"}"#;

#[test]
fn wrapped_errors_keep_what_the_caller_may_know_and_nothing_else() {
    let shop = Shop::open();
    let hidden = "An unexpected server error occurred. Include the X-Request-Id when contacting support.";
    let (problem, json_type) = ("application/problem+json", "application/json");
    let mut cases = vec![
        (400, problem, PROBLEM, 400, "invalid_request", "The date is past."),
        (400, json_type, r#"{"message":"No date"}"#, 400, "invalid_request", "No date"),
        (400, json_type, r#"{"error":{"code":7,"message":"Deep"}}"#, 400, "invalid_request", "Deep"),
        (400, json_type, r#"{"error":"Flat"}"#, 400, "invalid_request", "Flat"),
        (400, json_type, r#"{"title":"Only a title"}"#, 400, "invalid_request", "Only a title"),
        (400, json_type, r#"{"message":"two\r\nlines"}"#, 400, "invalid_request", "two  lines"),
        (400, "text/html", "<h1>Bad Request</h1>", 400, "invalid_request", NO_DETAIL),
        (400, json_type, "", 400, "invalid_request", NO_DETAIL),
        (400, json_type, "[1]", 400, "invalid_request", NO_DETAIL),
        (401, json_type, SECRET, 500, "internal_error", hidden),
        (404, json_type, r#"{"message":"No such order"}"#, 404, "not_found", "No such order"),
        (404, "text/html", "gone", 404, "not_found", "The API has nothing at this path."),
    ];
    for status in [402, 403, 405, 406, 408, 409, 410, 412, 413, 415, 418, 422, 423, 429, 451, 499] {
        cases.push((status, problem, PROBLEM, status, "request_rejected", "The date is past."));
        cases.push((status, "text/plain", "no", status, "request_rejected", NO_DETAIL));
    }
    for status in [500, 501, 502, 503, 504, 507, 599] {
        cases.push((status, json_type, SECRET, 500, "internal_error", hidden));
    }
    for (status, content_type, body, expected, code, message) in cases {
        let reply = full(status, content_type, body)
            .with_header("Server", "db-7.internal")
            .with_header("Set-Cookie", "session=db-7.internal")
            .with_header("WWW-Authenticate", "Basic realm=\"db-7.internal\"");
        let response = ask(&shop, pretending(reply));
        assert_eq!((response.status, response.code().as_str()), (expected, code), "{status} {body}");
        assert_eq!(response.message(), message, "{status} {body}");
        assert_eq!(response.header("x-error-source"), Some("upstream"));
        let all = format!("{:?} {}", response.headers, response.text());
        assert!(!all.contains("db-7") && !all.contains("forged"), "{status}: {all}");
        let entry = shop.look_up(&response.request_id());
        assert_eq!(entry["upstream_status"], status, "support sees what the upstream said");
    }
}

#[test]
fn a_rejection_keeps_the_headers_that_tell_what_to_do() {
    let shop = Shop::open();
    let slow_down = Reply::json(429, "{}").with_header("Retry-After", "17");
    let response = ask(&shop, slow_down);
    assert_eq!((response.status, response.header("retry-after")), (429, Some("17")));
    let response = ask(&shop, Reply::json(405, "{}").with_header("Allow", "POST"));
    assert_eq!((response.status, response.header("allow")), (405, Some("POST")));
    // An answer to HEAD has the same status and code, and no body to take a message from.
    shop.live.answer(|_| Reply::json(404, "{}"));
    let response = shop.call("HEAD", "/v1/orders", &[], b"");
    assert_eq!((response.status, response.header("x-error-code")), (404, Some("not_found")));
    assert!(response.body.is_empty());
}

#[test]
fn passed_errors_are_the_upstreams_own_but_for_the_headers_that_are_ours() {
    let shop = Shop::open();
    let upstream = Upstream::start();
    let import =
        json!({ "document": SHOP, "base": "/v2", "upstream": upstream.url(), "upstream_errors": "pass" });
    shop.platform.change("POST", "/apis", &import);
    let mut charged = 0;
    for status in [400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 503, 504] {
        let reply = full(status, "text/x-own", "its own words")
            .with_header("WWW-Authenticate", "Own realm=\"x\"")
            .with_header("Retry-After", "3");
        upstream.answer(move |_| pretending(reply.clone()));
        let response = shop.get("/v2/orders");
        assert_eq!((response.status, response.text().as_str()), (status, "its own words"));
        for (name, value) in
            [("content-type", "text/x-own"), ("www-authenticate", "Own realm=\"x\""), ("retry-after", "3")]
        {
            assert_eq!(response.header(name), Some(value), "{status}");
        }
        check_ours(&response);
        assert_eq!(response.header("x-error-source"), Some("upstream"));
        charged += u64::from(status < 500);
        assert_eq!(shop.used(&shop.client.id), charged, "{status}: a 5xx gives its unit back");
    }
    // An error of our own is in the envelope all the same.
    assert_eq!(shop.get("/v2/nothing").code(), "not_found");
    upstream.answer(|_| Reply::Close);
    let response = shop.get("/v2/orders");
    assert_eq!(
        (response.code().as_str(), response.header("x-error-source")),
        ("internal_error", Some("gateway"))
    );
}

/// What is ours is there once and from us, or not at all.
fn check_ours(response: &Response) {
    response.request_id();
    for name in OURS {
        let name = name.to_ascii_lowercase();
        assert_ne!(response.header(&name), Some("forged"), "{response:?}");
    }
    assert!(response.number("x-ratelimit-remaining") < response.number("x-ratelimit-limit"));
    for absent in ["x-error-code", "x-should-retry", "idempotent-replayed", "x-original-request-id"] {
        assert_eq!(response.header(absent), None, "{response:?}");
    }
}

#[test]
fn what_is_below_400_passes_untouched() {
    let shop = Shop::open();
    for status in [200, 201, 202, 203, 206, 207, 300, 301, 302, 303, 307, 308] {
        let reply = full(status, "application/x-own", "as it is")
            .with_header("Location", "http://elsewhere/a%2Fb?c=d#e")
            .with_header("ETag", "W/\"x\"")
            .with_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .with_header("Cache-Control", "max-age=5")
            .with_header("X-Own", "one")
            .with_header("Set-Cookie", "a=1")
            .with_header("Set-Cookie", "b=2");
        let response = ask(&shop, pretending(reply));
        assert_eq!((response.status, response.text().as_str()), (status, "as it is"));
        for (name, value) in [
            ("content-type", "application/x-own"),
            ("content-length", "8"),
            ("location", "http://elsewhere/a%2Fb?c=d#e"),
            ("etag", "W/\"x\""),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("cache-control", "max-age=5"),
            ("x-own", "one"),
        ] {
            assert_eq!(response.header(name), Some(value), "{status}");
        }
        let cookies: Vec<&str> =
            response.headers.iter().filter(|(n, _)| n == "set-cookie").map(|(_, v)| v.as_str()).collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        check_ours(&response);
        assert_eq!(response.header("x-error-source"), None);
    }
}

#[test]
fn answers_without_a_body_leave_the_connection_in_step() {
    let shop = Shop::open();
    let mut connection = crate::support::Connection::open(shop.platform.gateway);
    let request = format!("GET /v1/orders HTTP/1.1\r\nHost: api\r\nX-API-Key: {}\r\n\r\n", shop.client.key);
    for (status, body) in [(204, ""), (200, ""), (304, ""), (200, "x"), (205, ""), (304, ""), (302, "")] {
        let reply = full(status, "text/plain", body).with_header("ETag", "\"7\"");
        shop.live.answer(move |_| reply.clone());
        connection.send(&request);
        let response = connection.receive();
        assert_eq!((response.status, response.text().as_str()), (status, body));
        assert_eq!(response.header("etag"), Some("\"7\""));
        assert_eq!(response.header("transfer-encoding"), None, "{response:?}");
        if status == 204 {
            assert_eq!(response.header("content-length"), None);
        }
    }
}
