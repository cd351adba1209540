//! OAuth2 clients that others wrote get tokens from the real token endpoint, and use them.

use serde_json::{Value, json};

use crate::support::{Shop, run_node, run_python};

const METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// A shop and what a client has to know of it.
fn task() -> (Shop, Value) {
    let shop = Shop::open();
    let (id, secret) = shop.oauth("acme", "live");
    let gateway = format!("http://{}", shop.platform.gateway);
    let task = json!({
        "issuer": format!("{gateway}/v1"),
        "token_endpoint": format!("{gateway}/v1/oauth/token"),
        "resource": format!("{gateway}/v1/orders?limit=5"),
        "client_id": id,
        "client_secret": secret,
        "wrong_secret": format!("{secret}x"),
        "scope": "orders:read reports:read",
    });
    (shop, task)
}

/// The token is as RFC 6749 has it, and opened the endpoint.
fn assert_served(outcome: &Value, what: &str) {
    let token = &outcome["token"];
    assert_eq!(outcome["status"], 200, "{what}: {outcome}");
    assert_eq!(outcome["body"], json!({ "ok": true }), "{what}");
    assert!(token["access_token"].as_str().is_some_and(|text| text.split('.').count() == 3), "{what}");
    assert!(token["token_type"].as_str().unwrap().eq_ignore_ascii_case("bearer"), "{what}: {token}");
    assert_eq!(token["expires_in"], 3600, "{what}: a number");
}

#[test]
fn python_clients_get_tokens_and_use_them_and_understand_a_refusal() {
    let (shop, task) = task();
    let outcome = run_python("python_clients.py", &task);
    for client in ["authlib", "requests_oauthlib"] {
        for method in METHODS {
            let what = format!("{client}, {method}");
            let attempts = &outcome[client][method];
            assert_served(&attempts["right"], &what);
            let refused = &attempts["wrong"];
            assert!(refused["failed"].is_string(), "{what}: {refused}");
            // Both hand over `error` as it stands in the answer, which is the envelope's.
            assert_eq!(refused["error"]["code"], "invalid_client", "{what}: {refused}");
            let text = refused["text"].as_str().unwrap();
            assert!(text.contains("invalid_client"), "{what}: {text}");
            assert!(!text.contains(task["wrong_secret"].as_str().unwrap()), "{what}: {text}");
        }
    }
    assert_eq!(shop.live.count(), 4);
    for received in shop.live.requests() {
        assert_eq!(received.header("authorization"), None);
        assert_eq!(received.header("x-tollbar-scopes"), Some("orders:read reports:read"));
    }
}

#[test]
fn openid_client_finds_the_endpoint_gets_tokens_and_understands_a_refusal() {
    let (shop, task) = task();
    let outcome = run_node("openid_client.mjs", &task);
    for method in METHODS {
        let (served, refused) = (&outcome[method]["right"], &outcome[method]["wrong"]);
        assert_served(served, method);
        assert_eq!(served["token_endpoint"], task["token_endpoint"], "{method}");
        assert_eq!(served["token"]["scope"], task["scope"], "{method}");
        assert_eq!(refused["status"], 401, "{method}: {refused}");
        let envelope = &refused["body"];
        assert_eq!(envelope["error"]["code"], "invalid_client", "{method}: {refused}");
        assert_eq!(envelope["success"], false, "{method}: {refused}");
        assert!(envelope["meta"]["request_id"].is_string(), "{method}: {refused}");
    }
    assert_eq!(shop.live.count(), 2);
}
