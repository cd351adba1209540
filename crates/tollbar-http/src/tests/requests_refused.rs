//! Requests that are malformed, or that two parsers could read in two ways.

use Malformed::*;

use super::feed::{End, Segments, read_both_ways, read_requests};
use crate::{Limits, Malformed};

/// Whole messages.
pub(super) const RAW: &[(&[u8], Malformed)] = &[
    // Lines.
    (b"GET / HTTP/1.1\nHost: a\n\n", BareLf),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", BareLf),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", BareLf),
    (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BareLf),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n", BareLf),
    (b"GET / HTTP/1.1\rHost: a\r\n\r\n", BareCr),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", BareCr),
    (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", BareCr),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", BareCr),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", BareCr),
    (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", EmptyStartLine),
    (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", LeadingSpace),
    (b"\r\n\tGET / HTTP/1.1\r\nHost: a\r\n\r\n", LeadingSpace),
    (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", FoldedField),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", FoldedField),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", FoldedField),
    (b"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", FoldedField),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ControlByte { byte: 0x16 }),
    (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", ControlByte { byte: 0 }),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", ControlByte { byte: 0 }),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x0bc\r\n\r\n", ControlByte { byte: 0x0b }),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", ControlByte { byte: 0x7f }),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length\x0c: 3\r\n\r\nabc", ControlByte { byte: 0x0c }),
    // HTTP/1.0 and Host.
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", TransferEncodingInHttp10),
    (
        b"POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        TransferEncodingInHttp10,
    ),
    (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", RepeatedHost),
    (b"GET / HTTP/1.0\r\nHost:\r\n\r\n", InvalidHost),
    (b"GET / HTTP/1.1\r\n\r\n", MissingHost),
    (b"GET http://a/ HTTP/1.1\r\n\r\n", MissingHost),
    // The preface of HTTP/2.
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Version),
];

/// Request lines, with a sound Host after them.
pub(super) const REQUEST_LINES: &[(&[u8], Malformed)] = &[
    (b"GET /", RequestLine),
    (b"GET", RequestLine),
    (b"GET  / HTTP/1.1", RequestLine),
    (b"GET /  HTTP/1.1", RequestLine),
    (b"GET / HTTP/1.1 ", RequestLine),
    (b"GET /a b HTTP/1.1", RequestLine),
    (b"GET / HTTP/1.1 HTTP/1.1", RequestLine),
    (b"GET / http/1.1", RequestLine),
    (b"GET / TTP/1.1", RequestLine),
    (b"GET\t/ HTTP/1.1", Method),
    (b"GE(T / HTTP/1.1", Method),
    (b"G\xc3\x89T / HTTP/1.1", Method),
    (b"GET: / HTTP/1.1", Method),
    (b"AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDD / HTTP/1.1", MethodTooLong { limit_bytes: 32 }),
    (b"GET / HTTP/2.0", Version),
    (b"GET / HTTP/0.9", Version),
    (b"GET / HTTP/1.2", Version),
    (b"GET / HTTP/1.10", Version),
    (b"GET / HTTP/11", Version),
    (b"GET / HTTP/1.1\t", Version),
    (b"GET /a\tb HTTP/1.1", TargetByte { byte: b'\t' }),
    (b"GET /a#b HTTP/1.1", TargetByte { byte: b'#' }),
    (b"GET /?a#b HTTP/1.1", TargetByte { byte: b'#' }),
    (b"GET /a\\b HTTP/1.1", TargetByte { byte: b'\\' }),
    (b"GET /?a\\b HTTP/1.1", TargetByte { byte: b'\\' }),
    (b"GET /<a> HTTP/1.1", TargetByte { byte: b'<' }),
    (b"GET /a\"b HTTP/1.1", TargetByte { byte: b'"' }),
    (b"GET /?a\"b HTTP/1.1", TargetByte { byte: b'"' }),
    (b"GET /{a} HTTP/1.1", TargetByte { byte: b'{' }),
    (b"GET /a|b HTTP/1.1", TargetByte { byte: b'|' }),
    (b"GET /[a] HTTP/1.1", TargetByte { byte: b'[' }),
    (b"GET /\xc3\xa9 HTTP/1.1", TargetByte { byte: 0xc3 }),
    (b"GET /\xff HTTP/1.1", TargetByte { byte: 0xff }),
    (b"GET /\xc0\xae HTTP/1.1", TargetByte { byte: 0xc0 }),
    (b"GET /?q=\xe9 HTTP/1.1", TargetByte { byte: 0xe9 }),
    (b"GET /%zz HTTP/1.1", PercentEscape),
    (b"GET /% HTTP/1.1", PercentEscape),
    (b"GET /%4 HTTP/1.1", PercentEscape),
    (b"GET /?%4g HTTP/1.1", PercentEscape),
    (b"GET /a%?b HTTP/1.1", PercentEscape),
    (b"GET /%+1 HTTP/1.1", PercentEscape),
    (b"GET a HTTP/1.1", TargetForm),
    (b"GET ?a HTTP/1.1", TargetForm),
    (b"GET a:80 HTTP/1.1", TargetForm),
    (b"GET ** HTTP/1.1", TargetForm),
    (b"GET \\\\a\\b HTTP/1.1", TargetForm),
    (b"GET * HTTP/1.1", AsteriskTarget),
    (b"POST * HTTP/1.1", AsteriskTarget),
    (b"CONNECT a:443 HTTP/1.1", Connect),
    (b"CONNECT / HTTP/1.1", Connect),
    (b"CONNECT http://a/ HTTP/1.1", Connect),
    (b"GET ftp://a/ HTTP/1.1", Scheme),
    (b"GET ://a/ HTTP/1.1", Scheme),
    (b"GET httpx://a/ HTTP/1.1", Scheme),
    (b"GET http://u@a/ HTTP/1.1", Userinfo),
    (b"GET http://u:p@a/ HTTP/1.1", Userinfo),
    (b"GET http:///a HTTP/1.1", InvalidHost),
    (b"GET http://a:b/ HTTP/1.1", InvalidHost),
    (b"GET http://a\\b/ HTTP/1.1", InvalidHost),
    (b"GET http://b/ HTTP/1.1", HostMismatch),
    (b"GET http://a:80/ HTTP/1.1", HostMismatch),
    (b"GET http://a#b HTTP/1.1", TargetByte { byte: b'#' }),
];

