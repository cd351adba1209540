//! Clients: changed, suspended, deleted; what the admin API says of what it refuses.

use serde_json::{Value, json};

use crate::support::{Shop, ShopClient};

fn outcome(shop: &Shop, client: &ShopClient) -> String {
    let response = shop.call_as(&client.key, "GET", "/v1/orders", &[], b"");
    if response.status == 200 { "200".to_owned() } else { response.code() }
}

#[test]
fn a_client_is_suspended_resumed_and_deleted() {
    let shop = Shop::open();
    let other = shop.client("other", &json!({}));
    let change = |method: &str, path: &str| shop.platform.change(method, path, &json!({}));
    assert_eq!(change("POST", "/clients/other/suspend")["suspended"], true);
    assert_eq!(outcome(&shop, &other), "client_suspended");
    assert_eq!(change("POST", "/clients/other/suspend")["suspended"], true, "asking again is no fault");
    assert_eq!(outcome(&shop, &shop.client), "200", "nobody else is touched");
    assert_eq!(change("POST", "/clients/other/resume")["suspended"], false);
    assert_eq!(outcome(&shop, &other), "200");
    let deleted = change("DELETE", "/clients/other");
    assert_eq!((&deleted["deleted"], &deleted["id"]), (&json!(true), &json!(other.id)));
    assert_eq!(outcome(&shop, &other), "revoked_api_key");
    let sandbox = shop.call_as(&other.sandbox_key, "GET", "/sandbox/v1/orders", &[], b"");
    assert_eq!(sandbox.code(), "revoked_api_key");
    // It is gone by name, stays by id, and cannot be changed or given credentials.
    assert_eq!(shop.platform.admin("GET", "/clients/other", None).status, 404);
    assert_eq!(shop.platform.read(&format!("/clients/{}", other.id))["deleted"], true);
    for (method, path, body) in [
        ("POST", "resume", json!({})),
        ("POST", "keys", json!({ "environment": "live" })),
        ("POST", "oauth", json!({ "environment": "live" })),
    ] {
        let refused = shop.platform.admin(method, &format!("/clients/{}/{path}", other.id), Some(&body));
        assert!((400..500).contains(&refused.status), "{path}: {refused:?}");
    }
    let rotated = shop.platform.admin(
        "POST",
        &format!("/keys/{}/rotate", other.key_id),
        Some(&json!({ "grace_seconds": 9 })),
    );
    assert!((400..500).contains(&rotated.status), "{rotated:?}");
    let names = |path: &str| -> Vec<String> {
        let listed = shop.platform.read(path);
        listed["clients"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/clients"), ["acme"]);
    assert_eq!(names("/clients?deleted=true").len(), 2);
    assert_eq!(change("DELETE", &format!("/clients/{}", other.id))["deleted"], true);
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(outcome(&shop, &other), "revoked_api_key");
}

#[test]
fn a_name_belongs_to_one_client_at_a_time() {
    let shop = Shop::open();
    let other = shop.client("Other & Söhne, Ltd.", &json!({}));
    let fields = |name: &str| json!({ "name": name, "tier": "starter", "allowance": 1, "scopes": [] });
    for (method, path, body) in [
        ("POST", "/clients".to_owned(), fields("acme")),
        ("PATCH", format!("/clients/{}", other.id), json!({ "name": "acme" })),
    ] {
        let refused = shop.platform.admin(method, &path, Some(&body));
        assert_eq!(refused.status, 409, "{refused:?}");
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("acme") && message.contains(&shop.client.id), "{message}");
    }
    // Its own name is no other's; a name with odd characters is found when it is percent-encoded.
    shop.platform.change("PATCH", "/clients/acme", &json!({ "name": "acme" }));
    let found = shop.platform.read("/clients/Other%20%26%20S%C3%B6hne%2C%20Ltd.");
    assert_eq!(found["id"], other.id.as_str());
    // Renamed: the key stays, the name moves.
    shop.platform.change("PATCH", "/clients/acme", &json!({ "name": "acme two" }));
    assert_eq!(outcome(&shop, &shop.client), "200");
    assert_eq!(shop.platform.admin("GET", "/clients/acme", None).status, 404);
    assert_eq!(shop.platform.read("/clients/acme%20two")["id"], shop.client.id.as_str());
    let reused = shop.client("acme", &json!({}));
    assert_ne!(reused.id, shop.client.id);
    let odd = shop.client("a/b?c#d%41", &json!({}));
    assert_eq!(shop.platform.read("/clients/a%2Fb%3Fc%23d%2541")["id"], odd.id.as_str());
}

#[test]
fn of_many_who_want_a_name_at_once_one_gets_it() {
    let shop = Shop::open();
    let fields = json!({ "name": "wanted", "tier": "basic", "allowance": 1, "scopes": [] });
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || shop.platform.admin("POST", "/clients", Some(&fields)).status;
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}

#[test]
fn what_is_refused_is_named_and_changes_nothing() {
    let shop = Shop::open();
    let client = |differences: Value| {
        let mut fields =
            json!({ "name": "new", "tier": "enterprise", "allowance": 5, "scopes": ["orders:read"] });
        for (name, value) in differences.as_object().unwrap() {
            fields[name] = value.clone();
        }
        ("POST", "/clients".to_owned(), fields)
    };
    let key = |body: Value| ("POST", "/clients/acme/keys".to_owned(), body);
    let patch = |body: Value| ("PATCH", "/clients/acme".to_owned(), body);
    let post = |path: &str, body: Value| ("POST", path.to_owned(), body);
    let before = (shop.platform.read("/clients"), shop.platform.read("/audit")["entries"][0]["id"].clone());
    for ((method, path, body), status, named) in [
        (client(json!({ "name": "" })), 400, "name"),
        (client(json!({ "name": " x" })), 400, "name"),
        (client(json!({ "name": "x".repeat(101) })), 400, "100"),
        (client(json!({ "tier": "platinum" })), 400, "platinum"),
        (client(json!({ "allowance": -1 })), 400, "-1"),
        (client(json!({ "allowance": "many" })), 400, "many"),
        (client(json!({ "scopes": ["a b"] })), 400, "a b"),
        (client(json!({ "allow_ips": ["300.0.0.1"] })), 400, "300.0.0.1"),
        (client(json!({ "overage": "ask" })), 400, "ask"),
        (client(json!({ "colour": "red" })), 400, "colour"),
        (patch(json!({ "tier": "platinum" })), 400, "platinum"),
        (patch(json!({ "add_scopes": ["x"], "remove_scopes": ["x"] })), 400, "x"),
        (patch(json!({ "suspended": true })), 400, "suspended"),
        (patch(json!({ "allow_ips": ["10.0.0.0/40"] })), 400, "10.0.0.0/40"),
        (key(json!({})), 400, "environment"),
        (key(json!({ "environment": "staging" })), 400, "staging"),
        (key(json!({ "environment": "live", "expires_at": "2020-01-01" })), 400, "expires_at"),
        (key(json!({ "environment": "live", "expires_at": "soon" })), 400, "soon"),
        (key(json!({ "environment": "live", "scopes": [] })), 400, "scopes"),
        (post("/clients/nobody/keys", json!({ "environment": "live" })), 404, "nobody"),
        (post("/clients/nobody/suspend", json!({})), 404, "nobody"),
        (post("/keys/key_nothing/revoke", json!({})), 404, "key"),
        (post(&format!("/keys/{}/rotate", shop.client.key_id), json!({ "grace_seconds": -1 })), 400, "-1"),
        (
            post(&format!("/keys/{}/rotate", shop.client.key_id), json!({ "grace_seconds": u64::MAX })),
            400,
            "grace",
        ),
        (post("/oauth/oc_nothing/revoke", json!({})), 404, "client_id"),
        (post("/tokens/revoke", json!({})), 400, "token_id"),
        (post("/tokens/revoke", json!({ "token_id": "a.b.c" })), 400, "jti"),
        (post("/tokens/revoke", json!({ "client": "nobody" })), 404, "nobody"),
    ] {
        let refused = shop.platform.admin(method, &path, Some(&body));
        assert_eq!(refused.status, status, "{path} {body}: {refused:?}");
        let answer = refused.json();
        let message =
            answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{path} {body}: {answer}"));
        assert!(message.contains(named), "{path} {body}: {message}");
    }
    let after = (shop.platform.read("/clients"), shop.platform.read("/audit")["entries"][0]["id"].clone());
    assert_eq!(before, after);
    assert_eq!(outcome(&shop, &shop.client), "200");
}
