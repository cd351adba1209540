//! Counts frames as they come in. What costs us work and carries no request is allowed in measure: floods of resets,
//! settings, pings, window updates or empty frames end the connection before they tire anybody else out.
//!
//! Only frame headers are looked at; what frames mean is the protocol layer's business. It has one answer of its own: 431
//! without a body to a header list that unpacks to more than it takes. Such a list is a bomb: that answer is kept back, and
//! the connection ends instead.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use h2::Reason;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

use self::{
    frames::Frames,
    splitter::{HEADER_BYTES, Splitter},
};
use crate::transport::Transport;

mod frames;
mod splitter;

/// Frame types (RFC 9113, section 6).
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
}

/// Requests whose heads have come and that are neither taken up nor refused yet. After a GOAWAY the protocol layer ignores
/// new ones, which remain here; a client that goes on and on is cut off.
const OFFERED_MAX: usize = 16 * 1024;

/// A connection whose incoming frames are counted.
pub(super) struct Metered {
    transport: Transport,
    meter: Rc<Meter>,
}

/// The counts.
#[derive(Debug)]
pub(super) struct Meter {
    frames: RefCell<Frames>,
    /// What is written.
    outgoing: RefCell<Splitter>,
    /// The highest stream that has begun, and those whose heads have come and that are neither taken up nor reset.
    last: Cell<u32>,
    offered: RefCell<HashSet<u32>>,
    /// What is written goes nowhere.
    is_mute: Cell<bool>,
    /// Writing has waited since then.
    stuck_since: Cell<Option<Instant>>,
    fault: Cell<Option<Fault>>,
    found: Notify,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not begin with settings.
    Preface,
    Resets,
    IdleFrames,
    WindowUpdates,
    HeaderBlock,
    HeaderList,
    SlowHeaders,
    /// The client takes nothing of what is written.
    Stuck,
}

impl Fault {
    /// What the client is told (RFC 9113, section 7).
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Preface => Reason::PROTOCOL_ERROR,
            _ => Reason::ENHANCE_YOUR_CALM,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preface => "no settings at its beginning",
            Self::Resets => "a flood of reset streams",
            Self::IdleFrames => "a flood of frames that carry nothing",
            Self::WindowUpdates => "a flood of window updates",
            Self::HeaderBlock => "a header block that is too large",
            Self::HeaderList => "a header list that unpacks to too much",
            Self::SlowHeaders => "a header block that came too slowly",
            Self::Stuck => "a client that reads nothing",
        })
    }
}

impl Meter {
    /// Puts a meter around a connection whose preface is still to be read.
    pub(super) fn around(transport: Transport) -> (Metered, Rc<Self>) {
        let meter = Rc::new(Self {
            frames: RefCell::new(Frames::new(Instant::now())),
            outgoing: RefCell::new(Splitter::after(0)),
            last: Cell::new(0),
            offered: RefCell::default(),
            is_mute: Cell::new(false),
            stuck_since: Cell::new(None),
            fault: Cell::new(None),
            found: Notify::new(),
        });
        (Metered { transport, meter: meter.clone() }, meter)
    }

    /// Waits until a limit is exceeded.
    pub(super) async fn broken(&self) -> Fault {
        loop {
            if let Some(fault) = self.fault.get() {
                return fault;
            }
            self.found.notified().await;
        }
    }

    /// A request is taken up: what is written on its stream from now on is our answer.
    pub(super) fn accepted(&self, stream: u32) {
        self.offered.borrow_mut().remove(&stream);
    }

    /// The connection's last words may be written.
    pub(super) fn let_speak(&self) {
        self.is_mute.set(false);
    }

    /// Limits that time alone exceeds.
    pub(super) fn check(&self, head_timeout: Duration, write_timeout: Duration) -> Option<Fault> {
        if self.frames.borrow().block.is_some_and(|(since, ..)| since.elapsed() >= head_timeout) {
            return Some(Fault::SlowHeaders);
        }
        let stuck = self.stuck_since.get().is_some_and(|since| since.elapsed() >= write_timeout);
        stuck.then_some(Fault::Stuck)
    }

