//! `allOf`, `anyOf`, `oneOf`, `not`, `if`.

use serde_json::{Map, Value};

use super::super::reference::Place;
use super::read::{Context, is_schema, item};
use super::{Collector, LoadError};

impl<'d> Collector<'d> {
    pub(super) fn read_branches(
        &mut self,
        place: &Place<'d>,
        keyword: &str,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let Some(items) = member.value.as_array().filter(|items| !items.is_empty()) else {
            self.unenforced(place, keyword, "it must be a list of schemas");
            return Ok(());
        };
        let before = self.loosened;
        let mut branches = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            branches.push(self.read(&item(member, index, value), context)?);
        }
        // Of branches that ask for less than is written, more than one may fit.
        let is_loose = self.loosened > before;
        if keyword == "oneOf" && is_loose && !place.value.get("anyOf").is_some_and(Value::is_array) {
            self.unenforced(
                place,
                "oneOf",
                "what is left of it may fit more than once, and any of it will do",
            );
            read.insert("anyOf".to_owned(), branches.into());
        } else if keyword == "oneOf" && is_loose {
            self.unenforced(place, "oneOf", "something in it is");
        } else {
            read.insert(keyword.to_owned(), branches.into());
        }
        Ok(())
    }

    pub(super) fn read_condition(
        &mut self,
        place: &Place<'d>,
        keyword: &str,
        member: &Place<'d>,
        context: &Context,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        if !is_schema(member.value) {
            self.unenforced(place, keyword, "it must be a schema");
            return Ok(());
        }
        let is_question = matches!(keyword, "not" | "if");
        let before = self.loosened;
        let schema =
            if is_question { self.read(member, &context.unwaived())? } else { self.read(member, context)? };
        // Less in a question is more in its answer.
        if is_question && self.loosened > before {
            self.unenforced(place, keyword, "something in it is");
            return Ok(());
        }
        read.insert(keyword.to_owned(), schema);
        Ok(())
    }
}
