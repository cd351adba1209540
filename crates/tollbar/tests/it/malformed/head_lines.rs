//! Where the lines of a head end: CR LF and nothing else (RFC 9112 sections 2.2 and 5.2).

use super::row::{Refusal, Row, fields, got, line, refusals, whole};

const LF: &str = "LF without CR";
const CR: &str = "CR that is not followed by LF";
const CONTROL: &str = "control byte";
const FOLDED: &str = "folded over several lines";

const WHOLE: &[Refusal] = &[
    ("RFC 9112 2.2: LF alone ends each line", b"GET /v1/orders HTTP/1.1\nHost: x\n\n", LF),
    ("RFC 9112 2.2: LF alone ends the request line", b"GET /v1/orders HTTP/1.1\n$H$K\r\n", LF),
    ("RFC 9112 2.2: LF alone ends the head", b"GET /v1/orders HTTP/1.1\r\n$H$K\n", LF),
    ("RFC 9112 2.2: LF LF ends the head", b"GET /v1/orders HTTP/1.1\r\n$H$KX-A: b\n\n", LF),
    ("RFC 9112 2.2: LF before the request line", b"\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n", LF),
    ("RFC 9112 2.2: LF CR instead of CR LF", b"GET /v1/orders HTTP/1.1\n\r$H$K\r\n", LF),
    ("RFC 9112 2.2: CR alone ends each line", b"GET /v1/orders HTTP/1.1\rHost: x\r\r", CR),
    ("RFC 9112 2.2: CR alone ends the request line", b"GET /v1/orders HTTP/1.1\r$H$K\r\n", CR),
    ("RFC 9112 2.2: CR CR LF ends the request line", b"GET /v1/orders HTTP/1.1\r\r\n$H$K\r\n", CR),
    ("RFC 9112 2.2: CR CR LF ends the head", b"GET /v1/orders HTTP/1.1\r\n$H$K\r\r\n", CR),
    ("CVE-2025-23167: CR and any byte end the head", b"GET /v1/orders HTTP/1.1\r\n$H$K\rXX", CR),
    ("RFC 9112 2.2: CR before the request line", b"\rGET /v1/orders HTTP/1.1\r\n$H$K\r\n", CR),
    ("RFC 9112 2.2: CR within the method", b"GE\rT /v1/orders HTTP/1.1\r\n$H$K\r\n", CR),
    ("RFC 9112 2.2: CR within the target", b"GET /v1/or\rders HTTP/1.1\r\n$H$K\r\n", CR),
    (
        "RFC 9112 2.2: two empty lines before the request line",
        b"\r\n\r\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n",
        "begins with an empty line",
    ),
    (
        "RFC 9112 2.2: many empty lines before the request line",
        b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n",
        "begins with an empty line",
    ),
    (
        "RFC 9112 3: a space before the request line",
        b" GET /v1/orders HTTP/1.1\r\n$H$K\r\n",
        "begins with white space",
    ),
    (
        "RFC 9112 3: a tab before the request line",
        b"\tGET /v1/orders HTTP/1.1\r\n$H$K\r\n",
        "begins with white space",
    ),
    (
        "RFC 9112 3: a line of white space before the request line",
        b" \r\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n",
        "begins with white space",
    ),
    (
        "RFC 9112 3: an empty line and a space before the request line",
        b"\r\n GET /v1/orders HTTP/1.1\r\n$H$K\r\n",
        "begins with white space",
    ),
    ("RFC 9112 2.2: a space before the first field", b"GET /v1/orders HTTP/1.1\r\n $H$K\r\n", FOLDED),
    ("RFC 9112 2.2: a tab before the first field", b"GET /v1/orders HTTP/1.1\r\n\t$H$K\r\n", FOLDED),
    (
        "CVE-2024-27982: a space hides Content-Length as the first field",
        b"POST /v1/orders HTTP/1.1\r\n Content-Length: 2\r\n$H$K\r\n{}",
        FOLDED,
    ),
    (
        "RFC 9112 2.2: a vertical tab ends the request line",
        b"GET /v1/orders HTTP/1.1\x0b\r\n$H$K\r\n",
        CONTROL,
    ),
    (
        "RFC 9112 2.2: a form feed between method and target",
        b"GET\x0c/v1/orders HTTP/1.1\r\n$H$K\r\n",
        CONTROL,
    ),
    ("RFC 9110 5.5: NUL within the method", b"GE\0T /v1/orders HTTP/1.1\r\n$H$K\r\n", CONTROL),
    ("RFC 9110 5.5: NUL within the target", b"GET /v1/orders\0 HTTP/1.1\r\n$H$K\r\n", CONTROL),
    ("RFC 9110 5.5: NUL within the version", b"GET /v1/orders HTTP/1.1\0\r\n$H$K\r\n", CONTROL),
    ("RFC 9110 5.5: NUL before the request line", b"\0GET /v1/orders HTTP/1.1\r\n$H$K\r\n", CONTROL),
    ("RFC 9110 5.5: NUL behind the head's last line", b"GET /v1/orders HTTP/1.1\r\n$H$K\0\r\n\r\n", CONTROL),
];

