//! An HTTP/2 client that writes frames as it is told, however wrong, and reads what comes back.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use super::Response;

mod hpack;

pub(crate) use hpack::{integer, literal, remembered, text};

/// No answer takes longer; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113, section 6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Flags.
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const PRIORITISED: u8 = 0x20;

/// Error codes (section 7).
pub(crate) mod error {
    pub(crate) const NO_ERROR: u32 = 0;
    pub(crate) const INTERNAL_ERROR: u32 = 2;
    pub(crate) const PROTOCOL_ERROR: u32 = 1;
    pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
    pub(crate) const STREAM_CLOSED: u32 = 5;
    pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
    pub(crate) const REFUSED_STREAM: u32 = 7;
    pub(crate) const CANCEL: u32 = 8;
    pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// HEADERS that are complete, of a stream that goes on.
pub(crate) fn headers(stream: u32, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS, stream, block)
}

/// HEADERS that are complete, and end the stream.
pub(crate) fn last_headers(stream: u32, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, block)
}

pub(crate) fn data(stream: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::DATA, 0, stream, bytes)
}

pub(crate) fn last_data(stream: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::DATA, END_STREAM, stream, bytes)
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, code.to_be_bytes())
}

pub(crate) fn window_update(stream: u32, bytes: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, bytes.to_be_bytes())
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let bytes = values.iter().flat_map(|(name, value)| {
        name.to_be_bytes().into_iter().chain(value.to_be_bytes()).collect::<Vec<u8>>()
    });
    frame(kind::SETTINGS, 0, 0, bytes.collect::<Vec<u8>>())
}

/// Fields as literals, one after the other.
pub(crate) fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// How a stream ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Answer(Response),
    Reset(u32),
    /// The connection ended with a GOAWAY of this code.
    GoAway(u32),
    /// The connection ended without a word.
    Closed,
}

impl Outcome {
    pub(crate) fn answer(self) -> Response {
        match self {
            Self::Answer(response) => response,
            other => panic!("no answer: {other:?}"),
        }
    }
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// One connection.
pub(crate) struct Http2 {
    socket: TcpStream,
    buffer: Vec<u8>,
    decoder: hpack::Decoder,
    /// Header blocks and bodies under way.
    blocks: HashMap<u32, Vec<u8>>,
    answers: HashMap<u32, Response>,
    outcomes: HashMap<u32, Outcome>,
    /// What the other side's GOAWAY said.
    pub(crate) goodbye: Option<u32>,
    is_over: bool,
    /// Whether windows are opened again as bytes come.
    pub(crate) opens_windows: bool,
}

impl Http2 {
    /// Preface and settings are sent; nothing is waited for.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[])
    }

    pub(crate) fn open_with(address: SocketAddr, values: &[(u16, u32)]) -> Self {
        let mut connection = Self::bare(address);
        connection.send([PREFACE, &settings(values)].concat());
        connection
    }

    /// Nothing is sent yet.
    pub(crate) fn bare(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            buffer: Vec::new(),
            decoder: hpack::Decoder::default(),
            blocks: HashMap::new(),
            answers: HashMap::new(),
            outcomes: HashMap::new(),
            goodbye: None,
            is_over: false,
            opens_windows: true,
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes; false: the other side takes no more.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(bytes.as_ref()).is_ok()
    }

    /// For writing beside the reading.
    pub(crate) fn writer(&self) -> TcpStream {
        self.socket.try_clone().unwrap()
    }

    pub(crate) fn finish_sending(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Reads until this stream has ended, or the connection.
    pub(crate) fn outcome(&mut self, stream: u32) -> Outcome {
        loop {
            if let Some(outcome) = self.outcomes.remove(&stream) {
                return outcome;
            }
            if self.is_over {
                return self.goodbye.map_or(Outcome::Closed, Outcome::GoAway);
            }
            self.step();
        }
    }

    /// Reads until the connection ends; what its GOAWAY said.
    pub(crate) fn end(&mut self) -> Option<u32> {
        while !self.is_over {
            self.step();
        }
        self.goodbye
    }

    /// Everything until the connection ends, as it is.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads one frame and takes it in.
    pub(crate) fn step(&mut self) {
        match self.next() {
            Some(frame) => self.take(frame),
            None => self.is_over = true,
        }
    }

    /// The next frame as it is; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        while self.buffer.len() < 9 {
            self.fill().then_some(())?;
        }
        let length = usize::from(self.buffer[0]) << 16
            | usize::from(self.buffer[1]) << 8
            | usize::from(self.buffer[2]);
        while self.buffer.len() < 9 + length {
            self.fill().then_some(())?;
        }
        let bytes: Vec<u8> = self.buffer.drain(..9 + length).collect();
        let stream = u32::from_be_bytes(bytes[5..9].try_into().unwrap()) & 0x7fff_ffff;
        Some(Frame { kind: bytes[3], flags: bytes[4], stream, payload: bytes[9..].to_vec() })
    }

    fn take(&mut self, frame: Frame) {
        let Frame { kind, flags, stream, payload } = frame;
        let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match kind {
            kind::HEADERS | kind::CONTINUATION => {
                self.blocks.entry(stream).or_default().extend(&payload);
                if kind == kind::HEADERS && flags & END_STREAM != 0 {
                    self.blocks.entry(u32::MAX).or_default();
                }
                if flags & END_HEADERS != 0 {
                    let ends = self.blocks.remove(&u32::MAX).is_some();
                    self.take_fields(stream, ends);
                }
            }
            kind::DATA => {
                let length = u32::try_from(payload.len()).unwrap();
                if length > 0 && self.opens_windows {
                    let _ = self.try_send([window_update(0, length), window_update(stream, length)].concat());
                }
                let answer = self.answers.get_mut(&stream).expect("DATA before HEADERS");
                answer.body.extend(&payload);
                if flags & END_STREAM != 0 {
                    self.answered(stream);
                }
            }
            kind::RST_STREAM => {
                // After a complete answer it only says that the rest of the request is not wanted.
                self.answers.remove(&stream);
                self.outcomes.entry(stream).or_insert(Outcome::Reset(code(0)));
            }
            kind::GOAWAY => self.goodbye = Some(code(4)),
            kind::SETTINGS if flags & ACK == 0 => {
                let _ = self.try_send(self::frame(kind::SETTINGS, ACK, 0, []));
            }
            kind::PING if flags & ACK == 0 => {
                let _ = self.try_send(self::frame(kind::PING, ACK, 0, &payload));
            }
            _ => {}
        }
    }

    fn take_fields(&mut self, stream: u32, ends: bool) {
        let block = self.blocks.remove(&stream).unwrap();
        let mut fields = self.decoder.decode(&block);
        if fields.first().is_some_and(|(name, _)| name == ":status") {
            let status = fields.remove(0).1.parse().unwrap();
            if status >= 200 {
                let response = Response { status, headers: fields, body: Vec::new(), truncated: false };
                self.answers.insert(stream, response);
            }
        }
        if ends {
            self.answered(stream);
        }
    }

    fn answered(&mut self, stream: u32) {
        let answer = self.answers.remove(&stream).unwrap();
        self.outcomes.insert(stream, Outcome::Answer(answer));
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                count > 0
            }
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
            Err(e) => panic!("nothing came within {PATIENCE:?}: {e}"),
        }
    }
}
