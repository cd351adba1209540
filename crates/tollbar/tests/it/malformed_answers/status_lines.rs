//! Version, status and reason (RFC 9112 section 4), and what is no HTTP at all.

use super::row::{Answer, Row, failures, line, raw};

const LINES: &[Answer] = &[
    ("RFC 9112 2.3: HTTP/2.0", b"HTTP/2.0 200 OK"),
    ("RFC 9112 2.3: HTTP/2", b"HTTP/2 200"),
    ("RFC 9112 2.3: HTTP/1.2", b"HTTP/1.2 200 OK"),
    ("RFC 9112 2.3: HTTP/1.10", b"HTTP/1.10 200 OK"),
    ("RFC 9112 2.3: HTTP/0.9", b"HTTP/0.9 200 OK"),
    ("RFC 9112 2.3: HTTP/1", b"HTTP/1 200 OK"),
    ("RFC 9112 2.3: lower case", b"http/1.1 200 OK"),
    ("RFC 9112 2.3: another name", b"ICY 200 OK"),
    ("RFC 9112 2.3: RTSP", b"RTSP/1.0 200 OK"),
    ("RFC 9112 4: no version", b"200 OK"),
    ("RFC 9112 4: no status", b"HTTP/1.1"),
    ("RFC 9112 4: a space instead of the status", b"HTTP/1.1 "),
    ("RFC 9112 4: a reason instead of the status", b"HTTP/1.1 OK"),
    ("RFC 9112 4: two spaces before the status", b"HTTP/1.1  200 OK"),
    ("RFC 9112 4: a tab before the status", b"HTTP/1.1\t200 OK"),
    ("RFC 9112 4: a space before the version", b" HTTP/1.1 200 OK"),
    ("RFC 9112 4: a status of one digit", b"HTTP/1.1 2 OK"),
    ("RFC 9112 4: a status of two digits", b"HTTP/1.1 20 OK"),
    ("RFC 9112 4: a status of four digits", b"HTTP/1.1 2000 OK"),
    ("RFC 9112 4: a status with a sign", b"HTTP/1.1 +20 OK"),
    ("RFC 9112 4: a negative status", b"HTTP/1.1 -200 OK"),
    ("RFC 9112 4: a status with a letter", b"HTTP/1.1 2OO OK"),
    ("RFC 9112 4: a fraction of a status", b"HTTP/1.1 404.5 OK"),
    ("RFC 9110 15: status 000", b"HTTP/1.1 000 OK"),
    ("RFC 9110 15: status 099", b"HTTP/1.1 099 OK"),
    ("RFC 9110 15: status 600", b"HTTP/1.1 600 OK"),
    ("RFC 9110 15: status 999", b"HTTP/1.1 999 OK"),
    ("RFC 9112 4: NUL within the reason", b"HTTP/1.1 200 O\0K"),
    ("RFC 9112 4: escape within the reason", b"HTTP/1.1 200 \x1b[31mOK"),
    ("RFC 9112 4: CR within the reason", b"HTTP/1.1 200 OK\rX-Injected: 1"),
    ("RFC 9112 4: LF within the reason", b"HTTP/1.1 200 OK\nX-Injected: 1"),
    ("RFC 9112 2.2: LF ends the status line", b"HTTP/1.1 200 OK\nX-A: b"),
    ("RFC 9112 2.2: an empty line before the status line", b"\r\nHTTP/1.1 200 OK"),
    ("RFC 9112 2.2: LF before the status line", b"\nHTTP/1.1 200 OK"),
    ("RFC 9112 3: a request", b"GET /v1/orders HTTP/1.1"),
];

const RAW: &[Answer] = &[
    ("RFC 9112 4: garbage", b"garbage\r\n\r\n"),
    ("RFC 9112 4: a field without a status line", b"Content-Length: 2\r\n\r\n{}"),
    ("RFC 8446: a TLS handshake", b"\x16\x03\x01\x02\x00"),
    ("RFC 8446: a TLS alert", b"\x15\x03\x01\x00\x02\x02\x28"),
    ("RFC 9113 3.4: the settings of HTTP/2", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("RFC 9112 2.2: LF ends each line", b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"),
    ("RFC 9112 2.2: CR ends each line", b"HTTP/1.1 200 OK\rContent-Length: 2\r\r{}"),
    (
        "RFC 9112 4: a byte order mark before the status line",
        b"\xef\xbb\xbfHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ),
];

/// Only the close tells that the head ends here.
const CUT: &[Answer] = &[
    ("HTTP/0.9: a body alone", b"<html>hello</html>"),
    ("SMTP", b"220 x ESMTP\r\n"),
    ("RFC 9112 8: cut off in the version", b"HTTP/1."),
    ("RFC 9112 8: cut off in the status", b"HTTP/1.1 20"),
    ("RFC 9112 8: cut off behind the status line", b"HTTP/1.1 200 OK\r\n"),
    ("RFC 9112 8: cut off in a field's name", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ("RFC 9112 8: cut off in a length", b"HTTP/1.1 200 OK\r\nContent-Length: 2"),
    ("RFC 9112 8: cut off before the empty line", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
    ("RFC 9112 8: cut off in the empty line", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r"),
];

pub(super) fn rows() -> Vec<Row> {
    let whole = |name: &str, first: &[u8]| Row::whole(name, line(first), 200, b"{}");
    failures(LINES, line)
        .chain(failures(RAW, raw))
        .chain(failures(CUT, raw).map(Row::closing))
        .chain([
            // A GET is sent again when the connection was an idle one that the upstream had closed.
            Row::failed("RFC 9112 8: nothing", b"").closing().to(&["POST"]),
            whole("RFC 9112 4: no reason", b"HTTP/1.1 200 ").keeping(),
            whole("RFC 9112 4: no reason and no space", b"HTTP/1.1 200").keeping(),
            whole("RFC 9112 4: bytes above ASCII in the reason", b"HTTP/1.1 200 \xc3\xa9").keeping(),
            whole("RFC 9112 9.3: HTTP/1.0", b"HTTP/1.0 200 OK"),
            whole("RFC 9112 9.3: HTTP/1.0 that stays", b"HTTP/1.0 200 OK\r\nConnection: keep-alive")
                .keeping(),
        ])
        .collect()
}
