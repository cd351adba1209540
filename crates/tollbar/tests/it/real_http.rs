//! HTTP clients and servers that others wrote, with Tollbar between them: HTTP/1.1 and HTTP/2, with TLS and without.

mod bulk;
mod curl;
mod events;
mod site;
mod websocket;

use serde_json::{Value, json};

use crate::support::{run_node, run_python};

use site::{Site, in_each_way};

/// What the server says of a GET of `/echo?a=%2F&b`.
fn echoed(site: &Site) -> [&'static str; 2] {
    ["/echo?a=%2F&b", if site.http2 { "2.0 tollbar" } else { "1.1 tollbar" }]
}

#[test]
fn httpx_is_served_blocking_and_asynchronous() {
    in_each_way(|site| {
        let outcome = run_python("httpx_client.py", &site.task());
        let (what, http2) = (site.to_string(), site.http2);
        let [target, via] = echoed(site);
        let expected = json!({
            "version": if http2 { "HTTP/2" } else { "HTTP/1.1" },
            "echo": [200, target, via],
            "upload": [5 << 20, true],
            "download": [5_000_000, true],
            "left": "begun",
            "aborted": if http2 { None } else { Some("httpx") },
            "cookies": [null, "a=1; b=two"],
            "keyed": [[200, null, 1], [200, "true", 1], [409, null, null]],
            "errors": [
                { "status": 404, "code": "not_found" },
                { "status": 405, "code": "method_not_allowed" },
                { "status": 500, "code": "internal_error" },
                { "status": 401, "code": "invalid_api_key" },
            ],
            "head": "1000",
            "threads": [10, 10, 10, 10, 10, 10, 10, 10, 10, 10],
        });
        assert_eq!(outcome["blocking"], expected, "{what}");
        let expected = json!({ "statuses": [200], "request_ids": 50, "download": true, "upload": 5 << 20 });
        assert_eq!(outcome["asynchronous"], expected, "{what}");
        // The first client's, ten threads', and one for all fifty.
        assert_eq!(site.metric("tollbar_http2_connections"), if http2 { 12 } else { 0 }, "{what}");
    });
}

/// What a fetch saw.
fn assert_fetched(site: &Site, outcome: &Value, what: &str) {
    let streams = outcome["others"].as_array().unwrap();
    assert!(streams.len() == 1 && streams[0].as_str().unwrap().starts_with("5000000 "), "{what}: {outcome}");
    let expected = json!({
        "echo": echoed(site),
        "post": true,
        "upload": [5 << 20, true],
        "begun": "begun",
        "aborted": "AbortError",
        "told": { "aborted": "fetch" },
        "others": outcome["others"],
        "refused": [500, "internal_error"],
        "head": ["1000", 0],
    });
    assert_eq!(outcome, &expected, "{what}");
}

#[test]
fn node_is_served_and_may_abort_one_of_many() {
    in_each_way(|site| {
        let outcome = run_node("node_client.mjs", &site.task());
        assert_fetched(site, &outcome["undici"], &format!("undici, {site}"));
        if !site.http2 {
            return assert_fetched(site, &outcome["fetch"], &format!("fetch, {site}"));
        }
        let expected = json!({
            "protocol": if site.has_tls() { "h2" } else { "h2c" },
            "together": [50],
            "cookie": "a=1; b=2",
            "begun": "begun",
            "told": { "aborted": "http2" },
            "other": outcome["undici"]["others"][0],
            "upload": [5 << 20, true],
            "refused": [404, "not_found"],
            "ping": true,
        });
        assert_eq!(outcome["http2"], expected, "http2, {site}");
    });
}
