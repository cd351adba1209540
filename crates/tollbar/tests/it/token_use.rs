//! A token in use: which are read, for how long they are good, what they may do.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use crate::support::{Platform, Response, Shop, get, wait_until};

fn get_with(shop: &Shop, target: &str, token: &str) -> Response {
    get(shop.platform.gateway, target, &[("Authorization", &format!("Bearer {token}")), ("X-Tenant", "t")])
}

fn outcome(shop: &Shop, token: &str) -> String {
    let response = get_with(shop, "/v1/orders", token);
    if response.status == 200 { "200".to_owned() } else { response.code() }
}

/// One part of a token, decoded.
fn part(token: &str, number: usize) -> Value {
    let bytes = BASE64.decode(token.split('.').nth(number).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn encoded(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

fn token_with_scope(shop: &Shop, (id, secret): &(String, String), scope: &str) -> String {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={scope}");
    shop.token_request(&form).json()["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_says_what_rfc_9068_wants() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("EdDSA")));
    assert!(header["kid"].is_string(), "{header}");
    let base = format!("http://{}/v1", shop.platform.gateway);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(base), &json!(base)));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(shop.client.id), &json!(oauth.0)));
    assert_eq!(claims["scope"], "events:read orders:read orders:write payments:write reports:read");
    let (issued, expires) = (claims["iat"].as_f64().unwrap(), claims["exp"].as_u64().unwrap());
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are small")]
    let lives = expires as f64 - issued;
    assert!((3600.0..3601.0).contains(&lives), "at least what `expires_in` says: {claims}");
    assert_ne!(claims["jti"], part(&shop.token(&oauth), 1)["jti"], "each has an id of its own");
    assert_eq!(get_with(&shop, "/v1/orders", &token).status, 200);
    let received = shop.live.last();
    assert_eq!(received.header("authorization"), None);
    assert_eq!(received.header("x-tollbar-client"), Some(shop.client.id.as_str()));
}

#[test]
fn a_token_of_another_make_is_malformed() {
    let shop = Shop::open_with(Platform::with().set("authentication.failures_per_minute", "100000"));
    let token = shop.token(&shop.oauth("acme", "live"));
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let elsewhere = Shop::open();
    let foreign = elsewhere.token(&elsewhere.oauth("acme", "live"));
    let foreign_parts: Vec<&str> = foreign.split('.').collect();
    let with = |name: &str, value: Value| {
        let mut changed = header.clone();
        changed[name] = value;
        encoded(&changed)
    };
    let claiming = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        encoded(&changed)
    };
    let none = with("alg", json!("none"));
    for forged in [
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{}.{payload}.", with("alg", json!("None"))),
        format!("{}.{payload}.{signature}", with("alg", json!("HS256"))),
        format!("{}.{payload}.{signature}", with("alg", json!("RS256"))),
        format!("{}.{payload}.{signature}", with("alg", json!("ES256"))),
        format!("{}.{payload}.{signature}", with("alg", json!("eddsa"))),
        format!("{}.{payload}.{signature}", with("typ", json!("JWT"))),
        format!("{}.{payload}.{signature}", with("kid", json!("other"))),
        format!("{}.{payload}.{signature}", with("kid", Value::Null)),
        format!("{}.{payload}.{signature}", with("jku", json!("http://127.0.0.1/keys"))),
        format!("{}.{payload}.{signature}", with("kid", part(&foreign, 0)["kid"].clone())),
        format!("{head}.{}.{signature}", claiming("scope", json!("admin"))),
        format!("{head}.{}.{signature}", claiming("exp", json!(u64::MAX))),
        format!("{head}.{}.{signature}", claiming("env", json!("sandbox"))),
        format!("{head}.{payload}.{}", foreign_parts[2]),
        format!("{head}.{}.{}", foreign_parts[1], foreign_parts[2]),
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{token}="),
        format!(".{payload}.{signature}"),
        foreign.clone(),
        "a.b.c".to_owned(),
        "..".to_owned(),
        shop.client.key.replace('_', "-"),
    ] {
        let response = get_with(&shop, "/v1/orders", &forged);
        assert_eq!((response.status, response.code()), (401, "malformed_credentials".to_owned()), "{forged}");
        assert!(response.header("www-authenticate").unwrap().starts_with("Bearer"), "{forged}");
    }
    // One byte changed, added or left out, anywhere.
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'g' } else { b'A' };
        assert_eq!(outcome(&shop, &String::from_utf8(bytes).unwrap()), "malformed_credentials", "{position}");
        if position % 9 == 0 {
            let shorter = format!("{}{}", &token[..position], &token[position + 1..]);
            let longer = format!("{}A{}", &token[..position], &token[position..]);
            assert_eq!(outcome(&shop, &shorter), "malformed_credentials", "{position} left out");
            assert_eq!(outcome(&shop, &longer), "malformed_credentials", "{position} added");
        }
    }
    assert_eq!((shop.live.bytes_seen(), elsewhere.live.bytes_seen()), (0, 0));
    assert_eq!(outcome(&shop, &token), "200");
}

