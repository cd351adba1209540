//! PROXY protocol headers, as tables and against a second opinion.

use std::net::SocketAddr;

use ParsedProxyHeader::{Header, NeedsMore};
use ProxyHeaderFault::*;
use ppp::v2::{self as second, Builder};
use proptest::prelude::*;

use crate::{PROXY_HEADER_BYTES_MAX, ParsedProxyHeader, ProxyHeaderFault, parse_proxy_header};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V4: &[u8] = &[203, 0, 113, 7, 10, 0, 0, 1, 0xdb, 0xa0, 1, 0xbb];

/// Version 2 with these: version and command, family and transport, what follows the length.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, rest].concat()
}

fn v6(source: &str, destination: &str) -> Vec<u8> {
    let octets = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    [octets(source).as_slice(), &octets(destination), &[0, 1, 0, 2]].concat()
}

fn header(length: usize, source: &str, destination: &str) -> Result<ParsedProxyHeader, ProxyHeaderFault> {
    let end = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    Ok(Header { length, source: end(source), destination: end(destination) })
}

/// The verdict, given one byte after the other; once there is one, more bytes change nothing.
fn read(bytes: &[u8]) -> Result<ParsedProxyHeader, ProxyHeaderFault> {
    let verdicts: Vec<_> = (0..=bytes.len()).map(|end| parse_proxy_header(&bytes[..end])).collect();
    let first = verdicts.iter().position(|verdict| *verdict != Ok(NeedsMore)).unwrap_or(bytes.len());
    assert!(verdicts[first..].iter().all(|verdict| *verdict == verdicts[first]), "{bytes:?}: {verdicts:?}");
    assert!(first <= PROXY_HEADER_BYTES_MAX, "{bytes:?}");
    verdicts[first]
}