const FIELDS: &[Refusal] = &[
    ("RFC 9112 2.2: LF alone ends a field", b"X-A: b\nX-B: c", LF),
    ("RFC 9112 2.2: LF smuggles Transfer-Encoding in a value", b"X-A: b\nTransfer-Encoding: chunked", LF),
    ("CVE-2021-37147: LF smuggles Content-Length in a value", b"X-A: b\nContent-Length: 2", LF),
    ("RFC 9112 2.2: LF within a field's name", b"X-\nA: b", LF),
    ("CVE-2023-30589: CR smuggles Transfer-Encoding in a value", b"X-A: b\rTransfer-Encoding: chunked", CR),
    ("CVE-2023-30589: CR smuggles Content-Length in a value", b"X-A: b\rContent-Length: 2", CR),
    ("RFC 9112 2.2: CR smuggles the key's header in a value", b"X-A: b\rX-Tollbar-Client: forged", CR),
    ("RFC 9112 2.2: CR CR LF ends a field", b"X-A: b\r\r\nX-B: c", CR),
    ("RFC 9112 2.2: CR within a field's name", b"X-\rA: b", CR),
    ("RFC 9112 2.2: CR behind the colon", b"X-A:\rb", CR),
    ("RFC 9112 2.2: CR before a field", b"\rX-A: b", CR),
    ("RFC 9110 5.5: NUL within a value", b"X-A: b\0c", CONTROL),
    ("RFC 9110 5.5: NUL within a name", b"X-\0A: b", CONTROL),
    ("RFC 9110 5.5: NUL before the colon", b"X-A\0: b", CONTROL),
    ("RFC 9110 5.5: escape within a value", b"X-A: \x1b[2J", CONTROL),
    ("RFC 9110 5.5: delete within a value", b"X-A: b\x7fc", CONTROL),
    ("RFC 9110 5.5: a vertical tab within a value", b"X-A: b\x0bc", CONTROL),
    ("RFC 9110 5.5: a form feed within a value", b"X-A: b\x0cc", CONTROL),
    ("RFC 9110 5.5: backspace within a value", b"X-A: b\x08c", CONTROL),
    ("RFC 9110 5.5: a file separator within a value", b"X-A: b\x1cTransfer-Encoding: chunked", CONTROL),
    ("RFC 9112 5.2: a value folded with a space", b"X-A: b\r\n folded", FOLDED),
    ("RFC 9112 5.2: a value folded with a tab", b"X-A: b\r\n\tfolded", FOLDED),
    ("RFC 9112 5.2: an empty value folded", b"X-A:\r\n b", FOLDED),
    ("RFC 9112 5.2: a line of white space between fields", b"X-A: b\r\n \r\nX-B: c", FOLDED),
    ("RFC 9112 5.2: a line of white space ends the head", b"X-A: b\r\n \r\n", FOLDED),
    ("RFC 9112 5.2: Transfer-Encoding folded before its value", b"Transfer-Encoding:\r\n chunked", FOLDED),
    ("RFC 9112 5.2: Content-Length folded before its value", b"Content-Length:\r\n 2", FOLDED),
    ("RFC 9112 5.2: Content-Length continued by a fold", b"Content-Length: 2\r\n 0", FOLDED),
    (
        "CVE-2022-32215: Transfer-Encoding continued by a fold",
        b"Transfer-Encoding: chunked\r\n , identity",
        FOLDED,
    ),
    ("CVE-2020-7238: Transfer-Encoding hidden by a fold", b"X-A: b\r\n Transfer-Encoding: chunked", FOLDED),
    ("RFC 9112 5.2: Content-Length hidden by a fold", b"X-A: b\r\n\tContent-Length: 2", FOLDED),
    (
        "CVE-2025-32094: Expect continued by a fold",
        b"Expect: 100-continue\r\n , x\r\nContent-Length: 2",
        FOLDED,
    ),
];

pub(super) fn rows() -> Vec<Row> {
    let legal = [
        (
            "RFC 9112 2.2: one empty line before the request line is ignored",
            whole(b"\r\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n"),
        ),
        ("RFC 9110 5.5: a tab within a value is text", line(b"GET /v1/orders HTTP/1.1\r\nX-A: b\tc")),
        (
            "RFC 9110 5.5: bytes above ASCII within a value are opaque",
            line(b"GET /v1/orders HTTP/1.1\r\nX-A: \xff\xfe\x80"),
        ),
    ];
    refusals(WHOLE, whole)
        .chain(refusals(FIELDS, fields))
        .chain(legal.into_iter().map(|(name, bytes)| Row::served(name, bytes, got("/orders"))))
        .collect()
}
