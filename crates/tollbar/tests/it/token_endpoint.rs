//! `POST {base}/oauth/token`: what it gives, and what it refuses with which code.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::support::{Platform, Response, Shop, request, send_raw};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn basic((id, secret): &(String, String)) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn form_of((id, secret): &(String, String)) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
}

fn ask(shop: &Shop, target: &str, headers: &[(&str, &str)], body: &str) -> Response {
    request(shop.platform.gateway, "POST", target, headers, body.as_bytes())
}

#[test]
fn a_token_comes_in_the_shape_of_the_rfc() {
    let shop = Shop::open_with(Platform::with().set("tokens.lifetime_seconds", "120"));
    let oauth = shop.oauth("acme", "live");
    let response = shop.token_request(&form_of(&oauth));
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    response.request_id();
    let body = response.json();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["access_token", "token_type", "expires_in", "scope"]);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(120)));
    assert_eq!(body["scope"], "events:read orders:read orders:write payments:write reports:read");
    // Not charged, not sent, no rate taken.
    assert_eq!((shop.live.count(), shop.used("acme")), (0, 0));
    assert_eq!(response.header("x-ratelimit-limit"), None);
}

#[test]
fn a_client_proves_itself_by_basic_or_in_the_body() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let (id, _) = &oauth;
    let authorization = basic(&oauth);
    let by_basic = [FORM, ("Authorization", authorization.as_str())];
    for (headers, body) in [
        (&by_basic[..], "grant_type=client_credentials".to_owned()),
        (&by_basic[..], format!("grant_type=client_credentials&client_id={id}")),
        (&by_basic[..], "grant_type=client_credentials&client_id=&client_secret=".to_owned()),
        (&[FORM][..], form_of(&oauth)),
        (&[("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")][..], form_of(&oauth)),
        // Unknown parameters are ignored (RFC 6749, section 3.2), and so is an empty scope.
        (&[FORM][..], format!("{}&resource=x&audience=y&scope=", form_of(&oauth))),
    ] {
        let response = ask(&shop, "/v1/oauth/token", headers, &body);
        assert_eq!(response.status, 200, "{headers:?} {body}: {response:?}");
    }
    let chunked = format!(
        "POST /v1/oauth/token HTTP/1.1\r\nHost: h\r\n{}: {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        FORM.0,
        FORM.1,
        form_of(&oauth).len(),
        form_of(&oauth)
    );
    assert_eq!(send_raw(shop.platform.gateway, chunked).status, 200);
}

#[test]
fn a_request_that_is_not_a_proper_form_is_invalid() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let good = form_of(&oauth);
    let (id, secret) = &oauth;
    let authorization = basic(&oauth);
    let basic_header = ("Authorization", authorization.as_str());
    let grant = "grant_type=client_credentials";
    let as_json = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret });
    let million = format!("{good}&pad={}", "x".repeat(1_000_000));
    let many_fields: String = (0..1_000).map(|n| format!("&f{n}=1")).collect();
    let token_path = "/v1/oauth/token";
    let not_base64 = ("Authorization", "Basic !!!");
    let no_colon = ("Authorization", "Basic YWJj");
    let bearer = ("Authorization", "Bearer a.b.c");
    let in_query = format!("{token_path}?{good}");
    for (target, headers, body, named) in [
        (token_path, &[("Content-Type", "application/json")][..], as_json.to_string(), "form"),
        (token_path, &[FORM][..], as_json.to_string(), "grant_type"),
        (token_path, &[][..], good.clone(), "Content-Type"),
        (token_path, &[("Content-Type", "text/plain")][..], good.clone(), "Content-Type"),
        (
            token_path,
            &[("Content-Type", "multipart/form-data; boundary=x")][..],
            good.clone(),
            "Content-Type",
        ),
        (token_path, &[FORM][..], String::new(), "grant_type"),
        (&in_query, &[FORM][..], String::new(), "query"),
        (&in_query, &[][..], String::new(), "form"),
        ("/v1/oauth/token?grant_type=client_credentials", &[FORM][..], good.clone(), "query"),
        (token_path, &[FORM][..], format!("client_id={id}&client_secret={secret}"), "grant_type"),
        (token_path, &[FORM][..], format!("grant_type=&client_id={id}&client_secret={secret}"), "grant_type"),
        (token_path, &[FORM][..], format!("{grant}&client_secret={secret}"), "client_id"),
        (token_path, &[FORM][..], format!("{grant}&client_id={id}"), "client_secret"),
        (token_path, &[FORM][..], format!("{grant}&client_id={id}&client_secret="), "client_secret"),
        (token_path, &[FORM][..], format!("{good}&{grant}"), "grant_type"),
        (token_path, &[FORM][..], format!("{good}&client_id={id}"), "client_id"),
        (token_path, &[FORM][..], format!("{good}&client_secret=other"), "client_secret"),
        (token_path, &[FORM][..], format!("{good}&scope=orders:read&scope=events:read"), "scope"),
        (token_path, &[FORM][..], format!("{good}&%73cope=orders:read&scope=events:read"), "scope"),
        (token_path, &[FORM, basic_header][..], good.clone(), "both"),
        (token_path, &[FORM, basic_header][..], format!("{grant}&client_secret={secret}"), "both"),
        (token_path, &[FORM, basic_header][..], format!("{grant}&client_id=oc_other"), "client_id"),
        (token_path, &[FORM, basic_header, basic_header][..], grant.to_owned(), "Authorization"),
        (token_path, &[FORM, not_base64][..], grant.to_owned(), "Basic"),
        (token_path, &[FORM, no_colon][..], grant.to_owned(), "Basic"),
        (token_path, &[FORM, bearer][..], grant.to_owned(), "Basic"),
        (token_path, &[FORM][..], million, "bytes"),
        (token_path, &[FORM][..], format!("{good}{many_fields}"), "fields"),
    ] {
        let response = ask(&shop, target, headers, &body);
        let what = format!("{target} {headers:?} {}", &body[..body.len().min(300)]);
        assert_eq!((response.status, response.code()), (400, "invalid_request".to_owned()), "{what}");
        assert!(response.message().contains(named), "{what}: {}", response.message());
        assert!(!response.text().contains(secret.as_str()), "{what}: {response:?}");
        assert_eq!(response.header("www-authenticate"), None, "{what}");
    }
    let options = request(shop.platform.gateway, "OPTIONS", token_path, &[], b"");
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, OPTIONS")));
    let got = request(shop.platform.gateway, "GET", &format!("{token_path}?{good}"), &[], b"");
    assert_eq!((got.status, got.code()), (405, "method_not_allowed".to_owned()));
    assert_eq!(got.header("allow"), Some("POST, OPTIONS"));
    assert_eq!(shop.token_request(&good).status, 200);
}

