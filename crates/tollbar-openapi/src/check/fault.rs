//! What is wrong with a request, in words for those who wrote it.

use std::fmt;

use serde_json::Value;

use crate::operation::{Location, Parameter};

/// So many faults are named; a sixth would not be read.
pub const FAULT_LIMIT: usize = 5;

/// One fault is told in so many characters at most.
const FAULT_CHARACTERS: usize = 200;

/// With so many characters told, no further fault is added.
const FULL_CHARACTERS: usize = 600;

/// A name or a value is shown up to here.
const SHOWN_CHARACTERS: usize = 40;

/// So many values of an enumeration are shown, while they fit into [`CHOICES_CHARACTERS`].
const SHOWN_CHOICES: usize = 10;

/// About what the values of an enumeration may take.
const CHOICES_CHARACTERS: usize = 60;

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

    /// Adds what has not been told in the same words.
    pub(super) fn add_new(&mut self, fault: Fault) {
        if !self.0.contains(&fault) {
            self.add(fault);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FAULT_LIMIT
            || self.0.iter().map(|fault| fault.0.chars().count()).sum::<usize>() >= FULL_CHARACTERS
    }

    /// How many more are welcome.
    pub(super) fn room(&self) -> usize {
        if self.is_full() { 0 } else { FAULT_LIMIT - self.0.len() }
    }

    pub(super) fn into_result(self) -> Result<(), Faults> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl Fault {
    /// A fault of a parameter.
    pub(super) fn new(parameter: &Parameter, wrong: &str) -> Fault {
        Fault::of_request(&format!("{} {wrong}", subject(parameter)))
    }

    /// A fault of the request as a whole.
    pub(super) fn of_request(wrong: &str) -> Fault {
        Fault(cut_at(wrong, FAULT_CHARACTERS))
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

/// The values of an enumeration: `"asc"`, or `one of "asc", "desc"`. Objects and lists are not written out.
pub(super) fn list_of<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    let values: Vec<&Value> = values.into_iter().collect();
    let mut shown: Vec<String> = Vec::new();
    let mut room = CHOICES_CHARACTERS;
    for value in values.iter().take(SHOWN_CHOICES) {
        let text = match value {
            Value::String(text) => quoted(text),
            Value::Object(_) | Value::Array(_) => {
                return "one of the values that the documentation lists".to_owned();
            }
            other => cut(&other.to_string()),
        };
        let length = text.chars().count();
        if length > room && !shown.is_empty() {
            break;
        }
        room = room.saturating_sub(length);
        shown.push(text);
    }
    match (shown.as_slice(), values.len()) {
        ([only], 1) => only.clone(),
        (shown, count) if count > shown.len() => {
            format!("one of {}, … ({count} in all)", shown.join(", "))
        }
        _ => format!("one of {}", shown.join(", ")),
    }
}

/// The words for a parameter as a whole: `query parameter "limit"`.
pub(super) fn subject(parameter: &Parameter) -> String {
    format!("{} {}", kind(parameter), quoted(&parameter.name))
}

/// The words for where a parameter stands.
pub(super) fn kind(parameter: &Parameter) -> &'static str {
    match parameter.location {
        Location::Path => "path parameter",
        Location::Query => "query parameter",
        Location::Header => "header",
        Location::Cookie => "cookie",
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// Cuts what is long, and escapes what cannot be seen or would end the quotes.
pub(super) fn cut(text: &str) -> String {
    let mut shown = String::new();
    let mut room = SHOWN_CHARACTERS;
    for character in text.chars() {
        let escaped = if character == '\'' { "'".to_owned() } else { character.escape_debug().to_string() };
        let Some(left) = room.checked_sub(escaped.chars().count()) else {
            shown.push('…');
            break;
        };
        room = left;
        shown.push_str(&escaped);
    }
    shown
}

/// Cuts at a number of characters, and escapes nothing.
fn cut_at(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
