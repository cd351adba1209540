//! From a text to a tree, as quickly as serde_json makes one, and without losing a member that is given twice.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use super::least::is_least;
use super::{JSON_DEPTH_LIMIT, JSON_VALUE_LIMIT, Wrong};

/// What is known of a walk through a text.
#[derive(Default)]
pub(super) struct Walk {
    values: Cell<usize>,
    stopped: Cell<Option<Stop>>,
    has_least: Cell<bool>,
    /// The way to the member that is given twice, innermost step first: filled on the way out.
    steps: RefCell<Vec<Step>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Twice,
    TooDeep,
    TooMany,
}

enum Step {
    Member(String),
    Item(usize),
}

#[derive(Clone, Copy)]
pub(super) struct Node<'w> {
    walk: &'w Walk,
    depth: usize,
}

impl Walk {
    /// What we, and not the parser, found wrong.
    pub(super) fn wrong(&self) -> Option<Wrong> {
        Some(match self.stopped.get()? {
            Stop::Twice => Wrong::Twice(self.path()),
            Stop::TooDeep => Wrong::TooDeep,
            Stop::TooMany => Wrong::TooMany,
        })
    }

    /// Whether one of the numbers became the least of 64 bits as a double.
    pub(super) fn has_least(&self) -> bool {
        self.has_least.get()
    }

    fn stop<E: Error>(&self, why: Stop) -> E {
        self.stopped.set(Some(why));
        E::custom("")
    }

    fn leave(&self, step: impl FnOnce() -> Step) {
        if self.stopped.get() == Some(Stop::Twice) {
            self.steps.borrow_mut().push(step());
        }
    }

    /// `lines[2].sku`
    fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.borrow().iter().rev() {
            match step {
                Step::Item(number) => path.push_str(&format!("[{number}]")),
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
            }
        }
        path
    }
}

impl<'w> Node<'w> {
    pub(super) fn of(walk: &'w Walk) -> Node<'w> {
        Node { walk, depth: 0 }
    }

    fn below<E: Error>(self) -> Result<Node<'w>, E> {
        if self.depth >= JSON_DEPTH_LIMIT {
            return Err(self.walk.stop(Stop::TooDeep));
        }
        Ok(Node { walk: self.walk, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        let values = self.walk.values.get() + 1;
        if values > JSON_VALUE_LIMIT {
            return Err(self.walk.stop(Stop::TooMany));
        }
        self.walk.values.set(values);
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    /// Also for integers beyond 64 bits, which become the nearest double, as most readers have them.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        if is_least(number) {
            self.walk.has_least.set(true);
        }
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let node = self.below()?;
        let mut values = Vec::new();
        loop {
            match list.next_element_seed(node) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    self.walk.leave(|| Step::Item(values.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let node = self.below()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            match members.entry(name) {
                Entry::Occupied(member) => {
                    let error = self.walk.stop(Stop::Twice);
                    self.walk.leave(|| Step::Member(member.key().clone()));
                    return Err(error);
                }
                Entry::Vacant(member) => match object.next_value_seed(node) {
                    Ok(value) => {
                        member.insert(value);
                    }
                    Err(error) => {
                        self.walk.leave(|| Step::Member(member.key().clone()));
                        return Err(error);
                    }
                },
            }
        }
        Ok(Value::Object(members))
    }
}
