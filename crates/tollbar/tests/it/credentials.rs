//! Presenting a credential, byte for byte.

use serde_json::json;

use crate::support::{Platform, Response, Shop, get, send_raw};

/// A GET with these header lines, as they are.
fn get_with(shop: &Shop, target: &str, lines: impl AsRef<[u8]>) -> Response {
    let head = [format!("GET {target} HTTP/1.1\r\nHost: h\r\n").as_bytes(), lines.as_ref(), b"\r\n"].concat();
    send_raw(shop.platform.gateway, head)
}

/// Refused with this code; a 401 also says how to authenticate; the upstream saw nothing.
fn assert_refused(shop: &Shop, response: &Response, code: &str, what: &str) {
    assert_eq!(response.code(), code, "{what}: {response:?}");
    let is_challenged = response.header("www-authenticate") == Some("Bearer realm=\"api\"");
    assert_eq!(is_challenged, response.status == 401, "{what}: {response:?}");
    assert_eq!(shop.live.bytes_seen() + shop.sandbox.bytes_seen(), 0, "{what} reached the upstream");
}

#[test]
fn a_key_in_the_query_or_a_cookie_is_no_credential_and_is_written_nowhere() {
    let shop = Shop::open_keeping_all();
    let key = &shop.client.key;
    let token = shop.token(&shop.oauth("acme", "live"));
    for (target, lines) in [
        (format!("/v1/orders?api_key={key}"), String::new()),
        (format!("/v1/orders?X-API-Key={key}&limit=5"), String::new()),
        (format!("/v1/orders?access_token={token}"), String::new()),
        ("/v1/orders".to_owned(), format!("Cookie: X-API-Key={key}; token={token}\r\n")),
        ("/v1/orders".to_owned(), format!("X-Auth-Key: {key}\r\n")),
        ("/v1/orders".to_owned(), format!("X_API_Key: {key}\r\n")),
        ("/v1/orders".to_owned(), format!("Proxy-Authorization: Bearer {token}\r\n")),
        (format!("http://h/v1/orders?api_key={key}"), String::new()),
    ] {
        let response = get_with(&shop, &target, &lines);
        assert_refused(&shop, &response, "missing_credentials", &target);
        let entry = shop.look_up(&response.request_id());
        assert_eq!(entry["path"], "/v1/orders", "{entry}");
        let shown = entry.to_string();
        assert!(!shown.contains(key) && !shown.contains(&token), "{shown}");
    }
    // A proper credential beside it changes nothing about where the other one stands.
    let sandbox_key = &shop.client.sandbox_key;
    let response = shop.get(&format!("/v1/orders?limit=5&x={sandbox_key}"));
    assert!(!shop.look_up(&response.request_id()).to_string().contains(sandbox_key));
    for secret in [key, sandbox_key, &token] {
        assert_eq!(shop.platform.places_of(secret), Vec::<String>::new());
    }
}

#[test]
fn of_two_credentials_none_wins() {
    let shop = Shop::open();
    let key = &shop.client.key;
    let other = shop.client("other", &json!({})).key;
    let token = shop.token(&shop.oauth("acme", "live"));
    for lines in [
        format!("X-API-Key: {key}\r\nX-API-Key: {key}\r\n"),
        format!("X-API-Key: {key}\r\nX-API-Key: {other}\r\n"),
        format!("X-API-Key: {key}\r\nx-api-key:\r\n"),
        format!("x-api-key: x\r\nX-API-Key: {key}\r\n"),
        format!("X-API-Key: {key}\r\nAuthorization: Bearer {token}\r\n"),
        format!("Authorization: Bearer {token}\r\nX-API-Key: {key}\r\n"),
        format!("X-API-Key: {key}\r\nAuthorization: Basic YTpi\r\n"),
        format!("X-API-Key: {key}\r\nAuthorization:\r\n"),
        format!("Authorization: Bearer {token}\r\nX-API-Key:\r\n"),
        format!("Authorization: Bearer {token}\r\nauthorization: Bearer {token}\r\n"),
        format!("Authorization: Bearer {token}, Bearer {token}\r\n"),
        format!("X-API-Key: {key}, {other}\r\n"),
    ] {
        assert_refused(&shop, &get_with(&shop, "/v1/orders", &lines), "malformed_credentials", &lines);
    }
    assert_eq!(shop.get("/v1/orders").status, 200);
}

