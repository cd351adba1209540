//! Where an answer's body ends (RFC 9112 section 6.3): what leaves a doubt is not passed on.

use super::row::{Answer, Row, failures, framed, raw};

const FRAMED: &[Answer] = &[
    (
        "RFC 9112 6.3: the length before the coding",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "RFC 9112 6.3: the coding before the length",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "RFC 9112 6.3: a length of zero and chunks",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("RFC 9112 6.3: a length and identity", b"Content-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n{}"),
    ("RFC 9112 6.3: a length and an empty coding", b"Content-Length: 2\r\nTransfer-Encoding:\r\n\r\n{}"),
    ("RFC 9112 6.3: two lengths of the same", b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    ("RFC 9112 6.3: two lengths that differ", b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    ("RFC 9112 6.3: two lengths, the first empty", b"Content-Length:\r\nContent-Length: 2\r\n\r\n{}"),
    ("RFC 9110 8.6: a list of lengths", b"Content-Length: 2, 2\r\n\r\n{}"),
    ("RFC 9110 8.6: a plus sign", b"Content-Length: +2\r\n\r\n{}"),
    ("RFC 9110 8.6: a minus sign", b"Content-Length: -2\r\n\r\n{}"),
    ("RFC 9110 8.6: hexadecimal", b"Content-Length: 0x2\r\n\r\n{}"),
    ("RFC 9110 8.6: a leading zero", b"Content-Length: 02\r\n\r\n{}"),
    ("RFC 9110 8.6: empty", b"Content-Length:\r\n\r\n{}"),
    ("RFC 9110 8.6: a word", b"Content-Length: two\r\n\r\n{}"),
    ("RFC 9110 8.6: a space between digits", b"Content-Length: 2 2\r\n\r\n{}"),
    ("RFC 9110 8.6: 2^63", b"Content-Length: 9223372036854775808\r\n\r\n{}"),
    ("RFC 9110 8.6: 2^64 and 2", b"Content-Length: 18446744073709551618\r\n\r\n{}"),
    ("RFC 9112 5.1: a space before the length's colon", b"Content-Length : 2\r\n\r\n{}"),
    ("RFC 9112 6.1: gzip before chunked", b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("RFC 9112 6.1: gzip", b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    ("RFC 9112 6.1: identity", b"Transfer-Encoding: identity\r\n\r\n{}"),
    ("RFC 9112 6.1: chunked twice", b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    (
        "RFC 9112 6.1: chunked, and identity behind it",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "RFC 9112 6.1: two lines of chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("RFC 9112 6.1: xchunked", b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("RFC 9112 7: a parameter of chunked", b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    ("RFC 9112 6.1: a vertical tab before chunked", b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("RFC 3875 4.1.18: Content_Length", b"Content_Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    ("RFC 3875 4.1.18: Transfer_Encoding", b"Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}"),
];

const RAW: &[Answer] = &[
    ("RFC 9112 6.1: chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "RFC 9112 6.3: 204 with both",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "RFC 9112 6.3: 304 with two lengths",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ),
    (
        "RFC 9112 6.3: 404 with both",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("RFC 9112 6.3: 500 with a broken length", b"HTTP/1.1 500 Oops\r\nContent-Length: x\r\n\r\n"),
];

pub(super) fn rows() -> Vec<Row> {
    let head = |name: &str, fields: &[u8]| Row::failed(name, framed(fields)).to(&["HEAD"]);
    failures(FRAMED, framed)
        .chain(failures(RAW, raw))
        .chain([
            head(
                "RFC 9112 6.3: an answer to HEAD with both",
                b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            head(
                "RFC 9112 6.3: an answer to HEAD with two lengths",
                b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
            ),
            Row::whole(
                "RFC 9112 6.3: no framing, the close ends the body",
                framed(b"X-A: b\r\n\r\n{}"),
                200,
                b"{}",
            )
            .closing(),
            Row::whole("RFC 9112 6.3: no framing and no body", framed(b"X-A: b\r\n\r\n"), 200, b"").closing(),
            Row::whole(
                "RFC 9112 6.3: HTTP/1.0 without framing that wants to stay",
                raw(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n{}"),
                200,
                b"{}",
            )
            .closing(),
            Row::whole(
                "response splitting: a second answer in a body without framing is body",
                framed(b"Location: /a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
                200,
                b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
            )
            .closing(),
        ])
        .collect()
}