    fn break_by(&self, fault: Fault) {
        self.fault.set(Some(fault));
        self.found.notify_one();
    }

    fn read(&self, bytes: &[u8]) {
        let mut offered = self.offered.borrow_mut();
        let counted = self.frames.borrow_mut().count(bytes, Instant::now(), |frame| match frame.kind {
            kind::HEADERS if frame.stream > self.last.get() => {
                self.last.set(frame.stream);
                offered.insert(frame.stream);
            }
            kind::RST_STREAM => {
                offered.remove(&frame.stream);
            }
            _ => {}
        });
        match counted {
            Err(fault) => self.break_by(fault),
            Ok(()) if offered.len() > OFFERED_MAX => self.break_by(Fault::IdleFrames),
            Ok(()) => {}
        }
    }

    /// How many of these bytes may be written: those before an answer to a request that nobody has taken up.
    fn find_speakable(&self, pieces: &[io::IoSlice<'_>]) -> usize {
        let mut before = 0;
        let mut splitter = self.outgoing.borrow().clone();
        let mut offered = self.offered.borrow_mut();
        for piece in pieces {
            let mut rest: &[u8] = piece;
            while let Some(frame) = splitter.next(&mut rest) {
                match frame.kind {
                    kind::RST_STREAM => {
                        offered.remove(&frame.stream);
                    }
                    kind::HEADERS if offered.contains(&frame.stream) => {
                        self.is_mute.set(true);
                        self.break_by(Fault::HeaderList);
                        return before + (piece.len() - rest.len()).saturating_sub(HEADER_BYTES);
                    }
                    _ => {}
                }
            }
            before += piece.len();
        }
        before
    }

    fn flushed(&self, polled: &Poll<io::Result<()>>) {
        match polled {
            Poll::Ready(Ok(())) => self.stuck_since.set(None),
            Poll::Pending if self.stuck_since.get().is_none() => self.stuck_since.set(Some(Instant::now())),
            _ => {}
        }
    }

    fn wrote(&self, mut pieces: &[io::IoSlice<'_>], polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Ready(Ok(count)) => {
                self.stuck_since.set(None);
                let mut frames = self.frames.borrow_mut();
                frames.wrote(f64::from(u32::try_from(*count).unwrap_or(u32::MAX)));
                let (mut left, mut splitter) = (*count, self.outgoing.borrow_mut());
                while let Some((piece, others)) = pieces.split_first() {
                    let mut written = &piece[..left.min(piece.len())];
                    left -= written.len();
                    while let Some(frame) = splitter.next(&mut written) {
                        frames.wrote_frame(frame);
                    }
                    pieces = others;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.stuck_since.get().is_none() => self.stuck_since.set(Some(Instant::now())),
            Poll::Pending => {}
        }
    }
}

impl Metered {
    fn write(&mut self, context: &mut Context<'_>, pieces: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let whole = pieces.iter().map(|piece| piece.len()).sum();
        let speakable = if self.meter.is_mute.get() { 0 } else { self.meter.find_speakable(pieces) };
        if speakable == 0 && whole > 0 {
            return Poll::Ready(Ok(whole));
        }
        let transport = Pin::new(&mut self.transport);
        let polled = match pieces {
            [piece] => transport.poll_write(context, &piece[..speakable]),
            _ if speakable == whole => transport.poll_write_vectored(context, pieces),
            [piece, ..] => transport.poll_write(context, &piece[..speakable.min(piece.len())]),
            [] => Poll::Ready(Ok(0)),
        };
        self.meter.wrote(pieces, &polled);
        polled
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.meter.fault.get().is_some() {
            // Nothing more is read of it.
            return Poll::Pending;
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut this.transport).poll_read(context, into);
        this.meter.read(&into.filled()[before..]);
        if this.meter.fault.get().is_some() {
            // Nor is what came together with it.
            into.set_filled(before);
            return Poll::Pending;
        }
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.transport).poll_flush(context);
        // TLS takes in more than it can send.
        this.meter.flushed(&polled);
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(context)
    }
}
