//! What goes out, byte for byte, and what is refused to go out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use tokio::io::AsyncWrite;

use super::feed::{persist, poll_once};
use crate::{Framing, MessageWriter, WriteError};

/// Remembers each write by itself.
#[derive(Debug, Default)]
struct Writes(Vec<String>);

impl AsyncWrite for Writes {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.push(String::from_utf8_lossy(bytes).into_owned());
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    pairs.iter().map(pair).collect()
}

fn writer() -> MessageWriter<Writes> {
    MessageWriter::new(Writes::default())
}

#[test]
fn head_and_body_leave_in_one_write() {
    let mut writer = writer();
    persist!(writer.response_head(StatusCode::OK, &fields(&[("x-a", "1")]), Framing::Length(2), true))
        .unwrap();
    assert!(writer.get_ref().0.is_empty() && !writer.is_between_messages());
    persist!(writer.body(b"ab")).unwrap();
    persist!(writer.finish()).unwrap();
    assert!(writer.keeps_open());
    assert_eq!(writer.get_ref().0, ["HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nab"]);
}

#[test]
fn chunks_are_framed() {
    let mut writer = writer();
    persist!(writer.response_head(StatusCode::OK, &HeaderMap::new(), Framing::Chunked, true)).unwrap();
    persist!(writer.body(b"")).unwrap();
    persist!(writer.body(&[b'x'; 17])).unwrap();
    persist!(writer.body(&[b'y'; 10_000])).unwrap();
    persist!(writer.finish()).unwrap();
    let expected = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11\r\n{}\r\n2710\r\n{}\r\n0\r\n\r\n",
        "x".repeat(17),
        "y".repeat(10_000)
    );
    assert_eq!(writer.get_ref().0.concat(), expected);
    // Size line, data and line end of the large piece go out uncopied, the rest in one write each.
    assert_eq!(writer.get_ref().0.len(), 5);
}

#[test]
fn a_buffering_transport_keeps_nothing_back() {
    let mut writer = MessageWriter::new(tokio::io::BufWriter::new(Writes::default()));
    persist!(writer.response_head(StatusCode::OK, &HeaderMap::new(), Framing::Chunked, true)).unwrap();
    persist!(writer.body(b"event")).unwrap();
    assert!(writer.get_ref().get_ref().0.concat().ends_with("\r\n\r\n5\r\nevent\r\n"));
}

