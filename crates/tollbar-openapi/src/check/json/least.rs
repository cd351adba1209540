//! The one place where the rounding of large integers would let one through: below the least of 64 bits.
//!
//! `-9223372036854775809` is nearest to the double that is the least integer of 64 bits itself, and would keep the
//! bound that it breaks. Above the greatest one the nearest double is above it too, so that nothing is to be done.

use serde_json::{Number, Value};

use crate::decimal::is_integer;

const LEAST_OF_64_BITS: f64 = -9_223_372_036_854_775_808.0;

/// Whether a double is the least of 64 bits. That one is read as an integer where it is written as one.
pub(super) fn is_least(number: f64) -> bool {
    number == LEAST_OF_64_BITS
}

/// Makes the next double below of each such number that is written as an integer.
pub(super) fn unround(value: &mut Value, text: &str) {
    let mut is_below = numbers(text).filter(|written| {
        // As it was read before.
        serde_json::from_str::<Value>(written).is_ok_and(|number| is_least_double(&number))
    });
    replace(value, &mut || is_below.next().is_some_and(is_integer));
}

/// In the text's order, no deeper than a text may be nested.
fn replace(value: &mut Value, is_below: &mut impl FnMut() -> bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, is_below)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, is_below)),
        number if is_least_double(number) => {
            if is_below()
                && let Some(lower) = Number::from_f64(LEAST_OF_64_BITS.next_down())
            {
                *number = Value::Number(lower);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_least_double(value: &Value) -> bool {
    value.is_f64() && value.as_f64().is_some_and(is_least)
}

/// The negative numbers of a text that is JSON, as written.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find(['"', '-'])?;
            let from = rest.get(at..)?;
            if let Some(inside) = from.strip_prefix('"') {
                rest = after_text(inside)?;
                continue;
            }
            let is_part = |character: char| {
                character.is_ascii_digit() || matches!(character, '-' | '+' | '.' | 'e' | 'E')
            };
            let end = from.find(|character| !is_part(character)).unwrap_or(from.len());
            rest = from.get(end..)?;
            return from.get(..end);
        }
    })
}

/// What follows the quotes that end a text.
fn after_text(inside: &str) -> Option<&str> {
    let mut rest = inside;
    loop {
        let at = rest.find(['"', '\\'])?;
        let from = rest.get(at..)?;
        match from.strip_prefix('"') {
            Some(after) => return Some(after),
            // What is escaped is ASCII.
            None => rest = from.get(2..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::read;

    #[test]
    fn an_integer_below_64_bits_stays_below_them() {
        let least = i64::MIN;
        let (double, below) = (-9_223_372_036_854_775_808.0, -9_223_372_036_854_777_856.0);
        let text = r#"{"a\\\"-9223372036854775809": [-9223372036854775808, -9223372036854775809, "-9223372036854775809",
            -9223372036854775808.0, -9.223372036854775808e18, -9223372036854776000, -9223372036854775809.0],
            "b": {"-c": -9223372036854775809}, "d": -1, "e": -9223372036854775808}"#;
        let expected = json!({
            "a\\\"-9223372036854775809": [least, below, "-9223372036854775809", double, double, below, double],
            "b": { "-c": below }, "d": -1, "e": least,
        });
        assert_eq!(read(text.as_bytes()), Ok(expected));
        assert_eq!(read(b"-9223372036854775809"), Ok(json!(below)));
    }
}
