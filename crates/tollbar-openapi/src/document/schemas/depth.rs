//! How many schemas are held against one value, each within the other: that deep the check of a value recurses.

use serde_json::{Map, Value};

use super::LoadError;
use crate::schema::{SchemaId, number_of};

/// Enough for the inheritance of all public documents that we know, and little enough for a value of 64 levels on a
/// thread with a stack of 2 MiB.
const DEPTH_LIMIT: usize = 32;

/// How many schemas may be held against one value, each counted as often as it is referred to.
const WIDTH_LIMIT: usize = 100_000;

/// What it takes to hold a schema against a value, not counting parts of the value.
#[derive(Clone, Copy, Default)]
struct Cost {
    depth: usize,
    width: usize,
}

/// Refuses schemas that refer to others, which refer to others and so on, without coming to a part of the value,
/// and takes out references that lead back to where they stand, which say nothing. Returns which schemas had any.
pub(super) fn check(schemas: &mut [Value], pointers: &[String]) -> Result<Vec<usize>, LoadError> {
    let edges: Vec<Vec<(usize, usize)>> = schemas
        .iter()
        .map(|schema| {
            let mut found = Vec::new();
            note(schema, 0, &mut found);
            found
        })
        .collect();
    let mut walk =
        Walk { costs: vec![None; schemas.len()], is_open: vec![false; schemas.len()], circles: Vec::new() };
    for start in 0..schemas.len() {
        walk.from(start, &edges, pointers)?;
    }
    walk.circles.sort_unstable();
    for (schema, target) in &walk.circles {
        if let Some(schema) = schemas.get_mut(*schema) {
            cut(schema, *target, true);
        }
    }
    let mut cut: Vec<usize> = walk.circles.into_iter().map(|(schema, _)| schema).collect();
    cut.dedup();
    Ok(cut)
}

struct Walk {
    costs: Vec<Option<Cost>>,
    /// Schemas on the way from the start to here.
    is_open: Vec<bool>,
    /// From, to.
    circles: Vec<(usize, usize)>,
}

impl Walk {
    fn from(
        &mut self,
        start: usize,
        edges: &[Vec<(usize, usize)>],
        pointers: &[String],
    ) -> Result<(), LoadError> {
        let mut path = vec![(start, 0, Cost { depth: 0, width: 1 })];
        while let Some((schema, next, cost)) = path.last_mut() {
            let refuse = |what: &str| {
                let pointer = pointers.get(*schema).cloned().unwrap_or_default();
                LoadError::new(format!("more than {what} are held against the same value here")).at(pointer)
            };
            let Some((target, depth)) = edges.get(*schema).and_then(|own| own.get(*next)) else {
                if let (Some(slot), Some(flag)) = (self.costs.get_mut(*schema), self.is_open.get_mut(*schema))
                {
                    (*slot, *flag) = (Some(*cost), false);
                }
                path.pop();
                continue;
            };
            if let Some(flag) = self.is_open.get_mut(*schema) {
                *flag = true;
            }
            if let Some(below) = self.costs.get(*target).copied().flatten() {
                *next += 1;
                cost.depth = cost.depth.max(depth + 1 + below.depth);
                cost.width = cost.width.saturating_add(below.width);
                if cost.depth > DEPTH_LIMIT {
                    return Err(refuse(&format!("{DEPTH_LIMIT} schemas, each referring to the next,")));
                }
                if cost.width > WIDTH_LIMIT {
                    return Err(refuse(&format!("{WIDTH_LIMIT} schemas")));
                }
            } else if self.is_open.get(*target) == Some(&true) {
                *next += 1;
                if self.circles.last() != Some(&(*schema, *target)) {
                    self.circles.push((*schema, *target));
                }
            } else {
                path.push((*target, 0, Cost { depth: 0, width: 1 }));
            }
        }
        Ok(())
    }
}

/// The schemas that a schema refers to for the same value, and how deep within it. No deeper than a document.
fn note(schema: &Value, depth: usize, found: &mut Vec<(usize, usize)>) {
    if let Some(number) = target_of(schema) {
        found.push((number, depth));
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let branches = schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
        branches.for_each(|branch| note(branch, depth + 1, found));
    }
    for keyword in ["not", "if", "then", "else"] {
        if let Some(branch) = schema.get(keyword) {
            note(branch, depth + 1, found);
        }
    }
    let dependent = schema.get("dependentSchemas").and_then(Value::as_object);
    dependent.into_iter().flat_map(Map::values).for_each(|one| note(one, depth + 1, found));
}

/// Takes out references to a schema, in the same places. A schema that also asks itself asks nothing more; a choice
/// that is the whole again is no choice.
fn cut(schema: &mut Value, target: usize, instead: bool) {
    if target_of(schema) == Some(target) {
        match schema.as_object_mut() {
            Some(members) if members.len() > 1 => {
                members.remove("$ref");
            }
            _ => *schema = Value::Bool(instead),
        }
    }
    let Some(members) = schema.as_object_mut() else { return };
    for (keyword, instead) in [("allOf", true), ("anyOf", false), ("oneOf", false)] {
        let branches = members.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten();
        branches.for_each(|branch| cut(branch, target, instead));
    }
    for (keyword, instead) in [("not", false), ("if", true), ("then", true), ("else", true)] {
        if let Some(branch) = members.get_mut(keyword) {
            cut(branch, target, instead);
        }
    }
    let dependent = members.get_mut("dependentSchemas").and_then(Value::as_object_mut);
    dependent.into_iter().flat_map(Map::values_mut).for_each(|one| cut(one, target, true));
}

fn target_of(schema: &Value) -> Option<usize> {
    let SchemaId(number) = schema.get("$ref").and_then(Value::as_str).and_then(number_of)?;
    usize::try_from(number).ok()
}