/// Fields, after a sound request line and Host.
pub(super) const FIELDS: &[(&[u8], Malformed)] = &[
    (b"X", FieldWithoutColon),
    (b"X 1", FieldWithoutColon),
    (b"GET /b HTTP/1.1", FieldWithoutColon),
    (b": 1", EmptyFieldName),
    (b":", EmptyFieldName),
    (b"X : 1", SpaceBeforeColon),
    (b"X\t: 1", SpaceBeforeColon),
    (b"Content-Length : 3", SpaceBeforeColon),
    (b"Transfer-Encoding : chunked", SpaceBeforeColon),
    (b"X Y: 1", FieldName),
    (b"X(Y): 1", FieldName),
    (b"\xc3\xa9: 1", FieldName),
    (b"\"X\": 1", FieldName),
    (b"X/Y: 1", FieldName),
    (b"Host: a", RepeatedHost),
    (b"hOST: b", RepeatedHost),
    // Content-Length.
    (b"Content-Length: 3\r\nContent-Length: 3", RepeatedLength),
    (b"Content-Length: 3\r\ncontent-length: 4", RepeatedLength),
    (b"Content-Length: 3\r\nContent-Length:", RepeatedLength),
    (b"Content-Length: +5", InvalidLength),
    (b"Content-Length: -5", InvalidLength),
    (b"Content-Length: 5,5", InvalidLength),
    (b"Content-Length: 5, 5", InvalidLength),
    (b"Content-Length:  5 5", InvalidLength),
    (b"Content-Length:", InvalidLength),
    (b"Content-Length: ", InvalidLength),
    (b"Content-Length: 0x5", InvalidLength),
    (b"Content-Length: 5.0", InvalidLength),
    (b"Content-Length: 1e1", InvalidLength),
    (b"Content-Length: 05", InvalidLength),
    (b"Content-Length: 00", InvalidLength),
    (b"Content-Length: 5;", InvalidLength),
    (b"Content-Length: \"5\"", InvalidLength),
    (b"Content-Length: \xd9\xa5", InvalidLength),
    (b"Content-Length: 9223372036854775808", LengthOverflow),
    (b"Content-Length: 18446744073709551616", LengthOverflow),
    (b"Content-Length: 99999999999999999999999999999999", LengthOverflow),
    // Transfer-Encoding.
    (b"Transfer-Encoding: chunked\r\nContent-Length: 3", LengthAndTransferEncoding),
    (b"Content-Length: 3\r\nTransfer-Encoding: chunked", LengthAndTransferEncoding),
    (b"Content-Length: 0\r\nTransfer-Encoding: chunked", LengthAndTransferEncoding),
    (b"Content-Length: 3\r\nTransfer-Encoding: identity", LengthAndTransferEncoding),
    (b"Content-Length: 3\r\nTransfer-Encoding:", LengthAndTransferEncoding),
    (b"Content-Length: x\r\nTransfer-Encoding: chunked", LengthAndTransferEncoding),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", RepeatedTransferEncoding),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", RepeatedTransferEncoding),
    (b"Transfer-Encoding:\r\nTransfer-Encoding: chunked", RepeatedTransferEncoding),
    (b"Transfer-Encoding: chunked, identity", TransferEncoding),
    (b"Transfer-Encoding: gzip, chunked", TransferEncoding),
    (b"Transfer-Encoding: chunked, chunked", TransferEncoding),
    (b"Transfer-Encoding: identity", TransferEncoding),
    (b"Transfer-Encoding: gzip", TransferEncoding),
    (b"Transfer-Encoding: xchunked", TransferEncoding),
    (b"Transfer-Encoding: chunked,", TransferEncoding),
    (b"Transfer-Encoding: ,chunked", TransferEncoding),
    (b"Transfer-Encoding: chunked;q=1", TransferEncoding),
    (b"Transfer-Encoding: \"chunked\"", TransferEncoding),
    (b"Transfer-Encoding: 'chunked'", TransferEncoding),
    (b"Transfer-Encoding: chun ked", TransferEncoding),
    (b"Transfer-Encoding: chunked\xa0", TransferEncoding),
    (b"Transfer-Encoding: ", TransferEncoding),
    (b"Transfer_Encoding: chunked", LookalikeField),
    (b"Content_Length: 3", LookalikeField),
    // Others.
    (b"Expect: 200-ok", Expect),
    (b"Expect:", Expect),
    (b"Expect: 100-continue, 100-continue", Expect),
    (b"Expect: 100-continue\r\nExpect: 100-continue", Expect),
    (b"Connection: close; keep-alive", Connection),
    (b"Connection: a b", Connection),
    (b"Connection: keep-alive\r\nConnection: \"close\"", Connection),
];

