//! PROXY headers before everything else, from trusted peers and from nobody else; and `Forwarded`.

use serde_json::json;

use crate::support::{Connection, Platform, PlatformBuilder, Response, Shop};

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn behind_a_proxy() -> PlatformBuilder {
    Platform::with().set("gateway.trusted_proxies", "127.0.0.0/8").set("gateway.proxy_protocol", "true")
}

fn request(shop: &Shop, fields: &str) -> String {
    format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n{fields}\r\n", shop.client.key)
}

/// One request on a connection that begins with these bytes.
fn call(shop: &Shop, first: &[u8], fields: &str) -> Response {
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send([first, request(shop, fields).as_bytes()].concat());
    connection.receive()
}

fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    [V2, &[0x20 | command, family], &length, addresses].concat()
}

/// Who called, as the look-up and the upstream have it.
fn seen(shop: &Shop, response: &Response) -> (String, String) {
    assert_eq!(response.status, 200, "{response:?}");
    let entry = shop.look_up(&response.request_id());
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    assert_eq!(shop.live.last().header("x-forwarded-for"), Some(text("address").as_str()));
    (text("address"), text("address_source"))
}

#[test]
fn a_trusted_peer_names_the_caller_in_either_version() {
    let shop = Shop::open_with(behind_a_proxy().set("requests.successes_per_second", "1000"));
    let proxied = "PROXY protocol from 127.0.0.1";
    let with_extension = [&[203, 0, 113, 9, 10, 0, 0, 1, 0x10, 0, 1, 187][..], &[4, 0, 1, 7]].concat();
    for (first, fields, address, source) in [
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n".to_vec(), "", "203.0.113.7", proxied),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n".to_vec(), "", "2001:db8::7", proxied),
        (v2(1, 0x11, &with_extension), "", "203.0.113.9", proxied),
        // The proxy speaks for itself.
        (b"PROXY UNKNOWN\r\n".to_vec(), "", "127.0.0.1", "peer"),
        (v2(0, 0, &[]), "", "127.0.0.1", "peer"),
        // Whom it names is not trusted to name others,
        (
            b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n".to_vec(),
            "X-Forwarded-For: 6.6.6.6\r\n",
            "203.0.113.7",
            proxied,
        ),
        // unless it is itself a trusted proxy.
        (
            b"PROXY TCP4 127.0.0.9 10.0.0.1 4711 443\r\n".to_vec(),
            "X-Forwarded-For: 203.0.113.5\r\n",
            "203.0.113.5",
            "x-forwarded-for from 127.0.0.9, PROXY protocol from 127.0.0.1",
        ),
    ] {
        let response = call(&shop, &first, fields);
        assert_eq!(seen(&shop, &response), (address.to_owned(), source.to_owned()), "{first:?}");
    }
}

#[test]
fn it_may_come_in_pieces_and_more_requests_follow_it() {
    let shop = Shop::open_with(behind_a_proxy());
    let mut connection = Connection::open(shop.platform.gateway);
    for byte in b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n" {
        connection.send([*byte]);
    }
    for count in 1..=2 {
        connection.send(request(&shop, ""));
        assert_eq!(connection.receive().status, 200);
        assert_eq!(shop.live.count(), count);
    }
    // A second one is not a request.
    connection.send("PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n\r\n");
    assert_eq!(connection.receive().code(), "invalid_request");
}

#[test]
fn what_is_none_is_refused_with_the_reason() {
    let shop = Shop::open_with(behind_a_proxy());
    for first in [
        &b""[..],
        b"PROXY TCP4 203.0.113.7 10.0.0.1 4711\r\n",
        b"PROXY TCP4 2001:db8::7 10.0.0.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\n",
        b"PROXY TCP9 203.0.113.7 10.0.0.1 4711 443\r\n",
        b"proxy TCP4 203.0.113.7 10.0.0.1 4711 443\r\n",
        b" PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n",
        &v2(7, 0x11, &[0; 12]),
        &v2(1, 0x11, &[0; 4]),
        &v2(1, 0x11, &[0; 2000]),
    ] {
        let response = call(&shop, first, "");
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{first:?}");
        assert!(response.message().contains("PROXY"), "{}", response.message());
    }
    assert_eq!(shop.live.bytes_seen(), 0);
}

#[test]
fn from_anyone_else_it_is_not_a_request() {
    let elsewhere =
        Platform::with().set("gateway.trusted_proxies", "10.0.0.0/8").set("gateway.proxy_protocol", "true");
    let shop = Shop::open_with(elsewhere);
    let response = call(&shop, b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n", "");
    assert_eq!(response.code(), "invalid_request");
    assert_eq!(call(&shop, b"", "").status, 200);
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn the_address_it_names_is_what_allowlists_are_held_against() {
    let shop = Shop::open_with(behind_a_proxy());
    let client = shop.client("walled", &json!({ "allow_ips": ["203.0.113.7"] }));
    for (address, status) in [("203.0.113.7", 200), ("203.0.113.8", 403)] {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(format!(
            "PROXY TCP4 {address} 10.0.0.1 4711 443\r\nGET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n",
            client.key
        ));
        assert_eq!(connection.receive().status, status, "{address}");
    }
}

#[test]
fn forwarded_is_believed_where_that_is_what_the_proxy_writes() {
    let shop = Shop::open_with(
        Platform::with()
            .set("gateway.trusted_proxies", "127.0.0.0/8")
            .set("gateway.forwarding_header", "forwarded")
            .set("requests.successes_per_second", "1000"),
    );
    for (fields, address, source) in [
        ("Forwarded: for=203.0.113.7;proto=https\r\n", "203.0.113.7", "forwarded from 127.0.0.1"),
        (
            "Forwarded: for=6.6.6.6, for=\"[2001:db8::7]:4711\"\r\nX-Forwarded-For: 6.6.6.6\r\n",
            "2001:db8::7",
            "forwarded from 127.0.0.1",
        ),
        ("Forwarded: for=6.6.6.6, for=unknown\r\n", "127.0.0.1", "peer"),
        ("X-Forwarded-For: 6.6.6.6\r\n", "127.0.0.1", "peer"),
    ] {
        let response = call(&shop, b"", fields);
        assert_eq!(seen(&shop, &response), (address.to_owned(), source.to_owned()), "{fields:?}");
        assert_eq!(shop.live.last().header("forwarded"), None);
    }
}