#[test]
fn version_1() {
    let widest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("PROXY TCP6 {widest} {widest} 65535 65535");
    let widest = format!("[{widest}]:65535");
    let unknown = |length: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(length - 16));
    let table = [
        ("PROXY TCP4 203.0.113.7 10.0.0.1 56224 443", header(43, "203.0.113.7:56224", "10.0.0.1:443")),
        ("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535", header(44, "0.0.0.0:0", "255.255.255.255:65535")),
        ("PROXY TCP6 2001:db8::1 ::1 1 2", header(32, "[2001:db8::1]:1", "[::1]:2")),
        ("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2", header(39, "203.0.113.7:1", "[::1]:2")),
        (longest.as_str(), header(104, &widest, &widest)),
        ("PROXY UNKNOWN", header(15, "", "")),
        ("PROXY UNKNOWN ffff::1 ::1 1 2 and more", header(40, "", "")),
        ("PROXY", Err(Absent)),
        ("PROXY ", Err(Protocol)),
        ("PROXY  TCP4 1.1.1.1 2.2.2.2 1 2", Err(Protocol)),
        ("PROXY tcp4 1.1.1.1 2.2.2.2 1 2", Err(Protocol)),
        ("PROXY UDP4 1.1.1.1 2.2.2.2 1 2", Err(Protocol)),
        ("PROXY UNKNOWNS", Err(Protocol)),
        ("PROXY TCP4", Err(Parts)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1", Err(Parts)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3", Err(Parts)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 ", Err(Parts)),
        ("PROXY TCP4 1.1.1.1  2.2.2.2 1 2", Err(Parts)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 ", Err(Port)),
        ("PROXY TCP4 ::1 2.2.2.2 1 2", Err(Address)),
        ("PROXY TCP6 1.1.1.1 ::1 1 2", Err(Address)),
        ("PROXY TCP6 [::1] ::1 1 2", Err(Address)),
        ("PROXY TCP6 fe80::1%eth0 ::1 1 2", Err(Address)),
        ("PROXY TCP4 1.1.1 2.2.2.2 1 2", Err(Address)),
        ("PROXY TCP4 01.1.1.1 2.2.2.2 1 2", Err(Address)),
        ("PROXY TCP4 0x1.1.1.1 2.2.2.2 1 2", Err(Address)),
        ("PROXY TCP4 1.1.1.1:5 2.2.2.2 1 2", Err(Address)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 +1 2", Err(Port)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2", Err(Port)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 01 2", Err(Port)),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 65536", Err(Port)),
        ("PROXY TCP4 1.1.1.1\t2.2.2.2 1 2", Err(LineByte { byte: b'\t' })),
        ("PROXY UNKNOWN \u{e9}", Err(LineByte { byte: 0xc3 })),
        ("PROXY UNKNOWN \0", Err(LineByte { byte: 0 })),
        ("proxy TCP4 1.1.1.1 2.2.2.2 1 2", Err(Absent)),
        (" PROXY TCP4 1.1.1.1 2.2.2.2 1 2", Err(Absent)),
        ("POST / HTTP/1.1", Err(Absent)),
        ("GET / HTTP/1.1", Err(Absent)),
        ("\r\nPROXY UNKNOWN", Err(Absent)),
    ];
    for (line, expected) in table {
        assert_eq!(read(format!("{line}\r\nGET / HTTP/1.1\r\n").as_bytes()), expected, "{line:?}");
    }
    assert_eq!(read(unknown(107).as_bytes()), header(107, "", ""));
    assert_eq!(read(unknown(108).as_bytes()), Err(LineTooLong { limit_bytes: 107 }));
    assert_eq!(read(unknown(109).as_bytes()), Err(LineTooLong { limit_bytes: 107 }));
    assert_eq!(read(b"PROXY UNKNOWN\nGET"), Err(LineByte { byte: b'\n' }));
    assert_eq!(read(b"PROXY UNKNOWN\rGET"), Err(LineByte { byte: b'\r' }));
    for beginning in ["", "P", "PROXY", "PROXY TCP4 1.1.1.1 2.2.2.2 1 ", "PROXY UNKNOWN\r"] {
        assert_eq!(read(beginning.as_bytes()), Ok(NeedsMore), "{beginning:?}");
    }
}

#[test]
fn version_2() {
    let v6_block = v6("2001:db8::1", "::1");
    let mapped = v6("::ffff:203.0.113.7", "::ffff:10.0.0.1");
    let largest = [V4, &vec![4; 536 - V4.len()]].concat();
    let table = [
        (v2(0x21, 0x11, V4), header(28, "203.0.113.7:56224", "10.0.0.1:443")),
        (v2(0x21, 0x11, &[V4, &[4, 0, 1, 0]].concat()), header(32, "203.0.113.7:56224", "10.0.0.1:443")),
        // The extensions are not looked at, so one that claims too much does no harm.
        (v2(0x21, 0x11, &[V4, &[4, 0xff]].concat()), header(30, "203.0.113.7:56224", "10.0.0.1:443")),
        (v2(0x21, 0x11, &largest), header(552, "203.0.113.7:56224", "10.0.0.1:443")),
        (v2(0x21, 0x21, &v6_block), header(52, "[2001:db8::1]:1", "[::1]:2")),
        (v2(0x21, 0x21, &mapped), header(52, "203.0.113.7:1", "10.0.0.1:2")),
        (v2(0x21, 0x00, b""), header(16, "", "")),
        (v2(0x21, 0x00, V4), header(28, "", "")),
        (v2(0x20, 0x00, b""), header(16, "", "")),
        (v2(0x20, 0x11, V4), header(28, "", "")),
        (v2(0x20, 0x11, b""), header(16, "", "")),
        (v2(0x20, 0xff, b"?"), header(17, "", "")),
        (v2(0x22, 0x11, V4), Err(Command { byte: 0x22 })),
        (v2(0x11, 0x11, V4), Err(Version { byte: 0x11 })),
        (v2(0x31, 0x11, V4), Err(Version { byte: 0x31 })),
        (v2(0x21, 0x12, V4), Err(Family { byte: 0x12 })),
        (v2(0x21, 0x10, V4), Err(Family { byte: 0x10 })),
        (v2(0x21, 0x01, V4), Err(Family { byte: 0x01 })),
        (v2(0x21, 0x22, &v6_block), Err(Family { byte: 0x22 })),
        (v2(0x21, 0x31, &[0; 216]), Err(Family { byte: 0x31 })),
        (v2(0x21, 0x41, V4), Err(Family { byte: 0x41 })),
        (v2(0x21, 0x11, &V4[..11]), Err(TooShort)),
        (v2(0x21, 0x21, &v6_block[..35]), Err(TooShort)),
        (v2(0x21, 0x11, &[0; 537]), Err(TooLong { limit_bytes: 552 })),
        (v2(0x20, 0x00, &[0; 0xffff]), Err(TooLong { limit_bytes: 552 })),
        (b"\r\n\r\nGET / HTTP/1.1\r\n".to_vec(), Err(Absent)),
        (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), Err(Absent)),
        (b"\x16\x03\x01\x02\x00".to_vec(), Err(Absent)),
        (SIGNATURE.to_vec(), Ok(NeedsMore)),
        (v2(0x21, 0x11, V4)[..27].to_vec(), Ok(NeedsMore)),
    ];
    for (bytes, expected) in table {
        assert_eq!(read(&bytes), expected, "{:?}", &bytes[..bytes.len().min(60)]);
    }
}

