//! Taking schemas out of a document: each one that a request uses, and each that those refer to, once, as JSON
//! Schema 2020-12.

mod choices;
mod combining;
mod depth;
mod keyword;
mod loose;
mod numbers;
mod objects;
mod one_way;
mod patterns;
mod read;
mod scope;
mod types;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::Value;

use super::reference::{HOP_LIMIT, NODE_BYTES, Place, Root, weight};
use super::{LoadError, Warnings};
use crate::schema::{SchemaId, SchemaSet, Validators, is_sound};
use keyword::Context;
use one_way::OneWay;
use patterns::Patterns;
use scope::Scope;

/// Which way a value goes. Members that go only the other way are not required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// To the API: what is `readOnly` is not required.
    Request,
    /// From the API: what is `writeOnly` is not required.
    Response,
}

/// Names of members that are not required here, whatever a schema says.
type Waived = Rc<BTreeSet<String>>;

/// What a schema is known by: the same place can mean several things.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    pointer: String,
    context: Context,
}

/// Which rules a schema is written by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAPI 3.0: what stands beside a reference does not count.
    V30,
    /// OpenAPI 3.1: JSON Schema.
    V31,
}

impl Dialect {
    pub(super) fn of(document: &Value) -> Dialect {
        // YAML makes a number of an unquoted version.
        let version = document.get("openapi").map(Value::to_string).unwrap_or_default();
        if version.trim_matches('"').starts_with("3.1") { Dialect::V31 } else { Dialect::V30 }
    }
}

/// Collects schemas, and gives each a number.
pub(super) struct Collector<'d> {
    root: Root<'d>,
    dialect: Dialect,
    numbers: HashMap<Key, SchemaId>,
    waiting: Vec<(SchemaId, Key, Place<'d>)>,
    one_way: OneWay,
    patterns: Patterns,
    /// What was noticed in the schema that is being read.
    notes: Vec<(String, String)>,
    /// How often something was left out so far, so that more is accepted than is written.
    loosened: usize,
    /// The schemas being read whose `patternProperties` are not all kept.
    unmatched: Vec<String>,
}

