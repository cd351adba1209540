//! What an operator changes is in force for the very next request: on connections that were open before, on every
//! data-plane thread, and after kill -9.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Connection, Platform, Shop, ShopClient, get};

/// A change: what is asked of the admin API. `{id}`, `{key}` and `{oauth}` stand for the client's own.
struct Change {
    method: &'static str,
    path: &'static str,
    body: Value,
    /// What the client's next request gets.
    code: &'static str,
    /// What takes it back, if anything can.
    undo: Option<(&'static str, &'static str, Value)>,
}

fn patch(body: Value, code: &'static str, undo: Value) -> Change {
    let path = "/clients/{id}";
    Change { method: "PATCH", path, body, code, undo: Some(("PATCH", path, undo)) }
}

fn switch(target: &Value, code: &'static str) -> Change {
    let body = json!({ "target": target });
    Change {
        method: "POST",
        path: "/switches",
        code,
        undo: Some(("POST", "/switches/on", body.clone())),
        body,
    }
}

fn last(method: &'static str, path: &'static str, body: Value, code: &'static str) -> Change {
    Change { method, path, body, code, undo: None }
}

/// Everything that can be changed about a client that calls `GET /v1/orders`; what cannot be undone comes last.
fn changes() -> Vec<Change> {
    vec![
        Change {
            undo: Some(("POST", "/clients/{id}/resume", json!({}))),
            ..last("POST", "/clients/{id}/suspend", json!({}), "client_suspended")
        },
        patch(
            json!({ "allow_ips": ["192.0.2.0/24"] }),
            "ip_not_allowed",
            json!({ "allow_ips": ["127.0.0.1"] }),
        ),
        patch(json!({ "access_enabled": false }), "api_access_disabled", json!({ "access_enabled": true })),
        patch(
            json!({ "remove_scopes": ["orders:read"] }),
            "scope_missing",
            json!({ "add_scopes": ["orders:read"] }),
        ),
        patch(json!({ "tier": "slow" }), "rate_limit_exceeded", json!({ "tier": "fast" })),
        patch(json!({ "allowance": 1 }), "api_usage_allowance_exceeded", json!({ "allowance": 100_000 })),
        Change {
            undo: Some(("PUT", "/tiers/fast", json!({ "rate_per_minute": 1_000_000 }))),
            ..last("PUT", "/tiers/fast", json!({ "rate_per_minute": 1 }), "rate_limit_exceeded")
        },
        switch(&json!({ "kind": "platform" }), "api_platform_disabled"),
        switch(&json!({ "kind": "category", "name": "orders" }), "endpoint_disabled"),
        switch(&json!({ "kind": "endpoint", "method": "GET", "path": "/v1/orders" }), "endpoint_disabled"),
        last("POST", "/keys/{key}/revoke", json!({}), "revoked_api_key"),
    ]
}

/// The shop, a client in a tier that nothing here uses up, and tiers that are.
fn open() -> (Shop, ShopClient) {
    let shop = Shop::open_with(Platform::with().set("gateway.threads", "4"));
    shop.platform.change("PUT", "/tiers/fast", &json!({ "rate_per_minute": 1_000_000 }));
    shop.platform.change("PUT", "/tiers/slow", &json!({ "rate_per_minute": 1 }));
    let client = shop.client("fast one", &json!({ "tier": "fast" }));
    (shop, client)
}

fn make(shop: &Shop, client: &ShopClient, (method, path, body): (&str, &str, &Value)) {
    let path = path.replace("{id}", &client.id).replace("{key}", &client.key_id);
    shop.platform.change(method, &path, body);
}

/// One request on a connection that stays open: `200`, or the code.
fn ask(connection: &mut Connection, credential: &str) -> String {
    connection.send(format!("GET /v1/orders HTTP/1.1\r\nHost: h\r\n{credential}\r\n\r\n"));
    let response = connection.receive();
    if response.status == 200 { "200".to_owned() } else { response.code() }
}

/// Connections enough that no data-plane thread is likely to be without one.
fn connections(shop: &Shop) -> Vec<Connection> {
    (0..32).map(|_| Connection::open(shop.platform.gateway)).collect()
}

fn assert_all(connections: &mut [Connection], credential: &str, expected: &str, after: &str) {
    for (n, connection) in connections.iter_mut().enumerate() {
        assert_eq!(ask(connection, credential), expected, "connection {n}, after {after}");
    }
}

#[test]
fn a_change_is_in_force_on_every_open_connection() {
    let (shop, client) = open();
    let credential = format!("X-API-Key: {}", client.key);
    let mut open = connections(&shop);
    assert_all(&mut open, &credential, "200", "the start");
    for Change { method, path, body, code, undo } in changes() {
        let after = format!("{method} {path} {body}");
        let served = shop.live.count();
        make(&shop, &client, (method, path, &body));
        assert_all(&mut open, &credential, code, &after);
        assert_eq!(ask(&mut Connection::open(shop.platform.gateway), &credential), code, "a new connection");
        assert_eq!(shop.live.count(), served, "after {after}");
        if let Some((method, path, undo)) = undo {
            make(&shop, &client, (method, path, &undo));
            assert_all(&mut open, &credential, "200", &format!("taking back {after}"));
        }
    }
    // The other key of the same client was not revoked, and nobody else's was.
    let sandbox = get(shop.platform.gateway, "/sandbox/v1/orders", &[("X-API-Key", &client.sandbox_key)]);
    assert_eq!((sandbox.status, shop.get("/v1/orders").status), (200, 200));
}

