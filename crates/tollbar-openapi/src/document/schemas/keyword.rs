//! One keyword of a schema, on its way from as it is written to as it is kept.

use serde_json::{Map, Value};

use super::super::reference::Place;
use super::scope::Scope;
use super::{Collector, Direction, Waived};

/// What holds wherever a schema stands in another.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) direction: Direction,
    pub(super) waived: Waived,
    pub(super) scope: Scope,
}

impl Context {
    pub(super) fn of(direction: Direction) -> Context {
        Context { direction, waived: Waived::default(), scope: Scope::default() }
    }

    /// For what is asked rather than demanded: there nothing is waived, since less would mean more.
    pub(super) fn unwaived(&self) -> Context {
        self.with(Waived::default())
    }

    pub(super) fn with(&self, waived: Waived) -> Context {
        Context { direction: self.direction, waived, scope: self.scope.clone() }
    }
}

/// A keyword that is being read.
pub(super) struct Keyword<'r, 'd> {
    /// The schema that has it.
    pub(super) place: &'r Place<'d>,
    pub(super) name: &'r str,
    /// What is written under its name.
    pub(super) member: &'r Place<'d>,
    pub(super) context: &'r Context,
    /// What is kept of the schema so far.
    pub(super) read: &'r mut Map<String, Value>,
}

impl Keyword<'_, '_> {
    /// As it is written.
    pub(super) fn keep(&mut self) {
        self.put(self.member.value.clone());
    }

    pub(super) fn put(&mut self, value: impl Into<Value>) {
        self.put_as(self.name, value);
    }

    /// Under a name that the newest draft has for it.
    pub(super) fn put_as(&mut self, name: &str, value: impl Into<Value>) {
        self.read.insert(name.to_owned(), value.into());
    }
}

impl<'d> Collector<'d> {
    /// Says that a keyword is not held against anybody, and why.
    pub(super) fn leave_out(&mut self, keyword: &Keyword<'_, 'd>, why: &str) {
        self.unenforced(keyword.place, keyword.name, why);
    }

    /// Whether the keyword holds a schema; else it is left out.
    pub(super) fn holds_schema(&mut self, keyword: &Keyword<'_, 'd>) -> bool {
        let holds = is_schema(keyword.member.value);
        if !holds {
            self.leave_out(keyword, "it must be a schema");
        }
        holds
    }

    /// Whether the keyword holds an object; else it is left out.
    pub(super) fn holds_members(&mut self, keyword: &Keyword<'_, 'd>) -> bool {
        let holds = keyword.member.value.is_object();
        if !holds {
            self.leave_out(keyword, "it must be an object");
        }
        holds
    }
}

pub(super) fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}
