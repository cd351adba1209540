//! `multipart/form-data` (RFC 7578): from parts to an object.
//!
//! What is checked must be what the upstream reads, so that whatever readers are known to disagree about is refused:
//! bare line feeds, text before the first boundary or after the last, folded or doubled headers, escaped quotes, a
//! line that begins with the boundary and goes on. That is why the parser is our own: those that exist are made to
//! get as much as possible out of a body, one stream at a time.
//!
//! A file is not looked into. It becomes a string of as many characters as it has bytes where its length is bounded
//! (`minLength` and `maxLength` count the bytes of what is binary), else an empty one.

mod disposition;
mod part;

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::charset::{self, Charset};
use super::decode::{
    Accept, Branch, Choices, Coding, Delimited, NOT_UTF8, Text, first_accepted_of, is_json, read_delimited,
    read_scalar,
};
use super::fault::Fault;
use super::form::{fault_of, path_of};
use super::json;
use super::media_type::MediaType;
use super::shape::{Shape, Types, View};
use crate::operation::{Encoding, Style};
use part::Part;

/// A body with more parts than this is refused.
pub(super) const PART_LIMIT: usize = 1_000;

/// Reads a multipart body with this boundary. A fault is one of the body as a whole, or of a part by its name.
pub(super) fn decode(
    bytes: &[u8],
    boundary: &str,
    shape: &Shape,
    encoding: &BTreeMap<String, Encoding>,
    accept: Accept<'_>,
) -> Result<Value, Fault> {
    let parts = part::split(bytes, boundary)
        .map_err(|wrong| Fault::of_request(&format!("the multipart body {wrong}")))?;
    let view = shape.view();
    let mut fields: Branch<Part<'_>> = Branch::default();
    let read_again = |part: &&Part<'_>| !part.is_file || part.media_type.as_deref().is_some_and(is_json);
    let text_bytes = parts.iter().filter(read_again).map(|part| part.bytes.len()).sum();
    for part in parts {
        check_charset_field(&part).map_err(|wrong| fault_of("multipart", &part.name, wrong))?;
        let path = path_of(&part.name, view).map_err(|wrong| fault_of("multipart", &part.name, &wrong))?;
        if let Some(base) = path.first()
            && let Some(encoding) = encoding.get(*base)
        {
            check_media_type(&part, encoding).map_err(|wrong| fault_of("multipart", base, &wrong))?;
        }
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        fields.insert(path.iter().map(String::as_str), part);
    }
    let read = |other: Other| {
        first_accepted_of(text_bytes, accept, |choices| {
            let mut object = Map::with_capacity(fields.members.len());
            for (name, field) in &fields.members {
                let reader = Reader { encoding: encoding.get(name), other: &other };
                let value = reader
                    .read(field, view.member(name), choices)
                    .map_err(|wrong| fault_of("multipart", name, &wrong))?;
                object.insert(name.clone(), value);
            }
            Ok(Value::Object(object))
        })
        .map(|value| (value, other.is_there.get()))
    };
    // Which of the two the upstream reads is not known: both must be right, and what is wrong with one is told.
    let (as_json, has_other) = read(Other::default())?;
    if !has_other || !accept(&as_json) {
        return Ok(as_json);
    }
    let (as_text, _) = read(Other { is_taken: true, ..Other::default() })?;
    Ok(if accept(&as_text) { as_json } else { as_text })
}

/// What says that it is JSON, and is a text by its description, can be read as either.
#[derive(Default)]
struct Other {
    /// Whether it is to be read as a text.
    is_taken: bool,
    /// Whether there is such a part.
    is_there: Cell<bool>,
}

/// Reads the parts of one field.
struct Reader<'r> {
    encoding: Option<&'r Encoding>,
    other: &'r Other,
}

