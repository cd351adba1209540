//! `host [ ":" port ]` (RFC 9110 section 7.2), narrower than RFC 3986: no percent-encoding and no sub-delims in
//! names, no empty port, no zone identifiers.

use std::net::Ipv6Addr;

use crate::Malformed;

/// Longer than any host name (253), with room for a port.
const AUTHORITY_BYTES_MAX: usize = 261;

/// Gives the authority in lower case, otherwise as sent.
pub(crate) fn parse_authority(bytes: &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::InvalidHost)?;
    if text.len() <= AUTHORITY_BYTES_MAX && is_authority(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Malformed::InvalidHost)
    }
}

fn is_authority(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else { return false };
        let port_is_sound = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return port_is_sound && address.parse::<Ipv6Addr>().is_ok();
    }
    match text.split_once(':') {
        Some((name, port)) => is_name(name) && is_port(port),
        None => is_name(text),
    }
}

/// Labels of letters, digits, `-` and `_`; one trailing dot, as in a fully qualified name.
fn is_name(name: &str) -> bool {
    let is_label_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.strip_suffix('.')
        .unwrap_or(name)
        .split('.')
        .all(|label| !label.is_empty() && label.bytes().all(is_label_byte))
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}
