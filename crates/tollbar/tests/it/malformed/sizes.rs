//! What is larger than the limits: refused as soon as it is known, however much would follow (RFC 9112 sections 3, 5.4
//! and 7.1, RFC 9110 section 17.5).

use super::row::{Answer, Row, Seen, chunked, fields, got, line, posted, refusals, seen, whole};

const HEAD: &str = "the head is larger than 32768 bytes";
const TARGET: &str = "the request target is longer than 8192 bytes";
const FIELDS: &str = "more than 100 header fields";
const CHUNK_LINE: &str = "size line is longer than 256 bytes";
const TRAILERS: &str = "the trailer section is larger than 8192 bytes";
const FRAMING: &str = "far more framing than data";

pub(super) fn rows(key_bytes: usize) -> Vec<Row> {
    [heads(key_bytes), parts(), chunks(), streamed()].into_iter().flatten().collect()
}

/// Heads of exactly the limit, and of more.
fn heads(key_bytes: usize) -> Vec<Row> {
    let empty = "GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: \r\nX-A: \r\n\r\n".len() + key_bytes;
    let head = |bytes: usize| {
        line(format!("GET /v1/orders HTTP/1.1\r\nX-A: {}", "a".repeat(bytes - empty)).as_bytes())
    };
    let target = |bytes: usize| format!("/v1/orders?{}", "a".repeat(bytes - "/v1/orders?".len()));
    let get = |target: &str| line(format!("GET {target} HTTP/1.1").as_bytes());
    let many =
        |count: usize| line(["GET /v1/orders HTTP/1.1", &"\r\nX-A: b".repeat(count - 2)].concat().as_bytes());
    let largest = target(8 * 1024);
    vec![
        Row::served("RFC 9110 17.5: a head of the limit", head(32 * 1024), got("/orders")),
        Row::refused("RFC 9110 17.5: a head of one byte more", head(32 * 1024 + 1), HEAD),
        Row::refused("RFC 9110 17.5: a head of 1 MiB", head(1 << 20), HEAD),
        Row::served("RFC 9112 3: a target of the limit", get(&largest), got(&largest["/v1".len()..])),
        Row::refused("RFC 9112 3: a target of one byte more", get(&target(8 * 1024 + 1)), TARGET),
        Row::refused("RFC 9112 3: a target of 30 KiB", get(&target(30 * 1024)), TARGET),
        Row::refused("RFC 9112 3: a target of 1 MiB", get(&target(1 << 20)), HEAD),
        Row::refused("RFC 9112 3: a target without an end", ["GET /", &"a".repeat(1 << 20)].concat(), HEAD),
        Row::refused(
            "RFC 9112 3: 10,000 parameters",
            get(&["/v1/orders?", &"a=b&".repeat(10_000)].concat()),
            HEAD,
        ),
        Row::served("RFC 9110 5.4: as many fields as the limit", many(100), got("/orders")),
        Row::refused("RFC 9110 5.4: one field more", many(101), FIELDS),
        Row::refused("RFC 9110 5.4: 100,000 fields", many(100_000), FIELDS),
    ]
}

