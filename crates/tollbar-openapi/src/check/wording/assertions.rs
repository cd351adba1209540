//! The rules that a schema sets for a value as a whole, apart from what is in it.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::judge::Judge;
use super::kinds;
use super::values::{are_equal, compare};
use super::wrong::{Bound, Format, Limit, Unit, Wrong};

/// The first rule that a value breaks: one fault for one value, the plainest first.
pub(super) fn find<'a>(
    judge: &mut Judge,
    schema: &'a Map<String, Value>,
    value: &'a Value,
) -> Option<Wrong<'a>> {
    let wrong_type = || {
        let kinds = kinds::declared(schema)?;
        (!kinds::allow(&kinds, value)).then_some(Wrong::Type(kinds))
    };
    // Which values there are says more than their type.
    of_choice(schema, value).or_else(wrong_type).or_else(|| match value {
        Value::Number(number) => of_number(judge, schema, number, value),
        Value::String(text) => of_text(judge, schema, text, value),
        Value::Array(items) => of_array(judge, schema, items, value),
        Value::Object(members) => of_object(schema, members),
        Value::Null | Value::Bool(_) => None,
    })
}

fn of_choice<'a>(schema: &'a Map<String, Value>, value: &Value) -> Option<Wrong<'a>> {
    let among = |options: &[&Value]| options.iter().any(|option| are_equal(option, value));
    let options = kinds::choices(schema)?;
    if !among(&options) {
        return Some(Wrong::Choice(options));
    }
    let listed: Vec<&Value> = schema.get("enum")?.as_array()?.iter().collect();
    (!among(&listed)).then_some(Wrong::Choice(listed))
}

fn of_number<'a>(
    judge: &mut Judge,
    schema: &'a Map<String, Value>,
    number: &Number,
    value: &Value,
) -> Option<Wrong<'a>> {
    let breaks = |keyword: &str, wrong: &[Ordering]| {
        let limit = schema.get(keyword)?;
        let order = compare(number, limit.as_number()?)?;
        wrong.contains(&order).then_some(limit)
    };
    let (less, equal, greater) = (Ordering::Less, Ordering::Equal, Ordering::Greater);
    let low = breaks("minimum", &[less]).map(|limit| (Bound::AtLeast, limit));
    let lower = breaks("exclusiveMinimum", &[less, equal]).map(|limit| (Bound::MoreThan, limit));
    let high = breaks("maximum", &[greater]).map(|limit| (Bound::AtMost, limit));
    let higher = breaks("exclusiveMaximum", &[greater, equal]).map(|limit| (Bound::LessThan, limit));
    let outside = stricter(low, lower, greater).or_else(|| stricter(high, higher, less));
    if let Some((bound, limit)) = outside {
        return Some(of_width(schema).unwrap_or(Wrong::Bound(bound, limit)));
    }
    let step = schema.get("multipleOf")?;
    (!judge.holds("multipleOf", step, value)).then_some(Wrong::MultipleOf(step))
}

/// Of two bounds that are both broken, the one that leaves less; at the same limit, the one that leaves it out.
fn stricter<'a>(
    one: Option<(Bound, &'a Value)>,
    other: Option<(Bound, &'a Value)>,
    if_one: Ordering,
) -> Option<(Bound, &'a Value)> {
    let (Some((_, left)), Some((_, right))) = (one, other) else { return one.or(other) };
    let order = left.as_number().zip(right.as_number()).and_then(|(left, right)| compare(left, right));
    if order == Some(if_one) { one } else { other }
}

/// The bounds of `int32` and `int64` are told together: neither is of the document's making.
fn of_width(schema: &Map<String, Value>) -> Option<Wrong<'_>> {
    let (least, most) = (schema.get("minimum")?, schema.get("maximum")?);
    let widths = [(i64::from(i32::MIN), i64::from(i32::MAX)), (i64::MIN, i64::MAX)];
    let bounds = (least.as_i64()?, most.as_i64()?);
    widths.contains(&bounds).then_some(Wrong::Between(least, most))
}

fn of_text<'a>(
    judge: &mut Judge,
    schema: &'a Map<String, Value>,
    text: &str,
    value: &Value,
) -> Option<Wrong<'a>> {
    let (least, most) = (schema.get("minLength"), schema.get("maxLength"));
    if least.or(most).is_some()
        && let Some(limit) = Limit::find(least, most, text.chars().count())
    {
        return Some(Wrong::Count(Unit::Characters, limit));
    }
    if let Some(demand) = schema.get("format") {
        let format = demand.as_str().and_then(Format::parse);
        if let Some(format) = format.filter(|_| !judge.holds("format", demand, value)) {
            return Some(Wrong::Format(format));
        }
    }
    let pattern = schema.get("pattern")?;
    if judge.holds("pattern", pattern, value) { None } else { pattern.as_str().map(Wrong::Pattern) }
}

fn of_array<'a>(
    judge: &mut Judge,
    schema: &'a Map<String, Value>,
    items: &[Value],
    value: &Value,
) -> Option<Wrong<'a>> {
    if let Some(limit) = Limit::find(schema.get("minItems"), schema.get("maxItems"), items.len()) {
        return Some(Wrong::Count(Unit::Items, limit));
    }
    let unique = schema.get("uniqueItems")?;
    (!judge.holds("uniqueItems", unique, value)).then_some(Wrong::Twice)
}

fn of_object<'a>(schema: &'a Map<String, Value>, members: &Map<String, Value>) -> Option<Wrong<'a>> {
    Limit::find(schema.get("minProperties"), schema.get("maxProperties"), members.len())
        .map(|limit| Wrong::Count(Unit::Fields, limit))
}
