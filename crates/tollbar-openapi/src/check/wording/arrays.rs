//! What is in a list.

use serde_json::{Map, Value};

use super::find::{Finder, Findings};
use super::path::{At, Step};
use super::values::count;
use super::wrong::{Limit, Unit, Wrong};

pub(super) fn walk<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    items: &'a [Value],
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    let first = schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rest = schema.get("items");
    if rest == Some(&Value::Bool(false)) && items.len() > first.len() {
        let limit = Limit::AtMost(u64::try_from(first.len()).unwrap_or(u64::MAX));
        finder.add(findings, at, Wrong::Count(Unit::Items, limit), None);
    }
    let schemas = first.iter().map(Some).chain(std::iter::repeat(rest.filter(|rest| !rest.is_boolean())));
    for (index, (item, schema)) in items.iter().zip(schemas).enumerate() {
        let Some(schema) = schema else { break };
        if findings.is_full() || finder.is_spent() {
            return;
        }
        finder.walk(schema, item, &at.step(Step::Item(index)), findings);
    }
    if let Some(contained) = schema.get("contains") {
        walk_contains(finder, schema, contained, items, at, findings);
    }
}

fn walk_contains<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    contained: &'a Value,
    items: &'a [Value],
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    if findings.is_full() {
        return;
    }
    let mut given = 0;
    for item in items {
        if !finder.take_steps(1) {
            return;
        }
        given += usize::from(finder.holds(contained, item));
    }
    let one = Value::from(1);
    let least = schema.get("minContains").filter(|least| count(least).is_some()).unwrap_or(&one);
    if let Some(limit) = Limit::find(Some(least), schema.get("maxContains"), given) {
        finder.add(findings, at, Wrong::Contains(limit), None);
    }
}
