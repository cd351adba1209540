//! Values that hold several: lists and objects within one text.

use serde_json::Value;

use super::choices::Choices;
use super::read_text;
use super::text::{Delimiter, Text};
use super::tree::Branch;
use crate::check::shape::View;
use crate::operation::{Parameter, Style};

/// How items, or names and values, stand in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delimited {
    /// Each value is given by itself.
    Not,
    /// `a,b`, and objects as `R,100,G,200`.
    Comma,
    /// `a,b`, and objects as `R=100,G=200`.
    CommaPairs,
    /// `a%20b`
    Space,
    /// `a|b`
    Pipe,
    /// `a,b` too, and `a.b`, as earlier editions of the specification wrote it.
    CommaOrDot,
    /// `a.b`, and objects as `R=100.G=200`.
    DotPairs,
    /// Lists in cookies have no agreed form: commas, written so or encoded, `a&name=b`, or one item.
    Cookie,
}

/// What is meant by what is given.
enum Kind {
    Scalar,
    List,
    Object,
}

const TWICE: &str = "is given more than once";

/// Reads all that was given under one name. With `may_repeat`, each text is an item of a list.
pub(crate) fn read_delimited(
    style: Delimited,
    may_repeat: bool,
    values: &[Text<'_>],
    view: View<'_>,
    choices: &mut Choices,
) -> Result<Value, String> {
    if let [value] = values {
        return match kind(style, view, choices) {
            Kind::Scalar => read_text(value, view, choices),
            Kind::List => read_list(style, value, view, choices),
            Kind::Object => read_object(style, value, view, choices),
        };
    }
    let is_list = view.means_list() || !view.is_typed();
    if !is_list || (view.is_typed() && !may_repeat) {
        return Err(TWICE.to_owned());
    }
    read_items(values, view, choices)
}

/// `.a.b` and `;name=a;name=b`.
pub(super) fn read_prefixed(
    parameter: &Parameter,
    values: &[Text<'_>],
    view: View<'_>,
    choices: &mut Choices,
) -> Result<Value, String> {
    let [value] = values else { return Err(TWICE.to_owned()) };
    let (mark, raw) = match parameter.style {
        Style::Label => (".", value.raw.strip_prefix('.')),
        _ => (";", value.raw.strip_prefix(';')),
    };
    let Some(raw) = raw else { return Err(format!("must begin with \"{mark}\"")) };
    let rest = Text::new(raw, value.coding);
    if parameter.style == Style::Label {
        let style = if parameter.explode { Delimited::DotPairs } else { Delimited::CommaOrDot };
        return read_delimited(style, false, &[rest], view, choices);
    }
    if parameter.explode && view.means_object() {
        let (list, scalar) = (view.means_list(), view.means_scalar());
        if !(list || scalar) || choices.pick(2) == 0 {
            return read_pairs(&rest.split(Delimiter::Semicolon), view, choices);
        }
    }
    let mut own = Vec::new();
    for piece in rest.split(Delimiter::Semicolon) {
        let (name, value) = piece.raw.split_once('=').unwrap_or((piece.raw.as_ref(), ""));
        if Text::new(name, piece.coding).decode()? != parameter.name {
            return Err(format!("must be written as \";{}=...\"", parameter.name));
        }
        own.push(Text::new(value.to_owned(), piece.coding));
    }
    let style = if parameter.explode { Delimited::Not } else { Delimited::Comma };
    read_delimited(style, parameter.explode, &own, view, choices)
}

/// The kind that is meant, of those that the shape allows and the style can write.
fn kind(style: Delimited, view: View<'_>, choices: &mut Choices) -> Kind {
    let is_object = view.means_object() && style != Delimited::Not;
    let mut kinds = Vec::with_capacity(3);
    if view.means_scalar() || !(view.means_list() || is_object) {
        kinds.push(Kind::Scalar);
    }
    if view.means_list() {
        kinds.push(Kind::List);
    }
    if is_object {
        kinds.push(Kind::Object);
    }
    let picked = choices.pick(kinds.len());
    kinds.swap_remove(picked)
}

fn read_list(
    style: Delimited,
    value: &Text<'_>,
    view: View<'_>,
    choices: &mut Choices,
) -> Result<Value, String> {
    match style {
        Delimited::Not => read_items(std::slice::from_ref(value), view, choices),
        Delimited::Comma | Delimited::CommaPairs => read_items(&value.split(Delimiter::Comma), view, choices),
        Delimited::CommaOrDot => {
            let dotted = !value.has_commas() && value.raw.contains('.') && choices.pick(2) == 1;
            let delimiter = if dotted { Delimiter::Dot } else { Delimiter::Comma };
            read_items(&value.split(delimiter), view, choices)
        }
        Delimited::Space => read_items(&value.split(Delimiter::Space), view, choices),
        Delimited::Pipe => read_items(&value.split(Delimiter::Pipe), view, choices),
        Delimited::DotPairs => read_items(&value.split(Delimiter::Dot), view, choices),
        Delimited::Cookie => read_cookie_list(value, view, choices),
    }
}

fn read_cookie_list(value: &Text<'_>, view: View<'_>, choices: &mut Choices) -> Result<Value, String> {
    let decoded = Text::new(value.decode()?.into_owned(), super::Coding::Plain);
    let parts: Vec<Text<'_>> = value.split(Delimiter::Ampersand);
    let ways = [
        value.split(Delimiter::Comma),
        decoded.split(Delimiter::Comma),
        parts.iter().map(|part| part.split_pair().map_or_else(|| part.clone(), |(_, value)| value)).collect(),
        vec![value.clone()],
    ];
    let mut kept: Vec<&Vec<Text<'_>>> = Vec::with_capacity(ways.len());
    for way in &ways {
        if !kept.iter().any(|other| other.len() == way.len()) {
            kept.push(way);
        }
    }
    let picked = choices.pick(kept.len());
    kept.get(picked).map_or_else(|| Ok(Value::Null), |items| read_items(items, view, choices))
}

/// One empty text is how an empty list is written; or a list of one empty string, if that is what is valid.
fn read_items(items: &[Text<'_>], view: View<'_>, choices: &mut Choices) -> Result<Value, String> {
    if let [only] = items
        && only.is_empty()
        && (!view.item(0).means_scalar() || choices.pick(2) == 0)
    {
        return Ok(Value::Array(Vec::new()));
    }
    let items = items.iter().enumerate();
    items.map(|(index, item)| read_text(item, view.item(index), choices)).collect()
}

fn read_object(
    style: Delimited,
    value: &Text<'_>,
    view: View<'_>,
    choices: &mut Choices,
) -> Result<Value, String> {
    if value.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let delimiter = match style {
        Delimited::CommaPairs => return read_pairs(&comma_pairs(value), view, choices),
        Delimited::DotPairs => return read_pairs(&dotted_pairs(value), view, choices),
        Delimited::Cookie => return read_pairs(&value.split(Delimiter::Ampersand), view, choices),
        Delimited::Space => Delimiter::Space,
        Delimited::Pipe => Delimiter::Pipe,
        Delimited::CommaOrDot if !value.has_commas() => Delimiter::Dot,
        Delimited::CommaOrDot | Delimited::Comma | Delimited::Not => Delimiter::Comma,
    };
    let pieces = value.split(delimiter);
    let mut branch = Branch::default();
    for pair in pieces.chunks(2) {
        let [name, value] = pair else {
            return Err("must be a list of names, each followed by its value".to_owned());
        };
        branch.insert([name.decode()?.as_ref()], value.clone());
    }
    branch.read(view, choices, &mut read_text)
}

fn read_pairs(pieces: &[Text<'_>], view: View<'_>, choices: &mut Choices) -> Result<Value, String> {
    let mut branch = Branch::default();
    for piece in pieces {
        let Some((name, value)) = piece.split_pair() else {
            return Err("must be a list of names and values, as in \"name=value\"".to_owned());
        };
        let (name, value) = (name.decode()?, Text::new(value.raw.into_owned(), value.coding));
        branch.insert([name.as_ref()], value);
    }
    branch.read(view, choices, &mut read_text)
}

/// `a=1,b=2`. One pair alone has no comma beside it: one that is encoded and followed by no further pair is the value's.
fn comma_pairs<'t>(value: &'t Text<'_>) -> Vec<Text<'t>> {
    let pairs = value.split(Delimiter::Comma);
    if value.raw.contains(',') || pairs.iter().all(|pair| pair.raw.contains('=')) {
        return pairs;
    }
    vec![Text::new(value.raw.as_ref(), value.coding)]
}

/// `a=1.5.b=2`: what has no `=` belongs to the value before it, since nobody encodes a dot.
fn dotted_pairs<'t>(value: &'t Text<'_>) -> Vec<Text<'t>> {
    let mut pairs: Vec<Text<'t>> = Vec::new();
    for piece in value.split(Delimiter::Dot) {
        match pairs.last_mut() {
            Some(last) if !piece.raw.contains('=') => {
                let last = last.raw.to_mut();
                last.push('.');
                last.push_str(&piece.raw);
            }
            _ => pairs.push(piece),
        }
    }
    pairs
}
