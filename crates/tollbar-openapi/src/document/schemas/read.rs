//! One schema: from as it is written to as it is kept.

use serde_json::{Map, Value, json};

use super::super::error::join;
use super::super::reference::Place;
use super::numbers::finish_bounds;
use super::{Collector, Dialect, Direction, LoadError, Waived};
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

/// What holds wherever a schema stands in another.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) direction: Direction,
    pub(super) waived: Waived,
}

impl Context {
    /// For what is asked rather than demanded: there nothing is waived, since less would mean more.
    pub(super) fn unwaived(&self) -> Context {
        Context { direction: self.direction, waived: Waived::default() }
    }
}

impl<'d> Collector<'d> {
    /// A schema that has a number of its own.
    pub(super) fn read_whole(
        &mut self,
        place: &Place<'d>,
        direction: Direction,
        waived: &Waived,
    ) -> Result<Value, LoadError> {
        if !matches!(place.value, Value::Object(_) | Value::Bool(_) | Value::Null) {
            return Err(place.error("a schema must be an object"));
        }
        let own = self.waived_by(place, direction)?;
        let waived = if waived.is_empty() {
            own
        } else {
            waived.union(&own).cloned().collect::<std::collections::BTreeSet<_>>().into()
        };
        self.read(place, &Context { direction, waived })
    }

    /// A schema for a part of the value: a member, an item.
    pub(super) fn read_part(&mut self, place: &Place<'d>, context: &Context) -> Result<Value, LoadError> {
        if self.is_mere_reference(place) {
            let id = self.number(place, context.direction, Waived::default())?;
            return Ok(json!({ "$ref": reference_to(id) }));
        }
        let waived = self.waived_by(place, context.direction)?;
        self.read(place, &Context { direction: context.direction, waived })
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
            self.read_keyword(place, name, &member, context, &mut read)?;
        }
        finish_bounds(members, &mut read);
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

    fn read_keyword(
        &mut self,
        place: &Place<'d>,
        name: &str,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        match name {
            "$ref" => self.read_reference(place, member, context, read),
            "$dynamicRef" => self.read_dynamic_reference(place, member, context, read),
            "type" => self.read_type(place, member, read),
            "enum" => self.read_enum(place, member, read),
            "const" => keep(read, name, member),
            "writeOnly" => {
                if member.value == &Value::Bool(true) {
                    keep(read, name, member)?;
                }
                Ok(())
            }
            "format" | "pattern" => self.read_text_keyword(place, name, member, read),
            "multipleOf" | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
                self.read_bound(place, name, member, read)
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
            | "minContains" | "maxContains" => self.read_count(place, name, member, read),
            "uniqueItems" => self.read_flag(place, name, member, read),
            "items" | "additionalItems" | "prefixItems" => {
                self.read_items(place, name, member, context, read)
            }
            "contains" | "propertyNames" | "unevaluatedItems" => {
                self.read_below(place, name, member, context, read)
            }
            "properties" | "patternProperties" | "dependentSchemas" => {
                self.read_named(place, name, member, context, read)
            }
            "additionalProperties" | "unevaluatedProperties" => {
                self.read_below(place, name, member, context, read)
            }
            "required" => self.read_required(place, member, context, read),
            "dependencies" | "dependentRequired" => {
                self.read_dependencies(place, name, member, context, read)
            }
            "allOf" | "anyOf" | "oneOf" => self.read_branches(place, name, member, context, read),
            "not" | "if" | "then" | "else" => self.read_condition(place, name, member, context, read),
            _ => Ok(()),
        }
    }

    fn read_reference(
        &mut self,
        place: &Place<'d>,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        if !member.value.is_string() {
            self.unenforced(place, "$ref", "it must be text");
            return Ok(());
        }
        let Some(target) = self.step(place)? else { return Ok(()) };
        let waived = self.waived_for(&target, context)?;
        let id = self.number(&target, context.direction, waived)?;
        read.insert("$ref".to_owned(), reference_to(id).into());
        Ok(())
    }

    /// Where only one schema has the name, a dynamic reference is a plain one.
    fn read_dynamic_reference(
        &mut self,
        place: &Place<'d>,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let root = self.root;
        let name = member.value.as_str().and_then(|target| target.strip_prefix('#'));
        let target = match name.filter(|_| !read.contains_key("$ref")) {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                Some(root.find(&format!("#{pointer}"), &member.pointer)?)
            }
            Some(name) => {
                let anchors = self.anchors.get_or_insert_with(|| super::Anchors::of(root));
                if anchors.is_single(name) { Some(anchors.find(name, place)?) } else { None }
            }
            None => None,
        };
        let Some(target) = target else {
            self.unenforced(
                place,
                "$dynamicRef",
                "only names that are given once in a document are followed",
            );
            return Ok(());
        };
        let waived = self.waived_for(&target, context)?;
        let id = self.number(&target, context.direction, waived)?;
        read.insert("$ref".to_owned(), reference_to(id).into());
        Ok(())
    }

    /// A keyword that holds one schema for a part of the value.
    pub(super) fn read_below(
        &mut self,
        place: &Place<'d>,
        name: &str,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        if !is_schema(member.value) {
            self.unenforced(place, name, "it must be a schema");
            return Ok(());
        }
        let schema = self.read_part(member, context)?;
        read.insert(name.to_owned(), schema);
        Ok(())
    }

    /// Says that a keyword is not held against anybody, and why.
    pub(super) fn unenforced(&mut self, place: &Place<'_>, name: &str, why: &str) {
        self.loosen(place, format!("{name} is unenforced: {why}"));
    }

    fn loosen(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.loosened += 1;
        self.note(place, message);
    }
}

pub(super) fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

pub(super) fn keep(read: &mut Map<String, Value>, name: &str, member: &Place<'_>) -> Result<(), LoadError> {
    read.insert(name.to_owned(), member.value.clone());
    Ok(())
}

/// The place of an item of a list.
pub(super) fn item<'d>(list: &Place<'d>, index: usize, value: &'d Value) -> Place<'d> {
    Place { value, pointer: join(&list.pointer, index) }
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
