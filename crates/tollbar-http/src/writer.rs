//! Messages to bytes.

use bytes::{Buf, BufMut, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{Framing, WriteError};

/// Up to this, copying the data behind what is buffered is cheaper than a second write.
const COPY_BYTES_MAX: usize = 8 * 1024;

/// Writes messages one after the other: a head, its body, and [`finish`](Self::finish).
///
/// A head is held back until the first body bytes, [`flush`](Self::flush) or [`finish`](Self::finish), so that both
/// leave in one write. The framing fields (Content-Length, Transfer-Encoding) and the fields that concern this
/// connection only (Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade) are the writer's own: in a
/// given map they are ignored. Its futures may be dropped, but if one was under way the writer is `Broken` and the
/// connection is to be closed.
#[derive(Debug)]
pub struct MessageWriter<W> {
    write: W,
    buffer: BytesMut,
    state: State,
    peer_version: Version,
    keeps_open: bool,
}

/// Where in a message we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
    Closed,
    Broken,
}

impl<W: AsyncWrite + Unpin> MessageWriter<W> {
    /// A writer at the beginning of a connection.
    pub fn new(write: W) -> Self {
        Self {
            write,
            buffer: BytesMut::new(),
            state: State::Between,
            peer_version: Version::HTTP_11,
            keeps_open: true,
        }
    }

    /// What the peer speaks, from its request. To HTTP/1.0, a chunked body goes out until close, persistence is
    /// announced, and interim responses are left out (RFC 9112 section 9.3, RFC 9110 section 15.2).
    pub fn set_peer_version(&mut self, version: Version) {
        self.peer_version = version;
    }

    /// Begins a request. `target` goes out as it is; `headers` must have exactly one Host. Without a body,
    /// POST, PUT and PATCH say `content-length: 0` (RFC 9110 section 8.6).
    pub async fn request_head(
        &mut self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        framing: Framing,
    ) -> Result<(), WriteError> {
        self.request_head_with(method, target, headers, framing, None)
    }

    /// Begins a request without a body that offers to go on with another protocol (RFC 9110 section 7.8).
    pub async fn upgrade_request_head(
        &mut self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        protocol: &HeaderValue,
    ) -> Result<(), WriteError> {
        self.request_head_with(method, target, headers, Framing::None, Some(protocol))
    }

