//! A document in many files, made into one: what lies in other files is put under a member of its own, and the
//! references to it lead there. Nothing is read but what the caller's reader gives, and nothing is asked of it
//! but names below the folder of the first file.

mod name;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::error::{join, unescape};
use super::identifiers::Identifiers;
use super::reference::each_reference;
use super::{DOCUMENT_LIMIT_BYTES, LoadError, tree};

/// How many files one document may be made of.
pub const DOCUMENT_FILE_LIMIT: usize = 5_000;

/// Where the other files are put.
const MEMBER: &str = "x-files";

/// A document of one or more files, and what is known of where its parts come from.
#[derive(Debug, Clone)]
pub struct Bundle {
    text: Vec<u8>,
    /// The files, by name and in full.
    names: Vec<String>,
    texts: Vec<Vec<u8>>,
    member: String,
}

/// What is wrong with a document of many files, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {error}")]
pub struct BundleError {
    /// The file, as it is named from the folder of the first.
    pub file: String,
    /// What is wrong in it.
    pub error: LoadError,
}

impl Bundle {
    /// Reads a document and every file that it refers to. `read` is given names such as `schemas/pet.yaml`, and
    /// says why it cannot read one.
    pub fn read(
        root: &str,
        mut read: impl FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Bundle, BundleError> {
        let mut files = Files { names: vec![root.to_owned()], texts: Vec::new(), ..Files::default() };
        files.numbers.insert(root.to_owned(), 0);
        let text = read(root).map_err(|reason| files.error(0, LoadError::new(reason)))?;
        let walk = tree::Walk::default();
        let mut root = files.parse(0, text, &walk)?;
        let member = free_member(&root);
        let mut others = Map::new();
        files.rewrite(0, &mut root, &member)?;
        // Files that are named on the way are appended, and read in their turn.
        let mut number = 1;
        while let Some(name) = files.names.get(number).cloned() {
            let text = read(&name).map_err(|reason| files.unread(number, &reason))?;
            let mut value = files.parse(number, text, &walk)?;
            files.rewrite(number, &mut value, &member)?;
            others.insert(name, value);
            number += 1;
        }
        let is_rewritten = files.is_rewritten || !others.is_empty();
        let text = match (root.as_object_mut().filter(|_| is_rewritten), files.texts.first()) {
            (Some(members), _) => {
                if !others.is_empty() {
                    members.insert(member.clone(), Value::Object(others));
                }
                root.to_string().into_bytes()
            }
            (None, text) => text.cloned().unwrap_or_default(),
        };
        if text.len() > DOCUMENT_LIMIT_BYTES {
            return Err(files.error(0, tree::too_long()));
        }
        Ok(Bundle { text, names: files.names, texts: files.texts, member })
    }

    /// The one document.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The one document, when nothing is left to ask.
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// Whether it is another text than that of its first file.
    pub fn is_rewritten(&self) -> bool {
        self.texts.first() != Some(&self.text)
    }

    /// The names of the files that it is made of, the first being the document itself.
    pub fn files(&self) -> &[String] {
        &self.names
    }

    /// Puts an error of the one document back to the file that it is about.
    pub fn locate(&self, error: &LoadError) -> BundleError {
        let pointer = error.pointer().unwrap_or_default().to_owned();
        let prefix = format!("/{}/", self.member);
        let (number, pointer) = match pointer.strip_prefix(&prefix) {
            None => (0, pointer),
            Some(rest) => {
                let (name, rest) = rest
                    .split_once('/')
                    .map_or((rest, String::new()), |(name, rest)| (name, format!("/{rest}")));
                let name = unescape(name);
                (self.names.iter().position(|known| *known == name).unwrap_or(0), rest)
            }
        };
        let file = self.names.get(number).cloned().unwrap_or_default();
        let text = self.texts.get(number).map(Vec::as_slice).unwrap_or_default();
        let mut message = error.message().to_owned();
        if message.contains(&format!("#{prefix}")) {
            for name in &self.names {
                message = message
                    .replace(&format!("#{}", join(prefix.trim_end_matches('/'), name)), &format!("{name}#"));
            }
        }
        BundleError { file, error: LoadError::new(message).at(pointer).placed_in(text) }
    }
}

#[derive(Default)]
struct Files {
    names: Vec<String>,
    /// By name.
    numbers: HashMap<String, usize>,
    /// Those read so far.
    texts: Vec<Vec<u8>>,
    /// Where each was first referred to: in which file, and where.
    wanted: Vec<(usize, String)>,
    bytes: usize,
    /// Whether any reference was changed.
    is_rewritten: bool,
}

impl Files {
    fn parse(&mut self, number: usize, text: Vec<u8>, walk: &tree::Walk) -> Result<Value, BundleError> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > DOCUMENT_LIMIT_BYTES {
            return Err(self.error(number, tree::too_long()));
        }
        let value = tree::parse_within(&text, walk);
        self.texts.push(text);
        value.map_err(|error| self.error(number, error))
    }

