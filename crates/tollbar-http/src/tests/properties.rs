//! What holds for every input.

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::feed::{End, Segments, persist, read_requests, read_responses};
use super::{chunks, requests_refused as requests, responses};
use crate::{Framing, Limits, MessageWriter, RequestHead};

/// Pieces that mean something to a parser; random bytes alone never come past the first line.
const SOUP: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"POST /a?b=%41 HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.0\r\n",
    b"Host: a\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"X: y\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b" ",
    b":",
    b"abc",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"0\r\n",
    b"ffffffffffffffff\r\n",
    b";e=f",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.0 304 x\r\n",
    b"\0",
    b"\xff",
];

#[derive(Debug, Clone)]
struct Message {
    method: Method,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    pieces: Vec<Vec<u8>>,
    framing: Framing,
}

impl Message {
    fn headers(&self) -> HeaderMap {
        let field = |(name, value): &(String, Vec<u8>)| {
            let name = HeaderName::from_bytes(format!("x-{name}").as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value).unwrap())
        };
        let mut headers: HeaderMap = self.fields.iter().map(field).collect();
        headers.insert(HOST, HeaderValue::from_static("a.example"));
        headers
    }

    fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

fn message() -> impl Strategy<Value = Message> {
    let method = select(vec![Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH]);
    let target = "/[a-zA-Z0-9._~!$&'()*+,;=:@/-]{0,20}(%[0-9a-fA-F]{2}){0,2}(\\?[a-z=&\\[\\]|{}?/]{0,10})?";
    let value =
        "[!-~\u{e0}-\u{ff}]{0,5}([ \t][!-~]{1,5}){0,2}".prop_map(|value| value.trim().as_bytes().to_vec());
    let fields = vec(("[a-zA-Z0-9_]{1,8}", value), 0..5);
    let pieces = vec(prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 9_000..9_100)], 0..4);
    (method, target, fields, pieces, 0..3_u8).prop_map(|(method, target, fields, mut pieces, choice)| {
        let framing = match choice {
            0 => Framing::Chunked,
            1 => Framing::Length(pieces.iter().map(Vec::len).sum::<usize>() as u64),
            _ => {
                pieces.clear();
                Framing::None
            }
        };
        Message { method, target, fields, pieces, framing }
    })
}

fn corpus() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = requests::RAW.iter().map(|(bytes, _)| bytes.to_vec()).collect();
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    all.extend(chunks::REFUSED.iter().map(|(coded, _)| [chunked, *coded].concat()));
    let with_fields = |fields: &&[u8]| [b"POST / HTTP/1.1\r\nHost: a\r\n", *fields, b"\r\n\r\nabc"].concat();
    all.extend(requests::FIELDS.iter().map(|(fields, _)| with_fields(fields)));
    all.extend(responses::REFUSED.iter().map(|(bytes, _)| bytes.to_vec()));
    all
}

