//! `required`, `properties`, `additionalProperties`.

use serde_json::{Map, Value};

use super::{At, Effect, says_nothing};
use crate::difference::schema::{Local, Schemas, join};

pub(super) fn compare<'s>(
    schemas: &mut Schemas<'s>,
    at: &At<'_>,
    old: &'s Map<String, Value>,
    new: &'s Map<String, Value>,
    local: &mut Local,
) {
    compare_required(schemas, at, old, new, local);
    compare_properties(schemas, at, old, new, local);
    compare_others(schemas, at, old, new, local);
}

fn compare_required<'s>(
    schemas: &Schemas<'s>,
    at: &At<'_>,
    old: &'s Map<String, Value>,
    new: &'s Map<String, Value>,
    local: &mut Local,
) {
    let (was, is) = (required(old), required(new));
    let is_known = |name: &str| properties(old).is_some_and(|all| all.contains_key(name));
    for name in is.iter().filter(|name| !was.contains(name)) {
        // What only the server writes is not asked of requests.
        let described = properties(new).and_then(|all| all.get(*name));
        let is_read_only = described
            .is_some_and(|schema| schemas.resolve_new(schema).get("readOnly") == Some(&Value::Bool(true)));
        if !is_read_only {
            let what = if is_known(name) { "is required now" } else { "is new and required" };
            local.found.push((join(at.path, name), Effect::Breaking, what.to_owned()));
        }
    }
    for name in was.iter().filter(|name| !is.contains(name)) {
        local.found.push((join(at.path, name), Effect::Compatible, "may be left out now".to_owned()));
    }
}

fn compare_properties<'s>(
    schemas: &mut Schemas<'s>,
    at: &At<'_>,
    old: &'s Map<String, Value>,
    new: &'s Map<String, Value>,
    local: &mut Local,
) {
    let nothing = || std::iter::empty::<(&'s String, &'s Value)>();
    let all = |members: Option<&'s Map<String, Value>>| -> Vec<(&'s String, &'s Value)> {
        members.map_or_else(|| nothing().collect(), |members| members.iter().collect())
    };
    let (was, is) = (properties(old), properties(new));
    for (name, schema) in all(is) {
        let path = join(at.path, name);
        match was.and_then(|was| was.get(name)) {
            Some(before) => schemas.compare_values(before, schema, &path, at.depth + 1, local),
            None if required(new).contains(&name.as_str()) => {}
            // Under a name that said nothing until now, anybody may have sent anything.
            None => {
                local.found.push((path, Effect::Compatible, "is new, and may be left out".to_owned()));
            }
        }
    }
    let is_closed = new.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, _) in all(was).into_iter().filter(|(name, _)| !is.is_some_and(|is| is.contains_key(*name))) {
        let (effect, what) = if is_closed {
            (Effect::Breaking, "is not accepted any more")
        } else {
            (Effect::Compatible, "is gone: what is sent in it is not checked")
        };
        local.found.push((join(at.path, name), effect, what.to_owned()));
    }
}

/// Members that are not named.
fn compare_others<'s>(
    schemas: &mut Schemas<'s>,
    at: &At<'_>,
    old: &'s Map<String, Value>,
    new: &'s Map<String, Value>,
    local: &mut Local,
) {
    let others = |members: &'s Map<String, Value>| {
        members.get("additionalProperties").filter(|schema| !says_nothing(schema))
    };
    match (others(old), others(new)) {
        (None, None) => {}
        (_, Some(Value::Bool(false))) if others(old) != Some(&Value::Bool(false)) => {
            at.note(local, Effect::Breaking, "must not have other fields any more");
        }
        (Some(Value::Bool(false)), Some(Value::Bool(false))) => {}
        (Some(Value::Bool(false)), _) => at.note(local, Effect::Compatible, "may have other fields now"),
        (None, Some(_)) => at.note(local, Effect::Breaking, "has its other fields checked now (before: not)"),
        (Some(_), None) => at.note(local, Effect::Compatible, "may have any other fields now"),
        (Some(old), Some(new)) => {
            schemas.compare_values(old, new, &join(at.path, "*"), at.depth + 1, local);
        }
    }
}

fn properties(members: &Map<String, Value>) -> Option<&Map<String, Value>> {
    members.get("properties").and_then(Value::as_object)
}

fn required(members: &Map<String, Value>) -> Vec<&str> {
    let list = members.get("required").and_then(Value::as_array);
    list.map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}
