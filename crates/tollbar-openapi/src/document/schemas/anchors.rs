//! `$anchor` and `$dynamicAnchor`: names for schemas anywhere in a document.

use std::collections::HashMap;

use serde_json::Value;

use super::super::error::join;
use super::super::reference::{Place, Root, is_data};
use super::LoadError;

/// The named schemas of a document.
pub(super) struct Anchors<'d> {
    known: HashMap<&'d str, Named<'d>>,
}

enum Named<'d> {
    Once(Place<'d>),
    More,
}

impl<'d> Anchors<'d> {
    pub(super) fn of(root: Root<'d>) -> Anchors<'d> {
        let mut known = HashMap::new();
        walk(&root.whole(), false, &mut known);
        Anchors { known }
    }

    pub(super) fn find(&self, name: &str, from: &Place<'d>) -> Result<Place<'d>, LoadError> {
        let message = match self.known.get(name) {
            Some(Named::Once(place)) => return Ok(place.clone()),
            Some(Named::More) => format!("the reference \"#{name}\" leads to several places"),
            None => format!("the reference \"#{name}\" leads nowhere"),
        };
        Err(LoadError::new(message).at(join(&from.pointer, "$ref")))
    }

    /// Whether a name is given, and only once: then a dynamic reference is a plain one.
    pub(super) fn is_single(&self, name: &str) -> bool {
        matches!(self.known.get(name), Some(Named::Once(_)))
    }
}

/// No deeper than a document may be.
fn walk<'d>(place: &Place<'d>, is_map: bool, known: &mut HashMap<&'d str, Named<'d>>) {
    match place.value {
        Value::Object(members) => {
            for name in ["$anchor", "$dynamicAnchor"] {
                if let Some(anchor) = members.get(name).and_then(Value::as_str).filter(|_| !is_map) {
                    known
                        .entry(anchor)
                        .and_modify(|named| {
                            // A schema may have both, of one name.
                            if !matches!(named, Named::Once(other) if other.pointer == place.pointer) {
                                *named = Named::More;
                            }
                        })
                        .or_insert_with(|| Named::Once(place.clone()));
                }
            }
            for name in members.keys() {
                let (skipped, holds_names) = is_data(name, is_map);
                if let Some(member) = place.member(name).filter(|_| !skipped) {
                    walk(&member, holds_names, known);
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                walk(&Place { value, pointer: join(&place.pointer, index) }, false, known);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
