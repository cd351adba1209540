//! Interim answers (RFC 9110 section 15.2): a few, without bodies, and never 101.

use super::row::{Answer, Row, failures, line, raw};

const RAW: &[Answer] = &[
    ("RFC 9110 15.2: an interim answer with a length", b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}"),
    ("RFC 9110 15.2: an interim answer with chunks", b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("RFC 9110 15.2: an interim answer with a broken length", b"HTTP/1.1 100 Continue\r\nContent-Length: x\r\n\r\n"),
    ("RFC 9110 15.2: an interim answer with a folded field", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n b\r\n\r\n"),
    ("RFC 9110 15.2: garbage behind an interim answer", b"HTTP/1.1 100 Continue\r\n\r\ngarbage\r\n\r\n"),
    ("RFC 9110 15.2: an empty line behind an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    ("RFC 9110 7.8: 101 that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ("RFC 9110 7.8: 101 without Upgrade", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ("RFC 9110 7.8: 101 with a length", b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 2\r\n\r\n{}"),
    ("RFC 9110 7.8: 101 and frames", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02{}"),
    ("RFC 9110 7.8: 101 and an answer", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    ("RFC 9110 7.8: 101 behind 100", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n"),
];

pub(super) fn rows() -> Vec<Row> {
    let interim = "HTTP/1.1 103 Early Hints\r\nX-Injected: 1\r\n\r\n";
    let behind = |count: usize| [interim.repeat(count).into_bytes(), line(b"HTTP/1.1 200 OK")].concat();
    let large = ["HTTP/1.1 103 Early Hints\r\nLink: ", &"a".repeat(40 * 1024), "\r\n\r\n"].concat();
    failures(RAW, raw)
        .chain([
            Row::failed("RFC 9110 15.2: nine interim answers", behind(9)),
            Row::failed("RFC 9110 15.2: 1,000 interim answers", behind(1000)),
            Row::failed("RFC 9110 15.2: an interim answer of 40 KiB", large),
            Row::failed("RFC 9110 15.2: nothing behind an interim answer", interim).closing(),
            Row::failed(
                "RFC 9110 15.2: a part of an answer behind an interim one",
                [interim, "HTTP/1.1 2"].concat(),
            )
            .closing(),
            Row::whole("RFC 9110 15.2: one interim answer", behind(1), 200, b"{}").keeping(),
            Row::whole("RFC 9110 15.2: eight interim answers", behind(8), 200, b"{}").keeping(),
            Row::whole(
                "RFC 9110 15.2: an interim answer of a status that nobody knows",
                [b"HTTP/1.1 199 X\r\n\r\n".to_vec(), line(b"HTTP/1.1 200 OK")].concat(),
                200,
                b"{}",
            )
            .keeping(),
        ])
        .collect()
}
