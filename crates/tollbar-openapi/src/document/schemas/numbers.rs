//! Numbers: bounds of values, and counts of what is in them.

use serde_json::{Map, Number, Value};

use super::Collector;
use super::keyword::Keyword;

/// `int32` and `int64`, as bounds.
const WIDTHS: [(&str, i64, i64); 2] =
    [("int32", i32::MIN as i64, i32::MAX as i64), ("int64", i64::MIN, i64::MAX)];

impl<'d> Collector<'d> {
    pub(super) fn read_bound(&mut self, keyword: &mut Keyword<'_, 'd>) {
        let is_step = keyword.name == "multipleOf";
        match keyword.member.value {
            Value::Number(number) if !is_step || number.as_f64().is_some_and(|step| step > 0.0) => {
                keyword.keep();
            }
            // As in OpenAPI 3.0; `finish_bounds` knows what it is about.
            Value::Bool(_) if keyword.name.starts_with("exclusive") => {}
            _ if is_step => self.leave_out(keyword, "it must be a number above 0"),
            _ => self.leave_out(keyword, "it must be a number"),
        }
    }

    pub(super) fn read_count(&mut self, keyword: &mut Keyword<'_, 'd>) {
        let number = keyword.member.value.as_number();
        if let Some(count) = number.and_then(count) {
            keyword.put(count);
            return;
        }
        // No value is as large as that, and none smaller than nothing.
        let says_nothing = number.and_then(Number::as_f64).is_some_and(|limit| {
            keyword.name.starts_with("max") && limit > 1e15 || keyword.name.starts_with("min") && limit < 0.0
        });
        if !says_nothing {
            self.leave_out(keyword, "it must be a whole number, 0 or more");
        }
    }
}

/// What several keywords say together: `exclusiveMinimum: true`, and the width of an integer.
pub(super) fn finish_bounds(members: &Map<String, Value>, read: &mut Map<String, Value>) {
    for (exclusive, plain) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if members.get(exclusive) == Some(&Value::Bool(true))
            && let Some(bound) = read.remove(plain)
        {
            read.insert(exclusive.to_owned(), bound);
        }
    }
    let Some(format) = read.get("format").and_then(Value::as_str) else { return };
    let Some((_, least, most)) = WIDTHS.iter().find(|(name, _, _)| *name == format) else { return };
    if !is_numeric(read.get("type")) {
        return;
    }
    let is_any = |names: [&str; 2], is_within: &dyn Fn(&Number) -> bool| {
        names.into_iter().filter_map(|name| read.get(name)?.as_number()).any(is_within)
    };
    let double_of = |bound: &Number| bound.as_f64().unwrap_or_default();
    // Integers as integers: as a double, the greatest of 64 bits is what is above it.
    let has_least = is_any(["minimum", "exclusiveMinimum"], &|bound| {
        bound.as_i64().map_or_else(|| double_of(bound) >= as_double(*least), |bound| bound >= *least)
    });
    let has_most = is_any(["maximum", "exclusiveMaximum"], &|bound| {
        bound.as_i64().map_or_else(|| double_of(bound) < as_double(*most), |bound| bound <= *most)
    });
    if !has_least {
        read.insert("minimum".to_owned(), (*least).into());
    }
    if !has_most {
        read.insert("maximum".to_owned(), (*most).into());
    }
}

fn is_numeric(types: Option<&Value>) -> bool {
    let is_one = |name: &Value| matches!(name.as_str(), Some("integer" | "number"));
    match types {
        Some(Value::Array(names)) => names.iter().any(is_one),
        Some(name) => is_one(name),
        None => false,
    }
}

#[allow(clippy::cast_precision_loss, reason = "compared with doubles only")]
fn as_double(number: i64) -> f64 {
    number as f64
}

/// A number of things; `3.0` is one too.
fn count(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let double =
            number.as_f64().filter(|double| double.fract() == 0.0 && (0.0..1e15).contains(double))?;
        format!("{double:.0}").parse().ok()
    })
}
