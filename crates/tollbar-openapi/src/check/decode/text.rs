//! A text as it stands in a request: cut first, decoded then, so that an item can hold what stands between items.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A piece of a request, as written.
#[derive(Debug, Clone)]
pub(crate) struct Text<'a> {
    pub(crate) raw: Cow<'a, str>,
    pub(crate) coding: Coding,
}

/// How a piece is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it stands, without the blanks around it: headers.
    Plain,
    /// As it stands: parts of a multipart body.
    Verbatim,
    /// Percent-encoded, and a plus is a plus: paths.
    Percent,
    /// Percent-encoded, with `+` for a space: queries and forms.
    Form,
    /// Percent-encoded by some, as it stands by others: cookies.
    Cookie,
}

/// What stands between items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// `,`, and `%2C` where none stands as it is: libraries that encode whole values write it so.
    Comma,
    Dot,
    Semicolon,
    Ampersand,
    /// `|`, and `%7C`, as browsers and libraries write it.
    Pipe,
    /// `%20`, and `+`, which means the same where forms are written so.
    Space,
}

/// Words that follow a parameter's name.
pub(crate) const NOT_UTF8: &str = "is not valid UTF-8";
pub(crate) const BROKEN_ESCAPE: &str = "has a \"%\" that is not followed by two hexadecimal digits";

impl<'a> Text<'a> {
    pub(crate) fn new(raw: impl Into<Cow<'a, str>>, coding: Coding) -> Text<'a> {
        Text { raw: raw.into(), coding }
    }

    /// What it means, or what is wrong with it.
    ///
    /// A broken escape is refused: some readers would leave it as it is, some drop it, and some fail.
    pub(crate) fn decode(&self) -> Result<Cow<'_, str>, String> {
        let raw = self.raw.as_ref();
        match self.coding {
            Coding::Plain => Ok(Cow::Borrowed(raw.trim_matches([' ', '\t']))),
            Coding::Verbatim => Ok(Cow::Borrowed(raw)),
            Coding::Percent => decode_escapes(raw),
            Coding::Cookie if !escapes_are_whole(raw) => Ok(Cow::Borrowed(raw)),
            Coding::Cookie => decode_escapes(raw),
            Coding::Form => decode_form(raw),
        }
    }

    /// Its items, as written.
    pub(crate) fn split(&self, delimiter: Delimiter) -> Vec<Text<'_>> {
        let raw = self.raw.as_ref();
        let pieces: Vec<&str> = match delimiter {
            Delimiter::Comma if self.has_encoded_commas() => split_at_any(raw, &["%2C", "%2c"]),
            Delimiter::Comma => raw.split(',').collect(),
            Delimiter::Dot => raw.split('.').collect(),
            Delimiter::Semicolon => raw.split(';').collect(),
            Delimiter::Ampersand => raw.split('&').collect(),
            // Who writes the bar itself escapes the one in an item.
            Delimiter::Pipe if raw.contains('|') => raw.split('|').collect(),
            Delimiter::Pipe => split_at_any(raw, &["%7C", "%7c"]),
            Delimiter::Space => split_at_any(raw, &["%20", "+", " "]),
        };
        pieces.into_iter().map(|piece| Text::new(piece, self.coding)).collect()
    }

    /// Whether items stand in it with a comma between them, written as it is or encoded.
    pub(crate) fn has_commas(&self) -> bool {
        self.raw.contains(',') || self.has_encoded_commas()
    }

    /// Whether its commas are those that are encoded. Who writes the comma itself escapes the one in an item.
    fn has_encoded_commas(&self) -> bool {
        let is_encoded = match self.coding {
            Coding::Plain | Coding::Verbatim => false,
            Coding::Cookie => escapes_are_whole(&self.raw),
            Coding::Percent | Coding::Form => true,
        };
        is_encoded && !self.raw.contains(',') && (self.raw.contains("%2C") || self.raw.contains("%2c"))
    }

    /// A name and a value with `=` between them.
    pub(crate) fn split_pair(&self) -> Option<(Text<'_>, Text<'_>)> {
        let (name, value) = self.raw.split_once('=')?;
        Some((Text::new(name, self.coding), Text::new(value, self.coding)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

/// Decodes what is written as forms are.
pub(crate) fn decode_form(raw: &str) -> Result<Cow<'_, str>, String> {
    if !raw.contains('+') {
        return decode_escapes(raw);
    }
    Ok(Cow::Owned(decode_escapes(&raw.replace('+', " "))?.into_owned()))
}

fn decode_escapes(raw: &str) -> Result<Cow<'_, str>, String> {
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    if !escapes_are_whole(raw) {
        return Err(BROKEN_ESCAPE.to_owned());
    }
    percent_decode_str(raw).decode_utf8().map_err(|_| NOT_UTF8.to_owned())
}

fn escapes_are_whole(raw: &str) -> bool {
    let mut escapes = raw.as_bytes().split(|byte| *byte == b'%').skip(1);
    escapes.all(|after| after.get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)))
}

fn split_at_any<'t>(raw: &'t str, marks: &[&str]) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = raw.get(at..) {
        let Some(next) = rest.chars().next() else { break };
        match marks.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => {
                pieces.extend(raw.get(start..at));
                at += mark.len();
                start = at;
            }
            None => at += next.len_utf8(),
        }
    }
    pieces.extend(raw.get(start..));
    pieces
}
