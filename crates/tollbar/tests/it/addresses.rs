//! Which address a request is taken to come from.

use serde_json::json;

use crate::support::{Platform, Shop};

const PROXY_HEADERS: [(&str, &str); 3] =
    [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"), ("X-Real-IP", "203.0.113.7")];

#[test]
fn forwarding_headers_of_an_untrusted_peer_change_nothing() {
    let shop = Shop::open();
    let inside = shop.client("inside", &json!({ "allow_ips": ["127.0.0.1"] }));
    let outside = shop.client("outside", &json!({ "allow_ips": ["203.0.113.7"] }));
    for header in PROXY_HEADERS.into_iter().chain([("X-Forwarded-For", "203.0.113.7, 127.0.0.1")]) {
        let allowed = shop.call_as(&inside.key, "GET", "/v1/orders", &[header], b"");
        assert_eq!(allowed.status, 200, "{header:?}: {allowed:?}");
        let received = shop.live.last();
        assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"), "{header:?}");
        assert_eq!((received.header("forwarded"), received.header("x-real-ip")), (None, None));
        let refused = shop.call_as(&outside.key, "GET", "/v1/orders", &[header], b"");
        assert_eq!(refused.code(), "ip_not_allowed", "{header:?}");
        let entry = shop.look_up(&refused.request_id());
        assert_eq!((&entry["address"], &entry["address_source"]), (&json!("127.0.0.1"), &json!("peer")));
    }
}

#[test]
fn behind_a_trusted_proxy_the_address_is_read_from_the_right() {
    let shop = Shop::open_with(Platform::with().set("gateway.trusted_proxies", "127.0.0.0/8"));
    let client = shop.client("outside", &json!({ "allow_ips": ["203.0.113.7"] }));
    let table: &[(&[&str], &str)] = &[
        (&["203.0.113.7"], "203.0.113.7"),
        (&["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (&["198.51.100.1", "203.0.113.7 ,127.0.0.9", "127.0.0.2"], "203.0.113.7"),
        (&["203.0.113.7", "198.51.100.1"], "198.51.100.1"),
        (&["203.0.113.7, 198.51.100.1, 127.0.0.9"], "198.51.100.1"),
        (&["::ffff:203.0.113.7"], "203.0.113.7"),
        (&["[2001:db8::1]:443"], "2001:db8::1"),
        // What cannot be read ends the reading: nobody we trust wrote what stands left of it.
        (&["203.0.113.7, unknown, 127.0.0.3"], "127.0.0.3"),
        (&["203.0.113.7,"], "127.0.0.1"),
        (&["0313.0.0161.7"], "127.0.0.1"),
        (&["3405803783"], "127.0.0.1"),
        (&[""], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ];
    for (lines, expected) in table {
        let mut headers: Vec<(&str, &str)> = lines.iter().map(|line| ("X-Forwarded-For", *line)).collect();
        headers.extend([("Forwarded", "for=203.0.113.7"), ("X-Real-IP", "203.0.113.7")]);
        let response = shop.call_as(&client.key, "GET", "/v1/orders", &headers, b"");
        let is_allowed = *expected == "203.0.113.7";
        assert_eq!(response.status, if is_allowed { 200 } else { 403 }, "{lines:?}: {response:?}");
        if is_allowed {
            assert_eq!(shop.live.last().header("x-forwarded-for"), Some(*expected), "{lines:?}");
        }
        assert_eq!(shop.look_up(&response.request_id())["address"], *expected, "{lines:?}");
    }
}

#[test]
fn a_proxy_that_writes_forwarded_is_read_by_that_alone() {
    let options = Platform::with()
        .set("gateway.trusted_proxies", "127.0.0.0/8")
        .set("gateway.forwarding_header", "forwarded");
    let shop = Shop::open_with(options);
    let client = shop.client("outside", &json!({ "allow_ips": ["203.0.113.7"] }));
    let table: &[(&[&str], &str, &str)] = &[
        (&["for=203.0.113.7;proto=https"], "203.0.113.7", "forwarded from 127.0.0.1"),
        (&["for=198.51.100.1, for=203.0.113.7"], "203.0.113.7", "forwarded from 127.0.0.1"),
        (&["for=\"203.0.113.7:80\"", "for=127.0.0.9"], "203.0.113.7", "forwarded from 127.0.0.9"),
        (&["for=\"198.51.100.1, for=203.0.113.7"], "203.0.113.7", "forwarded from 127.0.0.1"),
        (&["for=203.0.113.7, for=unknown"], "127.0.0.1", "peer"),
        (&["203.0.113.7"], "127.0.0.1", "peer"),
        (&[], "127.0.0.1", "peer"),
    ];
    for (lines, expected, source) in table {
        let mut headers: Vec<(&str, &str)> = lines.iter().map(|line| ("Forwarded", *line)).collect();
        // What such a proxy passes on as the caller wrote it.
        headers.extend([("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")]);
        let response = shop.call_as(&client.key, "GET", "/v1/orders", &headers, b"");
        let is_allowed = *expected == "203.0.113.7";
        assert_eq!(response.status, if is_allowed { 200 } else { 403 }, "{lines:?}: {response:?}");
        if is_allowed {
            let received = shop.live.last();
            assert_eq!(received.header("x-forwarded-for"), Some(*expected), "{lines:?}");
            assert_eq!(received.header("x-forwarded-proto"), Some("http"), "{lines:?}");
        }
        let entry = shop.look_up(&response.request_id());
        assert_eq!(
            (&entry["address"], &entry["address_source"]),
            (&json!(expected), &json!(source)),
            "{lines:?}"
        );
    }
}
