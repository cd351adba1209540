//! `$dynamicRef`: to the schema of a name in the outermost of the schemas with an `$id` through which the check came.
//! So a schema is read once for each way to it on which such names mean something else.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::super::identifiers::{Dynamic, DynamicName, ResourceId};
use super::super::reference::Place;
use super::keyword::Keyword;
use super::{Collector, LoadError};
use crate::schema::{SchemaId, reference_to};

/// What names mean, as far as it is not the same everywhere.
pub(super) type Scope = Rc<BTreeMap<DynamicName, ResourceId>>;

impl<'d> Collector<'d> {
    /// What names mean within a schema. Nothing changes what they mean already.
    pub(super) fn enter(&self, scope: &Scope, place: &Place<'d>) -> Scope {
        let (resource, names) = self.root.identifiers().given_by(place.value);
        if names.iter().all(|name| scope.contains_key(name)) {
            return scope.clone();
        }
        let mut inner = BTreeMap::clone(scope);
        for name in names {
            inner.entry(*name).or_insert(resource);
        }
        Scope::new(inner)
    }

    pub(super) fn read_dynamic_reference(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        let Some(target) = keyword.member.value.as_str() else {
            return self.leave_open(keyword, "it must be text");
        };
        let identifiers = self.root.identifiers();
        let target = match identifiers.dynamic(keyword.place.value, target) {
            Dynamic::Plain => Some(self.root.find(keyword.place, keyword.name, target)?),
            Dynamic::Open(name, resource) => {
                identifiers.meaning(name, keyword.context.scope.get(&name).copied().unwrap_or(resource))
            }
            Dynamic::Unknown => None,
        };
        match target {
            Some(target) => {
                let id = self.number_beside(keyword, &target)?;
                keyword.put(reference_to(id));
                Ok(())
            }
            None => self.leave_open(keyword, "the name is not known, or is given several times"),
        }
    }

    /// The number of a schema for the same value.
    pub(super) fn number_beside(
        &mut self,
        keyword: &Keyword<'_, 'd>,
        target: &Place<'d>,
    ) -> Result<SchemaId, LoadError> {
        let waived = self.waived_for(target, keyword.context)?;
        self.number(target, &keyword.context.with(waived))
    }

    /// Whatever it describes counts as described.
    fn leave_open(&mut self, keyword: &mut Keyword<'_, 'd>, why: &str) -> Result<(), LoadError> {
        self.leave_out(keyword, why);
        keyword.put(true);
        Ok(())
    }

    /// Puts a dynamic reference beside what else the schema says.
    pub(super) fn finish_dynamic_reference(&mut self, place: &Place<'d>, read: &mut Map<String, Value>) {
        let Some(dynamic) = read.shift_remove("$dynamicRef") else { return };
        if !dynamic.is_string() {
            for name in ["unevaluatedProperties", "unevaluatedItems"] {
                if read.insert(name.to_owned(), true.into()).is_some_and(|own| own != Value::Bool(true)) {
                    self.unenforced(place, name, "the $dynamicRef beside it is");
                }
            }
            return;
        }
        if !read.contains_key("$ref") {
            read.insert("$ref".to_owned(), dynamic);
            return;
        }
        let all = read.entry("allOf").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(all) = all.as_array_mut() {
            all.push(Value::Object(Map::from_iter([("$ref".to_owned(), dynamic)])));
        }
    }
}