/// Single parts of a head.
fn parts() -> Vec<Row> {
    let long = "a".repeat(64 * 1024);
    let method =
        |bytes: usize| line(["A".repeat(bytes).as_bytes(), b" /v1/orders HTTP/1.1"].concat().as_slice());
    let host =
        |bytes: usize| ["GET /v1/orders HTTP/1.1\r\n$KHost: ", &"a".repeat(bytes), "\r\n\r\n"].concat();
    let field = |text: &str| fields(text.as_bytes());
    let not_allowed = Answer { status: 405, code: Some("method_not_allowed"), says: "" };
    let overflowing = ["Content-Length0", &"a".repeat(255), ":\r\nContent-Length: 2"].concat();
    let options = ["Content-Length: 2\r\nConnection: ", &"x-a, ".repeat(5_000)].concat();
    vec![
        Row::answered("RFC 9110 9.1: a method of the limit", method(32), not_allowed),
        Row::refused(
            "RFC 9110 9.1: a method of one byte more",
            method(33),
            "the method is longer than 32 bytes",
        ),
        Row::refused("RFC 9110 9.1: a method of 64 KiB", method(64 * 1024), HEAD),
        Row::refused(
            "RFC 9112 2.3: a version of 64 KiB",
            line(["GET /v1/orders HTTP/1.", &"1".repeat(64 * 1024)].concat().as_bytes()),
            HEAD,
        ),
        Row::refused(
            "RFC 9112 2.2: 32 KiB of empty lines",
            "\r\n".repeat(16 * 1024),
            "begins with an empty line",
        ),
        Row::refused("RFC 9110 5.5: a value of 64 KiB", field(&["X-A: ", &long].concat()), HEAD),
        Row::refused(
            "RFC 9110 5.5: 64 KiB of white space",
            field(&["X-A:", &" ".repeat(64 * 1024)].concat()),
            HEAD,
        ),
        Row::refused("RFC 9110 5.1: a name of 64 KiB", field(&[&long, ": b"].concat()), HEAD),
        Row::refused("RFC 9112 5: a line of 64 KiB without a colon", field(&long), HEAD),
        Row::refused(
            "RFC 9110 11.6: a key of 64 KiB",
            whole(["GET /v1/orders HTTP/1.1\r\n$HX-API-Key: ", &long, "\r\n\r\n"].concat().as_bytes()),
            HEAD,
        ),
        Row::refused("RFC 9110 7.2: a host of 262 bytes", host(262), "not a valid host name"),
        Row::refused("RFC 9110 7.2: a host of 20 KiB", host(20 * 1024), "not a valid host name"),
        Row::refused(
            "RFC 9110 8.6: a length of 1,000 digits",
            field(&["Content-Length: ", &"1".repeat(1000)].concat()),
            "too large",
        ),
        Row::refused(
            "RFC 9110 8.6: a length of 1,000 zeros",
            field(&["Content-Length: ", &"0".repeat(1000)].concat()),
            "not a plain decimal number",
        ),
        Row::refused(
            "RFC 9112 6.1: chunked 2,000 times",
            field(&["Transfer-Encoding: chunked", &", chunked".repeat(2000)].concat()),
            "not exactly chunked",
        ),
        Row::served(
            "CVE-2021-40346: a name of 270 bytes that begins like Content-Length",
            field(&overflowing),
            posted(b"{}"),
        ),
        Row::served("RFC 9110 7.6.1: 5,000 options of Connection", field(&options), posted(b"{}")),
    ]
}

/// Chunk framing around two bytes of data.
fn chunks() -> Vec<Row> {
    let extension = |bytes: usize| ["2;", &"a".repeat(bytes - 2), "\r\n{}\r\n0\r\n\r\n"].concat();
    let trailer = |bytes: usize| {
        ["2\r\n{}\r\n0\r\nX-A: ", &"a".repeat(bytes - "X-A: \r\n\r\n".len()), "\r\n\r\n"].concat()
    };
    let trailers = |count: usize| ["2\r\n{}\r\n0\r\n", &"X-A: b\r\n".repeat(count), "\r\n"].concat();
    let body = |text: &str| chunked(text.as_bytes());
    let costly = ["1;", &"a".repeat(200), "\r\n{\r\n"].concat();
    vec![
        Row::served("RFC 9112 7.1.1: a size line of the limit", body(&extension(256)), posted(b"{}")),
        Row::refused("RFC 9112 7.1.1: a size line of one byte more", body(&extension(257)), CHUNK_LINE),
        Row::refused("CVE-2024-21647: an extension of 1 MiB", body(&extension(1 << 20)), CHUNK_LINE),
        Row::refused("CVE-2023-39326: an extension with each byte", body(&costly.repeat(1000)), FRAMING),
        Row::refused(
            "RFC 9112 7.1: a size of 1,000 zeros",
            body(&["0".repeat(1000), "2\r\n{}\r\n0\r\n\r\n".to_owned()].concat()),
            "too large",
        ),
        Row::refused(
            "RFC 9112 7.1: a last chunk of 1,000 zeros",
            body(&["2\r\n{}\r\n", &"0".repeat(1000), "\r\n\r\n"].concat()),
            "too large",
        ),
        Row::served("CVE-2023-46589: trailers of the limit", body(&trailer(8 * 1024)), posted(b"{}")),
        Row::refused("CVE-2023-46589: trailers of one byte more", body(&trailer(8 * 1024 + 1)), TRAILERS),
        Row::refused("CVE-2023-46589: a trailer of 1 MiB", body(&trailer(1 << 20)), TRAILERS),
        Row::served("RFC 9110 6.5: as many trailers as the limit", body(&trailers(100)), posted(b"{}")),
        Row::refused("RFC 9110 6.5: one trailer more", body(&trailers(101)), "a trailer field is invalid"),
        Row::refused(
            "RFC 9110 6.5: 100,000 trailers",
            body(&trailers(100_000)),
            "a trailer field is invalid",
        ),
    ]
}

