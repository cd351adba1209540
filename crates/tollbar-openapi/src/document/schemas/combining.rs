//! `allOf`, `anyOf`, `oneOf`, `not`, `if`.

use serde_json::Value;

use super::keyword::Keyword;
use super::{Collector, LoadError};

impl<'d> Collector<'d> {
    pub(super) fn read_branches(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        let before = self.loosened;
        let mut branches = Vec::new();
        for branch in keyword.member.items() {
            branches.push(self.read(&branch, keyword.context)?);
        }
        if branches.is_empty() {
            self.leave_out(keyword, "it must be a list of schemas");
            return Ok(());
        }
        // Of branches that ask for less than is written, more than one may fit.
        let is_loose = keyword.name == "oneOf" && self.loosened > before;
        if is_loose && !keyword.place.value.get("anyOf").is_some_and(Value::is_array) {
            self.leave_out(keyword, "what is left of it may fit more than once, and any of it will do");
            keyword.put_as("anyOf", branches);
        } else if is_loose {
            self.leave_out(keyword, "something in it is");
        } else {
            keyword.put(branches);
        }
        Ok(())
    }

    pub(super) fn read_condition(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        if !self.holds_schema(keyword) {
            return Ok(());
        }
        let is_question = matches!(keyword.name, "not" | "if");
        let before = self.loosened;
        let schema = if is_question {
            self.read(keyword.member, &keyword.context.unwaived())?
        } else {
            self.read(keyword.member, keyword.context)?
        };
        // Less in a question is more in its answer.
        if is_question && self.loosened > before {
            self.leave_out(keyword, "something in it is");
        } else {
            keyword.put(schema);
        }
        Ok(())
    }
}
