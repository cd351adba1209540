//! Field lines to a map (RFC 9112 section 5), and the fields that are lists of tokens.

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

use crate::Malformed;

/// Takes over what `httparse` found; the values share `section`'s memory.
pub(crate) fn collect_fields(
    section: &Bytes,
    parsed: &[httparse::Header<'_>],
) -> Result<HeaderMap, Malformed> {
    let too_many = |_| Malformed::TooManyFields { limit: parsed.len() };
    let mut fields = HeaderMap::try_with_capacity(parsed.len()).map_err(too_many)?;
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed::FieldName)?;
        let value = HeaderValue::from_maybe_shared(section.slice_ref(field.value))
            .map_err(|_| Malformed::FieldValue)?;
        fields.try_append(name, value).map_err(too_many)?;
    }
    Ok(fields)
}

/// Names what made `httparse` refuse a field line; `section` has field lines only. The verdict is `httparse`'s,
/// this only finds words for it.
pub(crate) fn explain_fields(section: &[u8]) -> Malformed {
    for line in section.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return Malformed::FieldWithoutColon;
        };
        let name = &line[..colon];
        match name.last() {
            None => return Malformed::EmptyFieldName,
            Some(b' ' | b'\t') => return Malformed::SpaceBeforeColon,
            Some(_) if !name.iter().copied().all(is_token_byte) => return Malformed::FieldName,
            Some(_) => {}
        }
    }
    Malformed::FieldValue
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What Connection says about the connection itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

impl ConnectionOptions {
    /// RFC 9110 section 7.6.1: `#connection-option`, where empty elements are allowed.
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Self, Malformed> {
        let mut options = Self::default();
        for value in headers.get_all(CONNECTION) {
            for option in value.as_bytes().split(|&byte| byte == b',').map(trim_white_space) {
                if !option.iter().copied().all(is_token_byte) {
                    return Err(Malformed::Connection);
                }
                options.close |= option.eq_ignore_ascii_case(b"close");
                options.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                options.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
            }
        }
        Ok(options)
    }

    /// RFC 9112 section 9.3: `close` wins; HTTP/1.1 persists by default, HTTP/1.0 when asked to.
    pub(crate) fn persists(self, version: http::Version) -> bool {
        !self.close && (version == http::Version::HTTP_11 || self.keep_alive)
    }
}

fn trim_white_space(bytes: &[u8]) -> &[u8] {
    let is_white = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = bytes.iter().position(|byte| !is_white(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_white(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}