fn check_charset_field(part: &Part<'_>) -> Result<(), &'static str> {
    let is_fine =
        !charset::is_field(&part.name) || std::str::from_utf8(part.bytes).is_ok_and(charset::is_utf8);
    if is_fine { Ok(()) } else { Err(charset::MUST_SAY_UTF8) }
}

/// Whether what is read as UTF-8 says that it is. What is not a media type says it to some readers.
fn check_charset(part: &Part<'_>) -> Result<(), String> {
    let Some(media_type) = &part.media_type else { return Ok(()) };
    let media_type = MediaType::parse(media_type).ok_or("has a malformed Content-Type")?;
    match Charset::of(&media_type).other_for(part.bytes, false) {
        None => Ok(()),
        Some(_) => Err("must be in UTF-8".to_owned()),
    }
}

/// Whether the part is of a media type that the document lists for it.
///
/// A part that does not say what it is, is text. Many clients send JSON so; it is taken for what the document says.
fn check_media_type(part: &Part<'_>, encoding: &Encoding) -> Result<(), String> {
    let listed = &encoding.content_types;
    if listed.is_empty() || encoding.style.is_some() || encoding.explode.is_some() {
        return Ok(());
    }
    let is_fine = match (&part.media_type, part.is_file) {
        (Some(given), _) => listed.iter().any(|range| is_within(given, range)),
        (None, true) => listed.iter().any(|range| is_within("application/octet-stream", range)),
        (None, false) => listed.iter().any(|range| is_json(range) || is_within("text/plain", range)),
    };
    if is_fine {
        return Ok(());
    }
    let ranges: Vec<&str> = listed.iter().map(|range| essence(range)).collect();
    match ranges.split_last() {
        Some((last, [])) => Err(format!("must be {last}")),
        Some((last, others)) => Err(format!("must be {} or {last}", others.join(", "))),
        None => Ok(()),
    }
}

impl Reader<'_> {
    fn read(&self, field: &Branch<Part<'_>>, view: View<'_>, choices: &mut Choices) -> Result<Value, String> {
        if let [part] = field.values.as_slice()
            && field.members.is_empty()
        {
            if let Some(style) = self.delimited().filter(|_| !part.is_file) {
                check_charset(part)?;
                let text = std::str::from_utf8(part.bytes).map_err(|_| NOT_UTF8.to_owned())?;
                return read_delimited(style, false, &[Text::new(text, Coding::Verbatim)], view, choices);
            }
            if let Some(list) = self.read_list(part, view, choices)? {
                return Ok(list);
            }
        }
        field.read(view, choices, &mut |part, view, choices| self.read_part(part, view, choices))
    }

    /// A list that is written in one part, as JSON.
    fn read_list(
        &self,
        part: &Part<'_>,
        view: View<'_>,
        choices: &mut Choices,
    ) -> Result<Option<Value>, String> {
        let (item, begins) = (view.item(0), part.bytes.trim_ascii_start().first());
        let is_whole = view.means_list() && !view.means_scalar() && !view.means_object();
        if !is_whole || item.is_binary() || !self.is_json(part, item) || begins != Some(&b'[') {
            return Ok(None);
        }
        let is_text = item.types().has(Types::STRING) && !self.says_json();
        self.other.is_there.set(is_text || self.other.is_there.get());
        if is_text && self.other.is_taken {
            return Ok(None);
        }
        check_charset(part)?;
        let list = parse(part, choices)?;
        // A list of lists may be written in as many parts as it has items.
        let is_item = item.types().has(Types::ARRAY) && choices.pick(2) == 1;
        Ok(Some(if is_item { Value::Array(vec![list]) } else { list }))
    }

    fn read_part(&self, part: &Part<'_>, view: View<'_>, choices: &mut Choices) -> Result<Value, String> {
        if view.is_binary() || (part.is_file && !view.is_typed() && !self.is_json(part, view)) {
            return Ok(placeholder(part, view));
        }
        check_charset(part)?;
        if !self.is_json(part, view) {
            return match std::str::from_utf8(part.bytes) {
                Ok(text) => Ok(read_scalar(view, text.into(), choices)),
                Err(_) if part.is_file || !view.is_typed() => Ok(placeholder(part, view)),
                Err(_) => Err(NOT_UTF8.to_owned()),
            };
        }
        if view.types().has(Types::STRING) && !self.says_json() {
            self.other.is_there.set(true);
            if self.other.is_taken {
                return Ok(text_or_placeholder(part, view));
            }
        }
        parse(part, choices)
    }

    /// Whether a part is to be read as JSON. A file of it may be meant as the bytes that it is, where the description
    /// speaks of nothing but texts.
    fn is_json(&self, part: &Part<'_>, view: View<'_>) -> bool {
        let is_plain = view.types().has(Types::STRING) && !view.means_object() && !view.means_list();
        match &part.media_type {
            None => self.says_json(),
            Some(given) => is_json(given) && (self.says_json() || !(part.is_file && is_plain)),
        }
    }

    /// Whether the document says that the field is JSON, and nothing else. A style counts before a media type.
    fn says_json(&self) -> bool {
        self.encoding.is_some_and(|encoding| {
            encoding.style.is_none()
                && encoding.explode.is_none()
                && !encoding.content_types.is_empty()
                && encoding.content_types.iter().all(|range| is_json(range))
        })
    }

    fn delimited(&self) -> Option<Delimited> {
        let encoding = self.encoding?;
        match encoding.style {
            Some(Style::SpaceDelimited) => Some(Delimited::Space),
            Some(Style::PipeDelimited) => Some(Delimited::Pipe),
            Some(Style::Form) | None if encoding.explode == Some(false) => Some(Delimited::Comma),
            _ => None,
        }
    }
}

fn parse(part: &Part<'_>, choices: &mut Choices) -> Result<Value, String> {
    if !choices.may_parse(part.bytes.len()) {
        return Err("is too long: a form may have at most 1 MiB of JSON".to_owned());
    }
    json::parse(part.bytes).map_err(|_| "is not valid JSON".to_owned())
}

fn text_or_placeholder(part: &Part<'_>, view: View<'_>) -> Value {
    std::str::from_utf8(part.bytes).map_or_else(|_| placeholder(part, view), Value::from)
}

fn placeholder(part: &Part<'_>, view: View<'_>) -> Value {
    let length = if view.is_measured() { part.bytes.len() } else { 0 };
    Value::String("x".repeat(length))
}

/// Whether a media type is one, or within a range such as `image/*`.
fn is_within(given: &str, range: &str) -> bool {
    let (given, range) = (essence(given), essence(range));
    match range.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => {
            given.split_once('/').is_some_and(|(given_kind, _)| given_kind.eq_ignore_ascii_case(kind))
        }
        None => given.eq_ignore_ascii_case(range),
    }
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests;
