//! Requests by the grammar of RFC 9110, RFC 9112 and RFC 3986. Where the grammar lets a recipient repair something, or
//! choose, this reader takes none of it.

use std::net::Ipv6Addr;

/// What a request means.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query as they stand in the target, or `*`.
    pub target: String,
    /// The minor version.
    pub minor_version: u8,
    /// The authority that is asked, in lower case.
    pub host: Option<String>,
    /// Name in lower case and value, sorted by name; those of one name in their order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Whether another request may follow on the connection.
    pub persists: bool,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// Where the next request begins.
    pub consumed: usize,
}

/// Reads the first request; `None` where it is not one, not unambiguous, or not complete.
pub fn read_request(bytes: &[u8]) -> Option<Request> {
    // RFC 9112, section 2.2: one empty line before it.
    let mut rest = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);

    // request-line = method SP request-target SP HTTP-version
    let line = take_line(&mut rest)?;
    let parts: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let [method, raw_target, version] = parts[..] else { return None };
    if !is_token(method) {
        return None;
    }
    let method = std::str::from_utf8(method).ok()?.to_owned();
    let minor_version = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        _ => return None,
    };
    let (target, authority) = read_target(&method, std::str::from_utf8(raw_target).ok()?)?;

    let mut fields = take_fields(&mut rest)?;

    // RFC 9112, section 3.2: one Host, none only in HTTP/1.0; an absolute target names the same.
    let hosts = values(&fields, "host");
    let named = match hosts[..] {
        [] if minor_version == 0 => None,
        [host] => {
            Some(std::str::from_utf8(host).ok().filter(|host| is_authority(host))?.to_ascii_lowercase())
        }
        _ => return None,
    };
    if authority.is_some() && named.is_some() && authority != named {
        return None;
    }
    let host = authority.or(named);

    // RFC 9112, section 6.3.
    let codings = values(&fields, "transfer-encoding");
    let lengths = values(&fields, "content-length");
    let body = match (&codings[..], &lengths[..]) {
        ([], []) => Vec::new(),
        ([], [length]) => take_length(&mut rest, length)?,
        ([coding], []) if minor_version == 1 && coding.eq_ignore_ascii_case(b"chunked") => {
            take_chunks(&mut rest)?
        }
        _ => return None,
    };

    // RFC 9112, section 9.3.
    let options = connection_options(&fields)?;
    let has = |option: &str| options.iter().any(|other| other == option);
    let persists = !has("close") && (minor_version == 1 || has("keep-alive"));

    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    Some(Request {
        method,
        target,
        minor_version,
        host,
        fields,
        persists,
        body,
        consumed: bytes.len() - rest.len(),
    })
}

/// A line without its CR LF; neither stands anywhere else in it.
fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let line = rest[..end].strip_suffix(b"\r")?;
    if line.contains(&b'\r') {
        return None;
    }
    *rest = &rest[end + 1..];
    Some(line)
}

/// *( field-line CRLF ) CRLF
fn take_fields(rest: &mut &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut fields = Vec::new();
    loop {
        let line = take_line(rest)?;
        if line.is_empty() {
            return Some(fields);
        }
        // field-line = field-name ":" OWS field-value OWS
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        // field-vchar = VCHAR / obs-text
        let is_value_byte = |&byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff);
        if !is_token(name) || !value.iter().all(is_value_byte) {
            return None;
        }
        fields.push((std::str::from_utf8(name).ok()?.to_ascii_lowercase(), value.to_vec()));
    }
}

fn values<'a>(fields: &'a [(String, Vec<u8>)], wanted: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_slice()).collect()
}

/// #connection-option, in lower case. Elements may be empty.
fn connection_options(fields: &[(String, Vec<u8>)]) -> Option<Vec<String>> {
    let mut options = Vec::new();
    for value in values(fields, "connection") {
        for option in value.split(|&byte| byte == b',').map(trim).filter(|option| !option.is_empty()) {
            if !is_token(option) {
                return None;
            }
            options.push(std::str::from_utf8(option).ok()?.to_ascii_lowercase());
        }
    }
    Some(options)
}

/// Content-Length = 1*DIGIT
fn take_length(rest: &mut &[u8], value: &[u8]) -> Option<Vec<u8>> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: usize = std::str::from_utf8(value).ok()?.parse().ok()?;
    take_bytes(rest, length).map(<[u8]>::to_vec)
}

