//! `Forwarded` by the grammar of RFC 7239, read forwards.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The `for` of each element of a line, from left to right; `None` where the line is not by the grammar. Within:
/// `None` for a node that is not an address, or is written with escapes, which no node needs.
pub fn read_forwarded(line: &[u8]) -> Option<Vec<Option<IpAddr>>> {
    let mut elements = Vec::new();
    let mut rest = line;
    loop {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut node = None;
        // forwarded-element = forwarded-pair *( ";" forwarded-pair )
        loop {
            let name = take_token(&mut rest)?.to_ascii_lowercase();
            rest = rest.strip_prefix(b"=")?;
            let (value, is_plain) = take_value(&mut rest)?;
            if name == b"for" && is_plain {
                node = read_node(&value);
            }
            if names.contains(&name) {
                return None;
            }
            names.push(name);
            match rest.strip_prefix(b";") {
                Some(after) => rest = after,
                None => break,
            }
        }
        elements.push(node);
        rest = skip_white_space(rest);
        if rest.is_empty() {
            return Some(elements);
        }
        rest = skip_white_space(rest.strip_prefix(b",")?);
    }
}

fn take_token(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let length = rest.iter().take_while(|byte| is_tchar(byte)).count();
    let (token, after) = rest.split_at(length);
    *rest = after;
    (length > 0).then(|| token.to_vec())
}

/// token / quoted-string; of the latter what it means. And whether that is what is written.
fn take_value(rest: &mut &[u8]) -> Option<(Vec<u8>, bool)> {
    let Some(mut inside) = rest.strip_prefix(b"\"") else { return Some((take_token(rest)?, true)) };
    let mut is_plain = true;
    let mut value = Vec::new();
    loop {
        let (&byte, after) = inside.split_first()?;
        inside = after;
        match byte {
            b'"' => {
                *rest = inside;
                return Some((value, is_plain));
            }
            b'\\' => {
                is_plain = false;
                let (&escaped, after) = inside.split_first()?;
                value.push(escaped);
                inside = after;
            }
            _ => value.push(byte),
        }
    }
}

/// node = nodename [ ":" node-port ]
fn read_node(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    let (address, port) = match node.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.into(), port)
        }
        None => {
            let end = node.find(':').unwrap_or(node.len());
            (IpAddr::from(node[..end].parse::<Ipv4Addr>().ok()?), &node[end..])
        }
    };
    let is_obfuscated = |port: &str| {
        let named = port.strip_prefix('_').unwrap_or_default();
        !named.is_empty() && named.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let is_number =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_port = |port: &str| is_obfuscated(port) || is_number(port);
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then(|| address.to_canonical())
}

fn skip_white_space(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()..]
}
