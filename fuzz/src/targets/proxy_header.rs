//! The PROXY protocol, against a second opinion.

use std::net::{IpAddr, SocketAddr};

use ppp::{v1, v2};
use tollbar_http::{PROXY_HEADER_BYTES_MAX, ParsedProxyHeader, ProxyHeaderFault, parse_proxy_header};

/// Pieces that mean something.
pub(super) const WORDS: &[&[u8]] = &[
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"UNKNOWN",
    b"203.0.113.7 ",
    b"2001:db8::1 ",
    b"::ffff:1.2.3.4 ",
    b"443",
    b"65535",
    b"+",
    b"\r\n",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x21\x11\0\x0c",
    b"\x21\x21\0\x24",
    b"\x20\0\0\0",
    b"\x21\x11\x02\x18",
    b"\x04\0\x01\0",
    b"\x03\0\x04\0\0\0\0",
    b" ",
    b".",
    b":",
    b"0",
];

/// The verdict comes within the bound, depends on the bytes alone, and means the same to another reader.
pub(super) fn proxy_header(input: &[u8]) {
    let input = &input[..input.len().min(2 * PROXY_HEADER_BYTES_MAX)];
    let whole = parse_proxy_header(input);
    let mut is_decided = false;
    for end in 0..=input.len() {
        let verdict = parse_proxy_header(&input[..end]);
        let is_open = verdict == Ok(ParsedProxyHeader::NeedsMore);
        assert!(is_open || verdict == whole, "{end} bytes mean {verdict:?}, and all of them {whole:?}");
        assert!(!(is_open && is_decided), "a verdict is taken back after {end} bytes");
        assert!(!is_open || end < PROXY_HEADER_BYTES_MAX, "waits for more than the bound");
        is_decided = !is_open;
    }
    match whole {
        Ok(ParsedProxyHeader::NeedsMore) => {}
        Ok(ParsedProxyHeader::Header { length, source, destination }) => {
            assert!(length <= input.len() && length <= PROXY_HEADER_BYTES_MAX);
            assert_eq!(source.is_some(), destination.is_some());
            assert_eq!((length, source, destination), second_opinion(input));
        }
        Err(fault) => check_text(fault),
    }
}

fn check_text(fault: ProxyHeaderFault) {
    let text = fault.to_string();
    assert!(text.len() < 120 && text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
}

type Ends = (Option<SocketAddr>, Option<SocketAddr>);

/// What `ppp` makes of a header, and a panic if it makes nothing of it.
fn second_opinion(bytes: &[u8]) -> (usize, Option<SocketAddr>, Option<SocketAddr>) {
    let (length, (source, destination)) = if bytes.starts_with(b"PROXY UNKNOWN") {
        // What follows is to be ignored; `ppp` does not when it has more than five parts.
        (bytes.windows(2).position(|two| two == b"\r\n").unwrap() + 2, (None, None))
    } else if bytes[0] == b'P' {
        let header = v1::Header::try_from(bytes).unwrap();
        let ends = match header.addresses {
            v1::Addresses::Unknown => (None, None),
            v1::Addresses::Tcp4(a) => v4(a),
            v1::Addresses::Tcp6(a) => v6(a),
        };
        (header.header.len(), ends)
    } else if bytes[12] == 0x20 {
        // Of LOCAL nothing counts but the length; `ppp` wants the rest to be sound, too.
        (16 + usize::from(u16::from_be_bytes([bytes[14], bytes[15]])), (None, None))
    } else {
        let header = v2::Header::try_from(bytes).unwrap();
        let ends = match header.addresses {
            v2::Addresses::IPv4(a) => v4(a),
            v2::Addresses::IPv6(a) => v6(a),
            v2::Addresses::Unspecified | v2::Addresses::Unix(_) => (None, None),
        };
        (header.len(), ends)
    };
    (length, source, destination)
}

fn v4(a: v1::IPv4) -> Ends {
    (end(a.source_address, a.source_port), end(a.destination_address, a.destination_port))
}

fn v6(a: v1::IPv6) -> Ends {
    (end(a.source_address, a.source_port), end(a.destination_address, a.destination_port))
}

fn end(address: impl Into<IpAddr>, port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.into().to_canonical(), port))
}
