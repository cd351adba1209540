//! Values: which are the same, which is larger, and how they are shown.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::super::fault::{cut, quoted};
use crate::decimal::Decimal;

/// Whether two values are the same to JSON Schema: 1 is 1.0.
pub(super) fn are_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare(left, right) == Some(Ordering::Equal),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| are_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| are_equal(left, right)))
        }
        (left, right) => left == right,
    }
}

pub(super) fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// A count as a schema writes it: `3`, or `3.0`.
pub(super) fn count(value: &Value) -> Option<u64> {
    let number = value.as_number()?;
    number.as_u64().or_else(|| {
        number
            .as_f64()
            .filter(|count| count.fract() == 0.0)
            .and_then(|count| format!("{count:.0}").parse().ok())
    })
}

/// What stands behind `got`. Objects and lists are never written out: what is in them may be a secret.
pub(super) fn shown(value: &Value, bare_numbers: bool, with_containers: bool) -> Option<String> {
    match value {
        Value::String(text) if bare_numbers && Decimal::parse(text).is_some() => Some(cut(text)),
        Value::String(text) => Some(quoted(text)),
        Value::Number(number) => Some(cut(&number.to_string())),
        Value::Bool(flag) if bare_numbers => Some(quoted(&flag.to_string())),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null if bare_numbers => Some(quoted("")),
        Value::Null => Some("null".to_owned()),
        Value::Array(_) if with_containers => Some("an array".to_owned()),
        Value::Object(_) if with_containers => Some("an object".to_owned()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
