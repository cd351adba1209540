//! Taking schemas out of a document: each one that a request uses, and each that those refer to, once.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::reference::{Place, Root, weight};
use super::{LoadError, Warnings};
use crate::schema::{SchemaId, SchemaSet};

/// Collects schemas, and gives each a number.
pub(super) struct Collector<'d> {
    root: Root<'d>,
    numbers: HashMap<String, SchemaId>,
    waiting: Vec<(SchemaId, Place<'d>)>,
    read: Vec<Value>,
}

impl<'d> Collector<'d> {
    pub(super) fn new(root: Root<'d>) -> Collector<'d> {
        Collector { root, numbers: HashMap::new(), waiting: Vec::new(), read: Vec::new() }
    }

    /// The number of a schema. What it refers to is read later, by `finish`.
    pub(super) fn add(&mut self, place: &Place<'d>) -> Result<SchemaId, LoadError> {
        let place = self.root.resolve(place.clone())?;
        if let Some(id) = self.numbers.get(&place.pointer) {
            return Ok(*id);
        }
        let number = u32::try_from(self.numbers.len()).map_err(|_| place.error("too many schemas"))?;
        let id = SchemaId(number);
        self.numbers.insert(place.pointer.clone(), id);
        self.waiting.push((id, place));
        Ok(id)
    }

    /// Reads everything that was added, and what that refers to.
    pub(super) fn finish(mut self, _warnings: &mut Warnings) -> Result<SchemaSet, LoadError> {
        let mut schemas: Vec<(SchemaId, Value)> = Vec::new();
        while let Some((id, place)) = self.waiting.pop() {
            self.root.take(weight(place.value), &place)?;
            let schema = self.read(&place)?;
            schemas.push((id, schema));
        }
        schemas.sort_by_key(|(id, _)| *id);
        self.read.extend(schemas.into_iter().map(|(_, schema)| schema));
        Ok(SchemaSet::new(self.read))
    }

    fn read(&mut self, place: &Place<'d>) -> Result<Value, LoadError> {
        if let Some(target) = place.value.get("$ref").filter(|target| target.is_string()) {
            let _ = target;
            let SchemaId(number) = self.add(place)?;
            return Ok(json!({ "$ref": format!("#/$defs/{number}") }));
        }
        match place.value {
            Value::Object(members) => {
                let mut read = Map::new();
                for name in members.keys() {
                    if let Some(member) = place.member(name) {
                        read.insert(name.clone(), self.read(&member)?);
                    }
                }
                Ok(Value::Object(read))
            }
            Value::Array(items) => {
                let items = (0..items.len()).filter_map(|index| place.member(&index.to_string()));
                let places: Vec<Place<'d>> = items.collect();
                places.iter().map(|item| self.read(item)).collect::<Result<_, _>>().map(Value::Array)
            }
            other => Ok(other.clone()),
        }
    }
}
