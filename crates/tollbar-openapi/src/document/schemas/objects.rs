//! Members and items.

use serde_json::{Map, Value};

use super::super::error::join;
use super::super::reference::Place;
use super::read::{Context, is_schema, item};
use super::{Collector, LoadError};

impl<'d> Collector<'d> {
    /// A keyword that maps names, or patterns of names, to schemas.
    pub(super) fn read_named(
        &mut self,
        place: &Place<'d>,
        name: &str,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let Some(members) = member.value.as_object() else {
            self.unenforced(place, name, "it must be an object");
            return Ok(());
        };
        let mut named = Map::new();
        for (key, value) in members {
            let schema = Place { value, pointer: join(&member.pointer, key) };
            if name == "patternProperties"
                && let Err(why) = self.patterns.check(key)
            {
                self.unenforced(place, name, &format!("\"{key}\" {why}"));
                self.unmatched.push(place.pointer.clone());
                continue;
            }
            // For the same value; all others are for a member of it.
            let read = if name == "dependentSchemas" {
                self.read(&schema, &context.unwaived())?
            } else {
                self.read_part(&schema, context)?
            };
            named.insert(key.clone(), read);
        }
        read.insert(name.to_owned(), named.into());
        Ok(())
    }

    pub(super) fn read_required(
        &mut self,
        place: &Place<'d>,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let names = self.names(place, "required", member.value);
        let names: Vec<Value> =
            names.into_iter().filter(|name| !context.waived.contains(name)).map(Value::from).collect();
        if !names.is_empty() {
            read.insert("required".to_owned(), names.into());
        }
        Ok(())
    }

    /// A list of names, each once.
    fn names(&mut self, place: &Place<'d>, keyword: &str, list: &Value) -> Vec<String> {
        let Some(items) = list.as_array() else {
            self.unenforced(place, keyword, "it must be a list of names");
            return Vec::new();
        };
        if items.iter().any(|item| !item.is_string()) {
            self.unenforced(place, keyword, "not everything in it is a name");
        }
        let mut seen = std::collections::HashSet::new();
        items.iter().filter_map(Value::as_str).filter(|name| seen.insert(*name)).map(str::to_owned).collect()
    }

    /// `dependencies` was split into two keywords later.
    pub(super) fn read_dependencies(
        &mut self,
        place: &Place<'d>,
        keyword: &str,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let Some(members) = member.value.as_object() else {
            self.unenforced(place, keyword, "it must be an object");
            return Ok(());
        };
        for (key, value) in members {
            let below = Place { value, pointer: join(&member.pointer, key) };
            let (split, needed) = match value {
                Value::Object(_) | Value::Bool(_) if keyword == "dependencies" => {
                    ("dependentSchemas", self.read(&below, &context.unwaived())?)
                }
                Value::String(name) if keyword == "dependencies" => {
                    ("dependentRequired", vec![name.clone()].into())
                }
                list => ("dependentRequired", self.names(place, keyword, list).into()),
            };
            let entry = read.entry(split).or_insert_with(|| Value::Object(Map::new()));
            if let Some(entry) = entry.as_object_mut() {
                entry.entry(key.clone()).or_insert(needed);
            }
        }
        Ok(())
    }

    /// `items`, which may be a list as in older drafts, and what goes with it.
    pub(super) fn read_items(
        &mut self,
        place: &Place<'d>,
        keyword: &str,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let is_list = |name: &str| place.value.get(name).is_some_and(Value::is_array);
        match (keyword, member.value) {
            ("items", Value::Array(_)) if is_list("prefixItems") => {
                self.unenforced(place, keyword, "it must be a schema");
            }
            ("items" | "prefixItems", Value::Array(items)) => {
                let mut schemas = Vec::with_capacity(items.len());
                for (index, value) in items.iter().enumerate() {
                    schemas.push(self.read_part(&item(member, index, value), context)?);
                }
                // A list of none says nothing.
                if !schemas.is_empty() {
                    read.insert("prefixItems".to_owned(), schemas.into());
                }
            }
            ("prefixItems", _) => self.unenforced(place, keyword, "it must be a list of schemas"),
            ("additionalItems", _) if !is_list("items") => {}
            (_, value) if is_schema(value) => {
                let schema = self.read_part(member, context)?;
                read.insert("items".to_owned(), schema);
            }
            _ => self.unenforced(place, keyword, "it must be a schema"),
        }
        Ok(())
    }

    /// What is left out of some keywords takes others with it, which would otherwise ask for more than is written.
    pub(super) fn finish_members(&mut self, place: &Place<'d>, read: &mut Map<String, Value>) {
        if self.unmatched.last() != Some(&place.pointer) {
            return;
        }
        self.unmatched.retain(|pointer| *pointer != place.pointer);
        for name in ["additionalProperties", "unevaluatedProperties"] {
            if read.get(name).is_some_and(|schema| schema != &Value::Bool(true)) {
                read.remove(name);
                self.unenforced(place, name, "one of the patternProperties beside it is");
            }
        }
    }
}
