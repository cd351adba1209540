//! From what a request gives for a parameter to a JSON value, by `style` and `explode`.
//!
//! What the specification leaves undefined is read as clients write it: members within brackets in a `deepObject`, to
//! some depth, lists in it (`a[b]=1&a[b]=2`, `a[b][]=1`, `a[b][0]=1`), repeated values for `pipeDelimited` and
//! `spaceDelimited` with `explode`, and lists in cookies with any of the delimiters that are in use.

mod choices;
mod scalar;
mod styles;
mod text;
mod tree;

use std::borrow::Cow;

use serde_json::Value;

use super::given::{Given, is_spread};
use super::json;
use super::shape::{Shape, View};
use crate::operation::{Location, Parameter, Style};
pub(crate) use choices::{Accept, Choices, first_accepted, first_accepted_of};
pub(crate) use scalar::read as read_scalar;
pub(crate) use styles::{Delimited, read_delimited};
pub(crate) use text::{Coding, NOT_UTF8, Text, decode_form};
pub(crate) use tree::{Branch, NAME_DEPTH_LIMIT, split_brackets, split_name};

/// A name is shown up to here.
const SHOWN_CHARACTERS: usize = 40;

const BOTH: &str = "is given both as one value and by its members";

/// What a request gives for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decoded {
    Missing,
    /// Nothing, where that is allowed: there is nothing to check.
    Empty,
    Value(Value),
    /// It cannot be read; in words that follow the parameter's name.
    Malformed(String),
}

/// One more occurrence of a parameter, under a name that some readers take for its own.
#[derive(Debug, Clone)]
pub(super) struct Alias<'a> {
    /// The names of the members that the value is in.
    pub(super) path: Vec<String>,
    pub(super) text: Text<'a>,
}

/// Reads what is given for a parameter, with such further occurrences: the reading that is valid, if there are several,
/// else the likeliest.
pub(super) fn decode(
    parameter: &Parameter,
    shape: &Shape,
    given: &Given<'_>,
    aliases: &[&Alias<'_>],
    accept: Accept<'_>,
) -> Decoded {
    let mut values = given.values(parameter);
    values.extend(aliases.iter().filter(|alias| alias.path.is_empty()).map(|alias| alias.text.clone()));
    if parameter.allow_empty_value
        && parameter.location == Location::Query
        && !values.is_empty()
        && values.iter().all(Text::is_empty)
    {
        return Decoded::Empty;
    }
    let mut members = match members(parameter, shape, given) {
        Ok(members) => members,
        Err(wrong) => return Decoded::Malformed(wrong),
    };
    for alias in aliases.iter().filter(|alias| !alias.path.is_empty()) {
        members.insert(alias.path.iter().map(String::as_str), alias.text.clone());
    }
    if values.is_empty() && members.is_empty() {
        return Decoded::Missing;
    }
    let view = shape.view();
    if !members.is_empty() && !values.is_empty() && parameter.style == Style::DeepObject {
        return Decoded::Malformed(BOTH.to_owned());
    }
    if members.is_empty() && is_spread(parameter, shape) && !view.means_list() && !view.means_scalar() {
        // Its own name is not among the names that it is given by.
        return Decoded::Missing;
    }
    let read_own = |choices: &mut Choices| match parameter.style {
        Style::Content => read_content(parameter, &values, view, choices),
        Style::Matrix | Style::Label => styles::read_prefixed(parameter, &values, view, choices),
        _ => read_values(parameter, &values, view, choices),
    };
    let is_by_members = parameter.style == Style::DeepObject || is_spread(parameter, shape);
    let read = |choices: &mut Choices| {
        if members.is_empty() {
            return read_own(choices);
        }
        if is_by_members && !values.is_empty() && choices.pick(2) == 1 {
            return read_own(choices);
        }
        let by_members = members.read(view, choices, &mut read_text)?;
        if is_by_members || values.is_empty() {
            return Ok(by_members);
        }
        joined(read_own(choices)?, by_members)
    };
    first_accepted(accept, read).map_or_else(Decoded::Malformed, Decoded::Value)
}

/// A list that is given in two ways: the items of both.
fn joined(one: Value, other: Value) -> Result<Value, String> {
    match (one, other) {
        (Value::Array(mut items), Value::Array(more)) => {
            items.extend(more);
            Ok(Value::Array(items))
        }
        _ => Err(BOTH.to_owned()),
    }
}

/// One text as one value.
pub(super) fn read_text(text: &Text<'_>, view: View<'_>, choices: &mut Choices) -> Result<Value, String> {
    Ok(scalar::read(view, text.decode()?, choices))
}

/// Whether a media type is JSON.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
}

