//! A key from its creation to its tombstone.

use serde_json::{Value, json};

use crate::support::{Response, Shop, get, wait_until};

fn get_with(shop: &Shop, key: &str) -> Response {
    get(shop.platform.gateway, "/v1/orders", &[("X-API-Key", key)])
}

/// What a key gets: `200`, or the error's code.
fn outcome(shop: &Shop, key: &str) -> String {
    let response = get_with(shop, key);
    if response.status == 200 { "200".to_owned() } else { response.code() }
}

/// A new live key: id and key.
fn new_key(shop: &Shop, client: &str, more: &Value) -> (String, String) {
    let mut fields = json!({ "environment": "live" });
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    let made = shop.platform.change("POST", &format!("/clients/{client}/keys"), &fields);
    (text(&made["id"]), text(&made["key"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn revoke(shop: &Shop, id: &str) -> Value {
    shop.platform.change("POST", &format!("/keys/{id}/revoke"), &json!({}))
}

fn state_of(shop: &Shop, client: &str, id: &str) -> String {
    let listed = shop.platform.read(&format!("/clients/{client}/keys"));
    text(&listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == id).unwrap()["state"])
}

/// So many milliseconds from now.
fn soon(milliseconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(milliseconds)).to_string()
}

#[test]
fn a_key_works_from_the_answer_that_shows_it() {
    let shop = Shop::open();
    let made = shop.platform.change("POST", "/clients/acme/keys", &json!({ "environment": "sandbox" }));
    assert_eq!(
        (&made["environment"], &made["expires_at"], &made["scopes"]),
        (&json!("sandbox"), &Value::Null, &Value::Null)
    );
    let (key, hint) = (text(&made["key"]), text(&made["hint"]));
    assert!(key.starts_with("tb_sandbox_"), "{key}");
    assert!(key.len() >= "tb_sandbox_".len() + 27 + 6, "160 bits take 27 characters of base 62: {key}");
    assert!(hint.len() < key.len() - 20 && key.starts_with(hint.trim_end_matches('.')), "{hint}");
    let response = get(shop.platform.gateway, "/sandbox/v1/orders", &[("X-API-Key", &key)]);
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(state_of(&shop, "acme", made["id"].as_str().unwrap()), "active");
}

#[test]
fn a_key_ends_at_its_date_and_is_invalid_then() {
    let shop = Shop::open();
    let (id, key) = new_key(&shop, "acme", &json!({ "expires_at": soon(2000) }));
    let (revoked_id, revoked) = new_key(&shop, "acme", &json!({ "expires_at": soon(2000) }));
    let gone = shop.client("gone", &json!({}));
    let (_, of_gone) = new_key(&shop, "gone", &json!({ "expires_at": soon(2000) }));
    assert_eq!(get_with(&shop, &key).status, 200);
    revoke(&shop, &revoked_id);
    shop.platform.change("DELETE", &format!("/clients/{}", gone.id), &json!({}));
    for key in [&revoked, &of_gone] {
        assert_eq!(outcome(&shop, key), "revoked_api_key");
    }
    wait_until("the key is past its date", || outcome(&shop, &key) != "200");
    assert_eq!(outcome(&shop, &key), "invalid_api_key");
    assert_eq!(state_of(&shop, "acme", &id), "expired");
    // A tombstone stays one, also past the date and over a restart.
    let listed = shop.platform.read(&format!("/clients/{}/keys", gone.id));
    let last = listed["keys"].as_array().unwrap().iter().find_map(|key| key["expires_at"].as_str()).unwrap();
    let last: jiff::Timestamp = last.parse().unwrap();
    wait_until("the others are past theirs", || jiff::Timestamp::now() > last);
    for key in [&revoked, &of_gone] {
        assert_eq!(outcome(&shop, key), "revoked_api_key");
    }
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(outcome(&shop, &key), "invalid_api_key");
    for key in [&revoked, &of_gone] {
        assert_eq!(outcome(&shop, key), "revoked_api_key");
    }
}

#[test]
fn a_rotated_key_lives_through_its_grace_and_is_revoked_then() {
    let shop = Shop::open();
    let (id, old) = new_key(&shop, "acme", &json!({ "scopes": ["orders:read"] }));
    let rotated = shop.platform.change("POST", &format!("/keys/{id}/rotate"), &json!({ "grace_seconds": 1 }));
    let new = text(&rotated["key"]);
    assert_eq!(rotated["replaces"]["id"], id.as_str());
    assert_eq!((&rotated["environment"], &rotated["scopes"]), (&json!("live"), &json!(["orders:read"])));
    assert_eq!((outcome(&shop, &old), outcome(&shop, &new)), ("200".to_owned(), "200".to_owned()));
    assert_eq!(state_of(&shop, "acme", &id), "grace");
    wait_until("the grace is over", || outcome(&shop, &old) != "200");
    assert_eq!(
        (outcome(&shop, &old), outcome(&shop, &new)),
        ("revoked_api_key".to_owned(), "200".to_owned())
    );
    assert_eq!(state_of(&shop, "acme", &id), "revoked");
    // Without a grace the old one ends with the answer.
    let newest = shop.platform.change(
        "POST",
        &format!("/keys/{}/rotate", rotated["id"].as_str().unwrap()),
        &json!({ "grace_seconds": 0 }),
    );
    assert_eq!(outcome(&shop, &new), "revoked_api_key");
    assert_eq!(outcome(&shop, newest["key"].as_str().unwrap()), "200");
    // What was revoked is not made anew.
    let again =
        shop.platform.admin("POST", &format!("/keys/{id}/rotate"), Some(&json!({ "grace_seconds": 9 })));
    assert_eq!(again.status, 409, "{again:?}");
    assert_eq!(outcome(&shop, &old), "revoked_api_key");
}

#[test]
fn a_key_in_its_grace_can_be_revoked_at_once() {
    let shop = Shop::open();
    let (id, old) = new_key(&shop, "acme", &json!({}));
    shop.platform.change("POST", &format!("/keys/{id}/rotate"), &json!({ "grace_seconds": 3600 }));
    assert_eq!(outcome(&shop, &old), "200");
    revoke(&shop, &id);
    assert_eq!(outcome(&shop, &old), "revoked_api_key");
}

#[test]
fn a_revoked_key_is_revoked_for_ever() {
    let shop = Shop::open();
    let other = shop.client("other", &json!({}));
    let first = revoke(&shop, &other.key_id);
    let revoked_at = text(&first["revoked_at"]);
    assert_eq!(outcome(&shop, &other.key), "revoked_api_key");
    assert_eq!(get_with(&shop, &other.key).status, 403);
    assert_eq!(revoke(&shop, &other.key_id)["revoked_at"], revoked_at.as_str(), "the first time counts");
    shop.platform.change("DELETE", "/clients/other", &json!({}));
    // The name is free again; another client of that name does not bring the key back.
    shop.client("other", &json!({}));
    assert_eq!(outcome(&shop, &other.key), "revoked_api_key");
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(outcome(&shop, &other.key), "revoked_api_key");
    let shop = Shop { platform: shop.platform.stop_and_restart(), ..shop };
    assert_eq!(outcome(&shop, &other.key), "revoked_api_key");
    // On the wrong environment and on a path that does not exist, too: this is checked before.
    for target in ["/sandbox/v1/orders", "/v1/nothing", "/nowhere"] {
        let response = get(shop.platform.gateway, target, &[("X-API-Key", &other.key)]);
        assert_eq!(response.code(), "revoked_api_key", "{target}");
    }
    assert_eq!(shop.live.count(), 0);
}

#[test]
fn a_key_has_its_own_scopes_as_long_as_the_client_has_them() {
    let shop = Shop::open();
    let (_, narrow) = new_key(&shop, "acme", &json!({ "scopes": ["reports:read", "events:read"] }));
    let ask = |key: &str, target: &str| {
        let response = get(shop.platform.gateway, target, &[("X-API-Key", key), ("X-Tenant", "t")]);
        let message = if response.status == 200 { String::new() } else { response.message() };
        (response.status, message)
    };
    let missing = |answer: (u16, String), scope: &str| {
        assert_eq!(answer.0, 403);
        assert!(answer.1.contains(scope), "the message names the scope: {}", answer.1);
    };
    assert_eq!(ask(&narrow, "/v1/reports?year=2026").0, 200);
    assert_eq!(ask(&narrow, "/v1/events").0, 200);
    missing(ask(&narrow, "/v1/orders"), "orders:read");
    assert_eq!(shop.live.last().header("x-tollbar-scopes"), Some("events:read reports:read"));
    shop.platform.change("PATCH", "/clients/acme", &json!({ "remove_scopes": ["events:read"] }));
    missing(ask(&narrow, "/v1/events"), "events:read");
    missing(ask(&shop.client.key, "/v1/events"), "events:read");
    assert_eq!(ask(&narrow, "/v1/reports?year=2026").0, 200);
    // A key without scopes of its own has what its client gets; one with scopes does not.
    shop.platform.change("PATCH", "/clients/acme", &json!({ "add_scopes": ["events:read"] }));
    assert_eq!((ask(&shop.client.key, "/v1/events").0, ask(&narrow, "/v1/events").0), (200, 200));
    missing(ask(&narrow, "/v1/orders"), "orders:read");
    let refused = shop.platform.admin(
        "POST",
        "/clients/acme/keys",
        Some(&json!({ "environment": "live", "scopes": ["orders:read", "admin:all"] })),
    );
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.text().contains("admin:all"), "{refused:?}");
}
