//! Host: exactly one, and one that can be a host (RFC 9112 section 3.2, RFC 9110 section 7.2).

use super::row::{Refusal, Row, got, refusals, whole};

const HOST: &str = "not a valid host name";
const SECOND: &str = "more than one Host";
const NONE: &str = "has no Host field";

/// What stands where `Host: x` should.
const FIELDS: &[Refusal] = &[
    ("RFC 9112 3.2: no Host", b"X-A: b", NONE),
    ("RFC 9112 3.2: no Host, and another that is like it", b"X-Forwarded-Host: x", NONE),
    ("RFC 9112 3.2: Hos", b"Hos: x", NONE),
    ("RFC 9112 3.2: two of the same", b"Host: x\r\nHost: x", SECOND),
    ("RFC 9112 3.2: two that differ", b"Host: x\r\nHost: y", SECOND),
    ("RFC 9112 3.2: two in another case", b"HOST: x\r\nhost: y", SECOND),
    ("RFC 9112 3.2: two, the second empty", b"Host: x\r\nHost:", SECOND),
    ("RFC 9112 3.2: two, apart", b"Host: x\r\nX-A: b\r\nHost: y", SECOND),
    ("RFC 9112 5.1: a space before Host's colon", b"Host : x", "space before the colon"),
    ("RFC 9112 5.2: Host folded", b"Host:\r\n x", "folded"),
    ("RFC 9112 5.2: a second Host hidden by a fold", b"Host: x\r\n Host: y", "folded"),
    ("RFC 9112 3.2: empty", b"Host:", HOST),
    ("RFC 9112 3.2: white space", b"Host: \t ", HOST),
    ("RFC 9112 3.2: a list", b"Host: x, y", HOST),
    ("RFC 9112 3.2: a list without a space", b"Host: x,x", HOST),
    ("RFC 9112 3.2: a space", b"Host: x y", HOST),
    ("RFC 9112 3.2: a tab", b"Host: x\ty", HOST),
    ("RFC 9112 3.2: a user", b"Host: u@x", HOST),
    ("RFC 9112 3.2: a user and a password", b"Host: u:p@x", HOST),
    ("RFC 9112 3.2: a path", b"Host: x/y", HOST),
    ("RFC 9112 3.2: a path that goes up", b"Host: x/../y", HOST),
    ("RFC 9112 3.2: a query", b"Host: x?y", HOST),
    ("RFC 9112 3.2: a fragment", b"Host: x#y", HOST),
    ("RFC 9112 3.2: a URL", b"Host: http://x", HOST),
    ("RFC 9112 3.2: a backslash", b"Host: x\\y", HOST),
    ("RFC 9112 3.2: quotes", b"Host: \"x\"", HOST),
    ("RFC 9112 3.2: an asterisk", b"Host: *", HOST),
    ("RFC 9112 3.2: a semicolon", b"Host: x;y", HOST),
    ("RFC 9112 3.2: angle brackets", b"Host: <x>", HOST),
    ("RFC 9112 3.2: an encoded dot", b"Host: x%2ey", HOST),
    ("RFC 9112 3.2: an encoded line break", b"Host: x%0d%0a", HOST),
    ("RFC 9112 3.2: UTF-8", b"Host: \xc3\xa9", HOST),
    ("RFC 9112 3.2: Latin-1", b"Host: \xe9", HOST),
    ("RFC 9112 3.2: a dot alone", b"Host: .", HOST),
    ("RFC 9112 3.2: a dot first", b"Host: .x", HOST),
    ("RFC 9112 3.2: two dots", b"Host: x..y", HOST),
    ("RFC 9112 3.2: an empty port", b"Host: x:", HOST),
    ("RFC 9112 3.2: a port alone", b"Host: :80", HOST),
    ("RFC 9112 3.2: a port too large", b"Host: x:65536", HOST),
    ("RFC 9112 3.2: a port with a sign", b"Host: x:+80", HOST),
    ("RFC 9112 3.2: a port with a letter", b"Host: x:8o", HOST),
    ("RFC 9112 3.2: two ports", b"Host: x:80:80", HOST),
    ("RFC 9112 3.2: an at sign behind the port", b"Host: x:80@y", HOST),
    ("RFC 3986 3.2.2: an IPv6 address without brackets", b"Host: ::1", HOST),
    ("RFC 3986 3.2.2: an open bracket", b"Host: [::1", HOST),
    ("RFC 3986 3.2.2: empty brackets", b"Host: []", HOST),
    ("RFC 3986 3.2.2: something behind the brackets", b"Host: [::1]x", HOST),
    ("RFC 3986 3.2.2: an IPv4 address in brackets", b"Host: [127.0.0.1]", HOST),
    ("RFC 6874: a zone", b"Host: [fe80::1%25eth0]", HOST),
];

/// Odd and legal.
const LEGAL: &[(&str, &[u8])] = &[
    ("RFC 9110 5.1: Host in capitals", b"HOST: x"),
    ("RFC 9110 5.5: white space around Host's value", b"Host:\t x \t"),
    ("RFC 9110 5.5: no space behind Host's colon", b"Host:x"),
    ("RFC 3986 3.2.2: a trailing dot", b"Host: x."),
    ("RFC 3986 3.2.2: an IPv6 address and a port", b"Host: [::1]:80"),
    ("RFC 3986 3.2.3: port 0", b"Host: x:0"),
];

fn host(field: &[u8]) -> Vec<u8> {
    [b"GET /v1/orders HTTP/1.1\r\n$K", field, b"\r\n\r\n"].concat()
}

pub(super) fn rows() -> Vec<Row> {
    let old = |field: &[u8]| [b"GET /v1/orders HTTP/1.0\r\n$K", field, b"\r\n\r\n"].concat();
    refusals(FIELDS, host)
        .chain(LEGAL.iter().map(|(name, field)| Row::served(*name, host(field), got("/orders"))))
        .chain([
            Row::refused("RFC 9112 3.2: HTTP/1.0 with two Hosts", old(b"Host: x\r\nHost: y"), SECOND),
            Row::refused("RFC 9112 3.2: HTTP/1.0 with an empty Host", old(b"Host:"), HOST),
            Row::refused(
                "RFC 9112 3.2.2: two Hosts beside an absolute target",
                whole(b"GET http://x/v1/orders HTTP/1.1\r\n$H$HX-A: b\r\n$K\r\n"),
                SECOND,
            ),
        ])
        .collect()
}