/// A name in quotes, cut, and without what cannot be seen or would end the quotes.
pub(crate) fn shown_name(name: &str) -> String {
    let mut shown: String = name.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"").replace("\\'", "'")
}

/// What is given for the members of an object by names of their own.
fn members<'a>(parameter: &Parameter, shape: &Shape, given: &Given<'a>) -> Result<Branch<Text<'a>>, String> {
    let mut branch = Branch::default();
    if parameter.style == Style::DeepObject {
        for (name, value) in given.pairs(Location::Query) {
            if let Some((base, path)) = split_name(&name)
                && base == parameter.name
            {
                check_depth(&path)?;
                branch.insert(path, value);
            }
        }
    } else if is_spread(parameter, shape) {
        let view = shape.view();
        for (name, value) in given.pairs(parameter.location) {
            let nested = || {
                split_name(&name).filter(|(base, _)| {
                    view.named_member(base).is_some_and(|one| one.means_list() || one.means_object())
                })
            };
            if view.named_member(&name).is_some() {
                branch.insert([name.as_ref()], value);
            } else if let Some((base, path)) = nested() {
                check_depth(&path)?;
                branch.insert(std::iter::once(base).chain(path), value);
            } else if view.takes_others() && given.is_left_over(&name) {
                branch.insert([name.as_ref()], value);
            }
        }
    }
    Ok(branch)
}

pub(super) fn check_depth(path: &[&str]) -> Result<(), String> {
    if path.len() > NAME_DEPTH_LIMIT {
        return Err(format!("is nested more than {NAME_DEPTH_LIMIT} deep"));
    }
    Ok(())
}

/// A whole media type as the value.
fn read_content(
    parameter: &Parameter,
    values: &[Text<'_>],
    view: View<'_>,
    choices: &mut Choices,
) -> Result<Value, String> {
    let [value] = values else { return Err("is given more than once".to_owned()) };
    if !parameter.media_type.as_deref().is_some_and(is_json) {
        return read_text(value, view, choices);
    }
    json::parse(value.decode()?.as_bytes()).map_err(|_| "is not valid JSON".to_owned())
}

/// `form`, `simple`, `spaceDelimited`, `pipeDelimited`; and what stands under the name of a `deepObject` alone.
fn read_values(
    parameter: &Parameter,
    values: &[Text<'_>],
    view: View<'_>,
    choices: &mut Choices,
) -> Result<Value, String> {
    let style = match (parameter.style, parameter.location) {
        (Style::SpaceDelimited, _) => Delimited::Space,
        (Style::PipeDelimited, _) => Delimited::Pipe,
        (Style::Simple, _) if parameter.explode => Delimited::CommaPairs,
        (Style::Form, Location::Cookie) if parameter.explode => Delimited::Cookie,
        (Style::Form | Style::DeepObject, Location::Query) if parameter.explode => Delimited::Not,
        (Style::DeepObject, _) => Delimited::Not,
        _ => Delimited::Comma,
    };
    // Several lines of a header are one list.
    let joined: Vec<Text<'_>>;
    let values = if parameter.location == Location::Header && values.len() > 1 && view.means_list() {
        let lines: Vec<&str> = values.iter().map(|value| value.raw.as_ref()).collect();
        joined = vec![Text::new(Cow::Owned(lines.join(",")), Coding::Plain)];
        &joined
    } else {
        values
    };
    let may_repeat = matches!(style, Delimited::Not | Delimited::Cookie) || parameter.explode;
    read_delimited(style, may_repeat, values, view, choices)
}

#[cfg(test)]
mod tests;
