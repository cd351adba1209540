//! Importing: a document that cannot be used changes nothing, and one that can takes the place of another at once.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{import, message};
use crate::support::{Connection, Reply, Shop, Upstream};

const IMPORTS: usize = 16;
const CALLERS: usize = 3;

fn paths(paths: &str) -> String {
    format!("openapi: 3.0.3\ninfo: {{ title: Other, version: \"2\" }}\npaths:\n{paths}")
}

#[test]
fn a_document_that_cannot_be_used_is_refused_with_the_reason_and_changes_nothing() {
    let shop = Shop::open();
    let (apis, endpoints) = (shop.platform.read("/apis"), shop.platform.read("/apis/endpoints"));
    let elsewhere = Upstream::start();
    let remote = format!(
        "  /a:\n    get:\n      parameters: [{{ $ref: \"{}/p.yaml#/P\" }}]\n      responses: {{}}\n",
        elsewhere.url()
    );
    let file = "  /a:\n    get:\n      parameters: [{ $ref: \"/etc/hostname#/P\" }]\n      responses: {}\n";
    let cycle = "  /a:\n    get:\n      parameters: [{ $ref: \"#/x-a\" }]\n      responses: {}\nx-a: { $ref: \"#/x-b\" }\nx-b: { $ref: \"#/x-a\" }\n";
    let twins = "  /a/{x}:\n    get: { responses: {} }\n  /a/{y}:\n    get: { responses: {} }\n";
    let deep = format!("{{\"openapi\":\"3.1.0\",\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (document, words) in [
        (paths("  /a:\n    get: { responses: {} }\n   /b: oops: [\n"), &["line 6"][..]),
        ("{\"openapi\": \"3.0.3\",\n\"info\": {,}}".to_owned(), &["line 2"]),
        (
            "swagger: \"1.2\"\ninfo: { title: Old, version: \"1\" }\npaths: {}\n".to_owned(),
            &["line 1", "Swagger 1.2", "OpenAPI 3"],
        ),
        ("openapi: 4.0.0\ninfo: { title: New, version: \"1\" }\npaths: {}\n".to_owned(), &["4.0.0"]),
        ("openapi: 3.1.0\nwebhooks: { a: { post: {} } }\n".to_owned(), &["no operation", "webhooks only"]),
        (paths(&remote), &["line 6", "$ref"]),
        (paths(file), &["$ref"]),
        (paths(cycle), &["$ref"]),
        (paths(twins), &["line 7", "/a/{x}", "/a/{y}"]),
        (paths("  {}\n"), &["no operation"]),
        (String::new(), &["document"]),
        ("just words".to_owned(), &["document"]),
        (deep, &["document"]),
    ] {
        let start: String = document.chars().take(200).collect();
        let refused = import(&shop.platform, &json!({ "document": document, "upstream": elsewhere.url() }));
        assert_eq!(refused.status, 400, "{start}\n{refused:?}");
        let message = message(&refused);
        assert!(message.starts_with("document: "), "{start}\n{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{words:?} in {message}\n{start}");
        assert!(message.len() < 2000, "{message}");
        assert_eq!(shop.get("/v1/orders").status, 200, "after {start}");
    }
    for (fields, status) in [
        (json!({ "document": "x".repeat(50 * 1024 * 1024), "upstream": elsewhere.url() }), 413),
        (json!({ "base": "/v1/../x", "upstream": elsewhere.url() }), 400),
        (json!({ "base": "/sandbox/v1", "upstream": elsewhere.url() }), 400),
        (json!({ "upstream": elsewhere.url(), "upstream_errors": "hide" }), 400),
        (json!({ "upstream": elsewhere.url(), "sandbox": elsewhere.url() }), 400),
    ] {
        let refused = import(&shop.platform, &fields);
        let fields: String = fields.to_string().chars().take(200).collect();
        assert_eq!(refused.status, status, "{fields}: {refused:?}");
    }
    assert_eq!(shop.platform.read("/apis"), apis);
    assert_eq!(shop.platform.read("/apis/endpoints"), endpoints);
    assert_eq!(elsewhere.bytes_seen(), 0, "nothing is ever fetched");
}