#[test]
fn framing_fields_are_the_writers_own() {
    let meddling = fields(&[
        ("content-length", "999"),
        ("transfer-encoding", "chunked"),
        ("connection", "x-a, keep-alive"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("upgrade", "h2c"),
        ("host", "a"),
    ]);
    let mut writer = writer();
    persist!(writer.whole_request(&Method::GET, "/a?b", &meddling, b"")).unwrap();
    persist!(writer.whole_request(&Method::POST, "/", &meddling, b"")).unwrap();
    persist!(writer.whole_request(&Method::PUT, "*", &meddling, b"ab")).unwrap();
    assert_eq!(
        writer.get_ref().0.concat(),
        "GET /a?b HTTP/1.1\r\nhost: a\r\n\r\n\
         POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n\
         PUT * HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab"
    );
}

#[test]
fn responses_without_a_body_declare_what_they_may() {
    let none = HeaderMap::new();
    let mut writer = writer();
    persist!(writer.response_head(StatusCode::OK, &none, Framing::None, true)).unwrap();
    persist!(writer.finish()).unwrap();
    persist!(writer.response_head(StatusCode::NO_CONTENT, &none, Framing::Length(0), true)).unwrap();
    persist!(writer.finish()).unwrap();
    persist!(writer.response_head_only(StatusCode::OK, &none, Some(7), true)).unwrap();
    assert!(matches!(persist!(writer.body(b"x")), Err(WriteError::BodyTooLong)));
    persist!(writer.finish()).unwrap();
    persist!(writer.response_head_only(StatusCode::NOT_MODIFIED, &none, None, false)).unwrap();
    persist!(writer.finish()).unwrap();
    assert!(!writer.keeps_open());
    let mut deleted = self::writer();
    persist!(deleted.response_head_only(StatusCode::NO_CONTENT, &none, Some(7), true)).unwrap();
    persist!(deleted.flush()).unwrap();
    assert_eq!(deleted.get_ref().0, ["HTTP/1.1 204 No Content\r\n\r\n"]);
    assert_eq!(
        writer.get_ref().0.concat(),
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nHTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n"
    );
}

#[test]
fn an_http_1_0_peer_is_spoken_to_in_its_way() {
    let mut writer = writer();
    writer.set_peer_version(Version::HTTP_10);
    persist!(writer.informational(StatusCode::CONTINUE)).unwrap();
    persist!(writer.whole_response(StatusCode::OK, &HeaderMap::new(), b"a", true)).unwrap();
    assert!(writer.keeps_open());
    persist!(writer.response_head(StatusCode::OK, &HeaderMap::new(), Framing::Chunked, true)).unwrap();
    persist!(writer.body(b"bc")).unwrap();
    persist!(writer.finish()).unwrap();
    assert!(!writer.keeps_open());
    assert!(matches!(persist!(writer.informational(StatusCode::CONTINUE)), Err(WriteError::OutOfOrder)));
    assert_eq!(
        writer.get_ref().0.concat(),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\na\
         HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbc"
    );
}

#[test]
fn interim_responses_leave_at_once() {
    let mut writer = writer();
    persist!(writer.informational(StatusCode::CONTINUE)).unwrap();
    assert_eq!(writer.get_ref().0, ["HTTP/1.1 100 Continue\r\n\r\n"]);
    for status in [StatusCode::OK, StatusCode::SWITCHING_PROTOCOLS] {
        assert!(matches!(persist!(writer.informational(status)), Err(WriteError::InvalidHead(_))));
    }
}

#[test]
fn a_body_has_the_declared_length() {
    let mut writer = writer();
    persist!(writer.response_head(StatusCode::OK, &HeaderMap::new(), Framing::Length(3), true)).unwrap();
    persist!(writer.body(b"ab")).unwrap();
    assert!(matches!(persist!(writer.body(b"cd")), Err(WriteError::BodyTooLong)));
    assert!(matches!(persist!(writer.finish()), Err(WriteError::BodyTooShort)));
    assert!(!writer.keeps_open());
    let next = persist!(writer.response_head(StatusCode::OK, &HeaderMap::new(), Framing::None, true));
    assert!(matches!(next, Err(WriteError::OutOfOrder)));
    assert!(writer.get_ref().0.concat().ends_with("\r\n\r\nab"));
}

#[test]
fn heads_that_would_not_be_read_alike_are_not_written() {
    let host = fields(&[("host", "a")]);
    for target in ["", "/a b", "/a\r\nX: 1", "/\u{e9}", "/\0", "/\t"] {
        let result = persist!(writer().request_head(&Method::GET, target, &host, Framing::None));
        assert!(matches!(result, Err(WriteError::InvalidHead(_))), "{target:?}");
    }
    let cases = [
        (Method::GET, HeaderMap::new(), Framing::None),
        (Method::GET, fields(&[("host", "a"), ("host", "b")]), Framing::None),
        (Method::GET, host.clone(), Framing::UntilClose),
        (Method::CONNECT, host, Framing::None),
    ];
    for (method, headers, framing) in cases {
        let result = persist!(writer().request_head(&method, "/", &headers, framing));
        assert!(matches!(result, Err(WriteError::InvalidHead(_))), "{method} {framing:?}");
    }
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::CONTINUE] {
        let result = persist!(writer().response_head(status, &HeaderMap::new(), Framing::Length(1), true));
        assert!(matches!(result, Err(WriteError::InvalidHead(_))), "{status}");
    }
    let mut untouched = writer();
    assert!(persist!(untouched.request_head(&Method::GET, "", &HeaderMap::new(), Framing::None)).is_err());
    persist!(untouched.flush()).unwrap();
    assert!(untouched.get_ref().0.is_empty() && untouched.is_between_messages());
}

#[test]
fn out_of_order_is_refused() {
    let mut writer = writer();
    assert!(matches!(persist!(writer.body(b"a")), Err(WriteError::OutOfOrder)));
    assert!(matches!(persist!(writer.finish()), Err(WriteError::OutOfOrder)));
}

#[test]
fn an_abandoned_write_breaks_the_writer() {
    let (here, _peer) = tokio::io::duplex(8);
    let mut writer = MessageWriter::new(here);
    persist!(writer.response_head(StatusCode::OK, &HeaderMap::new(), Framing::Length(1), true)).unwrap();
    assert!(poll_once(writer.body(b"a")).is_pending());
    assert!(matches!(persist!(writer.body(b"a")), Err(WriteError::Broken)));
    assert!(matches!(persist!(writer.finish()), Err(WriteError::Broken)));
    assert!(!writer.keeps_open());
}
