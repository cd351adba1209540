//! A complete, structurally sound head to a [`ResponseHead`] (RFC 9112 section 4).

use bytes::Bytes;
use http::{Method, StatusCode, Version};

use super::fields::{ConnectionOptions, collect_fields, explain_fields};
use super::framing::{Declared, parse_declared};
use super::request::{find_upgrade, split_first_line};
use super::{Framing, ResponseHead};
use crate::{Limits, Malformed};

/// `field_count` is exact: each line after the first is one field.
pub(crate) fn parse_response(
    bytes: &Bytes,
    field_count: usize,
    limits: &Limits,
    request_method: &Method,
) -> Result<ResponseHead, Malformed> {
    let mut fields = vec![httparse::EMPTY_HEADER; field_count];
    let mut parsed = httparse::Response::new(&mut fields);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Malformed::StatusLine),
        Err(error) => return Err(explain(bytes, error, limits)),
    }
    let (Some(minor), Some(code)) = (parsed.version, parsed.code) else {
        return Err(Malformed::StatusLine);
    };
    let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let status = StatusCode::from_u16(code)
        .ok()
        .filter(|status| status.as_u16() < 600)
        .ok_or(Malformed::StatusLine)?;
    let headers = collect_fields(bytes, parsed.headers)?;
    let declared = parse_declared(&headers, version)?;
    let announces_body = !matches!(declared, Declared::Nothing | Declared::Length(0));
    if status.is_informational() && announces_body {
        return Err(Malformed::InterimBody);
    }
    let never_has_body = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || *request_method == Method::HEAD;
    let framing = match declared {
        _ if never_has_body => Framing::None,
        Declared::Length(length) => Framing::Length(length),
        Declared::Chunked => Framing::Chunked,
        Declared::Nothing => Framing::UntilClose,
    };
    let declared_length = match declared {
        Declared::Length(length) => Some(length),
        Declared::Nothing | Declared::Chunked => None,
    };
    // A 204 that announces a body may well be followed by one, which would be read as the next response.
    let is_contradictory = status == StatusCode::NO_CONTENT && announces_body;
    // A peer that garbles Connection is answered by not trusting the connection further.
    let options = ConnectionOptions::parse(&headers).ok();
    let persists = options.is_some_and(|options| options.persists(version));
    let switches = status == StatusCode::SWITCHING_PROTOCOLS && version == Version::HTTP_11;
    let upgrade = options.filter(|options| switches && options.upgrade).and_then(|_| find_upgrade(&headers));
    let keep_alive = persists
        && !is_contradictory
        && framing != Framing::UntilClose
        && status != StatusCode::SWITCHING_PROTOCOLS;
    Ok(ResponseHead { status, version, headers, framing, declared_length, keep_alive, upgrade })
}

/// Finds words for what httparse refused, and decides nothing.
fn explain(bytes: &[u8], error: httparse::Error, limits: &Limits) -> Malformed {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => {
            explain_fields(split_first_line(bytes).1)
        }
        httparse::Error::TooManyHeaders => Malformed::TooManyFields { limit: limits.fields },
        httparse::Error::Version => Malformed::Version,
        _ => Malformed::StatusLine,
    }
}
