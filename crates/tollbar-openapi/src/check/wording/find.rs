//! The walk over a schema and a value, side by side, in the order of the document.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::judge::Judge;
use super::kinds;
use super::path::{At, Step};
use super::wrong::Wrong;
use super::{arrays, assertions, evaluated, forms, objects};
use crate::schema::{SchemaId, SchemaSet};

/// So many steps are taken for one value; what was found until then is told.
const STEP_LIMIT: usize = 50_000;

/// A rule that has to be compiled takes as long as so many steps.
const COMPILATION_STEPS: usize = 100;

/// So many verdicts are kept.
const VERDICT_LIMIT: usize = 10_000;

/// Schemas and values lie so deep within each other at most.
const DEPTH_LIMIT: usize = 400;

/// What was found, up to a number.
pub(super) struct Findings<'a> {
    found: Vec<Finding<'a>>,
    limit: usize,
    is_probe: bool,
}

/// One thing that is wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding<'a> {
    pub(super) path: Vec<Step<'a>>,
    pub(super) wrong: Wrong<'a>,
    /// What was given. `None` where nothing was, or where it says nothing.
    pub(super) value: Option<&'a Value>,
}

/// Walks, and counts its steps.
pub(super) struct Finder<'a> {
    pub(super) set: &'a SchemaSet,
    pub(super) in_text: bool,
    pub(super) judge: Judge,
    /// What is known of schemas and values, by their addresses. Only of lists and objects: the rest is found as fast.
    verdicts: HashMap<(*const Value, *const Value), bool>,
    pub(super) steps: usize,
    /// So many forms are being compared, each within a form of the one before.
    pub(super) comparisons: usize,
    /// The schemas and values, by their addresses, that the walk is in.
    entered: Vec<(*const Value, *const Value)>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(limit: usize) -> Findings<'a> {
        Findings { found: Vec::new(), limit, is_probe: false }
    }

    /// For one that nobody will read.
    fn probe() -> Findings<'a> {
        Findings { is_probe: true, ..Findings::new(1) }
    }

    /// Whether only the number counts.
    pub(super) fn is_probe(&self) -> bool {
        self.is_probe
    }

    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Finding<'a>> {
        self.found.iter()
    }

    /// Of one value, one thing is told: the first.
    pub(super) fn add(&mut self, finding: Finding<'a>) {
        if !self.is_full() && self.found.iter().all(|other| other.path != finding.path) {
            self.found.push(finding);
        }
    }
}

