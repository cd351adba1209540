//! What the upstream gets.

use serde_json::Value;

use super::bin::Bin;
use crate::support::{Connection, get, request};

#[test]
fn the_upstream_sees_our_headers_and_none_of_the_callers_credentials() {
    let bin = Bin::open();
    let sent = [
        ("Accept", "application/json"),
        ("User-Agent", "acme/1.0"),
        ("Cookie", "session=1"),
        ("X-Custom", "kept"),
        ("X-Tollbar-Client", "forged"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Request-Id", "forged"),
        ("Connection", "X-Dropped, X-Tollbar-Environment"),
        ("X-Dropped", "1"),
    ];
    let response = bin.call("GET", "/bin/anything?show_env=1&a=%2F&b", &sent, b"");
    let echoed = response.json();
    let seen = |name: &str| echoed["headers"].get(name).and_then(Value::as_str);
    let client = bin.platform.read("/clients/acme");
    for (name, value) in [
        ("Accept", Some("application/json")),
        ("User-Agent", Some("acme/1.0")),
        ("Cookie", Some("session=1")),
        ("X-Custom", Some("kept")),
        ("Host", Some(bin.httpbin.address.to_string().as_str())),
        ("X-Tollbar-Client", client["id"].as_str()),
        ("X-Tollbar-Environment", Some("live")),
        ("X-Tollbar-Scopes", Some("bin:read bin:write")),
        ("X-Request-Id", response.header("x-request-id")),
        ("X-Forwarded-For", Some("127.0.0.1")),
        ("Via", Some("1.1 tollbar")),
        ("X-Target-As-Sent", Some("/anything?show_env=1&a=%2F&b")),
        ("X-Api-Key", None),
        ("Authorization", None),
        ("X-Dropped", None),
        ("Content-Length", None),
        ("Transfer-Encoding", None),
    ] {
        assert_eq!(seen(name), value, "{name} in {echoed}");
    }
    assert!(!response.text().contains(&bin.key), "{echoed}");
    assert!(response.header("via").unwrap().contains("tollbar"));
    // httpbin would have said yes to these; they are not its credentials to see.
    let basic = [("Authorization", "Basic dTpw")];
    let refused = request(bin.platform.gateway, "GET", "/bin/hidden-basic-auth/u/p", &basic, b"");
    assert_eq!((refused.status, refused.code().as_str()), (401, "malformed_credentials"));
}

#[test]
fn request_bodies_of_every_kind_arrive_as_they_were_sent() {
    let bin = Bin::open();
    let multipart =
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: \
        text/plain\r\n\r\nline\r\n--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b--\r\n";
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let bodies: [(&str, &[u8]); 8] = [
        ("application/json", br#"{"a":[1,2,{"b":null}]}"#),
        ("application/x-www-form-urlencoded", b"a=1&b=%C3%BC&a=2"),
        ("multipart/form-data; boundary=b", multipart),
        ("text/plain; charset=utf-8", "Grüße".as_bytes()),
        ("application/octet-stream", &binary[..300]),
        ("application/octet-stream", &binary),
        ("application/json", b"not json at all"),
        ("text/plain", b""),
    ];
    for (method, path) in [("POST", "/post"), ("PUT", "/put"), ("PATCH", "/patch"), ("DELETE", "/delete")] {
        for (content_type, body) in bodies {
            let [through, direct] = bin.both(method, path, &[("Content-Type", content_type)], body);
            assert_eq!(through.status, 200, "{method} {content_type}: {through:?}");
            let (through, direct) = (through.json(), direct.json());
            for part in ["data", "form", "files", "json", "args"] {
                assert_eq!(through[part], direct[part], "{method} {content_type}: {part}");
            }
        }
    }
}

#[test]
fn bodies_without_a_length_and_with_expect_arrive_whole() {
    let bin = Bin::open();
    let key = &bin.key;
    let mut connection = Connection::open(bin.platform.gateway);
    connection.send(format!(
        "POST /bin/post HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n\
         4;x=y\r\ndefg\r\n0\r\n\r\n"
    ));
    assert_eq!(connection.receive().json()["data"], "abcdefg");
    // The same connection goes on, and is asked to wait before it sends.
    connection.send(format!(
        "POST /bin/post HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(connection.receive_head().0, 100);
    connection.send("hello");
    assert_eq!(connection.receive().json()["data"], "hello");
}

#[test]
fn ten_megabytes_go_up_and_come_back() {
    let bin = Bin::open();
    let body = "0123456789abcdef".repeat(10 * 1024 * 1024 / 16);
    let response = bin.call("POST", "/bin/anything", &[("Content-Type", "text/plain")], body.as_bytes());
    assert_eq!(response.status, 200);
    assert!(response.json()["data"] == body, "the echo differs");
    assert_eq!(bin.platform.read("/usage/acme")["live"]["used"], 1);
    let small = get(bin.platform.gateway, "/bin/get", &[("X-API-Key", &bin.key)]);
    assert_eq!(small.status, 200);
}
