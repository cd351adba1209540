//! Transfer-Encoding: `chunked` and nothing else (RFC 9112 sections 6.1 and 7).

use super::row::{Refusal, Row, fields, posted, refusals, whole};

const EXACTLY: &str = "Transfer-Encoding is not exactly chunked";
const SECOND: &str = "more than one Transfer-Encoding";
const OLD: &str = "not allowed in HTTP/1.0";

const FIELDS: &[Refusal] = &[
    ("TE.TE: identity behind chunked", b"Transfer-Encoding: chunked, identity", EXACTLY),
    ("CVE-2021-33037: identity before chunked", b"Transfer-Encoding: identity, chunked", EXACTLY),
    ("RFC 9112 6.1: identity", b"Transfer-Encoding: identity", EXACTLY),
    ("RFC 9112 6.1: gzip before chunked", b"Transfer-Encoding: gzip, chunked", EXACTLY),
    ("RFC 9112 6.1: gzip behind chunked", b"Transfer-Encoding: chunked, gzip", EXACTLY),
    ("RFC 9112 6.1: gzip alone", b"Transfer-Encoding: gzip", EXACTLY),
    ("RFC 9112 6.1: deflate alone", b"Transfer-Encoding: deflate", EXACTLY),
    ("RFC 9112 6.1: chunked twice", b"Transfer-Encoding: chunked, chunked", EXACTLY),
    ("RFC 9112 7: a parameter", b"Transfer-Encoding: chunked;q=1", EXACTLY),
    ("RFC 9112 7: an empty parameter", b"Transfer-Encoding: chunked;", EXACTLY),
    ("RFC 9112 7: a weight of zero", b"Transfer-Encoding: chunked;q=0", EXACTLY),
    ("TE.TE: xchunked", b"Transfer-Encoding: xchunked", EXACTLY),
    ("TE.TE: chunkedx", b"Transfer-Encoding: chunkedx", EXACTLY),
    ("TE.TE: chunk", b"Transfer-Encoding: chunk", EXACTLY),
    ("TE.TE: a coding that nobody knows before chunked", b"Transfer-Encoding: cow, chunked", EXACTLY),
    ("TE.TE: a coding that nobody knows behind chunked", b"Transfer-Encoding: chunked, cow", EXACTLY),
    ("RFC 9112 6.1: an empty value", b"Transfer-Encoding:", EXACTLY),
    ("TE.TE: white space", b"Transfer-Encoding: \t ", EXACTLY),
    ("TE.TE: an empty element first", b"Transfer-Encoding: ,chunked", EXACTLY),
    ("TE.TE: an empty element last", b"Transfer-Encoding: chunked,", EXACTLY),
    ("TE.TE: quotes", b"Transfer-Encoding: \"chunked\"", EXACTLY),
    ("TE.TE: single quotes", b"Transfer-Encoding: 'chunked'", EXACTLY),
    ("TE.TE: a space within", b"Transfer-Encoding: chun ked", EXACTLY),
    ("TE.TE: a space instead of a comma", b"Transfer-Encoding: identity chunked", EXACTLY),
    ("TE.TE: a colon first", b"Transfer-Encoding:: chunked", EXACTLY),
    ("TE.TE: a dot last", b"Transfer-Encoding: chunked.", EXACTLY),
    ("TE.TE: no-break space", b"Transfer-Encoding: chunked\xa0", EXACTLY),
    ("TE.TE: no-break space before", b"Transfer-Encoding: \xc2\xa0chunked", EXACTLY),
    ("TE.TE: a zero-width space", b"Transfer-Encoding: chunked\xe2\x80\x8b", EXACTLY),
    ("TE.TE: a Kelvin sign", b"Transfer-Encoding: chun\xe2\x84\xaaed", EXACTLY),
    ("TE.TE: a byte order mark", b"Transfer-Encoding: \xef\xbb\xbfchunked", EXACTLY),
    ("TE.TE: an encoded letter", b"Transfer-Encoding: %63hunked", EXACTLY),
    ("CVE-2019-18277: a vertical tab before chunked", b"Transfer-Encoding: \x0bchunked", "control byte"),
    ("CVE-2019-16789: a vertical tab behind chunked", b"Transfer-Encoding: chunked\x0b", "control byte"),
    ("TE.TE: a form feed before chunked", b"Transfer-Encoding: \x0cchunked", "control byte"),
    ("TE.TE: NUL behind chunked", b"Transfer-Encoding: chunked\0", "control byte"),
    (
        "CVE-2019-15605: CR behind chunked",
        b"Transfer-Encoding: chunked\rX: y",
        "CR that is not followed by LF",
    ),
    ("CVE-2020-1935: CR before chunked", b"Transfer-Encoding:\rchunked", "CR that is not followed by LF"),
    ("TE.TE: LF before chunked", b"Transfer-Encoding:\nchunked", "LF without CR"),
    ("RFC 9112 6.1: two of the same", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", SECOND),
    (
        "CVE-2020-8287: two, the second identity",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        SECOND,
    ),
    (
        "CVE-2021-21299: two, the first identity",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        SECOND,
    ),
    ("TE.TE: two in another case", b"Transfer-Encoding: chunked\r\ntransfer-encoding: cow", SECOND),
    ("TE.TE: two, the first empty", b"Transfer-Encoding:\r\nTransfer-Encoding: chunked", SECOND),
    ("TE.TE: two, apart", b"Transfer-Encoding: chunked\r\nX-A: b\r\nTransfer-Encoding: chunked", SECOND),
];

const WHOLE: &[Refusal] = &[
    (
        "RFC 9112 6.1: chunked in HTTP/1.0",
        b"POST /v1/orders HTTP/1.0\r\n$KTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OLD,
    ),
    (
        "RFC 9112 6.1: chunked in HTTP/1.0 that wants to stay",
        b"POST /v1/orders HTTP/1.0\r\n$H$KConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OLD,
    ),
    (
        "RFC 9112 6.1: chunked and a length in HTTP/1.0",
        b"POST /v1/orders HTTP/1.0\r\n$KContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OLD,
    ),
    (
        "CVE-2021-33037: identity in HTTP/1.0",
        b"POST /v1/orders HTTP/1.0\r\n$KTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
        OLD,
    ),
];

const LEGAL: &[(&str, &[u8])] = &[
    ("RFC 9112 7: codings have no case", b"tRANSFER-eNCODING: ChUnKeD"),
    ("RFC 9110 5.5: white space around chunked", b"Transfer-Encoding: \t chunked \t"),
    ("RFC 9110 5.5: no space before chunked", b"Transfer-Encoding:chunked"),
    (
        "RFC 9110 7.6.1: Connection names Transfer-Encoding",
        b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    ),
    ("RFC 9110 6.6.2: Trailer announces a length", b"Transfer-Encoding: chunked\r\nTrailer: Content-Length"),
];

pub(super) fn rows() -> Vec<Row> {
    let body =
        |field: &[u8]| [b"POST /v1/orders HTTP/1.1\r\n$H$K", field, b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n"].concat();
    let fields_gone = &[("transfer-encoding", None), ("content-length", Some("2")), ("trailer", None)];
    refusals(FIELDS, fields)
        .chain(refusals(WHOLE, whole))
        .chain(
            LEGAL
                .iter()
                .map(|(name, field)| Row::served(*name, body(field), posted(b"{}")).with_fields(fields_gone)),
        )
        .collect()
}
