//! Counts frames as they come in. What costs us work and carries no request is allowed in measure: floods of resets,
//! settings, pings, window updates or empty frames end the connection before they tire anybody else out.
//!
//! Only frame headers are looked at (RFC 9113, section 4.1); what frames mean is the protocol layer's business.

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

use crate::transport::Transport;

const PREFACE_BYTES: usize = 24;
const HEADER_BYTES: usize = 9;

/// Frame types (RFC 9113, section 6).
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
}
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Resets that may come at once, and a second from then on. A browser that leaves a page cancels some tens.
const RESETS: Allowance = Allowance { burst: 200.0, per_second: 50.0 };
/// Frames that neither carry a request nor its body: settings, pings, priorities, empty data, unknown ones. A setting
/// costs like 6 bytes of its frame.
const IDLE_FRAMES: Allowance = Allowance { burst: 200.0, per_second: 20.0 };
/// Window updates; one more for each half KiB that is written.
const WINDOW_UPDATES: Allowance = Allowance { burst: 1000.0, per_second: 100.0 };
const BYTES_PER_WINDOW_UPDATE: f64 = 512.0;
/// Bytes of a frame's payload that cost like a frame of their own, where they carry nothing.
const BYTES_PER_IDLE_FRAME: u32 = 64;
/// One header block, compressed; what it unpacks to is bounded by the protocol layer.
const HEADER_BLOCK_BYTES_MAX: usize = 64 * 1024;
/// CONTINUATION frames in one header block; each may have 16 KiB.
const CONTINUATIONS_MAX: u32 = 16;

/// A connection whose incoming frames are counted.
pub(super) struct Metered {
    transport: Transport,
    meter: Rc<Meter>,
}

/// The counts.
#[derive(Debug)]
pub(super) struct Meter {
    frames: RefCell<Frames>,
    /// Writing has waited since then.
    stuck_since: Cell<Option<Instant>>,
    fault: Cell<Option<Fault>>,
    found: Notify,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Resets,
    IdleFrames,
    WindowUpdates,
    HeaderBlock,
    SlowHeaders,
    /// The client takes nothing of what is written.
    Stuck,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resets => "a flood of reset streams",
            Self::IdleFrames => "a flood of frames that carry nothing",
            Self::WindowUpdates => "a flood of window updates",
            Self::HeaderBlock => "a header block that is too large",
            Self::SlowHeaders => "a header block that came too slowly",
            Self::Stuck => "a client that reads nothing",
        })
    }
}

/// So many at once, and so many a second.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    burst: f64,
    per_second: f64,
}

#[derive(Debug)]
struct Bucket {
    allowance: Allowance,
    left: f64,
    at: Instant,
}

/// Where in the stream of frames we are, and what is left of each allowance.
#[derive(Debug)]
struct Frames {
    /// Payload, or preface, that is still to pass.
    skip: usize,
    header: [u8; HEADER_BYTES],
    header_filled: usize,
    /// A header block that is not complete yet: since when, its bytes, its CONTINUATION frames.
    block: Option<(Instant, usize, u32)>,
    resets: Bucket,
    idle_frames: Bucket,
    window_updates: Bucket,
}

impl Meter {
    /// Puts a meter around a connection whose preface is still to be read.
    pub(super) fn around(transport: Transport) -> (Metered, Rc<Self>) {
        let meter = Rc::new(Self {
            frames: RefCell::new(Frames::new(Instant::now())),
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

    /// Limits that time alone exceeds.
    pub(super) fn check(&self, head_timeout: Duration, write_timeout: Duration) -> Option<Fault> {
        if self.frames.borrow().block.is_some_and(|(since, ..)| since.elapsed() >= head_timeout) {
            return Some(Fault::SlowHeaders);
        }
        let stuck = self.stuck_since.get().is_some_and(|since| since.elapsed() >= write_timeout);
        stuck.then_some(Fault::Stuck)
    }

    fn read(&self, bytes: &[u8]) {
        if let Err(fault) = self.frames.borrow_mut().count(bytes, Instant::now()) {
            self.fault.set(Some(fault));
            self.found.notify_one();
        }
    }

    fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Ready(Ok(count)) => {
                self.stuck_since.set(None);
                let count = u32::try_from(*count).unwrap_or(u32::MAX);
                self.frames.borrow_mut().window_updates.earn(f64::from(count) / BYTES_PER_WINDOW_UPDATE);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.stuck_since.get().is_none() => self.stuck_since.set(Some(Instant::now())),
            Poll::Pending => {}
        }
    }
}

impl Bucket {
    const fn full(allowance: Allowance, at: Instant) -> Self {
        Self { allowance, left: allowance.burst, at }
    }

    fn earn(&mut self, tokens: f64) {
        self.left = (self.left + tokens).min(self.allowance.burst);
    }

    /// False: it is spent.
    fn spend(&mut self, tokens: f64, now: Instant) -> bool {
        self.earn(now.saturating_duration_since(self.at).as_secs_f64() * self.allowance.per_second);
        self.at = now;
        self.left -= tokens;
        self.left >= 0.0
    }
}

impl Frames {
    fn new(now: Instant) -> Self {
        Self {
            skip: PREFACE_BYTES,
            header: [0; HEADER_BYTES],
            header_filled: 0,
            block: None,
            resets: Bucket::full(RESETS, now),
            idle_frames: Bucket::full(IDLE_FRAMES, now),
            window_updates: Bucket::full(WINDOW_UPDATES, now),
        }
    }

    fn count(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER_BYTES - self.header_filled).min(bytes.len());
            self.header[self.header_filled..self.header_filled + taken].copy_from_slice(&bytes[..taken]);
            self.header_filled += taken;
            bytes = &bytes[taken..];
            if self.header_filled == HEADER_BYTES {
                self.header_filled = 0;
                let [a, b, c, kind, flags, ..] = self.header;
                let length = u32::from_be_bytes([0, a, b, c]);
                self.skip = usize::try_from(length).unwrap_or(usize::MAX);
                self.count_frame(kind, flags, length, now)?;
            }
        }
        Ok(())
    }

