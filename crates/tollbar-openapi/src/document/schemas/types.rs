//! `type`, `enum`, `format`, `pattern`.

use serde_json::{Map, Value};

use super::super::reference::Place;
use super::read::keep;
use super::{Collector, LoadError};

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

impl<'d> Collector<'d> {
    pub(super) fn read_type(
        &mut self,
        place: &Place<'d>,
        member: &Place<'d>,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let names: Vec<&Value> = match member.value {
            Value::Array(names) => names.iter().collect(),
            name => vec![name],
        };
        let mut types: Vec<Value> = Vec::new();
        for name in names {
            match name.as_str() {
                Some(text) if TYPES.contains(&text) => {
                    if !types.contains(name) {
                        types.push(name.clone());
                    }
                }
                Some(text) => {
                    self.unenforced(place, "type", &format!("\"{text}\" is not a type"));
                    return Ok(());
                }
                None => {
                    self.unenforced(place, "type", "it must be the name of a type, or a list of names");
                    return Ok(());
                }
            }
        }
        match types.len() {
            0 => self.unenforced(place, "type", "it is an empty list"),
            1 => {
                read.insert("type".to_owned(), types.swap_remove(0));
            }
            _ => {
                read.insert("type".to_owned(), types.into());
            }
        }
        Ok(())
    }

    pub(super) fn read_enum(
        &mut self,
        place: &Place<'d>,
        member: &Place<'d>,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let choices = member.value.as_array().ok_or_else(|| member.error("enum must be a list"))?;
        if choices.is_empty() {
            self.unenforced(place, "enum", "it is an empty list");
            return Ok(());
        }
        self.root.take(0, member)?;
        keep(read, "enum", member)
    }

    pub(super) fn read_text_keyword(
        &mut self,
        place: &Place<'d>,
        name: &str,
        member: &Place<'d>,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        let Some(text) = member.value.as_str() else {
            self.unenforced(place, name, "it must be text");
            return Ok(());
        };
        if name == "pattern"
            && let Err(why) = self.patterns.check(text)
        {
            self.unenforced(place, name, &format!("\"{text}\" {why}"));
            return Ok(());
        }
        keep(read, name, member)
    }

    pub(super) fn read_flag(
        &mut self,
        place: &Place<'d>,
        name: &str,
        member: &Place<'d>,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        match member.value {
            Value::Bool(true) => return keep(read, name, member),
            Value::Bool(false) => {}
            _ => self.unenforced(place, name, "it must be true or false"),
        }
        Ok(())
    }
}
