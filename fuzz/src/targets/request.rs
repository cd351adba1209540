//! Requests, from the first byte to where the next one begins.

use http::{HeaderValue, header::HOST};
use tollbar_http::{Framing, Limits, MessageReader, MessageWriter, RequestHead};

use super::http::{endless, forwarded_fields, most_unseen_bytes, small_limits, sorted_fields, wide_limits};
use crate::{
    feed::{Connection, Cut, End, Message, persist, read_body},
    random::seed_of,
    strict,
};

/// The verdict does not depend on how the bytes came; limits hold; what is accepted means the same to another reader,
/// and still does when it was written anew.
pub(super) fn request_head_and_framing(input: &[u8]) {
    let seed = seed_of(input);
    for limits in [Limits::default(), small_limits(seed)] {
        let (messages, end) = read_requests(input, Cut::Whole, limits);
        for cut in [Cut::Bytewise, Cut::Random(seed)] {
            let again = read_requests(input, cut, limits);
            assert_eq!((&messages, end), (&again.0, again.1), "the verdict depends on how the bytes came");
        }
        for message in &messages {
            check_limits(message, &limits);
        }
        if let Some(endless) = endless(input, seed) {
            read_requests(&endless, Cut::Whole, limits);
        }
    }
    let (messages, _) = read_requests(input, Cut::Whole, Limits::default());
    messages.iter().filter(|message| message.is_whole).for_each(check_written_anew);
    check_second_reader(input);
}

fn read_requests(input: &[u8], cut: Cut, limits: Limits) -> (Vec<Message<RequestHead>>, End) {
    let mut reader = MessageReader::new(Connection::new(input, cut), limits);
    let mut messages = Vec::new();
    let most = most_unseen_bytes(&limits);
    loop {
        let before = reader.get_ref().taken();
        let read = persist!(reader.request_head());
        let taken = reader.get_ref().taken() - before;
        assert!(taken <= most, "{taken} bytes are taken for a head");
        let end = match read {
            Ok(None) => Some(End::Closed),
            Ok(Some(head)) => {
                let (message, end) = read_body(&mut reader, head, most);
                messages.push(message);
                end
            }
            Err(error) => Some(error.into()),
        };
        if let Some(end) = end {
            let (_, left) = reader.into_inner();
            assert!(left.len() <= most, "{} bytes are held", left.len());
            return (messages, end);
        }
    }
}

fn check_limits(message: &Message<RequestHead>, limits: &Limits) {
    let head = &message.head;
    let fields = sorted_fields(&head.headers);
    assert!(fields.len() <= limits.fields, "more fields than allowed");
    assert!(head.target.as_str().len() <= limits.target_bytes + 1, "a longer target than allowed");
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
    assert!(head.method.as_str().len() + bytes + 14 <= limits.head_bytes, "a larger head than allowed");
    match head.framing {
        Framing::None => assert!(message.body.is_empty(), "a body where none was announced"),
        Framing::Length(length) => {
            let read = u64::try_from(message.body.len()).unwrap();
            assert!(read <= length && (read == length || !message.is_whole), "{read} of {length} bytes");
        }
        Framing::Chunked => {}
        Framing::UntilClose => panic!("no request ends with its connection"),
    }
}

/// What was accepted, forwarded: nothing in it depends on our own reading.
fn check_written_anew(message: &Message<RequestHead>) {
    let Message { head, body, .. } = message;
    let mut headers = head.headers.clone();
    if !headers.contains_key(HOST) {
        let host = head.host.as_deref().unwrap_or("a.example");
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
    }
    let mut writer = MessageWriter::new(Vec::new());
    let framing = match head.framing {
        Framing::Length(0) => Framing::None,
        framing => framing,
    };
    persist!(writer.request_head(&head.method, head.target.as_str(), &headers, framing)).unwrap();
    for piece in body.chunks(7) {
        persist!(writer.body(piece)).unwrap();
    }
    persist!(writer.finish()).unwrap();
    let (again, end) = read_requests(writer.get_ref(), Cut::Whole, wide_limits());
    assert_eq!((again.len(), end), (1, End::Closed), "written anew, it is no longer one request");
    let (read, body_again) = (&again[0].head, &again[0].body);
    let meaning = |head: &RequestHead| (head.method.clone(), head.target.as_str().to_owned());
    assert_eq!(meaning(read), meaning(head), "written anew, it asks for something else");
    assert_eq!(forwarded_fields(&read.headers), forwarded_fields(&headers), "written anew, fields differ");
    assert_eq!(body_again, body, "written anew, the body differs");
    // An absolute target and Host agree, so that the host stays although the target is now in the other form.
    assert!(head.host.is_none() || read.host == head.host, "written anew, it is for another host");
}

/// Each request by itself, from where the one before it ended.
fn check_second_reader(input: &[u8]) {
    let mut rest = input;
    loop {
        let second = strict::read_request(rest);
        let mut reader = MessageReader::new(Connection::new(rest, Cut::Whole), Limits::default());
        let (message, end) = match persist!(reader.request_head()) {
            Ok(Some(head)) => read_body(&mut reader, head, usize::MAX),
            Ok(None) => {
                assert!(matches!(rest, b"" | b"\r\n"), "bytes are lost at the end: {}", rest.escape_ascii());
                return;
            }
            Err(error) => {
                let is_cut_short = matches!(End::from(error), End::Truncated(_));
                assert!(!is_cut_short || second.is_none(), "waits for more of a whole request: {second:?}");
                return;
            }
        };
        if let Some(end) = end {
            let is_cut_short = matches!(end, End::Truncated(_));
            assert!(!is_cut_short || second.is_none(), "waits for more of a whole request: {second:?}");
            return;
        }
        let (connection, left) = reader.into_inner();
        let consumed = connection.taken() - left.len();
        let first = meaning(message, consumed);
        let Some(second) = second else { panic!("a strict reader refuses what is accepted as {first:?}") };
        assert_eq!(first, second, "a strict reader takes it in another way");
        rest = &rest[consumed..];
    }
}

fn meaning(message: Message<RequestHead>, consumed: usize) -> strict::Request {
    let head = message.head;
    strict::Request {
        method: head.method.as_str().to_owned(),
        target: head.target.as_str().to_owned(),
        minor_version: u8::from(head.version == http::Version::HTTP_11),
        host: head.host,
        fields: sorted_fields(&head.headers),
        persists: head.keep_alive,
        body: message.body,
        consumed,
    }
}
