//! Content-Length: once, in plain digits, and never beside Transfer-Encoding (RFC 9112 sections 6.2 and 6.3,
//! RFC 9110 section 8.6).

use super::row::{Refusal, Row, fields, line, posted, refusals, seen, whole};

const PLAIN: &str = "Content-Length is not a plain decimal number";
const SECOND: &str = "more than one Content-Length";
const LARGE: &str = "Content-Length is too large";
const BOTH: &str = "both Content-Length and Transfer-Encoding";

const FIELDS: &[Refusal] = &[
    ("CVE-2021-32715: a plus sign", b"Content-Length: +2", PLAIN),
    ("CVE-2023-40167: a plus sign and zeros", b"Content-Length: +002", PLAIN),
    ("RFC 9110 8.6: a minus sign", b"Content-Length: -2", PLAIN),
    ("RFC 9110 8.6: minus zero", b"Content-Length: -0", PLAIN),
    ("RFC 9110 8.6: a leading zero", b"Content-Length: 02", PLAIN),
    ("RFC 9110 8.6: two zeros", b"Content-Length: 00", PLAIN),
    ("CVE-2022-24801: hexadecimal", b"Content-Length: 0x2", PLAIN),
    ("RFC 9110 8.6: octal", b"Content-Length: 0o2", PLAIN),
    ("RFC 9110 8.6: binary", b"Content-Length: 0b10", PLAIN),
    ("RFC 9110 8.6: a hexadecimal digit", b"Content-Length: a", PLAIN),
    ("RFC 9110 8.6: a fraction", b"Content-Length: 2.0", PLAIN),
    ("RFC 9110 8.6: an exponent", b"Content-Length: 2e0", PLAIN),
    ("RFC 9110 8.6: an underscore", b"Content-Length: 1_0", PLAIN),
    ("RFC 9110 8.6: a thousands separator", b"Content-Length: 1'000", PLAIN),
    ("RFC 9110 8.6: a unit", b"Content-Length: 2b", PLAIN),
    ("RFC 9110 8.6: a parameter", b"Content-Length: 2;a=b", PLAIN),
    ("RFC 9110 8.6: quotes", b"Content-Length: \"2\"", PLAIN),
    ("CVE-2018-7159: a space between digits", b"Content-Length: 2 2", PLAIN),
    ("RFC 9110 8.6: a tab between digits", b"Content-Length: 2\t2", PLAIN),
    ("CVE-2023-40225: empty", b"Content-Length:", PLAIN),
    ("RFC 9110 8.6: white space", b"Content-Length: \t ", PLAIN),
    ("RFC 9110 8.6: a word", b"Content-Length: two", PLAIN),
    ("RFC 9110 8.6: NaN", b"Content-Length: NaN", PLAIN),
    ("RFC 9110 8.6: Arabic digits", b"Content-Length: \xd9\xa2", PLAIN),
    ("RFC 9110 8.6: fullwidth digits", b"Content-Length: \xef\xbc\x92", PLAIN),
    ("RFC 9110 8.6: no-break space", b"Content-Length: \xa02", PLAIN),
    ("RFC 9110 8.6: a list of the same", b"Content-Length: 2, 2", PLAIN),
    ("RFC 9110 8.6: a list without spaces", b"Content-Length: 2,2", PLAIN),
    ("RFC 9110 8.6: a list that differs", b"Content-Length: 2, 3", PLAIN),
    ("RFC 9110 8.6: an empty element first", b"Content-Length: ,2", PLAIN),
    ("RFC 9110 8.6: an empty element last", b"Content-Length: 2,", PLAIN),
    ("RFC 9110 8.6: 2^63", b"Content-Length: 9223372036854775808", LARGE),
    ("CVE-2014-0099: 2^64", b"Content-Length: 18446744073709551616", LARGE),
    ("CVE-2014-0099: 2^64 and 2", b"Content-Length: 18446744073709551618", LARGE),
    ("RFC 9110 8.6: 40 digits", b"Content-Length: 1000000000000000000000000000000000000002", LARGE),
    ("RFC 9112 6.3: two of the same", b"Content-Length: 2\r\nContent-Length: 2", SECOND),
    ("CVE-2017-7658: two that differ", b"Content-Length: 2\r\nContent-Length: 3", SECOND),
    ("RFC 9112 6.3: two in another case", b"content-length: 2\r\nCONTENT-LENGTH: 2", SECOND),
    ("RFC 9112 6.3: two, the first empty", b"Content-Length:\r\nContent-Length: 2", SECOND),
    ("RFC 9112 6.3: two, the second no number", b"Content-Length: 2\r\nContent-Length: x", SECOND),
    ("RFC 9112 6.3: two, the first zero", b"Content-Length: 0\r\nContent-Length: 2", SECOND),
    ("RFC 9112 6.3: two, apart", b"Content-Length: 2\r\nX-A: b\r\nContent-Length: 2", SECOND),
    ("RFC 9112 6.3: three", b"Content-Length: 2\r\nContent-Length: 2\r\nContent-Length: 2", SECOND),
    ("CL.TE: the length first", b"Content-Length: 2\r\nTransfer-Encoding: chunked", BOTH),
    ("TE.CL: the coding first", b"Transfer-Encoding: chunked\r\nContent-Length: 2", BOTH),
    ("CL.TE: a length of zero", b"Content-Length: 0\r\nTransfer-Encoding: chunked", BOTH),
    ("CL.TE: a length that is no number", b"Content-Length: x\r\nTransfer-Encoding: chunked", BOTH),
    ("CL.TE: an empty length", b"Content-Length:\r\nTransfer-Encoding: chunked", BOTH),
    ("CL.TE: an empty coding", b"Content-Length: 2\r\nTransfer-Encoding:", BOTH),
    ("CL.TE: identity", b"Content-Length: 2\r\nTransfer-Encoding: identity", BOTH),
    ("CVE-2022-1705: a coding that nobody knows", b"Content-Length: 2\r\nTransfer-Encoding: cow", BOTH),
    ("CVE-2019-20445: the coding in another case", b"Content-Length: 2\r\ntRANSFER-eNCODING: CHUNKED", BOTH),
    (
        "CL.CL.TE: two lengths and a coding",
        b"Content-Length: 2\r\nContent-Length: 2\r\nTransfer-Encoding: chunked",
        BOTH,
    ),
    ("CL.TE: apart", b"Content-Length: 2\r\nX-A: b\r\nX-B: c\r\nTransfer-Encoding: chunked", BOTH),
    (
        "CVE-2005-2088: both, with a method that has no body",
        b"X-A: b\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BOTH,
    ),
];

