//! A connection that delivers given segments, and what a reader makes of it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::Method;
use tokio::io::{AsyncRead, ReadBuf};

use crate::{Limits, Malformed, MessageReader, Part, ReadError, RequestHead, ResponseHead};

/// Gives one segment per read, with a `Pending` before each, then the end of the stream.
#[derive(Debug)]
pub(super) struct Segments {
    segments: VecDeque<Vec<u8>>,
    was_pending: bool,
}

impl Segments {
    pub(super) fn whole(bytes: &[u8]) -> Self {
        Self::new([bytes.to_vec()])
    }

    pub(super) fn bytewise(bytes: &[u8]) -> Self {
        Self::new(bytes.iter().map(|byte| vec![*byte]))
    }

    /// Cuts where `cuts` says, each taken modulo the length.
    pub(super) fn cut(bytes: &[u8], cuts: &[usize]) -> Self {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        Self::new(cuts.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()))
    }

    pub(super) fn new(segments: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let segments = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
        Self { segments, was_pending: false }
    }
}

impl AsyncRead for Segments {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.was_pending = !self.was_pending;
        if self.was_pending {
            return Poll::Pending;
        }
        assert!(into.remaining() > 0, "a read into no room looks like the end of the stream");
        if let Some(segment) = self.segments.front_mut() {
            let count = segment.len().min(into.remaining());
            into.put_slice(&segment[..count]);
            segment.drain(..count);
            if segment.is_empty() {
                self.segments.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Drops and makes the future anew at each `Pending`: whoever loses a byte by that is not cancellation-safe. Also
/// shows that nothing waits for ever.
macro_rules! persist {
    ($future:expr) => {{
        let mut polls = 0_u32;
        loop {
            let polled = $crate::tests::feed::poll_once($future);
            if let std::task::Poll::Ready(output) = polled {
                break output;
            }
            polls += 1;
            assert!(polls < 1_000_000, "no end in sight");
        }
    }};
}
pub(super) use persist;

pub(super) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// How the reading of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Refused(Malformed),
    Truncated(Part),
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Malformed(malformed) => Self::Refused(malformed),
            ReadError::UnexpectedEof(part) => Self::Truncated(part),
            ReadError::Io(_) | ReadError::BodyUnread => panic!("not to be expected here: {error:?}"),
        }
    }
}

/// Each head with its body, as far as it came.
pub(super) type Messages<H> = Vec<(H, Vec<u8>)>;

pub(super) fn read_requests(segments: Segments, limits: Limits) -> (Messages<RequestHead>, End) {
    let mut reader = MessageReader::new(segments, limits);
    let mut messages = Vec::new();
    loop {
        match persist!(reader.request_head()) {
            Ok(None) => return (messages, End::Closed),
            Ok(Some(head)) => messages.push((head, Vec::new())),
            Err(error) => return (messages, error.into()),
        }
        if let Err(end) = read_body(&mut reader, &mut messages) {
            return (messages, end);
        }
    }
}

pub(super) fn read_responses(segments: Segments, methods: &[Method]) -> (Messages<ResponseHead>, End) {
    let mut reader = MessageReader::new(segments, Limits::default());
    let mut messages = Vec::new();
    for method in methods {
        match persist!(reader.response_head(method)) {
            Ok(head) => messages.push((head, Vec::new())),
            Err(error) => return (messages, error.into()),
        }
        if let Err(end) = read_body(&mut reader, &mut messages) {
            return (messages, end);
        }
    }
    (messages, End::Closed)
}

fn read_body<H>(reader: &mut MessageReader<Segments>, messages: &mut Messages<H>) -> Result<(), End> {
    while let Some(piece) = persist!(reader.body_chunk())? {
        assert!(!piece.is_empty(), "an empty piece");
        if let Some((_, body)) = messages.last_mut() {
            body.extend_from_slice(&piece);
        }
    }
    assert!(reader.body_is_finished());
    Ok(())
}

/// The same verdict, whole and byte by byte.
pub(super) fn read_both_ways(bytes: &[u8]) -> (Messages<RequestHead>, End) {
    let whole = read_requests(Segments::whole(bytes), Limits::default());
    let bytewise = read_requests(Segments::bytewise(bytes), Limits::default());
    assert_eq!(whole, bytewise, "depends on the segments: {:?}", String::from_utf8_lossy(bytes));
    whole
}
