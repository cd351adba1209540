//! A request that waited, for its body or for a duplicate, is checked again before it is sent.

use serde_json::{Value, json};

use crate::support::{Connection, Gate, Reply, Shop, wait_until};

/// What happens while a `POST /v1/orders` waits, what it then gets, and what takes it back.
type Event = (&'static str, &'static str, Value, &'static str, Option<(&'static str, &'static str, Value)>);

fn events() -> Vec<Event> {
    let patch = |body: Value, code, undo: Value| {
        ("PATCH", "/clients/acme", body, code, Some(("PATCH", "/clients/acme", undo)))
    };
    let switch = |target: Value, code| {
        let body = json!({ "target": target });
        ("POST", "/switches", body.clone(), code, Some(("POST", "/switches/on", body)))
    };
    vec![
        switch(json!({ "kind": "platform" }), "api_platform_disabled"),
        (
            "POST",
            "/clients/acme/suspend",
            json!({}),
            "client_suspended",
            Some(("POST", "/clients/acme/resume", json!({}))),
        ),
        patch(json!({ "allow_ips": ["192.0.2.1"] }), "ip_not_allowed", json!({ "allow_ips": [] })),
        patch(json!({ "access_enabled": false }), "api_access_disabled", json!({ "access_enabled": true })),
        patch(
            json!({ "remove_scopes": ["orders:write"] }),
            "scope_missing",
            json!({ "add_scopes": ["orders:write"] }),
        ),
        patch(
            json!({ "write_enabled": false }),
            "api_write_scope_not_commercially_enabled",
            json!({ "write_enabled": true }),
        ),
        switch(json!({ "kind": "category", "name": "orders" }), "endpoint_disabled"),
        switch(json!({ "kind": "endpoint", "method": "POST", "path": "/v1/orders" }), "endpoint_disabled"),
        ("DELETE", "/apis?base=/v1", Value::Null, "not_found", None),
    ]
}

/// Sends the head of a POST and waits until the gateway asks for the body: stages 0 to 13 are passed.
fn begin(shop: &Shop, credential: &str, more: &str, length: usize) -> Connection {
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(format!(
        "POST /v1/orders HTTP/1.1\r\nHost: h\r\n{credential}\r\n{more}Content-Type: application/json\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(connection.receive_head().0, 100);
    connection
}

fn change(shop: &Shop, method: &str, path: &str, body: &Value) {
    let body = (!body.is_null()).then_some(body);
    let response = shop.platform.admin(method, path, body);
    assert!((200..300).contains(&response.status), "{method} {path}: {response:?}");
}

#[test]
fn what_changes_while_the_body_comes_holds_for_the_request() {
    let shop = Shop::open();
    let credential = format!("X-API-Key: {}", shop.client.key);
    for (n, (method, path, body, code, undo)) in events().into_iter().enumerate() {
        let mut waiting: Vec<Connection> = ["".to_owned(), format!("Idempotency-Key: key-{n}\r\n")]
            .iter()
            .map(|more| begin(&shop, &credential, more, 14))
            .collect();
        for connection in &mut waiting {
            connection.send(br#"{"item""#);
        }
        change(&shop, method, path, &body);
        for connection in &mut waiting {
            connection.send(br#":"pen"}"#);
            let response = connection.receive();
            assert_eq!(response.code(), code, "{path} {body}");
        }
        assert_eq!(shop.live.bytes_seen(), 0, "after {path} {body}");
        if let Some((method, path, undo)) = undo {
            change(&shop, method, path, &undo);
        }
    }
    assert_eq!(shop.used("acme"), 0);
}

#[test]
fn a_long_body_is_not_begun_to_be_sent_before_the_second_look() {
    const LENGTH: usize = 200 * 1024;
    let shop = Shop::open();
    let credential = format!("X-API-Key: {}", shop.client.key);
    let mut waiting = begin(&shop, &credential, "", LENGTH);
    waiting.send(vec![b' '; 32 * 1024]);
    change(&shop, "POST", "/clients/acme/suspend", &json!({}));
    let _ = waiting.try_send(vec![b' '; LENGTH - 32 * 1024]);
    assert_eq!(waiting.receive().code(), "client_suspended");
    assert_eq!((shop.live.bytes_seen(), shop.used("acme")), (0, 0));
    // What has begun to be sent is sent to its end.
    change(&shop, "POST", "/clients/acme/resume", &json!({}));
    let mut streaming = begin(&shop, &credential, "", LENGTH);
    streaming.send(vec![b' '; 100 * 1024]);
    wait_until("the upstream has the head", || shop.live.bytes_seen() > 0);
    change(&shop, "POST", "/clients/acme/suspend", &json!({}));
    streaming.send(vec![b' '; LENGTH - 100 * 1024]);
    assert_eq!(streaming.receive().status, 200);
    assert_eq!(shop.live.last().body.len(), LENGTH);
}

#[test]
fn a_refusal_after_waiting_leaves_the_idempotency_key_free() {
    let shop = Shop::open();
    let credential = format!("X-API-Key: {}", shop.client.key);
    let key = "Idempotency-Key: once\r\n";
    let mut waiting = begin(&shop, &credential, key, 2);
    change(&shop, "POST", "/clients/acme/suspend", &json!({}));
    waiting.send(b"{}");
    assert_eq!(waiting.receive().code(), "client_suspended");
    change(&shop, "POST", "/clients/acme/resume", &json!({}));
    let mut again = begin(&shop, &credential, key, 2);
    again.send(b"{}");
    let response = again.receive();
    assert_eq!((response.status, response.header("idempotent-replayed")), (200, None));
    assert_eq!((shop.live.count(), shop.used("acme")), (1, 1));
}

#[test]
fn a_credential_that_ends_while_the_body_comes_has_ended() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    for (path, body, code) in [
        ("/keys/{key}/revoke", json!({}), "revoked_api_key"),
        ("/oauth/{oauth}/revoke", json!({}), "revoked_token"),
        ("/tokens/revoke", json!({ "client": "acme" }), "revoked_token"),
    ] {
        let oauth = if path.starts_with("/tokens") { shop.oauth("acme", "live") } else { oauth.clone() };
        let credential = match code {
            "revoked_token" => format!("Authorization: Bearer {}", shop.token(&oauth)),
            _ => format!("X-API-Key: {}", shop.client.key),
        };
        let mut waiting = begin(&shop, &credential, "", 2);
        change(
            &shop,
            "POST",
            &path.replace("{key}", &shop.client.key_id).replace("{oauth}", &oauth.0),
            &body,
        );
        waiting.send(b"{}");
        assert_eq!(waiting.receive().code(), code, "{path}");
    }
    assert_eq!(shop.live.bytes_seen(), 0);
}

#[test]
fn who_waited_for_a_duplicate_in_vain_is_checked_before_being_sent() {
    let shop = Shop::open();
    let gate = Gate::default();
    let at = gate.clone();
    // 503 releases the key: the one that waits would be the next to execute.
    shop.live.answer(move |_| Reply::After(at.clone(), Box::new(Reply::json(503, "{}"))));
    let credential = format!("X-API-Key: {}", shop.client.key);
    let mut first = begin(&shop, &credential, "Idempotency-Key: once\r\n", 2);
    first.send(b"{}");
    shop.live.wait_for(1);
    let mut second = begin(&shop, &credential, "Idempotency-Key: once\r\n", 2);
    second.send(b"{}");
    change(&shop, "POST", "/clients/acme/suspend", &json!({}));
    gate.open();
    assert_eq!(first.receive().status, 500, "what was sent before ends as it would have");
    assert_eq!(second.receive().code(), "client_suspended");
    assert_eq!(shop.live.count(), 1);
    wait_until("the unit is given back", || shop.used("acme") == 0);
}