pub(super) fn rows() -> Vec<Row> {
    let get = |rest: &[u8]| [b"GET /v1/orders HTTP/1.1\r\n$H$K", rest].concat();
    let hidden = b"GET /v1/orders/2 HTTP/1.1\r\nHost: x\r\n\r\n";
    let cl_0 = [format!("Content-Length: {}\r\n\r\n", hidden.len()).as_bytes(), hidden.as_slice()].concat();
    refusals(FIELDS, fields)
        .chain([
            Row::refused(
                "CL.TE: a request behind the last chunk",
                whole(
                    b"POST /v1/orders HTTP/1.1\r\n$H$KContent-Length: 48\r\nTransfer-Encoding: chunked\r\n\r\n\
                      0\r\n\r\nGET /v1/orders/2 HTTP/1.1\r\n$H$K\r\n",
                ),
                BOTH,
            ),
            Row::refused(
                "TE.CL: a request within a chunk",
                whole(
                    b"POST /v1/orders HTTP/1.1\r\n$H$KContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
                      26\r\nGET /v1/orders/2 HTTP/1.1\r\nHost: x\r\n\r\n\r\n0\r\n\r\n",
                ),
                BOTH,
            ),
            Row::refused("0.CL: a length that only others see", get(b"Content-Length : 5\r\n\r\nhello"), "space"),
            Row::refused("0.CL: a length behind a line of white space", get(b" \r\nContent-Length: 5\r\n\r\nhello"), "folded"),
            Row::served("CL.0: a request as a body is a body", [b"POST /v1/orders HTTP/1.1\r\n$H$K", cl_0.as_slice()].concat(), posted(hidden)),
            Row::served("CL.0: a request as a body of GET is a body", get(&cl_0), seen("GET", "/orders", hidden)),
            Row::served("RFC 9110 8.6: zero", fields(b"Content-Length: 0").strip_suffix(b"{}").unwrap(), posted(b"")),
            Row::served("RFC 9110 5.5: white space around a length", fields(b"Content-Length: \t2 \t"), posted(b"{}")),
            Row::served("RFC 9112 6.3: a body of HEAD", b"HEAD /v1/orders HTTP/1.1\r\n$H$KContent-Length: 2\r\n\r\n{}", seen("HEAD", "/orders", b"{}")),
            Row::served("RFC 9112 9.3: a length in HTTP/1.0", line(b"POST /v1/orders HTTP/1.0\r\nContent-Length: 2")
                .into_iter().chain(*b"{}").collect::<Vec<u8>>(), posted(b"{}")).closing(),
        ])
        .collect()
}
