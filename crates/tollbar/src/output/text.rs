//! From the admin API's JSON to words. What is missing is `-`, so that an older server is still readable.

use std::fmt::Write;

use serde_json::Value;
use tollbar_core::Timestamp;

const NOTHING: &str = "-";

/// A text at a JSON pointer.
pub(crate) fn word(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => NOTHING.to_owned(),
        Some(Value::String(text)) if text.is_empty() => NOTHING.to_owned(),
        Some(Value::String(text)) => safe(text),
        Some(other) => safe(&other.to_string()),
    }
}

/// A number at a JSON pointer, in groups of three digits.
pub(crate) fn count(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_u64).map_or_else(|| word(value, pointer), number)
}

/// A number in groups of three digits.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A list of texts at a JSON pointer, separated by spaces.
pub(crate) fn list(value: &Value, pointer: &str) -> Option<String> {
    let entries = value.pointer(pointer)?.as_array()?;
    let texts: Vec<String> = entries.iter().map(|entry| word(entry, "")).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// Whether a JSON pointer holds `true`.
pub(crate) fn yes(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// A point in time at a JSON pointer, to the second.
pub(crate) fn time(value: &Value, pointer: &str) -> String {
    find_time(value, pointer).map_or_else(|| word(value, pointer), |at| written(at, 19))
}

/// A point in time at a JSON pointer, to the millisecond.
pub(crate) fn moment(value: &Value, pointer: &str) -> String {
    find_time(value, pointer).map_or_else(|| word(value, pointer), |at| written(at, 23))
}

/// RFC 3339, or milliseconds since the epoch.
fn find_time(value: &Value, pointer: &str) -> Option<Timestamp> {
    match value.pointer(pointer)? {
        Value::String(text) => Timestamp::parse(text),
        other => other.as_u64().map(Timestamp::from_millis),
    }
}

fn written(at: Timestamp, characters: usize) -> String {
    let text = at.to_string().replacen('T', " ", 1);
    format!("{} UTC", text.get(..characters).unwrap_or(&text))
}

/// Text from elsewhere, with control characters made visible: a caller's path must not drive a terminal.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        // Bidirectional controls reorder what is read.
        let reorders =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || reorders {
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}
