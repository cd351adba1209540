//! The chunked coding (RFC 9112 section 7.1), decoded byte by byte in order: each verdict depends on what came
//! before it and never on how the bytes were split into segments.

use bytes::{Buf, Bytes, BytesMut};
use http::header;
use http::{HeaderMap, HeaderName};

use super::take_up_to;
use crate::head::fields::{collect_fields, is_token_byte};
use crate::head::framing::LENGTH_MAX;
use crate::head::lines::{Bounds, Lines};
use crate::{Limits, Malformed};

/// More digits than a 64-bit number needs.
const SIZE_DIGITS_MAX: usize = 16;
/// What size lines may cost in all beyond twice the data and 16 bytes per chunk: one-byte chunks with long
/// extensions would make us read hundreds of bytes for each that counts against a body limit.
const OVERHEAD_BYTES_MAX: u64 = 16 * 1024;
const OVERHEAD_BYTES_PER_CHUNK: u64 = 16;

/// What a decoding step gave.
#[derive(Debug)]
pub(crate) enum Step {
    Data(Bytes),
    NeedsMore,
    Finished(HeaderMap),
}

/// Where in the coding we are.
#[derive(Debug, Default)]
pub(crate) struct ChunkDecoder {
    state: State,
    overhead_bytes: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    SizeLine,
    Data(u64),
    DataEnd,
    Trailers(Lines),
}

impl ChunkDecoder {
    /// Consumes from the buffer until there is something to tell.
    pub(crate) fn step(&mut self, buffer: &mut BytesMut, limits: &Limits) -> Result<Step, Malformed> {
        loop {
            match &mut self.state {
                State::SizeLine => {
                    let Some((size, line_bytes)) = parse_size_line(buffer, limits.chunk_line_bytes)? else {
                        return Ok(Step::NeedsMore);
                    };
                    buffer.advance(line_bytes);
                    self.count_overhead(line_bytes as u64, size)?;
                    self.state =
                        if size == 0 { State::Trailers(Lines::default()) } else { State::Data(size) };
                }
                State::Data(_) if buffer.is_empty() => return Ok(Step::NeedsMore),
                State::Data(remaining) => {
                    let piece = take_up_to(buffer, remaining);
                    if *remaining == 0 {
                        self.state = State::DataEnd;
                    }
                    return Ok(Step::Data(piece));
                }
                State::DataEnd => match (buffer.first(), buffer.get(1)) {
                    (Some(b'\r'), Some(b'\n')) => {
                        buffer.advance(2);
                        self.state = State::SizeLine;
                    }
                    (None, _) | (Some(b'\r'), None) => return Ok(Step::NeedsMore),
                    _ => return Err(Malformed::ChunkDataEnd),
                },
                State::Trailers(lines) => {
                    let bounds =
                        Bounds { bytes: limits.trailer_bytes, fields: limits.fields, start_lines: 0 };
                    let Some(length) = lines.find_end(buffer, bounds).map_err(as_trailer)? else {
                        return Ok(Step::NeedsMore);
                    };
                    let trailers = parse_trailers(&buffer.split_to(length).freeze(), lines.count)?;
                    return Ok(Step::Finished(trailers));
                }
            }
        }
    }

    fn count_overhead(&mut self, line_bytes: u64, size: u64) -> Result<(), Malformed> {
        let earned = size.saturating_mul(2).saturating_add(OVERHEAD_BYTES_PER_CHUNK);
        self.overhead_bytes = (self.overhead_bytes + line_bytes).saturating_sub(earned);
        if self.overhead_bytes > OVERHEAD_BYTES_MAX { Err(Malformed::ChunkOverhead) } else { Ok(()) }
    }
}

