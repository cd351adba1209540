//! Responses: the same strictness towards the other side.

use Malformed::*;
use http::Method;

use super::feed::{End, Messages, Segments, read_responses};
use crate::{Framing, Malformed, Part, ResponseHead};

pub(super) const REFUSED: &[(&[u8], Malformed)] = &[
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", EmptyStartLine),
    (b" HTTP/1.1 200 OK\r\n\r\n", LeadingSpace),
    (b"HTTP/1.1 200 OK\n\n", BareLf),
    (b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n", BareCr),
    (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", FoldedField),
    (b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n", SpaceBeforeColon),
    (b"HTTP/1.1 200 OK\r\nX\r\n\r\n", FieldWithoutColon),
    (b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", ControlByte { byte: 0 }),
    (b"HTTP/1.1 200 \x1b[0m\r\n\r\n", ControlByte { byte: 0x1b }),
    (b"HTTP/2.0 200 OK\r\n\r\n", Version),
    (b"HTTP/1.2 200 OK\r\n\r\n", Version),
    (b"ICY 200 OK\r\n\r\n", Version),
    (b"<html>garbage</html>\r\n\r\n", Version),
    (b"HTTP/1.1  200 OK\r\n\r\n", StatusLine),
    (b"HTTP/1.1 20 OK\r\n\r\n", StatusLine),
    (b"HTTP/1.1 2000 OK\r\n\r\n", StatusLine),
    (b"HTTP/1.1 +20 OK\r\n\r\n", StatusLine),
    (b"HTTP/1.1 099 OK\r\n\r\n", StatusLine),
    (b"HTTP/1.1 600 OK\r\n\r\n", StatusLine),
    (b"HTTP/1.1 999 OK\r\n\r\n", StatusLine),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        LengthAndTransferEncoding,
    ),
    (
        b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        LengthAndTransferEncoding,
    ),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", RepeatedLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", RepeatedLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc", InvalidLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", LengthOverflow),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", TransferEncoding),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", TransferEncoding),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", TransferEncodingInHttp10),
    (b"HTTP/1.1 100 Continue\r\nContent-Length: x\r\n\r\n", InvalidLength),
    (b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", InterimBody),
    (b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", InterimBody),
    (b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 5\r\n\r\n", InterimBody),
];

pub(super) const INTERIM: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

/// The response, the method it answers; framing, declared length, whether the connection persists, body.
type Sound = (&'static str, Method, Framing, Option<u64>, bool, &'static str);

const SOUND: &[Sound] = &[
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", Method::GET, Framing::Length(2), Some(2), true, "ab"),
    ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Method::GET, Framing::Length(0), Some(0), true, ""),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n",
        Method::GET,
        Framing::Chunked,
        None,
        true,
        "a",
    ),
    (
        "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        Method::GET,
        Framing::UntilClose,
        None,
        false,
        "HTTP/1.1 200 OK\r\n\r\n",
    ),
    (
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nab",
        Method::GET,
        Framing::UntilClose,
        None,
        false,
        "ab",
    ),
    ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", Method::GET, Framing::Length(1), Some(1), false, "a"),
    (
        "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na",
        Method::GET,
        Framing::Length(1),
        Some(1),
        true,
        "a",
    ),
    (
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
        Method::GET,
        Framing::Length(1),
        Some(1),
        false,
        "a",
    ),
    (
        "HTTP/1.1 200 OK\r\nConnection: clo se\r\nContent-Length: 1\r\n\r\na",
        Method::GET,
        Framing::Length(1),
        Some(1),
        false,
        "a",
    ),
    ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Method::HEAD, Framing::None, Some(7), true, ""),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::HEAD, Framing::None, None, true, ""),
    ("HTTP/1.1 404 Not Found\r\n\r\n", Method::HEAD, Framing::None, None, true, ""),
    ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", Method::GET, Framing::None, Some(7), true, ""),
    ("HTTP/1.1 204 No Content\r\n\r\n", Method::DELETE, Framing::None, None, true, ""),
    (
        "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        Method::DELETE,
        Framing::None,
        Some(0),
        true,
        "",
    ),
    (
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        Method::DELETE,
        Framing::None,
        Some(5),
        false,
        "",
    ),
    (
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        Method::DELETE,
        Framing::None,
        None,
        false,
        "",
    ),
    ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", Method::GET, Framing::None, None, false, ""),
    (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n",
        Method::POST,
        Framing::Length(0),
        Some(0),
        true,
        "",
    ),
];

#[test]
fn sound_responses_mean_what_they_say() {
    for (text, method, framing, declared_length, keep_alive, body) in SOUND {
        let (messages, end) = read_both_ways(text.as_bytes(), std::slice::from_ref(method));
        assert_eq!((messages.len(), end), (1, End::Closed), "{text:?}");
        let (head, read) = &messages[0];
        assert_eq!(
            (head.framing, head.declared_length, head.keep_alive, read.as_slice()),
            (*framing, *declared_length, *keep_alive, body.as_bytes()),
            "{text:?}"
        );
    }
}

#[test]
fn unsound_responses_are_refused_for_their_reason() {
    for (bytes, expected) in REFUSED {
        let (messages, end) = read_both_ways(bytes, &[Method::GET]);
        let text = String::from_utf8_lossy(bytes);
        assert_eq!((messages.len(), end), (0, End::Refused(*expected)), "{text:?}");
    }
}

#[test]
fn interim_responses_are_skipped_up_to_eight() {
    let last = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".as_slice();
    let (messages, _) = read_both_ways(&[&INTERIM.repeat(8), last].concat(), &[Method::GET]);
    assert_eq!(messages[0].0.status, 200);
    let (_, end) = read_both_ways(&[&INTERIM.repeat(9), last].concat(), &[Method::GET]);
    assert_eq!(end, End::Refused(TooManyInterim { limit: 8 }));
    // Counted per response, not per connection.
    let two = [&INTERIM.repeat(5), last, &INTERIM.repeat(5), last].concat();
    assert_eq!(read_both_ways(&two, &[Method::GET, Method::GET]).0.len(), 2);
}

#[test]
fn a_closed_connection_says_how_far_the_response_came() {
    let cases = [
        ("", Part::Start),
        ("H", Part::Head),
        ("HTTP/1.1 200 OK\r\n", Part::Head),
        ("HTTP/1.1 100 Continue\r\n\r\n", Part::Head),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", Part::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", Part::Body),
    ];
    for (text, part) in cases {
        assert_eq!(read_both_ways(text.as_bytes(), &[Method::GET]).1, End::Truncated(part), "{text:?}");
    }
}

fn read_both_ways(bytes: &[u8], methods: &[Method]) -> (Messages<ResponseHead>, End) {
    let whole = read_responses(Segments::whole(bytes), methods);
    let bytewise = read_responses(Segments::bytewise(bytes), methods);
    assert_eq!(whole, bytewise, "depends on the segments: {:?}", String::from_utf8_lossy(bytes));
    whole
}
