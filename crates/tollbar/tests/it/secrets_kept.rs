//! Every secret ever issued, searched for everywhere: shown once, by the answer that made it, and nowhere else.

use serde_json::json;

use crate::support::{Platform, Shop, get, request};

#[test]
fn no_secret_is_found_after_the_answer_that_showed_it() {
    let shop = Shop::open_with(Platform::with().set("log.level", "trace"));
    let platform = &shop.platform;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    let rotated_key = platform.change(
        "POST",
        &format!("/keys/{}/rotate", shop.client.key_id),
        &json!({ "grace_seconds": 60 }),
    );
    let rotated_secret =
        platform.change("POST", &format!("/oauth/{}/rotate", oauth.0), &json!({ "grace_seconds": 60 }));
    let secrets = [
        shop.client.key.clone(),
        shop.client.sandbox_key.clone(),
        text(&rotated_key["key"]),
        oauth.1.clone(),
        text(&rotated_secret["client_secret"]),
        token.clone(),
        token.rsplit('.').next().unwrap().to_owned(),
    ];
    use_everywhere(&shop, &oauth, &token);
    let master = std::fs::read_to_string(platform.data().join("master-secret")).unwrap();
    for what in ["pepper", "sealing", "signing-key"] {
        platform.change("POST", "/secrets/rotate", &json!({ "what": what }));
        platform.admin("POST", "/secrets/rotate", Some(&json!({ "what": master.trim() })));
    }
    // Somebody puts a secret where an id belongs.
    for secret in &secrets {
        platform.admin("POST", &format!("/keys/{secret}/revoke"), Some(&json!({})));
        platform.admin("POST", &format!("/oauth/{secret}/rotate"), Some(&json!({})));
        platform.admin("POST", "/tokens/revoke", Some(&json!({ "token_id": secret })));
        platform.admin("GET", &format!("/requests/{secret}"), None);
    }
    let shown: String = [
        "/clients",
        "/clients/acme",
        "/clients/acme/keys",
        "/clients/acme/oauth",
        "/audit?limit=100",
        "/requests?limit=1000",
        "/status",
        "/apis",
        "/usage/acme",
        "/secrets",
    ]
    .map(|path| platform.read(path).to_string())
    .concat();
    for secret in &secrets {
        assert!(!shown.contains(secret.as_str()), "an answer of the admin API shows {secret}");
        assert_eq!(platform.places_of(secret), Vec::<String>::new(), "{secret}");
    }
    let own = platform.data().join("master-secret").display().to_string();
    assert_eq!(platform.places_of(master.trim()), [own]);
    assert!(!shown.contains(master.trim()));
    // The search does find what is there: the client's id is in the store.
    assert!(!platform.places_of(&shop.client.id).is_empty());
    let shop = Shop { platform: shop.platform.stop_and_restart(), ..shop };
    for secret in &secrets {
        assert_eq!(shop.platform.places_of(secret), Vec::<String>::new(), "{secret}, after the end");
    }
    // What the upstream got has no credential of the caller in it.
    for received in shop.live.requests() {
        let seen = format!("{received:?}");
        assert!(secrets.iter().all(|secret| !seen.contains(secret.as_str())), "{seen}");
    }
}

/// Each credential in each place where one is read: accepted, refused, replayed.
fn use_everywhere(shop: &Shop, (id, secret): &(String, String), token: &str) {
    let gateway = shop.platform.gateway;
    let bearer = format!("Bearer {token}");
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert_eq!(get(gateway, "/v1/orders", &[("Authorization", &bearer)]).status, 200);
    for _ in 0..2 {
        let headers = [("Idempotency-Key", "k-1"), ("Content-Type", "application/json")];
        assert_eq!(shop.call("POST", "/v1/payments", &headers, b"{}").status, 200);
    }
    for target in ["/sandbox/v1/orders", "/v1/nothing", "/v1/orders?limit=x"] {
        assert!(shop.get(target).status >= 400);
        assert!(get(gateway, target, &[("Authorization", &bearer)]).status >= 400);
    }
    for wrong in [format!("{}x", shop.client.key), secret.clone(), format!("{} x", shop.client.key)] {
        assert!(get(gateway, "/v1/orders", &[("X-API-Key", &wrong)]).status == 401);
        assert!(get(gateway, "/v1/orders", &[("Authorization", &wrong)]).status == 401);
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for body in [
        format!("grant_type=client_credentials&client_id={secret}&client_secret={secret}"),
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={secret}"),
        format!("grant_type={secret}&client_id={id}&client_secret={secret}"),
        format!("client_id={id}&client_secret={secret}&client_secret={secret}"),
        format!("token={token}&client_id={id}&client_secret={secret}x"),
    ] {
        for path in ["/v1/oauth/token", "/v1/oauth/introspect", "/v1/oauth/revoke"] {
            assert!(request(gateway, "POST", path, &form, body.as_bytes()).status >= 400, "{path} {body}");
        }
    }
    let introspect = format!("token={token}&client_id={id}&client_secret={secret}");
    assert_eq!(request(gateway, "POST", "/v1/oauth/introspect", &form, introspect.as_bytes()).status, 200);
}

#[test]
fn a_credential_where_none_belongs_is_not_kept_either() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let token = shop.token(&oauth);
    for secret in [&shop.client.sandbox_key, &oauth.1, &token] {
        // Not the value, nor so much of it that the rest could be guessed: a checksum can be computed.
        let telling = if *secret == token { secret.rsplit('.').next().unwrap() } else { &secret[..30] };
        for target in [
            format!("/v1/orders/{secret}"),
            format!("/v1/orders?limit={secret}"),
            format!("/v1/{secret}"),
            format!("/{secret}/v1/orders"),
        ] {
            let response = shop.get(&target);
            let entry = shop.look_up(&response.request_id()).to_string();
            assert!(!entry.contains(telling), "{target}: {entry}");
        }
        // A token is too long for an idempotency key.
        let key = if *secret == token { "k-1" } else { secret };
        let headers = [("X-Tenant", secret.as_str()), ("Idempotency-Key", key)];
        let response = shop.call("POST", "/v1/orders", &headers, b"{}");
        let entry = shop.look_up(&response.request_id()).to_string();
        assert!(!entry.contains(telling), "{entry}");
        let (id, own) = &oauth;
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={own}&scope={secret}");
        let refused = shop.token_request(&form);
        assert_eq!(refused.code(), "invalid_scope");
        let entry = shop.look_up(&refused.request_id()).to_string();
        assert!(!entry.contains(telling), "{entry}");
        // The upstream gets what was sent to it, byte for byte.
        assert_eq!(shop.get(&format!("/v1/orders/{secret}")).status, 200);
        assert_eq!(shop.live.last().target, format!("/orders/{secret}"));
    }
}