/// `1*HEXDIG *( ";" extension ) CRLF`: gives the size and the line's length. Extensions are bounded and mean nothing; but
/// they have to be what RFC 9112 says, in ASCII and without white space between their parts: where two readers take an
/// open quote differently, they disagree about where the line ends.
fn parse_size_line(bytes: &[u8], limit_bytes: usize) -> Result<Option<(u64, usize)>, Malformed> {
    let mut size = 0_u64;
    let mut extension = None;
    for (at, &byte) in bytes.iter().enumerate() {
        let digit = char::from(byte).to_digit(16);
        match (byte, digit) {
            (b'\r', _) if at == 0 => return Err(Malformed::ChunkSize),
            (b'\r', _) => {
                return match bytes.get(at + 1) {
                    _ if !extension.is_none_or(Extension::may_end) => Err(Malformed::ChunkExtension),
                    None => Ok(None),
                    Some(b'\n') => Ok(Some((size, at + 2))),
                    Some(_) => Err(Malformed::ChunkLineEnd),
                };
            }
            (b'\n', _) => return Err(Malformed::ChunkLineEnd),
            _ if at >= limit_bytes => return Err(Malformed::ChunkLineTooLong { limit_bytes }),
            (b';', _) if at > 0 && extension.is_none() => extension = Some(Extension::NameStart),
            _ if extension.is_some() => {
                extension = extension.and_then(|extension| extension.after(byte));
                if extension.is_none() {
                    return Err(Malformed::ChunkExtension);
                }
            }
            (_, Some(_)) if at >= SIZE_DIGITS_MAX => return Err(Malformed::ChunkSizeOverflow),
            (_, Some(digit)) => {
                size = (size << 4) | u64::from(digit);
                if size > LENGTH_MAX {
                    return Err(Malformed::ChunkSizeOverflow);
                }
            }
            (_, None) => return Err(Malformed::ChunkSize),
        }
    }
    Ok(None)
}

/// Where in `";" name [ "=" ( token / quoted-string ) ]` we are (RFC 9112 section 7.1.1).
#[derive(Debug, Clone, Copy)]
enum Extension {
    NameStart,
    Name,
    ValueStart,
    Value,
    Quoted,
    Escaped,
    QuoteEnd,
}

impl Extension {
    fn after(self, byte: u8) -> Option<Self> {
        let is_printable = byte == b'\t' || (b' '..=b'~').contains(&byte);
        match (self, byte) {
            (Self::Name | Self::Value | Self::QuoteEnd, b';') => Some(Self::NameStart),
            (Self::Name, b'=') => Some(Self::ValueStart),
            (Self::NameStart | Self::Name, _) if is_token_byte(byte) => Some(Self::Name),
            (Self::ValueStart, b'"') => Some(Self::Quoted),
            (Self::ValueStart | Self::Value, _) if is_token_byte(byte) => Some(Self::Value),
            (Self::Quoted, b'"') => Some(Self::QuoteEnd),
            (Self::Quoted, b'\\') => Some(Self::Escaped),
            (Self::Quoted | Self::Escaped, _) if is_printable => Some(Self::Quoted),
            _ => None,
        }
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::QuoteEnd)
    }
}

/// RFC 9110 section 6.5.1: no trailer may frame, route, authenticate or describe the content. A peer that sends
/// such a thing means to be misread by somebody.
fn parse_trailers(section: &Bytes, count: usize) -> Result<HeaderMap, Malformed> {
    let mut fields = vec![httparse::EMPTY_HEADER; count];
    let trailers = match httparse::parse_headers(section, &mut fields) {
        Ok(httparse::Status::Complete((length, parsed))) if length == section.len() => {
            collect_fields(section, parsed).map_err(|_| Malformed::Trailer)?
        }
        _ => return Err(Malformed::Trailer),
    };
    if trailers.keys().any(is_forbidden_trailer) { Err(Malformed::ForbiddenTrailer) } else { Ok(trailers) }
}

/// Whether a field may not stand in a trailer section (RFC 9110 section 6.5.1).
pub fn is_forbidden_trailer(name: &HeaderName) -> bool {
    const FORBIDDEN: [HeaderName; 24] = [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::HOST,
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::WWW_AUTHENTICATE,
        header::PROXY_AUTHENTICATE,
        header::COOKIE,
        header::SET_COOKIE,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::CONTENT_LOCATION,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
        header::RANGE,
        header::CACHE_CONTROL,
        header::LOCATION,
        header::AGE,
        header::VARY,
        header::RETRY_AFTER,
    ];
    FORBIDDEN.contains(name)
}

fn as_trailer(malformed: Malformed) -> Malformed {
    match malformed {
        Malformed::HeadTooLarge { limit_bytes } => Malformed::TrailerTooLarge { limit_bytes },
        _ => Malformed::Trailer,
    }
}
