//! What of a value no part of its schema speaks of: `unevaluatedProperties` and `unevaluatedItems`.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::find::{Finder, Findings, reference};
use super::objects::object;
use super::path::{At, Step};
use super::wrong::Wrong;

/// Schemas within schemas are looked into so deep.
const DEPTH_LIMIT: usize = 64;

/// What is spoken of.
#[derive(Default)]
struct Spoken<'a> {
    /// Of everything.
    all: bool,
    names: HashSet<&'a str>,
    /// So many items from the first.
    first_items: usize,
    items: HashSet<usize>,
}

pub(super) fn walk<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    value: &'a Value,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    let keyword = if value.is_object() { "unevaluatedProperties" } else { "unevaluatedItems" };
    let Some(rest) = schema.get(keyword).filter(|rest| *rest != &Value::Bool(true)) else { return };
    let mut spoken = Spoken::default();
    spoken.read(finder, schema, value, DEPTH_LIMIT);
    if spoken.all || finder.is_spent() {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| !spoken.names.contains(name.as_str())) {
                let at = at.step(Step::Unknown(name));
                match rest {
                    Value::Bool(false) => finder.add(findings, &at, Wrong::Unknown, None),
                    rest => finder.walk(rest, member, &at, findings),
                }
            }
        }
        Value::Array(items) => {
            let left = items.iter().enumerate().skip(spoken.first_items);
            for (index, item) in left.filter(|(index, _)| !spoken.items.contains(index)) {
                let at = at.step(Step::Item(index));
                match rest {
                    Value::Bool(false) => finder.add(findings, &at, Wrong::NotGiven, None),
                    rest => finder.walk(rest, item, &at, findings),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl<'a> Spoken<'a> {
    /// A schema without its own word on what is left over.
    fn read(
        &mut self,
        finder: &mut Finder<'a>,
        schema: &'a Map<String, Value>,
        value: &'a Value,
        depth: usize,
    ) {
        match value {
            Value::Object(members) => self.read_members(finder, schema, members),
            Value::Array(items) => self.read_items(finder, schema, items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        for part in reference(finder.set, schema).into_iter().chain(parts) {
            self.read_within(finder, part, value, depth);
        }
        let forms = ["anyOf", "oneOf"].into_iter().filter_map(|forms| schema.get(forms)?.as_array());
        for form in forms.flatten() {
            if finder.holds(form, value) {
                self.read_within(finder, form, value, depth);
            }
        }
        if let Some(condition) = schema.get("if") {
            let holds = finder.holds(condition, value);
            let branch = schema.get(if holds { "then" } else { "else" });
            for part in Some(condition).filter(|_| holds).into_iter().chain(branch) {
                self.read_within(finder, part, value, depth);
            }
        }
        for (name, part) in object(schema, "dependentSchemas") {
            if value.get(name).is_some() {
                self.read_within(finder, part, value, depth);
            }
        }
    }

    fn read_within(&mut self, finder: &mut Finder<'a>, schema: &'a Value, value: &'a Value, depth: usize) {
        let (Some(members), Some(depth)) =
            (finder.set.resolve(schema).as_object(), depth.checked_sub(1).filter(|_| finder.take_steps(1)))
        else {
            return;
        };
        let keyword = if value.is_object() { "unevaluatedProperties" } else { "unevaluatedItems" };
        self.all |= members.contains_key(keyword);
        if !self.all {
            self.read(finder, members, value, depth);
        }
    }

    fn read_members(
        &mut self,
        finder: &mut Finder<'a>,
        schema: &'a Map<String, Value>,
        members: &'a Map<String, Value>,
    ) {
        self.all |= schema.contains_key("additionalProperties");
        for (name, _) in object(schema, "properties").filter(|(name, _)| members.contains_key(*name)) {
            self.names.insert(name);
        }
        for (pattern, _) in object(schema, "patternProperties") {
            for name in members.keys() {
                if finder.is_match(pattern, name) {
                    self.names.insert(name);
                }
            }
        }
    }

    fn read_items(&mut self, finder: &mut Finder<'a>, schema: &'a Map<String, Value>, items: &'a [Value]) {
        self.all |= schema.contains_key("items");
        let first = schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
        self.first_items = self.first_items.max(first);
        if let Some(contained) = schema.get("contains") {
            for (index, item) in items.iter().enumerate() {
                if finder.take_steps(1) && finder.holds(contained, item) {
                    self.items.insert(index);
                }
            }
        }
    }
}