/// chunked-body = *chunk last-chunk trailer-section CRLF
fn take_chunks(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = take_line(rest)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extensions) = line.split_at(digits);
        if !are_extensions(extensions) {
            return None;
        }
        // No digits are no number.
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            take_fields(rest)?;
            return Some(body);
        }
        body.extend_from_slice(take_bytes(rest, size)?);
        if take_bytes(rest, 2)? != b"\r\n" {
            return None;
        }
    }
}

/// *( ";" chunk-ext-name [ "=" chunk-ext-val ] ), without the white space that no sender may put between.
fn are_extensions(mut text: &[u8]) -> bool {
    while let Some(rest) = text.strip_prefix(b";") {
        let (name, rest) = split_token(rest);
        if name.is_empty() {
            return false;
        }
        text = match rest.strip_prefix(b"=") {
            None => rest,
            // chunk-ext-val = token / quoted-string
            Some(value) => match value.strip_prefix(b"\"") {
                Some(inside) => match split_quoted(inside) {
                    Some(rest) => rest,
                    None => return false,
                },
                None => {
                    let (token, rest) = split_token(value);
                    if token.is_empty() {
                        return false;
                    }
                    rest
                }
            },
        };
    }
    text.is_empty()
}

/// What follows a quoted string whose opening quote is gone.
fn split_quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        let (&byte, rest) = text.split_first()?;
        text = match byte {
            b'"' => return Some(rest),
            // quoted-pair = "\" ( HTAB / SP / VCHAR / obs-text )
            b'\\' => match rest.split_first()? {
                (b'\t' | b' '..=b'~' | 0x80..=0xff, rest) => rest,
                _ => return None,
            },
            b'\t' | b' '..=b'~' | 0x80..=0xff => rest,
            _ => return None,
        };
    }
}

fn take_bytes<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

/// Path and query, and the authority of an absolute target (RFC 9112, section 3.2).
fn read_target(method: &str, raw: &str) -> Option<(String, Option<String>)> {
    if method == "CONNECT" {
        return None;
    }
    if raw == "*" {
        return (method == "OPTIONS").then(|| ("*".to_owned(), None));
    }
    if raw.starts_with('/') {
        return is_path_and_query(raw).then(|| (raw.to_owned(), None));
    }
    let lower = raw.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let rest = &raw[scheme.len()..];
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    // RFC 9110, section 4.2.1: the host is not empty.
    if !is_authority(authority) || authority.is_empty() || authority.starts_with(':') {
        return None;
    }
    let target = match after {
        // RFC 9112, section 3.2.4.
        "" if method == "OPTIONS" => "*".to_owned(),
        _ if after.starts_with('/') => after.to_owned(),
        _ => format!("/{after}"),
    };
    let is_sound = target == "*" || is_path_and_query(&target);
    is_sound.then(|| (target, Some(authority.to_ascii_lowercase())))
}

/// absolute-path [ "?" query ]
fn is_path_and_query(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    // A query may have what browsers do not encode there, although RFC 3986 does not know it.
    is_made_of(path, |byte| is_pchar(byte) || byte == b'/')
        && is_made_of(query, |byte| is_pchar(byte) || b"/?[]^`{|}".contains(&byte))
}

/// Such bytes, and pct-encoded = "%" HEXDIG HEXDIG.
fn is_made_of(text: &str, is_plain: impl Fn(u8) -> bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_sound = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => is_plain(byte),
        };
        if !is_sound {
            return false;
        }
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_sub_delim(byte: u8) -> bool {
    b"!$&'()*+,;=".contains(&byte)
}

/// Without pct-encoded.
fn is_pchar(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delim(byte) || byte == b':' || byte == b'@'
}

/// uri-host [ ":" port ]
fn is_authority(text: &str) -> bool {
    let (is_host, after) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, after)) => (address.parse::<Ipv6Addr>().is_ok(), after),
            None => return false,
        },
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (is_made_of(&text[..end], |byte| is_unreserved(byte) || is_sub_delim(byte)), &text[end..])
        }
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    is_host && (after.is_empty() || after.strip_prefix(':').is_some_and(is_port))
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// token = 1*tchar
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_tchar)
}

fn split_token(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| is_tchar(**byte)).count())
}

/// Without OWS at both ends.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_ink = |byte: &u8| !matches!(byte, b' ' | b'\t');
    match (bytes.iter().position(is_ink), bytes.iter().rposition(is_ink)) {
        (Some(first), Some(last)) => &bytes[first..=last],
        _ => &[],
    }
}
