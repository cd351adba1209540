//! From bytes to a tree of values, with limits, and without losing a member that is given twice.

mod place;
mod yaml;

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub(super) use place::find;

use super::error::join;
use super::{DOCUMENT_DEPTH_LIMIT, DOCUMENT_LIMIT_BYTES, LoadError};

/// How many values a document may have, aliases of YAML written out.
pub const DOCUMENT_NODE_LIMIT: usize = 2_000_000;

/// Reads JSON or YAML, whichever it is.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, LoadError> {
    parse_within(bytes, &Walk::default())
}

/// Reads one of several files, which have their limit together.
pub(super) fn parse_within(bytes: &[u8], walk: &Walk) -> Result<Value, LoadError> {
    if bytes.len() > DOCUMENT_LIMIT_BYTES {
        return Err(too_long());
    }
    let text = to_text(bytes)?;
    if text.trim().is_empty() {
        return Err(LoadError::new("the document is empty"));
    }
    if is_json(text) { parse_json(text, walk) } else { yaml::parse(text, walk) }
}

pub(super) fn too_long() -> LoadError {
    let limit = DOCUMENT_LIMIT_BYTES / (1024 * 1024);
    LoadError::new(format!("the document is longer than {limit} MiB"))
}

fn to_text(bytes: &[u8]) -> Result<&str, LoadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// JSON is YAML too, but its own parser is faster and says better what is wrong. `{a: 1}` is YAML only.
fn is_json(text: &str) -> bool {
    let mut rest = text.trim_start().chars();
    match rest.next() {
        Some('{') => matches!(rest.find(|next| !next.is_whitespace()), Some('"' | '}') | None),
        Some('[') => true,
        _ => false,
    }
}

fn parse_json(text: &str, walk: &Walk) -> Result<Value, LoadError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read =
        Node { walk, depth: 0 }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        let text = error.to_string();
        // The position is told apart from the message.
        let message = text.split_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        let position = |number| u64::try_from(number).unwrap_or(u64::MAX);
        walk.error(message).on(position(error.line()), position(error.column()))
    })
}

fn too_deep() -> String {
    format!("nested deeper than {DOCUMENT_DEPTH_LIMIT} levels")
}

fn not_utf8(bytes: &[u8], at: usize) -> LoadError {
    let before = bytes.get(..at).unwrap_or_default();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let characters =
        std::str::from_utf8(before.get(start..).unwrap_or_default()).map_or(0, |text| text.chars().count());
    let position = |number| u64::try_from(number).unwrap_or(u64::MAX);
    LoadError::new("the document must be UTF-8").on(position(line), position(characters + 1))
}

/// What is known of a walk through a document.
#[derive(Default)]
pub(super) struct Walk {
    nodes: Cell<usize>,
    /// Where it failed, innermost step first: filled on the way out, so that success costs nothing.
    steps: RefCell<Vec<String>>,
}

impl Walk {
    fn leave(&self, step: String) {
        self.steps.borrow_mut().push(step);
    }

    fn error(&self, message: &str) -> LoadError {
        let pointer =
            self.steps.borrow().iter().rev().fold(String::new(), |pointer, step| join(&pointer, step));
        LoadError::new(message).at(pointer)
    }
}

#[derive(Clone, Copy)]
struct Node<'w> {
    walk: &'w Walk,
    depth: usize,
}

impl<'w> Node<'w> {
    fn below<E: Error>(self) -> Result<Node<'w>, E> {
        if self.depth >= DOCUMENT_DEPTH_LIMIT {
            return Err(E::custom(too_deep()));
        }
        Ok(Node { walk: self.walk, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        let nodes = self.walk.nodes.get() + 1;
        if nodes > DOCUMENT_NODE_LIMIT {
            return Err(D::Error::custom(format_args!(
                "the document has more than {DOCUMENT_NODE_LIMIT} values"
            )));
        }
        self.walk.nodes.set(nodes);
        reader.deserialize_any(self)
    }
}

/// Fails on reading a value, where the parser knows the place.
struct Twice;

impl<'de> DeserializeSeed<'de> for Twice {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, _reader: D) -> Result<Value, D::Error> {
        Err(D::Error::custom("the member is given twice"))
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a list, text, a number, true, false or null")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let node = self.below()?;
        let mut values = Vec::new();
        loop {
            match list.next_element_seed(node) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    self.walk.leave(values.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let node = self.below()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if members.contains_key(&name) {
                self.walk.leave(name);
                return object.next_value_seed(Twice);
            }
            match object.next_value_seed(node) {
                Ok(value) => members.insert(name, value),
                Err(error) => {
                    self.walk.leave(name);
                    return Err(error);
                }
            };
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests;
