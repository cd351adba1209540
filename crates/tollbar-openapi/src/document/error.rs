//! Why a document was refused, and where.

use std::fmt;

use super::tree;

/// A message, or a pointer within one, is shown up to here.
const SHOWN_CHARACTERS: usize = 400;

/// Why a document was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    message: String,
    pointer: Option<String>,
    position: Option<(u64, u64)>,
}

impl LoadError {
    /// What is wrong, without where.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The place in the document as a JSON pointer; empty for the document itself.
    pub fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }

    /// The line, counted from 1, where the parser knew it.
    pub fn line(&self) -> Option<u64> {
        self.position.map(|(line, _)| line)
    }

    /// The column, counted from 1, where the parser knew it.
    pub fn column(&self) -> Option<u64> {
        self.position.map(|(_, column)| column)
    }

    pub(crate) fn new(message: impl Into<String>) -> LoadError {
        LoadError { message: printable(&message.into()), pointer: None, position: None }
    }

    pub(crate) fn at(mut self, pointer: impl Into<String>) -> LoadError {
        self.pointer = Some(pointer.into());
        self
    }

    /// The place that the text has it at, if it was converted after it was read.
    pub(crate) fn at_origin(mut self, origin: impl Fn(&str) -> String) -> LoadError {
        self.pointer = self.pointer.map(|pointer| origin(&pointer));
        self
    }

    /// Finds the line, where only the pointer is known.
    pub(crate) fn placed_in(self, text: &[u8]) -> LoadError {
        match &self.pointer {
            Some(pointer) if self.position.is_none() => match tree::find(text, pointer) {
                Some((line, column)) => self.on(line, column),
                None => self,
            },
            _ => self,
        }
    }

    pub(crate) fn on(mut self, line: u64, column: u64) -> LoadError {
        self.position = Some((line, column));
        self
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        if let Some(pointer) = self.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
            write!(f, "{}: ", printable(pointer))?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for LoadError {}

/// A pointer, one step further.
pub(crate) fn join(pointer: &str, step: impl fmt::Display) -> String {
    let step = step.to_string().replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{step}")
}

/// A step of a pointer, as the member is called.
pub(crate) fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// Documents come from others: what is quoted from them is kept short, and cannot steer a terminal.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == SHOWN_CHARACTERS {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
