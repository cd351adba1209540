//! Bytes to messages.

use std::future::{self, Future};
use std::io;
use std::pin::pin;
use std::task::{Context, Waker};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::head::lines::{Bounds, Lines};
use crate::head::request::parse_request;
use crate::head::response::parse_response;
use crate::{Framing, Limits, Malformed, Part, ReadError, RequestHead, ResponseHead};

pub(crate) mod chunked;

use chunked::{ChunkDecoder, Step};

/// A head usually fits, and an idle connection holds no more than this.
const HEAD_READ_BYTES: usize = 4 * 1024;
/// One read of a body; also the most that is read beyond what was asked for.
const BODY_READ_BYTES: usize = 16 * 1024;
/// Interim responses before a final one; servers send one or two.
const INTERIM_MAX: u8 = 8;

/// Reads messages one after the other: a head, then its body to the end, then the next head.
///
/// All its futures can be dropped at any time without losing a byte. At most 16 KiB are read beyond the message
/// at hand, except by [`wait_for_close`](Self::wait_for_close), which stops at [`Limits::head_bytes`].
#[derive(Debug)]
pub struct MessageReader<R> {
    read: R,
    limits: Limits,
    buffer: BytesMut,
    eof: bool,
    lines: Lines,
    blank_line_skipped: bool,
    interim_count: u8,
    body: Body,
    trailers: HeaderMap,
    failed: Option<Malformed>,
}

/// What is still to come of the body.
#[derive(Debug)]
enum Body {
    Finished,
    Length(u64),
    Chunked(ChunkDecoder),
    UntilClose,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// A reader at the beginning of a connection.
    pub fn new(read: R, limits: Limits) -> Self {
        Self {
            read,
            limits,
            buffer: BytesMut::new(),
            eof: false,
            lines: Lines::default(),
            blank_line_skipped: false,
            interim_count: 0,
            body: Body::Finished,
            trailers: HeaderMap::new(),
            failed: None,
        }
    }