impl<'a> Finder<'a> {
    pub(super) fn new(set: &'a SchemaSet, in_text: bool) -> Finder<'a> {
        let (judge, verdicts) = (Judge::default(), HashMap::new());
        Finder { set, in_text, judge, verdicts, steps: STEP_LIMIT, comparisons: 0, entered: Vec::new() }
    }

    /// What a schema has against a whole value.
    pub(super) fn find(&mut self, schema: &'a Value, value: &'a Value, findings: &mut Findings<'a>) {
        self.walk(schema, value, &At::ROOT, findings);
    }

    pub(super) fn walk(
        &mut self,
        schema: &'a Value,
        value: &'a Value,
        at: &At<'_, 'a>,
        findings: &mut Findings<'a>,
    ) {
        if self.entered.len() >= DEPTH_LIMIT {
            self.steps = 0;
        }
        if findings.is_full() || !self.take_steps(1) {
            return;
        }
        let schema = self.set.resolve(schema);
        match schema {
            Value::Bool(false) => {
                let is_member = matches!(at.last(), Some(Step::Name(_) | Step::Unknown(_)));
                let wrong = if is_member { Wrong::NotGiven } else { Wrong::Refused };
                self.add(findings, at, wrong, None);
            }
            Value::Object(members) => {
                let here = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
                // A schema that comes back to itself with the same value adds nothing, as in the library.
                if self.entered.iter().rev().take_while(|(_, other)| *other == here.1).any(|one| *one == here)
                {
                    return;
                }
                self.entered.push(here);
                self.walk_members(members, value, at, findings);
                self.entered.pop();
            }
            _ => {}
        }
    }

    fn walk_members(
        &mut self,
        schema: &'a Map<String, Value>,
        value: &'a Value,
        at: &At<'_, 'a>,
        findings: &mut Findings<'a>,
    ) {
        let before = findings.len();
        let options = schema.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
        if !self.take_steps(options / 8) {
            return;
        }
        if let Some(wrong) = self.judge(|judge| assertions::find(judge, schema, value)) {
            let is_final = matches!(wrong, Wrong::Type(_) | Wrong::Choice(_));
            self.add(findings, at, wrong, Some(value));
            if is_final {
                return;
            }
        }
        if let Some(target) = reference(self.set, schema) {
            self.walk(target, value, at, findings);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.walk(part, value, at, findings);
        }
        match value {
            Value::Object(members) => objects::walk(self, schema, value, members, at, findings),
            Value::Array(items) => arrays::walk(self, schema, items, at, findings),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        if let Some(condition) = schema.get("if") {
            let branch = if self.holds(condition, value) { "then" } else { "else" };
            if let Some(branch) = schema.get(branch) {
                self.walk(branch, value, at, findings);
            }
        }
        forms::walk(self, schema, value, at, findings);
        if let Some(refused) = schema.get("not") {
            self.walk_not(refused, value, at, findings);
        }
        // What is left over can only be said once all else is right.
        if findings.len() == before {
            evaluated::walk(self, schema, value, at, findings);
        }
    }

    fn walk_not(
        &mut self,
        refused: &'a Value,
        value: &'a Value,
        at: &At<'_, 'a>,
        findings: &mut Findings<'a>,
    ) {
        if findings.is_full() || !self.holds(refused, value) {
            return;
        }
        let Some(members) = self.set.resolve(refused).as_object() else {
            return self.add(findings, at, Wrong::Refused, None);
        };
        if let Some(options) = kinds::choices(members) {
            return self.add(findings, at, Wrong::NotThese(options), None);
        }
        let names: Vec<&str> = members
            .get("required")
            .filter(|_| members.len() == 1)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        match names.as_slice() {
            [only] => self.add(findings, &at.step(Step::Name(only)), Wrong::NotGiven, None),
            [first, .., last] => {
                self.add(findings, &at.step(Step::Name(last)), Wrong::NotGivenBeside(first), None);
            }
            [] => self.add(findings, at, Wrong::Refused, Some(value)),
        }
    }

    /// Whether a schema has nothing against a value. Said of everything once the steps are spent.
    pub(super) fn holds(&mut self, schema: &'a Value, value: &'a Value) -> bool {
        let is_deep = value.is_array() || value.is_object();
        let key = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
        if let Some(verdict) = self.verdicts.get(&key).filter(|_| is_deep) {
            return *verdict;
        }
        let mut findings = Findings::probe();
        self.walk(schema, value, &At::ROOT, &mut findings);
        if is_deep && !self.is_spent() && self.verdicts.len() < VERDICT_LIMIT {
            self.verdicts.insert(key, findings.is_empty());
        }
        findings.is_empty()
    }

    /// Whether a member's name matches a pattern of `patternProperties`. None does once the steps are spent.
    pub(super) fn is_match(&mut self, pattern: &str, name: &str) -> bool {
        self.take_steps(1) && self.judge(|judge| judge.is_match(pattern, &Value::String(name.to_owned())))
    }

    /// Asks the library, and accounts for what has to be compiled for it.
    fn judge<T>(&mut self, ask: impl FnOnce(&mut Judge) -> T) -> T {
        let before = self.judge.compiled();
        let answer = ask(&mut self.judge);
        self.take_steps((self.judge.compiled() - before) * COMPILATION_STEPS);
        answer
    }

    /// Accounts for work. Once the steps are spent there is no more, and nothing more is found.
    pub(super) fn take_steps(&mut self, count: usize) -> bool {
        self.steps = self.steps.saturating_sub(count);
        self.steps > 0
    }

    pub(super) fn is_spent(&self) -> bool {
        self.steps == 0
    }

    pub(super) fn add(
        &self,
        findings: &mut Findings<'a>,
        at: &At<'_, 'a>,
        wrong: Wrong<'a>,
        value: Option<&'a Value>,
    ) {
        if !self.is_spent() {
            findings.add(Finding { path: at.path(), wrong, value });
        }
    }
}

/// Where `$ref` leads.
pub(super) fn reference<'s>(set: &'s SchemaSet, schema: &Map<String, Value>) -> Option<&'s Value> {
    find_definition(set, schema.get("$ref")?.as_str()?)
}

/// `#/$defs/12`.
pub(super) fn find_definition<'s>(set: &'s SchemaSet, reference: &str) -> Option<&'s Value> {
    set.find(SchemaId(reference.strip_prefix("#/$defs/")?.parse().ok()?))
}
