//! A request whose fields are written as they stand, one by one.

use crate::support::frames::{END_HEADERS, END_STREAM, frame, headers, kind, last_headers, literal};

#[derive(Clone)]
pub(super) struct Request(Vec<(Vec<u8>, Vec<u8>)>);

impl Request {
    pub(super) fn new(method: &str, key: &str) -> Self {
        let fields = [
            (":method", method),
            (":scheme", "http"),
            (":authority", "shop.example"),
            (":path", "/v1/orders"),
            ("x-api-key", key),
        ];
        Self(
            fields
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect(),
        )
    }

    /// Another value, in the same place.
    pub(super) fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for field in self.0.iter_mut().filter(|(n, _)| n == name.as_bytes()) {
            field.1 = value.as_ref().to_vec();
        }
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(n, _)| n != name.as_bytes());
        self
    }

    /// One more, at the end.
    pub(super) fn add(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.0.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// One more, at the beginning.
    pub(super) fn first(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.0.insert(0, (name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    pub(super) fn block(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(name, value)| literal(name, value)).collect()
    }

    /// A request without a body.
    pub(super) fn whole(&self) -> Vec<u8> {
        self.whole_at(1)
    }

    pub(super) fn whole_at(&self, stream: u32) -> Vec<u8> {
        last_headers(stream, self.block())
    }

    /// A request whose body follows.
    pub(super) fn open(&self) -> Vec<u8> {
        headers(1, self.block())
    }

    /// With so many fields more, each of 1 byte as it is packed.
    pub(super) fn whole_with_many(&self, count: usize) -> Vec<u8> {
        // `accept-ranges` of the fixed table.
        last_headers(1, [self.block(), vec![0x80 | 18; count]].concat())
    }

    /// The same, where one frame is not enough.
    pub(super) fn in_many_frames(&self, count: usize) -> Vec<u8> {
        cut(&[self.block(), vec![0x80 | 18; count]].concat(), 16_000)
    }

    /// A request whose header block is cut into pieces of this size.
    pub(super) fn in_pieces(&self, size: usize) -> Vec<u8> {
        cut(&self.block(), size)
    }
}

fn cut(block: &[u8], size: usize) -> Vec<u8> {
    let pieces: Vec<&[u8]> = block.chunks(size).collect();
    let mut bytes = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let (kind, mut flags) =
            if number == 0 { (kind::HEADERS, END_STREAM) } else { (kind::CONTINUATION, 0) };
        if number + 1 == pieces.len() {
            flags |= END_HEADERS;
        }
        bytes.extend(frame(kind, flags, 1, piece));
    }
    bytes
}
