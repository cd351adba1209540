//! The ops listener.

use serde_json::Value;

use crate::support::{Gate, Reply, Response, Shop, get, request, run_python, wait_until};

use super::import;

fn ops(shop: &Shop, target: &str) -> Response {
    get(shop.platform.ops, target, &[])
}

/// How many requests were counted with this code, category and environment.
fn counted(shop: &Shop, code: &str, category: &str, environment: &str) -> f64 {
    let metrics = metrics(shop);
    let labels = serde_json::json!({ "code": code, "category": category, "environment": environment });
    let samples = metrics["tollbar_requests"]["samples"].as_array();
    samples
        .into_iter()
        .flatten()
        .find(|sample| sample[1] == labels)
        .map_or(0.0, |sample| sample[2].as_f64().unwrap())
}

/// The metrics, as Prometheus' own parser reads them.
fn metrics(shop: &Shop) -> Value {
    let response = ops(shop, "/metrics");
    assert_eq!(response.status, 200);
    let content_type = response.header("content-type").unwrap();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
    run_python("openmetrics.py", &serde_json::json!({ "text": response.text() }))
}

#[test]
fn requests_are_counted_by_code_category_and_environment() {
    let shop = Shop::open();
    for _ in 0..3 {
        assert_eq!(shop.get("/v1/orders").status, 200);
    }
    let sandbox_key = &shop.client.sandbox_key;
    assert_eq!(shop.call_as(sandbox_key, "GET", "/sandbox/v1/events", &[], b"").status, 200);
    assert_eq!(shop.get("/v1/reports").code(), "invalid_request");
    let nobody = shop.client("nobody", &serde_json::json!({ "scopes": ["events:read"] }));
    assert_eq!(shop.call_as(&nobody.key, "GET", "/v1/orders", &[], b"").code(), "scope_missing");
    shop.live.answer(|_| Reply::json(502, "{}"));
    assert_eq!(shop.get("/v1/orders").code(), "internal_error");
    for (code, category, environment, count) in [
        ("ok", "orders", "live", 3.0),
        ("ok", "orders", "sandbox", 0.0),
        ("ok", "events", "sandbox", 1.0),
        ("invalid_request", "reports", "live", 1.0),
        ("scope_missing", "orders", "live", 1.0),
        ("internal_error", "orders", "live", 1.0),
    ] {
        assert_eq!(counted(&shop, code, category, environment), count, "{code} {category} {environment}");
    }
    let metrics = metrics(&shop);
    assert_eq!(metrics["tollbar_requests"]["type"], "counter");
    for family in metrics.as_object().unwrap().values() {
        assert!(!family["help"].as_str().unwrap().is_empty(), "{metrics}");
    }
}

#[test]
fn callers_cannot_make_labels_and_odd_categories_do_not_break_the_text() {
    let shop = Shop::open();
    let series = || metrics(&shop)["tollbar_requests"]["samples"].as_array().map_or(0, Vec::len);
    let before = series();
    for n in 0..50 {
        let missing = shop.get(&format!("/v1/made-up-{n}"));
        assert_eq!(missing.code(), "not_found");
        let unknown = request(shop.platform.gateway, &format!("MADE{n}"), &format!("/v{n}/x"), &[], b"");
        assert!(unknown.status >= 400);
    }
    let after = series();
    assert!(after <= before + 4, "{before} series became {after}");

    let document = r#"
openapi: 3.0.3
info: { title: Odd, version: "1" }
paths:
  /odd: { get: { tags: ["a \"quoted\" \\ back\\slash, {brace}=ü"], responses: {} } }
"#;
    let fields = serde_json::json!({ "document": document, "base": "/odd", "upstream": shop.live.url() });
    let imported = import(&shop.platform, &fields);
    assert_eq!(imported.status, 201, "{imported:?}");
    let scope = imported.json()["scopes"][0].as_str().unwrap().to_owned();
    let client = shop.client("odd", &serde_json::json!({ "scopes": [scope] }));
    assert_eq!(shop.call_as(&client.key, "GET", "/odd/odd", &[], b"").status, 200);
    assert_eq!(counted(&shop, "ok", r#"a "quoted" \ back\slash, {brace}=ü"#, "live"), 1.0);
}

#[test]
fn liveness_and_readiness_tell_a_load_balancer_when_to_go_elsewhere() {
    let shop = Shop::open();
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))));
    assert_eq!((ops(&shop, "/livez").status, ops(&shop, "/readyz").status), (200, 200));
    // A thrown switch is no reason to take the node out.
    let off = serde_json::json!({ "target": { "kind": "platform" } });
    shop.platform.change("POST", "/switches", &off);
    assert_eq!(shop.get("/v1/orders").status, 503);
    assert_eq!((ops(&shop, "/livez").status, ops(&shop, "/readyz").status), (200, 200));
    shop.platform.change("POST", "/switches/on", &off);

    let answer = std::thread::scope(|scope| {
        let accepted = scope.spawn(|| shop.get("/v1/orders"));
        shop.live.wait_for(1);
        shop.platform.terminate();
        wait_until("it says that it is draining", || ops(&shop, "/readyz").status == 503);
        assert_eq!(ops(&shop, "/livez").status, 200);
        gate.open();
        accepted.join().unwrap()
    });
    assert_eq!(answer.status, 200, "what was accepted is answered");
}

#[test]
fn it_tells_and_does_nothing_else() {
    let shop = Shop::open();
    for (method, target, status) in [
        ("GET", "/", 404),
        ("GET", "/admin/v1/status", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/livez", 405),
    ] {
        let bearer = format!("Bearer {}", shop.platform.token);
        let refused = request(shop.platform.ops, method, target, &[("Authorization", bearer.as_str())], b"");
        assert_eq!(refused.status, status, "{method} {target}");
    }
    // Nothing of clients: not their names, ids or keys.
    let text = ops(&shop, "/metrics").text();
    for secret in [&shop.client.id, &shop.client.key, &shop.client.key_id] {
        assert!(!text.contains(secret.as_str()), "{text}");
    }
    assert!(!text.contains("acme"), "{text}");
}
