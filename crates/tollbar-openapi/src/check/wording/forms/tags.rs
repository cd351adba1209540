//! Members that tell the forms of a value apart: each form has its own value for them.

use serde_json::{Map, Value};

use super::super::find::{Finder, Findings, reference};
use super::super::kinds::choices;
use super::super::objects::{object, texts};
use super::super::path::{At, Step};
use super::super::values::are_equal;
use super::super::wrong::Wrong;
use crate::schema::SchemaSet;

/// Schemas within schemas are looked into so deep.
const DEPTH_LIMIT: usize = 8;

/// So many parts of a schema are looked into.
const PART_LIMIT: usize = 100;

/// A tag has so many values at most, in all forms together.
const TAG_VALUES: usize = 200;

/// Leaves the forms that the tags of a value name. `None`: the tag itself is wrong, and that was added.
pub(super) fn narrow<'a>(
    finder: &mut Finder<'a>,
    forms: Vec<&'a Value>,
    members: &'a Map<String, Value>,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) -> Option<Vec<&'a Value>> {
    let set = finder.set;
    let Some((name, values)) = find(set, &forms) else {
        // A form that is told apart by something of its own is out where that does not fit.
        let fits = |form: &&'a Value| {
            members.iter().take(PART_LIMIT).all(|(name, given)| {
                values_of(set, form, name).is_none_or(|values| values.len() > 1 || has(&values, given))
            })
        };
        let left: Vec<&'a Value> = forms.iter().copied().filter(fits).collect();
        return Some(if left.is_empty() { forms } else { left });
    };
    let tag_at = at.step(Step::Name(name));
    let Some(given) = members.get(name) else {
        if !forms.iter().all(|form| requires(set, form, name, DEPTH_LIMIT)) {
            return Some(forms);
        }
        finder.add(findings, &tag_at, Wrong::Missing, None);
        return None;
    };
    let named: Vec<&'a Value> =
        forms.iter().zip(&values).filter(|(_, values)| has(values, given)).map(|(form, _)| *form).collect();
    if named.is_empty() {
        finder.add(findings, &tag_at, Wrong::Choice(values.concat()), Some(given));
        return None;
    }
    Some(named)
}

/// The first member for which every form has values that no other has.
fn find<'a>(set: &'a SchemaSet, forms: &[&'a Value]) -> Option<(&'a str, Vec<Vec<&'a Value>>)> {
    let (first, others) = forms.split_first()?;
    if others.is_empty() {
        return None;
    }
    names(set, first, DEPTH_LIMIT).into_iter().find_map(|name| {
        let values: Vec<Vec<&Value>> =
            forms.iter().map(|form| values_of(set, form, name)).collect::<Option<_>>()?;
        let mut seen: Vec<&Value> = Vec::new();
        for value in values.iter().flatten() {
            if seen.len() >= TAG_VALUES || value.is_object() || value.is_array() || has(&seen, value) {
                return None;
            }
            seen.push(value);
        }
        Some((name, values))
    })
}

fn has(values: &[&Value], given: &Value) -> bool {
    values.iter().any(|value| are_equal(value, given))
}

/// The values that a form leaves to a member.
fn values_of<'a>(set: &'a SchemaSet, form: &'a Value, name: &str) -> Option<Vec<&'a Value>> {
    let schema = member(set, form, name)?;
    choices(set.resolve(schema).as_object()?).filter(|values| values.len() <= TAG_VALUES)
}

/// The schema of a member, of the form itself or of its parts.
pub(super) fn member<'a>(set: &'a SchemaSet, form: &'a Value, name: &str) -> Option<&'a Value> {
    member_within(set, form, name, DEPTH_LIMIT)
}

fn member_within<'a>(set: &'a SchemaSet, form: &'a Value, name: &str, depth: usize) -> Option<&'a Value> {
    let schema = set.resolve(form).as_object()?;
    let depth = depth.checked_sub(1)?;
    let own = schema.get("properties").and_then(|members| members.get(name));
    own.or_else(|| parts(set, schema).find_map(|part| member_within(set, part, name, depth)))
}

fn requires(set: &SchemaSet, form: &Value, name: &str, depth: usize) -> bool {
    let (Some(schema), Some(depth)) = (set.resolve(form).as_object(), depth.checked_sub(1)) else {
        return false;
    };
    texts(schema.get("required")).any(|required| required == name)
        || parts(set, schema).any(|part| requires(set, part, name, depth))
}

/// The members that have listed values.
fn names<'a>(set: &'a SchemaSet, form: &'a Value, depth: usize) -> Vec<&'a str> {
    let (Some(schema), Some(depth)) = (set.resolve(form).as_object(), depth.checked_sub(1)) else {
        return Vec::new();
    };
    let own = object(schema, "properties").take(PART_LIMIT).map(|(name, _)| name.as_str());
    own.chain(parts(set, schema).flat_map(|part| names(set, part, depth)))
        .filter(|name| values_of(set, form, name).is_some())
        .collect()
}

fn parts<'a>(set: &'a SchemaSet, schema: &'a Map<String, Value>) -> impl Iterator<Item = &'a Value> {
    let all = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    reference(set, schema).into_iter().chain(all).take(PART_LIMIT)
}
