//! Reading the chain of forwarding headers from its end, where those whom we trust write.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses of an `X-Forwarded-For` line, the last first; `None` for an entry that is not one. By bytes: what a
/// stranger wrote further left, be it not even text, changes nothing of what stands right of it.
pub(super) fn read_x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    line.rsplit(|&byte| byte == b',').map(|entry| parse_entry(std::str::from_utf8(entry).ok()?.trim_ascii()))
}

fn parse_entry(entry: &str) -> Option<IpAddr> {
    // Rust reads neither octal nor hexadecimal parts, so nothing can be meant two ways.
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// The addresses of a `Forwarded` line (RFC 7239, section 4), the last first; `None`, and the end, for an element that
/// is malformed or names no address.
///
/// Read backwards byte by byte, and not cut at commas first: a quote that a stranger leaves open further left would
/// swallow what our proxy added.
pub(super) fn read_forwarded(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let mut left = Some(line);
    std::iter::from_fn(move || match take_element(left?) {
        Some((address, rest)) => {
            left = rest;
            Some(Some(address))
        }
        None => {
            left = None;
            Some(None)
        }
    })
}

/// The last element's address, and what stands left of its comma, if there is one.
fn take_element(line: &[u8]) -> Option<(IpAddr, Option<&[u8]>)> {
    let mut rest = line.trim_ascii_end();
    let mut names: Vec<&[u8]> = Vec::new();
    let mut node = None;
    loop {
        let (value, before) = take_value(rest)?;
        let (name, before) = take_token(before.strip_suffix(b"=")?)?;
        // RFC 7239, section 4: no parameter twice. The few that exist bound the list.
        if names.len() == PARAMETERS_MAX || names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return None;
        }
        names.push(name);
        if name.eq_ignore_ascii_case(b"for") {
            node = Some(value);
        }
        if let Some(before) = before.strip_suffix(b";") {
            rest = before;
            continue;
        }
        let before = before.trim_ascii_end();
        let rest = if before.is_empty() { None } else { Some(before.strip_suffix(b",")?) };
        return Some((parse_node(node?)?, rest));
    }
}

/// `for`, `by`, `host`, `proto`, and room for some that are not registered.
const PARAMETERS_MAX: usize = 16;

/// A token or a quoted string at the end; of the latter what stands between the quotes, with its backslashes.
fn take_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(inside) = bytes.strip_suffix(b"\"") else { return take_token(bytes) };
    let is_escaped = |at: usize| {
        let backslashes = inside[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes % 2 == 1
    };
    let open = (0..inside.len()).rev().find(|&at| inside[at] == b'"' && !is_escaped(at))?;
    let text = &inside[open + 1..];
    let is_whole =
        !is_escaped(inside.len()) && !text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    is_whole.then_some((text, &inside[..open]))
}

fn take_token(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let from = bytes.iter().rposition(|byte| !is_part(byte)).map_or(0, |at| at + 1);
    let (before, token) = bytes.split_at(from);
    (!token.is_empty()).then_some((token, before))
}

/// `203.0.113.7`, `203.0.113.7:4711`, `[2001:db8::1]`, `[2001:db8::1]:_port` (RFC 7239, section 6). `unknown` and
/// obfuscated names are no address.
fn parse_node(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    let (address, after) = if let Some(rest) = node.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        (IpAddr::from(address.parse::<Ipv6Addr>().ok()?), after)
    } else {
        let end = node.find(':').unwrap_or(node.len());
        (IpAddr::from(node[..end].parse::<Ipv4Addr>().ok()?), &node[end..])
    };
    let is_sound = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
    is_sound.then(|| address.to_canonical())
}

fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !name.is_empty() && name.bytes().all(is_part)
        }
        None => text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}
