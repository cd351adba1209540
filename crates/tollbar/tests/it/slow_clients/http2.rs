//! HTTP/2 by its frames (RFC 9113): as much of it as a GET needs, and as a flood of resets does.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
const ACK: u8 = 0x1;
/// `:status: 200` as it stands in the static table (RFC 7541).
const STATUS_200: u8 = 0x88;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// How a connection begins.
pub(super) fn opening() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// The header block of a GET, nothing of it compressed.
pub(super) fn get_block(path: &str, key: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    // `:method: GET`, `:scheme: http`, `:path`, `:authority`, and a name of its own.
    [&[0x82, 0x86, 4][..], &text(path), &[1], &text("x"), &[0], &text("x-api-key"), &text(key)].concat()
}

/// A connection that makes one GET after the other.
pub(super) struct Client {
    stream: TcpStream,
    next: u32,
}

impl Client {
    pub(super) fn begin(mut stream: TcpStream) -> Self {
        stream.write_all(&opening()).unwrap();
        Self { stream, next: 1 }
    }

    /// Panics unless the answer is 200 and complete.
    pub(super) fn get(&mut self, path: &str, key: &str) {
        let stream = self.next;
        self.next += 2;
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_block(path, key));
        self.stream.write_all(&request).unwrap();
        let mut is_200 = false;
        loop {
            let (kind, flags, on, payload) = self.receive();
            match kind {
                SETTINGS | PING if flags & ACK == 0 => {
                    let echoed = if kind == PING { payload.as_slice() } else { &[] };
                    self.stream.write_all(&frame(kind, ACK, 0, echoed)).unwrap();
                }
                HEADERS if on == stream => {
                    assert_eq!(payload[0], STATUS_200, "{payload:?}");
                    is_200 = true;
                }
                RST_STREAM | GOAWAY => panic!("{kind} on stream {on}: {payload:?}"),
                _ => {}
            }
            if on == stream && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                assert!(is_200);
                return;
            }
        }
    }

    fn receive(&mut self) -> (u8, u8, u32, Vec<u8>) {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).unwrap();
        (head[3], head[4], stream, payload)
    }
}
