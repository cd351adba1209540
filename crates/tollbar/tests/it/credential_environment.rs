//! A credential of one environment opens nothing of the other, whichever way the other is named.

use crate::support::{Platform, Response, Shop, send_raw};

const HOSTS: &str = "[hosts]\nlive = \"api.test\"\nsandbox = \"sandbox.test\"\n";

/// Where the token endpoints of live and sandbox are: host and path.
const BY_PATH: [(&str, &str); 2] = [("h", "/v1/oauth/token"), ("h", "/sandbox/v1/oauth/token")];
const BY_HOST: [(&str, &str); 2] = [("api.test", "/v1/oauth/token"), ("sandbox.test", "/v1/oauth/token")];

/// The four credentials of a client as header lines, and whether they are of live.
fn credentials(shop: &Shop, [live, sandbox]: [(&str, &str); 2]) -> [(String, bool); 4] {
    let token = |at, environment| {
        let (id, secret) = shop.oauth("acme", environment);
        format!("Authorization: Bearer {}\r\n", token(shop, at, &id, &secret))
    };
    [
        (format!("X-API-Key: {}\r\n", shop.client.key), true),
        (token(live, "live"), true),
        (format!("X-API-Key: {}\r\n", shop.client.sandbox_key), false),
        (token(sandbox, "sandbox"), false),
    ]
}

fn token(shop: &Shop, (host, path): (&str, &str), id: &str, secret: &str) -> String {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let response = send_raw(
        shop.platform.gateway,
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        ),
    );
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["access_token"].as_str().unwrap().to_owned()
}

fn get_at(shop: &Shop, host: &str, target: &str, lines: &str) -> Response {
    send_raw(shop.platform.gateway, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"))
}

/// Requests that the upstreams of live and sandbox have seen.
fn served(shop: &Shop) -> [usize; 2] {
    [shop.live.count(), shop.sandbox.count()]
}

#[test]
fn by_path_each_credential_opens_its_own_environment_only() {
    let shop = Shop::open();
    for (lines, is_live) in credentials(&shop, BY_PATH) {
        for (target, target_is_live) in [
            ("/v1/orders", true),
            ("http://h/v1/orders", true),
            ("HTTPS://H/v1/orders", true),
            ("/sandbox/v1/orders", false),
            ("http://h/sandbox/v1/orders", false),
        ] {
            let before = served(&shop);
            let response = get_at(&shop, "h", target, &lines);
            let after = served(&shop);
            if is_live == target_is_live {
                assert_eq!(response.status, 200, "{target} {lines}: {response:?}");
                let expected = [before[0] + usize::from(is_live), before[1] + usize::from(!is_live)];
                assert_eq!(after, expected, "{target} {lines}");
            } else {
                assert_eq!(response.code(), "credential_environment_mismatch", "{target} {lines}");
                assert_eq!((response.status, after), (403, before), "{target} {lines}");
            }
        }
    }
}

#[test]
fn no_other_way_to_write_the_sandbox_prefix_leads_to_the_sandbox() {
    let shop = Shop::open();
    for (target, with_live, with_sandbox) in [
        ("/Sandbox/v1/orders", "not_found", "credential_environment_mismatch"),
        ("/%73andbox/v1/orders", "not_found", "credential_environment_mismatch"),
        ("/v1/sandbox/v1/orders", "not_found", "credential_environment_mismatch"),
        ("/sandbox/sandbox/v1/orders", "credential_environment_mismatch", "not_found"),
        ("/sandbox/../v1/orders", "invalid_request", "invalid_request"),
        ("/v1/../sandbox/v1/orders", "invalid_request", "invalid_request"),
        ("/sandbox/%2e%2e/v1/orders", "invalid_request", "invalid_request"),
        ("/sandbox\\v1\\orders", "invalid_request", "invalid_request"),
    ] {
        for (key, expected) in [(&shop.client.key, with_live), (&shop.client.sandbox_key, with_sandbox)] {
            let response = get_at(&shop, "h", target, &format!("X-API-Key: {key}\r\n"));
            assert_eq!(response.code(), expected, "{target} {key}");
        }
    }
    // Where hosts do not tell environments apart, no header does either.
    let lines = format!("X-API-Key: {}\r\nX-Forwarded-Host: sandbox.h\r\n", shop.client.sandbox_key);
    assert_eq!(get_at(&shop, "sandbox.h", "/v1/orders", &lines).code(), "credential_environment_mismatch");
    assert_eq!(served(&shop), [0, 0]);
}

#[test]
fn by_host_each_credential_opens_its_own_environment_only() {
    let shop = Shop::open_with(Platform::with().config(HOSTS));
    for (lines, is_live) in credentials(&shop, BY_HOST) {
        for (host, target, target_is_live) in [
            ("api.test", "/v1/orders", true),
            ("API.TEST:8443", "/v1/orders", true),
            ("api.test", "http://api.test/v1/orders", true),
            ("sandbox.test", "/v1/orders", false),
            ("Sandbox.Test:80", "/v1/orders", false),
            ("sandbox.test", "http://sandbox.test/v1/orders", false),
            ("sandbox.test", "https://SANDBOX.test/v1/orders", false),
        ] {
            let before = served(&shop);
            let response = get_at(&shop, host, target, &lines);
            let after = served(&shop);
            if is_live == target_is_live {
                assert_eq!(response.status, 200, "{host} {target} {lines}: {response:?}");
                let expected = [before[0] + usize::from(is_live), before[1] + usize::from(!is_live)];
                assert_eq!(after, expected, "{host} {target} {lines}");
            } else {
                assert_eq!(response.code(), "credential_environment_mismatch", "{host} {target} {lines}");
                assert_eq!((response.status, after), (403, before));
            }
        }
    }
}

#[test]
fn two_opinions_about_the_host_are_refused() {
    let shop = Shop::open_with(Platform::with().config(HOSTS));
    let [live, _, sandbox, _] = credentials(&shop, BY_HOST).map(|(lines, _)| lines);
    for lines in [&live, &sandbox] {
        for (host, target, more) in [
            ("api.test", "http://sandbox.test/v1/orders", ""),
            ("sandbox.test", "http://api.test/v1/orders", ""),
            ("api.test:80", "http://api.test/v1/orders", ""),
            ("api.test", "/v1/orders", "Host: sandbox.test\r\n"),
            ("api.test, sandbox.test", "/v1/orders", ""),
            ("api.test sandbox.test", "/v1/orders", ""),
            ("api.test@sandbox.test", "/v1/orders", ""),
            ("api.test", "http://sandbox.test@api.test/v1/orders", ""),
        ] {
            let response = get_at(&shop, host, target, &format!("{lines}{more}"));
            assert_eq!(response.code(), "invalid_request", "{host} {target} {more}");
        }
        // A forwarded host decides nothing; the sandbox path is none where hosts decide; a third host is none.
        let forwarded = format!("{lines}X-Forwarded-Host: sandbox.test\r\nForwarded: host=sandbox.test\r\n");
        let expected = if lines == &live { 200 } else { 403 };
        assert_eq!(get_at(&shop, "api.test", "/v1/orders", &forwarded).status, expected);
    }
    assert_eq!(get_at(&shop, "api.test", "/sandbox/v1/orders", &live).code(), "not_found");
    assert_eq!(get_at(&shop, "sandbox.test", "/sandbox/v1/orders", &sandbox).code(), "not_found");
    assert_eq!(get_at(&shop, "other.test", "/v1/orders", &live).code(), "not_found");
    assert_eq!(served(&shop), [1, 0]);
}