/// Values of Host.
pub(super) const HOSTS: &[&str] = &[
    "",
    " ",
    "a b",
    "a,b",
    "a, a",
    "u@a",
    "a/b",
    "a?b",
    "a#b",
    "a:",
    ":80",
    "a:65536",
    "a:-1",
    "a:+1",
    "a:80:80",
    "a:8o",
    "a..b",
    ".a",
    ".",
    "::1",
    "[::1",
    "[]",
    "[::1]x",
    "[::1]:",
    "[fe80::1%25eth0]",
    "[1.2.3.4]",
    "a%2eb",
    "a\\b",
    "http://a",
    "*",
    "a;b",
    "\u{e9}",
];

#[test]
fn whole_messages_are_refused_for_their_reason() {
    for (bytes, expected) in RAW {
        assert_refused(bytes, *expected);
    }
}

#[test]
fn request_lines_are_refused_for_their_reason() {
    for (line, expected) in REQUEST_LINES {
        assert_refused(&[line, b"\r\nHost: a\r\n\r\n".as_slice()].concat(), *expected);
    }
}

#[test]
fn fields_are_refused_for_their_reason() {
    for (fields, expected) in FIELDS {
        let head = [b"POST / HTTP/1.1\r\nHost: a\r\n", *fields, b"\r\n\r\nabc"].concat();
        assert_refused(&head, *expected);
    }
}

#[test]
fn hosts_are_refused() {
    for host in HOSTS {
        assert_refused(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(), InvalidHost);
    }
    assert_refused(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(262)).as_bytes(), InvalidHost);
}

#[test]
fn each_limit_allows_its_number_and_no_more() {
    let limits = Limits { head_bytes: 100, target_bytes: 10, fields: 3, ..Limits::default() };
    let with_value =
        |length: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(length));
    let overhead = with_value(0).len();
    let with_target = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "t".repeat(length - 1));
    let with_fields =
        |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(count - 1));
    let cases = [
        (with_value(100 - overhead), End::Closed),
        (with_value(101 - overhead), End::Refused(HeadTooLarge { limit_bytes: 100 })),
        (with_value(1_000_000), End::Refused(HeadTooLarge { limit_bytes: 100 })),
        ("G".repeat(100), End::Refused(HeadTooLarge { limit_bytes: 100 })),
        ("G".repeat(100) + "\n", End::Refused(HeadTooLarge { limit_bytes: 100 })),
        (with_target(10), End::Closed),
        (with_target(11), End::Refused(TargetTooLong { limit_bytes: 10 })),
        (with_fields(3), End::Closed),
        (with_fields(4), End::Refused(TooManyFields { limit: 3 })),
    ];
    for (text, expected) in cases {
        assert_eq!(read_requests(Segments::whole(text.as_bytes()), limits).1, expected, "{text:.200}");
        assert_eq!(read_requests(Segments::bytewise(text.as_bytes()), limits).1, expected, "{text:.200}");
    }
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(100_000));
    assert_eq!(
        read_requests(Segments::whole(many.as_bytes()), Limits::default()).1,
        End::Refused(TooManyFields { limit: 100 })
    );
}

#[test]
fn texts_are_fit_for_the_peer() {
    assert_eq!(HeadTooLarge { limit_bytes: 32768 }.to_string(), "the head is larger than 32768 bytes");
    assert_eq!(RepeatedHost.to_string(), "the request has more than one Host field");
    assert_eq!(
        TargetByte { byte: b'\n' }.to_string(),
        "the request target has a byte that must be percent-encoded (0x0a)"
    );
}

/// A second request stands behind each refused one, and must never be read.
fn assert_refused(bytes: &[u8], expected: Malformed) {
    let (messages, end) = read_both_ways(&[bytes, b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    let text = String::from_utf8_lossy(bytes);
    assert_eq!((messages.len(), end), (0, End::Refused(expected)), "{text:?}");
}