impl<'d> Collector<'d> {
    pub(super) fn new(root: Root<'d>) -> Collector<'d> {
        Collector {
            root,
            dialect: Dialect::of(root.whole().value),
            numbers: HashMap::new(),
            waiting: Vec::new(),
            one_way: OneWay::of(root),
            patterns: Patterns::default(),
            notes: Vec::new(),
            loosened: 0,
            unmatched: Vec::new(),
        }
    }

    /// The number of a schema for requests. It is read later, by `finish`.
    pub(super) fn add(&mut self, place: &Place<'d>) -> Result<SchemaId, LoadError> {
        self.add_for(place, Direction::Request)
    }

    /// The number of a schema for one direction. It is read later, by `finish`.
    pub(super) fn add_for(&mut self, place: &Place<'d>, direction: Direction) -> Result<SchemaId, LoadError> {
        self.number(place, &Context::of(direction))
    }

    fn number(&mut self, place: &Place<'d>, context: &Context) -> Result<SchemaId, LoadError> {
        let (place, scope) = self.settle(place.clone(), &context.scope)?;
        let key = Key { pointer: place.pointer.clone(), context: Context { scope, ..context.clone() } };
        if let Some(id) = self.numbers.get(&key) {
            return Ok(*id);
        }
        let number = u32::try_from(self.numbers.len()).map_err(|_| place.error("too many schemas"))?;
        let id = SchemaId(number);
        let names = key.context.scope.len().saturating_mul(NODE_BYTES);
        self.root.take(key.pointer.len().saturating_mul(2).saturating_add(names), &place)?;
        self.numbers.insert(key.clone(), id);
        self.waiting.push((id, key, place));
        Ok(id)
    }

    /// Reads everything that was added, and what that refers to.
    pub(super) fn finish(mut self, warnings: &mut Warnings) -> Result<SchemaSet, LoadError> {
        let mut read: Vec<(SchemaId, String, Value)> = Vec::new();
        let (mut told, mut loose) = (BTreeSet::new(), BTreeSet::new());
        while let Some((id, key, place)) = self.waiting.pop() {
            let before = self.loosened;
            let schema = self.read_whole(&place, &key.context)?;
            loose.extend(usize::try_from(id.0).ok().filter(|_| self.loosened > before));
            self.root.take(weight(&schema), &place)?;
            read.push((id, place.pointer, schema));
            for (pointer, message) in self.notes.drain(..) {
                // The same place can be read several times.
                if told.insert((pointer.clone(), message.clone())) {
                    warnings.add(&pointer, &message);
                }
            }
        }
        read.sort_by_key(|(id, _, _)| *id);
        let (pointers, mut schemas): (Vec<String>, Vec<Value>) =
            read.into_iter().map(|(_, pointer, schema)| (pointer, schema)).unzip();
        for number in depth::check(&mut schemas, &pointers)? {
            let pointer = pointers.get(number).map_or("", String::as_str);
            warnings
                .add(pointer, "the schema refers to itself for the same value; that reference is unenforced");
        }
        sound(schemas, &pointers, &mut loose, warnings)
    }

    /// Follows references for as long as nothing counts but them.
    fn settle(&mut self, mut place: Place<'d>, scope: &Scope) -> Result<(Place<'d>, Scope), LoadError> {
        let (start, mut first, mut scope) = (place.pointer.clone(), None, scope.clone());
        for _ in 0..=HOP_LIMIT {
            scope = self.enter(&scope, &place);
            if !self.is_mere_reference(&place) {
                return Ok((place, scope));
            }
            first = first.or(place.reference());
            let Some(next) = self.step(&place)? else { return Ok((place, scope)) };
            place = next;
        }
        let first = first.unwrap_or_default();
        let message =
            format!("the reference \"{first}\" leads in a circle, or over more than {HOP_LIMIT} others");
        Err(LoadError::new(message).at(super::error::join(&start, "$ref")))
    }

    fn step(&mut self, place: &Place<'d>) -> Result<Option<Place<'d>>, LoadError> {
        self.root.take(0, place)?;
        self.root.step(place)
    }

    /// Whether a schema says only where another is.
    fn is_mere_reference(&self, place: &Place<'_>) -> bool {
        let Some(members) = place.value.as_object().filter(|_| place.reference().is_some()) else {
            return false;
        };
        let widens = members.get("nullable").and_then(Value::as_bool).unwrap_or(false);
        !widens
            && (self.dialect == Dialect::V30
                || !members.keys().any(|name| read::counts(name) && name != "$ref"))
    }

    fn note(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.notes.push((place.pointer.clone(), message.into()));
    }
}

/// What is stored is compiled again at each start, so that it must be known to compile.
fn sound(
    mut schemas: Vec<Value>,
    pointers: &[String],
    loose: &mut BTreeSet<usize>,
    warnings: &mut Warnings,
) -> Result<SchemaSet, LoadError> {
    settle(&mut schemas, pointers, loose, warnings);
    let set = SchemaSet::new(schemas.clone());
    if Validators::compile(set.clone()).is_ok() {
        return Ok(set);
    }
    for (number, (schema, pointer)) in schemas.iter_mut().zip(pointers).enumerate() {
        if !is_sound(number, schema) {
            warnings.add(pointer, "the schema is unenforced: it cannot be compiled");
            *schema = Value::Bool(true);
            loose.insert(number);
        }
    }
    settle(&mut schemas, pointers, loose, warnings);
    let set = SchemaSet::new(schemas);
    match Validators::compile(set.clone()) {
        Ok(_) => Ok(set),
        Err(error) => Err(LoadError::new(format!("the schemas cannot be compiled: {error}")).at("")),
    }
}

/// Nothing that is left out of a schema may make another stricter that refers to it.
fn settle(schemas: &mut [Value], pointers: &[String], loose: &mut BTreeSet<usize>, warnings: &mut Warnings) {
    for (number, keyword) in loose::settle(schemas, loose) {
        let pointer = pointers.get(number).map_or("", String::as_str);
        warnings.add(pointer, &format!("{keyword} is unenforced: something that it refers to is"));
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod suite;