    fn request_head_with(
        &mut self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        framing: Framing,
        upgrade: Option<&HeaderValue>,
    ) -> Result<(), WriteError> {
        self.check_between()?;
        if target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WriteError::InvalidHead(
                "the target is empty or has a byte that would split the head",
            ));
        }
        if headers.get_all(header::HOST).iter().count() != 1 {
            return Err(WriteError::InvalidHead("a request has exactly one Host field"));
        }
        if framing == Framing::UntilClose {
            return Err(WriteError::InvalidHead("the body of a request cannot end with the connection"));
        }
        if *method == Method::CONNECT {
            return Err(WriteError::InvalidHead("CONNECT opens a tunnel, which is not an exchange"));
        }
        let names_length = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        let length = if names_length && framing == Framing::None { Some(0) } else { None };
        self.buffer.put_slice(method.as_str().as_bytes());
        self.buffer.put_u8(b' ');
        self.buffer.put_slice(target.as_bytes());
        self.buffer.put_slice(b" HTTP/1.1\r\n");
        self.put_fields(headers);
        self.put_framing(framing, length);
        if let Some(protocol) = upgrade {
            self.put_upgrade(protocol);
        }
        self.buffer.put_slice(b"\r\n");
        self.begin_body(framing);
        Ok(())
    }

    /// Begins a final response. `Framing::None` says `content-length: 0`, except with 204 and 304, which cannot
    /// have a body. An answer to HEAD goes through [`response_head_only`](Self::response_head_only).
    pub async fn response_head(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        framing: Framing,
        keep_alive: bool,
    ) -> Result<(), WriteError> {
        self.check_between()?;
        let is_bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
        if is_bodiless && !matches!(framing, Framing::None | Framing::Length(0)) {
            return Err(WriteError::InvalidHead("this status cannot have a body"));
        }
        let framing = match framing {
            Framing::Chunked if self.peer_version == Version::HTTP_10 => Framing::UntilClose,
            _ if is_bodiless => Framing::None,
            framing => framing,
        };
        let length = if framing == Framing::None && !is_bodiless { Some(0) } else { None };
        self.put_response(status, headers, framing, length, keep_alive)
    }

    /// A complete response without a body but with the length that the body would have: an answer to HEAD, or 304
    /// (RFC 9110 section 8.6). `declared_length` is left out with 204.
    pub async fn response_head_only(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        declared_length: Option<u64>,
        keep_alive: bool,
    ) -> Result<(), WriteError> {
        self.check_between()?;
        let length = declared_length.filter(|_| status != StatusCode::NO_CONTENT);
        self.put_response(status, headers, Framing::None, length, keep_alive)
    }

    /// Sends a piece of the body, behind what was held back. As a chunk where the body is chunked; an empty piece
    /// does nothing.
    pub async fn body(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if bytes.is_empty() {
            return self.check_usable();
        }
        match self.state {
            State::Broken => Err(WriteError::Broken),
            State::Between | State::Closed => Err(WriteError::OutOfOrder),
            State::Empty => Err(WriteError::BodyTooLong),
            State::UntilClose => self.send(bytes, b"", State::UntilClose).await,
            State::Length(remaining) => match remaining.checked_sub(bytes.len() as u64) {
                Some(left) => self.send(bytes, b"", State::Length(left)).await,
                None => Err(WriteError::BodyTooLong),
            },
            State::Chunked => {
                self.buffer.put_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                self.send(bytes, b"\r\n", State::Chunked).await
            }
        }
    }

    /// Ends the message and sends whatever is held back. After a body until close, the connection is still to be
    /// closed by the caller ([`shutdown`](Self::shutdown)).
    pub async fn finish(&mut self) -> Result<(), WriteError> {
        self.finish_with(&HeaderMap::new()).await
    }

    /// [`finish`](Self::finish), with fields behind the body where it is chunked; elsewhere they are dropped.
    pub async fn finish_with(&mut self, trailers: &HeaderMap) -> Result<(), WriteError> {
        let next = match self.state {
            State::Broken => return Err(WriteError::Broken),
            State::Between | State::Closed => return Err(WriteError::OutOfOrder),
            State::Length(remaining) if remaining > 0 => return Err(WriteError::BodyTooShort),
            State::UntilClose => State::Closed,
            State::Chunked => {
                self.buffer.put_slice(b"0\r\n");
                self.put_fields(trailers);
                self.buffer.put_slice(b"\r\n");
                State::Between
            }
            State::Empty | State::Length(_) => State::Between,
        };
        self.send(b"", b"", next).await
    }

    /// An interim response (RFC 9110 section 15.2), sent at once; nothing to a peer that speaks HTTP/1.0.
    pub async fn informational(&mut self, status: StatusCode) -> Result<(), WriteError> {
        self.check_between()?;
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(WriteError::InvalidHead("this status is not interim"));
        }
        if self.peer_version == Version::HTTP_10 {
            return Ok(());
        }
        self.put_status_line(status);
        self.buffer.put_slice(b"\r\n");
        self.flush().await
    }

    /// 101, sent at once. What follows on the connection is the other protocol's:
    /// [`into_inner`](Self::into_inner).
    pub async fn switching_protocols(
        &mut self,
        headers: &HeaderMap,
        protocol: &HeaderValue,
    ) -> Result<(), WriteError> {
        self.check_between()?;
        self.put_status_line(StatusCode::SWITCHING_PROTOCOLS);
        self.put_fields(headers);
        self.put_upgrade(protocol);
        self.buffer.put_slice(b"\r\n");
        self.send(b"", b"", State::Closed).await
    }

    /// A whole response with its body, in one write where it is small.
    pub async fn whole_response(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        keep_alive: bool,
    ) -> Result<(), WriteError> {
        self.response_head(status, headers, Framing::Length(body.len() as u64), keep_alive).await?;
        self.body(body).await?;
        self.finish().await
    }

    /// A whole request with its body, in one write where it is small.
    pub async fn whole_request(
        &mut self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), WriteError> {
        let framing = if body.is_empty() { Framing::None } else { Framing::Length(body.len() as u64) };
        self.request_head(method, target, headers, framing).await?;
        self.body(body).await?;
        self.finish().await
    }

    /// Sends what is held back.
    pub async fn flush(&mut self) -> Result<(), WriteError> {
        self.check_usable()?;
        self.send(b"", b"", self.state).await
    }

    /// Closes the writing side. Does not send what is held back: a message that was not finished is to be seen as
    /// unfinished.
    pub async fn shutdown(&mut self) -> Result<(), WriteError> {
        self.state = State::Closed;
        Ok(self.write.shutdown().await?)
    }

    /// Whether no message is under way.
    pub fn is_between_messages(&self) -> bool {
        self.state == State::Between
    }

    /// Whether the connection can carry another message: none is under way, and the last one did not announce a
    /// close.
    pub fn keeps_open(&self) -> bool {
        self.keeps_open && self.state == State::Between
    }

    /// What is written to.
    pub fn get_ref(&self) -> &W {
        &self.write
    }

    /// What is written to. Writing to it directly breaks the exchange.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.write
    }

    /// Gives back what is written to. What was held back is lost.
    pub fn into_inner(self) -> W {
        self.write
    }

    fn check_usable(&self) -> Result<(), WriteError> {
        if self.state == State::Broken { Err(WriteError::Broken) } else { Ok(()) }
    }

    fn check_between(&self) -> Result<(), WriteError> {
        match self.state {
            State::Between => Ok(()),
            State::Broken => Err(WriteError::Broken),
            _ => Err(WriteError::OutOfOrder),
        }
    }

    fn put_response(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        framing: Framing,
        length: Option<u64>,
        keep_alive: bool,
    ) -> Result<(), WriteError> {
        if status.is_informational() {
            return Err(WriteError::InvalidHead("an interim status does not end an exchange"));
        }
        self.keeps_open = keep_alive && framing != Framing::UntilClose;
        self.put_status_line(status);
        self.put_fields(headers);
        self.put_framing(framing, length);
        if !self.keeps_open {
            self.buffer.put_slice(b"connection: close\r\n");
        } else if self.peer_version == Version::HTTP_10 {
            self.buffer.put_slice(b"connection: keep-alive\r\n");
        }
        self.buffer.put_slice(b"\r\n");
        self.begin_body(framing);
        Ok(())
    }

    fn put_status_line(&mut self, status: StatusCode) {
        self.buffer.put_slice(b"HTTP/1.1 ");
        self.buffer.put_slice(status.as_str().as_bytes());
        self.buffer.put_u8(b' ');
        self.buffer.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        self.buffer.put_slice(b"\r\n");
    }

    /// Values cannot split the head: `HeaderValue` admits neither CR nor LF.
    fn put_fields(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            if is_own(name) {
                continue;
            }
            self.buffer.put_slice(name.as_str().as_bytes());
            self.buffer.put_slice(b": ");
            self.buffer.put_slice(value.as_bytes());
            self.buffer.put_slice(b"\r\n");
        }
    }

    /// `length` is what to declare when the framing itself declares nothing.
    fn put_framing(&mut self, framing: Framing, length: Option<u64>) {
        match framing {
            Framing::Chunked => self.buffer.put_slice(b"transfer-encoding: chunked\r\n"),
            Framing::Length(length) => self.put_length(length),
            Framing::None | Framing::UntilClose => {
                if let Some(length) = length {
                    self.put_length(length);
                }
            }
        }
    }

    fn put_upgrade(&mut self, protocol: &HeaderValue) {
        self.buffer.put_slice(b"connection: upgrade\r\nupgrade: ");
        self.buffer.put_slice(protocol.as_bytes());
        self.buffer.put_slice(b"\r\n");
    }

    fn put_length(&mut self, length: u64) {
        self.buffer.put_slice(format!("content-length: {length}\r\n").as_bytes());
    }

    fn begin_body(&mut self, framing: Framing) {
        self.state = match framing {
            Framing::None => State::Empty,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked,
            Framing::UntilClose => State::UntilClose,
        };
    }

    /// Writes the buffer, `bytes` and `tail` as one, and then is in state `next`. Flushes, because a TLS stream may
    /// keep the end of a write to itself until asked.
    async fn send(&mut self, bytes: &[u8], tail: &[u8], next: State) -> Result<(), WriteError> {
        self.state = State::Broken;
        if bytes.len() <= COPY_BYTES_MAX {
            self.buffer.put_slice(bytes);
            self.buffer.put_slice(tail);
            self.write.write_all(&self.buffer).await?;
        } else {
            self.write.write_all_buf(&mut self.buffer.as_ref().chain(bytes).chain(tail)).await?;
        }
        self.write.flush().await?;
        self.buffer.clear();
        self.state = next;
        Ok(())
    }
}

fn is_own(name: &HeaderName) -> bool {
    *name == header::CONTENT_LENGTH
        || *name == header::TRANSFER_ENCODING
        || *name == header::CONNECTION
        || *name == header::TE
        || *name == header::TRAILER
        || *name == header::UPGRADE
        || name.as_str() == "keep-alive"
        || name.as_str() == "proxy-connection"
}
