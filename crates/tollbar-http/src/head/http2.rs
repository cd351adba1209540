//! A request that came by HTTP/2 (RFC 9113 section 8.3) to a [`RequestHead`]: the same head, with the same
//! meaning, that it would have been in HTTP/1.1. What could not be said there, or would be read differently, is
//! refused.

use http::header::{CONTENT_LENGTH, COOKIE, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Version, request::Parts};

use super::request::{METHOD_BYTES_MAX, parse_expect, resolve_host};
use super::target::{Target, parse_target};
use super::{Framing, RequestHead};
use crate::head::authority::parse_authority;
use crate::head::fields::is_token_byte;
use crate::head::framing::{Declared, parse_declared};
use crate::{Limits, Malformed};

/// What a field line costs in HTTP/1.1 beside name and value: `: ` and CR LF.
const LINE_OVERHEAD_BYTES: usize = 4;

/// Reads a request's head as the `h2` crate gives it; `ends` says that no body follows. That crate has refused
/// by then what RFC 9113 section 8 calls malformed: pseudo-header fields that are unknown, repeated, missing or
/// late, upper case in names, connection-specific fields.
///
/// Without Content-Length the framing is `Chunked`: a body whose end is marked, of a length that nobody knows yet.
pub fn request_head_from_http2(parts: &Parts, ends: bool, limits: &Limits) -> Result<RequestHead, Malformed> {
    check_fields(parts, limits)?;
    let method = parts.method.clone();
    if method.as_str().len() > METHOD_BYTES_MAX {
        return Err(Malformed::MethodTooLong { limit_bytes: METHOD_BYTES_MAX });
    }
    let target = parse_path(parts, limits)?;
    let authority = match parts.uri.authority() {
        Some(authority) if authority.as_str().contains('@') => return Err(Malformed::Userinfo),
        Some(authority) => Some(parse_authority(authority.as_str().as_bytes())?),
        None => None,
    };
    if !matches!(parts.uri.scheme_str(), None | Some("http" | "https")) {
        return Err(Malformed::Scheme);
    }
    // RFC 9113 section 8.3.1: Host says the same as :authority, or stands in for it.
    let host = resolve_host(&parts.headers, Version::HTTP_10, authority)?;
    let host = Some(host.ok_or(Malformed::MissingHost)?);
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        return Err(Malformed::TransferEncoding);
    }
    let framing = match parse_declared(&parts.headers, Version::HTTP_11)? {
        Declared::Length(0) | Declared::Nothing if ends => Framing::None,
        Declared::Length(_) if ends => return Err(Malformed::InvalidLength),
        Declared::Length(length) => Framing::Length(length),
        Declared::Nothing | Declared::Chunked => Framing::Chunked,
    };
    let expects_continue = parse_expect(&parts.headers)? && !ends;
    let headers = join_cookies(&parts.headers)?;
    Ok(RequestHead {
        method,
        target,
        version: Version::HTTP_2,
        headers,
        framing,
        host,
        keep_alive: true,
        expects_continue,
        upgrade: None,
        accepts_trailers: true,
    })
}

/// Fields that HTTP/1.1 can say, and the limits of its heads, for the head that this would be.
fn check_fields(parts: &Parts, limits: &Limits) -> Result<(), Malformed> {
    let mut bytes = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    for (name, value) in &parts.headers {
        // The `http` crate takes a double quote for part of a name.
        if !name.as_str().bytes().all(is_token_byte) {
            return Err(Malformed::FieldName);
        }
        // RFC 9113 section 8.2.1. HTTP/1.1 would take the white space away, and so change the value.
        let value = value.as_bytes();
        let is_white = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        if is_white(value.first()) || is_white(value.last()) {
            return Err(Malformed::FieldValue);
        }
        bytes += name.as_str().len() + value.len() + LINE_OVERHEAD_BYTES;
    }
    if parts.headers.len() > limits.fields {
        return Err(Malformed::TooManyFields { limit: limits.fields });
    }
    if bytes > limits.head_bytes {
        return Err(Malformed::HeadTooLarge { limit_bytes: limits.head_bytes });
    }
    Ok(())
}

fn parse_path(parts: &Parts, limits: &Limits) -> Result<Target, Malformed> {
    if parts.method == Method::CONNECT {
        return Err(Malformed::Connect);
    }
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    if path.len() > limits.target_bytes {
        return Err(Malformed::TargetTooLong { limit_bytes: limits.target_bytes });
    }
    // An absolute URL has its own pseudo-header fields here.
    if !path.starts_with('/') && path != "*" {
        return Err(Malformed::TargetForm);
    }
    parse_target(&parts.method, path).map(|(target, _)| target)
}

/// RFC 9113 section 8.2.3: a cookie that was split, so that it packs better, is one field again.
fn join_cookies(headers: &HeaderMap) -> Result<HeaderMap, Malformed> {
    let mut headers = headers.clone();
    if headers.get_all(COOKIE).iter().nth(1).is_some() {
        let crumbs = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let crumbs: Vec<&[u8]> = crumbs.filter(|crumb| !crumb.is_empty()).collect();
        let cookie = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).map_err(|_| Malformed::FieldValue)?;
        headers.insert(COOKIE, cookie);
    }
    // The framing says it, and is checked against what comes.
    headers.remove(CONTENT_LENGTH);
    Ok(headers)
}
