//! Schemas of Swagger 2.0, and the references to them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::super::reference::{HOP_LIMIT, NODE_BYTES, weight};

/// How much may be written: a small document can have one large thing in a million places.
const WRITTEN_LIMIT_BYTES: usize = 128 * 1024 * 1024;

/// Members that hold a schema.
const SINGLE: [&str; 3] = ["items", "additionalProperties", "not"];

/// Members that hold schemas by name.
const NAMED: [&str; 3] = ["properties", "patternProperties", "definitions"];

/// Members that list schemas.
const LISTED: [&str; 3] = ["allOf", "anyOf", "oneOf"];

pub(super) struct Schemas<'o> {
    old: &'o Value,
    /// What references into the midst of paths and responses lead to, under the names it has now.
    moved: RefCell<BTreeMap<String, Option<Value>>>,
    written_bytes: Cell<usize>,
}

impl<'o> Schemas<'o> {
    pub(super) fn new(old: &'o Value) -> Schemas<'o> {
        Schemas { old, moved: RefCell::default(), written_bytes: Cell::new(0) }
    }

    /// Whether something may be written so many times more.
    pub(super) fn may_write(&self, value: &Value, times: usize) -> bool {
        self.count(weight(value).saturating_mul(times))
    }

    /// Whether all was written that had to be.
    pub(super) fn is_whole(&self) -> bool {
        self.written_bytes.get() <= WRITTEN_LIMIT_BYTES
    }

    fn count(&self, bytes: usize) -> bool {
        self.written_bytes.set(self.written_bytes.get().saturating_add(bytes));
        self.is_whole()
    }

    pub(super) fn convert(&self, old: &Value) -> Value {
        if !self.count(NODE_BYTES) {
            return json!({});
        }
        let Value::Object(all) = old else { return old.clone() };
        let mut new = Map::new();
        for (name, value) in all {
            let value = match (name.as_str(), value) {
                ("$ref", Value::String(target)) => Value::String(self.reference(target)),
                ("type", Value::String(kind)) if kind == "file" => {
                    new.insert("format".to_owned(), json!("binary"));
                    json!("string")
                }
                ("discriminator", Value::String(property)) => json!({ "propertyName": property }),
                ("x-nullable" | "x-isnullable", flag) => {
                    new.insert("nullable".to_owned(), flag.clone());
                    continue;
                }
                (single, value) if SINGLE.contains(&single) => self.convert(value),
                (named, Value::Object(schemas)) if NAMED.contains(&named) => {
                    schemas.iter().map(|(name, schema)| (name.clone(), self.convert(schema))).collect()
                }
                (listed, Value::Array(schemas)) if LISTED.contains(&listed) => {
                    schemas.iter().map(|schema| self.convert(schema)).collect()
                }
                (_, value) if self.may_write(value, 1) => value.clone(),
                _ => Value::Null,
            };
            new.insert(name.clone(), value);
        }
        Value::Object(new)
    }

    /// Where what a reference names is now.
    pub(super) fn reference(&self, target: &str) -> String {
        for (old, new) in [
            ("#/definitions/", "#/components/schemas/"),
            ("#/responses/", "#/components/responses/"),
            ("#/parameters/", "#/components/parameters/"),
        ] {
            if let Some(rest) = target.strip_prefix(old) {
                return format!("{new}{rest}");
            }
        }
        let Some(found) = find(self.old, target).filter(|_| target.starts_with("#/")) else {
            return target.to_owned();
        };
        let name: String =
            target.chars().skip(2).map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
        let is_new = !self.moved.borrow().contains_key(&name);
        if is_new {
            self.moved.borrow_mut().insert(name.clone(), None);
            let schema = self.convert(found);
            self.moved.borrow_mut().insert(name.clone(), Some(schema));
        }
        format!("#/components/schemas/{name}")
    }

    pub(super) fn take_moved(&self) -> impl Iterator<Item = (String, Value)> {
        let moved = std::mem::take(&mut *self.moved.borrow_mut());
        moved.into_iter().filter_map(|(name, schema)| Some((name, schema?)))
    }
}

/// What a reference within the document leads to, references in between followed.
pub(super) fn find<'o>(old: &'o Value, target: &str) -> Option<&'o Value> {
    let mut found = look_up(old, target)?;
    for _ in 0..HOP_LIMIT {
        match found.get("$ref").and_then(Value::as_str) {
            Some(target) => found = look_up(old, target)?,
            None => return Some(found),
        }
    }
    None
}

fn look_up<'o>(old: &'o Value, target: &str) -> Option<&'o Value> {
    let pointer = percent_decode_str(target.strip_prefix('#')?).decode_utf8().ok()?;
    old.pointer(&pointer)
}
