//! Members and items.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::reference::Place;
use super::keyword::{Keyword, is_schema};
use super::{Collector, LoadError};

impl<'d> Collector<'d> {
    /// A keyword that maps names, or patterns of names, to schemas.
    pub(super) fn read_named(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        if !self.holds_members(keyword) {
            return Ok(());
        }
        let mut named = Map::new();
        for (key, schema) in keyword.member.members() {
            if keyword.name == "patternProperties"
                && let Err(why) = self.patterns.check(key)
            {
                self.leave_out(keyword, &format!("\"{key}\" {why}"));
                self.unmatched.push(keyword.place.pointer.clone());
                continue;
            }
            // For the same value; all others are for a member of it.
            let read = if keyword.name == "dependentSchemas" {
                self.read(&schema, &keyword.context.unwaived())?
            } else {
                self.read_part(&schema, keyword.context)?
            };
            named.insert(key.clone(), read);
        }
        keyword.put(named);
        Ok(())
    }

    pub(super) fn read_required(&mut self, keyword: &mut Keyword<'_, 'd>) {
        let mut names = self.names(keyword, keyword.member.value);
        names.retain(|name| !keyword.context.waived.contains(name));
        if !names.is_empty() {
            keyword.put(names);
        }
    }

    /// A list of names, each once.
    fn names(&mut self, keyword: &Keyword<'_, 'd>, list: &Value) -> Vec<String> {
        let Some(items) = list.as_array() else {
            self.leave_out(keyword, "it must be a list of names");
            return Vec::new();
        };
        if items.iter().any(|item| !item.is_string()) {
            self.leave_out(keyword, "not everything in it is a name");
        }
        let mut seen = HashSet::new();
        items.iter().filter_map(Value::as_str).filter(|name| seen.insert(*name)).map(str::to_owned).collect()
    }

    /// `dependencies` was split into two keywords later.
    pub(super) fn read_dependencies(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        if !self.holds_members(keyword) {
            return Ok(());
        }
        let is_former = keyword.name == "dependencies";
        for (key, below) in keyword.member.members() {
            let (split, needed) = match below.value {
                Value::Object(_) | Value::Bool(_) if is_former => {
                    ("dependentSchemas", self.read(&below, &keyword.context.unwaived())?)
                }
                Value::String(name) if is_former => ("dependentRequired", vec![name.clone()].into()),
                list => ("dependentRequired", self.names(keyword, list).into()),
            };
            let entry = keyword.read.entry(split).or_insert_with(|| Value::Object(Map::new()));
            if let Some(entry) = entry.as_object_mut() {
                entry.entry(key.clone()).or_insert(needed);
            }
        }
        Ok(())
    }

    /// `items`, which may be a list as in older drafts, and what goes with it.
    pub(super) fn read_items(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        let is_list = |name: &str| keyword.place.value.get(name).is_some_and(Value::is_array);
        match (keyword.name, keyword.member.value) {
            ("items", Value::Array(_)) if is_list("prefixItems") => {
                self.leave_out(keyword, "it must be a schema");
            }
            ("items" | "prefixItems", Value::Array(_)) => {
                let mut schemas = Vec::new();
                for item in keyword.member.items() {
                    schemas.push(self.read_part(&item, keyword.context)?);
                }
                // A list of none says nothing.
                if !schemas.is_empty() {
                    keyword.put_as("prefixItems", schemas);
                }
            }
            ("prefixItems", _) => self.leave_out(keyword, "it must be a list of schemas"),
            ("additionalItems", _) if !is_list("items") => {}
            (_, value) if is_schema(value) => {
                let schema = self.read_part(keyword.member, keyword.context)?;
                keyword.put_as("items", schema);
            }
            _ => self.leave_out(keyword, "it must be a schema"),
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
