//! Which address a request comes from, and whether it may.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::HeaderMap;
use ipnet::IpNet;

mod forwarding;

/// The header in which trusted proxies say for whom they ask. One is believed and never both: a proxy that writes the
/// one passes the other on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardingHeader {
    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where the connection comes from: the socket's peer, or whom a PROXY header names.
    pub address: SocketAddr,
    /// The trusted proxy that named it in a PROXY header, if one did.
    pub proxied_by: Option<IpAddr>,
}

impl Peer {
    /// The socket's peer itself.
    pub fn direct(address: SocketAddr) -> Self {
        Self { address, proxied_by: None }
    }

    /// Whom the PROXY header of a trusted peer names: that one, or the peer itself where it names nobody.
    pub fn named_by(proxy: SocketAddr, source: Option<SocketAddr>) -> Self {
        match source {
            Some(address) => Self { address, proxied_by: Some(proxy.ip().to_canonical()) },
            None => Self::direct(proxy),
        }
    }
}

/// The address decided on, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerAddress {
    /// The address; IPv4-mapped IPv6 is IPv4.
    pub address: IpAddr,
    /// The trusted proxy that named it in a header of the request, if one did, and in which.
    pub named_by: Option<(ForwardingHeader, IpAddr)>,
    /// The trusted proxy that named the connection's other end in a PROXY header, if one did.
    pub proxied_by: Option<IpAddr>,
}

impl CallerAddress {
    /// The connection's other end, for a request whose headers say nothing.
    pub fn of(peer: Peer) -> Self {
        Self { address: peer.address.ip().to_canonical(), named_by: None, proxied_by: peer.proxied_by }
    }

    /// How it was decided, for the request log.
    pub fn source(&self) -> String {
        let header = self.named_by.map(|(header, proxy)| format!("{} from {proxy}", header.name()));
        let connection = self.proxied_by.map(|proxy| format!("PROXY protocol from {proxy}"));
        let sources: Vec<String> = header.into_iter().chain(connection).collect();
        if sources.is_empty() { "peer".to_owned() } else { sources.join(", ") }
    }
}

impl fmt::Display for CallerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// The caller's address. No forwarding header is believed unless the peer is a trusted proxy; then the one that is to
/// be believed, all its lines together, is read from the right past trusted ones. An entry that is not an address ends
/// the reading: what stands left of it was written by nobody we trust.
pub fn resolve_address(
    peer: Peer,
    headers: &HeaderMap,
    trusted_proxies: &[IpNet],
    believed: ForwardingHeader,
) -> CallerAddress {
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|net| net.contains(address));
    let mut resolved = CallerAddress::of(peer);
    if !is_trusted(&resolved.address) {
        return resolved;
    }
    // `HeaderMap` keeps lines in their order, and gives them from its end, too.
    for line in headers.get_all(believed.name()).iter().rev() {
        let ended = match believed {
            ForwardingHeader::XForwardedFor => {
                follow(&mut resolved, believed, forwarding::read_x_forwarded_for(line.as_bytes()), is_trusted)
            }
            ForwardingHeader::Forwarded => {
                follow(&mut resolved, believed, forwarding::read_forwarded(line.as_bytes()), is_trusted)
            }
        };
        if ended {
            break;
        }
    }
    resolved
}

/// Goes along a line's addresses; true where the reading ends.
fn follow(
    resolved: &mut CallerAddress,
    header: ForwardingHeader,
    addresses: impl Iterator<Item = Option<IpAddr>>,
    is_trusted: impl Fn(&IpAddr) -> bool,
) -> bool {
    for address in addresses {
        let Some(address) = address else { return true };
        resolved.named_by = Some((header, resolved.address));
        resolved.address = address;
        if !is_trusted(&address) {
            return true;
        }
    }
    false
}

/// Whether an address may call; an empty list allows any.
pub(crate) fn is_allowed(address: IpAddr, allowed: &[IpNet]) -> bool {
    allowed.is_empty() || allowed.iter().any(|net| net.contains(&address))
}

/// Reads `203.0.113.7`, `10.0.0.0/8`, `2001:db8::/32`: an address alone is a network of one. Host bits must
/// be clear, and IPv4-mapped IPv6 is refused, so that a list says what it does.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse::<IpNet>().map_err(|_| {
            format!("`{text}` is not an address or network; write it like 203.0.113.7 or 203.0.113.0/24")
        })?,
    };
    if net.trunc() != net {
        return Err(format!("`{text}` has bits set beyond its prefix; did you mean {}?", net.trunc()));
    }
    if matches!(net, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
        return Err(format!("`{text}` is an IPv4-mapped network; write it as IPv4"));
    }
    Ok(net)
}

#[cfg(test)]
mod tests;
