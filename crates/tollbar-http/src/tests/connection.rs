//! A connection over its life: pipelining, idling, closing, misuse.

use http::{HeaderMap, Method, StatusCode};
use tokio::io::AsyncWriteExt;

use super::feed::{End, Segments, persist, poll_once, read_both_ways};
use crate::{Framing, Limits, Malformed, MessageReader, MessageWriter, Part, ReadError};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn pipelined_requests_are_told_apart() {
    let bytes = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
        \r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n\
        GET /3 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n\r\n";
    let (messages, end) = read_both_ways(bytes);
    let seen: Vec<_> = messages.iter().map(|(head, body)| (head.target.as_str(), body.as_slice())).collect();
    assert_eq!(seen, [("/1", b"abc".as_slice()), ("/2", b"de"), ("/3", b""), ("/4", b"")]);
    assert_eq!(end, End::Closed);
}

#[test]
fn a_request_hidden_in_a_body_stays_in_the_body() {
    let hidden = String::from_utf8_lossy(GET);
    let text = format!("GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len());
    let (messages, end) = read_both_ways(text.as_bytes());
    assert_eq!((messages.len(), end), (1, End::Closed));
    assert_eq!(messages[0].1, GET);
}

#[test]
fn an_upgrade_is_not_acted_on() {
    let bytes =
        [b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", GET].concat();
    assert_eq!(read_both_ways(&bytes).0.len(), 2);
}

#[test]
fn closing_is_told_from_breaking_off() {
    assert_eq!(read_both_ways(b""), (vec![], End::Closed));
    assert_eq!(read_both_ways(b"\r\n"), (vec![], End::Closed));
    for length in 1..GET.len() {
        assert_eq!(read_both_ways(&GET[..length]), (vec![], End::Truncated(Part::Head)), "{length}");
    }
    let short = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab";
    let (messages, end) = read_both_ways(short);
    assert_eq!((messages[0].1.as_slice(), end), (b"ab".as_slice(), End::Truncated(Part::Body)));
}

#[test]
fn after_a_malformed_message_nothing_is_read() {
    let mut reader = MessageReader::new(Segments::whole(&[b"X\r\n\r\n", GET].concat()), Limits::default());
    for _ in 0..3 {
        let error = persist!(reader.request_head()).unwrap_err();
        assert!(matches!(error, ReadError::Malformed(Malformed::RequestLine)), "{error:?}");
        assert_eq!(error.part(), Some(Part::Head));
        assert!(matches!(persist!(reader.body_chunk()), Err(ReadError::Malformed(_))));
        assert!(matches!(persist!(reader.response_head(&Method::GET)), Err(ReadError::Malformed(_))));
    }
}

#[test]
fn the_next_head_waits_for_the_end_of_the_body() {
    let bytes = [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", GET].concat();
    let mut reader = MessageReader::new(Segments::whole(&bytes), Limits::default());
    persist!(reader.request_head()).unwrap().unwrap();
    assert!(!reader.body_is_finished());
    assert!(matches!(persist!(reader.request_head()), Err(ReadError::BodyUnread)));
    assert_eq!(persist!(reader.body_chunk()).unwrap().unwrap(), "abc");
    assert!(reader.body_is_finished() && reader.has_started());
    assert!(persist!(reader.request_head()).unwrap().is_some());
    assert!(!reader.has_started());
}

#[tokio::test]
async fn idling_slow_heads_and_closing_can_be_told_apart() {
    let (mut peer, here) = tokio::io::duplex(64);
    let mut reader = MessageReader::new(here, Limits::default());
    assert!(poll_once(reader.wait_for_bytes()).is_pending() && !reader.has_started());
    peer.write_all(b"GE").await.unwrap();
    assert!(reader.wait_for_bytes().await.unwrap() && reader.has_started());
    assert!(poll_once(reader.request_head()).is_pending());
    peer.write_all(b"T / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(reader.request_head().await.unwrap().is_some());
    assert!(poll_once(reader.wait_for_bytes()).is_pending() && !reader.has_started());
    drop(peer);
    assert!(!reader.wait_for_bytes().await.unwrap());
    assert!(reader.request_head().await.unwrap().is_none());
}

#[tokio::test]
async fn a_pooled_connection_is_quiet_until_something_comes() {
    for farewell in [&b"H"[..], b""] {
        let (mut peer, here) = tokio::io::duplex(64);
        let mut reader = MessageReader::new(here, Limits::default());
        assert!(reader.is_quiet());
        peer.write_all(farewell).await.unwrap();
        drop(peer);
        assert!(!reader.is_quiet());
    }
}

#[test]
fn futures_can_move_between_threads() {
    fn assert_send(_: impl Send) {}
    let mut reader = MessageReader::new(Segments::whole(b""), Limits::default());
    assert_send(reader.request_head());
    assert_send(reader.response_head(&Method::GET));
    assert_send(reader.body_chunk());
    assert_send(reader.wait_for_close());
    let mut writer = MessageWriter::new(Vec::new());
    assert_send(writer.whole_response(StatusCode::OK, &HeaderMap::new(), b"", true));
}

#[tokio::test]
async fn a_departed_peer_is_noticed_behind_pipelined_bytes() {
    let (mut peer, here) = tokio::io::duplex(1024);
    let mut reader = MessageReader::new(here, Limits::default());
    peer.write_all(&GET.repeat(3)).await.unwrap();
    assert!(reader.request_head().await.unwrap().is_some());
    assert!(poll_once(reader.wait_for_close()).is_pending());
    drop(peer);
    reader.wait_for_close().await.unwrap();
    assert!(reader.request_head().await.unwrap().is_some());
    assert!(reader.request_head().await.unwrap().is_some());
    assert!(reader.request_head().await.unwrap().is_none());
}

#[tokio::test]
async fn reading_ahead_is_bounded() {
    let flood = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    // 4,098: the last two bytes of room need memory of their own.
    for head_bytes in [1000, 4098] {
        let (mut peer, here) = tokio::io::duplex(1 << 20);
        peer.write_all(&flood).await.unwrap();
        let mut reader = MessageReader::new(here, Limits { head_bytes, ..Limits::default() });
        assert!(poll_once(reader.wait_for_close()).is_pending());
        let (_, ahead) = reader.into_inner();
        assert_eq!(ahead, flood[..head_bytes]);
    }
}

#[tokio::test]
async fn a_body_streams_one_way_while_another_streams_back() {
    let (near, far) = tokio::io::duplex(256);
    let ((near_read, near_write), (far_read, far_write)) = (tokio::io::split(near), tokio::io::split(far));
    let piece = vec![b'x'; 10_000];
    let headers = HeaderMap::from_iter([(http::header::HOST, "a".parse().unwrap())]);
    let client = async {
        let mut writer = MessageWriter::new(near_write);
        let mut reader = MessageReader::new(near_read, Limits::default());
        writer.request_head(&Method::POST, "/", &headers, Framing::Chunked).await.unwrap();
        writer.body(b"go").await.unwrap();
        let head = reader.response_head(&Method::POST).await.unwrap();
        assert_eq!(head.framing, Framing::Length(50_000));
        let mut received = 0;
        while let Some(echo) = reader.body_chunk().await.unwrap() {
            received += echo.len();
        }
        writer.finish().await.unwrap();
        received
    };
    let server = async {
        let mut reader = MessageReader::new(far_read, Limits::default());
        let mut writer = MessageWriter::new(far_write);
        reader.request_head().await.unwrap().unwrap();
        assert_eq!(reader.body_chunk().await.unwrap().unwrap(), "go");
        writer.response_head(StatusCode::OK, &HeaderMap::new(), Framing::Length(50_000), true).await.unwrap();
        for _ in 0..5 {
            writer.body(&piece).await.unwrap();
        }
        writer.finish().await.unwrap();
        assert_eq!(reader.body_chunk().await.unwrap(), None);
    };
    assert_eq!(tokio::join!(client, server).0, 50_000);
}
