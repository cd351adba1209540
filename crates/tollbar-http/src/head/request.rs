//! A complete, structurally sound head to a [`RequestHead`] (RFC 9112 section 3).

use bytes::Bytes;
use http::header::{EXPECT, HOST, TE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Version};

use super::authority::parse_authority;
use super::fields::{ConnectionOptions, collect_fields, explain_fields, is_token_byte};
use super::framing::{Declared, parse_declared};
use super::target::{check_target_bytes, parse_target};
use super::{Framing, RequestHead};
use crate::{Limits, Malformed};

/// Registered methods have at most 17 bytes.
pub(super) const METHOD_BYTES_MAX: usize = 32;

/// `field_count` is exact: each line after the first is one field.
pub(crate) fn parse_request(
    bytes: &Bytes,
    field_count: usize,
    limits: &Limits,
) -> Result<RequestHead, Malformed> {
    let mut fields = vec![httparse::EMPTY_HEADER; field_count];
    let mut parsed = httparse::Request::new(&mut fields);
    // `parse` and no `ParserConfig`: every leniency of httparse stays off.
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Malformed::RequestLine),
        Err(error) => return Err(explain(bytes, error, limits)),
    }
    let (Some(method), Some(raw_target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Malformed::RequestLine);
    };
    if method.len() > METHOD_BYTES_MAX {
        return Err(Malformed::MethodTooLong { limit_bytes: METHOD_BYTES_MAX });
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Malformed::Method)?;
    if raw_target.len() > limits.target_bytes {
        return Err(Malformed::TargetTooLong { limit_bytes: limits.target_bytes });
    }
    let (target, authority) = parse_target(&method, raw_target)?;
    let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let headers = collect_fields(bytes, parsed.headers)?;
    let host = resolve_host(&headers, version, authority)?;
    let framing = match parse_declared(&headers, version)? {
        Declared::Nothing => Framing::None,
        Declared::Length(length) => Framing::Length(length),
        Declared::Chunked => Framing::Chunked,
    };
    let options = ConnectionOptions::parse(&headers)?;
    let keep_alive = options.persists(version);
    let has_body = !matches!(framing, Framing::None | Framing::Length(0));
    let expects_continue = parse_expect(&headers)? && has_body && version == Version::HTTP_11;
    let may_upgrade = options.upgrade && !has_body && version == Version::HTTP_11;
    let upgrade = if may_upgrade { find_upgrade(&headers) } else { None };
    let accepts_trailers = version == Version::HTTP_11 && lists_trailers(&headers);
    Ok(RequestHead {
        method,
        target,
        version,
        headers,
        framing,
        host,
        keep_alive,
        expects_continue,
        upgrade,
        accepts_trailers,
    })
}

/// RFC 9112 section 3.2: exactly one Host; where the target names an authority too, both must agree, because it
/// cannot be known which one the next hop believes.
pub(super) fn resolve_host(
    headers: &HeaderMap,
    version: Version,
    authority: Option<String>,
) -> Result<Option<String>, Malformed> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Malformed::RepeatedHost);
    }
    let host = host.map(|value| parse_authority(value.as_bytes())).transpose()?;
    match (host, authority) {
        (None, _) if version == Version::HTTP_11 => Err(Malformed::MissingHost),
        (Some(host), Some(authority)) if host != authority => Err(Malformed::HostMismatch),
        (host, authority) => Ok(authority.or(host)),
    }
}

pub(super) fn parse_expect(headers: &HeaderMap) -> Result<bool, Malformed> {
    let mut expectations = headers.get_all(EXPECT).iter();
    match (expectations.next(), expectations.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(Malformed::Expect),
    }
}

fn lists_trailers(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(TE).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    listed.map(<[u8]>::trim_ascii).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

/// `token [ "/" token ]`, exactly one.
pub(super) fn find_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut offers = headers.get_all(UPGRADE).iter();
    let offer = offers.next().filter(|_| offers.next().is_none())?;
    let is_token = |part: &[u8]| !part.is_empty() && part.iter().copied().all(is_token_byte);
    let mut parts = offer.as_bytes().splitn(2, |&byte| byte == b'/');
    parts.all(is_token).then(|| offer.clone())
}

/// Finds words for what httparse refused, and decides nothing.
fn explain(bytes: &[u8], error: httparse::Error, limits: &Limits) -> Malformed {
    let (line, fields) = split_first_line(bytes);
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => explain_fields(fields),
        httparse::Error::TooManyHeaders => Malformed::TooManyFields { limit: limits.fields },
        _ => explain_request_line(line),
    }
}

fn explain_request_line(line: &[u8]) -> Malformed {
    let parts: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    match parts.as_slice() {
        [method, ..] if !method.iter().copied().all(is_token_byte) => Malformed::Method,
        [_, target, b"HTTP/1.0" | b"HTTP/1.1"] => {
            check_target_bytes(target).err().unwrap_or(Malformed::RequestLine)
        }
        [_, _, version] if version.starts_with(b"HTTP/") => Malformed::Version,
        _ => Malformed::RequestLine,
    }
}

pub(crate) fn split_first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[]),
    }
}
