//! Patterns: only those that run in linear time, in bounded memory, are enforced.

use std::collections::HashMap;

use jsonschema::PatternOptions;
use serde_json::json;

use crate::schema::dialect::{PATTERN_LIMIT_BYTES, options, patterns};

/// What all patterns of a document together may take, once compiled.
const TOTAL_LIMIT_BYTES: usize = 128 * 1024 * 1024;

/// What a pattern is tried with first: nearly all are smaller.
const FIRST_LIMIT_BYTES: usize = 16 * 1024;

const NOT_LINEAR: &str = "needs look-around or back-references, and does not run in linear time";
const TOO_LARGE: &str = "becomes too large";
const NOT_USABLE: &str = "is no pattern that is understood, or becomes too large";

/// The patterns of a document, each tried once.
pub(super) struct Patterns {
    known: HashMap<String, Result<(), &'static str>>,
    remaining_bytes: usize,
}

impl Default for Patterns {
    fn default() -> Patterns {
        Patterns { known: HashMap::new(), remaining_bytes: TOTAL_LIMIT_BYTES }
    }
}

impl Patterns {
    /// Whether a pattern can be enforced, or why not, in words that follow it.
    pub(super) fn check(&mut self, pattern: &str) -> Result<(), &'static str> {
        if let Some(known) = self.known.get(pattern) {
            return *known;
        }
        let found = self.try_all(pattern);
        self.known.insert(pattern.to_owned(), found);
        found
    }

    fn try_all(&mut self, pattern: &str) -> Result<(), &'static str> {
        let mut limit_bytes = FIRST_LIMIT_BYTES;
        while limit_bytes <= PATTERN_LIMIT_BYTES {
            // As a member's pattern it is compiled in another way, and must compile in both.
            let schema = json!({ "pattern": pattern, "patternProperties": { pattern: true } });
            if options().with_pattern_options(patterns(limit_bytes)).build(&schema).is_ok() {
                self.remaining_bytes = self.remaining_bytes.checked_sub(limit_bytes).ok_or(TOO_LARGE)?;
                return Ok(());
            }
            limit_bytes *= 8;
        }
        let schema = json!({ "pattern": pattern });
        // Only tried out; nothing is ever matched by it.
        let engine = PatternOptions::fancy_regex().size_limit(PATTERN_LIMIT_BYTES);
        let is_pattern = options().with_pattern_options(engine).build(&schema).is_ok();
        let looks = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|mark| pattern.contains(mark));
        Err(if looks || is_pattern { NOT_LINEAR } else { NOT_USABLE })
    }
}