    fn count_frame(&mut self, kind: u8, flags: u8, length: u32, now: Instant) -> Result<(), Fault> {
        let allowed = |is_within: bool, fault| if is_within { Ok(()) } else { Err(fault) };
        match kind {
            kind::HEADERS | kind::CONTINUATION => {
                let (since, mut bytes, mut continuations) = self.block.take().unwrap_or((now, 0, 0));
                bytes = bytes.saturating_add(self.skip);
                continuations += u32::from(kind == kind::CONTINUATION);
                if bytes > HEADER_BLOCK_BYTES_MAX || continuations > CONTINUATIONS_MAX {
                    return Err(Fault::HeaderBlock);
                }
                if flags & END_HEADERS == 0 {
                    self.block = Some((since, bytes, continuations));
                }
                Ok(())
            }
            kind::DATA if length > 0 || flags & END_STREAM != 0 => Ok(()),
            kind::RST_STREAM => allowed(self.resets.spend(1.0, now), Fault::Resets),
            kind::WINDOW_UPDATE => allowed(self.window_updates.spend(1.0, now), Fault::WindowUpdates),
            _ => {
                let cost = 1.0 + f64::from(length / BYTES_PER_IDLE_FRAME);
                allowed(self.idle_frames.spend(cost, now), Fault::IdleFrames)
            }
        }
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
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.transport).poll_write(context, bytes);
        this.meter.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.transport).poll_write_vectored(context, pieces);
        this.meter.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        bytes.resize(HEADER_BYTES + payload, 0xff);
        bytes
    }

    /// Whether so many of a frame pass at one moment, in pieces of a size.
    fn passes(frames: &[Vec<u8>], piece: usize) -> Result<(), Fault> {
        let now = Instant::now();
        let mut meter = Frames::new(now);
        let mut bytes = vec![0; PREFACE_BYTES];
        bytes.extend(frames.concat());
        bytes.chunks(piece).try_for_each(|piece| meter.count(piece, now))
    }

    #[test]
    fn floods_are_noticed_and_ordinary_traffic_is_not() {
        let (settings, ping, priority, unknown) = (4, 6, 2, 77);
        let many = |count: usize, frame: Vec<u8>| vec![frame; count];
        for piece in [1, 7, 4096] {
            for (frames, verdict) in [
                (many(5000, frame(kind::HEADERS, END_HEADERS | END_STREAM, 30)), Ok(())),
                (many(5000, frame(kind::DATA, 0, 100)), Ok(())),
                (many(5000, frame(kind::DATA, END_STREAM, 0)), Ok(())),
                (many(200, frame(kind::RST_STREAM, 0, 4)), Ok(())),
                (many(201, frame(kind::RST_STREAM, 0, 4)), Err(Fault::Resets)),
                (many(100, frame(ping, 0, 8)), Ok(())),
                (many(201, frame(ping, 0, 8)), Err(Fault::IdleFrames)),
                (many(201, frame(settings, 0, 0)), Err(Fault::IdleFrames)),
                (many(1, frame(settings, 0, 36)), Ok(())),
                (many(1, frame(settings, 0, 16_380)), Err(Fault::IdleFrames)),
                (many(201, frame(priority, 0, 5)), Err(Fault::IdleFrames)),
                (many(201, frame(unknown, 0, 0)), Err(Fault::IdleFrames)),
                (many(201, frame(kind::DATA, 0, 0)), Err(Fault::IdleFrames)),
                (many(1000, frame(kind::WINDOW_UPDATE, 0, 4)), Ok(())),
                (many(1001, frame(kind::WINDOW_UPDATE, 0, 4)), Err(Fault::WindowUpdates)),
                (many(1, frame(kind::HEADERS, 0, 65_537)), Err(Fault::HeaderBlock)),
            ] {
                assert_eq!(passes(&frames, piece), verdict, "{:?} in pieces of {piece}", &frames[0][..9]);
            }
        }
    }

    #[test]
    fn a_header_block_is_bounded_in_bytes_and_frames() {
        let block = |continuations: usize, payload: usize| {
            let mut frames = vec![frame(kind::HEADERS, 0, payload)];
            frames.extend(vec![frame(kind::CONTINUATION, 0, payload); continuations]);
            frames
        };
        assert_eq!(passes(&block(16, 10), 64), Ok(()));
        assert_eq!(passes(&block(17, 10), 64), Err(Fault::HeaderBlock));
        assert_eq!(passes(&block(4, 16_384), 64), Err(Fault::HeaderBlock));
    }

    #[test]
    fn an_allowance_comes_back_with_time() {
        let began = Instant::now();
        let mut bucket = Bucket::full(Allowance { burst: 2.0, per_second: 10.0 }, began);
        assert!(bucket.spend(2.0, began));
        assert!(!bucket.spend(1.0, began));
        assert!(bucket.spend(1.0, began + Duration::from_millis(250)));
        assert!(!bucket.spend(3.0, began + Duration::from_secs(100)));
    }
}
