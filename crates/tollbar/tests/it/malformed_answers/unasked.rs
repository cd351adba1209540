//! More than was asked for (RFC 9112 sections 6.3 and 9.2): it reaches nobody, and least of all the next request.

use super::row::{Row, raw};

const POISON: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// Sound answers.
const SOUND: &[(&str, &[u8], &[u8])] = &[
    ("a body of known length", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    ("a length of zero", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ("chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"{}"),
];

/// What comes behind them.
const EXTRA: &[(&str, &[u8])] = &[
    ("a second answer", POISON),
    ("an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ("an empty line", b"\r\n"),
    ("one byte", b"x"),
    ("a part of an answer", b"HTTP/1.1 200 OK\r\nContent-"),
    ("NUL", b"\0"),
];

/// Answers that can have no body, and one behind them.
const BODILESS: &[(&str, &[&str], u16, &[u8])] = &[
    ("HEAD with its body", &["HEAD"], 200, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    (
        "HEAD with its chunks",
        &["HEAD"],
        200,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
    ("HEAD with a body without framing", &["HEAD"], 200, b"HTTP/1.1 200 OK\r\n\r\n{}"),
    ("204 with a body", &["DELETE"], 204, b"HTTP/1.1 204 No Content\r\n\r\n{}"),
    (
        "204 with a length and a body",
        &["DELETE"],
        204,
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
    ),
    (
        "204 with a length and no body",
        &["DELETE"],
        204,
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
    ),
    (
        "204 with chunks",
        &["DELETE"],
        204,
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("304 with a body", &["GET"], 304, b"HTTP/1.1 304 Not Modified\r\n\r\n{}"),
    (
        "304 with a length and a body",
        &["GET"],
        304,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}",
    ),
    (
        "304 with chunks",
        &["GET"],
        304,
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
];

/// The same without what is too much.
const PLAIN: &[(&str, &[&str], u16, &[u8])] = &[
    ("HEAD with a length", &["HEAD"], 200, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    ("HEAD with a coding", &["HEAD"], 200, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("HEAD without framing", &["HEAD"], 200, b"HTTP/1.1 200 OK\r\n\r\n"),
    ("204", &["DELETE"], 204, b"HTTP/1.1 204 No Content\r\n\r\n"),
    ("204 with a length of zero", &["DELETE"], 204, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
    (
        "304 with the length of what was not sent",
        &["GET"],
        304,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
    ),
];

pub(super) fn rows() -> Vec<Row> {
    let extra = SOUND.iter().flat_map(|(sound, bytes, body)| {
        EXTRA.iter().map(move |(more, rest)| {
            let name = format!("RFC 9112 9.2: {more} behind {sound}");
            Row::whole(name, [*bytes, *rest].concat(), 200, body)
        })
    });
    let bodiless = BODILESS.iter().map(|(name, method, status, bytes)| {
        Row::whole(format!("RFC 9112 6.3: {name}"), raw(bytes), *status, b"").to(method)
    });
    let plain = PLAIN.iter().map(|(name, method, status, bytes)| {
        Row::whole(format!("RFC 9112 6.3: {name}"), raw(bytes), *status, b"").to(method).keeping()
    });
    let poisoned = BODILESS.iter().map(|(name, method, status, bytes)| {
        let name = format!("RFC 9112 6.3: {name}, and a second answer");
        Row::whole(name, [*bytes, POISON].concat(), *status, b"").to(method)
    });
    let error = [b"HTTP/1.1 404 None\r\nContent-Length: 2\r\n\r\n{}", POISON].concat();
    extra
        .chain(bodiless)
        .chain(plain)
        .chain(poisoned)
        .chain([Row::error("RFC 9112 9.2: a second answer behind a 404", error, 404, "not_found")])
        .collect()
}
