//! From bytes to parts.

use super::{PART_LIMIT, disposition};

/// A part with a longer head is refused.
const HEAD_LIMIT_BYTES: usize = 8 * 1024;

/// A part with more header fields than this is refused.
const HEADER_LIMIT: usize = 16;

/// RFC 2046 says so.
const BOUNDARY_LIMIT_BYTES: usize = 70;

/// One part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'b> {
    pub(super) name: String,
    /// Whether it has a file name.
    pub(super) is_file: bool,
    pub(super) media_type: Option<String>,
    pub(super) bytes: &'b [u8],
}

/// The parts of a body; or what is wrong, in words that follow "the multipart body".
pub(super) fn split<'b>(bytes: &'b [u8], boundary: &str) -> Result<Vec<Part<'b>>, String> {
    check_boundary(boundary)?;
    let mark = format!("--{boundary}");
    let mut rest = bytes
        .strip_prefix(b"\r\n")
        .unwrap_or(bytes)
        .strip_prefix(mark.as_bytes())
        .ok_or("must begin with the boundary that its Content-Type names")?;
    let mut parts = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"--") {
            return match after {
                b"" | b"\r\n" => Ok(parts),
                _ => Err("must end with its last boundary".to_owned()),
            };
        }
        rest = rest.strip_prefix(b"\r\n").ok_or("has a line that begins with the boundary and goes on")?;
        if parts.len() == PART_LIMIT {
            return Err("must have at most 1,000 parts".to_owned());
        }
        let (part, after) = split_at_boundary(rest, mark.as_bytes())?;
        parts.push(parse(part).map_err(|wrong| format!("has a part that {wrong}"))?);
        rest = after;
    }
}

fn check_boundary(boundary: &str) -> Result<(), String> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    if boundary.is_empty() || boundary.len() > BOUNDARY_LIMIT_BYTES {
        return Err("must have a boundary of 1 to 70 characters".to_owned());
    }
    if !boundary.bytes().all(is_fine) || boundary.ends_with(' ') {
        return Err("must have a boundary of the characters that RFC 2046 allows".to_owned());
    }
    Ok(())
}

/// What stands before the next boundary, and what after it. Each line is compared once.
fn split_at_boundary<'b>(bytes: &'b [u8], mark: &[u8]) -> Result<(&'b [u8], &'b [u8]), String> {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| is_line_end(*byte))) {
        let end = at + found;
        at = end + 1;
        let Some(after) = bytes.get(at..).and_then(|rest| rest.strip_prefix(mark)) else { continue };
        // Some readers take a bare line feed before a boundary for a line's end.
        let part = bytes.get(..at).and_then(|part| part.strip_suffix(b"\r\n"));
        return part
            .map(|part| (part, after))
            .ok_or_else(|| "must have CR LF before each boundary, and no other line end".to_owned());
    }
    Err("must end with its last boundary".to_owned())
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Reads one part; or says what is wrong, in words that follow "a part that".
fn parse(bytes: &[u8]) -> Result<Part<'_>, String> {
    let (head, body) = split_head(bytes)?;
    let (mut disposition, mut media_type, mut transfer) = (None, None, None);
    let lines: Vec<&str> = head.split("\r\n").filter(|line| !line.is_empty()).collect();
    if lines.len() > HEADER_LIMIT {
        return Err("has more than 16 header fields".to_owned());
    }
    for line in lines {
        let (name, value) = parse_field(line).ok_or("has a malformed header field")?;
        let place = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => &mut disposition,
            "content-type" => &mut media_type,
            "content-transfer-encoding" => &mut transfer,
            // Other fields are to be ignored, by RFC 7578.
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(format!("has {name} more than once"));
        }
    }
    let disposition = disposition.ok_or("has no Content-Disposition")?;
    let disposition = disposition::parse(disposition)?;
    let is_plain = |value: &str| ["binary", "8bit", "7bit"].iter().any(|ok| value.eq_ignore_ascii_case(ok));
    if transfer.is_some_and(|value| !is_plain(value)) {
        return Err("has a Content-Transfer-Encoding, which must be binary, 8bit or 7bit".to_owned());
    }
    Ok(Part {
        name: disposition.name,
        is_file: disposition.is_file,
        media_type: media_type.map(str::to_owned),
        bytes: body,
    })
}

fn split_head(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    // A part without header fields begins with the empty line.
    let limit = bytes.len().min(HEAD_LIMIT_BYTES);
    let within = bytes.get(..limit).unwrap_or_default();
    let end = if within.starts_with(b"\r\n") {
        Some(0)
    } else {
        within.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 2)
    };
    let Some(end) = end else {
        let wrong =
            if bytes.len() > limit { "has a head of more than 8 KiB" } else { "has no end of its head" };
        return Err(wrong.to_owned());
    };
    let head = bytes.get(..end).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| "has a head that is not valid UTF-8")?;
    Ok((head, bytes.get(end + 2..).unwrap_or_default()))
}

/// `Name: value`, on one line, without anything that a reader could take for a line's end.
fn parse_field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_fine = !name.is_empty()
        && name.bytes().all(is_token)
        && !value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t');
    is_fine.then(|| (name, value.trim_matches([' ', '\t'])))
}
