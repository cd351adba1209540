//! What carries the bytes of a connection: TCP, with TLS or without; in two halves that can be used side by side.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

/// A TCP connection. Bytes that were read to see what it carries can be put back.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    put_back: Bytes,
}

/// A connection's bytes.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// The half that is read.
#[derive(Debug)]
pub(crate) struct ReadSide(Rc<RefCell<Transport>>);

/// The half that is written.
#[derive(Debug)]
pub(crate) struct WriteSide(Rc<RefCell<Transport>>);

impl Socket {
    pub(crate) const fn new(tcp: TcpStream) -> Self {
        Self { tcp, put_back: Bytes::new() }
    }

    /// More bytes behind what was looked at so far; false at the end of the stream.
    pub(crate) async fn look(&mut self, seen: &mut Vec<u8>, at_most: usize) -> io::Result<bool> {
        let mut piece = vec![0; at_most];
        let count = self.read(&mut piece).await?;
        seen.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    /// Puts back what was looked at: it is read again.
    pub(crate) fn put_back(&mut self, mut seen: Vec<u8>) {
        // What was put back before and not looked at again comes behind it.
        seen.extend_from_slice(&self.put_back);
        self.put_back = seen.into();
    }
}

impl Transport {
    /// The TCP connection beneath.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => &socket.tcp,
            Self::Tls(stream) => &stream.get_ref().0.tcp,
        }
    }

    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether bytes that were looked at wait to be read again.
    pub(crate) fn has_put_back(&self) -> bool {
        match self {
            Self::Plain(socket) => !socket.put_back.is_empty(),
            Self::Tls(_) => false,
        }
    }

    /// Both halves. They belong to one thread.
    pub(crate) fn split(self) -> (ReadSide, WriteSide) {
        let shared = Rc::new(RefCell::new(self));
        (ReadSide(shared.clone()), WriteSide(shared))
    }
}

/// A plain connection as it was accepted, if nothing that was looked at is left to be read.
pub(crate) fn reunite(read: ReadSide, write: WriteSide) -> Option<std::net::TcpStream> {
    drop(write);
    match Rc::into_inner(read.0)?.into_inner() {
        Transport::Plain(Socket { tcp, put_back }) if put_back.is_empty() => tcp.into_std().ok(),
        Transport::Plain(_) | Transport::Tls(_) => None,
    }
}

impl ReadSide {
    /// Asks something of the connection.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Transport) -> T) -> T {
        question(&self.0.borrow())
    }
}

impl WriteSide {
    /// Asks something of the connection.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Transport) -> T) -> T {
        question(&self.0.borrow())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.put_back.is_empty() {
            return Pin::new(&mut this.tcp).poll_read(context, into);
        }
        let count = into.remaining().min(this.put_back.len());
        into.put_slice(&this.put_back[..count]);
        this.put_back.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, into),
        }
    }
}

impl AsyncRead for ReadSide {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(context, into)
    }
}

/// Passes writing on to what `$inner` makes of `$this`.
macro_rules! writes_through {
    ($type:ty, $this:ident => $inner:expr) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                Pin::new($inner).poll_write(context, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                Pin::new($inner).poll_write_vectored(context, pieces)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                Pin::new($inner).poll_flush(context)
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                Pin::new($inner).poll_shutdown(context)
            }
        }
    };
}

writes_through!(Socket, this => &mut this.tcp);
writes_through!(WriteSide, this => &mut *this.0.borrow_mut());
writes_through!(Transport, this => this.writer());

impl Transport {
    fn writer(&mut self) -> &mut (dyn AsyncWrite + Unpin) {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.as_mut(),
        }
    }
}
