//! Trailers: checked as fields are, never passed on (RFC 9112 section 7.1.2, RFC 9110 section 6.5.1).

use super::row::{Refusal, Row, chunked, posted, refusals};

const INVALID: &str = "a trailer field is invalid";

/// What stands between the last chunk and the end of the body.
const TRAILERS: &[Refusal] = &[
    ("RFC 9112 7.1.2: a trailer without a colon", b"X-A\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: a trailer without a name", b": b\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: a space within a trailer's name", b"X A: b\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: a space before a trailer's colon", b"X-A : b\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: a trailer's name beyond ASCII", b"X-\xe9: b\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: a folded trailer", b"X-A: b\r\n c\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: white space before the first trailer", b" X-A: b\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: LF ends a trailer", b"X-A: b\n\r\n", INVALID),
    ("RFC 9112 7.1.2: LF ends the trailers", b"X-A: b\r\n\n", INVALID),
    ("RFC 9112 7.1.2: LF ends the body", b"\n", INVALID),
    ("RFC 9112 7.1.2: CR ends a trailer", b"X-A: b\rX-B: c\r\n\r\n", INVALID),
    ("RFC 9112 7.1.2: CR CR LF ends the body", b"\r\r\n", INVALID),
    ("RFC 9112 7.1.2: CR and a letter end the body", b"\rX", INVALID),
    ("RFC 9112 7.1.2: NUL within a trailer", b"X-A: b\0\r\n\r\n", INVALID),
    ("CVE-2025-58068: a request as a trailer", b"GET /v1/orders HTTP/1.1\r\n$H$K\r\n", INVALID),
    ("CVE-2023-45648: a request behind a broken trailer", b"X-A\r\nGET /v1/orders HTTP/1.1\r\n\r\n", INVALID),
];

/// Fields that frame, route, authenticate or describe.
const FORBIDDEN: [&str; 22] = [
    "Content-Length",
    "Transfer-Encoding",
    "Host",
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "Set-Cookie",
    "Content-Type",
    "Content-Encoding",
    "Content-Range",
    "Connection",
    "Upgrade",
    "TE",
    "Trailer",
    "Expect",
    "Range",
    "Cache-Control",
    "Location",
    "Age",
    "Vary",
    "Retry-After",
    "WWW-Authenticate",
];

/// None of these goes on.
const GONE: &[(&str, Option<&str>)] = &[
    ("x-checksum", None),
    ("x-api-key", None),
    ("idempotency-key", None),
    ("x-tollbar-environment", Some("live")),
    ("x-forwarded-for", Some("127.0.0.1")),
];

const LEGAL: &[(&str, &[u8])] = &[
    ("RFC 9110 6.5: a trailer is dropped", b"X-Checksum: 1\r\n\r\n"),
    ("RFC 9110 6.5: a key as a trailer is dropped", b"X-API-Key: x\r\n\r\n"),
    (
        "RFC 9110 6.5: our names as trailers are dropped",
        b"X-Tollbar-Environment: sandbox\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
    ),
    ("RFC 9110 6.5: an idempotency key as a trailer is dropped", b"Idempotency-Key: k\r\n\r\n"),
];

fn trailed(trailers: &[u8]) -> Vec<u8> {
    chunked(&[b"2\r\n{}\r\n0\r\n", trailers].concat())
}

pub(super) fn rows() -> Vec<Row> {
    let forbidden = FORBIDDEN.map(|name| {
        let trailers = format!("{name}: x\r\n\r\n");
        let row = format!("RFC 9110 6.5.1: {name} as a trailer");
        Row::refused(row, trailed(trailers.as_bytes()), "not allowed in the trailer section")
    });
    let legal = LEGAL
        .iter()
        .map(|(name, trailers)| Row::served(*name, trailed(trailers), posted(b"{}")).with_fields(GONE));
    refusals(TRAILERS, trailed).chain(forbidden).chain(legal).collect()
}
