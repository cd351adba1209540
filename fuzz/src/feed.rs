//! A connection that delivers its bytes in given pieces, and what a reader makes of it.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};
use tollbar_http::{Malformed, MessageReader, Part, ReadError};

use crate::random::Random;

/// How a connection's bytes are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// As much as the reader takes.
    Whole,
    /// One byte at a time.
    Bytewise,
    /// Anything between, decided by this seed.
    Random(u64),
}

/// Gives one piece per read, with a `Pending` before each, then the end of the stream.
#[derive(Debug)]
pub(crate) struct Connection {
    bytes: Vec<u8>,
    taken: usize,
    cut: Cut,
    random: Random,
    was_pending: bool,
}

impl Connection {
    pub(crate) fn new(bytes: &[u8], cut: Cut) -> Self {
        let seed = if let Cut::Random(seed) = cut { seed } else { 0 };
        Self { bytes: bytes.to_vec(), taken: 0, cut, random: Random::new(seed), was_pending: false }
    }

    /// How many bytes the reader took.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    fn next_length(&mut self) -> usize {
        match self.cut {
            Cut::Whole => usize::MAX,
            Cut::Bytewise => 1,
            Cut::Random(_) => {
                let most = 2 << self.random.below(6);
                1 + self.random.below(most)
            }
        }
    }
}

impl AsyncRead for Connection {
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
        let length = self.next_length().min(into.remaining()).min(self.bytes.len() - self.taken);
        into.put_slice(&self.bytes[self.taken..self.taken + length]);
        self.taken += length;
        Poll::Ready(Ok(()))
    }
}

/// Drops and makes the future anew at each `Pending`: whoever loses a byte by that is not safe to cancel. Also shows
/// that nothing waits for ever.
macro_rules! persist {
    ($future:expr) => {{
        let mut polls = 0_u32;
        loop {
            let polled = $crate::feed::poll_once($future);
            if let std::task::Poll::Ready(output) = polled {
                break output;
            }
            polls += 1;
            assert!(polls < 10_000_000, "no end in sight");
        }
    }};
}
pub(crate) use persist;

pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// How the reading of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
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

/// A head with its body, as far as that came.
#[derive(Debug, PartialEq)]
pub(crate) struct Message<H> {
    pub(crate) head: H,
    pub(crate) body: Vec<u8>,
    pub(crate) is_whole: bool,
}

/// Reads a body to its end, or as far as it goes. Between two pieces no more than `most` bytes may be taken.
pub(crate) fn read_body<H>(
    reader: &mut MessageReader<Connection>,
    head: H,
    most: usize,
) -> (Message<H>, Option<End>) {
    let mut message = Message { head, body: Vec::new(), is_whole: false };
    loop {
        let before = reader.get_ref().taken();
        let read = persist!(reader.body_chunk());
        let taken = reader.get_ref().taken() - before;
        assert!(taken <= most, "{taken} bytes are taken for a piece of a body");
        match read {
            Ok(Some(piece)) => {
                assert!(!piece.is_empty(), "an empty piece");
                message.body.extend_from_slice(&piece);
            }
            Ok(None) => {
                assert!(reader.body_is_finished(), "an end that is none");
                message.is_whole = true;
                return (message, None);
            }
            Err(error) => return (message, Some(error.into())),
        }
    }
}
