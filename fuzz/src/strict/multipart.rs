//! `multipart/form-data` by the grammar of RFC 2046 and RFC 7578, without what they only tolerate.

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Whether it says of which media type it is, or that it is a file.
    pub is_marked: bool,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The parts of a body: everything between delimiters, which are line ends with the boundary behind them.
pub fn read_multipart(body: &[u8], boundary: &str) -> Option<Vec<Part>> {
    let whole = [b"\r\n".as_slice(), body].concat();
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut pieces = split(&whole, &delimiter);
    // A line end before the first delimiter is an empty preamble.
    if !matches!(pieces.remove(0), b"" | b"\r\n") || !matches!(pieces.pop()?, b"--" | b"--\r\n") {
        return None;
    }
    pieces.into_iter().map(read_part).collect()
}

fn read_part(piece: &[u8]) -> Option<Part> {
    let piece = piece.strip_prefix(b"\r\n")?;
    let head = std::str::from_utf8(split(piece, b"\r\n\r\n").first()?).ok()?;
    let bytes = piece.get(head.len() + 4..)?.to_vec();
    let (mut name, mut is_marked) = (None, false);
    for line in head.split("\r\n") {
        let (field, value) = line.split_once(':')?;
        is_marked |= field.eq_ignore_ascii_case("content-type");
        if field.eq_ignore_ascii_case("content-disposition") {
            is_marked |= value.to_ascii_lowercase().contains("filename");
            if name.replace(read_name(value)?).is_some() {
                return None;
            }
        }
    }
    Some(Part { name: name?, is_marked, bytes })
}

/// The value of the parameter `name`, of which there is one. Nothing in quotes is escaped.
fn read_name(disposition: &str) -> Option<String> {
    let mut names = Vec::new();
    let mut rest = disposition.trim();
    rest = rest.get("form-data".len()..).filter(|_| rest.to_ascii_lowercase().starts_with("form-data"))?;
    while !rest.is_empty() {
        rest = rest.trim_start().strip_prefix(';')?.trim_start();
        let (key, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(inside) => inside.split_once('"')?,
            None => value.split_at(value.find([';', ' ', '\t']).unwrap_or(value.len())),
        };
        if value.contains('\\') && key.eq_ignore_ascii_case("name") {
            return None;
        }
        rest = after.trim_end();
        if key.eq_ignore_ascii_case("name") {
            names.push(value.to_owned());
        }
    }
    names.pop().filter(|_| names.is_empty())
}

fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some(found) = rest.windows(at.len()).position(|window| window == at) {
        pieces.push(&rest[..found]);
        rest = &rest[found + at.len()..];
    }
    pieces.push(rest);
    pieces
}
