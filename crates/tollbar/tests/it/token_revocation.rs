//! Tokens that end before their time: RFC 7009, the admin API, changed and revoked credentials. RFC 7662 tells.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use crate::support::{Platform, Response, Shop, get, request, wait_until};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn outcome(shop: &Shop, token: &str) -> String {
    let response = get(shop.platform.gateway, "/v1/orders", &[("Authorization", &format!("Bearer {token}"))]);
    if response.status == 200 { "200".to_owned() } else { response.code() }
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// Asks `oauth/revoke` or `oauth/introspect` about a token.
fn post(shop: &Shop, route: &str, (id, secret): &(String, String), token: &str) -> Response {
    let form = format!("token={token}&token_type_hint=access_token&client_id={id}&client_secret={secret}");
    request(shop.platform.gateway, "POST", &format!("/v1/oauth/{route}"), &[FORM], form.as_bytes())
}

fn revoke(shop: &Shop, oauth: &(String, String), token: &str) {
    let response = post(shop, "revoke", oauth, token);
    assert_eq!((response.status, response.text().as_str()), (200, ""), "{response:?}");
}

fn introspect(shop: &Shop, oauth: &(String, String), token: &str) -> Value {
    let response = post(shop, "introspect", oauth, token);
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.json()
}

#[test]
fn a_client_revokes_its_own_token() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let [token, other] = [shop.token(&oauth), shop.token(&oauth)];
    assert_eq!(outcome(&shop, &token), "200");
    revoke(&shop, &oauth, &token);
    assert_eq!(
        (outcome(&shop, &token), outcome(&shop, &other)),
        ("revoked_token".to_owned(), "200".to_owned())
    );
    revoke(&shop, &oauth, &token);
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(
        (outcome(&shop, &token), outcome(&shop, &other)),
        ("revoked_token".to_owned(), "200".to_owned())
    );
}

#[test]
fn what_is_no_token_counts_as_revoked_already() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    let elsewhere = Shop::open();
    let foreign = elsewhere.token(&elsewhere.oauth("acme", "live"));
    for unknown in ["x", "a.b.c", &foreign, &format!("{token}A"), &shop.client.key] {
        revoke(&shop, &oauth, unknown);
    }
    assert_eq!((outcome(&shop, &token), outcome(&elsewhere, &foreign)), ("200".to_owned(), "200".to_owned()));
    assert_eq!(shop.get("/v1/orders").status, 200, "a key is not revoked in this way");
}

#[test]
fn a_client_neither_revokes_nor_sees_the_tokens_of_others() {
    let shop = Shop::open();
    shop.client("other", &json!({}));
    let (mine, theirs) = (shop.oauth("acme", "live"), shop.oauth("other", "live"));
    let token = shop.token(&theirs);
    let refused = post(&shop, "revoke", &mine, &token);
    assert_eq!((refused.status, refused.code()), (400, "invalid_request".to_owned()));
    assert_eq!(introspect(&shop, &mine, &token), json!({ "active": false }));
    assert_eq!(outcome(&shop, &token), "200");
    for route in ["revoke", "introspect"] {
        let wrong = post(&shop, route, &(theirs.0.clone(), "wrong".to_owned()), &token);
        assert_eq!((wrong.status, wrong.code()), (401, "invalid_client".to_owned()), "{route}");
        assert_eq!(wrong.header("www-authenticate"), None);
        let id_only = format!("token={token}&client_id={}", theirs.0);
        let path = format!("/v1/oauth/{route}");
        let bare = request(shop.platform.gateway, "POST", &path, &[FORM], id_only.as_bytes());
        assert_eq!(bare.code(), "invalid_request", "{route}");
        let no_token = format!("client_id={}&client_secret={}", theirs.0, theirs.1);
        let without = request(shop.platform.gateway, "POST", &path, &[FORM], no_token.as_bytes());
        assert_eq!(without.code(), "invalid_request", "{route}");
        assert!(without.message().contains("token"));
        assert_eq!(get(shop.platform.gateway, &path, &[]).code(), "method_not_allowed");
    }
    assert_eq!(outcome(&shop, &token), "200");
}

