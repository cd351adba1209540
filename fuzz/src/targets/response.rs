//! Responses, from the first byte to where the next one begins.

use http::{Method, StatusCode};
use tollbar_http::{Framing, Limits, MessageReader, MessageWriter, ResponseHead};

use super::http::{endless, forwarded_fields, most_unseen_bytes, small_limits, sorted_fields, wide_limits};
use crate::{
    feed::{Connection, Cut, End, Message, persist, read_body},
    random::seed_of,
};

/// The verdict does not depend on how the bytes came; limits hold; what is accepted still means the same when it was
/// written anew.
pub(super) fn response_head_and_framing(input: &[u8]) {
    let seed = seed_of(input);
    for limits in [Limits::default(), small_limits(seed)] {
        let (messages, end) = read_responses(input, Cut::Whole, limits);
        for cut in [Cut::Bytewise, Cut::Random(seed)] {
            let again = read_responses(input, cut, limits);
            assert_eq!((&messages, end), (&again.0, again.1), "the verdict depends on how the bytes came");
        }
        for message in &messages {
            check_limits(message, &limits);
        }
        if let Some(endless) = endless(input, seed) {
            read_responses(&endless, Cut::Whole, limits);
        }
    }
    let (messages, _) = read_responses(input, Cut::Whole, Limits::default());
    for (number, message) in messages.iter().enumerate().filter(|(_, message)| message.is_whole) {
        check_written_anew(message, &method_of(number));
    }
}

/// What is asked in turn: an answer to HEAD has no body.
fn method_of(number: usize) -> Method {
    if number % 3 == 1 { Method::HEAD } else { Method::GET }
}

fn read_responses(input: &[u8], cut: Cut, limits: Limits) -> (Vec<Message<ResponseHead>>, End) {
    let mut reader = MessageReader::new(Connection::new(input, cut), limits);
    let mut messages: Vec<Message<ResponseHead>> = Vec::new();
    // Up to 8 interim heads come before the one that is given.
    let most = most_unseen_bytes(&limits) + 8 * limits.head_bytes;
    loop {
        let before = reader.get_ref().taken();
        let read = persist!(reader.response_head(&method_of(messages.len())));
        let taken = reader.get_ref().taken() - before;
        assert!(taken <= most, "{taken} bytes are taken for a head");
        let end = match read {
            Ok(head) => {
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

fn check_limits(message: &Message<ResponseHead>, limits: &Limits) {
    let head = &message.head;
    let fields = sorted_fields(&head.headers);
    assert!(fields.len() <= limits.fields, "more fields than allowed");
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
    assert!(bytes + 14 <= limits.head_bytes, "a larger head than allowed");
    assert!(!head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS);
    match head.framing {
        Framing::None => assert!(message.body.is_empty(), "a body where none was announced"),
        Framing::Length(length) => {
            let read = u64::try_from(message.body.len()).unwrap();
            assert!(read <= length && (read == length || !message.is_whole), "{read} of {length} bytes");
        }
        Framing::Chunked => {}
        Framing::UntilClose => assert!(!head.keep_alive, "a connection that both ends the body and goes on"),
    }
}

/// What was accepted, delivered to a client.
fn check_written_anew(message: &Message<ResponseHead>, method: &Method) {
    let Message { head, body, .. } = message;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let mut writer = MessageWriter::new(Vec::new());
    let is_bodiless = head.framing == Framing::None;
    if is_bodiless {
        let length = head.declared_length;
        persist!(writer.response_head_only(head.status, &head.headers, length, head.keep_alive)).unwrap();
    } else {
        // A body that ends with its connection is given on in chunks.
        let framing = if head.framing == Framing::UntilClose { Framing::Chunked } else { head.framing };
        persist!(writer.response_head(head.status, &head.headers, framing, head.keep_alive)).unwrap();
    }
    for piece in body.chunks(7) {
        persist!(writer.body(piece)).unwrap();
    }
    persist!(writer.finish()).unwrap();
    assert_eq!(writer.keeps_open(), head.keep_alive);

    let mut reader = MessageReader::new(Connection::new(writer.get_ref(), Cut::Whole), wide_limits());
    let read = persist!(reader.response_head(method)).unwrap();
    let (again, end) = read_body(&mut reader, read, usize::MAX);
    assert_eq!(end, None, "written anew, it does not end");
    let (connection, left) = reader.into_inner();
    let length = writer.get_ref().len();
    assert_eq!((connection.taken(), left.len()), (length, 0), "written anew, it ends elsewhere");
    assert_eq!((again.head.status, &again.body), (head.status, body), "written anew, it says something else");
    let fields = (forwarded_fields(&again.head.headers), forwarded_fields(&head.headers));
    assert_eq!(fields.0, fields.1, "written anew, fields differ");
    if is_bodiless && head.status != StatusCode::NO_CONTENT {
        assert_eq!(again.head.declared_length, head.declared_length, "written anew, the length differs");
    }
    assert!(again.head.keep_alive == head.keep_alive, "written anew, the connection ends otherwise");
}
