//! What is in an object.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::find::{Finder, Findings};
use super::path::{At, Step};
use super::wrong::Wrong;

pub(super) fn walk<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    value: &'a Value,
    members: &'a Map<String, Value>,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    walk_named(finder, schema, members, at, findings);
    walk_unnamed(finder, schema, members, at, findings);
    if let Some(names) = schema.get("propertyNames") {
        walk_names(finder, names, members, at, findings);
    }
    for (name, others) in object(schema, "dependentRequired").filter(|(name, _)| members.contains_key(*name))
    {
        for other in texts(Some(others)).filter(|other| !members.contains_key(*other)) {
            finder.add(findings, &at.step(Step::Name(other)), Wrong::MissingBeside(name), None);
        }
    }
    for (name, schema) in object(schema, "dependentSchemas") {
        if members.contains_key(name) {
            finder.walk(schema, value, at, findings);
        }
    }
}

/// Members that the schema names, in its order, with what is missing in its place.
fn walk_named<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    members: &'a Map<String, Value>,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    let required = || texts(schema.get("required"));
    let mut missing: HashSet<&str> = required().filter(|name| !members.contains_key(*name)).collect();
    for (name, schema) in object(schema, "properties") {
        if findings.is_full() || !finder.take_steps(1) {
            return;
        }
        let at = at.step(Step::Name(name));
        match members.get(name) {
            Some(member) => finder.walk(schema, member, &at, findings),
            None if missing.remove(name.as_str()) => finder.add(findings, &at, Wrong::Missing, None),
            None => {}
        }
    }
    for name in required().filter(|name| missing.contains(*name)) {
        finder.add(findings, &at.step(Step::Name(name)), Wrong::Missing, None);
    }
}

/// Members that only a pattern or nothing at all describes, in the order of the request.
fn walk_unnamed<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    members: &'a Map<String, Value>,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    let additional = schema.get("additionalProperties");
    if additional.is_none() && !schema.contains_key("patternProperties") {
        return;
    }
    let named = schema.get("properties").and_then(Value::as_object);
    for (name, member) in members {
        if findings.is_full() || !finder.take_steps(1) {
            return;
        }
        let mut is_known = named.is_some_and(|named| named.contains_key(name));
        let at = at.step(if is_known { Step::Name(name) } else { Step::Unknown(name) });
        for (pattern, schema) in object(schema, "patternProperties") {
            if finder.is_match(pattern, name) {
                is_known = true;
                finder.walk(schema, member, &at, findings);
            }
        }
        match additional.filter(|_| !is_known) {
            Some(Value::Bool(false)) => finder.add(findings, &at, Wrong::Unknown, None),
            Some(schema) => finder.walk(schema, member, &at, findings),
            None => {}
        }
    }
}

fn walk_names<'a>(
    finder: &mut Finder<'a>,
    names: &'a Value,
    members: &'a Map<String, Value>,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    for name in members.keys() {
        if findings.is_full() || !finder.take_steps(1) {
            return;
        }
        let text = Value::String(name.clone());
        let mut inner = Finder::new(finder.set, finder.in_text);
        let mut wrong = Findings::new(1);
        (inner.steps, inner.judge) = (finder.steps, std::mem::take(&mut finder.judge));
        inner.find(names, &text, &mut wrong);
        (finder.steps, finder.judge) = (inner.steps, std::mem::take(&mut inner.judge));
        if let Some(finding) = wrong.iter().next() {
            let reason = finding.wrong.words(finder.in_text);
            finder.add(findings, &at.step(Step::Unknown(name)), Wrong::Name(reason), None);
        }
    }
}

/// The members of a member.
pub(super) fn object<'a>(
    schema: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// The texts of a list.
pub(super) fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
