//! How many frames of each kind may come.

use std::time::Instant;

use super::{
    Fault, kind,
    splitter::{Header, Splitter},
};

const PREFACE_BYTES: usize = 24;

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Resets that may come at once, and a second from then on. A browser that leaves a page cancels some tens.
const RESETS: Allowance = Allowance { burst: 200.0, per_second: 50.0, earned_max: 200.0 };
/// Frames that neither carry a request nor its body: settings, pings, priorities, empty data, unknown ones. A setting
/// costs like 6 bytes of its frame. One more for so many bytes that are written: some clients ping in each round trip of
/// a large answer, to measure it.
const IDLE_FRAMES: Allowance = Allowance { burst: 200.0, per_second: 20.0, earned_max: 200.0 };
const BYTES_PER_PING: f64 = 8192.0;
/// Window updates; one more for so many bytes that are written, and two for each answer and each piece of one: some
/// clients say of every event of a stream of events that they have read it, for the stream and for the connection, and
/// a window has room for thousands of those. Pieces smaller than any event do not count: they are a client's that opens
/// its window byte by byte.
const WINDOW_UPDATES: Allowance = Allowance { burst: 1000.0, per_second: 100.0, earned_max: 20_000.0 };
const BYTES_PER_WINDOW_UPDATE: f64 = 512.0;
const WINDOW_UPDATES_PER_PIECE: f64 = 2.0;
const PIECE_BYTES_MIN: u32 = 8;
/// Bytes of a frame's payload that cost like a frame of their own, where they carry nothing.
const BYTES_PER_IDLE_FRAME: u32 = 64;
/// One header block, compressed; what it unpacks to is bounded by the protocol layer.
const HEADER_BLOCK_BYTES_MAX: usize = 64 * 1024;
/// CONTINUATION frames in one header block; each may have 16 KiB.
const CONTINUATIONS_MAX: u32 = 16;

/// So many at once, and so many a second.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    burst: f64,
    per_second: f64,
    /// What earnings may add up to.
    earned_max: f64,
}

#[derive(Debug)]
struct Bucket {
    allowance: Allowance,
    left: f64,
    at: Instant,
}

/// Where in the stream of frames we are, and what is left of each allowance.
/// The frames that came in, counted.
#[derive(Debug)]
pub(super) struct Frames {
    splitter: Splitter,
    /// The first frame was as it has to be.
    has_begun: bool,
    /// A header block that is not complete yet: since when, its bytes, its CONTINUATION frames.
    pub(super) block: Option<(Instant, usize, u32)>,
    resets: Bucket,
    idle_frames: Bucket,
    window_updates: Bucket,
}

impl Frames {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            splitter: Splitter::after(PREFACE_BYTES),
            has_begun: false,
            block: None,
            resets: Bucket::full(RESETS, now),
            idle_frames: Bucket::full(IDLE_FRAMES, now),
            window_updates: Bucket::full(WINDOW_UPDATES, now),
        }
    }

    /// Counts what these bytes complete; `each` is told of every frame.
    pub(super) fn count(
        &mut self,
        mut bytes: &[u8],
        now: Instant,
        mut each: impl FnMut(Header),
    ) -> Result<(), Fault> {
        while let Some(header) = self.splitter.next(&mut bytes) {
            self.count_frame(header, now)?;
            each(header);
        }
        Ok(())
    }

    /// This frame is being written.
    pub(super) fn wrote_frame(&mut self, header: Header) {
        if header.kind == kind::HEADERS || header.kind == kind::DATA && header.length >= PIECE_BYTES_MIN {
            self.window_updates.earn(WINDOW_UPDATES_PER_PIECE);
        }
    }

    /// So much was written.
    pub(super) fn wrote(&mut self, bytes: f64) {
        self.window_updates.earn(bytes / BYTES_PER_WINDOW_UPDATE);
        self.idle_frames.earn(bytes / BYTES_PER_PING);
    }

    fn count_frame(&mut self, header: Header, now: Instant) -> Result<(), Fault> {
        let allowed = |is_within: bool, fault| if is_within { Ok(()) } else { Err(fault) };
        let Header { kind, flags, length, padding, .. } = header;
        // RFC 9113, section 3.4; the protocol layer does not insist.
        if !self.has_begun && (kind != kind::SETTINGS || flags & ACK != 0) {
            return Err(Fault::Preface);
        }
        self.has_begun = true;
        match kind {
            kind::HEADERS | kind::CONTINUATION => {
                let (since, mut bytes, mut continuations) = self.block.take().unwrap_or((now, 0, 0));
                bytes = bytes.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                continuations += u32::from(kind == kind::CONTINUATION);
                if bytes > HEADER_BLOCK_BYTES_MAX || continuations > CONTINUATIONS_MAX {
                    return Err(Fault::HeaderBlock);
                }
                if flags & END_HEADERS == 0 {
                    self.block = Some((since, bytes, continuations));
                }
                Ok(())
            }
            // Padding alone carries nothing either.
            kind::DATA if flags & END_STREAM != 0 || length > padding => Ok(()),
            kind::RST_STREAM => allowed(self.resets.spend(1.0, now), Fault::Resets),
            kind::WINDOW_UPDATE => allowed(self.window_updates.spend(1.0, now), Fault::WindowUpdates),
            _ => {
                let cost = 1.0 + f64::from(length / BYTES_PER_IDLE_FRAME);
                allowed(self.idle_frames.spend(cost, now), Fault::IdleFrames)
            }
        }
    }
}

impl Bucket {
    const fn full(allowance: Allowance, at: Instant) -> Self {
        Self { allowance, left: allowance.burst, at }
    }

    fn earn(&mut self, tokens: f64) {
        self.left = (self.left + tokens).min(self.allowance.earned_max);
    }

    /// False: it is spent.
    fn spend(&mut self, tokens: f64, now: Instant) -> bool {
        let regained = now.saturating_duration_since(self.at).as_secs_f64() * self.allowance.per_second;
        self.left = self.left.max((self.left + regained).min(self.allowance.burst));
        self.at = now;
        self.left -= tokens;
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests;