/// Bodies that are too large to be read before they are sent on: the upstream is left with an unfinished message.
fn streamed() -> Vec<Row> {
    const DATA: usize = 80 * 1024;
    let unfinished = || [Seen { complete: false, ..posted(b"") }];
    let data = format!("{DATA:x}\r\n{}\r\n", "a".repeat(DATA));
    let faults: [(&str, &str, &'static str); 8] = [
        ("no size", "zz\r\n", "not a plain hexadecimal number"),
        ("a size too large", "ffffffffffffffff\r\n", "too large"),
        ("LF behind the size", "2\n{}\r\n", "does not end in CR LF"),
        ("LF within an extension", "2;a\nb\r\n{}\r\n", "does not end in CR LF"),
        ("an extension too long", &["2;", &"a".repeat(300)].concat(), CHUNK_LINE),
        ("other bytes behind data", "2\r\n{}XX", "is not followed by CR LF"),
        ("a length as a trailer", "0\r\nContent-Length: 2\r\n\r\n", "not allowed in the trailer section"),
        ("LF ends the body", "0\r\n\n", "a trailer field is invalid"),
    ];
    let faulty = faults.map(|(name, fault, says)| {
        let bytes = chunked([&data, fault].concat().as_bytes());
        Row::refused(format!("RFC 9112 7.1: a streamed body, then {name}"), bytes, says).seen_as(unfinished())
    });
    let cut = [
        ("a streamed chunked body breaks off between chunks", chunked(data.as_bytes())),
        ("a streamed chunked body breaks off in a chunk", chunked(["fffff\r\n", &data].concat().as_bytes())),
        (
            "a streamed body breaks off before its length",
            [fields(b"Content-Length: 1000000"), data.clone().into_bytes()].concat(),
        ),
        (
            "a streamed body breaks off before 2^63 - 1",
            [fields(b"Content-Length: 9223372036854775807"), data.clone().into_bytes()].concat(),
        ),
    ];
    let cut = cut.map(|(name, bytes)| {
        Row::refused(format!("RFC 9112 8: {name}"), bytes, "the body is incomplete")
            .seen_as(unfinished())
            .ending()
    });
    let sound = [chunked(data.as_bytes()), b"0\r\n\r\n".to_vec()].concat();
    let whole = Row::served(
        "RFC 9112 7.1: a streamed body that is sound",
        sound,
        seen("POST", "/orders", "a".repeat(DATA).as_bytes()),
    );
    let broken_head = refusals(
        &[(
            "RFC 9112 6.3: a body of 2^63 and its beginning",
            b"Content-Length: 9223372036854775808",
            "too large",
        )],
        |field| [fields(field), data.clone().into_bytes()].concat(),
    );
    faulty.into_iter().chain(cut).chain([whole]).chain(broken_head).collect()
}
