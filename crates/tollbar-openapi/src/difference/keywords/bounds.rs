//! How large, how long, how many.

use serde_json::{Map, Value};

use super::{At, Effect};
use crate::difference::schema::Local;

/// Keywords that count something: the name, whether it is a least number, and the words before and after it.
const COUNTS: [(&str, bool, &str, &str); 6] = [
    ("minLength", true, "must have at least", "characters"),
    ("maxLength", false, "must have at most", "characters"),
    ("minItems", true, "must have at least", "items"),
    ("maxItems", false, "must have at most", "items"),
    ("minProperties", true, "must have at least", "members"),
    ("maxProperties", false, "must have at most", "members"),
];

/// One end of a range of numbers.
struct End<'v> {
    value: &'v Value,
    number: f64,
    exclusive: bool,
}

pub(super) fn compare(at: &At<'_>, old: &Map<String, Value>, new: &Map<String, Value>, local: &mut Local) {
    for (name, is_least, before, after) in COUNTS {
        let count = |members: &Map<String, Value>| {
            members.get(name).and_then(Value::as_f64).filter(|count| !is_least || *count > 0.0)
        };
        let (was, is) = (count(old), count(new));
        let effect = judge(was, is, is_least);
        let shown = |count: Option<f64>| count.map_or("any number".to_owned(), |count| count.to_string());
        if let Some(effect) = effect {
            let what = match is {
                Some(_) => format!("{before} {} {after} now (before: {})", shown(is), shown(was)),
                None => format!("may have any number of {after} now (before: {})", shown(was)),
            };
            at.note(local, effect, what);
        }
    }
    for is_least in [true, false] {
        compare_ends(at, end(old, is_least).as_ref(), end(new, is_least).as_ref(), is_least, local);
    }
    let step = |members: &Map<String, Value>| members.get("multipleOf").and_then(Value::as_f64);
    match (step(old), step(new)) {
        (None, Some(new)) => at.note(local, Effect::Breaking, format!("must be a multiple of {new} now")),
        (Some(old), None) => {
            at.note(local, Effect::Compatible, format!("need not be a multiple of {old} any more"));
        }
        (Some(old), Some(new)) if differ(old, new) => {
            // A multiple of 4 is one of 2.
            let is_wider = !differ(old % new, 0.0);
            let effect = if is_wider { Effect::Compatible } else { Effect::Breaking };
            at.note(local, effect, format!("must be a multiple of {new} now (before: {old})"));
        }
        _ => {}
    }
    let unique = |members: &Map<String, Value>| members.get("uniqueItems") == Some(&Value::Bool(true));
    match (unique(old), unique(new)) {
        (false, true) => at.note(local, Effect::Breaking, "must not have an item twice any more"),
        (true, false) => at.note(local, Effect::Compatible, "may have an item twice now"),
        _ => {}
    }
}

/// What it means that a bound was that and is this.
fn judge(was: Option<f64>, is: Option<f64>, is_least: bool) -> Option<Effect> {
    let is_narrower = match (was, is) {
        (None, None) => return None,
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (Some(was), Some(is)) if !differ(was, is) => return None,
        (Some(was), Some(is)) => (is > was) == is_least,
    };
    Some(if is_narrower { Effect::Breaking } else { Effect::Compatible })
}

fn compare_ends(at: &At<'_>, was: Option<&End<'_>>, is: Option<&End<'_>>, is_least: bool, local: &mut Local) {
    let numbers = judge(was.map(|end| end.number), is.map(|end| end.number), is_least);
    let effect = match (was, is, numbers) {
        (Some(was), Some(is), None) if was.exclusive != is.exclusive => {
            if is.exclusive {
                Effect::Breaking
            } else {
                Effect::Compatible
            }
        }
        (_, _, Some(effect)) => effect,
        _ => return,
    };
    let shown = |end: Option<&End<'_>>| match end {
        None => "any number".to_owned(),
        Some(End { value, exclusive: false, .. }) if is_least => format!("at least {value}"),
        Some(End { value, exclusive: false, .. }) => format!("at most {value}"),
        Some(End { value, .. }) if is_least => format!("more than {value}"),
        Some(End { value, .. }) => format!("less than {value}"),
    };
    let verb = if is.is_some() { "must be" } else { "may be" };
    at.note(local, effect, format!("{verb} {} now (before: {})", shown(is), shown(was)));
}

/// The end of the range that counts: the narrower one where both are given.
fn end(members: &Map<String, Value>, is_least: bool) -> Option<End<'_>> {
    let names = if is_least { ["minimum", "exclusiveMinimum"] } else { ["maximum", "exclusiveMaximum"] };
    let read = |name: &str, exclusive: bool| {
        let value = members.get(name)?;
        Some(End { value, number: value.as_f64()?, exclusive })
    };
    let [inclusive, exclusive] = names;
    match (read(inclusive, false), read(exclusive, true)) {
        (Some(one), Some(other)) => {
            let exclusive_counts =
                if is_least { other.number >= one.number } else { other.number <= one.number };
            Some(if exclusive_counts { other } else { one })
        }
        (one, other) => one.or(other),
    }
}

/// Whether two numbers as documents have them are not the same.
fn differ(one: f64, other: f64) -> bool {
    one.partial_cmp(&other) != Some(std::cmp::Ordering::Equal)
}
