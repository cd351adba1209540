//! One text to one value.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::choices::Choices;
use crate::check::json;
use crate::check::shape::{Types, View};
use crate::decimal::{self, Decimal};

/// A value longer than this is no number to anybody.
const NUMBER_LIMIT_BYTES: usize = 4_096;

const LEAST_OF_64_BITS: f64 = -9_223_372_036_854_775_808.0;

/// Reads a text as what the shape allows: a number only where one is allowed and the text is one in JSON's grammar,
/// else a string. What is allowed as several things is read as the likeliest that is valid.
pub(crate) fn read(view: View<'_>, text: Cow<'_, str>, choices: &mut Choices) -> Value {
    let types = view.types();
    if types.and(Types::SCALARS) == Types::STRING && !types.has(Types::ARRAY.or(Types::OBJECT)) {
        return Value::String(text.into_owned());
    }
    let mut readings = readings(types, view, &text, choices);
    if readings.is_empty() {
        return Value::String(text.into_owned());
    }
    if types.has(Types::STRING) {
        // An empty text is likelier to be an empty string than null.
        let place = if text.is_empty() { 0 } else { readings.len() };
        readings.insert(place, Value::String(text.into_owned()));
    }
    if let Some(listed) = view.choices()
        && readings.iter().any(|reading| is_among(reading, listed))
    {
        readings.retain(|reading| is_among(reading, listed));
    }
    let picked = choices.pick(readings.len());
    readings.swap_remove(picked)
}

/// Everything that the text can be other than a string, the likeliest first.
fn readings(types: Types, view: View<'_>, text: &str, choices: &mut Choices) -> Vec<Value> {
    let mut readings = Vec::new();
    if text.is_empty() {
        readings.extend(types.has(Types::NULL).then_some(Value::Null));
        return readings;
    }
    let is_json = matches!(text.as_bytes().first(), Some(b'{' | b'[')) && view.is_typed();
    if is_json && types.has(Types::OBJECT.or(Types::ARRAY)) && choices.may_parse(text.len()) {
        // No style writes an object inside a list, or a list inside a form; those who need it write JSON.
        let nested = json::parse(text.as_bytes()).ok();
        readings.extend(nested.filter(|value| match value {
            Value::Array(_) => types.has(Types::ARRAY),
            Value::Object(_) => types.has(Types::OBJECT),
            _ => false,
        }));
    }
    readings.extend(number(types, text));
    match text {
        "true" | "false" if types.has(Types::BOOLEAN) => readings.push(Value::Bool(text == "true")),
        "null" if types.has(Types::NULL) => readings.push(Value::Null),
        _ => {}
    }
    readings
}

/// The number that a text is, if it is one that is allowed. `1.0` is not written as an integer, and what no double
/// can hold would reach others as infinity. Integers beyond 64 bits become doubles, as they do in most readers.
fn number(types: Types, text: &str) -> Option<Value> {
    if !types.has(Types::INTEGER) || text.len() > NUMBER_LIMIT_BYTES {
        return None;
    }
    if decimal::is_integer(text) {
        if let Ok(number) = text.parse::<i64>() {
            return Some(number.into());
        }
        if let Ok(number) = text.parse::<u64>() {
            return Some(number.into());
        }
    } else if !types.has(Types::FRACTION) || Decimal::parse(text).is_none() {
        return None;
    }
    let double = text.parse::<f64>().ok()?;
    // Just below the least of 64 bits, the nearest double is that least one: an integer too small would fit.
    let is_rounded_in = double == LEAST_OF_64_BITS && decimal::is_integer(text);
    let double = if is_rounded_in { double.next_down() } else { double };
    Number::from_f64(double).map(Value::Number)
}

fn is_among(reading: &Value, listed: &[Value]) -> bool {
    listed.iter().any(|value| match (value, reading) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (left, right) => left == right,
    })
}
