//! The names of members in all schemas of an API, by how they are read where capital letters do not count.

use std::collections::HashMap;

use serde_json::Value;

use super::super::fold::fold;
use crate::schema::SchemaSet;

/// So many spellings of one name are told apart. An API with more of them is read as it is written.
const SPELLING_LIMIT: usize = 16;

/// For each name, folded, the spellings that the document has of it.
#[derive(Debug, Default)]
pub(super) struct Spellings(HashMap<Box<str>, Vec<Box<str>>>);

impl Spellings {
    pub(super) fn of(set: &SchemaSet) -> Spellings {
        let mut spellings = Spellings::default();
        set.iter().for_each(|schema| spellings.note(schema));
        spellings
    }

    /// What else a name that no schema has may be read as. Nothing, if one has it: that spelling is meant then.
    pub(super) fn others(&self, name: &str) -> &[Box<str>] {
        match self.0.get(fold(name).as_ref()) {
            Some(known) if known.len() < SPELLING_LIMIT && !known.iter().any(|one| **one == *name) => known,
            _ => &[],
        }
    }

    /// Recurses no deeper than a document may be, and finds too much rather than too little.
    fn note(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => {
                if let Some(Value::Object(named)) = members.get("properties") {
                    named.keys().for_each(|name| self.note_name(name));
                }
                members.values().for_each(|member| self.note(member));
            }
            Value::Array(items) => items.iter().for_each(|item| self.note(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn note_name(&mut self, name: &str) {
        let folded = fold(name);
        if !self.0.contains_key(folded.as_ref()) {
            self.0.insert(Box::from(folded.as_ref()), Vec::new());
        }
        if let Some(known) = self.0.get_mut(folded.as_ref())
            && known.len() < SPELLING_LIMIT
            && !known.iter().any(|one| **one == *name)
        {
            known.push(Box::from(name));
        }
    }
}