#[test]
fn a_change_is_durable_when_it_is_acknowledged() {
    let (mut shop, client) = open();
    let credential = format!("X-API-Key: {}", client.key);
    let answer = |shop: &Shop| ask(&mut Connection::open(shop.platform.gateway), &credential);
    assert_eq!(answer(&shop), "200");
    for Change { method, path, body, code, undo } in changes() {
        make(&shop, &client, (method, path, &body));
        shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
        assert_eq!(answer(&shop), code, "after {method} {path} {body}");
        if let Some((method, path, undo)) = undo {
            make(&shop, &client, (method, path, &undo));
            shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
            assert_eq!(answer(&shop), "200", "after taking back {path} {body}");
        }
    }
}

#[test]
fn a_token_ends_on_every_thread_that_had_verified_it() {
    let (shop, client) = open();
    let path = |text: &str, id: &str| text.replace("{id}", &client.id).replace("{oauth}", id);
    for (method, change, body, code) in [
        ("POST", "/tokens/revoke", json!({ "client": client.id }), "revoked_token"),
        ("POST", "/tokens/revoke", Value::Null, "revoked_token"),
        ("POST", "/oauth/{oauth}/revoke", json!({}), "revoked_token"),
        ("POST", "/clients/{id}/suspend", json!({}), "client_suspended"),
        ("DELETE", "/clients/{id}", json!({}), "expired_token"),
    ] {
        let oauth = shop.oauth(&client.id, "live");
        let token = shop.token(&oauth);
        let credential = format!("Authorization: Bearer {token}");
        let mut open = connections(&shop);
        assert_all(&mut open, &credential, "200", "the start");
        if body.is_null() {
            let form = format!("token={token}&client_id={}&client_secret={}", oauth.0, oauth.1);
            let headers = [("Content-Type", "application/x-www-form-urlencoded")];
            let gateway = shop.platform.gateway;
            let done =
                crate::support::request(gateway, "POST", "/v1/oauth/revoke", &headers, form.as_bytes());
            assert_eq!(done.status, 200, "{done:?}");
        } else {
            shop.platform.change(method, &path(change, &oauth.0), &body);
        }
        assert_all(&mut open, &credential, code, &format!("{change} {body}"));
        if change.ends_with("/suspend") {
            make(&shop, &client, ("POST", "/clients/{id}/resume", &json!({})));
            assert_all(&mut open, &credential, "200", "the client resumed");
        }
    }
}

#[test]
fn a_rotated_secret_is_dead_on_connections_that_used_it() {
    let (shop, _) = open();
    let (id, first) = shop.oauth("acme", "live");
    let ask = |connection: &mut Connection, secret: &str| {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        connection.send(format!(
            "POST /v1/oauth/token HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        ));
        connection.receive().status
    };
    let mut open = connections(&shop);
    assert!(open.iter_mut().all(|connection| ask(connection, &first) == 200));
    let rotated = shop.platform.change("POST", &format!("/oauth/{id}/rotate"), &json!({}));
    let second = rotated["client_secret"].as_str().unwrap();
    assert!(open.iter_mut().all(|connection| ask(connection, &first) == 401));
    assert!(open.iter_mut().all(|connection| ask(connection, second) == 200));
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    let mut connection = Connection::open(shop.platform.gateway);
    assert_eq!((ask(&mut connection, &first), ask(&mut connection, second)), (401, 200));
}

#[test]
fn a_changed_limit_keeps_the_count() {
    let (shop, client) = open();
    let call = || shop.call_as(&client.key, "GET", "/v1/orders", &[], b"");
    for _ in 0..5 {
        assert_eq!(call().status, 200);
    }
    shop.platform.change("PUT", "/tiers/seven", &json!({ "rate_per_minute": 7 }));
    make(&shop, &client, ("PATCH", "/clients/{id}", &json!({ "tier": "seven", "allowance": 8 })));
    let sixth = call();
    assert_eq!((sixth.number("x-ratelimit-limit"), sixth.number("x-ratelimit-remaining")), (7, 1));
    assert_eq!((sixth.number("x-allowance-limit"), sixth.number("x-allowance-remaining")), (8, 2));
    assert_eq!((call().status, call().code().as_str()), (200, "rate_limit_exceeded"));
    make(&shop, &client, ("PATCH", "/clients/{id}", &json!({ "tier": "fast" })));
    assert_eq!((call().status, call().code().as_str()), (200, "api_usage_allowance_exceeded"));
    make(&shop, &client, ("PATCH", "/clients/{id}", &json!({ "allowance": 9 })));
    assert_eq!((call().status, call().code().as_str()), (200, "api_usage_allowance_exceeded"));
    assert_eq!((shop.live.count(), shop.used(&client.id)), (9, 9));
}

#[test]
fn under_load_nothing_that_is_sent_after_the_acknowledgement_passes() {
    let (shop, _) = open();
    for round in 0..5 {
        let client = shop.client(&format!("round {round}"), &json!({ "tier": "fast" }));
        let credential = format!("X-API-Key: {}", client.key);
        let acknowledged = AtomicBool::new(false);
        let served = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut connection = Connection::open(shop.platform.gateway);
                    loop {
                        let is_after = acknowledged.load(Ordering::SeqCst);
                        let answer = ask(&mut connection, &credential);
                        served.fetch_add(1, Ordering::SeqCst);
                        if is_after {
                            assert_eq!(answer, "revoked_api_key");
                            break;
                        }
                        assert!(answer == "200" || answer == "revoked_api_key", "{answer}");
                    }
                });
            }
            crate::support::wait_until("all are at it", || served.load(Ordering::SeqCst) > 50);
            make(&shop, &client, ("POST", "/keys/{key}/revoke", &json!({})));
            acknowledged.store(true, Ordering::SeqCst);
        });
    }
}
