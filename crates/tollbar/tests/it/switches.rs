//! Off-switches: for the platform, a category, an endpoint; in one environment or both; with a message and an end.

use serde_json::{Value, json};

use crate::support::{Platform, Response, Shop, Upstream, get, wait_until};

fn throw(shop: &Shop, body: &Value) -> Value {
    shop.platform.change("POST", "/switches", body)
}

fn take_back(shop: &Shop, body: &Value) -> usize {
    shop.platform.change("POST", "/switches/on", body)["removed"].as_array().unwrap().len()
}

fn live(shop: &Shop, target: &str) -> Response {
    shop.get(target)
}

fn sandbox(shop: &Shop, target: &str) -> Response {
    shop.call_as(&shop.client.sandbox_key, "GET", &format!("/sandbox{target}"), &[], b"")
}

fn status(shop: &Shop, target: &str) -> (u16, u16) {
    (live(shop, target).status, sandbox(shop, target).status)
}

#[test]
fn a_switch_holds_in_its_environment_or_in_both() {
    let shop = Shop::open();
    for (target, hit) in [
        (json!({ "kind": "platform" }), "/v1/events"),
        (json!({ "kind": "category", "name": "orders" }), "/v1/orders"),
        (json!({ "kind": "endpoint", "method": "get", "path": "/v1/orders/{id}" }), "/v1/orders/5"),
    ] {
        for (environment, expected) in
            [(Value::Null, (503, 503)), (json!("live"), (503, 200)), (json!("sandbox"), (200, 503))]
        {
            let body = json!({ "target": target, "environment": environment });
            throw(&shop, &body);
            assert_eq!(status(&shop, hit), expected, "{body}");
            assert_eq!(take_back(&shop, &body), 1);
            assert_eq!(status(&shop, hit), (200, 200), "{body} taken back");
        }
        // Thrown for both, taken back for one: it stays in the other.
        throw(&shop, &json!({ "target": target }));
        assert_eq!(take_back(&shop, &json!({ "target": target, "environment": "live" })), 1);
        assert_eq!(status(&shop, hit), (200, 503), "{target}");
        assert_eq!(take_back(&shop, &json!({ "target": target })), 1);
        assert_eq!(status(&shop, hit), (200, 200), "{target}");
    }
}

#[test]
fn a_switch_hits_what_it_names_and_nothing_else() {
    let shop = Shop::open();
    throw(&shop, &json!({ "target": { "kind": "endpoint", "method": "GET", "path": "/v1/orders/{id}" } }));
    assert_eq!(live(&shop, "/v1/orders/5").code(), "endpoint_disabled");
    assert_eq!(shop.call("HEAD", "/v1/orders/5", &[], b"").status, 503, "HEAD is GET without a body");
    for (method, target) in [("GET", "/v1/orders"), ("GET", "/v1/orders/latest"), ("DELETE", "/v1/orders/5")]
    {
        assert_eq!(shop.call(method, target, &[], b"").status, 200, "{method} {target}");
    }
    throw(&shop, &json!({ "target": { "kind": "category", "name": "orders" } }));
    for (method, target) in [("GET", "/v1/orders"), ("GET", "/v1/orders/latest"), ("DELETE", "/v1/orders/5")]
    {
        assert_eq!(shop.call(method, target, &[], b"").code(), "endpoint_disabled", "{method} {target}");
    }
    assert_eq!(live(&shop, "/v1/events").status, 200);
    // What exists and is off still is told apart from what does not exist, and OPTIONS from both.
    assert_eq!(live(&shop, "/v1/nothing").code(), "not_found");
    assert_eq!(shop.call("PUT", "/v1/orders", &[], b"").code(), "method_not_allowed");
    assert_eq!(shop.call("OPTIONS", "/v1/orders", &[], b"").status, 204);
}

#[test]
fn the_message_and_the_end_reach_the_partner() {
    let shop = Shop::open();
    let target = json!({ "kind": "category", "name": "orders" });
    throw(&shop, &json!({ "target": target }));
    let plain = live(&shop, "/v1/orders");
    assert_eq!((plain.status, plain.code()), (503, "endpoint_disabled".to_owned()));
    assert_eq!(plain.number("retry-after"), 60);
    let message = "Orders are moving house until 14:00 UTC. \"Nothing\" is lost — promised.";
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1000);
    throw(&shop, &json!({ "target": target, "message": message, "until": until.to_string() }));
    let told = live(&shop, "/v1/orders");
    assert_eq!((told.code(), told.message()), ("endpoint_disabled".to_owned(), message.to_owned()));
    assert!((990..=1000).contains(&told.number("retry-after")), "{told:?}");
    assert_eq!(shop.platform.read("/switches")["switches"].as_array().unwrap().len(), 1, "replaced");
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    let still = live(&shop, "/v1/orders");
    assert_eq!((still.code(), still.message()), ("endpoint_disabled".to_owned(), message.to_owned()));
    throw(&shop, &json!({ "target": { "kind": "platform" }, "message": "Closed." }));
    let closed = live(&shop, "/v1/orders");
    assert_eq!((closed.code(), closed.message()), ("api_platform_disabled".to_owned(), "Closed.".to_owned()));
    assert_eq!((shop.live.bytes_seen(), shop.used("acme")), (0, 0));
}

