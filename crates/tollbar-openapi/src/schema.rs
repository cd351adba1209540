//! The schemas of a document: JSON Schema 2020-12, taken out of the document, each under a number.

use jsonschema::{Draft, PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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

/// A set, ready to be held against values.
pub(crate) struct Validators {
    set: SchemaSet,
    compiled: Vec<Validator>,
}

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
}

impl Validators {
    /// Compiles all schemas of a set.
    pub(crate) fn compile(set: SchemaSet) -> Result<Validators, CompileError> {
        let definitions: Map<String, Value> = set
            .schemas
            .iter()
            .enumerate()
            .map(|(number, schema)| (number.to_string(), schema.clone()))
            .collect();
        let map = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .offline()
            .build_map(&json!({ "$defs": definitions }))
            .map_err(|error| CompileError(error.to_string()))?;
        let compiled = (0..set.len()).map(|number| {
            map.get(&format!("#/$defs/{number}"))
                .cloned()
                .ok_or_else(|| CompileError(format!("schema {number} could not be compiled")))
        });
        Ok(Validators { compiled: compiled.collect::<Result<_, _>>()?, set })
    }

    pub(crate) fn set(&self) -> &SchemaSet {
        &self.set
    }

    pub(crate) fn find(&self, id: SchemaId) -> Option<&Validator> {
        self.compiled.get(usize::try_from(id.0).ok()?)
    }
}

/// `#/$defs/12` and nothing beside it: 12.
fn target_of(schema: &Value) -> Option<SchemaId> {
    let members = schema.as_object().filter(|members| members.len() == 1)?;
    let number = members.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    number.parse().ok().map(SchemaId)
}
