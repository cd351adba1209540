//! Field lines of an answer (RFC 9112 section 5): no way to a second one.

use super::row::{Answer, Row, failures, fields, raw};

const FIELDS: &[Answer] = &[
    ("response splitting: CR within a value", b"X-A: a\rX-Injected: 1"),
    ("response splitting: CR CR within a value", b"X-A: a\r\rHTTP/1.1 200 OK"),
    ("response splitting: LF within a value", b"X-A: a\nX-Injected: 1"),
    ("response splitting: LF LF within a value", b"X-A: a\n\nHTTP/1.1 200 OK"),
    ("response splitting: CR LF CR and no LF", b"X-A: a\r\n\rX-Injected: 1"),
    ("response splitting: CR in Set-Cookie", b"Set-Cookie: a=b\rSet-Cookie: c=d"),
    ("response splitting: CR in Location", b"Location: /a\rX-Injected: 1"),
    ("RFC 9112 2.2: CR CR LF ends a field", b"X-A: a\r\r\nX-B: b"),
    ("RFC 9110 5.5: NUL within a value", b"X-A: a\0b"),
    ("RFC 9110 5.5: escape within a value", b"X-A: a\x1bb"),
    ("RFC 9110 5.5: delete within a value", b"X-A: a\x7fb"),
    ("RFC 9110 5.5: a vertical tab within a value", b"X-A: a\x0bb"),
    ("RFC 9112 5.2: a folded value", b"X-A: a\r\n folded"),
    ("RFC 9112 5.2: a value folded with a tab", b"X-A: a\r\n\tfolded"),
    ("RFC 9112 5.2: a length hidden by a fold", b"X-A: a\r\n Content-Length: 5"),
    ("RFC 9112 5.2: white space before the first field", b" X-A: a"),
    ("RFC 9112 5.2: a line of white space", b"X-A: a\r\n \r\nX-B: b"),
    ("RFC 9112 5.1: a space before the colon", b"X-A : a"),
    ("RFC 9112 5.1: a tab before the colon", b"X-A\t: a"),
    ("RFC 9112 5: no colon", b"X-A"),
    ("RFC 9112 5: an empty name", b": a"),
    ("RFC 9112 5: a second status line", b"HTTP/1.1 200 OK"),
    ("RFC 9113 8.3: a pseudo-header field", b":status: 200"),
    ("RFC 9110 5.1: a space within a name", b"X A: a"),
    ("RFC 9110 5.1: a bracket within a name", b"X(A): a"),
    ("RFC 9110 5.1: UTF-8 in a name", b"X-\xc3\xa9: a"),
    ("RFC 9110 5.1: NUL within a name", b"X-\0A: a"),
];

pub(super) fn rows() -> Vec<Row> {
    let whole = |name: &str, field: &[u8]| Row::whole(name, fields(field), 200, b"{}");
    failures(FIELDS, fields)
        .chain([
            Row::failed(
                "RFC 9112 2.2: LF ends the head",
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\n{}"),
            ),
            Row::failed(
                "RFC 9112 2.2: CR CR LF ends the head",
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\r\n{}"),
            ),
            whole(
                "response splitting: characters whose low bytes are CR LF",
                b"X-A: a\xc4\x8d\xc4\x8aX-Injected: 1",
            )
            .keeping(),
            whole("response splitting: encoded CR LF", b"Location: /a%0d%0aX-Injected:%201").keeping(),
            whole("RFC 9110 5.5: an empty value", b"X-A:").keeping(),
            whole("RFC 9112 9.3: a Connection that is no list of tokens", b"Connection: clo se"),
            whole("RFC 9112 9.6: close", b"Connection: close"),
            whole("RFC 9112 9.6: close in a list, in another case", b"Connection: x-a, Close"),
            whole("RFC 9110 7.6.1: Connection names the length", b"Connection: Content-Length").keeping(),
            whole("RFC 9110 7.6.1: Connection names our fields", b"Connection: X-Request-Id, Date, Via")
                .keeping(),
        ])
        .collect()
}
