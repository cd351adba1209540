//! From a JSON pointer to the line where it stands in the text. Only asked once a document is refused: the text is
//! read a second time, up to there, so that a document that is fine pays nothing for it.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{is_json, to_text, yaml};
use crate::document::error::unescape;

/// The line and the column, counted from 1, of what a pointer names, or else of what holds it.
pub(in crate::document) fn find(bytes: &[u8], pointer: &str) -> Option<(u64, u64)> {
    let text = to_text(bytes).ok()?;
    let steps: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
    let mut length = steps.len();
    // What is missing has no place; what it is missing from has.
    while length > 0 {
        let deepest = Cell::new(0);
        if let Some(place) = seek(text, steps.get(..length)?, &deepest) {
            return Some(place);
        }
        length = deepest.get().min(length - 1);
    }
    None
}

fn seek(text: &str, steps: &[String], deepest: &Cell<usize>) -> Option<(u64, u64)> {
    let found = Cell::new(false);
    let seek = Seek { steps, depth: 0, deepest, found: &found };
    let place = if is_json(text) {
        let mut reader = serde_json::Deserializer::from_str(text);
        let error = seek.deserialize(&mut reader).err()?;
        (u64::try_from(error.line()).ok()?, u64::try_from(error.column()).ok()?)
    } else {
        yaml::read(text, seek).err()?.location().map(|place| (place.line(), place.column()))?
    };
    found.get().then_some(place)
}

/// Reads up to the place, and fails there: the parser knows where that is.
#[derive(Clone, Copy)]
struct Seek<'s> {
    steps: &'s [String],
    depth: usize,
    deepest: &'s Cell<usize>,
    found: &'s Cell<bool>,
}

impl<'s> Seek<'s> {
    fn below(self) -> Option<(&'s str, Seek<'s>)> {
        let (step, steps) = self.steps.split_first()?;
        Some((step, Seek { steps, depth: self.depth + 1, ..self }))
    }

    fn is_there(self) -> bool {
        self.deepest.set(self.deepest.get().max(self.depth));
        let is_there = self.steps.is_empty();
        self.found.set(self.found.get() || is_there);
        is_there
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.is_there() {
            return Err(D::Error::custom("here"));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let below = self.below();
        loop {
            let Some(name) = object.next_key::<String>()? else { return Ok(()) };
            match below {
                Some((step, seek)) if step == name => return object.next_value_seed(seek),
                _ => object.next_value::<IgnoredAny>()?,
            };
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let below = self.below().and_then(|(step, seek)| Some((step.parse::<usize>().ok()?, seek)));
        let mut index = 0;
        loop {
            let is_more = match below {
                Some((step, seek)) if step == index => return list.next_element_seed(seek).map(|_| ()),
                _ => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !is_more {
                return Ok(());
            }
            index += 1;
        }
    }
}
