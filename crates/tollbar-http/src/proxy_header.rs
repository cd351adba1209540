//! The PROXY protocol, versions 1 and 2: how a proxy that carries bytes and not messages says who has called.
//!
//! Read by hand and not by the `ppp` crate, which is a second opinion in the tests. As of 2.3 that crate takes a port
//! with a plus sign, refuses a version 1 line that was cut behind a space, waits on after a line that is short of a
//! part, and bounds version 2 by 64 KiB only. What a proxy says about its caller is worth no leniency.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// Longest header that is read, of either version: an IPv6 pair with half a KiB of extensions.
pub const PROXY_HEADER_BYTES_MAX: usize = V2_FIXED_BYTES + V2_REST_BYTES_MAX;

const V1_BYTES_MAX: usize = 107;
const V1_SIGNATURE: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version with command, family with transport, length.
const V2_FIXED_BYTES: usize = 16;
const V2_REST_BYTES_MAX: usize = 536;

/// How far a header was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParsedProxyHeader {
    /// So far it is one; it goes on.
    NeedsMore,
    /// It is complete.
    Header {
        /// The bytes it took; what follows them is the connection's own.
        length: usize,
        /// Who has called; `None` where the proxy speaks for itself (LOCAL, as in its health checks) or does not say
        /// (UNKNOWN, UNSPEC). IPv4-mapped IPv6 is IPv4.
        source: Option<SocketAddr>,
        /// What was called, in the same way.
        destination: Option<SocketAddr>,
    },
}

/// What is wrong with a header. The text can be shown: it quotes nothing that was sent but, at most, one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum ProxyHeaderFault {
    /// The connection begins with something else.
    #[error("the connection does not begin with a PROXY protocol header")]
    Absent,
    /// No line end within the longest line of version 1.
    #[error("the PROXY line is longer than {limit_bytes} bytes")]
    LineTooLong {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// A control or non-ASCII byte, or a line end that is not CR LF.
    #[error("the PROXY line has a byte that is not allowed (0x{byte:02x})")]
    LineByte {
        /// The byte.
        byte: u8,
    },
    /// Not `TCP4`, `TCP6` or `UNKNOWN`.
    #[error("the PROXY line names a protocol other than TCP4, TCP6 and UNKNOWN")]
    Protocol,
    /// Not two addresses and two ports with single spaces between them.
    #[error("the PROXY line does not have two addresses and two ports")]
    Parts,
    /// Not an address of the family that the line names.
    #[error("the PROXY line has an address that is not of its protocol")]
    Address,
    /// Not a plain decimal number up to 65535.
    #[error("the PROXY line has a port that is not a plain number up to 65535")]
    Port,
    /// A version other than 2 behind the signature of version 2.
    #[error("the PROXY header has a version other than 2 (0x{byte:02x})")]
    Version {
        /// The byte with version and command.
        byte: u8,
    },
    /// Neither LOCAL nor PROXY.
    #[error("the PROXY header has a command other than LOCAL and PROXY (0x{byte:02x})")]
    Command {
        /// The byte with version and command.
        byte: u8,
    },
    /// Neither TCP over IPv4, nor TCP over IPv6, nor unspecified.
    #[error("the PROXY header is not for TCP over IPv4 or IPv6 (0x{byte:02x})")]
    Family {
        /// The byte with family and transport.
        byte: u8,
    },
    /// The length is beyond what is read.
    #[error("the PROXY header is longer than {limit_bytes} bytes")]
    TooLong {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// The length leaves no room for the addresses.
    #[error("the PROXY header is too short for the addresses of its family")]
    TooShort,
}

/// Reads a header from a connection's first bytes. Give it all that has come so far, until it is content: the verdict
/// depends on the bytes alone and not on how they came, and never needs more than [`PROXY_HEADER_BYTES_MAX`].
pub fn parse_proxy_header(bytes: &[u8]) -> Result<ParsedProxyHeader, ProxyHeaderFault> {
    match bytes.first() {
        None => Ok(ParsedProxyHeader::NeedsMore),
        Some(b'P') => parse_v1(bytes),
        Some(_) => parse_v2(bytes),
    }
}

fn parse_v1(bytes: &[u8]) -> Result<ParsedProxyHeader, ProxyHeaderFault> {
    if !begins_alike(bytes, V1_SIGNATURE) {
        return Err(ProxyHeaderFault::Absent);
    }
    let window = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = window.iter().position(|byte| !matches!(byte, b' '..=b'~')) else {
        return if window.len() < V1_BYTES_MAX {
            Ok(ParsedProxyHeader::NeedsMore)
        } else {
            Err(ProxyHeaderFault::LineTooLong { limit_bytes: V1_BYTES_MAX })
        };
    };
    match (window[end], window.get(end + 1)) {
        (b'\r', Some(b'\n')) => {}
        (b'\r', None) if window.len() < V1_BYTES_MAX => return Ok(ParsedProxyHeader::NeedsMore),
        (b'\r', None) => return Err(ProxyHeaderFault::LineTooLong { limit_bytes: V1_BYTES_MAX }),
        (byte, _) => return Err(ProxyHeaderFault::LineByte { byte }),
    }
    // Printable ASCII, as was just seen.
    let line = std::str::from_utf8(&window[V1_SIGNATURE.len()..end]).unwrap_or_default();
    let (protocol, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (source, destination) = match protocol {
        "TCP4" => parse_pair::<Ipv4Addr>(rest)?,
        "TCP6" => parse_pair::<Ipv6Addr>(rest)?,
        // What follows is to be ignored.
        "UNKNOWN" => (None, None),
        _ => return Err(ProxyHeaderFault::Protocol),
    };
    Ok(ParsedProxyHeader::Header { length: end + 2, source, destination })
}

type Pair = (Option<SocketAddr>, Option<SocketAddr>);

fn parse_pair<A: FromStr + Into<IpAddr>>(text: &str) -> Result<Pair, ProxyHeaderFault> {
    let parts: Vec<&str> = text.split(' ').collect();
    let [source, destination, source_port, destination_port] = parts[..] else {
        return Err(ProxyHeaderFault::Parts);
    };
    let address = |text: &str| text.parse::<A>().map_err(|_| ProxyHeaderFault::Address);
    let (source, destination) = (address(source)?, address(destination)?);
    Ok(pair((source, parse_port(source_port)?), (destination, parse_port(destination_port)?)))
}

/// No sign and no leading zero.
fn parse_port(text: &str) -> Result<u16, ProxyHeaderFault> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain).ok_or(ProxyHeaderFault::Port)
}

