//! One schema: from as it is written to as it is kept.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::reference::Place;
use super::keyword::{Context, Keyword};
use super::numbers::finish_bounds;
use super::{Collector, Dialect, LoadError};
use crate::schema::reference_to;

/// What a schema says of a value, or of how it may be shown. Everything else is for those who read documents.
const KEYWORDS: [&str; 44] = [
    "$ref",
    "$dynamicRef",
    "type",
    "nullable",
    "enum",
    "const",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "unevaluatedItems",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "required",
    "minProperties",
    "maxProperties",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "writeOnly",
];

/// Keywords whose schemas are held against the same value.
const IN_PLACE: [&str; 8] = ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

pub(super) fn counts(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

impl<'d> Collector<'d> {
    /// A schema that has a number of its own.
    pub(super) fn read_whole(&mut self, place: &Place<'d>, context: &Context) -> Result<Value, LoadError> {
        if !matches!(place.value, Value::Object(_) | Value::Bool(_) | Value::Null) {
            return Err(place.error("a schema must be an object"));
        }
        let own = self.waived_by(place, context.direction)?;
        let waived = if context.waived.is_empty() {
            own
        } else {
            context.waived.union(&own).cloned().collect::<BTreeSet<_>>().into()
        };
        self.read(place, &context.with(waived))
    }

    /// A schema for a part of the value: a member, an item.
    pub(super) fn read_part(&mut self, place: &Place<'d>, context: &Context) -> Result<Value, LoadError> {
        if self.is_mere_reference(place) {
            let id = self.number(place, &context.unwaived())?;
            return Ok(json!({ "$ref": reference_to(id) }));
        }
        let waived = self.waived_by(place, context.direction)?;
        self.read(place, &context.with(waived))
    }

    /// A schema for the same value.
    pub(super) fn read(&mut self, place: &Place<'d>, context: &Context) -> Result<Value, LoadError> {
        match place.value {
            Value::Bool(flag) => Ok(Value::Bool(*flag)),
            Value::Object(members) => self.read_object(place, members, context),
            Value::Null => {
                self.loosen(place, "the schema is unenforced: it is null");
                Ok(Value::Bool(true))
            }
            Value::Number(_) | Value::String(_) | Value::Array(_) => {
                self.loosen(place, "the schema is unenforced: it must be an object");
                Ok(Value::Bool(true))
            }
        }
    }

    fn read_object(
        &mut self,
        place: &Place<'d>,
        members: &Map<String, Value>,
        context: &Context,
    ) -> Result<Value, LoadError> {
        let scope = self.enter(&context.scope, place);
        let context = &Context { scope, ..context.clone() };
        let mut read = Map::new();
        for name in members.keys().filter(|name| counts(name)) {
            let Some(member) = place.member(name) else { continue };
            if self.dialect == Dialect::V30 && place.reference().is_some() && name != "$ref" {
                continue;
            }
            if member.value.is_null() && name != "const" {
                self.unenforced(place, name, "it is null");
                continue;
            }
            let mut keyword = Keyword { place, name, member: &member, context, read: &mut read };
            self.read_keyword(&mut keyword)?;
        }
        finish_bounds(members, &mut read);
        self.finish_dynamic_reference(place, &mut read);
        self.finish_choices(place, members, &mut read)?;
        match members.get("nullable") {
            Some(Value::Bool(true)) => Ok(widened(read)),
            None | Some(Value::Bool(false) | Value::Null) => Ok(Value::Object(read)),
            Some(_) => {
                self.unenforced(place, "nullable", "it must be true or false");
                Ok(Value::Object(read))
            }
        }
    }

    fn read_keyword(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        match keyword.name {
            "$ref" => self.read_reference(keyword)?,
            "$dynamicRef" => self.read_dynamic_reference(keyword)?,
            "type" => self.read_type(keyword),
            "enum" => self.read_enum(keyword)?,
            "const" => keyword.keep(),
            "writeOnly" if keyword.member.value == &Value::Bool(true) => keyword.keep(),
            "format" | "pattern" => self.read_text_keyword(keyword),
            "multipleOf" | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
                self.read_bound(keyword);
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
            | "minContains" | "maxContains" => self.read_count(keyword),
            "uniqueItems" => self.read_flag(keyword),
            "items" | "additionalItems" | "prefixItems" => self.read_items(keyword)?,
            "contains"
            | "propertyNames"
            | "unevaluatedItems"
            | "additionalProperties"
            | "unevaluatedProperties" => self.read_below(keyword)?,
            "properties" | "patternProperties" | "dependentSchemas" => self.read_named(keyword)?,
            "required" => self.read_required(keyword),
            "dependencies" | "dependentRequired" => self.read_dependencies(keyword)?,
            "allOf" | "anyOf" | "oneOf" => self.read_branches(keyword)?,
            "not" | "if" | "then" | "else" => self.read_condition(keyword)?,
            _ => {}
        }
        Ok(())
    }

    fn read_reference(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        if !keyword.member.value.is_string() {
            self.leave_out(keyword, "it must be text");
            return Ok(());
        }
        if let Some(target) = self.step(keyword.place)? {
            let id = self.number_beside(keyword, &target)?;
            keyword.put(reference_to(id));
        }
        Ok(())
    }

    /// A keyword that holds one schema for a part of the value.
    fn read_below(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        if self.holds_schema(keyword) {
            let schema = self.read_part(keyword.member, keyword.context)?;
            keyword.put(schema);
        }
        Ok(())
    }

    /// Says that something is not held against anybody, and why.
    pub(super) fn unenforced(&mut self, place: &Place<'_>, name: &str, why: &str) {
        self.loosen(place, format!("{name} is unenforced: {why}"));
    }

    fn loosen(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.loosened += 1;
        self.note(place, message);
    }
}

/// The schema, and null.
fn widened(mut read: Map<String, Value>) -> Value {
    if IN_PLACE.iter().any(|name| read.contains_key(*name)) {
        let secret = read.get("writeOnly").cloned();
        let mut whole = json!({ "anyOf": [read, { "type": "null" }] });
        if let (Some(secret), Value::Object(whole)) = (secret, &mut whole) {
            whole.insert("writeOnly".to_owned(), secret);
        }
        return whole;
    }
    match read.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&json!("null")) => types.push(json!("null")),
        Some(Value::String(name)) if name != "null" => {
            let types = json!([name, "null"]);
            read.insert("type".to_owned(), types);
        }
        _ => {}
    }
    if let Some(constant) = read.remove("const") {
        read.insert("enum".to_owned(), json!([constant]));
    }
    if let Some(Value::Array(choices)) = read.get_mut("enum")
        && !choices.contains(&Value::Null)
    {
        choices.push(Value::Null);
    }
    Value::Object(read)
}