#[test]
fn a_wrong_client_is_challenged_only_where_it_used_basic() {
    let shop = Shop::open();
    let good = shop.oauth("acme", "live");
    let revoked = shop.oauth("acme", "live");
    shop.platform.change("POST", &format!("/oauth/{}/revoke", revoked.0), &json!({}));
    let gone = shop.client("gone", &json!({}));
    let of_gone = shop.oauth("gone", "live");
    shop.platform.change("DELETE", &format!("/clients/{}", gone.id), &json!({}));
    let pair = |id: &str, secret: &str| (id.to_owned(), secret.to_owned());
    let mut messages = Vec::new();
    for wrong in [
        pair(&good.0, &format!("{}x", good.1)),
        pair(&good.0, &good.1[..good.1.len() - 1]),
        pair(&good.0, &revoked.1),
        pair(&good.0, &shop.client.key),
        pair(&shop.client.id, &good.1),
        pair("nobody", &good.1),
        pair(&good.0.to_uppercase(), &good.1),
        pair(&good.1, &good.0),
        pair(&revoked.0, "wrong"),
        revoked,
        of_gone,
    ] {
        let in_body = shop.token_request(&form_of(&wrong));
        assert_eq!((in_body.status, in_body.code()), (401, "invalid_client".to_owned()), "{wrong:?}");
        assert_eq!(in_body.header("www-authenticate"), None);
        let headers = [FORM, ("Authorization", &basic(&wrong))];
        let by_basic = ask(&shop, "/v1/oauth/token", &headers, "grant_type=client_credentials");
        assert_eq!((by_basic.status, by_basic.code()), (401, "invalid_client".to_owned()), "{wrong:?}");
        let challenge = by_basic.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic realm="), "{challenge}");
        messages.extend([in_body.message(), by_basic.message()]);
    }
    // Which ids exist is not told.
    assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
}

#[test]
fn the_scope_is_what_was_asked_for_if_the_client_has_it() {
    let shop = Shop::open();
    let oauth = shop.oauth("acme", "live");
    let good = form_of(&oauth);
    let ten_thousand: String = (0..10_000).map(|n| format!("s{n}+")).collect();
    let same: String = "a+".repeat(10_000);
    for (scope, expected) in [
        ("orders:read", Ok("orders:read")),
        ("orders%3Aread+events:read", Ok("events:read orders:read")),
        ("orders:read+orders:read", Ok("orders:read")),
        ("admin", Err("invalid_scope")),
        ("orders:read+admin", Err("invalid_scope")),
        ("ORDERS:READ", Err("invalid_scope")),
        ("orders:read,events:read", Err("invalid_scope")),
        ("orders:read%0Aevents:read", Err("invalid_scope")),
        ("*", Err("invalid_scope")),
        ("%00", Err("invalid_scope")),
        ("%22%5C%3Cscript%3E", Err("invalid_scope")),
        (&same, Err("invalid_scope")),
    ] {
        let response = shop.token_request(&format!("{good}&scope={scope}"));
        match expected {
            Ok(granted) => assert_eq!(response.json()["scope"], granted, "{scope}: {response:?}"),
            Err(code) => assert_eq!((response.status, response.code().as_str()), (400, code), "{scope}"),
        }
    }
    let many = shop.token_request(&format!("{good}&scope={ten_thousand}"));
    assert_eq!(many.status, 400);
    assert!(["invalid_scope", "invalid_request"].contains(&many.code().as_str()), "{many:?}");
    assert!(many.body.len() < 2_000, "the answer does not repeat what it refuses");
}