#[test]
fn the_endpoints_of_one_environment_know_no_client_of_the_other() {
    let shop = Shop::open();
    let live = shop.oauth("acme", "live");
    let token = shop.token(&live);
    for route in ["revoke", "introspect"] {
        let form = format!("token={token}&client_id={}&client_secret={}", live.0, live.1);
        let path = format!("/sandbox/v1/oauth/{route}");
        let response = request(shop.platform.gateway, "POST", &path, &[FORM], form.as_bytes());
        assert_eq!(
            (response.status, response.code().as_str()),
            (403, "credential_environment_mismatch"),
            "{route}"
        );
    }
    assert_eq!(outcome(&shop, &token), "200");
}

#[test]
fn introspection_tells_a_client_of_its_own_tokens() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    let told = introspect(&shop, &oauth, &token);
    let expected = claims(&token);
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("Bearer")));
    for name in ["scope", "client_id", "exp", "sub", "aud", "iss", "jti"] {
        assert_eq!(told[name], expected[name], "{name}");
    }
    let (told_iat, issued) = (told["iat"].as_f64().unwrap(), expected["iat"].as_f64().unwrap());
    assert!((told_iat - issued).abs() < 1.0, "{told} {expected}");
    for unknown in ["x", "a.b.c", &format!("{token}A"), &shop.client.key] {
        assert_eq!(introspect(&shop, &oauth, unknown), json!({ "active": false }), "{unknown}");
    }
    // Suspended and resumed; revoked.
    shop.platform.change("POST", "/clients/acme/suspend", &json!({}));
    assert_eq!(introspect(&shop, &oauth, &token), json!({ "active": false }));
    shop.platform.change("POST", "/clients/acme/resume", &json!({}));
    assert_eq!(introspect(&shop, &oauth, &token)["active"], true);
    revoke(&shop, &oauth, &token);
    assert_eq!(introspect(&shop, &oauth, &token), json!({ "active": false }));
}

#[test]
fn an_expired_token_is_not_active_and_needs_no_revocation() {
    let shop = Shop::open_with(Platform::with().set("tokens.lifetime_seconds", "1"));
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    wait_until("the token is past its time", || introspect(&shop, &oauth, &token)["active"] == false);
    revoke(&shop, &oauth, &token);
    assert_eq!(outcome(&shop, &token), "expired_token");
}

#[test]
fn many_tokens_are_revoked_one_after_the_other_and_all_stay_so() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let kept = shop.token(&oauth);
    let tokens: Vec<String> = (0..100).map(|_| shop.token(&oauth)).collect();
    for token in &tokens {
        revoke(&shop, &oauth, token);
    }
    assert!(tokens.iter().all(|token| outcome(&shop, token) == "revoked_token"));
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert!(tokens.iter().all(|token| outcome(&shop, token) == "revoked_token"));
    assert_eq!(outcome(&shop, &kept), "200");
}

#[test]
fn an_operator_revokes_a_token_by_its_id_or_all_of_a_client() {
    let shop = Shop::open();
    shop.client("other", &json!({}));
    let oauth = shop.oauth("acme", "live");
    let bystander = shop.token(&shop.oauth("other", "live"));
    let [one, two] = [shop.token(&oauth), shop.token(&oauth)];
    let expires_at = jiff::Timestamp::from_second(claims(&one)["exp"].as_i64().unwrap()).unwrap().to_string();
    let body = json!({ "token_id": claims(&one)["jti"], "expires_at": expires_at });
    shop.platform.change("POST", "/tokens/revoke", &body);
    assert_eq!((outcome(&shop, &one), outcome(&shop, &two)), ("revoked_token".to_owned(), "200".to_owned()));
    shop.platform.change("POST", "/tokens/revoke", &json!({ "client": "acme" }));
    assert_eq!(outcome(&shop, &two), "revoked_token");
    assert_eq!(introspect(&shop, &oauth, &two), json!({ "active": false }));
    // Tokens only: the credential gives the next one at once, and keys are not touched.
    let new = shop.token(&oauth);
    assert_eq!((outcome(&shop, &new), outcome(&shop, &bystander)), ("200".to_owned(), "200".to_owned()));
    assert_eq!(shop.get("/v1/orders").status, 200);
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    let all = [&one, &two, &new, &bystander].map(|token| outcome(&shop, token));
    assert_eq!(all, ["revoked_token", "revoked_token", "200", "200"]);
}

