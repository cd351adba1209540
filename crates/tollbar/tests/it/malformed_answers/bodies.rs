//! Chunked bodies that break while they are passed on (RFC 9112 section 7.1): the client's connection is cut.

use super::row::{Row, chunked, raw};

/// What comes behind a sound first chunk, `ab`.
const BROKEN: &[(&str, &[u8])] = &[
    ("no hexadecimal digit", b"zz\r\n"),
    ("a plus sign", b"+2\r\n{}\r\n"),
    ("a minus sign", b"-2\r\n{}\r\n"),
    ("0x", b"0x2\r\n{}\r\n"),
    ("a space before the size", b" 2\r\n{}\r\n"),
    ("a space behind the size", b"2 \r\n{}\r\n"),
    ("an empty size", b"\r\n0\r\n\r\n"),
    ("a size of 2^64 - 1", b"ffffffffffffffff\r\n"),
    ("a size of 2^64 and 2", b"10000000000000002\r\n"),
    ("LF ends the size line", b"2\n{}\r\n0\r\n\r\n"),
    ("CR ends the size line", b"2\r{}\r\n0\r\n\r\n"),
    ("LF within an extension", b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    ("an extension without a name", b"2;\r\n{}\r\n0\r\n\r\n"),
    ("NUL within an extension", b"2;a\0\r\n{}\r\n0\r\n\r\n"),
    ("a second answer instead of a chunk", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
    ("a trailer without a colon", b"0\r\nX-A\r\n\r\n"),
    ("a folded trailer", b"0\r\nX-A: b\r\n c\r\n\r\n"),
    ("LF ends a trailer", b"0\r\nX-A: b\n\r\n"),
    ("LF ends the body", b"0\r\n\n"),
    ("a length as a trailer", b"0\r\nContent-Length: 2\r\n\r\n"),
    ("a coding as a trailer", b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("a cookie as a trailer", b"0\r\nSet-Cookie: a=b\r\n\r\n"),
    ("a second answer as trailers", b"0\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
];

const LEGAL: &[(&str, &[u8])] = &[
    ("an extension", b"2;a=\"b c\"\r\ncd\r\n0;d\r\n\r\n"),
    ("leading zeros", b"0002\r\ncd\r\n000\r\n\r\n"),
    ("a trailer is dropped", b"2\r\ncd\r\n0\r\nX-Injected: 1\r\n\r\n"),
];

pub(super) fn rows() -> Vec<Row> {
    let first = |rest: &[u8]| chunked(&[b"2\r\nab\r\n", rest].concat());
    let broken =
        BROKEN.iter().map(|(name, rest)| Row::cut(format!("RFC 9112 7.1: {name}"), first(rest), b"ab"));
    let legal = LEGAL.iter().map(|(name, rest)| {
        Row::whole(format!("RFC 9112 7.1.2: {name}"), first(rest), 200, b"abcd").keeping()
    });
    let error = |status: &str, body: &str| raw(format!("HTTP/1.1 {status}\r\n{body}").as_bytes());
    let chunks = "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n";
    broken
        .chain(legal)
        .chain([
            Row::failed("RFC 9112 7.1: no sound chunk at all", chunked(b"zz\r\n")),
            Row::cut("RFC 9112 7.1: data longer than its size", chunked(b"2\r\nabc\r\n0\r\n\r\n"), b"ab"),
            Row::cut("RFC 9112 7.1: LF behind data", chunked(b"2\r\nab\n0\r\n\r\n"), b"ab"),
            Row::error(
                "RFC 9112 7.1: broken chunks of a 400 cost only its message",
                error("400 Bad", chunks),
                400,
                "invalid_request",
            ),
            Row::error(
                "RFC 9112 7.1: broken chunks of a 404 cost only its message",
                error("404 None", chunks),
                404,
                "not_found",
            ),
            Row::error(
                "RFC 9112 7.1: broken chunks of a 409 cost only its message",
                error("409 No", chunks),
                409,
                "request_rejected",
            ),
            Row::failed("RFC 9112 7.1: broken chunks of a 502", error("502 No", chunks)),
            Row::error(
                "RFC 9112 8: a 422 whose message breaks off",
                error("422 No", "Content-Length: 100\r\n\r\n{\"message\":\"ha"),
                422,
                "request_rejected",
            )
            .closing(),
        ])
        .collect()
}