#[test]
fn a_switch_ends_by_itself() {
    let shop = Shop::open();
    let until = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1200)).to_string();
    for target in [json!({ "kind": "platform" }), json!({ "kind": "category", "name": "orders" })] {
        throw(&shop, &json!({ "target": target, "until": until }));
    }
    let off = live(&shop, "/v1/orders");
    assert_eq!(off.status, 503);
    assert!((1..=2).contains(&off.number("retry-after")), "{off:?}");
    wait_until("the switch has ended", || live(&shop, "/v1/orders").status == 200);
    assert!(jiff::Timestamp::now() >= until.parse().unwrap(), "not before its end");
    assert_eq!(shop.platform.read("/switches"), json!({ "switches": [] }));
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(live(&shop, "/v1/orders").status, 200);
}

#[test]
fn a_category_is_named_as_the_document_names_it() {
    const DOCUMENT: &str = r##"{ "openapi": "3.0.3", "info": { "title": "x", "version": "1" }, "paths": {
        "/a": { "get": { "tags": ["Order desk / Käufe"], "responses": { "200": { "description": "ok" } } } },
        "/b": { "get": { "tags": ["Order desk"], "responses": { "200": { "description": "ok" } } } } } }"##;
    let shop = Shop::open();
    let upstream = Upstream::start();
    let api = json!({ "document": DOCUMENT, "base": "/v2", "upstream": upstream.url() });
    let imported = shop.platform.change("POST", "/apis", &api);
    shop.platform.change("PATCH", "/clients/acme", &json!({ "add_scopes": imported["scopes"] }));
    let both = || (live(&shop, "/v2/a").status, live(&shop, "/v2/b").status);
    assert_eq!(both(), (200, 200));
    throw(&shop, &json!({ "target": { "kind": "category", "name": "Order desk / Käufe" } }));
    assert_eq!(both(), (503, 200));
    throw(&shop, &json!({ "target": { "kind": "category", "name": "Order desk" } }));
    assert_eq!(both(), (503, 503));
    assert_eq!(
        take_back(&shop, &json!({ "target": { "kind": "category", "name": "Order desk / Käufe" } })),
        1
    );
    assert_eq!(both(), (200, 503));
}

#[test]
fn a_switch_that_would_hit_nothing_is_refused_and_near_names_are_told() {
    let shop = Shop::open();
    for path in ["/switches", "/switches/on"] {
        for (target, near) in [
            (json!({ "kind": "category", "name": "order" }), "orders"),
            (json!({ "kind": "category", "name": "Orders" }), "orders"),
            (json!({ "kind": "endpoint", "method": "GET", "path": "/v1/order" }), "GET /v1/orders"),
            (json!({ "kind": "endpoint", "method": "GET", "path": "/orders" }), "GET /v1/orders"),
            (json!({ "kind": "endpoint", "method": "PUT", "path": "/v1/orders" }), "/v1/orders"),
        ] {
            let refused = shop.platform.admin("POST", path, Some(&json!({ "target": target })));
            assert_eq!(refused.status, 404, "{target}: {refused:?}");
            let answer = refused.json();
            assert!(answer["error"]["message"].as_str().unwrap().contains(near), "{target}: {answer}");
        }
    }
    for (body, named) in [
        (json!({}), "target"),
        (json!({ "target": { "kind": "client" } }), "client"),
        (json!({ "target": { "kind": "platform" }, "environment": "staging" }), "staging"),
        (json!({ "target": { "kind": "platform" }, "until": "2020-01-01" }), "until"),
        (json!({ "target": { "kind": "platform" }, "message": "two\r\nlines" }), "message"),
    ] {
        let refused = shop.platform.admin("POST", "/switches", Some(&body));
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
        assert!(refused.text().contains(named), "{body}: {refused:?}");
    }
    assert_eq!(live(&shop, "/v1/orders").status, 200);
}

#[test]
fn polling_what_is_off_costs_no_rate() {
    let shop = Shop::open();
    let client = shop.client("poller", &json!({ "tier": "basic" }));
    let call = || shop.call_as(&client.key, "GET", "/v1/orders", &[], b"");
    let before = call().number("x-ratelimit-remaining");
    throw(&shop, &json!({ "target": { "kind": "category", "name": "orders" } }));
    for _ in 0..100 {
        let polled = call();
        assert_eq!(polled.code(), "endpoint_disabled");
        assert_eq!(polled.number("x-ratelimit-remaining"), before);
    }
    throw(&shop, &json!({ "target": { "kind": "platform" } }));
    for _ in 0..100 {
        assert_eq!(call().code(), "api_platform_disabled");
    }
    take_back(&shop, &json!({ "target": { "kind": "platform" } }));
    take_back(&shop, &json!({ "target": { "kind": "category", "name": "orders" } }));
    assert_eq!(call().number("x-ratelimit-remaining"), before - 1);
    assert_eq!(shop.used(&client.id), 2);
}

#[test]
fn a_platform_that_is_off_says_so_to_whoever_asks_for_its_health() {
    let shop = Shop::open_with(Platform::with());
    throw(&shop, &json!({ "target": { "kind": "platform" }, "environment": "live" }));
    let gateway = shop.platform.gateway;
    let off = get(gateway, "/v1/health", &[]);
    assert_eq!((off.status, &off.json()["status"]), (503, &json!("degraded")));
    assert_eq!(off.json()["checks"], json!({ "database": "ok", "platform": "disabled" }));
    off.number("retry-after");
    let on = get(gateway, "/sandbox/v1/health", &[]);
    assert_eq!((on.status, &on.json()["checks"]["platform"]), (200, &json!("operational")));
    // Credentials, paths and our own routes come after it.
    for target in ["/v1/orders", "/v1/account", "/v1/oauth/jwks", "/v1/nothing", "/nowhere"] {
        assert_eq!(get(gateway, target, &[]).code(), "api_platform_disabled", "{target}");
    }
    // A load balancer is told nothing of it.
    assert_eq!(get(shop.platform.ops, "/readyz", &[]).status, 200);
}
