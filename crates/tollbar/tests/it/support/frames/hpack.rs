//! Header compression (RFC 7541): what a client must know of it to read answers, and to write fields as they are.

use std::{collections::VecDeque, sync::LazyLock};

type Field = (String, String);

/// A field as a literal that no table remembers: name and value byte for byte, whatever they are.
pub(crate) fn literal(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0][..], &text(name), &text(value)].concat()
}

/// The same, remembered in the dynamic table.
pub(crate) fn remembered(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0x40][..], &text(name), &text(value)].concat()
}

/// A string without Huffman coding.
pub(crate) fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&integer(0, 7, bytes.len()), bytes].concat()
}

/// An integer with a prefix of so many bits, beside bits that are already set (section 5.1).
pub(crate) fn integer(bits: u8, prefix: u8, mut value: usize) -> Vec<u8> {
    let most = (1_usize << prefix) - 1;
    if value < most {
        return vec![bits | u8::try_from(value).unwrap()];
    }
    let mut bytes = vec![bits | u8::try_from(most).unwrap()];
    value -= most;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).unwrap() | 0x80);
        value /= 128;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// Reads the header blocks of one connection, in order.
#[derive(Default)]
pub(crate) struct Decoder {
    entries: VecDeque<Field>,
}

impl Decoder {
    pub(crate) fn decode(&mut self, block: &[u8]) -> Vec<Field> {
        let mut input = Input { bytes: block };
        let mut fields = Vec::new();
        while let Some(&first) = input.bytes.first() {
            match first {
                0x80.. => {
                    let index = input.integer(7);
                    fields.push(self.entry(index));
                }
                0x20..0x40 => {
                    input.integer(5);
                }
                _ => {
                    let is_remembered = first & 0x40 != 0;
                    let index = input.integer(if is_remembered { 6 } else { 4 });
                    let name = if index == 0 { input.text() } else { self.entry(index).0 };
                    let field = (name, input.text());
                    if is_remembered {
                        self.remember(field.clone());
                    }
                    fields.push(field);
                }
            }
        }
        fields
    }

    fn entry(&self, index: usize) -> Field {
        match STATIC.get(index - 1) {
            Some((name, value)) => ((*name).to_owned(), (*value).to_owned()),
            None => self.entries[index - 1 - STATIC.len()].clone(),
        }
    }

    fn remember(&mut self, field: Field) {
        self.entries.push_front(field);
        let size =
            |entries: &VecDeque<Field>| entries.iter().map(|(n, v)| n.len() + v.len() + 32).sum::<usize>();
        while size(&self.entries) > 4096 {
            self.entries.pop_back();
        }
    }
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().expect("a header block ends early");
        self.bytes = rest;
        *first
    }

    fn integer(&mut self, prefix: u8) -> usize {
        let most = (1_usize << prefix) - 1;
        let mut value = usize::from(self.byte()) & most;
        if value < most {
            return value;
        }
        let mut shift = 0;
        loop {
            let byte = self.byte();
            value += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    fn text(&mut self) -> String {
        let is_huffman = self.bytes[0] & 0x80 != 0;
        let length = self.integer(7);
        let (text, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        String::from_utf8(if is_huffman { unpack(text) } else { text.to_vec() }).unwrap()
    }
}

/// Appendix B is a canonical code: the lengths say it all.
fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut code, mut length, mut first, mut passed) = (0_usize, 0_usize, 0_usize, 0_usize);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| usize::from((byte >> at) & 1))) {
        code = (code << 1) | bit;
        length += 1;
        first = (first + passed) << 1;
        let same = &SYMBOLS[length];
        passed = same.len();
        if let Some(symbol) = code.checked_sub(first).and_then(|at| same.get(at)) {
            out.push(u8::try_from(*symbol).expect("the end of the string stands within it"));
            (code, length, first, passed) = (0, 0, 0, 0);
        }
    }
    assert!(length < 8, "padding of {length} bits");
    out
}

/// Symbols by the length of their code.
static SYMBOLS: LazyLock<Vec<Vec<usize>>> = LazyLock::new(|| {
    let of_length = |length: u8| (0..LENGTHS.len()).filter(|symbol| LENGTHS[*symbol] == length).collect();
    (0..=30).map(of_length).collect()
});

/// Bits of each symbol's code; the last is the end of the string.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8,
    7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7,
    7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23,
    24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
    23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25,
    26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24,
    20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
    27, 27, 27, 26, 30,
];

/// Appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""),
    ("cache-control", ""), ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""),
    ("content-length", ""), ("content-location", ""), ("content-range", ""), ("content-type", ""),
    ("cookie", ""), ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""),
    ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
    ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""),
    ("via", ""), ("www-authenticate", ""),
];
