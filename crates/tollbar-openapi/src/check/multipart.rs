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

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::decode::{
    Accept, Branch, Choices, Coding, Delimited, NOT_UTF8, Text, first_accepted_of, is_json, read_delimited,
    read_scalar,
};
use super::fault::Fault;
use super::form::{fault_of, path_of};
use super::json;
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
        let path = path_of(&part.name, view).map_err(|wrong| fault_of("multipart", &part.name, &wrong))?;
        if let Some(base) = path.first()
            && let Some(encoding) = encoding.get(*base)
        {
            check_media_type(&part, encoding).map_err(|wrong| fault_of("multipart", base, &wrong))?;
        }
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        fields.insert(path.iter().map(String::as_str), part);
    }
    first_accepted_of(text_bytes, accept, |choices| {
        let mut object = Map::with_capacity(fields.members.len());
        for (name, field) in &fields.members {
            let value = read_field(field, view.member(name), encoding.get(name), choices)
                .map_err(|wrong| fault_of("multipart", name, &wrong))?;
            object.insert(name.clone(), value);
        }
        Ok(Value::Object(object))
    })
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

fn read_field(
    field: &Branch<Part<'_>>,
    view: View<'_>,
    encoding: Option<&Encoding>,
    choices: &mut Choices,
) -> Result<Value, String> {
    let style = encoding.and_then(|encoding| match encoding.style {
        Some(Style::SpaceDelimited) => Some(Delimited::Space),
        Some(Style::PipeDelimited) => Some(Delimited::Pipe),
        Some(Style::Form) | None if encoding.explode == Some(false) => Some(Delimited::Comma),
        _ => None,
    });
    if let Some(style) = style
        && let [part] = field.values.as_slice()
        && !part.is_file
    {
        let text = std::str::from_utf8(part.bytes).map_err(|_| NOT_UTF8.to_owned())?;
        return read_delimited(style, false, &[Text::new(text, Coding::Verbatim)], view, choices);
    }
    let listed = encoding.map(|encoding| encoding.content_types.as_slice()).unwrap_or_default();
    let may_be_json = !listed.is_empty() && listed.iter().all(|range| is_json(range));
    field.read(view, choices, &mut |part, view, choices| read_part(part, view, may_be_json, choices))
}

fn read_part(
    part: &Part<'_>,
    view: View<'_>,
    is_json_by_document: bool,
    choices: &mut Choices,
) -> Result<Value, String> {
    if view.is_binary() {
        return Ok(placeholder(part, view));
    }
    let says_json = part.media_type.as_deref().map(is_json);
    if says_json.unwrap_or(is_json_by_document) {
        if !choices.may_parse(part.bytes.len()) {
            return Err("is too long: a form may have at most 1 MiB of JSON".to_owned());
        }
        let value = json::parse(part.bytes).map_err(|_| "is not valid JSON".to_owned());
        // A file of JSON, or a text that says so by mistake, may be meant as the string that it is.
        if view.types().has(Types::STRING) && (value.is_err() || choices.pick(2) == 1) {
            return Ok(text_or_placeholder(part, view));
        }
        return value;
    }
    match std::str::from_utf8(part.bytes) {
        Ok(_) if part.is_file && !view.is_typed() => Ok(placeholder(part, view)),
        Ok(text) => Ok(read_scalar(view, text.into(), choices)),
        Err(_) if part.is_file || !view.is_typed() => Ok(placeholder(part, view)),
        Err(_) => Err(NOT_UTF8.to_owned()),
    }
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
