//! Schemas, compiled.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::dialect::options;
use super::{CompileError, SchemaId, SchemaSet, each_reference};

/// A set, ready to be held against values.
///
/// It is one schema, whose member `7` is what schema 7 describes: so each schema is compiled once, however many
/// refer to it. One validator for each, as the library's own map has them, would hold everything that is within
/// its reach: for schemas that all reach each other, that is their number squared.
pub(crate) struct Validators {
    set: SchemaSet,
    compiled: Validator,
}

/// A value before a schema.
pub(crate) struct Held<'v> {
    compiled: &'v Validator,
    whole: Value,
}

impl Validators {
    /// Compiles all schemas of a set.
    pub(crate) fn compile(set: SchemaSet) -> Result<Validators, CompileError> {
        let compiled = build(set.iter().cloned().enumerate())?;
        Ok(Validators { set, compiled })
    }

    pub(crate) fn set(&self) -> &SchemaSet {
        &self.set
    }

    /// Puts a value before a schema.
    pub(crate) fn hold(&self, id: SchemaId, value: Value) -> Held<'_> {
        let mut whole = Map::with_capacity(1);
        whole.insert(id.0.to_string(), value);
        Held { compiled: &self.compiled, whole: Value::Object(whole) }
    }
}

impl Held<'_> {
    pub(crate) fn is_valid(&self) -> bool {
        self.compiled.is_valid(&self.whole)
    }

    pub(crate) fn value(&self) -> &Value {
        self.whole.as_object().and_then(|members| members.values().next()).unwrap_or(&Value::Null)
    }
}

fn build(schemas: impl Iterator<Item = (usize, Value)>) -> Result<Validator, CompileError> {
    let definitions: Map<String, Value> =
        schemas.map(|(number, schema)| (number.to_string(), schema)).collect();
    let members: Map<String, Value> = definitions
        .keys()
        .map(|number| (number.clone(), json!({ "$ref": format!("#/$defs/{number}") })))
        .collect();
    let whole = json!({ "$defs": definitions, "properties": members, "additionalProperties": false });
    options().build(&whole).map_err(|error| CompileError(error.to_string()))
}

/// Whether a schema compiles, whatever those are that it refers to.
pub(crate) fn is_sound(number: usize, schema: &Value) -> bool {
    let mut referred = Vec::new();
    each_reference(schema, &mut |other| referred.push(other));
    let others =
        referred.into_iter().filter(|other| *other != number).map(|other| (other, Value::Bool(true)));
    build(others.chain([(number, schema.clone())])).is_ok()
}
