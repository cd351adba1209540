//! Tollbar's own routes, `OPTIONS` and `HEAD`.

use serde_json::{Value, json};

use crate::support::{Reply, Response, Shop, get, request};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn health_tells_partners_in_one_shape_whether_the_platform_is_up() {
    let shop = Shop::open();
    let ask = |method: &str, target: &str| request(shop.platform.gateway, method, target, &[], b"");
    let check = |target: &str, status: u16, overall: &str, platform: &str| {
        let response = ask("GET", target);
        assert_eq!(response.status, status, "{response:?}");
        let body = response.json();
        assert_eq!(keys(&body), ["status", "timestamp", "version", "checks"]);
        assert_eq!(keys(&body["checks"]), ["database", "platform"]);
        assert_eq!(body["status"], overall);
        assert_eq!(body["version"], "v1");
        assert_eq!(body["checks"], json!({ "database": "ok", "platform": platform }));
        let timestamp: jiff::Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(timestamp.duration_until(jiff::Timestamp::now()).as_secs().abs() <= 2, "{timestamp}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.header("retry-after").is_some(), status == 503);
        response.request_id();
        let head = ask("HEAD", target);
        assert_eq!((head.status, head.body.len()), (status, 0));
        assert_eq!(head.number("content-length"), u64::try_from(response.body.len()).unwrap());
    };
    for target in ["/v1/health", "/sandbox/v1/health"] {
        check(target, 200, "ok", "operational");
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            let response = ask(method, target);
            assert_eq!((response.status, response.code().as_str()), (405, "method_not_allowed"), "{method}");
            assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
        assert_eq!(ask("OPTIONS", target).status, 204);
    }
    // A category switch is none of its business; the platform's in one environment is that one's.
    let off = |target: Value| shop.platform.change("POST", "/switches", &target);
    off(json!({ "target": { "kind": "category", "name": "orders" } }));
    check("/v1/health", 200, "ok", "operational");
    off(json!({ "target": { "kind": "platform" }, "environment": "sandbox" }));
    check("/v1/health", 200, "ok", "operational");
    check("/sandbox/v1/health", 503, "degraded", "disabled");
    off(json!({ "target": { "kind": "platform" }, "environment": "live" }));
    check("/v1/health", 503, "degraded", "disabled");
    // All other routes of ours are off with the platform; the ops listener knows nothing of it.
    for target in
        ["/v1/account", "/v1/oauth/jwks", "/.well-known/oauth-authorization-server/v1", "/v1/nothing"]
    {
        assert_eq!(ask("GET", target).code(), "api_platform_disabled", "{target}");
    }
    for target in ["/livez", "/readyz"] {
        assert_eq!(get(shop.platform.ops, target, &[]).status, 200, "{target}");
    }
    assert_eq!(shop.live.bytes_seen() + shop.sandbox.bytes_seen(), 0);
}

#[test]
fn account_tells_a_client_what_it_has_and_what_is_used() {
    let shop = Shop::open();
    shop.platform.change("PUT", "/tiers/ten", &json!({ "rate_per_minute": 10 }));
    let fields = json!({ "tier": "ten", "allowance": 9, "scopes": ["orders:read", "events:read"], "write_enabled": false });
    let client = shop.client("umbrella", &fields);
    let ask = |key: &str, target: &str| shop.call_as(key, "GET", target, &[], b"");
    assert_eq!(ask(&client.key, "/v1/orders").status, 200);
    for number in 2..4 {
        let response = ask(&client.key, "/v1/account");
        assert_eq!(response.status, 200);
        let body = response.json();
        assert_eq!(keys(&body), ["success", "data", "meta"]);
        assert_eq!(body["success"], true);
        assert_eq!(body["meta"], json!({ "request_id": response.request_id(), "version": "v1" }));
        let reset = response.number("x-ratelimit-reset");
        let month_end = response.number("x-allowance-reset");
        let expected = json!({
            "client": { "id": client.id, "name": "umbrella" },
            "environment": "live",
            "credential": client.key_id,
            "scopes": ["events:read", "orders:read"],
            "tier": "ten",
            "access_enabled": true,
            "write_enabled": false,
            "rate": { "limit": 10, "remaining": 10 - number, "reset": reset },
            "allowance": { "limit": 9, "used": 1, "remaining": 8, "reset": month_end, "overage": "block" },
        });
        assert_eq!(body["data"], expected, "the rate is taken, the allowance is not");
        assert_eq!(response.number("x-ratelimit-remaining"), 10 - number);
    }
    let sandbox = ask(&client.sandbox_key, "/sandbox/v1/account").json();
    assert_eq!(sandbox["data"]["environment"], "sandbox");
    assert_eq!(sandbox["data"]["allowance"]["used"], 0);
    assert_eq!(shop.live.count(), 1, "it is answered here");
    assert!(!sandbox.to_string().contains(&client.sandbox_key));
}

#[test]
fn account_passes_stages_1_to_7_and_13_and_no_others() {
    let shop = Shop::open();
    let client = shop.client("umbrella", &json!({ "scopes": [], "access_enabled": false, "allowance": 0 }));
    let ask = |method: &str, key: &str, target: &str| shop.call_as(key, method, target, &[], b"");
    let path = format!("/clients/{}", client.id);
    assert_eq!(ask("GET", &client.key, "/v1/account").status, 200);
    assert_eq!(ask("GET", &client.sandbox_key, "/v1/account").code(), "credential_environment_mismatch");
    assert_eq!(get(shop.platform.gateway, "/v1/account", &[]).code(), "missing_credentials");
    let post = ask("POST", &client.key, "/v1/account");
    assert_eq!(
        (post.code().as_str(), post.header("allow")),
        ("method_not_allowed", Some("GET, HEAD, OPTIONS"))
    );
    shop.platform.change("PUT", "/tiers/two", &json!({ "rate_per_minute": 2 }));
    shop.platform.change("PATCH", &path, &json!({ "tier": "two" }));
    assert_eq!(ask("HEAD", &client.key, "/v1/account").status, 200);
    assert_eq!(ask("GET", &client.key, "/v1/account").code(), "rate_limit_exceeded");
    shop.platform.change("PATCH", &path, &json!({ "allow_ips": ["192.0.2.1/32"] }));
    assert_eq!(ask("GET", &client.key, "/v1/account").code(), "ip_not_allowed");
    shop.platform.change("POST", &format!("{path}/suspend"), &json!({}));
    assert_eq!(ask("GET", &client.key, "/v1/account").code(), "client_suspended");
}

#[test]
fn options_answers_with_the_methods_of_the_path_to_whoever_may_call() {
    let shop = Shop::open();
    let client = shop.client("umbrella", &json!({ "scopes": [], "access_enabled": false, "allowance": 0 }));
    let ask = |key: &str, target: &str| shop.call_as(key, "OPTIONS", target, &[], b"");
    for (target, allow) in [
        ("/v1/orders", "GET, POST, HEAD, OPTIONS"),
        ("/v1/orders/7", "GET, DELETE, HEAD, OPTIONS"),
        ("/v1/payments", "POST, OPTIONS"),
        ("/v1/account", "GET, HEAD, OPTIONS"),
    ] {
        let response = ask(&client.key, target);
        assert_eq!(response.status, 204, "{target}: {response:?}");
        let sorted = |text: &str| {
            let mut methods: Vec<String> = text.split(", ").map(str::to_owned).collect();
            methods.sort();
            methods
        };
        assert_eq!(sorted(response.header("allow").unwrap()), sorted(allow), "{target}");
        // RFC 9110, section 8.6: a 204 has no Content-Length.
        assert_eq!(response.header("content-length"), None);
        let (limit, left) = (response.number("x-ratelimit-limit"), response.number("x-ratelimit-remaining"));
        assert_eq!(limit, left, "it is not counted");
        response.request_id();
    }
    assert_eq!(ask(&client.key, "/v1/nothing").code(), "not_found");
    assert_eq!(ask(&client.sandbox_key, "/v1/orders").code(), "credential_environment_mismatch");
    assert_eq!(ask("not-a-key-of-ours", "/v1/orders").code(), "invalid_api_key");
    let bare = request(shop.platform.gateway, "OPTIONS", "/v1/orders", &[], b"");
    assert_eq!(bare.code(), "missing_credentials");
    // What is asked for as `*` is no path of ours.
    assert_eq!(ask(&client.key, "*").code(), "invalid_request");
    // Neither the rate nor a category's switch concerns it; standing, address and the platform do.
    let path = format!("/clients/{}", client.id);
    let change = |method: &str, path: &str, body: Value| shop.platform.change(method, path, &body);
    change("PUT", "/tiers/one", json!({ "rate_per_minute": 1 }));
    change("PATCH", &path, json!({ "tier": "one" }));
    assert_eq!(shop.call_as(&client.key, "GET", "/v1/account", &[], b"").status, 200);
    change("POST", "/switches", json!({ "target": { "kind": "category", "name": "orders" } }));
    assert_eq!(ask(&client.key, "/v1/orders").status, 204);
    change("PATCH", &path, json!({ "allow_ips": ["192.0.2.1/32"] }));
    assert_eq!(ask(&client.key, "/v1/orders").code(), "ip_not_allowed");
    change("POST", &format!("{path}/suspend"), json!({}));
    assert_eq!(ask(&client.key, "/v1/orders").code(), "client_suspended");
    change("POST", "/switches", json!({ "target": { "kind": "platform" } }));
    assert_eq!(ask(&client.key, "/v1/orders").code(), "api_platform_disabled");
    assert_eq!(shop.live.bytes_seen(), 0, "it is not forwarded");
}

/// Without what differs from request to request.
fn lasting(response: &Response) -> Vec<(String, String)> {
    let fleeting =
        ["x-request-id", "date", "x-ratelimit-remaining", "x-ratelimit-reset", "x-allowance-remaining"];
    let mut headers = response.headers.clone();
    headers.retain(|(name, _)| !fleeting.contains(&name.as_str()));
    headers.sort();
    headers
}

#[test]
fn head_answers_as_get_does_without_the_body() {
    let shop = Shop::open();
    shop.live.answer(|_| Reply::json(200, r#"{"orders":[]}"#).with_header("ETag", "\"7\""));
    let (get, head) = (shop.get("/v1/orders"), shop.call("HEAD", "/v1/orders", &[], b""));
    assert_eq!((get.status, head.status), (200, 200));
    assert_eq!(head.number("content-length"), 13);
    assert_eq!(lasting(&get), lasting(&head));
    assert_eq!(shop.live.last().method, "HEAD");
    assert_eq!(head.number("x-ratelimit-remaining") + 1, get.number("x-ratelimit-remaining"));
    assert_eq!(shop.used(&shop.client.id), 2);
    // Errors of ours: the same head, and no body. The connection stays in step.
    let stranger = shop.client("stranger", &json!({ "scopes": ["orders:read"], "allowance": 0 }));
    for (key, target, status) in [
        (shop.client.key.as_str(), "/v1/nothing", 404),
        (&shop.client.key, "/v1/payments", 405),
        (&shop.client.key, "/v1/orders?limit=0", 400),
        (&shop.client.key, "/v1//orders", 400),
        (&shop.client.sandbox_key, "/v1/orders", 403),
        ("not-a-key-of-ours", "/v1/orders", 401),
        (&stranger.key, "/v1/events", 403),
        (&stranger.key, "/v1/orders", 429),
    ] {
        let ask = |method: &str| shop.call_as(key, method, target, &[], b"");
        let (get, head) = (ask("GET"), ask("HEAD"));
        assert_eq!((get.status, head.status), (status, status), "{target}");
        assert!(head.body.is_empty() && head.header("x-error-code").is_some());
        assert_eq!(lasting(&get), lasting(&head), "{target}");
    }
}

#[test]
fn after_an_answer_to_head_the_connection_is_in_step() {
    let shop = Shop::open();
    let mut connection = crate::support::Connection::open(shop.platform.gateway);
    let head = |target: &str| {
        format!("HEAD {target} HTTP/1.1\r\nHost: api\r\nX-API-Key: {}\r\n\r\n", shop.client.key)
    };
    for (target, status) in
        [("/v1/nothing", 404), ("/v1/orders", 200), ("/v1/health", 200), ("/v1/orders?limit=0", 400)]
    {
        connection.send(head(target));
        assert_eq!(connection.receive_to("HEAD").status, status, "{target}");
    }
    connection.send(head("/v1/orders").replace("HEAD", "GET"));
    assert_eq!(connection.receive().text(), r#"{"ok":true}"#);
}
