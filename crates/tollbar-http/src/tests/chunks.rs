//! The chunked coding: what decodes, and what is refused.

use Malformed::*;

use super::feed::{End, Segments, read_both_ways, read_requests};
use crate::{Limits, Malformed, Part};

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

const ACCEPTED: &[(&[u8], &[u8])] = &[
    (b"0\r\n\r\n", b""),
    (b"0000000000000000\r\n\r\n", b""),
    (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
    (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
    (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"0000a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
    (b"3;a\r\nabc\r\n0;b\r\n\r\n", b"abc"),
    (b"3;a=b;c=\"d e\"\r\nabc\r\n0\r\n\r\n", b"abc"),
    (b"3;a=\"\";b=\"; \\\" \\\\\";c=1;d\r\nabc\r\n0\r\n\r\n", b"abc"),
    (b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", b"abc"),
];

pub(super) const REFUSED: &[(&[u8], Malformed)] = &[
    (b"\r\n", ChunkSize),
    (b"x\r\n", ChunkSize),
    (b"+3\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b"-3\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b"0x3\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b" 3\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b"3 \r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b"3\t;a\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b"3_\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b"3,3\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b";a\r\n", ChunkSize),
    (b"\0\r\n", ChunkSize),
    (b"\xd9\xa3\r\nabc\r\n0\r\n\r\n", ChunkSize),
    (b"8000000000000000\r\n", ChunkSizeOverflow),
    (b"ffffffffffffffff\r\n", ChunkSizeOverflow),
    (b"10000000000000003\r\nabc\r\n0\r\n\r\n", ChunkSizeOverflow),
    (b"00000000000000003\r\nabc\r\n0\r\n\r\n", ChunkSizeOverflow),
    (b"3\nabc\r\n0\r\n\r\n", ChunkLineEnd),
    (b"\nabc", ChunkLineEnd),
    (b"3\rabc\r\n0\r\n\r\n", ChunkLineEnd),
    (b"3\r\r\nabc\r\n0\r\n\r\n", ChunkLineEnd),
    (b"3;a\nabc\r\n0\r\n\r\n", ChunkLineEnd),
    (b"0\n\r\n", ChunkLineEnd),
    (b"3;\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a;\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;;a\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3; a\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;=a\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a:\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a \r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a b\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=;b\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a= b\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=b=c\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=b\"\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;\"a\"\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    // A quote that is left open, in which another reader might look for the end of the line.
    (b"3;a=\"\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=\"b\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=\"\\\"\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=\"b\"c\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=\"\\\x7f\"\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a\0\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=\x7f\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3;a=\"\xff\"\r\nabc\r\n0\r\n\r\n", ChunkExtension),
    (b"3\r\nabcd\r\n0\r\n\r\n", ChunkDataEnd),
    (b"3\r\nabc\n0\r\n\r\n", ChunkDataEnd),
    (b"3\r\nabc\r0\r\n\r\n", ChunkDataEnd),
    (b"3\r\nabc0\r\n\r\n", ChunkDataEnd),
    (b"3\r\nabc\r\r\n0\r\n\r\n", ChunkDataEnd),
    (b"0\r\n\n", Trailer),
    (b"0\r\n\r\r\n", Trailer),
    (b"0\r\nX: 1\n\r\n", Trailer),
    (b"0\r\nX : 1\r\n\r\n", Trailer),
    (b"0\r\n X: 1\r\n\r\n", Trailer),
    (b"0\r\nX: 1\r\n 2\r\n\r\n", Trailer),
    (b"0\r\nX\r\n\r\n", Trailer),
    (b"0\r\n: 1\r\n\r\n", Trailer),
    (b"0\r\nX: \0\r\n\r\n", Trailer),
    (b"0\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n", Trailer),
    (b"0\r\nContent-Length: 3\r\n\r\n", ForbiddenTrailer),
    (b"0\r\nX: 1\r\ntransfer-encoding: chunked\r\n\r\n", ForbiddenTrailer),
    (b"0\r\nHost: b\r\n\r\n", ForbiddenTrailer),
    (b"0\r\nAuthorization: Bearer x\r\n\r\n", ForbiddenTrailer),
    (b"0\r\nCookie: x\r\n\r\n", ForbiddenTrailer),
    (b"0\r\nContent-Type: x\r\n\r\n", ForbiddenTrailer),
];

#[test]
fn sound_bodies_decode_and_end_exactly() {
    for (coded, expected) in ACCEPTED {
        let (messages, end) = read_both_ways(&[HEAD, coded, NEXT].concat());
        let text = String::from_utf8_lossy(coded);
        assert_eq!((messages.len(), end), (2, End::Closed), "{text:?}");
        assert_eq!(messages[0].1, *expected, "{text:?}");
        assert_eq!(messages[1].0.target.as_str(), "/next", "{text:?}");
    }
}

#[test]
fn unsound_bodies_are_refused_for_their_reason() {
    for (coded, expected) in REFUSED {
        let (messages, end) = read_both_ways(&[HEAD, coded, NEXT].concat());
        let text = String::from_utf8_lossy(coded);
        assert_eq!((messages.len(), end), (1, End::Refused(*expected)), "{text:?}");
        assert_eq!(expected.part(), Part::Body, "{text:?}");
    }
}

#[test]
fn each_prefix_of_a_sound_body_is_truncated() {
    for (coded, expected) in ACCEPTED {
        for length in 0..coded.len() {
            let (messages, end) = read_both_ways(&[HEAD, &coded[..length]].concat());
            assert_eq!(end, End::Truncated(Part::Body), "{length} of {:?}", String::from_utf8_lossy(coded));
            assert!(expected.starts_with(&messages[0].1));
        }
    }
}

#[test]
fn each_limit_allows_its_number_and_no_more() {
    let limits = Limits { chunk_line_bytes: 20, trailer_bytes: 30, fields: 3, ..Limits::default() };
    let line_of = |length: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(length - 2));
    let trailers_of = |length: usize| format!("0\r\nX: {}\r\n\r\n", "v".repeat(length - 7));
    let cases = [
        (line_of(20), End::Closed),
        (line_of(21), End::Refused(ChunkLineTooLong { limit_bytes: 20 })),
        (line_of(100_000), End::Refused(ChunkLineTooLong { limit_bytes: 20 })),
        (trailers_of(30), End::Closed),
        (trailers_of(31), End::Refused(TrailerTooLarge { limit_bytes: 30 })),
        (trailers_of(100_000), End::Refused(TrailerTooLarge { limit_bytes: 30 })),
        (format!("0\r\n{}\r\n", "X:1\r\n".repeat(3)), End::Closed),
        (format!("0\r\n{}\r\n", "X:1\r\n".repeat(4)), End::Refused(Trailer)),
    ];
    for (coded, expected) in cases {
        let bytes = [HEAD, coded.as_bytes()].concat();
        assert_eq!(read_requests(Segments::whole(&bytes), limits).1, expected, "{coded:.200}");
        assert_eq!(read_requests(Segments::bytewise(&bytes), limits).1, expected, "{coded:.200}");
    }
}

#[test]
fn framing_may_not_outweigh_the_data() {
    let with_extensions = format!("1;{}\r\na\r\n", "e".repeat(200)).repeat(200);
    let bytes = [HEAD, with_extensions.as_bytes()].concat();
    assert_eq!(read_both_ways(&bytes).1, End::Refused(ChunkOverhead));
    let one_by_one = format!("{}0\r\n\r\n", "1\r\na\r\n".repeat(50_000));
    let (messages, end) =
        read_requests(Segments::whole(&[HEAD, one_by_one.as_bytes()].concat()), Limits::default());
    assert_eq!((messages[0].1.len(), end), (50_000, End::Closed));
}