#[test]
fn a_revocation_does_not_end_before_the_token() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    // Somebody gives an end that is not the token's.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
    let body = json!({ "token_id": claims(&token)["jti"], "expires_at": soon.to_string() });
    shop.platform.change("POST", "/tokens/revoke", &body);
    let refused = get(shop.platform.gateway, "/v1/orders", &[("Authorization", &format!("Bearer {token}"))]);
    assert_eq!(refused.code(), "revoked_token");
    wait_until("that end has passed", || jiff::Timestamp::now() > soon);
    // What is forgotten is forgotten at a start.
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(outcome(&shop, &token), "revoked_token");
    // The client's own revocation, later, does not hide whose change it was.
    revoke(&shop, &oauth, &token);
    let again = get(shop.platform.gateway, "/v1/orders", &[("Authorization", &format!("Bearer {token}"))]);
    let changes = [&refused, &again].map(|response| shop.look_up(&response.request_id())["change"].clone());
    assert!(changes[0].is_number() && changes[0] == changes[1], "{changes:?}");
}

#[test]
fn a_revoked_credential_takes_its_tokens_with_it() {
    let shop = Shop::open();
    let (gone, kept) = (shop.oauth("acme", "live"), shop.oauth("acme", "live"));
    let (token, other) = (shop.token(&gone), shop.token(&kept));
    shop.platform.change("POST", &format!("/oauth/{}/revoke", gone.0), &json!({}));
    let form = format!("grant_type=client_credentials&client_id={}&client_secret={}", gone.0, gone.1);
    let check = |shop: &Shop| {
        assert_eq!(outcome(shop, &token), "revoked_token");
        assert_eq!(shop.token_request(&form).code(), "invalid_client");
        assert_eq!(post(shop, "introspect", &gone, &token).code(), "invalid_client");
        assert_eq!(outcome(shop, &other), "200");
    };
    check(&shop);
    let listed = shop.platform.read("/clients/acme/oauth");
    let states: Vec<&Value> = listed["credentials"].as_array().unwrap().iter().map(|c| &c["state"]).collect();
    assert_eq!(states, ["revoked", "active"]);
    let refused = shop.platform.admin("POST", &format!("/oauth/{}/rotate", gone.0), Some(&json!({})));
    assert_eq!(refused.status, 409, "{refused:?}");
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    check(&shop);
}

#[test]
fn an_old_secret_dies_at_once_or_after_its_grace() {
    let shop = Shop::open();
    let (id, first) = shop.oauth("acme", "live");
    let rotate = |body: Value| {
        let rotated = shop.platform.change("POST", &format!("/oauth/{id}/rotate"), &body);
        assert_eq!(rotated["client_id"], id.as_str());
        (rotated["client_secret"].as_str().unwrap().to_owned(), rotated["old_valid_until"].clone())
    };
    let works = |secret: &str| {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let response = shop.token_request(&form);
        if response.status != 200 {
            assert_eq!(response.code(), "invalid_client");
        }
        response.status == 200
    };
    let token = shop.token(&(id.clone(), first.clone()));
    let (second, ends) = rotate(json!({}));
    assert_eq!((ends, works(&first), works(&second)), (Value::Null, false, true));
    let (third, ends) = rotate(json!({ "grace_seconds": 1 }));
    assert!(ends.is_string());
    assert_eq!((works(&second), works(&third)), (true, true));
    wait_until("the grace is over", || !works(&second));
    assert_eq!((works(&first), works(&second), works(&third)), (false, false, true));
    // A rotation without a grace ends the ones in their grace too.
    let (fourth, _) = rotate(json!({ "grace_seconds": 3600 }));
    let (fifth, _) = rotate(json!({ "grace_seconds": 0 }));
    assert_eq!([third, fourth, fifth].map(|secret| works(&secret)), [false, false, true]);
    assert_eq!(outcome(&shop, &token), "200", "tokens live on");
}
