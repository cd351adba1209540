//! `application/x-www-form-urlencoded`: from pairs to an object.
//!
//! A member that is an object or a list may be written as the specification says (JSON as text; a pair for each item;
//! by `style` and `explode`), or with names in brackets, as most clients write it: `a[b][0][c]=1`. Fields that the
//! schema does not name are kept; whether they may be there is for the schema to say.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::charset;
use super::decode::{
    Accept, Branch, Choices, Coding, Delimited, Text, check_depth, decode_form, first_accepted_of, is_json,
    read_delimited, read_text, shown_name, split_name,
};
use super::fault::Fault;
use super::json;
use super::shape::{Shape, View};
use crate::operation::{Encoding, Style};

/// A form with more fields than this is refused.
pub(super) const FORM_FIELD_LIMIT: usize = 10_000;

/// A form as fields: what was given under each name.
type Fields<'a> = Branch<Text<'a>>;

/// Reads a form. A fault is one of the body as a whole, or of a field by its name.
pub(super) fn decode(
    bytes: &[u8],
    shape: &Shape,
    encoding: &BTreeMap<String, Encoding>,
    accept: Accept<'_>,
) -> Result<Value, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::of_request("the form is not valid UTF-8"))?;
    let view = shape.view();
    let fields = fields(text, view)?;
    // What is written under other names than its own.
    let spread: Vec<&str> = encoding
        .iter()
        .filter(|(name, encoding)| {
            encoding.style == Some(Style::Form)
                && encoding.explode != Some(false)
                && view.named_member(name).is_some_and(|one| one.means_object() && !one.means_list())
        })
        .map(|(name, _)| name.as_str())
        .collect();
    first_accepted_of(bytes.len(), accept, |choices| read(&fields, view, encoding, &spread, choices))
}

/// Under which names in a form a field stands: its own, or with brackets those of a member that can have members.
pub(super) fn path_of<'n>(name: &'n str, view: View<'_>) -> Result<Vec<&'n str>, String> {
    if view.named_member(name).is_some() {
        return Ok(vec![name]);
    }
    match split_name(name) {
        Some((base, rest)) if may_have_members(view.member(base), view.named_member(base).is_some()) => {
            check_depth(&rest)?;
            Ok(std::iter::once(base).chain(rest).collect())
        }
        Some((base, _)) if view.named_member(base).is_some() => {
            Err("must be written without brackets".to_owned())
        }
        Some((base, _)) => match view.find_spelling(base) {
            Some(meant) => Err(format!("must be written {}", shown_name(meant))),
            None => Ok(vec![name]),
        },
        None => Ok(vec![name]),
    }
}

/// A fault of a field, in words that follow its name.
pub(super) fn fault_of(kind: &str, name: &str, wrong: &str) -> Fault {
    Fault::of_request(&format!("{kind} field {} {wrong}", shown_name(name)))
}

fn may_have_members(view: View<'_>, is_named: bool) -> bool {
    view.means_list() || view.means_object() || (is_named && !view.is_typed())
}

fn fields<'a>(text: &'a str, view: View<'_>) -> Result<Fields<'a>, Fault> {
    if text.split('&').take(FORM_FIELD_LIMIT + 1).count() > FORM_FIELD_LIMIT {
        return Err(Fault::of_request("the form must have at most 10,000 fields"));
    }
    let mut fields = Fields::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name: Cow<'_, str> =
            decode_form(name).map_err(|wrong| Fault::of_request(&format!("a name in the form {wrong}")))?;
        let value = Text::new(value, Coding::Form);
        check_charset_field(&name, &value).map_err(|wrong| fault_of("form", &name, wrong))?;
        let path = path_of(&name, view).map_err(|wrong| fault_of("form", &name, &wrong))?;
        fields.insert(path, value);
    }
    Ok(fields)
}

fn check_charset_field(name: &str, value: &Text<'_>) -> Result<(), &'static str> {
    let is_fine = !charset::is_field(name) || value.decode().is_ok_and(|value| charset::is_utf8(&value));
    if is_fine { Ok(()) } else { Err(charset::MUST_SAY_UTF8) }
}

fn read(
    fields: &Fields<'_>,
    view: View<'_>,
    encoding: &BTreeMap<String, Encoding>,
    spread: &[&str],
    choices: &mut Choices,
) -> Result<Value, Fault> {
    let mut object = Map::with_capacity(fields.members.len());
    let mut gathered: HashMap<&str, Fields<'_>> = HashMap::new();
    for (name, field) in &fields.members {
        let owner = spread.iter().find(|owner| {
            view.named_member(name).is_none()
                && view.named_member(owner).is_some_and(|one| one.named_member(name).is_some())
        });
        if let Some(owner) = owner {
            for value in &field.values {
                gathered.entry(owner).or_default().insert([name.as_str()], value.clone());
            }
            continue;
        }
        let value = read_field(field, view.member(name), encoding.get(name), choices)
            .map_err(|wrong| fault_of("form", name, &wrong))?;
        object.insert(name.clone(), value);
    }
    for (owner, members) in gathered {
        let value = members
            .read(view.member(owner), choices, &mut read_text)
            .map_err(|wrong| fault_of("form", owner, &wrong))?;
        object.insert(owner.to_owned(), value);
    }
    Ok(Value::Object(object))
}

fn read_field(
    field: &Fields<'_>,
    view: View<'_>,
    encoding: Option<&Encoding>,
    choices: &mut Choices,
) -> Result<Value, String> {
    if !field.members.is_empty() {
        return field.read(view, choices, &mut read_text);
    }
    match encoding.and_then(delimited) {
        Some((style, may_repeat)) => read_delimited(style, may_repeat, &field.values, view, choices),
        None if encoding.is_some_and(is_json_text) => read_json(&field.values, view),
        None => field.read(view, choices, &mut read_text),
    }
}

/// How a member is written by its `style` and `explode`, if that is not the usual way.
fn delimited(encoding: &Encoding) -> Option<(Delimited, bool)> {
    let explode = encoding.explode;
    match encoding.style {
        Some(Style::SpaceDelimited) => Some((Delimited::Space, explode.unwrap_or(false))),
        Some(Style::PipeDelimited) => Some((Delimited::Pipe, explode.unwrap_or(false))),
        Some(Style::Form) | None if explode == Some(false) => Some((Delimited::Comma, false)),
        _ => None,
    }
}

/// A style, where there is one, counts before a media type.
fn is_json_text(encoding: &Encoding) -> bool {
    encoding.style.is_none()
        && encoding.explode.is_none()
        && !encoding.content_types.is_empty()
        && encoding.content_types.iter().all(|one| is_json(one))
}

/// The text is JSON: the whole value, or an item of a list.
fn read_json(values: &[Text<'_>], view: View<'_>) -> Result<Value, String> {
    let read =
        |text: &Text<'_>| json::parse(text.decode()?.as_bytes()).map_err(|_| "is not valid JSON".to_owned());
    let [one] = values else {
        if !view.means_list() {
            return Err("is given more than once".to_owned());
        }
        return values.iter().map(read).collect();
    };
    let value = read(one)?;
    let is_item = view.means_list() && !view.means_scalar() && !view.means_object() && !value.is_array();
    Ok(if is_item { Value::Array(vec![value]) } else { value })
}

#[cfg(test)]
mod tests;
