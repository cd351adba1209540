//! Chunk extensions: bounded, printable, and without meaning (RFC 9112 section 7.1.1).

use super::row::{Refusal, Row, chunked, posted, refusals};

const EXTENSION: &str = "a chunk extension is invalid";
const LINE_END: &str = "size line does not end in CR LF";
const SIZE: &str = "a chunk size is not a plain hexadecimal number";

const BODIES: &[Refusal] = &[
    ("CVE-2025-55315: LF within an extension", b"2;a\nb\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("CVE-2025-58056: LF ends an extension", b"2;a\n{}\r\n0\r\n\r\n", LINE_END),
    ("TERM.EXT: LF behind the semicolon", b"2;\n{}\r\n0\r\n\r\n", LINE_END),
    ("EXT.TERM: LF before a size in an extension", b"2;\nxx\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("CVE-2024-52304: LF within an extension's value", b"2;a=b\nc\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("CVE-2025-55315: LF within quotes", b"2;a=\"\n\"\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("CVE-2025-55315: LF within the last chunk's extension", b"2\r\n{}\r\n0;a\nb\r\n\r\n", LINE_END),
    (
        "CVE-2025-55315: a request behind LF in an extension",
        b"2;\nxx\r\n45\r\n0\r\n\r\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n0\r\n\r\n",
        LINE_END,
    ),
    ("RFC 9112 7.1.1: CR within an extension", b"2;a\rb\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("RFC 9112 7.1.1: CR within quotes", b"2;a=\"\r\"\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: CR LF within quotes", b"2;a=\"\r\n\"\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: CR CR LF ends an extension", b"2;a\r\r\n{}\r\n0\r\n\r\n", LINE_END),
    ("RFC 9112 7.1.1: no name", b"2;\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: no name in the last chunk", b"2\r\n{}\r\n0;\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: two semicolons", b"2;;a\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: a value and no name", b"2;=b\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: a semicolon last", b"2;a;\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: quotes for a name", b"2;\"a\"\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: a space for a name", b"2; \r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: NUL", b"2;a\0b\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: a control byte in a value", b"2;a=\x01\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: delete", b"2;a=\x7f\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: UTF-8 in a value", b"2;a=\xc3\xa9\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: Latin-1 in quotes", b"2;a=\"\xe9\"\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: a space before the semicolon", b"2 ;a\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1.1: a space behind the semicolon", b"2; a\r\n{}\r\n0\r\n\r\n", EXTENSION),
    ("RFC 9112 7.1.1: an equals sign for the semicolon", b"2=a\r\n{}\r\n0\r\n\r\n", SIZE),
    ("RFC 9112 7.1.1: an extension without a size", b";a\r\n{}\r\n0\r\n\r\n", SIZE),
];

const LEGAL: &[(&str, &[u8])] = &[
    ("RFC 9112 7.1.1: a name", b"2;a\r\n{}\r\n0\r\n\r\n"),
    ("RFC 9112 7.1.1: a name and a value", b"2;a=b\r\n{}\r\n0;c=d\r\n\r\n"),
    ("RFC 9112 7.1.1: several", b"2;a=b;c;d=\"e f\"\r\n{}\r\n0\r\n\r\n"),
    ("RFC 9112 7.1.1: a size in an extension is none", b"2;ff\r\n{}\r\n0\r\n\r\n"),
];

pub(super) fn rows() -> Vec<Row> {
    let legal = LEGAL.iter().map(|(name, body)| Row::served(*name, chunked(body), posted(b"{}")));
    refusals(BODIES, chunked).chain(legal).collect()
}
