//! What a text may stand for: the types that a schema allows, found out before requests come.
//!
//! `12` is a number to one schema and a string to another. All shapes of an API stand in one list and refer to each
//! other by place in it, so that schemas that contain themselves need no end, and what is shared is read once.

mod reader;
mod spellings;
mod types;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

pub(super) use reader::Reader;
use spellings::Spellings;
pub(super) use types::Types;

/// Where anything is allowed.
const ANYTHING: usize = 0;

/// The JSON types that a value may have, and the shapes of what is in it.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    nodes: Arc<[Node]>,
    spellings: Arc<Spellings>,
    at: usize,
}

/// The same, borrowed: what is walked while a request is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    nodes: &'a [Node],
    spellings: &'a Spellings,
    at: usize,
}

#[derive(Debug, Default)]
struct Node {
    types: Types,
    /// The values of `enum` or `const`. They help to tell `"1"` from 1, and are not a check.
    choices: Option<Vec<Value>>,
    is_binary: bool,
    is_measured: bool,
    members: HashMap<Box<str>, usize>,
    others: Others,
    first_items: Vec<usize>,
    items: Option<usize>,
}

/// What is said of members that are not named.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Others {
    #[default]
    Unsaid,
    Refused,
    Of(usize),
}

impl Shape {
    pub(super) fn view(&self) -> View<'_> {
        View { nodes: &self.nodes, spellings: &self.spellings, at: self.at }
    }
}

impl<'a> View<'a> {
    pub(super) fn types(self) -> Types {
        self.node().map_or(Types::ALL, |node| node.types)
    }

    /// Whether the schema says of which types a value is.
    pub(super) fn is_typed(self) -> bool {
        self.types() != Types::ALL
    }

    /// Whether a list is meant among others: a schema that says nothing of types must speak of items.
    pub(super) fn means_list(self) -> bool {
        let speaks = || self.node().is_some_and(|node| node.items.is_some() || !node.first_items.is_empty());
        self.types().has(Types::ARRAY) && (self.is_typed() || speaks())
    }

    /// Whether an object is meant among others: a schema that says nothing of types must speak of members.
    pub(super) fn means_object(self) -> bool {
        let speaks = || self.node().is_some_and(|node| !node.members.is_empty() || self.takes_others());
        self.types().has(Types::OBJECT) && (self.is_typed() || speaks())
    }

    /// Whether something that is neither list nor object can be meant.
    pub(super) fn means_scalar(self) -> bool {
        self.types().has(Types::SCALARS)
    }

    pub(super) fn choices(self) -> Option<&'a [Value]> {
        self.node()?.choices.as_deref()
    }

    /// Whether the value is a file's bytes.
    pub(super) fn is_binary(self) -> bool {
        self.node().is_some_and(|node| node.is_binary)
    }

    /// Whether there is a bound on the length of a string.
    pub(super) fn is_measured(self) -> bool {
        self.node().is_some_and(|node| node.is_measured)
    }

    /// The shape of a member that the schema names.
    pub(super) fn named_member(self, name: &str) -> Option<View<'a>> {
        let at = *self.node()?.members.get(name)?;
        Some(View { at, ..self })
    }

    /// The member that a name which the document does not have is to readers that fold names: `amount` for `Amount`.
    pub(super) fn find_spelling(self, name: &str) -> Option<&'a str> {
        if self.says_nothing() {
            return None;
        }
        self.spellings.others(name).iter().map(AsRef::as_ref).find(|other| self.named_member(other).is_some())
    }

    /// Whether anything is allowed here.
    pub(super) fn says_nothing(self) -> bool {
        self.at == ANYTHING
    }

    /// The shape of a member, named or not.
    pub(super) fn member(self, name: &str) -> View<'a> {
        let other = || match self.node().map(|node| node.others) {
            Some(Others::Of(at)) => View { at, ..self },
            _ => View { at: ANYTHING, ..self },
        };
        self.named_member(name).unwrap_or_else(other)
    }

    /// Whether the schema says that it takes members that it does not name. Silence is not meant so here.
    pub(super) fn takes_others(self) -> bool {
        self.node().is_some_and(|node| matches!(node.others, Others::Of(_)))
    }

    /// The names of the members that the schema names.
    pub(super) fn member_names(self) -> impl Iterator<Item = &'a str> {
        self.node().into_iter().flat_map(|node| node.members.keys().map(AsRef::as_ref))
    }

    /// The shape of an item.
    pub(super) fn item(self, index: usize) -> View<'a> {
        let at = self.node().and_then(|node| node.first_items.get(index).copied().or(node.items));
        View { at: at.unwrap_or(ANYTHING), ..self }
    }

    fn node(self) -> Option<&'a Node> {
        self.nodes.get(self.at)
    }
}

#[cfg(test)]
mod tests;
