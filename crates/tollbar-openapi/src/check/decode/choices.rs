//! Where a text can be read in several ways, the reading that is valid is the one that was meant.
//!
//! `12` may be a number or a string where a schema allows both. Whoever reads asks [`Choices::pick`] at each such
//! place; [`first_accepted`] reads again with other answers until a reading is valid, a bounded number of times.

use serde_json::Value;

/// Says whether a reading is valid.
pub(crate) type Accept<'a> = &'a dyn Fn(&Value) -> bool;

/// So often a text is read at most.
const READING_LIMIT: usize = 16;

/// With more places than this, all first answers and all last ones are tried, and no mixture.
const MIXED_LIMIT: usize = 16;

/// A form with more text than this is read once, in the likeliest way: each reading takes as long as the first.
const MIXED_LIMIT_BYTES: usize = 256 * 1024;

/// So much JSON is read in the fields of one form: each value takes many times its text.
const JSON_LIMIT_BYTES: usize = 1024 * 1024;

/// The answers of one reading.
#[derive(Default)]
pub(crate) struct Choices {
    /// What to answer, from the first place on; then the first or the last, always.
    script: Vec<usize>,
    always_last: bool,
    /// What was answered, and among how many.
    made: Vec<(usize, usize)>,
    places: usize,
    json_bytes: usize,
}

impl Choices {
    /// Whether so much more may be read as JSON.
    pub(crate) fn may_parse(&mut self, bytes: usize) -> bool {
        self.json_bytes = self.json_bytes.saturating_add(bytes);
        self.json_bytes <= JSON_LIMIT_BYTES
    }

    /// One of so many ways, the likeliest being the first.
    pub(crate) fn pick(&mut self, ways: usize) -> usize {
        if ways < 2 {
            return 0;
        }
        let last = ways - 1;
        let usual = if self.always_last { last } else { 0 };
        let picked = self.script.get(self.places).copied().unwrap_or(usual).min(last);
        self.places += 1;
        if self.made.len() <= MIXED_LIMIT {
            self.made.push((picked, ways));
        }
        picked
    }

    /// The answers that come after these, counting.
    fn next(mut self) -> Option<Choices> {
        while let Some((picked, ways)) = self.made.pop() {
            if picked + 1 < ways {
                let mut script: Vec<usize> = self.made.iter().map(|(picked, _)| *picked).collect();
                script.push(picked + 1);
                return Some(Choices { script, ..Choices::default() });
            }
        }
        None
    }
}

/// The first reading of so many bytes that is accepted, else the first.
pub(crate) fn first_accepted_of<E>(
    bytes: usize,
    accept: Accept<'_>,
    mut read: impl FnMut(&mut Choices) -> Result<Value, E>,
) -> Result<Value, E> {
    if bytes > MIXED_LIMIT_BYTES { read(&mut Choices::default()) } else { first_accepted(accept, read) }
}

/// The first reading that is accepted, else the first.
pub(crate) fn first_accepted<E>(
    accept: Accept<'_>,
    mut read: impl FnMut(&mut Choices) -> Result<Value, E>,
) -> Result<Value, E> {
    let mut choices = Choices::default();
    let mut first = read(&mut choices);
    if choices.places == 0 {
        return first;
    }
    if is_accepted(&first, accept) {
        return first;
    }
    let mut next = Some(Choices { always_last: true, ..Choices::default() });
    let mut after = (choices.places <= MIXED_LIMIT).then_some(choices);
    for _ in 1..READING_LIMIT {
        let Some(mut choices) = next.take() else { break };
        let reading = read(&mut choices);
        if is_accepted(&reading, accept) {
            return reading;
        }
        if first.is_err() && reading.is_ok() {
            first = reading;
        }
        // After all the last answers, the counting begins where the first reading ended.
        next = match after.take() {
            Some(counted) => counted.next(),
            None if choices.always_last || choices.places > MIXED_LIMIT => None,
            None => choices.next(),
        };
    }
    first
}

fn is_accepted<E>(reading: &Result<Value, E>, accept: Accept<'_>) -> bool {
    reading.as_ref().is_ok_and(accept)
}