fn parse_v2(bytes: &[u8]) -> Result<ParsedProxyHeader, ProxyHeaderFault> {
    if !begins_alike(bytes, V2_SIGNATURE) {
        return Err(ProxyHeaderFault::Absent);
    }
    let Some((_, rest)) = bytes.split_first_chunk::<{ V2_SIGNATURE.len() }>() else {
        return Ok(ParsedProxyHeader::NeedsMore);
    };
    let is_local = match rest.first() {
        None => return Ok(ParsedProxyHeader::NeedsMore),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(&byte) if byte >> 4 == 2 => return Err(ProxyHeaderFault::Command { byte }),
        Some(&byte) => return Err(ProxyHeaderFault::Version { byte }),
    };
    // Of LOCAL, everything that follows is to be ignored.
    let family = match rest.get(1) {
        None => return Ok(ParsedProxyHeader::NeedsMore),
        Some(_) if is_local => Family::Unspecified,
        Some(0x00) => Family::Unspecified,
        Some(0x11) => Family::V4,
        Some(0x21) => Family::V6,
        Some(&byte) => return Err(ProxyHeaderFault::Family { byte }),
    };
    let Some((&[_, _, high, low], rest)) = rest.split_first_chunk() else {
        return Ok(ParsedProxyHeader::NeedsMore);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > V2_REST_BYTES_MAX {
        return Err(ProxyHeaderFault::TooLong { limit_bytes: PROXY_HEADER_BYTES_MAX });
    }
    if length < family.address_bytes() {
        return Err(ProxyHeaderFault::TooShort);
    }
    // Behind the addresses stand extensions, a checksum of the header among them. The length alone delimits them.
    let Some(rest) = rest.get(..length) else { return Ok(ParsedProxyHeader::NeedsMore) };
    let (source, destination) = family.parse(rest);
    Ok(ParsedProxyHeader::Header { length: V2_FIXED_BYTES + length, source, destination })
}

#[derive(Clone, Copy)]
enum Family {
    Unspecified,
    V4,
    V6,
}

impl Family {
    const fn address_bytes(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::V4 => 12,
            Self::V6 => 36,
        }
    }

    /// Source, destination, source port, destination port.
    fn parse(self, bytes: &[u8]) -> Pair {
        match self {
            Self::Unspecified => (None, None),
            Self::V4 => parse_block::<4, Ipv4Addr>(bytes),
            Self::V6 => parse_block::<16, Ipv6Addr>(bytes),
        }
    }
}

fn parse_block<const N: usize, A: From<[u8; N]> + Into<IpAddr>>(bytes: &[u8]) -> Pair {
    let read = || {
        let (source, rest) = bytes.split_first_chunk::<N>()?;
        let (destination, rest) = rest.split_first_chunk::<N>()?;
        let (source_port, rest) = rest.split_first_chunk()?;
        let (destination_port, _) = rest.split_first_chunk()?;
        let port = |bytes: &[u8; 2]| u16::from_be_bytes(*bytes);
        Some(pair((A::from(*source), port(source_port)), (A::from(*destination), port(destination_port))))
    };
    read().unwrap_or_default()
}

fn pair<A: Into<IpAddr>>(source: (A, u16), destination: (A, u16)) -> Pair {
    let end = |(address, port): (A, u16)| Some(SocketAddr::new(address.into().to_canonical(), port));
    (end(source), end(destination))
}

fn begins_alike(bytes: &[u8], signature: &[u8]) -> bool {
    let common = bytes.len().min(signature.len());
    bytes[..common] == signature[..common]
}