#[test]
fn faults_are_fit_to_be_shown() {
    assert_eq!(Absent.to_string(), "the connection does not begin with a PROXY protocol header");
    assert_eq!(Family { byte: 0x31 }.to_string(), "the PROXY header is not for TCP over IPv4 or IPv6 (0x31)");
}

/// Sound headers, most of them with one byte changed, and noise behind the signatures.
fn any_header() -> impl Strategy<Value = Vec<u8>> {
    let pair = prop_oneof![
        any::<([u8; 4], [u8; 4], u16, u16)>()
            .prop_map(|(a, b, c, d)| { (SocketAddr::new(a.into(), c), SocketAddr::new(b.into(), d)) }),
        any::<([u8; 16], [u8; 16], u16, u16)>()
            .prop_map(|(a, b, c, d)| { (SocketAddr::new(a.into(), c), SocketAddr::new(b.into(), d)) }),
    ];
    let v1 = pair.clone().prop_map(|pair| ppp::v1::Addresses::from(pair).to_string().into_bytes());
    let v2 = (pair, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(pair, tlv)| {
        let command = second::Version::Two | second::Command::Proxy;
        let builder = Builder::with_addresses(command, second::Protocol::Stream, pair);
        builder.write_tlv(second::Type::NoOp, &tlv).unwrap().build().unwrap()
    });
    let noise = proptest::collection::vec(any::<u8>(), 0..60);
    let noise_1 = noise.clone().prop_map(|noise| [b"PROXY TCP4 ".as_slice(), &noise].concat());
    let noise_2 = noise.prop_map(|noise| [SIGNATURE, &noise].concat());
    let change = proptest::option::of(any::<(prop::sample::Index, u8)>());
    (prop_oneof![3 => v1, 3 => v2, 1 => noise_1, 1 => noise_2], change).prop_map(|(mut bytes, change)| {
        if let Some((at, byte)) = change {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_split_gives_the_same_verdict_and_a_second_opinion_agrees(bytes in any_header()) {
        if let Ok(Header { length, source, destination }) = read(&bytes) {
            prop_assert_eq!((length, source, destination), second_opinion(&bytes));
        }
    }

    #[test]
    fn noise_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let _ = read(&bytes);
    }
}

/// What `ppp` makes of a header, and a panic if it makes nothing of it.
fn second_opinion(bytes: &[u8]) -> (usize, Option<SocketAddr>, Option<SocketAddr>) {
    let end = |address: std::net::IpAddr, port| Some(SocketAddr::new(address.to_canonical(), port));
    let (length, ends) = if bytes[0] == b'P' {
        let header = ppp::v1::Header::try_from(bytes).unwrap();
        let ends = match header.addresses {
            ppp::v1::Addresses::Unknown => None,
            ppp::v1::Addresses::Tcp4(a) => Some((
                end(a.source_address.into(), a.source_port),
                end(a.destination_address.into(), a.destination_port),
            )),
            ppp::v1::Addresses::Tcp6(a) => Some((
                end(a.source_address.into(), a.source_port),
                end(a.destination_address.into(), a.destination_port),
            )),
        };
        (header.header.len(), ends)
    } else {
        let header = second::Header::try_from(bytes).unwrap();
        let ends = match header.addresses {
            _ if header.command == second::Command::Local => None,
            second::Addresses::IPv4(a) => Some((
                end(a.source_address.into(), a.source_port),
                end(a.destination_address.into(), a.destination_port),
            )),
            second::Addresses::IPv6(a) => Some((
                end(a.source_address.into(), a.source_port),
                end(a.destination_address.into(), a.destination_port),
            )),
            second::Addresses::Unspecified | second::Addresses::Unix(_) => None,
        };
        (header.len(), ends)
    };
    let (source, destination) = ends.unwrap_or_default();
    (length, source, destination)
}
