//! `uniqueItems`, in linear time whatever the items are.
//!
//! The library compares items whose hashes are equal, and leaves lengths and brackets out of its hashes: whoever
//! sends thousands of differently nested empty lists has it compare each with each.

use std::collections::HashSet;

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Number, Value};

struct Unique {
    is_wanted: bool,
}

impl<'i> Keyword<'i> for Unique {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("an item is there twice")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        !self.is_wanted || instance.as_array().is_none_or(|items| are_unique(items))
    }
}

/// Makes the keyword, for the library.
pub(super) fn keyword<'a>(
    _schema: &'a Map<String, Value>,
    demand: &'a Value,
    _place: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    Ok(Box::new(Unique { is_wanted: demand.as_bool().unwrap_or(false) }))
}

fn are_unique(items: &[Value]) -> bool {
    if items.len() < 2 {
        return true;
    }
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| {
        let mut written = Vec::new();
        write(item, &mut written);
        seen.insert(written)
    })
}

/// Writes a value so that two are equal exactly where they are written alike. No deeper than values may be.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(b'n'),
        Value::Bool(flag) => out.push(if *flag { b't' } else { b'f' }),
        Value::Number(number) => write_text(b'#', &plain(number), out),
        Value::String(text) => write_text(b'"', text, out),
        Value::Array(items) => {
            out.push(b'[');
            items.iter().for_each(|item| write(item, out));
            out.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (name, member) in sorted {
                write_text(b'"', name, out);
                write(member, out);
            }
            out.push(b'}');
        }
    }
}

fn write_text(kind: u8, text: &str, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&text.len().to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// `1.0` is 1.
fn plain(number: &Number) -> String {
    match number.as_f64() {
        Some(double) if number.is_f64() && double == 0.0 => "0".to_owned(),
        Some(double) if number.is_f64() && double.fract() == 0.0 && double.abs() < 1e20 => {
            format!("{double:.0}")
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;
    use crate::schema::{SchemaId, SchemaSet, Validators};

    #[test]
    fn items_are_equal_as_json_schema_says() {
        for (items, expected) in [
            (json!([]), true),
            (json!([1, "1", [1], { "a": 1 }, true, null]), true),
            (json!([1, 1.0]), false),
            (json!([0, -0.0]), false),
            (json!([1.5, 1.5]), false),
            (json!([u64::MAX, u64::MAX - 1]), true),
            (json!([1.5e19, 15_000_000_000_000_000_000_u64]), false),
            (json!([[], [[]], [[], []]]), true),
            (json!([["a", "b"], ["ab"]]), true),
            (json!([{ "a": 1, "b": 2 }, { "b": 2, "a": 1 }]), false),
            (json!([{ "a": [1] }, { "a": [1.0] }]), false),
            (json!([false, 0, "", null]), true),
        ] {
            assert_eq!(are_unique(items.as_array().unwrap()), expected, "{items}");
        }
    }

    #[test]
    fn many_items_that_are_hard_to_tell_apart_are_told_apart_in_time() {
        // Trees of empty lists, each another: the bits of a number as `[]` and `[[]]`.
        let tree = |number: u32| {
            let bits = (0..16).map(|bit| if number >> bit & 1 == 1 { json!([[]]) } else { json!([]) });
            json!({ "x": bits.collect::<Vec<_>>() })
        };
        let items: Vec<Value> = (0..20_000).map(tree).collect();
        let set = SchemaSet::new(vec![json!({ "type": "array", "uniqueItems": true })]);
        let validators = Validators::compile(set).unwrap();
        let began = Instant::now();
        assert!(validators.hold(SchemaId(0), items.clone().into()).is_valid());
        let twice: Vec<Value> = items.iter().cloned().chain([tree(7)]).collect();
        assert!(!validators.hold(SchemaId(0), twice.into()).is_valid());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
