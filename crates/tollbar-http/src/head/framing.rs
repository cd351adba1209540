//! Where the body ends (RFC 9112 section 6.3), for both directions: what is ambiguous is refused.

use http::Version;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};

use crate::Malformed;

/// Lengths above this are negative to parsers that use a signed 64-bit number.
pub(crate) const LENGTH_MAX: u64 = i64::MAX.unsigned_abs();

/// Servers that hand fields on as environment variables cannot tell these from the real ones.
const LOOKALIKES: [&str; 2] = ["content_length", "transfer_encoding"];

/// What the fields declare, before it is known whether the message can have a body at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    Nothing,
    Length(u64),
    Chunked,
}

/// Reads Content-Length and Transfer-Encoding.
pub(crate) fn parse_declared(headers: &HeaderMap, version: Version) -> Result<Declared, Malformed> {
    if LOOKALIKES.iter().any(|name| headers.contains_key(*name)) {
        return Err(Malformed::LookalikeField);
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Declared::Nothing),
        (Some(_), _) if version != Version::HTTP_11 => Err(Malformed::TransferEncodingInHttp10),
        (Some(_), Some(_)) => Err(Malformed::LengthAndTransferEncoding),
        (Some(_), None) if codings.next().is_some() => Err(Malformed::RepeatedTransferEncoding),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Declared::Chunked),
        (Some(_), None) => Err(Malformed::TransferEncoding),
        (None, Some(_)) if lengths.next().is_some() => Err(Malformed::RepeatedLength),
        (None, Some(length)) => parse_length(length).map(Declared::Length),
    }
}

/// Decimal digits and nothing else; no leading zero, which some take for octal.
fn parse_length(value: &HeaderValue) -> Result<u64, Malformed> {
    let digits = value.as_bytes();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !plain || (digits.len() > 1 && digits[0] == b'0') {
        return Err(Malformed::InvalidLength);
    }
    digits
        .iter()
        .try_fold(0_u64, |length, digit| length.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|length| *length <= LENGTH_MAX)
        .ok_or(Malformed::LengthOverflow)
}
