//! Who has called, by the headers of proxies: each line of an input is one line of the header.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use tollbar_core::{CallerAddress, ForwardingHeader, Peer, parse_network, resolve_address};

use crate::strict;

/// Pieces that mean something.
pub(super) const WORDS: &[&[u8]] = &[
    b", ",
    b",",
    b";",
    b"=",
    b"\"",
    b"\\",
    b" ",
    b"\t",
    b"\n",
    b"for=",
    b"For=",
    b"by=",
    b"proto=https",
    b"host=\"a\"",
    b"for=10.2.2.2",
    b"10.2.2.2",
    b"1.1.1.1",
    b"for=\"[2001:db8::1]:4711\"",
    b"[2001:db8::1]",
    b":80",
    b"unknown",
    b"_x",
    b"::ffff:10.0.0.9",
    b"\xff",
];

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9));
const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));

/// A stranger is not believed; nobody can hide what a proxy adds; every step of the chain is a trusted one; and of a
/// line that is by the grammar, a reader that goes the other way reads the same.
pub(super) fn forwarded_chain(input: &[u8]) {
    let trusted = [parse_network("10.0.0.0/8").unwrap()];
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    for believed in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded] {
        let Some(headers) = headers(believed, &lines) else { continue };
        let of = |peer: IpAddr, headers: &HeaderMap| {
            resolve_address(Peer::direct(SocketAddr::new(peer, 1)), headers, &trusted, believed)
        };
        assert_eq!(of(STRANGER, &headers).address, STRANGER, "a stranger is believed");
        check_steps(of(PROXY, &headers), &trusted);

        let added = if believed == ForwardingHeader::Forwarded { "for=1.1.1.1" } else { "1.1.1.1" };
        let mut on_its_own_line = headers.clone();
        on_its_own_line.append(believed.name(), HeaderValue::from_static(added));
        assert_eq!(of(PROXY, &on_its_own_line).address, CALLER, "a line hides the one after it");
        let last = [lines.last().unwrap(), b", ".as_slice(), added.as_bytes()].concat();
        let to_the_line = [&lines[..lines.len() - 1], &[last.as_slice()]].concat();
        let Some(to_the_line) = self::headers(believed, &to_the_line) else { continue };
        assert_eq!(of(PROXY, &to_the_line).address, CALLER, "a line hides what is added to it");
    }
    if let [line] = lines[..] {
        check_second_reader(line, &trusted);
    }
}

fn headers(believed: ForwardingHeader, lines: &[&[u8]]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let name = HeaderName::from_static(believed.name());
        headers.append(name, HeaderValue::from_bytes(line.trim_ascii()).ok()?);
    }
    Some(headers)
}

fn check_steps(found: CallerAddress, trusted: &[IpNet]) {
    assert_eq!(found.address, found.address.to_canonical(), "one address has two spellings");
    let by = found.named_by.map(|(_, proxy)| proxy);
    assert!(by.is_some() || found.address == PROXY, "an address that nobody named");
    assert!(
        by.is_none_or(|by| trusted.iter().any(|net| net.contains(&by))),
        "named by one who is not trusted"
    );
    assert!(found.source().len() < 80);
}

/// The last that is not trusted, by the elements read from the left.
fn check_second_reader(line: &[u8], trusted: &[IpNet]) {
    let Some(headers) = headers(ForwardingHeader::Forwarded, &[line]) else { return };
    let peer = Peer::direct(SocketAddr::new(PROXY, 1));
    let found = resolve_address(peer, &headers, trusted, ForwardingHeader::Forwarded).address;
    let line = headers["forwarded"].as_bytes();
    // Ours bounds the parameters of an element.
    if line.iter().filter(|byte| **byte == b';').count() >= 16 {
        return;
    }
    let Some(elements) = strict::read_forwarded(line) else { return };
    let mut expected = PROXY;
    for element in elements.iter().rev() {
        let Some(address) = element else { break };
        expected = *address;
        if !trusted.iter().any(|net| net.contains(address)) {
            break;
        }
    }
    assert_eq!(found, expected, "a reader from the left finds another address: {elements:?}");
}
