//! One value against one schema.

use serde_json::Value;

use super::fault::list_of;
use crate::decimal::{self, Decimal};
use crate::operation::{Bound, SimpleSchema, SimpleType};

/// What a value must be and is not, in words that follow the parameter's name.
pub(super) fn check(schema: &SimpleSchema, text: &str) -> Result<(), String> {
    check_type(schema, text)?;
    check_enumeration(schema, text)?;
    check_format(schema, text)?;
    check_bounds(schema, text)?;
    check_length(schema, text)
}

fn check_type(schema: &SimpleSchema, text: &str) -> Result<(), String> {
    // Nothing in a request is written as null; the others are what it can be.
    let scalars = || schema.types.iter().filter(|kind| **kind != SimpleType::Null);
    if scalars().next().is_none() || scalars().any(|kind| is_of_type(*kind, text)) {
        return Ok(());
    }
    let wanted: Vec<&str> = scalars().filter_map(|kind| wording(*kind)).collect();
    Err(format!("must be {}", wanted.join(" or ")))
}

fn is_of_type(kind: SimpleType, text: &str) -> bool {
    match kind {
        SimpleType::Integer => decimal::is_integer(text),
        // A number that no double can hold would reach others as infinity.
        SimpleType::Number => Decimal::parse(text).is_some() && text.parse::<f64>().is_ok_and(f64::is_finite),
        SimpleType::Boolean => matches!(text, "true" | "false"),
        SimpleType::String | SimpleType::Array | SimpleType::Object | SimpleType::Null => true,
    }
}

fn wording(kind: SimpleType) -> Option<&'static str> {
    match kind {
        SimpleType::Integer => Some("an integer"),
        SimpleType::Number => Some("a number"),
        SimpleType::Boolean => Some("true or false"),
        SimpleType::String | SimpleType::Array | SimpleType::Object | SimpleType::Null => None,
    }
}

fn check_enumeration(schema: &SimpleSchema, text: &str) -> Result<(), String> {
    let Some(allowed) = &schema.enumeration else {
        return Ok(());
    };
    if allowed.iter().any(|value| is_written_as(value, text)) {
        return Ok(());
    }
    Err(format!("must be {}", list_of(allowed)))
}

fn is_written_as(value: &Value, text: &str) -> bool {
    match value {
        Value::String(allowed) => allowed == text,
        Value::Number(allowed) => {
            let given = Decimal::parse(text);
            given.is_some() && given == Decimal::parse(&allowed.to_string())
        }
        Value::Bool(allowed) => text == if *allowed { "true" } else { "false" },
        Value::Null => text.is_empty(),
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn check_format(schema: &SimpleSchema, text: &str) -> Result<(), String> {
    if !only(schema, &[SimpleType::Integer]) {
        return Ok(());
    }
    let (fits, least, most) = match schema.format.as_deref() {
        Some("int32") => (text.parse::<i32>().is_ok(), i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") => (text.parse::<i64>().is_ok(), i64::MIN, i64::MAX),
        _ => return Ok(()),
    };
    if fits { Ok(()) } else { Err(format!("must be an integer between {least} and {most}")) }
}

fn check_bounds(schema: &SimpleSchema, text: &str) -> Result<(), String> {
    if !only(schema, &[SimpleType::Integer, SimpleType::Number]) {
        return Ok(());
    }
    let Some(value) = Decimal::parse(text) else {
        return Ok(());
    };
    let decimal = |bound: &Bound| Decimal::parse(&bound.value.to_string());
    if let Some(bound) = &schema.minimum
        && let Some(least) = decimal(bound)
        && (value < least || (bound.exclusive && value == least))
    {
        let words = if bound.exclusive { "more than" } else { "at least" };
        return Err(format!("must be {words} {}", bound.value));
    }
    if let Some(bound) = &schema.maximum
        && let Some(most) = decimal(bound)
        && (value > most || (bound.exclusive && value == most))
    {
        let words = if bound.exclusive { "less than" } else { "at most" };
        return Err(format!("must be {words} {}", bound.value));
    }
    Ok(())
}

fn check_length(schema: &SimpleSchema, text: &str) -> Result<(), String> {
    if !only(schema, &[SimpleType::String]) || (schema.min_length.is_none() && schema.max_length.is_none()) {
        return Ok(());
    }
    let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    let characters =
        |count: u64| if count == 1 { "1 character".to_owned() } else { format!("{count} characters") };
    match (schema.min_length, schema.max_length) {
        (Some(least), _) if length < least => Err(format!("must be at least {} long", characters(least))),
        (_, Some(most)) if length > most => Err(format!("must be at most {} long", characters(most))),
        _ => Ok(()),
    }
}

/// Whether a value can be of these types only. Where it could be of others, a bound might not be meant for it.
fn only(schema: &SimpleSchema, kinds: &[SimpleType]) -> bool {
    let mut types = schema.types.iter().filter(|kind| **kind != SimpleType::Null).peekable();
    types.peek().is_some() && types.all(|kind| kinds.contains(kind))
}
