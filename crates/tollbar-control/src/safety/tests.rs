use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
    let mut map = HeaderMap::new();
    pairs.for_each(|(name, value): (http::HeaderName, HeaderValue)| {
        map.append(name, value);
    });
    map
}

#[test]
fn hosts_that_a_page_can_make_its_own_are_refused() {
    let allowed = ["admin.internal".to_owned()];
    let target = Uri::from_static("/admin/v1/status");
    for right in [
        "127.0.0.1",
        "127.0.0.1:7000",
        "192.0.2.1:7000",
        "[::1]:7000",
        "[2001:db8::1]",
        "localhost",
        "LocalHost:7000",
        "admin.internal:7000",
    ] {
        assert!(check_host(&headers(&[("host", right)]), &target, &allowed).is_ok(), "{right}");
    }
    for wrong in [
        "evil.example",
        "evil.example:7000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[::1",
        "::1",
        "[x]:1",
        "localhost:7000x",
        "",
        ":7000",
        "127.1",
        "0x7f000001",
        "127.0.0.1:7000:7000",
        "[127.0.0.1]",
    ] {
        assert!(check_host(&headers(&[("host", wrong)]), &target, &allowed).is_err(), "{wrong}");
    }
    assert!(check_host(&headers(&[]), &target, &allowed).is_err());
    assert!(
        check_host(&headers(&[("host", "localhost"), ("host", "localhost")]), &target, &allowed).is_err()
    );
    let absolute = Uri::from_static("http://evil.example/admin/v1/status");
    assert!(check_host(&headers(&[("host", "localhost")]), &absolute, &allowed).is_err());
}

#[test]
fn pages_of_other_origins_are_refused() {
    for (given, is_right) in [
        (vec![], true),
        (vec![("origin", "http://localhost:7000")], true),
        (vec![("origin", "http://localhost:3000")], false),
        (vec![("origin", "http://evil.example")], false),
        (vec![("origin", "null")], false),
        (vec![("origin", "")], false),
        (vec![("origin", "http://localhost:7000"), ("origin", "http://evil.example")], false),
        (vec![("sec-fetch-site", "same-origin")], true),
        (vec![("sec-fetch-site", "none")], true),
        (vec![("sec-fetch-site", "cross-site")], false),
        (vec![("sec-fetch-site", "same-site")], false),
    ] {
        assert_eq!(check_same_origin(&headers(&given), "localhost:7000").is_ok(), is_right, "{given:?}");
    }
}

#[test]
fn only_the_operator_token_opens() {
    let expected = sha256(&[b"right-token"]);
    for (given, is_right) in [
        (vec![("authorization", "Bearer right-token")], true),
        (vec![("authorization", "bearer right-token")], true),
        (vec![], false),
        (vec![("authorization", "")], false),
        (vec![("authorization", "Bearer ")], false),
        (vec![("authorization", "Bearer right-toke")], false),
        (vec![("authorization", "Basic right-token")], false),
        (vec![("authorization", "right-token")], false),
        (vec![("authorization", "Bearer right-token"), ("authorization", "Bearer x")], false),
    ] {
        assert_eq!(check_token(&headers(&given), &expected).is_ok(), is_right, "{given:?}");
    }
}

#[test]
fn bodies_must_say_that_they_are_json() {
    for (value, is_right) in [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("text/plain", false),
        ("application/x-www-form-urlencoded", false),
        ("text/plain; application/json", false),
    ] {
        assert_eq!(check_content_type(&headers(&[("content-type", value)])).is_ok(), is_right, "{value}");
    }
    assert!(check_content_type(&HeaderMap::new()).is_err());
}
