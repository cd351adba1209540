//! What the platform says of its OAuth2 endpoints (RFC 8414, RFC 7517), for live and sandbox: true, and enough.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use crate::support::{Platform, Response, Shop, request};

/// The path of a URL that must be on the platform under test; `origin` is how partners write it.
fn path_of<'a>(origin: &str, url: &'a Value) -> &'a str {
    let url = url.as_str().unwrap();
    url.strip_prefix(origin).unwrap_or_else(|| panic!("{url} is not under {origin}"))
}

fn post(shop: &Shop, host: &str, path: &str, form: &str) -> Response {
    let mut connection = crate::support::Connection::open(shop.platform.gateway);
    connection.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    connection.receive()
}

fn get(shop: &Shop, host: &str, path: &str, more: &str) -> Response {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    crate::support::send_raw(shop.platform.gateway, head)
}

/// Follows the metadata as a client library does: from the issuer to a token that works and ends.
fn follow(shop: &Shop, environment: &str, host: &str, origin: &str, issuer: &str) {
    let base = issuer.strip_prefix(origin).unwrap();
    let well_known = format!("/.well-known/oauth-authorization-server{base}");
    let response = get(shop, host, &well_known, "");
    assert_eq!(response.status, 200, "{well_known}: {response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"));
    let metadata = response.json();
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    assert!(metadata["response_types_supported"].is_array(), "RFC 8414 requires it: {metadata}");
    for endpoint in ["token", "revocation", "introspection"] {
        assert_eq!(
            metadata[format!("{endpoint}_endpoint_auth_methods_supported")],
            json!(["client_secret_basic", "client_secret_post"])
        );
    }
    let (id, secret) = shop.oauth("acme", environment);
    let client = format!("client_id={id}&client_secret={secret}");
    let path = |name: &str| path_of(origin, &metadata[name]).to_owned();
    let token = post(shop, host, &path("token_endpoint"), &format!("grant_type=client_credentials&{client}"));
    let token = token.json()["access_token"].as_str().unwrap_or_else(|| panic!("{token:?}")).to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| -> Value { serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap() };
    let (header, claims) = (decode(parts[0]), decode(parts[1]));
    assert_eq!((&claims["iss"], &claims["aud"]), (&metadata["issuer"], &metadata["issuer"]));
    // The key that signed it is published; its private half is not.
    let jwks = get(shop, host, &path("jwks_uri"), "").json();
    let keys = jwks["keys"].as_array().unwrap();
    let key =
        keys.iter().find(|key| key["kid"] == header["kid"]).unwrap_or_else(|| panic!("{jwks} {header}"));
    let names: Vec<&String> = key.as_object().unwrap().keys().collect();
    assert_eq!(names, ["kty", "crv", "use", "alg", "kid", "x"], "a public key of RFC 8037, and no `d`");
    assert_eq!(
        (&key["kty"], &key["crv"], &key["use"], &key["alg"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("sig"), &header["alg"])
    );
    assert_eq!(BASE64.decode(key["x"].as_str().unwrap()).unwrap().len(), 32);
    assert_eq!(BASE64.decode(parts[2]).unwrap().len(), 64, "an Ed25519 signature");
    let call = || get(shop, host, &format!("{base}/orders"), &format!("Authorization: Bearer {token}\r\n"));
    assert_eq!(call().status, 200);
    let about = format!("token={token}&{client}");
    assert_eq!(post(shop, host, &path("introspection_endpoint"), &about).json()["active"], true);
    assert_eq!(post(shop, host, &path("revocation_endpoint"), &about).status, 200);
    assert_eq!(call().code(), "revoked_token");
}

#[test]
fn the_metadata_of_live_and_sandbox_lead_to_endpoints_that_work() {
    let shop = Shop::open();
    let origin = format!("http://{}", shop.platform.gateway);
    let host = shop.platform.gateway.to_string();
    follow(&shop, "live", &host, &origin, &format!("{origin}/v1"));
    follow(&shop, "sandbox", &host, &origin, &format!("{origin}/sandbox/v1"));
    assert_eq!((shop.live.count(), shop.sandbox.count()), (1, 1));
}

#[test]
fn the_issuer_is_what_partners_call() {
    let shop = Shop::open_with(Platform::with().set("gateway.public_url", "https://api.example.com"));
    let origin = "https://api.example.com";
    // The Host that is sent decides nothing: a token's issuer is not the caller's to choose.
    follow(&shop, "live", "evil.test", origin, "https://api.example.com/v1");
    follow(&shop, "sandbox", "evil.test", origin, "https://api.example.com/sandbox/v1");
}

#[test]
fn with_hosts_each_environment_has_an_issuer_of_its_own() {
    let config = "[gateway]\npublic_url = \"https://api.test\"\n[hosts]\nlive = \"api.test\"\nsandbox = \"sandbox.test\"\n";
    let shop = Shop::open_with(Platform::with().config(config));
    follow(&shop, "live", "api.test", "https://api.test", "https://api.test/v1");
    follow(&shop, "sandbox", "sandbox.test", "https://sandbox.test", "https://sandbox.test/v1");
}

#[test]
fn moved_routes_are_told_by_the_metadata() {
    let shop = Shop::open_with(Platform::with().set("routes.own_prefix", "/-"));
    let origin = format!("http://{}", shop.platform.gateway);
    let host = shop.platform.gateway.to_string();
    follow(&shop, "live", &host, &origin, &format!("{origin}/v1"));
    let old =
        request(shop.platform.gateway, "POST", "/v1/oauth/token", &[("X-API-Key", &shop.client.key)], b"");
    assert_eq!(old.code(), "not_found");
}

#[test]
fn a_base_that_does_not_exist_has_no_metadata() {
    let shop = Shop::open();
    for path in ["", "/", "/v2", "/v1/", "/sandbox", "/sandbox/v2", "/v1/orders"] {
        let target = format!("/.well-known/oauth-authorization-server{path}");
        let response =
            crate::support::get(shop.platform.gateway, &target, &[("X-API-Key", &shop.client.key)]);
        let expected =
            if path.starts_with("/sandbox") { "credential_environment_mismatch" } else { "not_found" };
        assert_eq!(response.code(), expected, "{target}");
    }
}

#[test]
fn the_signing_key_stays_over_a_restart() {
    let shop = Shop::open();
    let jwks = |shop: &Shop| crate::support::get(shop.platform.gateway, "/v1/oauth/jwks", &[]).json();
    let before = jwks(&shop);
    assert_eq!(before["keys"].as_array().unwrap().len(), 1);
    let shop = Shop { platform: shop.platform.kill_and_restart(), ..shop };
    assert_eq!(jwks(&shop), before);
}
