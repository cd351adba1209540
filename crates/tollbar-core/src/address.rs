//! Which address a request comes from, and whether it may.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::HeaderMap;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The address decided on, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerAddress {
    /// The address; IPv4-mapped IPv6 is IPv4.
    pub address: IpAddr,
    /// The trusted proxy that named it, if one did.
    pub named_by: Option<IpAddr>,
}

impl CallerAddress {
    /// How it was decided, for the request log.
    pub fn source(&self) -> String {
        match self.named_by {
            None => "peer".to_owned(),
            Some(proxy) => format!("x-forwarded-for from {proxy}"),
        }
    }
}

impl fmt::Display for CallerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// The caller's address. No forwarding header is believed unless the peer is a trusted proxy; then
/// `X-Forwarded-For`, all its lines together, is read from the right past trusted ones. An entry that is not
/// an address ends the reading: what stands left of it was written by nobody we trust.
pub fn resolve_address(peer: SocketAddr, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> CallerAddress {
    let peer = peer.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|net| net.contains(address));
    let mut resolved = CallerAddress { address: peer, named_by: None };
    if !is_trusted(&peer) {
        return resolved;
    }
    let lines: Vec<&str> =
        headers.get_all(X_FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = parse_forwarded(entry.trim()) else { break };
        resolved = CallerAddress { address, named_by: Some(resolved.address) };
        if !is_trusted(&address) {
            break;
        }
    }
    resolved
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

fn parse_forwarded(entry: &str) -> Option<IpAddr> {
    // Rust reads neither octal nor hexadecimal parts, so nothing can be meant two ways.
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn resolved(peer: &str, lines: &[&str], trusted: &[&str]) -> (String, String) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        headers.insert("forwarded", HeaderValue::from_static("for=6.6.6.6"));
        headers.insert("x-real-ip", HeaderValue::from_static("6.6.6.6"));
        let trusted: Vec<IpNet> = trusted.iter().map(|net| parse_network(net).unwrap()).collect();
        let found = resolve_address(SocketAddr::new(peer.parse().unwrap(), 1), &headers, &trusted);
        (found.to_string(), found.source())
    }

    #[test]
    fn forwarding_headers_are_believed_only_from_trusted_proxies_and_from_the_right() {
        let proxies = &["10.0.0.0/8"][..];
        for (peer, lines, trusted, address) in [
            ("9.9.9.9", &["1.1.1.1"][..], &[][..], "9.9.9.9"),
            ("9.9.9.9", &["1.1.1.1"], proxies, "9.9.9.9"),
            ("10.0.0.1", &[], proxies, "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1"], proxies, "1.1.1.1"),
            ("10.0.0.1", &["6.6.6.6, 1.1.1.1"], proxies, "1.1.1.1"),
            ("10.0.0.1", &["6.6.6.6, 1.1.1.1, 10.2.2.2"], proxies, "1.1.1.1"),
            ("10.0.0.1", &["6.6.6.6", "1.1.1.1", "10.2.2.2"], proxies, "1.1.1.1"),
            ("10.0.0.1", &["6.6.6.6, unknown, 10.2.2.2"], proxies, "10.2.2.2"),
            ("10.0.0.1", &["010.1.1.1"], proxies, "10.0.0.1"),
            ("10.0.0.1", &["0x7f.1"], proxies, "10.0.0.1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], proxies, "1.2.3.4"),
            ("10.0.0.1", &["[2001:db8::1]:443"], proxies, "2001:db8::1"),
            ("10.0.0.1", &["1.2.3.4:5678"], proxies, "1.2.3.4"),
            ("10.0.0.1", &[""], proxies, "10.0.0.1"),
            ("::ffff:10.0.0.1", &["1.1.1.1"], proxies, "1.1.1.1"),
        ] {
            assert_eq!(resolved(peer, lines, trusted).0, address, "{peer} {lines:?}");
        }
        assert_eq!(resolved("10.0.0.1", &["1.1.1.1, 10.2.2.2"], proxies).1, "x-forwarded-for from 10.2.2.2");
        assert_eq!(resolved("9.9.9.9", &["1.1.1.1"], proxies).1, "peer");
    }

    #[test]
    fn a_list_is_read_strictly() {
        assert_eq!(parse_network("203.0.113.7").unwrap().to_string(), "203.0.113.7/32");
        assert!(parse_network("203.0.113.7/24").unwrap_err().contains("203.0.113.0/24"));
        for wrong in ["", "localhost", "1.2.3", "010.0.0.1", "1.2.3.4/33", "::ffff:1.2.3.0/120"] {
            assert!(parse_network(wrong).is_err(), "{wrong}");
        }
        let list = [parse_network("10.0.0.0/8").unwrap(), parse_network("2001:db8::/32").unwrap()];
        assert!(is_allowed("10.9.9.9".parse().unwrap(), &list));
        assert!(is_allowed("2001:db8::9".parse().unwrap(), &list));
        assert!(!is_allowed("11.0.0.1".parse().unwrap(), &list));
        assert!(is_allowed("11.0.0.1".parse().unwrap(), &[]));
    }
}
