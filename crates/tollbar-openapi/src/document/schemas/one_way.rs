//! `readOnly` and `writeOnly`: what goes one way only is not required the other way.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::super::reference::{Place, Root};
use super::keyword::Context;
use super::{Collector, Dialect, Direction, LoadError, Waived};

/// How many places are visited altogether to find out which members go one way only.
const VISIT_LIMIT: usize = 8_000_000;

/// How many schemas one member may refer to, through which it could be `readOnly`.
const MEMBER_VISIT_LIMIT: usize = 64;

/// Whether a document has such members at all, and what it took to find them.
pub(super) struct OneWay {
    read_only: bool,
    write_only: bool,
    visits: usize,
}

/// What the schemas for one value say together.
#[derive(Default)]
struct Together {
    one_way: BTreeSet<String>,
    required: BTreeSet<String>,
}

impl OneWay {
    pub(super) fn of(root: Root<'_>) -> OneWay {
        let mut found = OneWay { read_only: false, write_only: false, visits: 0 };
        found.scan(root.whole().value);
        found
    }

    /// No deeper than a document may be.
    fn scan(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                self.read_only |= members.get("readOnly") == Some(&Value::Bool(true));
                self.write_only |= members.get("writeOnly") == Some(&Value::Bool(true));
                members.values().for_each(|member| self.scan(member));
            }
            Value::Array(items) => items.iter().for_each(|item| self.scan(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn is_used(&self, direction: Direction) -> bool {
        match direction {
            Direction::Request => self.read_only,
            Direction::Response => self.write_only,
        }
    }

    fn visit(&mut self, place: &Place<'_>) -> Result<(), LoadError> {
        self.visits += 1;
        if self.visits > VISIT_LIMIT {
            return Err(place.error("too many schemas are combined here to find out what is readOnly"));
        }
        Ok(())
    }
}

impl<'d> Collector<'d> {
    /// The members that a schema need not require, since they go the other way.
    pub(super) fn waived_by(&mut self, place: &Place<'d>, direction: Direction) -> Result<Waived, LoadError> {
        Ok(Waived::new(self.together(place, direction)?.one_way))
    }

    /// The members that are waived here, as far as they concern a schema for the same value that has its own number.
    pub(super) fn waived_for(&mut self, target: &Place<'d>, context: &Context) -> Result<Waived, LoadError> {
        if context.waived.is_empty() {
            return Ok(Waived::default());
        }
        let there = self.together(target, context.direction)?;
        let concerned = context.waived.iter();
        let concerned =
            concerned.filter(|name| there.required.contains(*name) && !there.one_way.contains(*name));
        Ok(Waived::new(concerned.cloned().collect()))
    }

    fn together(&mut self, place: &Place<'d>, direction: Direction) -> Result<Together, LoadError> {
        let mut together = Together::default();
        if !self.one_way.is_used(direction) {
            return Ok(together);
        }
        let (mut waiting, mut seen) = (vec![place.clone()], HashSet::new());
        while let Some(place) = waiting.pop() {
            self.one_way.visit(&place)?;
            if !seen.insert(place.pointer.clone()) {
                continue;
            }
            let required = place.value.get("required").and_then(Value::as_array).into_iter().flatten();
            together.required.extend(required.filter_map(Value::as_str).map(str::to_owned));
            if let Some(properties) = place.member("properties") {
                for (name, member) in properties.members() {
                    if self.is_one_way(member, direction)? {
                        together.one_way.insert(name.clone());
                    }
                }
            }
            self.for_the_same_value(&place, &["allOf", "anyOf", "oneOf"], &mut waiting)?;
            if self.dialect == Dialect::V31 {
                waiting.extend(["then", "else"].into_iter().filter_map(|name| place.member(name)));
            }
        }
        Ok(together)
    }

    fn is_one_way(&mut self, member: Place<'d>, direction: Direction) -> Result<bool, LoadError> {
        let flag = match direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let mut waiting = vec![member];
        for _ in 0..MEMBER_VISIT_LIMIT {
            let Some(place) = waiting.pop() else { break };
            self.one_way.visit(&place)?;
            if place.value.get(flag) == Some(&Value::Bool(true)) {
                return Ok(true);
            }
            self.for_the_same_value(&place, &["allOf"], &mut waiting)?;
        }
        Ok(false)
    }

    /// Adds the schemas that a schema holds against the same value.
    fn for_the_same_value(
        &mut self,
        place: &Place<'d>,
        keywords: &[&str],
        waiting: &mut Vec<Place<'d>>,
    ) -> Result<(), LoadError> {
        if place.reference().is_some() {
            waiting.extend(self.root.step(place)?);
            if self.dialect == Dialect::V30 {
                return Ok(());
            }
        }
        for list in keywords.iter().filter_map(|keyword| place.member(keyword)) {
            waiting.extend(list.items());
        }
        Ok(())
    }
}
