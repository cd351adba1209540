//! Chunk sizes, and the line ends around data (RFC 9112 section 7.1).

use super::row::{Refusal, Row, chunked, posted, refusals};

const SIZE: &str = "a chunk size is not a plain hexadecimal number";
const LARGE: &str = "a chunk size is too large";
const LINE_END: &str = "size line does not end in CR LF";
const DATA_END: &str = "is not followed by CR LF";

const BODIES: &[Refusal] = &[
    ("RFC 9112 7.1: no hexadecimal digit", b"zz\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a letter behind the size", b"2x\r\n{}\r\n0\r\n\r\n", SIZE),
    ("CVE-2022-24801: a plus sign", b"+2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a minus sign", b"-2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: minus zero", b"-0\r\n\r\n", SIZE),
    ("CVE-2022-24761: 0x", b"0x2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: 0X", b"0X2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a dollar sign", b"\x242\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: an h behind", b"2h\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: an underscore", b"0_2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a fraction", b"2.0\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a comma", b"2,2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: quotes", b"\"2\"\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a space before the size", b" 2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a tab before the size", b"\t2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a space behind the size", b"2 \r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a tab behind the size", b"2\t\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a space within the size", b"0 2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a space behind the last size", b"2\r\n{}\r\n0 \r\n\r\n", SIZE),
    ("RFC 9112 7.1: a vertical tab behind the size", b"2\x0b\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: NUL behind the size", b"2\0\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a colon behind the size", b"2:\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: Arabic digits", b"\xd9\xa2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: an empty size", b"\r\n", SIZE),
    ("RFC 9112 7.1: an empty line before the first size", b"\r\n2\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: an empty line before the last chunk", b"2\r\n{}\r\n\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: no size, only data", b"{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1: a request instead of a size", b"GET /v1/orders HTTP/1.1\r\n$H$K\r\n", SIZE),
    ("RFC 9112 7.1: 2^63", b"8000000000000000\r\n{}\r\n0\r\n\r\n", LARGE),
    ("CVE-2021-32714: 2^64 - 1", b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n", LARGE),
    ("CVE-2021-32714: 2^64 - 2, as if it were -2", b"fffffffffffffffe\r\n{}\r\n0\r\n\r\n", LARGE),
    ("CVE-2021-32714: 2^64 and 2", b"10000000000000002\r\n{}\r\n0\r\n\r\n", LARGE),
    ("CVE-2017-7657: 2^64 and zeros", b"100000000000000000\r\n{}\r\n0\r\n\r\n", LARGE),
    ("CVE-2014-0075: 17 digits that are 2", b"00000000000000002\r\n{}\r\n0\r\n\r\n", LARGE),
    ("CVE-2025-22871: LF ends the size line", b"2\n{}\r\n0\r\n\r\n", LINE_END),
    ("RFC 9112 7.1: LF ends every line", b"2\n{}\n0\n\n", LINE_END),
    ("RFC 9112 7.1: LF ends the last size line", b"2\r\n{}\r\n0\n\r\n", LINE_END),
    ("CVE-2023-46846: LF before the size", b"\n2\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("RFC 9112 7.1: CR ends the size line", b"2\r{}\r\n0\r\n\r\n", LINE_END),
    ("RFC 9112 7.1: CR CR LF ends the size line", b"2\r\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("RFC 9112 7.1: CR and a letter behind the size", b"2\rX\n{}\r\n0\r\n\r\n", LINE_END),
    ("RFC 9112 7.1: CR ends the last size line", b"2\r\n{}\r\n0\rX\r\n\r\n", LINE_END),
    ("RFC 9112 7.1: no line end behind data", b"2\r\n{}0\r\n\r\n", DATA_END),
    ("CVE-2025-43859: two other bytes behind data", b"2\r\n{}XX0\r\n\r\n", DATA_END),
    ("TERM.SPILL: LF behind data", b"2\r\n{}\n0\r\n\r\n", DATA_END),
    ("SPILL.TERM: CR behind data", b"2\r\n{}\r0\r\n\r\n", DATA_END),
    ("RFC 9112 7.1: LF CR behind data", b"2\r\n{}\n\r0\r\n\r\n", DATA_END),
    ("RFC 9112 7.1: CR CR LF behind data", b"2\r\n{}\r\r\n0\r\n\r\n", DATA_END),
    ("RFC 9112 7.1: a space behind data", b"2\r\n{} \r\n0\r\n\r\n", DATA_END),
    ("RFC 9112 7.1: more data than the size", b"1\r\n{}\r\n0\r\n\r\n", DATA_END),
    ("RFC 9112 7.1: less data than the size", b"3\r\n{}\r\n0\r\n\r\n", DATA_END),
    ("RFC 9112 7.1: two bytes less than the size", b"4\r\n{}\r\n0\r\n\r\n", DATA_END),
    ("RFC 9112 7.1: a size taken for decimal", b"10\r\n0123456789\r\n0\r\n\r\n", DATA_END),
    ("CVE-2015-3183: a line end of another chunk", b"2\r\n{}\r\n1\r\n\r\n0\r\n\r\n", DATA_END),
];

const LEGAL: &[(&str, &[u8], &[u8])] = &[
    ("RFC 9112 7.1: leading zeros", b"0002\r\n{}\r\n000\r\n\r\n", b"{}"),
    ("RFC 9112 7.1: 16 digits", b"0000000000000002\r\n{}\r\n0\r\n\r\n", b"{}"),
    (
        "RFC 9112 7.1: digits in both cases",
        b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
        b"01234567890123456789",
    ),
    ("RFC 9112 7.1: a chunk for each byte", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", b"{}"),
    ("RFC 9112 7.1: no chunk but the last", b"0\r\n\r\n", b""),
    ("RFC 9112 7.1: the last chunk as data", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    ("RFC 9112 7.1: line ends as data", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
    (
        "TE.0: a request as data is data",
        b"18\r\nGET /v1/orders HTTP/1.1\n\r\n0\r\n\r\n",
        b"GET /v1/orders HTTP/1.1\n",
    ),
];

pub(super) fn rows() -> Vec<Row> {
    let legal = LEGAL.iter().map(|(name, body, read)| Row::served(*name, chunked(body), posted(read)));
    refusals(BODIES, chunked).chain(legal).collect()
}