#[test]
fn own_routes_that_hide_imported_ones_are_reported_and_can_be_moved() {
    let document =
        paths("  /account:\n    get: { tags: [money], responses: {} }\n  /a:\n    get: { responses: {} }\n");
    let warned = Shop::open();
    let fields = json!({ "document": document, "base": "/v2", "upstream": warned.live.url() });
    let imported = import(&warned.platform, &fields);
    assert_eq!(imported.status, 201, "{imported:?}");
    let warnings = imported.json()["warnings"].to_string();
    assert!(warnings.contains("/account") && warnings.contains("own_prefix"), "{warnings}");
    assert_eq!(warned.get("/v2/account").json()["data"]["client"]["name"], "acme");
    assert_eq!(warned.live.count(), 0);

    let moved = Shop::open_with(crate::support::Platform::with().set("routes.own_prefix", "/-"));
    let fields = json!({ "document": document, "base": "/v2", "upstream": moved.live.url() });
    let imported = import(&moved.platform, &fields);
    assert_eq!(imported.json()["warnings"], json!([]));
    let client = moved.client("teller", &json!({ "scopes": ["money:read"] }));
    let theirs = moved.call_as(&client.key, "GET", "/v2/account", &[], b"");
    assert_eq!((theirs.status, theirs.text()), (200, r#"{"ok":true}"#.to_owned()));
    let ours = moved.call_as(&client.key, "GET", "/v2/-/account", &[], b"");
    assert_eq!(ours.json()["data"]["client"]["name"], "teller");
}

/// One of two documents that differ in everything but the path.
fn document(name: &str) -> String {
    paths(&format!(
        "  /thing:\n    get: {{ tags: [{name}], responses: {{}} }}\n  /only-{name}:\n    get: {{ tags: [{name}], responses: {{}} }}\n"
    ))
}

#[test]
fn importing_again_under_load_fails_no_request_and_mixes_none() {
    let platform = crate::support::Platform::with().set("requests.successes_per_second", "100000");
    let shop = Shop::open_with(platform);
    let upstreams = ["one", "two"].map(|name| {
        let body = format!(r#"{{"from":"{name}"}}"#);
        Upstream::answering(move |_| Reply::json(200, &body))
    });
    let put = |which: usize| {
        let name = ["one", "two"][which];
        let upstream = format!("{}/{name}", upstreams[which].url());
        let fields = json!({ "document": document(name), "base": "/live", "upstream": upstream });
        let imported = import(&shop.platform, &fields);
        assert_eq!(imported.status, 201, "{imported:?}");
    };
    put(0);
    shop.platform.change("PUT", "/tiers/bulk", &json!({ "rate_per_minute": 4_000_000 }));
    let client = shop.client(
        "caller",
        &json!({
            "tier": "bulk", "allowance": 10_000_000, "scopes": ["one:read", "two:read"],
        }),
    );
    let stop = AtomicBool::new(false);
    let answers: Vec<(String, String)> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = Vec::new();
                    let mut connection = Connection::open(shop.platform.gateway);
                    while !stop.load(Ordering::SeqCst) {
                        let key = &client.key;
                        connection
                            .send(format!("GET /live/thing HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n"));
                        let answer = connection.receive();
                        assert_eq!(answer.status, 200, "{answer:?}");
                        let from = answer.json()["from"].as_str().unwrap().to_owned();
                        answers.push((answer.request_id(), from));
                    }
                    answers
                })
            })
            .collect();
        for n in 0..IMPORTS {
            put((n + 1) % 2);
            let seen = upstreams[(n + 1) % 2].count();
            // Each catalogue is called before the next one comes.
            upstreams[(n + 1) % 2].wait_for(seen + 1);
            let bad = import(
                &shop.platform,
                &json!({ "document": "openapi: [", "base": "/live", "upstream": "http://127.0.0.1:1" }),
            );
            assert_eq!(bad.status, 400);
        }
        stop.store(true, Ordering::SeqCst);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    for (name, upstream) in ["one", "two"].iter().zip(&upstreams) {
        let target = format!("/{name}/thing");
        assert!(
            upstream.requests().iter().all(|request| request.target == target),
            "{name} saw another path"
        );
    }
    // Whose upstream answered is whose scope was required.
    for (id, from) in answers.iter().step_by(answers.len().div_ceil(1000)) {
        let entry = shop.look_up(id);
        let scope = entry["steps"].as_array().unwrap().iter().find(|step| step["stage"] == "scope").unwrap();
        let detail = scope["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("{from}:read required")), "{from}: {detail}");
    }
    let both: std::collections::BTreeSet<&str> = answers.iter().map(|(_, from)| from.as_str()).collect();
    assert_eq!(both.len(), 2);
    let total: usize = upstreams.iter().map(Upstream::count).sum();
    assert_eq!(total, answers.len());
    // What the old document had and the new one has not is gone at once.
    put(0);
    let gone = shop.call_as(&client.key, "GET", "/live/only-two", &[], b"");
    assert_eq!(gone.code(), "not_found");
    let there: Value = shop.call_as(&client.key, "GET", "/live/only-one", &[], b"").json();
    assert_eq!(there["from"], "one");
}
