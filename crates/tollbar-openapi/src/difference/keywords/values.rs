//! `type`, `enum`, `const`, `format`, `pattern`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{At, Effect};
use crate::difference::schema::Local;

/// Every type there is; numbers hold integers.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Formats that values are held against.
const ENFORCED: [&str; 10] =
    ["date", "date-time", "email", "int32", "int64", "ipv4", "ipv6", "time", "uri", "uuid"];

/// So many values of an enumeration are named.
const NAMED: usize = 5;

pub(super) fn compare(at: &At<'_>, old: &Map<String, Value>, new: &Map<String, Value>, local: &mut Local) {
    compare_types(at, old, new, local);
    compare_choices(at, old, new, local);
    let text = |members: &Map<String, Value>, name: &str| {
        members.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let format = |members| text(members, "format").filter(|format| ENFORCED.contains(&format.as_str()));
    match (format(old), format(new)) {
        (None, Some(new)) => at.note(local, Effect::Breaking, format!("must be of the format {new} now")),
        (Some(old), None) => {
            at.note(local, Effect::Compatible, format!("need not be of the format {old} any more"));
        }
        (Some(old), Some(new)) if old == "int32" && new == "int64" => {
            at.note(local, Effect::Compatible, "may be of the format int64 now (before: int32)");
        }
        (Some(old), Some(new)) if old != new => {
            at.note(local, Effect::Breaking, format!("must be of the format {new} now (before: {old})"));
        }
        _ => {}
    }
    match (text(old, "pattern"), text(new, "pattern")) {
        (None, Some(new)) => at.note(local, Effect::Breaking, format!("must match {} now", cut(&new))),
        (Some(_), None) => at.note(local, Effect::Compatible, "need not match a pattern any more"),
        (Some(old), Some(new)) if old != new => {
            at.note(local, Effect::Changed, format!("must match {} now (before: {})", cut(&new), cut(&old)));
        }
        _ => {}
    }
}

fn compare_types(at: &At<'_>, old: &Map<String, Value>, new: &Map<String, Value>, local: &mut Local) {
    let (before, after) = (types(old), types(new));
    if before == after {
        return;
    }
    let is_lost = |name: &&&str| !after.contains(*name) && before.contains(*name);
    let effect =
        if before.iter().filter(is_lost).count() > 0 { Effect::Breaking } else { Effect::Compatible };
    let verb = if effect == Effect::Breaking { "must" } else { "may" };
    let what = format!("{verb} be {} now (before: {})", named(&after), named(&before));
    at.note(local, effect, what);
}

/// The types that a schema allows, integers beside numbers.
fn types(members: &Map<String, Value>) -> BTreeSet<&str> {
    let mut types: BTreeSet<&str> = match members.get("type") {
        Some(Value::String(one)) => [one.as_str()].into(),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return TYPES.into(),
    };
    if members.get("nullable") == Some(&Value::Bool(true)) {
        types.insert("null");
    }
    if types.contains("number") {
        types.insert("integer");
    }
    types
}

fn named(types: &BTreeSet<&str>) -> String {
    if TYPES.iter().all(|name| types.contains(name)) {
        return "anything".to_owned();
    }
    let is_said = |name: &&&str| **name != "integer" || !types.contains("number");
    let words = types.iter().filter(is_said).map(|name| match *name {
        "null" => "null".to_owned(),
        "array" | "integer" | "object" => format!("an {name}"),
        other => format!("a {other}"),
    });
    words.collect::<Vec<_>>().join(" or ")
}

fn compare_choices(at: &At<'_>, old: &Map<String, Value>, new: &Map<String, Value>, local: &mut Local) {
    match (choices(old), choices(new)) {
        (None, None) => {}
        (None, Some(new)) => {
            at.note(local, Effect::Breaking, format!("must be one of {} now (before: any)", list(&new)));
        }
        (Some(_), None) => at.note(local, Effect::Compatible, "may be any value now (before: one of a list)"),
        (Some(old), Some(new)) => {
            let gone: Vec<&Value> = old.iter().filter(|value| !new.contains(value)).copied().collect();
            let added: Vec<&Value> = new.iter().filter(|value| !old.contains(value)).copied().collect();
            if !gone.is_empty() {
                at.note(local, Effect::Breaking, format!("may not be {} any more", list(&gone)));
            }
            if !added.is_empty() {
                at.note(local, Effect::Compatible, format!("may be {} now", list(&added)));
            }
        }
    }
}

fn choices(members: &Map<String, Value>) -> Option<Vec<&Value>> {
    let one = members.get("const").map(|one| vec![one]);
    one.or_else(|| members.get("enum").and_then(Value::as_array).map(|all| all.iter().collect()))
}

fn list(values: &[&Value]) -> String {
    let shown = values.iter().take(NAMED).map(|value| cut(&value.to_string()));
    let more = match values.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.collect::<Vec<_>>().join(", ") + &more
}

/// At most 60 characters of a text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}
