//! What a new document changes over an older one, as those who call see it.
//!
//! An old request is the measure: what it could be refused for, or be read otherwise, is breaking.

mod keywords;
mod operation;
mod schema;

use std::collections::HashMap;

use crate::operation::Operation;
use crate::schema::SchemaSet;
use crate::template::is_same_template;
use schema::Schemas;

/// So many differences of one operation are told; the rest is counted.
pub const DIFFERENCE_LIMIT: usize = 100;

/// What a difference means for requests as they were right before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Some of them are refused now.
    Breaking,
    /// That cannot be judged.
    Changed,
    /// They go on as they did.
    Compatible,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it means.
    pub effect: Effect,
    /// In words: `query parameter "limit" must be at most 50 now (before: 100)`.
    pub text: String,
}

/// Operations of two documents that are the same, by their places; or one that has no counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// In both.
    Both {
        /// Its place among the old ones.
        old: usize,
        /// Its place among the new ones.
        new: usize,
    },
    /// Only among the new ones.
    Added(usize),
    /// Only among the old ones.
    Gone(usize),
}

/// Finds the counterparts: method and path, whatever parameters are called. The new ones in their order, then those
/// that are gone.
pub fn pair(old: &[&Operation], new: &[&Operation]) -> Vec<Pair> {
    // What stands before the first parameter keeps the candidates few.
    let key = |operation: &Operation| {
        let prefix = operation.path.split('{').next().unwrap_or_default();
        (operation.method.clone(), prefix.to_owned())
    };
    let mut candidates: HashMap<_, Vec<usize>> = HashMap::new();
    for (place, operation) in old.iter().enumerate() {
        candidates.entry(key(operation)).or_default().push(place);
    }
    let mut pairs = Vec::new();
    for (place, operation) in new.iter().enumerate() {
        let found = candidates.get_mut(&key(operation)).and_then(|known| {
            let is_it = |old_place: &usize| {
                old.get(*old_place).is_some_and(|old| is_same_template(&old.path, &operation.path))
            };
            known.iter().position(is_it).map(|at| known.swap_remove(at))
        });
        pairs.push(found.map_or(Pair::Added(place), |old| Pair::Both { old, new: place }));
    }
    let mut gone: Vec<usize> = candidates.into_values().flatten().collect();
    gone.sort_unstable();
    pairs.extend(gone.into_iter().map(Pair::Gone));
    pairs
}

/// Compares operations of two documents. What was found out about their schemas is kept from one to the next.
pub struct Differences<'s> {
    schemas: Schemas<'s>,
}

impl<'s> Differences<'s> {
    /// For operations whose schemas are in these sets.
    pub fn new(old: &'s SchemaSet, new: &'s SchemaSet) -> Differences<'s> {
        Differences { schemas: Schemas::new(old, new) }
    }

    /// What is different about an operation: parameters in the new document's order, then those that are gone, then
    /// the body.
    pub fn of(&mut self, old: &Operation, new: &Operation) -> Vec<Difference> {
        let mut all = operation::compare(&mut self.schemas, old, new);
        if all.len() > DIFFERENCE_LIMIT {
            let rest = all.split_off(DIFFERENCE_LIMIT);
            // What is not told must not look better than it is.
            let effect = rest.iter().map(|one| one.effect).min().unwrap_or(Effect::Changed);
            all.push(Difference { effect, text: format!("and {} more differences", rest.len()) });
        }
        all
    }
}

#[cfg(test)]
mod tests;
