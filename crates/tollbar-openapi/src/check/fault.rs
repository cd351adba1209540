//! What is wrong with a request, in words for those who wrote it.

use std::fmt;

use serde_json::Value;

use crate::decimal::Decimal;
use crate::operation::{Location, Parameter};

/// So many faults are named; a sixth would not be read.
pub const FAULT_LIMIT: usize = 5;

/// A value is shown up to here.
const SHOWN_CHARACTERS: usize = 40;

/// So many values of an enumeration are shown.
const SHOWN_CHOICES: usize = 10;

/// In a name, these say that the value is a secret.
const SECRET_WORDS: [&str; 6] = ["authorization", "cookie", "token", "key", "secret", "password"];

/// Up to [`FAULT_LIMIT`] faults, in the document's order. Displayed as one sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// One thing that is wrong with a request. Displayed as a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(String);

impl Faults {
    /// Each fault.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    pub(super) fn add(&mut self, fault: Fault) {
        if !self.is_full() {
            self.0.push(fault);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FAULT_LIMIT
    }

    pub(super) fn into_result(self) -> Result<(), Faults> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl Fault {
    /// A fault that needs no value to be understood.
    pub(super) fn new(parameter: &Parameter, wrong: &str) -> Fault {
        Fault(format!("{} {wrong}", subject(parameter)))
    }

    /// A fault of the request as a whole.
    pub(super) fn of_request(wrong: &str) -> Fault {
        Fault(wrong.to_owned())
    }

    /// A fault of a value, or of an item of a list (counted from 1).
    pub(super) fn of_value(parameter: &Parameter, item: Option<usize>, wrong: &str, value: &str) -> Fault {
        let subject = subject(parameter);
        let subject = item.map_or(subject.clone(), |item| format!("item {item} of {subject}"));
        if is_secret(&parameter.name) {
            return Fault(format!("{subject} {wrong}"));
        }
        Fault(format!("{subject} {wrong} (got {})", shown_value(value)))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Faults {}

/// The values of an enumeration: `"asc"`, or `one of "asc", "desc"`.
pub(super) fn list_of(values: &[Value]) -> String {
    let show = |value: &Value| match value {
        Value::String(text) => quoted(text),
        other => cut(&other.to_string()),
    };
    let shown: Vec<String> = values.iter().take(SHOWN_CHOICES).map(show).collect();
    match (shown.as_slice(), values.len()) {
        ([only], 1) => only.clone(),
        (_, count) if count > SHOWN_CHOICES => format!("one of {}, … ({count} in all)", shown.join(", ")),
        _ => format!("one of {}", shown.join(", ")),
    }
}

fn subject(parameter: &Parameter) -> String {
    let kind = match parameter.location {
        Location::Path => "path parameter",
        Location::Query => "query parameter",
        Location::Header => "header",
        Location::Cookie => "cookie",
    };
    format!("{kind} {}", quoted(&parameter.name))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Numbers are shown bare, all else in quotes.
fn shown_value(text: &str) -> String {
    if Decimal::parse(text).is_some() { cut(text) } else { quoted(text) }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// Cuts what is long, and escapes what cannot be seen or would end the quotes.
fn cut(text: &str) -> String {
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == SHOWN_CHARACTERS {
            shown.push('…');
            break;
        }
        match character {
            '\'' => shown.push('\''),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}
