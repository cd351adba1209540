//! Floods of things that are begun and taken back.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::http2::{END_HEADERS, END_STREAM, HEADERS, RST_STREAM, frame, get_block, opening};
use crate::support::{Ticker, connect_from, reset};

/// Streams opened and reset on one connection; far fewer are suffered.
const RESETS: u32 = 2000;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// Half a head, then a reset: so many of them each step.
const HALF_HEADS: usize = 50;
/// Floods, and not all that the machine can do: this one has to play both sides.
const STEP: Duration = Duration::from_millis(50);

/// Opens streams and resets them at once, until the connection is ended for it, and does it again: until it is over.
/// Gives back how often.
pub(super) fn reset_streams(
    source: IpAddr,
    gateway: SocketAddr,
    key: &str,
    is_over: &dyn Fn() -> bool,
) -> usize {
    let block = get_block("/sandbox/v1/orders", key);
    let mut flood = opening();
    for number in 0..RESETS {
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &block));
        flood.extend(frame(RST_STREAM, 0, number * 2 + 1, &CANCEL));
    }
    let (mut ticker, _stop) = Ticker::every(STEP);
    let mut ended = 0;
    while !is_over() && ticker.tick() {
        let mut stream = connect_from(source, gateway).unwrap();
        // It may be ended in the midst of it.
        let _ = stream.write_all(&flood);
        let mut scratch = [0; 16 * 1024];
        loop {
            match stream.read(&mut scratch) {
                Ok(1..) => {}
                Ok(0) => break,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("a flood of resets is suffered: {error}"),
            }
        }
        ended += 1;
    }
    ended
}

/// Sends half a head and resets the connection, again and again. Gives back how often.
pub(super) fn reset_connections(source: IpAddr, gateway: SocketAddr, is_over: &dyn Fn() -> bool) -> usize {
    let (mut ticker, _stop) = Ticker::every(STEP);
    let mut count = 0;
    while !is_over() && ticker.tick() {
        for _ in 0..HALF_HEADS {
            let mut stream = connect_from(source, gateway).unwrap();
            stream.write_all(b"GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API").unwrap();
            reset(stream);
            count += 1;
        }
    }
    count
}
