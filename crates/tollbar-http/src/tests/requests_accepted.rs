//! Requests that are sound, and what they mean.

use http::{Method, Version};

use super::feed::{End, read_both_ways};
use crate::{Framing, RequestHead, TargetForm};

fn read_one(text: &str) -> (RequestHead, Vec<u8>) {
    let (mut messages, end) = read_both_ways(text.as_bytes());
    assert_eq!((messages.len(), end), (1, End::Closed), "{text:?}");
    messages.remove(0)
}

#[test]
fn a_plain_request_is_read_as_sent() {
    let (head, body) = read_one(
        "POST /v1/Orders/a%2fb/..//%00;x?q=%41&r[]=1|2 HTTP/1.1\r\nHOST: API.Example.com:8443\r\n\
         Content-Length: 3\r\nX-A: \t one \t\r\nX-B:\r\nx-a: caf\u{e9}\tx\r\n\r\nabc",
    );
    assert_eq!((head.method, head.version), (Method::POST, Version::HTTP_11));
    assert_eq!(head.target.as_str(), "/v1/Orders/a%2fb/..//%00;x?q=%41&r[]=1|2");
    assert_eq!(head.target.path(), "/v1/Orders/a%2fb/..//%00;x");
    assert_eq!(head.target.query(), Some("q=%41&r[]=1|2"));
    assert_eq!(head.target.form(), TargetForm::Origin);
    assert_eq!(head.host.as_deref(), Some("api.example.com:8443"));
    assert_eq!(head.framing, Framing::Length(3));
    assert!(head.keep_alive && !head.expects_continue);
    let values: Vec<&[u8]> = head.headers.get_all("x-a").iter().map(|value| value.as_bytes()).collect();
    assert_eq!(values, ["one".as_bytes(), "caf\u{e9}\tx".as_bytes()]);
    assert_eq!(head.headers["x-b"], "");
    assert_eq!(head.headers["host"], "API.Example.com:8443");
    assert_eq!(body, b"abc");
}

#[test]
fn targets_keep_their_bytes() {
    let cases = [
        ("/", "/", None),
        ("/?", "/", Some("")),
        ("/a?b?c", "/a", Some("b?c")),
        ("//evil.example/x", "//evil.example/x", None),
        ("/http://a/b", "/http://a/b", None),
        ("/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@", None),
        ("/?[]^`{|}/?:@", "/", Some("[]^`{|}/?:@")),
        ("/%2e%2E/%5c", "/%2e%2E/%5c", None),
    ];
    for (raw, path, query) in cases {
        let (head, _) = read_one(&format!("GET {raw} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((head.target.as_str(), head.target.path(), head.target.query()), (raw, path, query));
    }
}

#[test]
fn absolute_and_asterisk_targets() {
    let cases = [
        ("GET http://A.example/x?y", "/x?y", "a.example", TargetForm::Absolute),
        ("GET HTTPS://a.example", "/", "a.example", TargetForm::Absolute),
        ("GET http://a.example?y=/", "/?y=/", "a.example", TargetForm::Absolute),
        ("GET http://a.example//x@y", "//x@y", "a.example", TargetForm::Absolute),
        ("OPTIONS *", "*", "a.example", TargetForm::Asterisk),
        ("OPTIONS http://a.example", "*", "a.example", TargetForm::Asterisk),
        ("OPTIONS http://a.example/", "/", "a.example", TargetForm::Absolute),
    ];
    for (line, target, host, form) in cases {
        let (head, _) = read_one(&format!("{line} HTTP/1.1\r\nHost: a.Example\r\n\r\n"));
        assert_eq!((head.target.as_str(), head.target.form()), (target, form), "{line}");
        assert_eq!(head.host.as_deref(), Some(host), "{line}");
    }
    let (head, _) = read_one("GET http://a.example/ HTTP/1.0\r\n\r\n");
    assert_eq!(head.host.as_deref(), Some("a.example"));
}

#[test]
fn hosts_that_are_accepted() {
    for host in
        ["a", "A.b-c_d.example.", "127.0.0.1:80", "[::1]", "[2001:DB8::1]:8443", "a:0", "xn--9ca.example"]
    {
        let (head, _) = read_one(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(head.host, Some(host.to_ascii_lowercase()));
    }
    assert_eq!(read_one("GET / HTTP/1.0\r\n\r\n").0.host, None);
}

#[test]
fn methods_are_tokens_and_keep_their_case() {
    for method in ["GET", "get", "PATCH", "M-SEARCH", "X!#$%&'*+-.^_`|~9", &"A".repeat(32)] {
        assert_eq!(read_one(&format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).0.method.as_str(), method);
    }
}

#[test]
fn persistence() {
    let cases = [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Upgrade, CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: ,, keep-alive ,\r\n", true),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ];
    for (version, field, expected) in cases {
        let (head, _) = read_one(&format!("GET / HTTP/{version}\r\nHost: a\r\n{field}\r\n"));
        assert_eq!(head.keep_alive, expected, "HTTP/{version} {field:?}");
    }
}

#[test]
fn expectations() {
    let cases = [
        ("1.1", "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\na", true),
        ("1.1", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n", true),
        ("1.1", "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", false),
        ("1.1", "Expect: 100-continue\r\n\r\n", false),
        ("1.0", "Content-Length: 1\r\nExpect: 100-continue\r\n\r\na", false),
    ];
    for (version, rest, expected) in cases {
        let (head, _) = read_one(&format!("POST / HTTP/{version}\r\nHost: a\r\n{rest}"));
        assert_eq!(head.expects_continue, expected, "HTTP/{version} {rest:?}");
    }
}

#[test]
fn framings() {
    let cases = [
        ("\r\n", Framing::None, ""),
        ("Content-Length: 0\r\n\r\n", Framing::Length(0), ""),
        ("Content-Length: \t2 \r\n\r\nab", Framing::Length(2), "ab"),
        ("Transfer-Encoding: \t Chunked\t\r\n\r\n1\r\na\r\n0\r\n\r\n", Framing::Chunked, "a"),
    ];
    for (rest, framing, body) in cases {
        let (head, read) = read_one(&format!("GET / HTTP/1.1\r\nHost: a\r\n{rest}"));
        assert_eq!((head.framing, read), (framing, body.as_bytes().to_vec()), "{rest:?}");
    }
}
