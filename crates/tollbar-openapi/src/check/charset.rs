//! In which characters a body, or a part of one, says that it is written.
//!
//! Everything is read as UTF-8. What says that it is something else would be checked as one text and read by the
//! upstream as another.

use super::media_type::MediaType;

/// Words that follow the name of such a field.
pub(super) const MUST_SAY_UTF8: &str = "must be utf-8";

/// Character sets in which ASCII is what it is in UTF-8. Some libraries name one of them for every text that they send.
const LIKE_ASCII: [&str; 5] = ["us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"];

/// What a media type's `charset` means for those who read UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset<'a> {
    Utf8,
    /// It is UTF-8 where there is nothing but ASCII.
    Ascii(&'a str),
    Other(&'a str),
}

/// Whether a name means UTF-8.
pub(super) fn is_utf8(name: &str) -> bool {
    ["utf-8", "utf8"].iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// Whether a form's field of this name says, to some readers, in which characters the others are written (RFC 7578,
/// section 4.6). Not all of those look at case.
pub(super) fn is_field(name: &str) -> bool {
    name.eq_ignore_ascii_case("_charset_")
}

impl<'a> Charset<'a> {
    pub(super) fn of(media_type: &'a MediaType<'_>) -> Charset<'a> {
        // A second way to write it, for readers of mail, comes in pieces: none of them is read here.
        if let Some(name) = media_type.names().find(|name| has_start(name, "charset*")) {
            return Charset::Other(name);
        }
        match media_type.find("charset") {
            None => Charset::Utf8,
            Some(name) if is_utf8(name) => Charset::Utf8,
            Some(name) if LIKE_ASCII.iter().any(|one| name.eq_ignore_ascii_case(one)) => Charset::Ascii(name),
            Some(name) => Charset::Other(name),
        }
    }

    /// Its name, if these bytes would not be the same text in UTF-8. In a form an escape is a byte as well.
    pub(super) fn other_for(self, bytes: &[u8], has_escapes: bool) -> Option<&'a str> {
        let is_beyond = |pair: &[u8]| matches!(pair, [b'%', digit] if !(b'0'..=b'7').contains(digit));
        match self {
            Charset::Utf8 => None,
            Charset::Ascii(_) if bytes.is_ascii() && !(has_escapes && bytes.windows(2).any(is_beyond)) => {
                None
            }
            Charset::Ascii(name) | Charset::Other(name) => Some(name),
        }
    }
}

fn has_start(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}
