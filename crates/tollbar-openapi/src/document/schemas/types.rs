//! `type`, `enum`, `format`, `pattern`.

use serde_json::Value;

use super::keyword::Keyword;
use super::{Collector, LoadError};

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

impl<'d> Collector<'d> {
    pub(super) fn read_type(&mut self, keyword: &mut Keyword<'_, 'd>) {
        let names = match keyword.member.value {
            Value::Array(names) => names.as_slice(),
            name => std::slice::from_ref(name),
        };
        let mut types: Vec<Value> = Vec::new();
        for name in names {
            match name.as_str() {
                Some(text) if TYPES.contains(&text) => {
                    if !types.contains(name) {
                        types.push(name.clone());
                    }
                }
                Some(text) => return self.leave_out(keyword, &format!("\"{text}\" is not a type")),
                None => {
                    return self.leave_out(keyword, "it must be the name of a type, or a list of names");
                }
            }
        }
        match types.len() {
            0 => self.leave_out(keyword, "it is an empty list"),
            1 => keyword.put(types.swap_remove(0)),
            _ => keyword.put(types),
        }
    }

    pub(super) fn read_enum(&mut self, keyword: &mut Keyword<'_, 'd>) -> Result<(), LoadError> {
        let member = keyword.member;
        let choices = member.value.as_array().ok_or_else(|| member.error("enum must be a list"))?;
        if choices.is_empty() {
            self.leave_out(keyword, "it is an empty list");
            return Ok(());
        }
        self.root.take(0, member)?;
        keyword.keep();
        Ok(())
    }

    pub(super) fn read_text_keyword(&mut self, keyword: &mut Keyword<'_, 'd>) {
        let Some(text) = keyword.member.value.as_str() else {
            return self.leave_out(keyword, "it must be text");
        };
        if keyword.name == "pattern"
            && let Err(why) = self.patterns.check(text)
        {
            return self.leave_out(keyword, &format!("\"{text}\" {why}"));
        }
        keyword.keep();
    }

    pub(super) fn read_flag(&mut self, keyword: &mut Keyword<'_, 'd>) {
        match keyword.member.value {
            Value::Bool(true) => keyword.keep(),
            Value::Bool(false) => {}
            _ => self.leave_out(keyword, "it must be true or false"),
        }
    }
}
