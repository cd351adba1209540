//! Answers that are larger than the limits (RFC 9110 sections 5.4 and 17.5).

use super::row::{Row, chunked, fields};

pub(super) fn rows() -> Vec<Row> {
    let long = "a".repeat(64 * 1024);
    let many = |count: usize| fields("X-A: b\r\n".repeat(count - 1).trim_end().as_bytes());
    let overhead = "HTTP/1.1 200 OK\r\nX-A: \r\nContent-Length: 2\r\n\r\n".len();
    let head = |bytes: usize| fields(["X-A: ", &"a".repeat(bytes - overhead)].concat().as_bytes());
    let extension = ["2;", &"a".repeat(300), "\r\n{}\r\n0\r\n\r\n"].concat();
    let costly = ["1;", &"a".repeat(200), "\r\n{\r\n"].concat();
    let trailer = ["2\r\n{}\r\n0\r\nX-A: ", &"a".repeat(9 * 1024), "\r\n\r\n"].concat();
    let trailers = ["2\r\n{}\r\n0\r\n", &"X-A: b\r\n".repeat(101), "\r\n"].concat();
    let failed = |name: &str, text: String| Row::failed(name, text.into_bytes());
    vec![
        Row::whole("RFC 9110 5.4: as many fields as the limit", many(100), 200, b"{}").keeping(),
        Row::failed("RFC 9110 5.4: one field more", many(101)),
        Row::failed("RFC 9110 5.4: 100,000 fields", many(100_000)),
        Row::whole("RFC 9110 17.5: a head of the limit", head(32 * 1024), 200, b"{}").keeping(),
        Row::failed("RFC 9110 17.5: a head of one byte more", head(32 * 1024 + 1)),
        failed("RFC 9110 17.5: a head without an end", ["HTTP/1.1 200 OK\r\nX-A: ", &long].concat()),
        failed("RFC 9112 4: a status line without an end", ["HTTP/1.1 200 ", &long].concat()),
        failed("RFC 9112 4: no status line for 64 KiB", long.clone()),
        Row::failed("RFC 9110 5.1: a name of 64 KiB", fields([&long, ": b"].concat().as_bytes())),
        Row::failed("RFC 9112 7.1.1: an extension of 300 bytes", chunked(extension.as_bytes())),
        Row::failed("RFC 9112 7.1: a size of 1,000 zeros", chunked("0".repeat(1000).as_bytes())),
        Row::cut(
            "CVE-2023-39326: an extension with each byte",
            chunked(costly.repeat(1000).as_bytes()),
            &[b'{'; 88],
        ),
        Row::cut("RFC 9110 6.5: a trailer of 9 KiB", chunked(trailer.as_bytes()), b"{}"),
        Row::cut("RFC 9110 6.5: 101 trailers", chunked(trailers.as_bytes()), b"{}"),
    ]
}