proptest! {
    #[test]
    fn segments_make_no_difference(
        lead in vec(select(SOUP), 0..12),
        last in select(corpus()),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let sound = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nY: z\r\n\r\n";
        for bytes in [[sound.as_slice(), &last].concat(), lead.concat()] {
            let whole = read_requests(Segments::whole(&bytes), Limits::default());
            prop_assert_eq!(&whole, &read_requests(Segments::cut(&bytes, &cuts), Limits::default()));
            let methods = [Method::GET, Method::HEAD, Method::GET];
            let whole = read_responses(Segments::whole(&bytes), &methods);
            prop_assert_eq!(&whole, &read_responses(Segments::cut(&bytes, &cuts), &methods));
        }
    }

    #[test]
    fn random_bytes_come_to_an_end(bytes in vec(any::<u8>(), 0..400), cuts in vec(any::<usize>(), 0..4)) {
        let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        for bytes in [bytes.clone(), [chunked.as_slice(), &bytes].concat()] {
            let _ = read_requests(Segments::cut(&bytes, &cuts), Limits::default());
            let _ = read_responses(Segments::cut(&bytes, &cuts), &[Method::GET]);
        }
    }

    /// What was accepted, written anew, is read as the same: nothing in it depends on our own reading.
    #[test]
    fn an_accepted_request_survives_being_forwarded(
        line in select(&SOUP[..2]),
        fields in vec(select(&SOUP[4..10]), 0..3),
        rest in vec(select(SOUP), 0..4),
        bodies in vec(select(&SOUP[16..19]), 0..3),
    ) {
        let head = [line, b"Host: a\r\n", &fields.concat(), &rest.concat(), b"\r\n"].concat();
        let bytes = [head, bodies.concat()].concat();
        let (messages, _) = read_requests(Segments::whole(&bytes), Limits::default());
        for (head, body) in messages {
            if head.host.is_none() || !head.headers.contains_key(HOST) {
                continue;
            }
            let mut writer = MessageWriter::new(Vec::new());
            let framing = if body.is_empty() { Framing::None } else { Framing::Length(body.len() as u64) };
            persist!(writer.request_head(&head.method, head.target.as_str(), &head.headers, framing)).unwrap();
            persist!(writer.body(&body)).unwrap();
            persist!(writer.finish()).unwrap();
            let (again, end) = read_requests(Segments::whole(writer.get_ref()), Limits::default());
            prop_assert_eq!((again.len(), end), (1, End::Closed));
            prop_assert_eq!(core(&again[0].0), core(&head));
            prop_assert_eq!(&again[0].1, &body);
        }
    }

    #[test]
    fn requests_survive_the_wire(messages in vec(message(), 1..4), cuts in vec(any::<usize>(), 0..20)) {
        let mut writer = MessageWriter::new(Vec::new());
        for message in &messages {
            persist!(writer.request_head(&message.method, &message.target, &message.headers(), message.framing)).unwrap();
            for piece in &message.pieces {
                persist!(writer.body(piece)).unwrap();
            }
            persist!(writer.finish()).unwrap();
        }
        let (read, end) = read_requests(Segments::cut(writer.get_ref(), &cuts), Limits::default());
        prop_assert_eq!((read.len(), end), (messages.len(), End::Closed));
        for ((head, body), message) in read.iter().zip(&messages) {
            prop_assert_eq!(core(head), (&message.method, message.target.as_str(), Some("a.example")));
            for (name, value) in &message.headers() {
                prop_assert!(head.headers.get_all(name).iter().any(|read| read == value));
            }
            prop_assert_eq!(body, &message.body());
        }
    }

    #[test]
    fn responses_survive_the_wire(
        messages in vec(message(), 1..4),
        until_close in any::<bool>(),
        status in select(vec![200_u16, 201, 400, 404, 500, 503]),
        cuts in vec(any::<usize>(), 0..20),
    ) {
        let mut writer = MessageWriter::new(Vec::new());
        let status = StatusCode::from_u16(status).unwrap();
        for (at, message) in messages.iter().enumerate() {
            let is_last = at + 1 == messages.len();
            let framing = if until_close && is_last { Framing::UntilClose } else { message.framing };
            persist!(writer.informational(StatusCode::CONTINUE)).unwrap();
            persist!(writer.response_head(status, &message.headers(), framing, true)).unwrap();
            for piece in &message.pieces {
                persist!(writer.body(piece)).unwrap();
            }
            persist!(writer.finish()).unwrap();
        }
        prop_assert_eq!(writer.keeps_open(), !until_close);
        let methods = vec![Method::GET; messages.len()];
        let (read, end) = read_responses(Segments::cut(writer.get_ref(), &cuts), &methods);
        prop_assert_eq!((read.len(), end), (messages.len(), End::Closed));
        for ((head, body), message) in read.iter().zip(&messages) {
            prop_assert_eq!(head.status, status);
            prop_assert_eq!(head.keep_alive, head.framing != Framing::UntilClose);
            prop_assert_eq!(body, &message.body());
        }
    }
}

fn core(head: &RequestHead) -> (&Method, &str, Option<&str>) {
    (&head.method, head.target.as_str(), head.host.as_deref())
}
