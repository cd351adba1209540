//! Two schemas, keyword by keyword.

mod bounds;
mod members;
mod values;

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::Effect;
use super::schema::{Local, Schemas, join, number_in};

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// Keywords that say nothing about which values are right.
const REMARKS: [&str; 17] = [
    "$anchor",
    "$comment",
    "$id",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "readOnly",
    "title",
    "xml",
];

/// Keywords that are compared by what they mean.
const UNDERSTOOD: [&str; 27] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "type",
    "uniqueItems",
    "writeOnly",
];

pub(super) fn is_remark(name: &str) -> bool {
    name.starts_with("x-") || REMARKS.contains(&name)
}

/// Where in a schema, and how deep, one is.
pub(super) struct At<'p> {
    pub(super) path: &'p str,
    pub(super) depth: usize,
}

impl At<'_> {
    fn note(&self, local: &mut Local, effect: Effect, what: impl Into<String>) {
        local.found.push((self.path.to_owned(), effect, what.into()));
    }
}

/// Compares what two schemas say themselves.
pub(super) fn compare<'s>(
    schemas: &mut Schemas<'s>,
    old: &'s Value,
    new: &'s Value,
    path: &str,
    depth: usize,
    local: &mut Local,
) {
    let at = At { path, depth };
    let (old, new) = match (old, new) {
        (Value::Bool(false), Value::Bool(false)) => return,
        (Value::Bool(false), _) => return at.note(local, Effect::Compatible, "is accepted now"),
        (_, Value::Bool(false)) => return at.note(local, Effect::Breaking, "is not accepted any more"),
        // `true`, and what is no schema at all, says nothing.
        (old, new) => (old.as_object().unwrap_or(&NOTHING), new.as_object().unwrap_or(&NOTHING)),
    };
    values::compare(&at, old, new, local);
    bounds::compare(&at, old, new, local);
    members::compare(schemas, &at, old, new, local);
    compare_items(schemas, &at, old, new, local);
    for name in ["allOf", "anyOf", "oneOf"] {
        compare_list(schemas, &at, name, old.get(name), new.get(name), local);
    }
    compare_references(&at, old, new, local);
    compare_rest(schemas, &at, old, new, local);
}

/// A reference that stands beside other keywords.
fn compare_references(at: &At<'_>, old: &Map<String, Value>, new: &Map<String, Value>, local: &mut Local) {
    let target =
        |members: &Map<String, Value>| members.get("$ref").and_then(Value::as_str).and_then(number_in);
    match (target(old), target(new)) {
        (None, None) => {}
        (Some(old), Some(new)) => local.lead_to(at.path, (old, new)),
        _ => at.note(local, Effect::Changed, "is described otherwise"),
    }
}

fn compare_items<'s>(
    schemas: &mut Schemas<'s>,
    at: &At<'_>,
    old: &'s Map<String, Value>,
    new: &'s Map<String, Value>,
    local: &mut Local,
) {
    match (old.get("items"), new.get("items")) {
        (None, None) => {}
        (Some(old), Some(new)) => {
            schemas.compare_values(old, new, &join(at.path, "[]"), at.depth + 1, local);
        }
        (None, Some(new)) if says_nothing(new) => {}
        (None, Some(_)) => at.note(local, Effect::Breaking, "has its items checked now (before: not)"),
        (Some(_), None) => at.note(local, Effect::Compatible, "may have any items now"),
    }
}

/// Alternatives, or conditions: those that are in both fall out, what remains is held against each other in order.
fn compare_list<'s>(
    schemas: &mut Schemas<'s>,
    at: &At<'_>,
    name: &str,
    old: Option<&'s Value>,
    new: Option<&'s Value>,
    local: &mut Local,
) {
    let items = |list: Option<&'s Value>| -> Vec<&'s Value> {
        list.and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
    };
    let (mut old_left, mut new_left) = (items(old), items(new));
    let had_some = !old_left.is_empty();
    let has_some = !new_left.is_empty();
    old_left.retain(|old| match new_left.iter().position(|new| schemas.are_same(old, new)) {
        Some(found) => {
            new_left.remove(found);
            false
        }
        None => true,
    });
    let is_all = name == "allOf";
    match (old_left.len(), new_left.len()) {
        (0, 0) => {}
        (gone, added) if gone == added => {
            for (old, new) in old_left.into_iter().zip(new_left) {
                schemas.compare_values(old, new, at.path, at.depth + 1, local);
            }
        }
        (0, _) if is_all => at.note(local, Effect::Breaking, "has more conditions now"),
        (_, 0) if is_all => at.note(local, Effect::Compatible, "has fewer conditions now"),
        (0, _) if !had_some => {
            at.note(local, Effect::Breaking, "must have one of certain forms now (before: any)")
        }
        (_, 0) if !has_some => at.note(local, Effect::Compatible, "may have any form now"),
        // Of `oneOf` exactly one may fit: another one can make that two.
        (0, _) if name == "oneOf" => at.note(local, Effect::Changed, "has more forms to choose from now"),
        (0, _) => at.note(local, Effect::Compatible, "has more forms to choose from now"),
        (_, 0) => at.note(local, Effect::Breaking, "has fewer forms to choose from now"),
        _ => at.note(local, Effect::Changed, "has other forms to choose from now"),
    }
}

/// What is not understood here is the same, or it has changed.
fn compare_rest<'s>(
    schemas: &mut Schemas<'s>,
    at: &At<'_>,
    old: &'s Map<String, Value>,
    new: &'s Map<String, Value>,
    local: &mut Local,
) {
    let is_rest = |name: &&String| !is_remark(name) && !UNDERSTOOD.contains(&name.as_str());
    let gone = old.keys().filter(is_rest).filter(|name| !new.contains_key(*name));
    for name in new.keys().filter(is_rest).chain(gone) {
        let is_same = match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => schemas.are_same(old, new),
            _ => false,
        };
        if !is_same {
            at.note(local, Effect::Changed, format!("has another \"{name}\" now"));
        }
    }
}

/// Whether a schema accepts everything, as far as can be seen.
fn says_nothing(schema: &Value) -> bool {
    schema == &Value::Bool(true)
        || schema.as_object().is_some_and(|members| members.keys().all(|name| is_remark(name)))
}