    /// Makes every reference in a file one within the one document.
    fn rewrite(&mut self, number: usize, value: &mut Value, member: &str) -> Result<(), BundleError> {
        let name = self.names.get(number).cloned().unwrap_or_default();
        let folder = name::folder_of(&name).to_owned();
        // What the first file calls by an `$id` of its own is no file.
        let named = if number == 0 { Identifiers::places_of_references(value) } else { HashSet::new() };
        let outcome = each_reference(value, &mut |target, here| {
            if named.contains(here) {
                return Ok(target.to_owned());
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let meant = match file {
                "" => number,
                file => {
                    let file =
                        name::resolve(&folder, file).map_err(|reason| LoadError::new(reason).at(here))?;
                    self.number_of(file, number, here)?
                }
            };
            let base = match meant {
                0 => String::new(),
                _ => in_fragment(&join(&join("", member), self.names.get(meant).map_or("", String::as_str))),
            };
            let new = format!("#{base}{fragment}");
            self.is_rewritten |= new != target;
            Ok(new)
        });
        outcome.map_err(|error| self.error(number, error))
    }

    /// The number of a file, which is read in its turn if this is the first that is heard of it.
    fn number_of(&mut self, name: String, from: usize, here: &str) -> Result<usize, LoadError> {
        if let Some(number) = self.numbers.get(&name) {
            return Ok(*number);
        }
        let number = self.names.len();
        if number >= DOCUMENT_FILE_LIMIT {
            let message = format!("the document is made of more than {DOCUMENT_FILE_LIMIT} files");
            return Err(LoadError::new(message).at(here));
        }
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        self.wanted.push((from, here.to_owned()));
        Ok(number)
    }

    /// A file that cannot be read is told where it is first referred to.
    fn unread(&self, number: usize, reason: &str) -> BundleError {
        let name = self.names.get(number).map(String::as_str).unwrap_or_default();
        let wanted = number.checked_sub(1).and_then(|index| self.wanted.get(index));
        let (from, here) = wanted.map_or((0, ""), |(from, here)| (*from, here.as_str()));
        self.error(from, LoadError::new(format!("{name} cannot be read: {reason}")).at(here))
    }

    fn error(&self, number: usize, error: LoadError) -> BundleError {
        let file = self.names.get(number).cloned().unwrap_or_default();
        let text = self.texts.get(number).map(Vec::as_slice).unwrap_or_default();
        BundleError { file, error: error.placed_in(text) }
    }
}

/// What a pointer in a reference must not hold as it is.
const IN_FRAGMENT: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`');

fn in_fragment(pointer: &str) -> String {
    utf8_percent_encode(pointer, IN_FRAGMENT).to_string()
}

/// A member that the document does not have.
fn free_member(root: &Value) -> String {
    let is_free = |name: &String| root.get(name).is_none();
    let names = std::iter::once(MEMBER.to_owned()).chain((2..).map(|number| format!("{MEMBER}-{number}")));
    names.into_iter().find(is_free).unwrap_or_default()
}

#[cfg(test)]
mod tests;