    /// The next request head (RFC 9112 section 3); `None` when the peer closed in good order. One empty line
    /// before it is ignored (RFC 9112 section 2.2).
    pub async fn request_head(&mut self) -> Result<Option<RequestHead>, ReadError> {
        self.check_ready()?;
        loop {
            self.skip_blank_line();
            if let Some((bytes, field_count)) = self.take_head()? {
                let parsed = parse_request(&bytes, field_count, &self.limits);
                let head = self.remember(parsed)?;
                self.blank_line_skipped = false;
                self.begin_body(head.framing);
                return Ok(Some(head));
            }
            if !self.fill(HEAD_READ_BYTES).await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(ReadError::UnexpectedEof(Part::Head))
                };
            }
        }
    }

    /// The final response to a request with this method, or 101. Other interim responses (RFC 9110 section 15.2)
    /// are skipped, up to 8 of them.
    pub async fn response_head(&mut self, request_method: &Method) -> Result<ResponseHead, ReadError> {
        self.check_ready()?;
        loop {
            if let Some((bytes, field_count)) = self.take_head()? {
                let parsed = parse_response(&bytes, field_count, &self.limits, request_method);
                let head = self.remember(parsed)?;
                if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                    self.interim_count += 1;
                    if self.interim_count > INTERIM_MAX {
                        return self.remember(Err(Malformed::TooManyInterim { limit: INTERIM_MAX }));
                    }
                    continue;
                }
                self.interim_count = 0;
                self.begin_body(head.framing);
                return Ok(head);
            }
            if !self.fill(HEAD_READ_BYTES).await? {
                let nothing_came = self.buffer.is_empty() && self.interim_count == 0;
                return Err(ReadError::UnexpectedEof(if nothing_came { Part::Start } else { Part::Head }));
            }
        }
    }

    /// The next piece of the body, never empty; `None` at its end.
    pub async fn body_chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        if let Some(malformed) = self.failed {
            return Err(malformed.into());
        }
        loop {
            if let Some(piece) = self.take_body()? {
                return Ok(Some(piece));
            }
            if self.body_is_finished() {
                return Ok(None);
            }
            if !self.fill(BODY_READ_BYTES).await? {
                if matches!(self.body, Body::UntilClose) {
                    self.body = Body::Finished;
                    return Ok(None);
                }
                return Err(ReadError::UnexpectedEof(Part::Body));
            }
        }
    }

    /// The fields that stood behind a chunked body (RFC 9112 section 7.1.2), once it was read to its end; empty where
    /// there were none. None of them can mean anything to the exchange itself.
    pub fn take_trailers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.trailers)
    }

    /// Whether the body of the last head was read to its end, trailers included. True before any head.
    pub fn body_is_finished(&self) -> bool {
        matches!(self.body, Body::Finished)
    }

    /// Whether bytes of what follows are buffered: with the body finished, the next head has begun.
    pub fn has_started(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Waits until something is buffered (true, at once if it is already) or the peer has closed (false).
    pub async fn wait_for_bytes(&mut self) -> io::Result<bool> {
        if self.buffer.is_empty() && self.buffer.capacity() > HEAD_READ_BYTES {
            // An idle connection does not keep a body's buffer.
            self.buffer = BytesMut::new();
        }
        Ok(!self.buffer.is_empty() || self.fill(HEAD_READ_BYTES).await?)
    }

    /// Waits until the peer closes its side or the connection fails, buffering what comes before that. Once
    /// [`Limits::head_bytes`] are buffered it reads no further and waits for ever; so it is for a `select`, beside
    /// the work that a departed peer should end.
    pub async fn wait_for_close(&mut self) -> io::Result<()> {
        while !self.eof {
            let room = self.limits.head_bytes.saturating_sub(self.buffer.len());
            if room == 0 {
                future::pending::<()>().await;
            }
            self.fill(room.min(HEAD_READ_BYTES)).await?;
        }
        Ok(())
    }

    /// Whether nothing has come and the peer has not closed, as far as can be told without waiting: a pooled
    /// connection to a server is only used again when it is quiet.
    pub fn is_quiet(&mut self) -> bool {
        let waiting = pin!(self.wait_for_bytes());
        waiting.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// What is read from.
    pub fn get_ref(&self) -> &R {
        &self.read
    }

    /// What is read from. Reading from it directly breaks the exchange.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.read
    }

    /// Gives back what is read from, and what was read and not yet used.
    pub fn into_inner(self) -> (R, Bytes) {
        (self.read, self.buffer.freeze())
    }

    fn check_ready(&self) -> Result<(), ReadError> {
        match self.failed {
            Some(malformed) => Err(malformed.into()),
            None if !self.body_is_finished() => Err(ReadError::BodyUnread),
            None => Ok(()),
        }
    }

    /// After a malformed message there is no telling where the next one begins.
    fn remember<T>(&mut self, result: Result<T, Malformed>) -> Result<T, ReadError> {
        result.map_err(|malformed| {
            self.failed = Some(malformed);
            malformed.into()
        })
    }

    fn skip_blank_line(&mut self) {
        if !self.blank_line_skipped && self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
            self.blank_line_skipped = true;
        }
    }

    /// The bytes of a complete head and the number of its field lines.
    fn take_head(&mut self) -> Result<Option<(Bytes, usize)>, ReadError> {
        let bounds = Bounds { bytes: self.limits.head_bytes, fields: self.limits.fields, start_lines: 1 };
        let found = self.lines.find_end(&self.buffer, bounds);
        let Some(length) = self.remember(found)? else { return Ok(None) };
        let field_count = self.lines.count - bounds.start_lines;
        self.lines = Lines::default();
        Ok(Some((self.buffer.split_to(length).freeze(), field_count)))
    }

    fn begin_body(&mut self, framing: Framing) {
        self.trailers.clear();
        self.body = match framing {
            Framing::None | Framing::Length(0) => Body::Finished,
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(ChunkDecoder::default()),
            Framing::UntilClose => Body::UntilClose,
        };
    }

    /// What the buffer holds of the body, if anything.
    fn take_body(&mut self) -> Result<Option<Bytes>, ReadError> {
        match &mut self.body {
            Body::Finished => Ok(None),
            Body::UntilClose if self.buffer.is_empty() => Ok(None),
            Body::UntilClose => Ok(Some(self.buffer.split().freeze())),
            Body::Length(_) if self.buffer.is_empty() => Ok(None),
            Body::Length(remaining) => {
                let piece = take_up_to(&mut self.buffer, remaining);
                if *remaining == 0 {
                    self.body = Body::Finished;
                }
                Ok(Some(piece))
            }
            Body::Chunked(decoder) => {
                let step = decoder.step(&mut self.buffer, &self.limits);
                match self.remember(step)? {
                    Step::Data(piece) => Ok(Some(piece)),
                    Step::NeedsMore => Ok(None),
                    Step::Finished(trailers) => {
                        self.body = Body::Finished;
                        self.trailers = trailers;
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Reads once, at most `wanted` bytes; false at the end of the stream.
    async fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.eof {
            return Ok(false);
        }
        // What is left of a block is used before another is taken.
        if self.buffer.capacity() - self.buffer.len() <= wanted / 4 {
            self.buffer.reserve(wanted);
        }
        let count = self.read.read_buf(&mut (&mut self.buffer).limit(wanted)).await?;
        self.eof = count == 0;
        Ok(!self.eof)
    }
}

/// Takes what is there, at most `remaining`, which it lowers.
fn take_up_to(buffer: &mut BytesMut, remaining: &mut u64) -> Bytes {
    let count = usize::try_from(*remaining).unwrap_or(usize::MAX).min(buffer.len());
    *remaining -= count as u64;
    buffer.split_to(count).freeze()
}
