//! Bodies that break off, at every point of their structure (RFC 9112 section 8): seen by the client as broken off.

use super::row::{Row, chunked, framed};

const LENGTHS: &[(&str, &[u8], &[u8])] = &[
    ("before a body of known length", b"Content-Length: 100\r\n\r\n", b""),
    ("within a body of known length", b"Content-Length: 100\r\n\r\nabc", b"abc"),
    ("one byte before its length", b"Content-Length: 4\r\n\r\nabc", b"abc"),
    ("within a body of 2^63 - 1", b"Content-Length: 9223372036854775807\r\n\r\nabc", b"abc"),
];

const CHUNKS: &[(&str, &[u8], &[u8])] = &[
    ("before the first chunk", b"", b""),
    ("within data", b"2\r\na", b"a"),
    ("within a chunk of 2^63 - 1", b"7fffffffffffffff\r\nab", b"ab"),
    ("behind data", b"2\r\nab", b"ab"),
    ("behind data's CR", b"2\r\nab\r", b"ab"),
    ("between chunks", b"2\r\nab\r\n", b"ab"),
    ("within the second chunk", b"2\r\nab\r\n5\r\nde", b"abde"),
    ("within the last chunk", b"2\r\nab\r\n0", b"ab"),
    ("behind the last chunk", b"2\r\nab\r\n0\r\n", b"ab"),
    ("within a trailer", b"2\r\nab\r\n0\r\nX-A: b", b"ab"),
    ("behind a trailer", b"2\r\nab\r\n0\r\nX-A: b\r\n", b"ab"),
    ("behind the last CR", b"2\r\nab\r\n0\r\n\r", b"ab"),
];

/// Nothing of the body came, but something of its framing.
const FRAMING: &[(&str, &[u8])] = &[
    ("within the first size", b"2"),
    ("within the first extension", b"2;a=\""),
    ("behind the first size line's CR", b"2\r"),
    ("behind the first size line", b"2\r\n"),
];

pub(super) fn rows() -> Vec<Row> {
    let cut =
        |name: &str, bytes, body| Row::cut(format!("RFC 9112 8: cut off {name}"), bytes, body).closing();
    (LENGTHS.iter().map(|(name, bytes, body)| cut(name, framed(bytes), body)))
        .chain(FRAMING.iter().map(|(name, bytes)| {
            Row::failed(format!("RFC 9112 8: cut off {name}"), chunked(bytes)).closing()
        }))
        .chain(CHUNKS.iter().map(|(name, bytes, body)| cut(name, chunked(bytes), body)))
        .collect()
}
