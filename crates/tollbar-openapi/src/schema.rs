//! The schemas of a document: JSON Schema 2020-12, taken out of the document, each under a number.

pub(crate) mod dialect;
mod unique;
mod validators;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use validators::{Validators, is_sound};

/// The number of a schema in its set.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub struct SchemaId(pub(crate) u32);

/// Schemas that refer to each other as `#/$defs/<number>` and to nothing else: plain data that can be stored.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(transparent)]
pub struct SchemaSet {
    schemas: Vec<Value>,
}

/// Why schemas cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CompileError(pub(crate) String);

impl SchemaSet {
    pub(crate) fn new(schemas: Vec<Value>) -> SchemaSet {
        SchemaSet { schemas }
    }

    /// Adds one, and gives it its number.
    pub(crate) fn push(&mut self, schema: Value) -> Option<SchemaId> {
        let id = SchemaId(u32::try_from(self.schemas.len()).ok()?);
        self.schemas.push(schema);
        Some(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.schemas.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }

    /// A schema by its number.
    pub fn find(&self, id: SchemaId) -> Option<&Value> {
        self.schemas.get(usize::try_from(id.0).ok()?)
    }

    /// The schema that a schema means: itself, or where its `$ref` leads, if it says nothing beside.
    pub(crate) fn resolve<'s>(&'s self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..self.schemas.len() {
            match target_of(schema).and_then(|id| self.find(id)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.schemas.iter()
    }
}

/// How a schema refers to another.
pub(crate) fn reference_to(id: SchemaId) -> String {
    format!("#/$defs/{}", id.0)
}

/// The number that a reference names.
pub(crate) fn number_of(reference: &str) -> Option<SchemaId> {
    reference.strip_prefix("#/$defs/")?.parse().ok().map(SchemaId)
}

/// Tells every number that a schema refers to; in data it finds too much rather than too little. No deeper than a
/// document may be.
pub(crate) fn each_reference(schema: &Value, found: &mut impl FnMut(usize)) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().filter(|_| name == "$ref").and_then(number_of) {
                    Some(SchemaId(number)) => usize::try_from(number).into_iter().for_each(&mut *found),
                    None => each_reference(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `#/$defs/12` and nothing beside it: 12.
fn target_of(schema: &Value) -> Option<SchemaId> {
    let members = schema.as_object().filter(|members| members.len() == 1)?;
    number_of(members.get("$ref")?.as_str()?)
}

#[cfg(test)]
mod tests;