#[test]
fn a_credential_that_cannot_be_read_is_malformed() {
    let shop = Shop::open();
    let key = &shop.client.key;
    let token = shop.token(&shop.oauth("acme", "live"));
    let long = "k".repeat(600);
    let line = |text: &str| text.as_bytes().to_vec();
    for lines in [
        line("Authorization: Bearer\r\n"),
        line("Authorization: Bearer \r\n"),
        line("Authorization: Bearer  x\r\n"),
        line("Authorization: bearer\tx\r\n"),
        line(&format!("Authorization: Bearer  {token}\r\n")),
        line(&format!("Authorization: bearer\t{token}\r\n")),
        line(&format!("Authorization: {token}\r\n")),
        line(&format!("Authorization: Token {token}\r\n")),
        line(&format!("Authorization: Bearer\"{token}\"\r\n")),
        line(&format!("Authorization: Bearer {token} x\r\n")),
        line(&format!("Authorization: Bearer {key}\r\n")),
        line("Authorization: Basic YTpi\r\n"),
        line("Authorization:\r\n"),
        b"Authorization: Bearer \xc3\xa9\r\n".to_vec(),
        b"Authorization: Bearer a\xffb\r\n".to_vec(),
        line("X-API-Key:\r\n"),
        line("X-API-Key:   \r\n"),
        line("X-API-Key: k\r\n"),
        line(&format!("X-API-Key: {long}\r\n")),
        line(&format!("X-API-Key: {key} {key}\r\n")),
        line(&format!("X-API-Key: {key} x\r\n")),
        [b"X-API-Key: ", key.as_bytes(), b"\xff\r\n"].concat(),
        b"X-API-Key: \xd0\xba\xd0\xbb\xd1\x8e\xd1\x87\xd1\x8e\xd1\x87\r\n".to_vec(),
    ] {
        let what = String::from_utf8_lossy(&lines).into_owned();
        assert_refused(&shop, &get_with(&shop, "/v1/orders", &lines), "malformed_credentials", &what);
    }
    // White space around a field's value is not part of it (RFC 9110, section 5.5).
    assert_eq!(get_with(&shop, "/v1/orders", format!("X-API-Key: \t{key} \t\r\n")).status, 200);
    assert_eq!(get_with(&shop, "/v1/orders", format!("aUTHORIZATION: bEARER {token}\r\n")).status, 200);
}

#[test]
fn a_credential_larger_than_a_head_may_be_is_refused_as_http() {
    let shop = Shop::open();
    for name in ["X-API-Key: ", "Authorization: Bearer "] {
        let response = get_with(&shop, "/v1/orders", format!("{name}{}\r\n", "k".repeat(64 * 1024)));
        assert_eq!((response.status, response.code()), (400, "invalid_request".to_owned()));
        assert_refused(&shop, &response, "invalid_request", name);
    }
}

#[test]
fn a_key_that_is_no_active_key_is_invalid_whatever_is_wrong_with_it() {
    let shop = Shop::open_keeping_all();
    let key = shop.client.key.clone();
    let (_, client_secret) = shop.oauth("acme", "live");
    let elsewhere = Shop::open().client.key;
    let swapped = {
        let mut bytes = key.clone().into_bytes();
        let at = (9..40).find(|at| bytes[*at] != bytes[at + 1]).unwrap();
        bytes.swap(at, at + 1);
        String::from_utf8(bytes).unwrap()
    };
    // Refused by the checksum, without a look-up; or known by nobody.
    let by_checksum = "checksum";
    let by_look_up = "no key has this digest";
    let mut answers = Vec::new();
    for (wrong, reason) in [
        (format!("{key}x"), by_checksum),
        (format!("x{key}"), by_checksum),
        (key[..key.len() - 1].to_owned(), by_checksum),
        (swapped, by_checksum),
        (key.to_uppercase(), by_checksum),
        (key.replacen("_live_", "_sandbox_", 1), by_checksum),
        ("12345678".to_owned(), by_checksum),
        (format!("{key},{key}"), by_checksum),
        ("k".repeat(512), by_checksum),
        (elsewhere, by_look_up),
        (client_secret, by_look_up),
    ] {
        let response = get_with(&shop, "/v1/orders", format!("X-API-Key: {wrong}\r\n"));
        assert_refused(&shop, &response, "invalid_api_key", &wrong);
        let entry = shop.look_up(&response.request_id());
        let refusal = entry["steps"].as_array().unwrap().last().unwrap().clone();
        assert!(refusal["detail"].as_str().unwrap().contains(reason), "{wrong}: {refusal}");
        assert!(!entry.to_string().contains(&wrong), "{entry}");
        let names: Vec<String> = response.headers.iter().map(|(name, _)| name.clone()).collect();
        answers.push((names, response.message()));
    }
    // Time is not measured here: on a shared machine that would prove nothing. What can be seen from outside is that
    // each of these gets the very same answer; inside, a key is found by its keyed digest and never compared.
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(shop.get("/v1/orders").status, 200);
}

#[test]
fn a_token_request_does_not_take_an_api_key_for_a_secret() {
    let shop = Shop::open();
    let (id, _) = shop.oauth("acme", "live");
    let form = |secret: &str| format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    assert_eq!(shop.token_request(&form(&shop.client.key)).code(), "invalid_client");
    assert_eq!(shop.token_request(&form(&shop.client.key_id)).code(), "invalid_client");
}

#[test]
fn a_platform_with_another_brand_gives_and_takes_keys_of_that_brand() {
    let shop = Shop::open_with(Platform::with().set("keys.brand", "acme1"));
    assert!(shop.client.key.starts_with("acme1_live_"), "{}", shop.client.key);
    assert!(shop.client.sandbox_key.starts_with("acme1_sandbox_"));
    assert_eq!(shop.get("/v1/orders").status, 200);
}

#[test]
fn a_key_sent_as_a_bearer_token_is_told_where_it_belongs() {
    let shop = Shop::open_keeping_all();
    let bearer = format!("Bearer {}", shop.client.key);
    let response = get(shop.platform.gateway, "/v1/orders", &[("Authorization", &bearer)]);
    assert_eq!(response.code(), "malformed_credentials");
    assert!(response.message().contains("X-API-Key"), "{response:?}");
    let entry = shop.look_up(&response.request_id());
    assert!(entry["sentence"].as_str().unwrap().contains("X-API-Key"), "{entry}");
    assert!(!entry.to_string().contains(&shop.client.key));
}
