//! Two schemas of two sets, and all that they refer to.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value;

use super::keywords;
use super::{DIFFERENCE_LIMIT, Effect};
use crate::schema::{SchemaId, SchemaSet};

/// How many values of schemas are looked at, for all operations together. Beyond that only "changed" is said.
const STEP_LIMIT: usize = 20_000_000;

/// How deep a comparison goes, references followed.
const DEPTH_LIMIT: usize = 100;

/// A difference within a schema: at which member, what it means, in words.
pub(super) type Found = (String, Effect, String);

/// Two sets, and what is known already of their pairs.
pub(super) struct Schemas<'s> {
    old: &'s SchemaSet,
    new: &'s SchemaSet,
    known: HashMap<(SchemaId, SchemaId), Local>,
    steps: usize,
}

/// What is different in a pair itself, and the pairs that it leads to.
#[derive(Default)]
pub(super) struct Local {
    pub(super) found: Vec<Found>,
    leads_to: Vec<(String, (SchemaId, SchemaId))>,
}

impl<'s> Schemas<'s> {
    pub(super) fn new(old: &'s SchemaSet, new: &'s SchemaSet) -> Schemas<'s> {
        Schemas { old, new, known: HashMap::new(), steps: STEP_LIMIT }
    }

    /// Everything that is different, each pair of schemas once: where it is met first.
    pub(super) fn compare(&mut self, old: SchemaId, new: SchemaId) -> Vec<Found> {
        let mut found = Vec::new();
        let mut seen = HashSet::from([(old, new)]);
        let mut waiting = VecDeque::from([(String::new(), (old, new))]);
        while let Some((path, pair)) = waiting.pop_front() {
            if found.len() > DIFFERENCE_LIMIT {
                break;
            }
            if !self.take_step() {
                found.push((
                    String::new(),
                    Effect::Changed,
                    "is too large to be compared in full".to_owned(),
                ));
                break;
            }
            if !self.known.contains_key(&pair) {
                let local = self.compare_pair(pair);
                self.known.insert(pair, local);
            }
            let Some(local) = self.known.get(&pair) else { continue };
            found.extend(
                local.found.iter().map(|(at, effect, what)| (join(&path, at), *effect, what.clone())),
            );
            for (at, next) in &local.leads_to {
                if seen.insert(*next) {
                    waiting.push_back((join(&path, at), *next));
                }
            }
        }
        found
    }

    fn compare_pair(&mut self, (old, new): (SchemaId, SchemaId)) -> Local {
        let mut local = Local::default();
        match (self.old.find(old), self.new.find(new)) {
            (Some(old), Some(new)) => self.compare_values(old, new, "", 0, &mut local),
            (None, None) => {}
            _ => local.found.push((String::new(), Effect::Changed, "is described otherwise".to_owned())),
        }
        local
    }

    /// Compares two schemas as they are written. Where both refer to others, that pair is left for later.
    pub(super) fn compare_values(
        &mut self,
        old: &'s Value,
        new: &'s Value,
        path: &str,
        depth: usize,
        local: &mut Local,
    ) {
        if depth > DEPTH_LIMIT || !self.take_step() {
            local.found.push((path.to_owned(), Effect::Changed, "is too deep to be compared".to_owned()));
            return;
        }
        let (old, new) = match (target_of(old), target_of(new)) {
            (Some(old), Some(new)) => {
                local.leads_to.push((path.to_owned(), (old, new)));
                return;
            }
            (Some(_), None) => (self.old.resolve(old), new),
            (None, Some(_)) => (old, self.new.resolve(new)),
            (None, None) => (old, new),
        };
        keywords::compare(self, old, new, path, depth, local);
    }

    /// Whether two values are the same, what they refer to included.
    pub(super) fn are_same(&mut self, old: &'s Value, new: &'s Value) -> bool {
        self.are_same_within(old, new, &mut HashSet::new(), 0)
    }

    fn are_same_within(
        &mut self,
        old: &'s Value,
        new: &'s Value,
        assumed: &mut HashSet<(SchemaId, SchemaId)>,
        depth: usize,
    ) -> bool {
        if depth > DEPTH_LIMIT || !self.take_step() {
            return false;
        }
        let (old, new) = match (target_of(old), target_of(new)) {
            (Some(one), Some(other)) if !assumed.insert((one, other)) => return true,
            (None, None) => (old, new),
            _ => (self.old.resolve(old), self.new.resolve(new)),
        };
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let matters = |name: &&String| !keywords::is_remark(name);
                old.keys().filter(matters).count() == new.keys().filter(matters).count()
                    && old.iter().filter(|(name, _)| matters(name)).all(|(name, old)| match new.get(name) {
                        Some(Value::String(other)) if name == "$ref" => {
                            let pair = old.as_str().and_then(number_in).zip(number_in(other));
                            pair.is_some_and(|(one, other)| {
                                !assumed.insert((one, other))
                                    || match (self.old.find(one), self.new.find(other)) {
                                        (Some(old), Some(new)) => {
                                            self.are_same_within(old, new, assumed, depth + 1)
                                        }
                                        _ => false,
                                    }
                            })
                        }
                        Some(new) => self.are_same_within(old, new, assumed, depth + 1),
                        None => false,
                    })
            }
            (Value::Array(old), Value::Array(new)) => {
                old.len() == new.len()
                    && old
                        .iter()
                        .zip(new)
                        .all(|(old, new)| self.are_same_within(old, new, assumed, depth + 1))
            }
            (old, new) => old == new,
        }
    }

    /// The schema that one of the new set means.
    pub(super) fn resolve_new(&self, schema: &'s Value) -> &'s Value {
        self.new.resolve(schema)
    }

    fn take_step(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }
}

/// `lines` and `[].sku`: `lines[].sku`.
pub(super) fn join(path: &str, member: &str) -> String {
    if path.is_empty() || member.is_empty() || member.starts_with('[') {
        format!("{path}{member}")
    } else {
        format!("{path}.{member}")
    }
}

/// Where a schema leads that says nothing but that.
fn target_of(schema: &Value) -> Option<SchemaId> {
    let members = schema.as_object().filter(|members| members.len() == 1)?;
    number_in(members.get("$ref")?.as_str()?)
}

/// `#/$defs/12`: 12.
pub(super) fn number_in(reference: &str) -> Option<SchemaId> {
    reference.strip_prefix("#/$defs/")?.parse().ok().map(SchemaId)
}

impl Local {
    pub(super) fn lead_to(&mut self, path: &str, pair: (SchemaId, SchemaId)) {
        self.leads_to.push((path.to_owned(), pair));
    }
}
