//! JSON as strictly as the strictest reader behind us: what is checked is what any other reader will see.
//!
//! Refused is what readers make different things of: a member that is given twice, half a character, a number that no
//! double holds, another encoding than UTF-8.

mod least;
mod walk;

use std::fmt;

use serde::de::DeserializeSeed;
use serde_json::Value;

use super::fault::{Fault, quoted};
use walk::{Node, Walk};

/// How deep a value may be nested. Readers that are used widely stop here, at twice or at four times this, and the
/// stack of a thread holds it many times over.
pub const JSON_DEPTH_LIMIT: usize = 64;

/// How many values one text may hold: each takes some 70 bytes in memory, and as little as two in the text.
pub const JSON_VALUE_LIMIT: usize = 250_000;

/// Why a text is not the JSON that is taken here. Displayed as words that follow the name of what was read:
/// `is not JSON: it ends too early at line 1, column 5`. Never quotes a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Not in UTF-8, or with a byte order mark.
    Encoded(&'static str),
    /// Not JSON.
    Written {
        what: String,
        line: usize,
        column: usize,
    },
    /// A member that is given twice, by its path.
    Twice(String),
    TooDeep,
    TooMany,
}

/// Reads a JSON body.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    read(bytes).map_err(|wrong| match wrong {
        Wrong::Twice(path) => Fault::of_request(&format!("body field {} is given twice", quoted(&path))),
        other => Fault::of_request(&format!("the body {other}")),
    })
}

/// Reads the body of an answer. What is said of it is the same for every answer with the same fault.
pub(super) fn parse_answer(bytes: &[u8]) -> Result<Value, Fault> {
    read(bytes).map_err(|wrong| match wrong {
        Wrong::Twice(_) => Fault::of_request("the body gives a field twice"),
        Wrong::Written { what, .. } => Fault::of_request(&format!("the body is not JSON: {what}")),
        other => Fault::of_request(&format!("the body {other}")),
    })
}

/// Reads JSON: exactly one value.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Wrong> {
    let text = check_encoding(bytes)?;
    let walk = Walk::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut value = Node::of(&walk)
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| walk.wrong().unwrap_or_else(|| written(&error)))?;
    if walk.has_least() {
        least::unround(&mut value, text);
    }
    Ok(value)
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Encoded(what) => f.write_str(what),
            Wrong::Written { what, line, column } => {
                write!(f, "is not JSON: {what} at line {line}, column {column}")
            }
            Wrong::Twice(path) => write!(f, "gives {} twice", quoted(path)),
            Wrong::TooDeep => write!(f, "is nested deeper than {JSON_DEPTH_LIMIT} levels"),
            Wrong::TooMany => f.write_str("has more than 250,000 values"),
        }
    }
}

/// Other encodings are told by their marks, or by the zeros that JSON in UTF-8 cannot begin with.
fn check_encoding(bytes: &[u8]) -> Result<&str, Wrong> {
    let refused = match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("must not begin with a byte order mark"),
        [0, 0, 0xfe, 0xff, ..] | [0xff, 0xfe, 0, 0, ..] | [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => {
            Some("must be UTF-8, not UTF-32")
        }
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, _, ..] | [_, 0, ..] => Some("must be UTF-8, not UTF-16"),
        _ => None,
    };
    match refused {
        Some(words) => Err(Wrong::Encoded(words)),
        None => std::str::from_utf8(bytes).map_err(|_| Wrong::Encoded("is not valid UTF-8")),
    }
}

/// The parser's words are for programmers; these are for those who wrote the request.
fn written(error: &serde_json::Error) -> Wrong {
    let text = error.to_string();
    let text = text.split_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let what = match text {
        _ if error.is_eof() => "it ends too early",
        "expected `:`" => "a colon is missing",
        "expected `,` or `]`" => "a comma or a closing bracket is missing",
        "expected `,` or `}`" => "a comma or a closing brace is missing",
        "key must be a string" => "a name in double quotes is missing",
        "trailing comma" => "a comma has nothing behind it",
        "trailing characters" => "there is more than one value",
        "invalid escape" => "an escape in a text is wrong",
        "invalid number" => "a number is written wrongly",
        "number out of range" => "a number is too large",
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "an escape in a text stands for half a character"
        }
        _ if text.starts_with("control character") => "a control character in a text is not escaped",
        _ => "a value is missing, or written wrongly",
    };
    Wrong::Written { what: what.to_owned(), line: error.line(), column: error.column().max(1) }
}

#[cfg(test)]
mod tests;
