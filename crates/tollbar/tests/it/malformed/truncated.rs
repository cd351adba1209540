//! Messages that break off, at every point of their structure (RFC 9112 section 8).

use super::row::{Row, chunked, whole};

const HEAD: &str = "the request ended before its head was complete";
const BODY: &str = "the body is incomplete";

const HEADS: &[(&str, &[u8])] = &[
    ("within the method", b"GE"),
    ("behind the method", b"GET"),
    ("behind the method's space", b"GET "),
    ("within the target", b"GET /v1/ord"),
    ("behind the target", b"GET /v1/orders"),
    ("behind the target's space", b"GET /v1/orders "),
    ("within the version", b"GET /v1/orders HT"),
    ("behind the version", b"GET /v1/orders HTTP/1.1"),
    ("behind the request line's CR", b"GET /v1/orders HTTP/1.1\r"),
    ("behind the request line", b"GET /v1/orders HTTP/1.1\r\n"),
    ("within a field's name", b"GET /v1/orders HTTP/1.1\r\nHo"),
    ("behind a field's name", b"GET /v1/orders HTTP/1.1\r\nHost"),
    ("behind a field's colon", b"GET /v1/orders HTTP/1.1\r\nHost:"),
    ("within a field's value", b"GET /v1/orders HTTP/1.1\r\nHost: x"),
    ("behind a field's CR", b"GET /v1/orders HTTP/1.1\r\nHost: x\r"),
    ("between fields", b"GET /v1/orders HTTP/1.1\r\n$H"),
    ("behind the last field", b"GET /v1/orders HTTP/1.1\r\n$H$K"),
    ("behind the last line's CR", b"GET /v1/orders HTTP/1.1\r\n$H$K\r"),
    ("HTTP/0.9, and nothing more", b"GET /v1/orders\r\n"),
    ("behind a CR, and nothing before", b"\r"),
    ("behind an empty line and a method", b"\r\nGET"),
];

const BODIES: &[(&str, &[u8])] = &[
    ("before a body of known length", b"Content-Length: 2\r\n\r\n"),
    ("within a body of known length", b"Content-Length: 2\r\n\r\n{"),
    ("within a body of 2^63 - 1", b"Content-Length: 9223372036854775807\r\n\r\n{}"),
    ("within a body that was asked for", b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{"),
    ("instead of a body that was asked for", b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"),
    ("within the body of a request with a key", b"Content-Length: 2\r\nIdempotency-Key: a\r\n\r\n{"),
    (
        "within chunks of a request with a key",
        b"Transfer-Encoding: chunked\r\nIdempotency-Key: a\r\n\r\n2\r\n{",
    ),
];

const CHUNKS: &[(&str, &[u8])] = &[
    ("before the first chunk", b""),
    ("within the size", b"2"),
    ("behind the semicolon", b"2;"),
    ("within an extension's name", b"2;a"),
    ("within an extension's quotes", b"2;a=\""),
    ("behind the size line's CR", b"2\r"),
    ("before the data", b"2\r\n"),
    ("within the data", b"2\r\n{"),
    ("within a chunk of 2^63 - 1", b"7fffffffffffffff\r\n{}"),
    ("behind the data", b"2\r\n{}"),
    ("behind the data's CR", b"2\r\n{}\r"),
    ("before the last chunk", b"2\r\n{}\r\n"),
    ("within the last chunk", b"2\r\n{}\r\n0"),
    ("behind the last chunk's CR", b"2\r\n{}\r\n0\r"),
    ("behind the last chunk", b"2\r\n{}\r\n0\r\n"),
    ("behind the body's last CR", b"2\r\n{}\r\n0\r\n\r"),
    ("within a trailer's name", b"2\r\n{}\r\n0\r\nX-"),
    ("within a trailer's value", b"2\r\n{}\r\n0\r\nX-A: b"),
    ("behind a trailer's CR", b"2\r\n{}\r\n0\r\nX-A: b\r"),
    ("behind a trailer", b"2\r\n{}\r\n0\r\nX-A: b\r\n"),
    ("behind the trailers' last CR", b"2\r\n{}\r\n0\r\nX-A: b\r\n\r"),
];

pub(super) fn rows() -> Vec<Row> {
    let cut = |name: &str, bytes: Vec<u8>, says| {
        Row::refused(format!("RFC 9112 8: cut off {name}"), bytes, says).ending()
    };
    let body = |rest: &[u8]| [b"POST /v1/orders HTTP/1.1\r\n$H$K", rest].concat();
    // Where nothing was asked there is nothing to answer.
    let silent = [
        ("RFC 9112 9.8: nothing", b"".as_slice()),
        ("RFC 9112 9.8: an empty line and nothing more", b"\r\n"),
    ];
    let silent = silent.map(|(name, bytes)| Row::refused(name, bytes, "").with_answers(&[]).ending());
    (HEADS.iter().map(|(name, bytes)| cut(name, whole(bytes), HEAD)))
        .chain(BODIES.iter().map(|(name, bytes)| cut(name, body(bytes), BODY)))
        .chain(CHUNKS.iter().map(|(name, bytes)| cut(name, chunked(bytes), BODY)))
        .chain(silent)
        .collect()
}
