//! Fields that steer the exchange: Connection and Expect (RFC 9110 sections 7.6.1 and 10.1.1).

use super::row::{Answer, Refusal, Row, fields, got, line, posted, refusals, whole};

const EXPECT: &str = "Expect is not exactly 100-continue";
const CONNECTION: &str = "Connection is not a list of tokens";

const FIELDS: &[Refusal] = &[
    ("RFC 9110 10.1.1: another expectation", b"Expect: 200-ok", EXPECT),
    ("RFC 9110 10.1.1: an empty expectation", b"Expect:", EXPECT),
    ("RFC 9110 10.1.1: 100-continue twice in a list", b"Expect: 100-continue, 100-continue", EXPECT),
    ("RFC 9110 10.1.1: 100-continue on two lines", b"Expect: 100-continue\r\nExpect: 100-continue", EXPECT),
    ("RFC 9110 10.1.1: another expectation beside it", b"Expect: 100-continue, x=y", EXPECT),
    ("RFC 9110 10.1.1: a parameter", b"Expect: 100-continue;x=y", EXPECT),
    ("0.CL: Expect with a word before it", b"Expect: y 100-continue\r\nContent-Length: 2", EXPECT),
    (
        "0.CL: Expect with a line end of its own",
        b"Expect:\n100-continue\r\nContent-Length: 2",
        "LF without CR",
    ),
    ("RFC 9110 10.1.1: a space in it", b"Expect: 100 -continue", EXPECT),
    ("RFC 9110 10.1.1: the number alone", b"Expect: 100", EXPECT),
    ("RFC 9110 10.1.1: quotes around it", b"Expect: \"100-continue\"", EXPECT),
    ("RFC 9110 7.6.1: a space in an option", b"Connection: a b", CONNECTION),
    ("RFC 9110 7.6.1: a semicolon in an option", b"Connection: close; keep-alive", CONNECTION),
    ("RFC 9110 7.6.1: quotes around an option", b"Connection: \"close\"", CONNECTION),
    (
        "RFC 9110 7.6.1: a broken option on a second line",
        b"Connection: keep-alive\r\nConnection: (close)",
        CONNECTION,
    ),
    ("RFC 9110 7.6.1: a colon in an option", b"Connection: Content-Length: 5", CONNECTION),
    ("RFC 9110 7.6.1: bytes above ASCII in an option", b"Connection: clos\xe9", CONNECTION),
];

const LEGAL: &[(&str, &[u8])] = &[
    (
        "RFC 9110 10.1.1: 100-continue, and the body comes at once",
        b"Content-Length: 2\r\nExpect: 100-continue",
    ),
    ("RFC 9110 10.1.1: expectations have no case", b"Content-Length: 2\r\nExpect: 100-Continue"),
    ("RFC 9110 7.6.1: empty options", b"Content-Length: 2\r\nConnection: , ,, keep-alive ,"),
    ("RFC 9110 7.6.1: an empty list", b"Content-Length: 2\r\nConnection:"),
];

pub(super) fn rows() -> Vec<Row> {
    let not_found = Answer { status: 404, code: Some("not_found"), says: "" };
    refusals(FIELDS, fields)
        .chain(LEGAL.iter().map(|(name, field)| {
            Row::served(*name, fields(field), posted(b"{}")).with_fields(&[("expect", None), ("connection", None)])
        }))
        .chain([
            Row::served(
                "RFC 9110 10.1.1: an expectation without a body",
                line(b"GET /v1/orders HTTP/1.1\r\nExpect: 100-continue"),
                got("/orders"),
            ),
            Row::served(
                "RFC 9110 10.1.1: an expectation in HTTP/1.0 is ignored",
                whole(b"POST /v1/orders HTTP/1.0\r\n$KContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}"),
                posted(b"{}"),
            )
            .closing(),
            Row::answered(
                "RFC 9110 10.1.1: a refusal instead of 100 leaves the body in doubt",
                whole(b"POST /v1/nothing HTTP/1.1\r\n$H$KContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}"),
                not_found,
            )
            .closing(),
            Row::answered(
                "CVE-2024-24791: a request instead of the body that was not invited",
                whole(b"POST /v1/nothing HTTP/1.1\r\n$H$KContent-Length: 90\r\nExpect: 100-continue\r\n\r\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n"),
                not_found,
            )
            .closing(),
            Row::answered(
                "CVE-2025-4366: the body of a refusal is read away",
                whole(b"POST /v1/nothing HTTP/1.1\r\n$H$KContent-Length: 43\r\n\r\nGET /v1/orders/2 HTTP/1.1\r\nHost: x\r\nX: 12\r\n"),
                not_found,
            ),
            Row::served(
                "RFC 9112 9.6: close ends the connection",
                line(b"GET /v1/orders HTTP/1.1\r\nConnection: close"),
                got("/orders"),
            )
            .closing(),
            Row::served(
                "RFC 9112 9.6: close wins over keep-alive",
                line(b"GET /v1/orders HTTP/1.1\r\nConnection: keep-alive\r\nConnection: x, CLOSE"),
                got("/orders"),
            )
            .closing(),
            Row::served(
                "RFC 9112 9.6: closed is not close",
                line(b"GET /v1/orders HTTP/1.1\r\nConnection: closed"),
                got("/orders"),
            ),
        ])
        .collect()
}
