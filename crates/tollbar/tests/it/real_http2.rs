//! HTTP/2 clients that others wrote: Python's httpx, its h2 made to misbehave, curl, and h2load.

use std::process::{Command, Output};

use serde_json::json;

use crate::support::{Platform, Reply, Shop, run_python, wait_until};

fn shop() -> Shop {
    let shop = Shop::open_with(Platform::with().set("gateway.http2_prior_knowledge", "true"));
    shop.platform.change("PUT", "/tiers/bulk", &json!({ "rate_per_minute": 1_000_000 }));
    shop.platform.change("PATCH", "/clients/acme", &json!({ "tier": "bulk", "allowance": 1_000_000 }));
    let large = vec![b'x'; 5_000_000];
    shop.live.answer(move |received| match received.target.as_str() {
        "/orders/large" => Reply::Full { status: 200, headers: vec![], body: large.clone() },
        _ => Reply::json(200, r#"{"ok":true}"#),
    });
    shop
}

/// Runs a program; panics if it is not there: a test that skips itself tests nothing.
fn run(program: &str, package: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} is missing ({error}): run `cargo xtask test`, or install the package {package}")
    });
    assert!(output.status.success(), "{output:?}");
    output
}

#[test]
fn python_clients_are_served_and_misbehaviour_reaches_no_upstream() {
    let shop = shop();
    let base = format!("http://{}", shop.platform.gateway);
    let outcome = run_python("http2_clients.py", &json!({ "key": shop.client.key, "base": base }));
    let well = &outcome["well_behaved"];
    assert_eq!(well["all"], json!([["HTTP/2", 200]]), "{outcome}");
    assert_eq!(well["large"], 5_000_000);
    assert_eq!(well["upload"], 200);
    assert_eq!(well["refused"], json!([401, "malformed_credentials"]));
    assert_eq!(well["cookies"], 200);
    assert_eq!(outcome["interleaved"], "status 200", "{outcome}");
    for name in ["after_the_end", "upper_case", "line_break"] {
        assert_eq!(outcome[name], "goaway 1", "{name}: {outcome}");
    }
    assert_eq!(outcome["same_stream_again"], json!(["status 200", "goaway 1"]), "{outcome}");
    for name in ["coding", "path", "length"] {
        assert_eq!(outcome[name], "reset 1", "{name}: {outcome}");
    }
    let interleaved = |stream: u32| {
        let body = format!("{stream},").repeat(5).into_bytes();
        shop.live.requests().iter().any(|received| received.complete && received.body == body)
    };
    wait_until("all interleaved bodies are there, whole", || (1..20).step_by(2).all(interleaved));
    let requests = shop.live.requests();
    assert!(requests.iter().all(|received| received.header("via") == Some("2.0 tollbar")));
    assert!(requests.iter().any(|received| received.header("cookie") == Some("a=1; b=2")));
    assert!(requests.iter().any(|received| received.complete && received.body.len() == 2_000_000));
}

#[test]
fn curl_is_served() {
    let shop = shop();
    let key = format!("x-api-key: {}", shop.client.key);
    let url = format!("http://{}/v1/orders", shop.platform.gateway);
    let common = [
        "-sS",
        "--noproxy",
        "*",
        "--http2-prior-knowledge",
        "-H",
        &key,
        "-w",
        "|%{http_version}|%{http_code}",
    ];
    let call = |more: &[&str]| {
        let arguments: Vec<&str> = common.iter().chain(more).copied().collect();
        String::from_utf8(run("curl", "curl", &arguments).stdout).unwrap()
    };
    assert_eq!(call(&[&url]), r#"{"ok":true}|2|200"#);
    let json = ["-H", "content-type: application/json", "-d", "{}"];
    assert_eq!(call(&[&json[..], &[&url]].concat()), r#"{"ok":true}|2|200"#);
    assert!(call(&[&json[..], &["-H", "expect: 100-continue", &url]].concat()).ends_with("|2|200"));
    assert!(call(&[&format!("{url}/large")]).ends_with("x|2|200"));
    assert!(call(&["-H", "x-api-key: wrong", &url]).ends_with("|2|401"));
}

#[test]
fn twenty_thousand_requests_over_ten_connections_all_succeed() {
    let shop = shop();
    let key = format!("x-api-key: {}", shop.client.key);
    let url = format!("http://{}/v1/orders", shop.platform.gateway);
    let output = run("h2load", "nghttp2-client", &["-n", "20000", "-c", "10", "-m", "20", "-H", &key, &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("20000 succeeded, 0 failed, 0 errored, 0 timeout"), "{text}");
    assert!(text.contains("status codes: 20000 2xx"), "{text}");
}