#[test]
fn a_token_past_its_time_is_expired_whatever_else_became_of_it() {
    let shop = Shop::open_with(Platform::with().set("tokens.lifetime_seconds", "2"));
    let oauth = shop.oauth("acme", "live");
    let revoked_oauth = shop.oauth("acme", "live");
    let [plain, revoked] = [shop.token(&oauth), shop.token(&oauth)];
    let of_revoked = shop.token(&revoked_oauth);
    let [expiry, plain_expiry] = [&of_revoked, &plain].map(|token| part(token, 1)["exp"].as_i64().unwrap());
    assert_eq!(outcome(&shop, &plain), "200");
    let id = part(&revoked, 1)["jti"].clone();
    shop.platform.change("POST", "/tokens/revoke", &json!({ "token_id": id }));
    shop.platform.change("POST", &format!("/oauth/{}/revoke", revoked_oauth.0), &json!({}));
    for token in [&revoked, &of_revoked] {
        assert_eq!(outcome(&shop, token), "revoked_token");
    }
    wait_until("the first token is past its time", || outcome(&shop, &plain) != "200");
    assert!(jiff::Timestamp::now().as_second() >= plain_expiry, "not before its time");
    assert_eq!(outcome(&shop, &plain), "expired_token");
    wait_until("so are the others", || jiff::Timestamp::now().as_second() > expiry);
    for token in [&plain, &revoked, &of_revoked] {
        let response = get_with(&shop, "/v1/orders", token);
        assert_eq!((response.status, response.code()), (401, "expired_token".to_owned()));
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer") && challenge.contains("invalid_token"), "{challenge}");
    }
    // After a restart, when nothing of them is remembered, too. A new token is not touched.
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    for token in [&plain, &revoked, &of_revoked] {
        assert_eq!(outcome(&shop, token), "expired_token");
    }
    assert_eq!(outcome(&shop, &shop.token(&oauth)), "200");
}

#[test]
fn a_token_may_do_what_its_scopes_and_the_clients_have_in_common() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let token = token_with_scope(&shop, &oauth, "orders:read+reports:read");
    let missing = |target: &str, scope: &str| {
        let response = get_with(&shop, target, &token);
        assert_eq!((response.status, response.code()), (403, "scope_missing".to_owned()), "{target}");
        assert!(response.message().contains(scope), "{}", response.message());
    };
    let patch = |body: Value| shop.platform.change("PATCH", "/clients/acme", &body);
    assert_eq!(get_with(&shop, "/v1/orders", &token).status, 200);
    assert_eq!(shop.live.last().header("x-tollbar-scopes"), Some("orders:read reports:read"));
    missing("/v1/events", "events:read");
    patch(json!({ "remove_scopes": ["orders:read"] }));
    missing("/v1/orders", "orders:read");
    assert_eq!(get_with(&shop, "/v1/reports?year=2026", &token).status, 200);
    assert_eq!(shop.live.last().header("x-tollbar-scopes"), Some("reports:read"));
    // What the client gets anew, an old token has only if it had asked for it.
    patch(json!({ "scopes": ["orders:read", "events:read"] }));
    assert_eq!(get_with(&shop, "/v1/orders", &token).status, 200);
    missing("/v1/events", "events:read");
    missing("/v1/reports?year=2026", "reports:read");
    // A token never outgrows what its own request was given; the next one follows the client.
    assert_eq!(part(&shop.token(&oauth), 1)["scope"], "events:read orders:read");
}

#[test]
fn a_token_outlives_a_restart_and_a_change_of_secret() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    shop.platform.change("POST", &format!("/oauth/{}/rotate", oauth.0), &json!({}));
    assert_eq!(outcome(&shop, &token), "200");
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(outcome(&shop, &token), "200");
}

#[test]
fn the_token_of_a_client_that_is_gone_asks_for_a_new_one() {
    let shop = Shop::open();
    let gone = shop.client("gone", &json!({}));
    let oauth = shop.oauth("gone", "live");
    let token = shop.token(&oauth);
    assert_eq!(outcome(&shop, &token), "200");
    shop.platform.change("DELETE", &format!("/clients/{}", gone.id), &json!({}));
    assert_eq!(outcome(&shop, &token), "expired_token");
    let (id, secret) = &oauth;
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    assert_eq!(shop.token_request(&form).code(), "invalid_client");
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(outcome(&shop, &token), "expired_token");
}
