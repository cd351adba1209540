//! Finds the frames in a stream of bytes (RFC 9113, section 4.1).

use super::kind;

pub(super) const HEADER_BYTES: usize = 9;
pub(super) const PADDED: u8 = 0x8;

/// A frame, but for its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    /// Of the payload.
    pub(super) length: u32,
    /// What of a DATA frame's payload is padding, its length included.
    pub(super) padding: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Splitter {
    /// Payload, or preface, that is still to pass.
    skip: usize,
    header: [u8; HEADER_BYTES],
    filled: usize,
    /// A frame whose first byte of payload says how much of it is padding.
    padded: Option<Header>,
}

impl Splitter {
    /// Frames that begin after so many bytes.
    pub(super) const fn after(skip: usize) -> Self {
        Self { skip, header: [0; HEADER_BYTES], filled: 0, padded: None }
    }

    /// The next frame; `bytes` is what follows. `None` where they end first.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Header> {
        loop {
            if let Some(header) = self.padded {
                let padding = u32::from(*bytes.first()?) + 1;
                self.padded = None;
                return Some(Header { padding, ..header });
            }
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            *bytes = &bytes[skipped..];
            let taken = (HEADER_BYTES - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            *bytes = &bytes[taken..];
            if self.filled < HEADER_BYTES {
                return None;
            }
            self.filled = 0;
            let [a, b, c, kind, flags, d, e, f, g] = self.header;
            let length = u32::from_be_bytes([0, a, b, c]);
            self.skip = usize::try_from(length).unwrap_or(usize::MAX);
            let stream = u32::from_be_bytes([d & 0x7f, e, f, g]);
            let header = Header { kind, flags, stream, length, padding: 0 };
            if kind != kind::DATA || flags & PADDED == 0 || length == 0 {
                return Some(header);
            }
            self.padded = Some(header);
        }
    }
}
